//! What a person is told on stderr while a command does not get through: which lines, and when.
//!
//! A line when a host fails first and when it fails for another reason, one when the hostfile has
//! something to wonder at, one when a command of which something was told is delivered, and one
//! when a signal ends it; and never more than one in ten seconds. What is left out is told later,
//! if the command still goes on and it is still so.

use crate::model::{AttemptResult, Endpoint, Fault, Millis, Outcome};

/// Between two lines.
const PAUSE: Millis = 10_000;
/// A server's longest words are cut here.
const LONGEST: usize = 400;

/// The notices of one command.
pub(super) struct Notices {
    is_on: bool,
    begin: Millis,
    /// What ends it at the latest, for people.
    limit: String,
    told_at: Option<Millis>,
    /// What was told of each host.
    told: Vec<(Endpoint, Reason)>,
    /// The failure that was seen last.
    last: Option<Trouble>,
    /// Whether it is still to be told.
    is_news: bool,
    /// What is to be told of the hostfile.
    remark: Option<String>,
}

/// What makes two failures the same.
type Reason = (Outcome, Option<Fault>, i32);

struct Trouble {
    host: Endpoint,
    reason: Reason,
    words: String,
}

/// What follows a failure.
pub(super) enum Next<'a> {
    /// Nothing until this time.
    Pause(Millis),
    /// Nothing until the end.
    End,
    /// This host is tried.
    Try(&'a Endpoint),
    /// This host has been asked already.
    Await(&'a Endpoint),
}

impl Notices {
    /// Those of a command that begins now. `limit`: how long it goes on at the most where time is
    /// what ends it, and the key that says so, if one does.
    pub(super) fn new(
        is_on: bool,
        begin: Millis,
        limit: Option<(Millis, Option<&'static str>)>,
    ) -> Self {
        let limit = match limit {
            Some((limit, Some(key))) => format!(", giving up after {} ({key})", span(limit)),
            Some((limit, None)) => format!(", giving up after {}", span(limit)),
            None => String::new(),
        };
        Self {
            is_on,
            begin,
            limit,
            told_at: None,
            told: Vec::new(),
            last: None,
            is_news: false,
            remark: None,
        }
    }

    /// There is something to tell of the hostfile, where it is wanted; told at the next occasion.
    pub(super) fn remark(&mut self, remark: String) {
        if self.is_on {
            self.remark = Some(remark);
        }
    }

    /// An attempt has ended; `result` holds no secret.
    pub(super) fn ended(&mut self, host: &Endpoint, result: &AttemptResult) {
        if !self.is_on || matches!(result.outcome, Outcome::Ok | Outcome::Rejected) {
            return;
        }
        let words = &result.what[..result.what.len().min(LONGEST)];
        let trouble = Trouble {
            host: host.clone(),
            reason: (result.outcome, result.fault, result.errno),
            words: String::from_utf8_lossy(words).into_owned(),
        };
        // An expression that is false is what a wait is for.
        self.is_news = result.outcome != Outcome::Wait
            && !self
                .told
                .iter()
                .any(|(host, reason)| *host == trouble.host && *reason == trouble.reason);
        self.last = Some(trouble);
    }

    /// The command goes on; gives the line to be told.
    pub(super) fn goes_on(&mut self, now: Millis, next: &Next<'_>) -> Option<String> {
        let is_wanted = self.is_news || self.remark.is_some();
        if !is_wanted || !self.may_tell(now) {
            return None;
        }
        let Trouble {
            host,
            reason,
            words,
        } = self.last.as_ref()?;
        let remark = self.remark.take();
        let trouble = self.is_news.then(|| format!("{host}: {words}"));
        let told: Vec<_> = trouble.into_iter().chain(remark).collect();
        let next = match next {
            Next::Pause(until) => format!("next try in {}", span(until.saturating_sub(now))),
            Next::End => "no time for another try".to_owned(),
            Next::Try(other) if *other == host => "trying again".to_owned(),
            Next::Try(other) => format!("trying {other}"),
            Next::Await(other) => format!("waiting for {other}"),
        };
        let line = format!("{}; {next}{}", told.join("; "), self.limit);
        self.told.retain(|(other, _)| other != host);
        self.told.push((host.clone(), *reason));
        self.is_news = false;
        self.told_at = Some(now);
        Some(line)
    }

    /// A host has confirmed the command; gives the line to be told.
    pub(super) fn delivered(&mut self, now: Millis, host: &Endpoint) -> Option<String> {
        if self.told.is_empty() || !self.may_tell(now) {
            return None;
        }
        self.told_at = Some(now);
        Some(format!("delivered to {host} after {}", self.length(now)))
    }

    /// It was ended from outside while it waited, at `host` last; gives what is to be told after
    /// who ended it.
    pub(super) fn interrupted(&mut self, now: Millis, host: &Endpoint) -> Option<String> {
        if !self.is_on || !self.may_tell(now) {
            return None;
        }
        self.told_at = Some(now);
        let length = self.length(now);
        Some(match &self.last {
            Some(trouble) => format!(
                "after {length}; it waited for {} ({})",
                trouble.host, trouble.words
            ),
            None => format!("after {length}; it waited for {host}"),
        })
    }

    fn length(&self, now: Millis) -> String {
        span(now.saturating_sub(self.begin))
    }

    fn may_tell(&self, now: Millis) -> bool {
        self.told_at
            .is_none_or(|told_at| now.saturating_sub(told_at) >= PAUSE)
    }
}

/// A length of time, for people.
fn span(millis: Millis) -> String {
    const MINUTE: Millis = 60_000;
    const HOUR: Millis = 60 * MINUTE;
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..10_000 if !millis.is_multiple_of(1_000) => {
            format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
        }
        _ if millis < 2 * MINUTE => format!("{} s", millis / 1_000),
        _ if millis < 2 * HOUR => format!("{} min", millis / MINUTE),
        _ => format!("{} h", millis / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cure, Host, Stage};

    fn host(name: &str) -> Endpoint {
        Endpoint {
            host: Host::parse(name.as_bytes()).unwrap_or_default(),
            port: 3141,
        }
    }

    fn refused() -> AttemptResult {
        AttemptResult {
            outcome: Outcome::NotSent,
            stage: Stage::Connect,
            fault: Some(Fault::Refused),
            errno: 111,
            what: b"Connection refused".to_vec(),
            cure: Cure::Retry,
        }
    }

    fn halted() -> AttemptResult {
        AttemptResult {
            outcome: Outcome::Halted,
            stage: Stage::Reply,
            fault: None,
            errno: 0,
            what: b"the server is halted".to_vec(),
            cure: Cure::Retry,
        }
    }

    fn notices() -> Notices {
        Notices::new(true, 1_000, Some((86_400_000, Some("ECF_TIMEOUT"))))
    }

    #[test]
    fn the_first_failure_is_told_and_the_same_again_is_not() {
        let mut notices = notices();
        let primary = host("p");
        notices.ended(&primary, &refused());
        let line = notices.goes_on(1_000, &Next::Pause(11_000));
        let wanted =
            "p:3141: Connection refused; next try in 10 s, giving up after 24 h (ECF_TIMEOUT)";
        assert_eq!(line.as_deref(), Some(wanted));
        for now in (11_000..80_000_000).step_by(10_000) {
            notices.ended(&primary, &refused());
            assert_eq!(notices.goes_on(now, &Next::Pause(now + 10_000)), None);
        }
    }

    #[test]
    fn a_change_of_host_or_of_reason_is_told_and_the_delivery_in_the_end() {
        let mut notices = notices();
        let (primary, backup) = (host("p"), host("b"));
        notices.ended(&primary, &refused());
        let line = notices.goes_on(1_000, &Next::Try(&primary));
        assert!(line.is_some_and(|line| line.contains("; trying again, ")));
        notices.ended(&primary, &halted());
        let line = notices.goes_on(11_000, &Next::Try(&backup));
        let wanted = "p:3141: the server is halted; trying b:3141, ";
        assert!(line.is_some_and(|line| line.starts_with(wanted)));
        notices.ended(&backup, &halted());
        let line = notices.goes_on(21_000, &Next::Await(&primary));
        let wanted = "b:3141: the server is halted; waiting for p:3141, ";
        assert!(line.is_some_and(|line| line.starts_with(wanted)));
        let line = notices.delivered(36_000, &backup);
        assert_eq!(line.as_deref(), Some("delivered to b:3141 after 35 s"));
    }

    #[test]
    fn ten_seconds_hold_one_line_and_what_was_left_out_is_told_later() {
        let mut notices = notices();
        let primary = host("p");
        let mut told = Vec::new();
        for now in (1_000..100_000).step_by(100) {
            let mut result = refused();
            result.errno = i32::try_from(now).unwrap_or(0);
            notices.ended(&primary, &result);
            if notices.goes_on(now, &Next::Pause(now + 100)).is_some() {
                told.push(now);
            }
        }
        assert_eq!(told.len(), 10);
        assert!(told.windows(2).all(|two| two[1] - two[0] >= PAUSE));
        assert_eq!(notices.interrupted(91_500, &primary), None);
        assert_eq!(notices.delivered(100_999, &primary), None);
        assert!(notices.delivered(101_000, &primary).is_some());
    }

    #[test]
    fn what_a_command_waited_for_is_told_when_it_is_ended() {
        let mut waiting = notices();
        let primary = host("p");
        let line = waiting.interrupted(1_500, &primary);
        assert_eq!(line.as_deref(), Some("after 500 ms; it waited for p:3141"));
        let mut failing = notices();
        failing.ended(&primary, &refused());
        assert!(failing.goes_on(1_000, &Next::Pause(11_000)).is_some());
        let line = failing.interrupted(301_000, &primary);
        let wanted = "after 5 min; it waited for p:3141 (Connection refused)";
        assert_eq!(line.as_deref(), Some(wanted));
    }

    #[test]
    fn what_is_to_be_told_of_the_hostfile_goes_with_a_failure_or_alone() {
        let (mut first, primary) = (notices(), host("p"));
        first.ended(&primary, &refused());
        assert!(first.goes_on(1_000, &Next::Pause(11_000)).is_some());
        first.ended(&primary, &refused());
        first.remark("no backups: /h: No such file or directory (ECF_HOSTFILE)".into());
        assert_eq!(
            first.goes_on(5_000, &Next::Pause(15_000)),
            None,
            "too early"
        );
        let line = first.goes_on(11_000, &Next::Pause(21_000));
        let wanted = "no backups: /h: No such file or directory (ECF_HOSTFILE); next try in 10 s, ";
        assert!(line.is_some_and(|line| line.starts_with(wanted)));
        first.ended(&primary, &refused());
        assert_eq!(first.goes_on(21_000, &Next::Pause(31_000)), None, "once");
        let mut short = Notices::new(true, 0, Some((3_000, Some("ECF_TIMEOUT"))));
        short.remark("h:1: why".into());
        short.ended(&primary, &refused());
        let line = short.goes_on(0, &Next::End);
        let wanted = "p:3141: Connection refused; h:1: why; no time for another try, giving up \
                      after 3 s (ECF_TIMEOUT)";
        assert_eq!(line.as_deref(), Some(wanted));
    }

    #[test]
    fn nothing_is_told_where_nothing_fails_or_nobody_asks() {
        let primary = host("p");
        let mut fine = notices();
        assert_eq!(fine.delivered(90_000, &primary), None);
        let mut waiting = notices();
        let mut result = halted();
        result.outcome = Outcome::Wait;
        waiting.ended(&primary, &result);
        assert_eq!(waiting.goes_on(1_000, &Next::Pause(2_000)), None);
        let mut off = Notices::new(false, 0, None);
        off.ended(&primary, &refused());
        assert_eq!(off.goes_on(0, &Next::Pause(2_000)), None);
        assert_eq!(off.delivered(90_000, &primary), None);
        assert_eq!(off.interrupted(90_000, &primary), None);
    }
}
