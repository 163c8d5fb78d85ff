//! What the tests and benchmarks share: the C ABI as a Rust caller, scripted peers, real ecFlow
//! servers, fronts of theirs, certificates, and the compilers and programs of a stranger.
//!
//! | module           | what it is for                                                          |
//! |------------------|-------------------------------------------------------------------------|
//! | [`Handle`]       | a client by its C ABI, and what a command told at its end               |
//! | [`Peer`]         | a scripted server, for what a real one cannot be made to do             |
//! | [`Server`]       | a real ecFlow server, and the real client                               |
//! | [`http_front`]   | HTTP in front of a server                                               |
//! | [`tls_front`]    | TLS in front of a server                                                |
//! | [`certificates`] | keys and certificates                                                   |
//! | [`needs!`]       | what a test needs that a machine may not have                           |
//! | [`namespace`]    | a test in a network and mount namespace of its own                      |
//! | [`simulation`]   | a virtual world for the policies                                        |
//! | [`Program`]      | a compiler or program, run within a time; scratch directories           |

#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code speaks C and ends at the first surprise"
)]

pub mod certificates;
mod handle;
pub mod http_front;
pub mod namespace;
pub mod needs;
pub mod openssl_server;
mod peer;
mod ports;
mod program;
mod server;
#[allow(missing_docs, reason = "a world of plain figures")]
pub mod simulation;
mod skipped;
mod speaker;
pub mod tls_front;

pub use handle::{Delegate, Handle, Plan, Step, Told};
pub use peer::{Act, FullBacklog, Peer, Seen, frame, replies};
pub use ports::{free_port, refused_port};
pub use program::{Program, compile, library_directory, scratch, source_root};
pub use server::{Server, ecflow_client, machine_name, password_file, suite};
pub use speaker::{converse, speak};
