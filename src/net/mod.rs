//! Connections to any number of hosts, and an exchange with one of them, under one deadline:
//! resolve, connect, write, read.
//!
//! The rule that everything above relies on: as long as the kernel has not taken the last
//! byte of a request, the request was not sent, for a server applies complete frames only.
#![forbid(unsafe_code)]

#[cfg(feature = "tls")]
mod certificate;
mod channel;
mod connect;
mod connecting;
mod connections;
mod exchange;
mod fault;
mod probe;
mod resolve;
#[cfg(feature = "tls")]
mod tls;

pub use crate::sys::cancel::{Cancel, CancelWatch};
pub use connect::Connector;
pub use connecting::Happening;
pub use connections::{Begun, Connection, Connections, Names};
pub use exchange::{Exchange, Instruction, Watch, exchange};
pub use resolve::{AddressBook, Patience};
#[cfg(feature = "tls")]
pub use tls::{NameCheck, Trust};

use std::net::TcpStream;

use crate::model::{AttemptResult, Cure, Endpoint, Fault, Millis, Outcome, Stage};

use channel::Channel;

/// The limits of one attempt, in milliseconds, counted from the begin of each stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For connecting, all addresses together.
    pub connect: Millis,
    /// For the TLS handshake.
    pub handshake: Millis,
    /// For writing the request.
    pub write: Millis,
    /// For reading the reply.
    pub reply: Millis,
    /// For the silence of a connected server; [`Millis::MAX`] where only the stages count.
    pub silence: Millis,
    /// For everything.
    pub whole: Millis,
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

impl Security {
    /// The channel over a connection to `endpoint`.
    #[cfg_attr(
        not(feature = "tls"),
        allow(unused_variables, clippy::unnecessary_wraps)
    )]
    fn channel(
        &self,
        stream: TcpStream,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn Channel>, AttemptResult> {
        match self {
            Self::Plain => Ok(Box::new(stream)),
            #[cfg(feature = "tls")]
            Self::Tls(trust) => Ok(Box::new(tls::TlsStream::new(stream, trust, endpoint)?)),
        }
    }
}

/// Whether the request left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// The kernel did not take its last byte.
    No,
    /// It took all of it.
    Yes,
}

/// Collects the reply.
pub trait Receiver {
    /// Takes the next bytes; tells whether the reply is complete.
    ///
    /// # Errors
    /// What is wrong with them, when no valid reply can come any more.
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String>;
    /// Learns that the peer has closed the connection; tells whether the reply is complete.
    ///
    /// # Errors
    /// What is wrong with it, though it is complete.
    fn end(&mut self) -> Result<bool, String>;
    /// Whether it is sure what the reply means, though it is not complete.
    fn is_decided(&self) -> bool {
        false
    }
    /// Whether not a byte has come.
    fn is_untouched(&self) -> bool;
    /// How much has come, for the message when no more comes.
    fn progress(&self) -> String;
}

/// Why an attempt brought no reply: by the stage and the system's error number (0: none), what
/// it means for the policy.
fn failed(stage: Stage, sent: Sent, errno: i32, what: String) -> AttemptResult {
    AttemptResult {
        outcome: match sent {
            Sent::No => Outcome::NotSent,
            Sent::Yes => Outcome::Unconfirmed,
        },
        stage,
        fault: Some(fault::of(stage, sent, errno)),
        errno,
        what: what.into_bytes(),
        cure: Cure::Retry,
    }
}

/// The caller has ended it, which says nothing of the host.
fn cancelled(stage: Stage, sent: Sent, what: String) -> AttemptResult {
    AttemptResult {
        fault: Some(Fault::Local),
        ..failed(stage, sent, 0, what)
    }
}

/// This side has waited as long as it may.
fn too_late(stage: Stage, sent: Sent, what: String) -> AttemptResult {
    AttemptResult {
        fault: Some(Fault::Mute),
        ..failed(stage, sent, libc::ETIMEDOUT, what)
    }
}
