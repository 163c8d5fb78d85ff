//! The report as JSON.

use serde::Serialize;

use super::{AttemptRecord, Report};
use crate::model::{Kind, Millis, Status, outcome_name};

impl Report {
    /// The report as JSON. Its first line holds the summary, then come the figures, then one
    /// line for each attempt.
    #[must_use]
    pub fn json(&self, status: Option<Status>, message: &str, end: Millis) -> String {
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
            length_ms: self.length(end),
            answered_by: self.answered_by().map(ToString::to_string),
            may_hold_copy: self.may_hold_copy(),
            warnings: &self.warnings,
            attempts_made: self.attempts(),
            attempts_omitted: self.omitted,
            memory: self.memory.as_deref(),
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
        let line = AttemptLine {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'a str>,
}

#[derive(Serialize)]
struct AttemptLine<'a> {
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
