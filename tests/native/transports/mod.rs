//! TLS, HTTP and passwords: real ecFlow servers, with fronts where these cannot do what is wanted.

mod common_ground;
mod http;
mod https;
mod passwords;
mod tls;
mod tls_files;
