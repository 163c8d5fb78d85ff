//! One attempt at one endpoint under one deadline: resolve, connect, write, read.
//!
//! The rule that everything above relies on: as long as the kernel has not taken the last
//! byte of a request, the request was not sent, for a server applies complete frames only.
#![forbid(unsafe_code)]

mod addresses;
mod channel;
mod exchange;
mod race;
mod tcp;
#[cfg(feature = "tls")]
mod tls;

pub use crate::sys::cancel::{Cancel, CancelWatch};
pub use addresses::AddressBook;
pub use exchange::exchange;
pub use race::{Begun, Conductor, Event, Found, Instruction, Race};
#[cfg(feature = "tls")]
pub use tls::{NameCheck, Trust};

use std::io;

use crate::model::{Cure, Endpoint, Millis, Stage};

/// The limits of one attempt, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For looking the name up, again for connecting, all addresses together, and again for
    /// the TLS handshake.
    pub connect: Millis,
    /// For writing the request.
    pub write: Millis,
    /// For reading the reply.
    pub reply: Millis,
    /// For the silence of a connected server; [`Millis::MAX`] where only the stages count.
    pub silence: Millis,
    /// For everything.
    pub whole: Millis,
}

/// Where an attempt goes and what bounds it.
pub struct Attempt<'a> {
    /// The server.
    pub endpoint: &'a Endpoint,
    /// The limits, counted from the start of the attempt.
    pub limits: Limits,
    /// The addresses that names had.
    pub addresses: &'a AddressBook,
    /// Ends the attempt when it is set.
    pub cancel: CancelWatch<'a>,
    /// How the connection is protected.
    pub security: &'a Security,
}

/// How a connection is protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// Not at all.
    Plain,
    /// By TLS, with a server that this trusts.
    #[cfg(feature = "tls")]
    Tls(Trust),
}

/// Whether the request left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel did not take its last byte.
    No,
    /// It took all of it.
    Yes,
}

/// Why an attempt brought no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it failed.
    pub stage: Stage,
    /// Whether the request left.
    pub sent: Sent,
    /// The system's error number, 0 when there is none.
    pub errno: i32,
    /// What happened, for a person.
    pub what: String,
    /// Whether another try could go better.
    pub cure: Cure,
}

/// Collects the reply.
pub trait Receiver {
    /// Takes the next bytes; tells whether the reply is complete.
    ///
    /// # Errors
    /// What is wrong with them, when no valid reply can come any more.
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String>;
    /// Learns that the peer has closed the connection; tells whether the reply is complete.
    fn end(&mut self) -> bool;
    /// Whether not a byte has come.
    fn is_untouched(&self) -> bool;
    /// How much has come, for the message when no more comes.
    fn progress(&self) -> String;
}

fn errno(why: &io::Error) -> i32 {
    why.raw_os_error().unwrap_or(0)
}
