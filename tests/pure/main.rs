//! What needs neither servers nor sockets: the policies in a virtual world, the committed files
//! that are generated, the inputs that the fuzzers found, and what becomes of tests elsewhere.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code ends at the first surprise"
)]

mod corpus;
mod generated;
mod needs;
mod simulate;
