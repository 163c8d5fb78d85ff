//! The settings as types, filled from the table of keys and from nowhere else.

use std::path::PathBuf;

use super::keys::KeyIndex;
use crate::model::{ECFLOW_PORT, Host, Millis, Repeat, TaskIdentity};

/// ECF_HOSTFILE_POLICY: which commands may leave the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostfilePolicy {
    /// Task commands only.
    Task,
    /// User commands too.
    All,
    /// None.
    None,
}

/// ECF_HOST_PROTOCOL: how a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// ecFlow's frames over TCP.
    Plain,
    /// The same inside TLS.
    Ssl,
    /// JSON in HTTP.
    Http,
    /// JSON in HTTP inside TLS.
    Https,
}

/// ECF_FAILOVER_PROFILE: which policy decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The behaviour that ecFlow documents, to the second.
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

/// Every key as a typed value. Durations are in milliseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// ECF_HOST.
    pub host: Host,
    /// ECF_PORT.
    pub port: u16,
    /// ECF_HOSTFILE.
    pub hostfile: Option<PathBuf>,
    /// ECF_HOSTFILE_POLICY.
    pub hostfile_policy: HostfilePolicy,
    /// ECF_TIMEOUT.
    pub timeout: Millis,
    /// ECF_ZOMBIE_TIMEOUT.
    pub zombie_timeout: Millis,
    /// ECF_FAILOVER_PROGRESS_TIMEOUT.
    pub progress_timeout: Option<Millis>,
    /// ECF_CONNECT_TIMEOUT; `None` when unset or 0.
    pub connect_timeout: Option<Millis>,
    /// ECF_FAILOVER_REPLY_TIMEOUT.
    pub reply_timeout: Option<Millis>,
    /// ECF_FAILOVER_REPEATABLE.
    pub repeatable: Option<Repeat>,
    /// ECF_DENIED.
    pub denied: bool,
    /// NO_ECF.
    pub no_ecf: bool,
    /// ECF_DEBUG_CLIENT.
    pub debug_client: bool,
    /// ECF_NAME, ECF_PASS, ECF_RID, ECF_TRYNO.
    pub task: TaskIdentity,
    /// ECF_USER.
    pub user: Vec<u8>,
    /// ECF_PASSWD.
    pub password_file: Option<PathBuf>,
    /// ECF_CUSTOM_PASSWD.
    pub custom_password_file: Option<PathBuf>,
    /// ECF_SSL.
    pub ssl: Vec<u8>,
    /// ECF_SSL_DIR.
    pub ssl_directory: Option<PathBuf>,
    /// ECF_HOST_PROTOCOL.
    pub protocol: Protocol,
    /// ECF_AUTHTOKENS.
    pub token_file: Option<PathBuf>,
    /// ECF_FAILOVER_CA_FILE.
    pub authorities_file: Option<PathBuf>,
    /// HOME, where the usual files lie. No key: it is the environment's alone.
    pub home: Option<PathBuf>,
    /// XDG_RUNTIME_DIR and TMPDIR, where the node's memory lies. No keys: they are the
    /// environment's alone.
    pub memory_directories: Vec<PathBuf>,
    /// ECF_FAILOVER_PROFILE.
    pub profile: Profile,
    /// ECF_FAILOVER_ATTEMPTS.
    pub attempts: u32,
    /// ECF_FAILOVER_RETRY_PERIOD.
    pub retry_period: Millis,
    /// ECF_FAILOVER_HOST_PERIOD.
    pub host_period: Millis,
    /// ECF_FAILOVER_DEFAULT_PORT.
    pub default_port: DefaultPort,
    /// ECF_FAILOVER_ON_ZOMBIE; `None` leaves it to the profile.
    pub on_zombie: Option<WhenAlive>,
    /// ECF_FAILOVER_ON_HALTED; `None` leaves it to the profile.
    pub on_halted: Option<WhenAlive>,
    /// ECF_FAILOVER_HEDGE.
    pub hedge: Millis,
    /// ECF_FAILOVER_SILENCE.
    pub silence: Millis,
    /// ECF_FAILOVER_MEMORY; `None` leaves it to the profile.
    pub memory: Option<Memory>,
    /// ECF_FAILOVER_JITTER.
    pub jitter: bool,
    /// ECF_FAILOVER_BUDGET.
    pub budget: f64,
    /// ECF_FAILOVER_MAX_REPLY in bytes; `None` leaves it to the command.
    pub max_reply: Option<u32>,
    given: u64,
}

impl Settings {
    /// Settings before the table has filled them.
    pub(super) fn blank() -> Self {
        Self {
            host: Host::localhost(),
            port: ECFLOW_PORT,
            hostfile: None,
            hostfile_policy: HostfilePolicy::Task,
            timeout: 0,
            zombie_timeout: 0,
            progress_timeout: None,
            connect_timeout: None,
            reply_timeout: None,
            repeatable: None,
            denied: false,
            no_ecf: false,
            debug_client: false,
            task: TaskIdentity::default(),
            user: Vec::new(),
            password_file: None,
            custom_password_file: None,
            ssl: Vec::new(),
            ssl_directory: None,
            protocol: Protocol::Plain,
            token_file: None,
            authorities_file: None,
            home: None,
            memory_directories: Vec::new(),
            profile: Profile::Ecflow,
            attempts: 0,
            retry_period: 0,
            host_period: 0,
            default_port: DefaultPort::Primary,
            on_zombie: None,
            on_halted: None,
            hedge: 0,
            silence: 0,
            memory: None,
            jitter: false,
            budget: 0.0,
            max_reply: None,
            given: 0,
        }
    }

    /// Whether a key was given a value, rather than left at its default.
    #[must_use]
    pub fn is_given(&self, key: KeyIndex) -> bool {
        self.given & (1 << key.0) != 0
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
