//! What the tests share: the C ABI as a Rust caller, scripted peers, real ecFlow servers.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test uses a part of it"
)]

pub mod certificates;
mod handle;
pub mod http_front;
pub mod namespace;
mod peer;
mod ports;
mod program;
mod server;
pub mod tls_front;

pub use handle::{Delegate, Handle, Told};
pub use peer::{Act, FullBacklog, Peer, frame, replies};
pub use ports::{free_port, refused_port};
pub use program::{Program, compile, library_directory, scratch, source_root};
pub use server::{Server, ecflow_client, machine_name, password_file, suite};
