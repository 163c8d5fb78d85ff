//! Calls into the operating system that Rust's standard library does not offer, or not in
//! the way that a guest in somebody else's process needs: no signal raised, no descriptor
//! below 3, nothing inherited by a child, every wait bounded and ended by a cancel.
#![allow(unsafe_code)]

mod alarm;
pub(crate) mod bell;
pub(crate) mod cancel;
pub(crate) mod chance;
pub(crate) mod clock;
pub(crate) mod file;
pub(crate) mod identity;
pub(crate) mod node_directory;
pub(crate) mod node_file;
pub(crate) mod output;
pub(crate) mod poller;
pub(crate) mod process;
pub(crate) mod resolver;
pub(crate) mod socket;
pub(crate) mod stderr;
pub(crate) mod thread;
mod timer;
pub(crate) mod wait;
