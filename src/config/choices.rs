//! The values of keys that are one of several.

use crate::model::ECFLOW_PORT;

/// ECF_HOSTFILE_POLICY: which commands may leave the primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostfilePolicy {
    /// Task commands only.
    #[default]
    Task,
    /// User commands too.
    All,
    /// None.
    None,
}

/// ECF_HOST_PROTOCOL: how a server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// ecFlow's frames over TCP.
    #[default]
    Plain,
    /// The same inside TLS.
    Ssl,
    /// JSON in HTTP.
    Http,
    /// JSON in HTTP inside TLS.
    Https,
}

/// ECF_FAILOVER_PROFILE: which policy decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The behaviour that ecFlow documents, to the second.
    #[default]
    Ecflow,
    /// A live server as soon as possible.
    Fast,
}

/// ECF_FAILOVER_STOCK_CLIENT: what becomes of a command that only ecFlow's own client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StockClient {
    /// The error names that client.
    #[default]
    Name,
    /// The program becomes it.
    Run,
}

/// ECF_FAILOVER_DEFAULT_PORT: the port of a hostfile's entry that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPort {
    /// This one.
    Number(u16),
    /// The primary's.
    Primary,
}

impl Default for DefaultPort {
    fn default() -> Self {
        Self::Number(ECFLOW_PORT)
    }
}

/// ECF_FAILOVER_ON_ZOMBIE, ECF_FAILOVER_ON_HALTED: what follows from a server that is alive
/// but does not take the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAlive {
    /// A try is used up; when none is left the next host follows.
    Rotate,
    /// The same server is asked again.
    Stay,
}

/// ECF_FAILOVER_MEMORY: how long the knowledge of dead hosts lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Not at all.
    Off,
    /// As long as the handle.
    Handle,
    /// On this node, shared by all processes of the user.
    Node,
}
