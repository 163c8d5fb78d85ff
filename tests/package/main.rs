//! The CMake package as other projects meet it: built and installed, moved away, and used by
//! programs outside the tree that send commands to a real server.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code ends at the first surprise"
)]

mod consumers;
mod library;
mod options;
mod package;
mod pages;
mod shells;
