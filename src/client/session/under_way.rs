//! The attempts of a command that are under way: how they begin, are left and end.

use super::super::log::cut;
use super::Session;
use crate::model::{
    AttemptResult, Cure, Endpoint, HostIndex, Level, Millis, Outcome, Stage, outcome_name,
};

/// An attempt that has begun and not ended.
#[derive(Clone)]
pub(super) struct UnderWay {
    pub(super) progress: Progress,
    pub(super) host: HostIndex,
    pub(super) endpoint: Endpoint,
    pub(super) number: u32,
    pub(super) begin: Millis,
}

/// How far an attempt is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its connection is being opened, beside others.
    Opening,
    /// It is the one that the request goes to.
    Chosen,
}

impl Session {
    pub(super) fn begin_attempt(
        &mut self,
        host: HostIndex,
        progress: Progress,
        limit: Option<Millis>,
    ) {
        if self.under_way.iter().any(|attempt| attempt.host == host) {
            return;
        }
        self.attempts += 1;
        self.endpoint = self.hosts[host].clone();
        self.number = self.attempts;
        self.under_way.push(UnderWay {
            progress,
            host,
            endpoint: self.endpoint.clone(),
            number: self.attempts,
            begin: self.now,
        });
        let limit = limit.map(|limit| format!(" limit_ms={limit}"));
        self.log.line(
            Level::Debug,
            format_args!(
                "attempt.start number={} host={}{}",
                self.attempts,
                self.endpoint(),
                limit.unwrap_or_default()
            ),
        );
    }

    /// Connections that others were quicker than.
    pub(super) fn leave_others(&mut self, winner: Option<HostIndex>) {
        for attempt in &mut self.under_way {
            if Some(attempt.host) == winner {
                attempt.progress = Progress::Chosen;
                self.endpoint = attempt.endpoint.clone();
                self.number = attempt.number;
            }
        }
        let why = match winner {
            Some(_) => "; another host was quicker",
            None => "",
        };
        self.leave(|attempt| attempt.progress == Progress::Opening, why);
    }

    /// Connections to backups of a list that is in use no more.
    pub(super) fn leave_backups(&mut self) {
        let is_left =
            |attempt: &UnderWay| attempt.progress == Progress::Opening && attempt.host > 0;
        self.leave(is_left, "; the hostfile has changed");
    }

    fn leave(&mut self, is_left: impl Fn(&UnderWay) -> bool, why: &str) {
        let left: Vec<_> = self
            .under_way
            .iter()
            .filter(|a| is_left(a))
            .cloned()
            .collect();
        for attempt in left {
            let waited = self.now.saturating_sub(attempt.begin);
            let what = format!("not connected after {waited} ms{why}");
            let result = AttemptResult {
                outcome: Outcome::NotSent,
                stage: Stage::Connect,
                fault: None,
                errno: 0,
                what: what.into_bytes(),
                cure: Cure::Retry,
            };
            self.close(attempt.host, result, true);
        }
    }

    pub(super) fn end_attempt(&mut self, host: HostIndex, result: AttemptResult) {
        self.close(host, result, false);
    }

    /// `is_left`: nothing was wrong with it.
    fn close(&mut self, host: HostIndex, result: AttemptResult, is_left: bool) {
        if let Outcome::Wait | Outcome::Halted | Outcome::Zombie = result.outcome {
            // It is asked again, also when the hostfile has changed meanwhile.
            self.preferred = self.keys.get(host).copied();
        }
        let Some(at) = self.under_way.iter().position(|a| a.host == host) else {
            return;
        };
        let attempt = self.under_way.remove(at);
        let result = AttemptResult {
            what: self.log.secrets.redacted(result.what),
            ..result
        };
        self.log_attempt(&attempt, &result);
        if !is_left && !self.cancel().is_cancelled() {
            self.notices.ended(&attempt.endpoint, &result);
        }
        self.report.record(
            attempt.number,
            &attempt.endpoint,
            attempt.begin,
            self.now,
            result,
        );
    }

    fn log_attempt(&self, attempt: &UnderWay, result: &AttemptResult) {
        let level = match result.outcome {
            Outcome::Ok => Level::Debug,
            Outcome::Wait | Outcome::Halted | Outcome::Zombie => Level::Info,
            _ => Level::Warn,
        };
        self.log.line(
            level,
            format_args!(
                "attempt.end number={} host={} stage={} outcome={} errno={} length_ms={} {}",
                attempt.number,
                attempt.endpoint,
                result.stage,
                outcome_name(result.outcome),
                result.errno,
                self.now.saturating_sub(attempt.begin),
                String::from_utf8_lossy(cut(&result.what))
            ),
        );
    }
}
