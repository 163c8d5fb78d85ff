//! Gets an ecFlow command to a server: the primary if it can be had, otherwise a backup,
//! within a deadline that means what it says.
//!
//! The layers, top to bottom; each uses only those below it:
//!
//! | module          | what it is for                                                              |
//! |-----------------|-----------------------------------------------------------------------------|
//! | `ffi`           | the C ABI: pointers in, status out                                          |
//! | `shell`         | one command as a shell runs it: exit status and output                      |
//! | `client`        | one command = policy x network; records what happens                        |
//! | `report`        | what happened to one command: recorded once, printed in three ways          |
//! | `policy`        | which host, when, and how long: a state machine without clock or sockets    |
//! | `health`        | what is known of hosts beyond one command                                   |
//! | `command`       | `ecflow_client`'s command line to a `command::Command`, by one table      |
//! | `wire`          | ecFlow's frames and JSON: requests out, replies in and validated            |
//! | `credentials`   | password files, token files, and crypt(3)                                   |
//! | `net`           | connections to any number of hosts, an exchange with one, under a deadline  |
//! | `hostfile`      | the list of backups                                                         |
//! | `config`        | one table of every key: name, default, range, documentation                 |
//! | `model`         | the words that all of them share                                            |
//!
//! `sys` holds the calls into the operating system. In the library unsafe code lives there and
//! in `ffi` and nowhere else; time, files and sockets reach the pure layers as arguments.
//!
//! What is public is named below; the C ABI is what most programs use. The layers themselves
//! are open to this project's own tests only, by the feature `internals`, which promises nothing.
//!
//! ```no_run
//! use ecf_failover::Client;
//!
//! let client = Client::from_environment();
//! let reply = client.send_task(&[b"--meter=step".to_vec(), b"42".to_vec()]);
//! println!("{:?} after {} attempt(s)", reply.status, reply.attempts());
//! ```

// Without that feature the compiler sees what only the tests use.
#![cfg_attr(
    not(feature = "internals"),
    allow(dead_code, unreachable_pub, unused_imports)
)]

#[cfg(not(feature = "internals"))]
mod client;
#[cfg(not(feature = "internals"))]
mod command;
#[cfg(not(feature = "internals"))]
mod config;
#[cfg(not(feature = "internals"))]
mod credentials;
#[cfg(not(feature = "internals"))]
mod ffi;
#[cfg(not(feature = "internals"))]
mod health;
#[cfg(not(feature = "internals"))]
mod hostfile;
#[cfg(not(feature = "internals"))]
mod model;
#[cfg(not(feature = "internals"))]
mod net;
#[cfg(not(feature = "internals"))]
mod policy;
#[cfg(not(feature = "internals"))]
mod report;
#[doc(hidden)]
pub mod shell;
mod sys;
#[cfg(not(feature = "internals"))]
mod wire;

#[cfg(feature = "internals")]
pub mod client;
#[cfg(feature = "internals")]
pub mod command;
#[cfg(feature = "internals")]
pub mod config;
#[cfg(feature = "internals")]
pub mod credentials;
#[cfg(feature = "internals")]
pub mod ffi;
#[cfg(feature = "internals")]
pub mod health;
#[cfg(feature = "internals")]
pub mod hostfile;
#[cfg(feature = "internals")]
pub mod model;
#[cfg(feature = "internals")]
pub mod net;
#[cfg(feature = "internals")]
pub mod policy;
#[cfg(feature = "internals")]
pub mod report;
#[cfg(feature = "internals")]
pub mod wire;

pub use client::{Client, DelegatedAttempt, Override, Reply, Sink};
pub use config::{Configuration, KeyError};
pub use model::{Endpoint, Host, HostError, Kind, Level, Outcome, Status};
