//! The library beside ecflow_client 5.9.2: what that one sent and printed, recorded, and the two
//! side by side at a real server.

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

mod differential;
mod golden;
