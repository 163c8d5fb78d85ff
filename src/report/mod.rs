//! What happened to one command: recorded once, and printed as JSON, as error lines and as a
//! timeline.
#![forbid(unsafe_code)]

mod json;
mod lines;

use crate::model::{AttemptResult, Cure, Endpoint, Kind, Millis, Outcome};

/// A day of profile `ecflow` makes some 4,300 attempts; a report tells no more than these.
const LONGEST: usize = 5_000;

/// What a peer says is cut at this length in the report, so that it stays bounded; a server's
/// refusal, which comes once, is kept whole for the error.
const LONGEST_WORDS: usize = 1_000;

/// The record of one command.
#[derive(Clone, Debug)]
pub struct Report {
    command: &'static str,
    kind: Kind,
    start: Millis,
    attempts: Vec<AttemptRecord>,
    omitted: u32,
    hosts: Vec<HostRecord>,
    /// The host that confirmed or refused the command.
    answered_by: Option<usize>,
    /// What a server refused it with.
    refusal: Vec<u8>,
    warnings: Vec<String>,
    /// Which memory of hosts was used, where the profile has one.
    memory: Option<String>,
    /// The key whose time was over, with its value.
    limit: Option<(&'static str, Millis)>,
}

#[derive(Clone, Debug)]
struct AttemptRecord {
    number: u32,
    host: usize,
    start: Millis,
    length: Millis,
    result: AttemptResult,
}

/// What is known of one host that was attempted.
#[derive(Clone, Debug)]
struct HostRecord {
    endpoint: Endpoint,
    attempts: u32,
    last_outcome: Outcome,
    last_words: Vec<u8>,
    /// Of its last attempt.
    cure: Cure,
    may_hold_copy: bool,
}

impl Report {
    /// Nothing has happened yet to this command, which starts now.
    #[must_use]
    pub fn new(command: &'static str, kind: Kind, start: Millis) -> Self {
        Self {
            command,
            kind,
            start,
            attempts: Vec::new(),
            omitted: 0,
            hosts: Vec::new(),
            answered_by: None,
            refusal: Vec::new(),
            warnings: Vec::new(),
            memory: None,
            limit: None,
        }
    }

    /// The command ends because the time of this key is over.
    pub fn limited_by(&mut self, key: &'static str, value: Millis) {
        self.limit = Some((key, value));
    }

    /// How long it has lasted at a time.
    #[must_use]
    pub fn length(&self, end: Millis) -> Millis {
        end.saturating_sub(self.start)
    }

    /// Records what a person should know, once.
    pub fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            self.warnings.push(warning.to_owned());
        }
    }

    /// Records where it is kept what is known of hosts.
    pub fn remembers(&mut self, memory: String) {
        self.memory = Some(memory);
    }

    /// Records how an attempt ended that lasted from `begin` to `end`.
    pub fn record(
        &mut self,
        number: u32,
        endpoint: &Endpoint,
        begin: Millis,
        end: Millis,
        mut result: AttemptResult,
    ) {
        let host = self.host(endpoint);
        if matches!(result.outcome, Outcome::Ok | Outcome::Rejected) {
            self.answered_by = Some(host);
        }
        if result.outcome == Outcome::Rejected && result.what.len() > LONGEST_WORDS {
            let cut = result.what[..LONGEST_WORDS].to_vec();
            self.refusal = std::mem::replace(&mut result.what, cut);
        }
        result.what.truncate(LONGEST_WORDS);
        let record = &mut self.hosts[host];
        record.attempts += 1;
        record.last_outcome = result.outcome;
        record.last_words.clone_from(&result.what);
        record.cure = result.cure;
        record.may_hold_copy |= result.outcome == Outcome::Unconfirmed;
        if self.attempts.len() < LONGEST {
            self.attempts.push(AttemptRecord {
                number,
                host,
                start: begin.saturating_sub(self.start),
                length: end.saturating_sub(begin),
                result,
            });
        } else {
            self.omitted += 1;
        }
    }

    fn host(&mut self, endpoint: &Endpoint) -> usize {
        let known = self.hosts.iter().position(|h| h.endpoint == *endpoint);
        known.unwrap_or_else(|| {
            self.hosts.push(HostRecord {
                endpoint: endpoint.clone(),
                attempts: 0,
                last_outcome: Outcome::NotSent,
                last_words: Vec::new(),
                cure: Cure::Retry,
                may_hold_copy: false,
            });
            self.hosts.len() - 1
        })
    }

    /// How many attempts were made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.hosts.iter().map(|host| host.attempts).sum()
    }

    /// Who gave the last word, if anybody did.
    #[must_use]
    pub fn answered_by(&self) -> Option<&Endpoint> {
        self.answered_by.map(|host| &self.hosts[host].endpoint)
    }

    fn may_hold_copy(&self) -> Vec<String> {
        let holders = self.hosts.iter().filter(|host| host.may_hold_copy);
        holders.map(|host| host.endpoint.to_string()).collect()
    }
}
