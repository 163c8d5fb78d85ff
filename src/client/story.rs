//! What happened to one command: every attempt, told as a report and as error lines.

use serde::Serialize;

use crate::model::{Cure, Endpoint, Kind, Millis, Outcome, Stage, Status, outcome_name};

/// A day of profile `ecflow` makes some 4,300 attempts; a report tells no more than these.
const LONGEST: usize = 5_000;

/// What a peer says is cut at this length in the report, so that it stays bounded; a server's
/// refusal, which comes once, is kept whole for the error.
const LONGEST_WORDS: usize = 1_000;

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// What it means for the command.
    pub outcome: Outcome,
    /// How far it came.
    pub stage: Stage,
    /// The system's error number, 0 when there is none.
    pub errno: i32,
    /// What happened, for a person; any bytes.
    pub what: Vec<u8>,
    /// Whether another try could go better.
    pub cure: Cure,
}

/// The story of one command.
#[derive(Clone, Debug)]
pub(super) struct Story {
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
    last_outcome: Option<Outcome>,
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
    last_words: Vec<u8>,
    /// Of its last attempt.
    cure: Cure,
    may_hold_copy: bool,
}

impl Story {
    pub(super) fn new(command: &'static str, kind: Kind, start: Millis) -> Self {
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
            last_outcome: None,
            limit: None,
        }
    }

    /// The command ends because the time of this key is over.
    pub(super) fn limited_by(&mut self, key: &'static str, value: Millis) {
        self.limit = Some((key, value));
    }

    /// What the last attempt came to.
    pub(super) fn last_outcome(&self) -> Option<Outcome> {
        self.last_outcome
    }

    /// Why a command ended so, in one sentence without its full stop.
    pub(super) fn why(&self, status: Status) -> String {
        match (status, self.limit) {
            (Status::Timeout, Some((key, value))) => format!(
                "{key} ({} s) was reached before a server confirmed the command",
                seconds(value)
            ),
            _ => status.text().to_owned(),
        }
    }

    pub(super) fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            self.warnings.push(warning.to_owned());
        }
    }

    pub(super) fn tell(
        &mut self,
        number: u32,
        endpoint: &Endpoint,
        begin: Millis,
        end: Millis,
        mut result: AttemptResult,
    ) {
        let host = self.host(endpoint);
        self.last_outcome = Some(result.outcome);
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
                last_words: Vec::new(),
                cure: Cure::Retry,
                may_hold_copy: false,
            });
            self.hosts.len() - 1
        })
    }

    pub(super) fn attempts(&self) -> u32 {
        self.hosts.iter().map(|host| host.attempts).sum()
    }

    /// One line for each host that was attempted, in the order of their first attempts.
    pub(super) fn error_lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            if !lines.is_empty() {
                lines.push(b'\n');
            }
            lines.extend(format!("{}: ", host.endpoint).into_bytes());
            let is_refusal = self.answered_by == Some(index) && !self.refusal.is_empty();
            let words = match is_refusal {
                true => &self.refusal,
                false => &host.last_words,
            };
            append_one_line(&mut lines, words);
            if host.attempts > 1 {
                lines.extend(format!(" (attempts: {})", host.attempts).into_bytes());
            }
        }
        lines
    }

    /// The report as JSON. Its first line holds the summary, then come the figures, then one
    /// line for each attempt.
    pub(super) fn report(&self, status: Option<Status>, message: &str, end: Millis) -> String {
        let head = Head {
            summary: &self.summary(status, message, end),
        };
        let figures = Figures {
            status: status.map(Status::name),
            status_number: status.map(|status| status as i32),
            command: self.command,
            kind: match self.kind {
                Kind::Task => "task",
                Kind::User => "user",
                Kind::Ping => "ping",
            },
            length_ms: end.saturating_sub(self.start),
            answered_by: self.answered_by().map(ToString::to_string),
            may_hold_copy: self.may_hold_copy(),
            warnings: &self.warnings,
            attempts_made: self.attempts(),
            attempts_omitted: self.omitted,
        };
        let attempts: Vec<_> = self.attempts.iter().map(|a| self.line(a)).collect();
        format!(
            "{{{},\n{},\n\"attempts\":[{}{}]}}",
            members(&head),
            members(&figures),
            if attempts.is_empty() { "" } else { "\n" },
            attempts.join(",\n")
        )
    }

    fn line(&self, attempt: &AttemptRecord) -> String {
        let endpoint = &self.hosts[attempt.host].endpoint;
        let line = Line {
            number: attempt.number,
            host: endpoint.host.as_str(),
            port: endpoint.port,
            stage: attempt.result.stage.name(),
            outcome: outcome_name(attempt.result.outcome),
            errno: attempt.result.errno,
            start_ms: attempt.start,
            length_ms: attempt.length,
            note: String::from_utf8_lossy(&attempt.result.what),
        };
        format!("{{{}}}", members(&line))
    }

    /// Who gave the last word, if anybody did.
    pub(super) fn answered_by(&self) -> Option<&Endpoint> {
        self.answered_by.map(|host| &self.hosts[host].endpoint)
    }

    fn may_hold_copy(&self) -> Vec<String> {
        let holders = self.hosts.iter().filter(|host| host.may_hold_copy);
        holders.map(|host| host.endpoint.to_string()).collect()
    }

    fn summary(&self, status: Option<Status>, message: &str, end: Millis) -> String {
        let length = end.saturating_sub(self.start);
        let length = format!("{}.{:03} s", length / 1_000, length % 1_000);
        let attempts = self.attempts();
        let hosts = self.hosts.len();
        let Some(status) = status else {
            return format!("under way for {length}; attempts: {attempts}, hosts: {hosts}");
        };
        match (status, self.answered_by()) {
            (Status::Ok, Some(host)) => {
                format!("confirmed by {host} on attempt {attempts}, after {length}")
            }
            (Status::Rejected, Some(host)) => {
                format!("refused by {host} on attempt {attempts}, after {length}")
            }
            _ if attempts == 0 && message.is_empty() => self.why(status),
            _ if attempts == 0 => message.to_owned(),
            _ => format!(
                "{}; attempts: {attempts}, hosts: {hosts}, ended after {length}{}",
                self.why(status),
                self.incurable()
            ),
        }
    }

    /// Why no retry would have helped, if all hosts failed in such a way.
    fn incurable(&self) -> String {
        let mut reasons: Vec<&str> = Vec::new();
        for host in &self.hosts {
            match host.cure {
                Cure::Retry => return String::new(),
                Cure::Nobody(reason) if reasons.contains(&reason) => {}
                Cure::Nobody(reason) => reasons.push(reason),
            }
        }
        match reasons.is_empty() {
            true => String::new(),
            false => format!("; no retry can cure this: {}", reasons.join(", ")),
        }
    }
}

/// A duration as keys take it: `0.25`, `60`.
fn seconds(millis: Millis) -> String {
    let text = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Serialize)]
struct Head<'a> {
    summary: &'a str,
}

#[derive(Serialize)]
struct Figures<'a> {
    /// null while the command is under way.
    status: Option<&'static str>,
    status_number: Option<i32>,
    command: &'static str,
    kind: &'static str,
    length_ms: Millis,
    answered_by: Option<String>,
    may_hold_copy: Vec<String>,
    warnings: &'a [String],
    attempts_made: u32,
    attempts_omitted: u32,
}

#[derive(Serialize)]
struct Line<'a> {
    number: u32,
    host: &'a str,
    port: u16,
    stage: &'static str,
    outcome: &'static str,
    errno: i32,
    start_ms: Millis,
    length_ms: Millis,
    note: std::borrow::Cow<'a, str>,
}

/// The members of an object, without its braces.
fn members(value: &impl Serialize) -> String {
    // Strings, numbers and lists of them cannot fail to become JSON.
    let object = serde_json::to_string(value).unwrap_or_default();
    object[1..object.len().max(2) - 1].to_owned()
}

/// A server's words may have several lines; an error line has one.
fn append_one_line(text: &mut Vec<u8>, words: &[u8]) {
    let lines = words
        .split(|b| matches!(b, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    for (index, line) in lines.enumerate() {
        if index > 0 {
            text.extend(b"; ");
        }
        text.extend(line.iter().map(|byte| match byte {
            control if control.is_ascii_control() => b' ',
            byte => *byte,
        }));
    }
}
