//! What became of an attempt, for the policy and for the report.

use std::time::Duration;

use super::NativeCommand;
use crate::command;
use crate::model::{AttemptResult, Cure, Endpoint, Fault, Outcome, Stage};
use crate::wire::{self, Answer, BadFrame};

impl NativeCommand {
    /// What a reply's body means for this command, with words for the report.
    pub(super) fn judge(
        &self,
        body: &[u8],
        endpoint: &Endpoint,
        took: Duration,
        text: &mut Vec<u8>,
    ) -> (Outcome, Vec<u8>) {
        let reply = match wire::decode(body) {
            Ok(reply) => reply,
            Err(why) => return (Outcome::Unconfirmed, why.to_string().into_bytes()),
        };
        if let Some(class) = self.command.strange_class(&reply) {
            let why = format!(
                "{class:?} is no answer to --{}: another protocol, or another command's reply",
                self.command.name
            );
            return (Outcome::Unconfirmed, why.into_bytes());
        }
        let told = |outcome, words: &str| (outcome, words.as_bytes().to_vec());
        match reply {
            Answer::Error(words) => (Outcome::Rejected, words),
            Answer::Halted => told(Outcome::Halted, "the server is halted"),
            Answer::Wait => told(Outcome::Wait, "the expression is false"),
            Answer::Zombie => told(Outcome::Zombie, "the server takes the task for a zombie"),
            reply => {
                *text = command::printed(&self.command, &reply, endpoint, took);
                match &reply {
                    Answer::Group(replies) if command::has_error(replies) => {
                        (Outcome::Rejected, command::group_errors(replies))
                    }
                    _ => told(Outcome::Ok, ""),
                }
            }
        }
    }
}

/// What became of an attempt that got a reply.
pub(super) fn judged(outcome: Outcome, what: Vec<u8>) -> AttemptResult {
    AttemptResult {
        outcome,
        stage: Stage::Reply,
        fault: match outcome {
            Outcome::NotSent => Some(Fault::Broken),
            Outcome::Unconfirmed => Some(Fault::Closed),
            _ => None,
        },
        errno: 0,
        what,
        cure: Cure::Retry,
    }
}

pub(super) fn unsent(stage: Stage, what: Vec<u8>) -> AttemptResult {
    AttemptResult {
        outcome: Outcome::NotSent,
        stage,
        fault: Some(Fault::Broken),
        errno: 0,
        what,
        cure: Cure::Retry,
    }
}

/// What is needed for this host is not there.
pub(super) fn unprepared(what: String) -> AttemptResult {
    AttemptResult {
        cure: Cure::Nobody("a password or a certificate is missing"),
        fault: Some(Fault::Local),
        ..unsent(Stage::Prepare, what.into_bytes())
    }
}

/// No server takes such a request.
pub(super) fn too_large(why: &BadFrame) -> AttemptResult {
    AttemptResult {
        cure: Cure::Nobody("the request is too large"),
        ..unsent(Stage::Prepare, why.to_string().into_bytes())
    }
}

/// What became of a query: whatever it was, the command itself was not sent.
pub(super) fn not_yet_sent(result: AttemptResult) -> AttemptResult {
    AttemptResult {
        outcome: match result.outcome {
            Outcome::Unconfirmed => Outcome::NotSent,
            outcome => outcome,
        },
        ..result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_too_large_is_told_as_that() {
        let result = too_large(&BadFrame::NoFrame(1 << 33));
        assert_eq!(result.cure, Cure::Nobody("the request is too large"));
        assert!(result.what.starts_with(b"a request of 8589934592 bytes "));
    }
}
