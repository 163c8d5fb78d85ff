//! TLS, HTTP and passwords: real ecFlow servers, with fronts where these cannot do what is wanted.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code speaks C and ends at the first surprise"
)]

mod common_ground;
mod http;
mod https;
mod passwords;
mod tls;
mod tls_files;
