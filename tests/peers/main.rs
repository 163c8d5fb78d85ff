//! What the library does with servers that are scripted: order and times of the attempts,
//! outcomes, settings, the hostfile, replies that are none.

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

#[path = "../harness/mod.rs"]
mod harness;

mod depth;
mod hostfile;
mod notes;
mod outcomes;
mod refusals;
mod replies;
mod settings;
mod stop;
mod timetable;
