//! Gets an ecFlow command to a server: the primary if it can be had, otherwise a backup,
//! within a deadline that means what it says.
//!
//! The layers, top to bottom; each uses only those below it:
//!
//! | module          | what it is for                                                              |
//! |-----------------|-----------------------------------------------------------------------------|
//! | [`ffi`]         | the C ABI: pointers in, status out                                          |
//! | [`shell`]       | one command as a shell runs it: exit status and output                      |
//! | [`client`]      | one command = policy x network; records what happens                        |
//! | [`report`]      | what happened to one command: recorded once, printed in three ways          |
//! | [`policy`]      | which host, when, and how long: a state machine without clock or sockets    |
//! | [`health`]      | what is known of hosts beyond one command                                   |
//! | [`command`]     | `ecflow_client`'s command line to a [`command::Command`], by one table      |
//! | [`wire`]        | ecFlow's frames and JSON: requests out, replies in and validated            |
//! | [`credentials`] | password files, token files, and crypt(3)                                   |
//! | [`net`]         | one attempt at one endpoint under one deadline                              |
//! | [`hostfile`]    | the list of backups                                                         |
//! | [`config`]      | one table of every key: name, default, range, documentation                 |
//! | [`model`]       | the words that all of them share                                            |
//!
//! `sys` holds the calls into the operating system. Unsafe code lives there and in `ffi`
//! and nowhere else; time, files and sockets reach the pure layers as arguments.
//!
//! ```no_run
//! use ecf_failover::client::Client;
//!
//! let client = Client::from_environment();
//! let reply = client.send_task(&[b"--meter=step".to_vec(), b"42".to_vec()]);
//! println!("{:?} after {} attempt(s)", reply.status, reply.attempts());
//! ```

pub mod client;
pub mod command;
pub mod config;
pub mod credentials;
pub mod ffi;
pub mod health;
pub mod hostfile;
pub mod model;
pub mod net;
pub mod policy;
pub mod report;
pub mod shell;
mod sys;
pub mod wire;
