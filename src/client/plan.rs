//! One command under way: the policy, the hosts that it chooses from, and the story so far.
//!
//! The blocking sends, the delegation and `ecf_plan_*` all run this and nothing else.

use std::sync::Arc;

use super::Shared;
use super::log::{Level, Log, redacted};
use super::status::{Status, outcome_name};
use super::story::{AttemptResult, Story};
use crate::config::{Configuration, Millis, Repeat, Settings};
use crate::hosts::Endpoint;
use crate::policy::{Action, Ecflow, Kind, Outcome, Policy, Rules};
use crate::transport::Limits;

/// What is sent, as far as the policy and the report are concerned.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeat: Repeat,
    pub(super) primary: Endpoint,
    pub(super) limits: Limits,
    /// `--debug`: log to stderr.
    pub(super) debug: bool,
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
    over: Option<Status>,
    message: String,
}

#[derive(Clone, Copy)]
struct UnderWay {
    host: usize,
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
        let rules = Rules::ecflow(settings, errand.kind, errand.repeat, errand.limits.whole);
        log.line(
            Level::Debug,
            format_args!(
                "command.start name={} primary={} timeout_ms={}",
                errand.name, errand.primary, rules.timeout
            ),
        );
        Self {
            shared,
            log,
            policy: Box::new(Ecflow::new(rules, now)),
            hosts: vec![errand.primary.clone()],
            story: Story::new(errand.name, errand.kind, now),
            now,
            attempts: 0,
            under_way: None,
            over: None,
            message: String::new(),
            configuration,
        }
    }

    /// Ends the plan before it began.
    pub(super) fn refuse(&mut self, status: Status, message: String) {
        self.message = message;
        self.end(status);
    }

    pub(super) fn settings(&self) -> &Settings {
        self.configuration.settings()
    }

    /// What is to be done at `now` (milliseconds, on any clock that goes forward).
    pub fn next(&mut self, now: Millis) -> Step {
        self.now = self.now.max(now);
        loop {
            if let Some(status) = self.over {
                return Step::Over(status);
            }
            if self.under_way.is_none() && self.shared.is_cancelled() {
                self.refuse(Status::Cancelled, String::new());
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
        self.under_way = Some(UnderWay {
            host,
            begin: self.now,
        });
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
        let look = {
            let mut backups = self.shared.backups.lock();
            backups.look(self.settings(), primary_port)
        };
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
        let Some(UnderWay { host, begin }) = self.under_way.take() else {
            return;
        };
        let outcome = result.outcome;
        let result = AttemptResult {
            what: redacted(result.what, &self.log.secret),
            ..result
        };
        let endpoint = self.hosts[host].clone();
        self.log_attempt(&endpoint, &result, begin);
        self.story
            .tell(self.attempts, &endpoint, begin, self.now, result);
        self.policy.outcome(outcome, self.now);
        match outcome {
            // A confirmed reply beats a cancel.
            Outcome::Ok => self.end(Status::Ok),
            Outcome::Rejected => self.end(Status::Rejected),
            _ if self.shared.is_cancelled() => self.end(Status::Cancelled),
            _ => {}
        }
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
                String::from_utf8_lossy(&result.what)
            ),
        );
    }

    fn end(&mut self, status: Status) {
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

    /// The host of the attempt that is under way, else the primary.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.hosts[self.under_way.map_or(0, |under_way| under_way.host)]
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
        match self.over {
            Some(status) => self.story.report(status, &self.message, self.now),
            None => self.story.report(Status::Ok, "under way", self.now),
        }
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
        Reply {
            status,
            text: if status == Status::Ok {
                text
            } else {
                Vec::new()
            },
            error,
            answered_by: self.story.answered_by().cloned(),
            attempts: self.story.attempts(),
            report: self.report(),
        }
    }
}

/// The story of one command, success or not.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Every attempt, as JSON.
    pub report: String,
}

impl Reply {
    /// The story of a command that was not even begun.
    #[must_use]
    pub fn refused(status: Status, message: &str) -> Self {
        let story = Story::new("", Kind::User, 0);
        Self {
            status,
            text: Vec::new(),
            error: message.as_bytes().to_vec(),
            answered_by: None,
            attempts: 0,
            report: story.report(status, message, 0),
        }
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}
