//! The report as lines for people: an error line for each host, a summary, a timeline.

use super::Report;
use crate::model::{Cure, Millis, Status, outcome_name};

impl Report {
    /// One line for each host that was attempted, in the order of their first attempts.
    #[must_use]
    pub fn error_lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            if !lines.is_empty() {
                lines.push(b'\n');
            }
            lines.extend(format!("{}: ", host.endpoint).into_bytes());
            let is_refusal = self.answered_by == Some(index) && !self.refusal.is_empty();
            let words = if is_refusal {
                &self.refusal
            } else {
                &host.last_words
            };
            if words.trim_ascii().is_empty() {
                // A caller that speaks itself need not give a note.
                lines.extend(outcome_name(host.last_outcome).bytes());
            } else {
                append_one_line(&mut lines, words);
            }
            if host.attempts > 1 {
                lines.extend(format!(" (attempts: {})", host.attempts).into_bytes());
            }
        }
        lines
    }

    /// Every attempt as a line with its start and length, and the summary, for a person.
    #[must_use]
    pub fn timeline(&self, status: Option<Status>, message: &str, end: Millis) -> String {
        let mut lines = String::new();
        for attempt in &self.attempts {
            let mut note = Vec::new();
            append_one_line(&mut note, &attempt.result.what);
            lines.push_str(&format!(
                "{:6}.{:03} s +{}.{:03}  {}  {}  {}\n",
                attempt.start / 1_000,
                attempt.start % 1_000,
                attempt.length / 1_000,
                attempt.length % 1_000,
                self.hosts[attempt.host].endpoint,
                outcome_name(attempt.result.outcome).trim_start_matches("ECF_OUTCOME_"),
                String::from_utf8_lossy(&note)
            ));
        }
        lines + &self.summary(status, message, end)
    }

    /// Why a command ended so, in one sentence without its full stop.
    #[must_use]
    pub fn why(&self, status: Status) -> String {
        match (status, self.limit) {
            (Status::Timeout, Some((key, value))) => format!(
                "{key} ({} s) was reached before a server confirmed the command",
                seconds(value)
            ),
            _ => status.text().to_owned(),
        }
    }

    /// How the command ended, or how far it is, in one line.
    #[must_use]
    pub fn summary(&self, status: Option<Status>, message: &str, end: Millis) -> String {
        let length = self.length(end);
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
        if reasons.is_empty() {
            String::new()
        } else {
            format!("; no retry can cure this: {}", reasons.join(", "))
        }
    }
}

/// A duration as keys take it: `0.25`, `60`.
fn seconds(millis: Millis) -> String {
    let text = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Kind, Outcome, Stage};
    use crate::report::AttemptResult;

    #[test]
    fn an_attempt_without_words_is_told_by_its_outcome() {
        let mut report = Report::new("delegated", Kind::Task, 0);
        let Ok(endpoint) = Endpoint::parse(b"backup:7", 1) else {
            return;
        };
        for (number, outcome) in [(1, Outcome::Zombie), (2, Outcome::Rejected)] {
            let result = AttemptResult {
                outcome,
                stage: Stage::Reply,
                fault: None,
                errno: 0,
                what: b" \n".to_vec(),
                cure: Cure::Retry,
            };
            report.record(number, &endpoint, 10, 20, result);
        }
        assert_eq!(
            report.error_lines(),
            b"backup:7: ECF_OUTCOME_REJECTED (attempts: 2)"
        );
    }

    #[test]
    fn a_timeline_has_a_line_for_each_attempt_and_the_summary() {
        let mut report = Report::new("meter", Kind::Task, 5_000);
        let Ok(endpoint) = Endpoint::parse(b"[::1]:7", 1) else {
            return;
        };
        let result = AttemptResult {
            outcome: Outcome::NotSent,
            stage: Stage::Connect,
            fault: None,
            errno: 111,
            what: b"re\x1b[31mfused\nat once".to_vec(),
            cure: Cure::Retry,
        };
        report.record(1, &endpoint, 15_010, 16_250, result);
        report.limited_by("ECF_TIMEOUT", 60_000);
        let told = report.timeline(Some(Status::Timeout), "", 65_000);
        assert_eq!(
            told,
            "    10.010 s +1.240  [::1]:7  NOT_SENT  re [31mfused; at once\n\
             ECF_TIMEOUT (60 s) was reached before a server confirmed the command; \
             attempts: 1, hosts: 1, ended after 60.000 s"
        );
    }
}
