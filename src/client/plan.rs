//! One command under way: the policy, the hosts that it chooses from, and the story so far.
//!
//! The blocking sends, the delegation and `ecf_plan_*` all run this and nothing else.

use std::sync::Arc;

use super::Shared;
use super::backups;
use super::log::{Level, Log, Secrets};
use super::status::{Status, outcome_name};
use super::story::{AttemptResult, Story};
use crate::config::{Configuration, Millis, Repeat, Settings};
use crate::hosts::Endpoint;
use crate::policy::{Action, Ecflow, End, Kind, Outcome, Policy, Rules};
use crate::transport::CancelWatch;

/// What is sent, as far as the policy and the report are concerned.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeat: Repeat,
    pub(super) primary: Endpoint,
    /// The longest that one attempt may take, all stages together.
    pub(super) attempt_limit: Millis,
    /// A deadline that is earlier than ECF_TIMEOUT, if there is one.
    pub(super) timeout: Option<Millis>,
    /// `--debug`: log to stderr.
    pub(super) debug: bool,
    /// What must not be told.
    pub(super) secrets: Secrets,
    /// What a person should know of it, whatever comes.
    pub(super) warnings: Vec<String>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make one attempt at [`Plan::endpoint`], then call [`Plan::outcome`].
    Attempt {
        /// Milliseconds that it may take, all stages together.
        limit: Millis,
    },
    /// Call [`Plan::next`] again at this time.
    Wait {
        /// In milliseconds, on the caller's clock.
        until: Millis,
    },
    /// It is over.
    Over(Status),
}

/// One command under way.
pub struct Plan {
    shared: Arc<Shared>,
    configuration: Arc<Configuration>,
    log: Log,
    policy: Box<dyn Policy>,
    hosts: Vec<Endpoint>,
    story: Story,
    now: Millis,
    attempts: u32,
    under_way: Option<UnderWay>,
    /// Where the last attempt went; the primary before the first.
    endpoint: Endpoint,
    cancel_count: u64,
    over: Option<Status>,
    message: String,
}

#[derive(Clone, Copy)]
struct UnderWay {
    begin: Millis,
}

impl Plan {
    pub(super) fn new(
        shared: Arc<Shared>,
        configuration: Arc<Configuration>,
        log: Log,
        errand: &Errand,
        now: Millis,
    ) -> Self {
        let settings = configuration.settings();
        let rules = Rules::ecflow(settings, errand.kind, errand.repeat, errand.attempt_limit)
            .within(errand.timeout);
        log.line(
            Level::Debug,
            format_args!(
                "command.start name={} primary={} timeout_ms={}",
                errand.name, errand.primary, rules.timeout
            ),
        );
        let mut story = Story::new(errand.name, errand.kind, now);
        for warning in &errand.warnings {
            story.warn(warning);
            log.line(Level::Warn, format_args!("command.warning {warning}"));
        }
        Self {
            log,
            policy: Box::new(Ecflow::new(rules, now)),
            hosts: vec![errand.primary.clone()],
            story,
            now,
            attempts: 0,
            under_way: None,
            endpoint: errand.primary.clone(),
            cancel_count: shared.cancel.count(),
            over: None,
            message: String::new(),
            configuration,
            shared,
        }
    }

    /// How often the client had been cancelled when this began.
    pub(super) fn cancel_count(&self) -> u64 {
        self.cancel_count
    }

    fn cancel(&self) -> CancelWatch<'_> {
        self.shared.cancel.watch_since(self.cancel_count)
    }

    /// Ends the plan before it began.
    pub(super) fn refuse(&mut self, status: Status, message: String) {
        let message = self.log.secrets.redacted(message.into_bytes());
        self.message = String::from_utf8_lossy(&message).into_owned();
        self.end(status);
    }

    pub(super) fn settings(&self) -> &Settings {
        self.configuration.settings()
    }

    /// What is to be done at `now` (milliseconds, on any clock that goes forward).
    ///
    /// After a cancel it is over, also while an attempt is under way; a confirmation that
    /// [`Plan::outcome`] brings afterwards still counts.
    pub fn next(&mut self, now: Millis) -> Step {
        self.now = self.now.max(now);
        loop {
            if let Some(status) = self.over {
                return Step::Over(status);
            }
            if self.cancel().is_cancelled() {
                self.end_cancelled();
                continue;
            }
            match self.policy.next(self.now) {
                Action::ListBackups => self.list_backups(),
                Action::Wait { until } => return Step::Wait { until },
                Action::End(end) => self.end(end.into()),
                Action::Attempt { host, limit } => {
                    self.begin_attempt(host, limit);
                    return Step::Attempt { limit };
                }
            }
        }
    }

    fn begin_attempt(&mut self, host: usize, limit: Millis) {
        if self.under_way.is_some() {
            return;
        }
        self.attempts += 1;
        self.under_way = Some(UnderWay { begin: self.now });
        self.endpoint = self.hosts[host].clone();
        self.log.line(
            Level::Debug,
            format_args!(
                "attempt.start number={} host={} limit_ms={limit}",
                self.attempts,
                self.endpoint()
            ),
        );
    }

    fn list_backups(&mut self) {
        let primary_port = self.hosts[0].port;
        let look = backups::look(&self.shared.backups, self.settings(), primary_port);
        for problem in &look.problems {
            self.story.warn(problem);
            if look.is_news {
                let line = format_args!("hostfile.problem {problem}");
                self.log.line(Level::Warn, line);
            }
        }
        self.log.line(
            Level::Debug,
            format_args!("hostfile.read backups={}", look.list.len()),
        );
        self.hosts.truncate(1);
        self.hosts.extend(look.list);
        self.policy.backups(self.hosts.len() - 1);
    }

    /// Tells how the attempt ended; nothing happens when none is under way.
    pub fn outcome(&mut self, result: AttemptResult, now: Millis) {
        self.now = self.now.max(now);
        let Some(UnderWay { begin }) = self.under_way.take() else {
            return;
        };
        let outcome = result.outcome;
        let result = AttemptResult {
            what: self.log.secrets.redacted(result.what),
            ..result
        };
        let endpoint = self.endpoint.clone();
        self.log_attempt(&endpoint, &result, begin);
        self.story
            .tell(self.attempts, &endpoint, begin, self.now, result);
        self.policy.outcome(outcome, self.now);
        if self.over.is_some() {
            self.end_cancelled();
        }
    }

    /// A confirmed reply beats a cancel, and so does the end of a command that may have been
    /// applied and must not be repeated.
    fn end_cancelled(&mut self) {
        let status = match self.policy.next(self.now) {
            Action::End(End::Deadline | End::Exhausted | End::Denied) => Status::Cancelled,
            Action::End(end) => end.into(),
            _ => Status::Cancelled,
        };
        self.end(status);
    }

    fn log_attempt(&self, endpoint: &Endpoint, result: &AttemptResult, begin: Millis) {
        let level = match result.outcome {
            Outcome::Ok => Level::Debug,
            Outcome::Wait | Outcome::Halted | Outcome::Zombie => Level::Info,
            _ => Level::Warn,
        };
        self.log.line(
            level,
            format_args!(
                "attempt.end number={} host={endpoint} stage={} outcome={} errno={} length_ms={} {}",
                self.attempts,
                result.stage,
                outcome_name(result.outcome),
                result.errno,
                self.now.saturating_sub(begin),
                String::from_utf8_lossy(cut(&result.what))
            ),
        );
    }

    fn end(&mut self, status: Status) {
        if self.over == Some(status) {
            return;
        }
        self.over = Some(status);
        let level = match status {
            Status::Ok => Level::Info,
            _ => Level::Error,
        };
        self.log.line(
            level,
            format_args!(
                "command.end status={} attempts={} {}",
                status.name(),
                self.attempts,
                self.message
            ),
        );
    }

    /// Where the attempt goes that is under way, else where the last one went; the primary
    /// before the first.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether an attempt has been asked for and its outcome is still to be told.
    #[must_use]
    pub fn is_attempting(&self) -> bool {
        self.under_way.is_some()
    }

    /// The number of the attempt that is under way, or of the last one; 0 before the first.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.attempts
    }

    /// How it ended; `None` while it goes on.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.over
    }

    /// The report as JSON, complete or so far.
    #[must_use]
    pub fn report(&self) -> String {
        self.story.report(self.over, &self.message, self.now)
    }

    /// The end of the command, with `text` as what ecflow_client would print.
    pub(super) fn into_reply(self, text: Vec<u8>) -> Reply {
        let status = self.over.unwrap_or(Status::Internal);
        let error = match (status, self.story.attempts()) {
            (Status::Ok, _) => Vec::new(),
            (_, 0) if self.message.is_empty() => status.text().as_bytes().to_vec(),
            (_, 0) => self.message.clone().into_bytes(),
            _ => self.story.error_lines(),
        };
        let answered_by = self.story.answered_by().cloned();
        let attempts = self.story.attempts();
        Reply {
            status,
            text: match status {
                // A group may be refused in part.
                Status::Ok | Status::Rejected => text,
                _ => Vec::new(),
            },
            error,
            answered_by,
            attempts,
            story: self.story,
            message: self.message,
            end: self.now,
        }
    }
}

/// A log line is no place for a server's longest words.
fn cut(words: &[u8]) -> &[u8] {
    const LONGEST: usize = 1_000;
    &words[..words.len().min(LONGEST)]
}

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
    attempts: u32,
    story: Story,
    message: String,
    end: Millis,
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
