//! What a caller gets at the end of a command.

use crate::model::{Endpoint, Kind, Millis, Status};
use crate::report::Report;

/// What became of one command, success or not.
#[derive(Clone, Debug)]
pub struct Reply {
    /// How it ended.
    pub status: Status,
    /// What ecflow_client would print on stdout; any bytes.
    pub text: Vec<u8>,
    /// One line for each attempted host, `host:port: what`; without attempts, what is wrong.
    /// Empty on success.
    pub error: Vec<u8>,
    /// Who confirmed or refused the command.
    pub answered_by: Option<Endpoint>,
    pub(super) attempts: u32,
    /// Nothing was sent: only ecFlow's own client does it.
    pub(crate) is_for_stock_client: bool,
    /// How long a cancelled command waited, and for what, if it is to be told.
    pub(crate) interrupted: Option<String>,
    pub(super) report: Report,
    pub(super) message: String,
    pub(super) end: Millis,
}

impl Reply {
    /// The reply to a command that was not even begun.
    #[must_use]
    pub fn refused(status: Status, message: &str) -> Self {
        Self {
            status,
            text: Vec::new(),
            error: message.as_bytes().to_vec(),
            answered_by: None,
            attempts: 0,
            is_for_stock_client: false,
            interrupted: None,
            report: Report::new("", Kind::User, 0),
            message: message.to_owned(),
            end: 0,
        }
    }

    /// Every attempt, as JSON.
    #[must_use]
    pub fn report(&self) -> String {
        self.report.json(Some(self.status), &self.message, self.end)
    }

    /// Every attempt as a line, and the summary, for a person.
    #[must_use]
    pub fn timeline(&self) -> String {
        self.report
            .timeline(Some(self.status), &self.message, self.end)
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}
