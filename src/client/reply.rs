//! What a caller gets at the end of a command.

use super::story::Story;
use crate::model::{Endpoint, Kind, Millis, Status};

/// The story of one command, success or not.
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
    pub(super) story: Story,
    pub(super) message: String,
    pub(super) end: Millis,
}

impl Reply {
    /// The story of a command that was not even begun.
    #[must_use]
    pub fn refused(status: Status, message: &str) -> Self {
        Self {
            status,
            text: Vec::new(),
            error: message.as_bytes().to_vec(),
            answered_by: None,
            attempts: 0,
            story: Story::new("", Kind::User, 0),
            message: message.to_owned(),
            end: 0,
        }
    }

    /// Every attempt, as JSON.
    #[must_use]
    pub fn report(&self) -> String {
        self.story
            .report(Some(self.status), &self.message, self.end)
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}
