//! The native client: a command line in, one exchange with a server as the attempt.

mod access;
mod attempt;
#[cfg_attr(not(feature = "tls"), path = "no_certificates.rs")]
mod certificates;
mod identity;
mod inbox;
mod judge;
mod prepare;
mod transport;

pub(super) use identity::Sender;
pub(super) use prepare::{connect_limit, patience, problems};
pub(super) use transport::Transport;

use super::approach::Approach;
use super::refusal::Refusal;
use crate::command::Command;
use crate::model::{Endpoint, Kind, Millis, Secrets, Status, TaskIdentity};
use crate::net::{Limits, Patience};

use access::Access;
use identity::Identity;

/// A command line, read and checked, with all that is needed to send it.
pub(super) struct NativeCommand {
    pub(super) command: Command,
    pub(super) primary: Endpoint,
    pub(super) debug: bool,
    pub(super) limits: Limits,
    pub(super) patience: Patience,
    /// ECF_CONNECT_TIMEOUT, where it is given: the limit of every stage.
    stage_limit: Option<Millis>,
    pub(super) secrets: Secrets,
    pub(super) warnings: Vec<String>,
    speaker: Speaker,
    access: Access,
    client_host: Vec<u8>,
    max_reply: u32,
}

/// For whom a command is sent.
enum Speaker {
    Job(TaskIdentity),
    User(Identity),
}

impl NativeCommand {
    /// How it comes by its connections.
    pub(super) fn approach(&self) -> Approach {
        Approach {
            patience: self.patience,
            connect: self.limits.connect,
            reply: Millis::MAX,
        }
    }

    /// The longest that one attempt may take: all stages, for the command and for what the
    /// server is asked before.
    pub(super) fn attempt_limit(&self) -> Millis {
        let exchanges = self.command.queries.len() as Millis + 1;
        self.limits.whole.saturating_mul(exchanges)
    }
}

/// Which commands a caller expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Task,
    User,
    Any,
}

impl Wanted {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Task => Kind::Task,
            Self::User | Self::Any => Kind::User,
        }
    }

    fn check(self, command: &Command) -> Result<(), Refusal> {
        let is_task = command.kind == Kind::Task;
        let (what, function) = match (self, is_task) {
            (Self::Any, _) | (Self::Task, true) | (Self::User, false) => {
                return Ok(());
            }
            (Self::Task, false) => ("user", "ecf_send_user_cmd"),
            (Self::User, true) => ("task", "ecf_send_task_cmd"),
        };
        let name = command.name;
        let message = format!("--{name} is a {what} command: send it with {function}");
        Err(Refusal::new(Status::Argument, message))
    }
}
