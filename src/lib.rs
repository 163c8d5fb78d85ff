//! Gets an ecFlow command to a server: the primary if it can be had, otherwise a backup,
//! within a deadline that means what it says.
//!
//! The layers, top to bottom; each uses only those below it:
//!
//! | module        | what it is for                                                              |
//! |---------------|-----------------------------------------------------------------------------|
//! | [`ffi`]       | the C ABI: pointers in, status out                                          |
//! | [`shell`]     | one command as a shell runs it: exit status and output                      |
//! | [`client`]    | one command = policy x transport; writes the report                         |
//! | [`policy`]    | which host, when, and how long: a state machine without clock or sockets    |
//! | [`command`]   | `ecflow_client`'s command line to a [`command::Command`], by one table      |
//! | [`wire`]      | ecFlow's frames and JSON: requests out, replies in and validated            |
//! | [`credentials`] | password files, token files, and crypt(3)                              |
//! | [`transport`] | one attempt at one endpoint under one deadline                              |
//! | [`config`]    | one table of every key: name, default, range, documentation                 |
//! | [`hosts`]     | endpoints, and the hostfile that lists the backups                          |
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
pub mod hosts;
pub mod policy;
pub mod shell;
mod sys;
pub mod transport;
pub mod wire;
