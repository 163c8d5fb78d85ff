//! How a command ends before it begins: refused, or answered without a server.

use crate::command::CommandError;
use crate::config::{Configuration, Sending};
use crate::model::{Secrets, Status};

/// Why nothing is sent.
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) message: String,
    /// What ecflow_client would print.
    pub(super) text: Vec<u8>,
    /// ecFlow's own client would do it.
    pub(super) is_for_stock_client: bool,
}

impl Refusal {
    pub(super) fn new(status: Status, message: String) -> Self {
        Self {
            status,
            message,
            text: Vec::new(),
            is_for_stock_client: false,
        }
    }

    pub(super) fn config(message: String) -> Self {
        Self::new(Status::Config, message)
    }

    /// No server is needed: this is the answer.
    pub(super) fn answer(text: &[u8]) -> Self {
        Self {
            text: text.to_vec(),
            ..Self::new(Status::Ok, "answered without a server".into())
        }
    }

    /// The same without secrets in its words.
    pub(super) fn without(self, secrets: &Secrets) -> Self {
        Self {
            message: secrets.redacted_message(self.message),
            ..self
        }
    }
}

impl From<CommandError> for Refusal {
    /// What is wrong with a command line is told without the passwords that stand in it.
    fn from(error: CommandError) -> Self {
        let status = match error {
            CommandError::Environment { .. } => Status::Config,
            _ => Status::Argument,
        };
        Self {
            is_for_stock_client: matches!(
                error,
                CommandError::NotOffered(..) | CommandError::UseNotOffered { .. }
            ),
            ..Self::new(status, error.to_string())
        }
    }
}

/// Why nothing is sent, and nothing is wrong.
pub(super) fn no_ecf() -> Refusal {
    Refusal {
        text: b"NO_ECF\n".to_vec(),
        ..Refusal::new(Status::Ok, "NO_ECF is set: nothing was sent".into())
    }
}

/// Whether the configuration can be used by this command; with what a person should know of keys
/// that it does not need.
pub(super) fn usable(
    configuration: &Configuration,
    sending: Sending,
) -> Result<Vec<String>, Refusal> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for (problem, is_needed) in configuration.problems_of(sending) {
        if is_needed {
            problems.push(problem.to_string());
        } else {
            warnings.push(format!("{problem} (not needed here)"));
        }
    }
    if problems.is_empty() {
        return Ok(warnings);
    }
    let secrets = Secrets::from(&configuration.settings().task.password);
    Err(Refusal::config(problems.join("\n")).without(&secrets))
}
