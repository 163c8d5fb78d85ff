//! The library itself, by its C ABI and its program, against scripted peers and real servers.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::exit,
    reason = "test code speaks C and ends at the first surprise"
)]

mod connected;
mod fast;
mod faults;
mod peers;
mod posts;
mod program;
mod real;
#[cfg(feature = "tls")]
mod transports;
