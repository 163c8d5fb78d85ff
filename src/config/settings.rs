//! The types of settings, which the table of keys fills.

use super::keys::{KeyIndex, Settings};
use crate::model::{ECFLOW_PORT, Endpoint, Millis};

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

impl Settings {
    /// The primary by ECF_HOST and ECF_PORT.
    #[must_use]
    pub fn primary(&self) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// Whether a key was given a value, rather than left at its default.
    #[must_use]
    pub fn is_given(&self, key: KeyIndex) -> bool {
        self.given & (1 << key.0) != 0
    }

    /// The key whose time ended a command that lasted for `length`, with its value. `progress` is
    /// how long a command may take that only tells how far a job is.
    #[must_use]
    pub fn deadline(&self, progress: Option<Millis>, length: Millis) -> (&'static str, Millis) {
        let progress = progress.unwrap_or(Millis::MAX);
        if length < self.timeout.min(progress) {
            // Nothing else ends it sooner.
            ("ECF_ZOMBIE_TIMEOUT", self.zombie_timeout)
        } else if progress < self.timeout {
            ("ECF_FAILOVER_PROGRESS_TIMEOUT", progress)
        } else {
            ("ECF_TIMEOUT", self.timeout)
        }
    }

    pub(super) fn mark_given(&mut self, index: usize, given: bool) {
        let bit = 1 << index;
        self.given = if given {
            self.given | bit
        } else {
            self.given & !bit
        };
    }
}
