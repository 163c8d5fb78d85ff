//! What a client knows about who may do what: the password file, the file of HTTP tokens,
//! and crypt(3), which a password passes before it travels.
//!
//! Pure: the text of a file is an argument. No error and no debug print tells a secret.
#![forbid(unsafe_code)]

mod crypt;
mod password_file;
mod token_file;

pub use crypt::crypt;
pub use password_file::{BadPasswordFile, PasswordFile};
pub use token_file::{BadTokenFile, TokenFile};
