//! The examples for C, Python, Perl, Lua and job scripts do what they say, against real servers.

#![allow(
    unsafe_code,
    missing_docs,
    dead_code,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code speaks C and ends at the first surprise"
)]

mod jobs;
mod programs;
