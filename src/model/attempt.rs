//! How far an attempt came, why it failed, and what a probe found.

use std::fmt;

use super::Outcome;

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Finding what this host needs: a certificate, a password.
    Prepare,
    /// Looking the name up.
    Resolve,
    /// Opening a connection.
    Connect,
    /// Agreeing on keys, and on who the server is.
    Tls,
    /// Writing the request.
    Write,
    /// Reading the reply.
    Read,
    /// Judging a reply that came whole.
    Reply,
    /// The caller's own transport.
    Callback,
}

impl Stage {
    /// The stage as one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Write => "write",
            Self::Read => "read",
            Self::Reply => "reply",
            Self::Callback => "callback",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What could make a failed attempt succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// Time.
    Retry,
    /// A person only: the reason is for the report's first line.
    Nobody(&'static str),
}

/// Why an attempt did not lead to a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens there.
    Refused,
    /// The network says that there is no way.
    Unreachable,
    /// The connection was neither made nor refused.
    Silent,
    /// The name has no address.
    Unresolved,
    /// It is this side's: no descriptor, no port, no memory; or what the host needs is not there.
    Local,
    /// The connection broke before the request had left whole.
    Broken,
    /// The server closed, or did not answer as an ecFlow server does.
    Closed,
    /// The server was connected, and said nothing for as long as there was patience.
    Mute,
    /// The kernel has found that the connection leads nowhere any more.
    Vanished,
    /// A second connection proved that the server is gone.
    Gone,
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// What it means for the command.
    pub outcome: Outcome,
    /// How far it came.
    pub stage: Stage,
    /// What was wrong, where something was and is known.
    pub fault: Option<Fault>,
    /// The system's error number, 0 when there is none.
    pub errno: i32,
    /// What happened, for a person; any bytes.
    pub what: Vec<u8>,
    /// Whether another try could go better.
    pub cure: Cure,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// A server that closes connections, so it works.
    Alive,
    /// Refused or unreachable: nobody.
    Nobody,
    /// Nothing within the time: a server that is busy or stopped, or a network that is silent.
    Nothing,
    /// A connection is there; more is to come.
    Connected,
}
