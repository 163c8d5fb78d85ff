//! The library against real ecFlow servers, checked with the real ecflow_client.

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

mod failover;
mod threads;
mod user_commands;
mod wait;
