//! Profile `ecflow`: what ecFlow documents of its backup servers, to the second.
//!
//! With two backups and every host refusing, attempts start at these seconds:
//!
//! ```text
//! primary 0, primary 10, b1 10, b1 20, b2 50, b2 60, primary 90, primary 100, b1 130 ...
//! ```
//!
//! Two tries at a host, RETRY_PERIOD apart; HOST_PERIOD before the next host, but for the
//! first change, which is immediate. The hostfile is read at the first change and looked at
//! again before each lap.

use super::limits::Limits;
use super::{Action, Policy, Route, Rules};
use crate::config::WhenAlive;
use crate::health::SharedHealth;
use crate::model::{Event, HostIndex, Limit, Millis, Outcome, Repeat, Status};

/// The state machine of profile `ecflow` for one command.
#[derive(Debug)]
pub struct Ecflow {
    rules: Rules,
    limits: Limits,
    now: Millis,
    state: State,
    host: HostIndex,
    tries_left: u32,
    /// Primary and backups; `None` until the hostfile was read.
    hosts: Option<usize>,
    has_changed_host: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// An attempt at `host` is to be made now.
    Due,
    /// It is being made, and must be over at this time.
    UnderWay {
        until: Millis,
    },
    /// Nothing happens before this time.
    Paused {
        until: Millis,
        then: Then,
    },
    /// The number of backups has been asked for.
    Listing(Purpose),
    Over(Status),
}

#[derive(Clone, Copy, Debug)]
enum Then {
    TrySameHost,
    TryNextHost,
    StartLap,
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// Backups are needed for the first time.
    FirstNeed,
    /// A lap begins; the list may have changed.
    NewLap,
}

impl Ecflow {
    /// A command that starts at `now`.
    #[must_use]
    pub fn new(rules: Rules, now: Millis) -> Self {
        Self {
            limits: Limits::new(&rules, now),
            now,
            state: State::Due,
            host: 0,
            tries_left: rules.attempts,
            hosts: None,
            has_changed_host: false,
            rules,
        }
    }

    fn attempt(&mut self) -> Action {
        let limit = self.rules.attempt_limit.min(self.limits.left(self.now));
        self.state = State::UnderWay {
            until: self.now.saturating_add(limit),
        };
        Action::Attempt {
            host: self.host,
            limit,
        }
    }

    fn pause(&mut self, period: Millis, then: Then) {
        self.state = State::Paused {
            until: self.now.saturating_add(period),
            then,
        };
    }

    /// The server is alive and will be asked again; no try is used up or given back.
    fn poll(&mut self) {
        self.pause(self.rules.retry_period, Then::TrySameHost);
    }

    /// The server asks to wait. It is asked again before ECF_TIMEOUT, with time for the attempt.
    fn wait(&mut self) {
        self.pause(self.rules.wait_period(), Then::TrySameHost);
    }

    fn use_up_try(&mut self) {
        self.tries_left = self.tries_left.saturating_sub(1);
        if self.tries_left > 0 {
            self.pause(self.rules.retry_period, Then::TrySameHost);
            return;
        }
        match (self.rules.route, self.hosts) {
            (Route::Primary(end), _) => self.state = State::Over(end),
            (_, None) => self.state = State::Listing(Purpose::FirstNeed),
            (_, Some(hosts)) => self.leave_host(hosts),
        }
    }

    fn leave_host(&mut self, hosts: usize) {
        let lap_goes_on = self.host + 1 < hosts;
        let then = match (self.rules.route, lap_goes_on) {
            (_, true) => Then::TryNextHost,
            (Route::OneLap(end), false) => {
                self.state = State::Over(end);
                return;
            }
            (_, false) => Then::StartLap,
        };
        let period = if self.has_changed_host {
            self.rules.host_period
        } else {
            0
        };
        self.has_changed_host = true;
        self.pause(period, then);
    }

    fn arrive_at(&mut self, host: HostIndex) {
        self.host = host;
        self.tries_left = self.rules.attempts;
        self.state = State::Due;
    }

    fn resume(&mut self, then: Then) {
        match then {
            Then::TrySameHost => self.state = State::Due,
            Then::TryNextHost => self.arrive_at(self.host + 1),
            Then::StartLap => self.state = State::Listing(Purpose::NewLap),
        }
    }

    fn advance(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }

    fn listed(&mut self, backups: usize) {
        let State::Listing(purpose) = self.state else {
            return;
        };
        let hosts = backups.saturating_add(1);
        self.hosts = Some(hosts);
        match purpose {
            Purpose::FirstNeed => self.leave_host(hosts),
            Purpose::NewLap => self.arrive_at(0),
        }
    }

    fn attempted(&mut self, outcome: Outcome, now: Millis) {
        let State::UnderWay { .. } = self.state else {
            return;
        };
        self.advance(now);
        let is_late = self.limits.are_over_after(outcome, self.now);
        match outcome {
            Outcome::Ok => self.state = State::Over(Status::Ok),
            Outcome::Rejected => self.state = State::Over(Status::Rejected),
            Outcome::Fatal => self.state = State::Over(Status::Caller),
            Outcome::Unconfirmed if self.rules.repeat == Repeat::No => {
                self.state = State::Over(Status::UnknownOutcome);
            }
            _ if is_late => self.state = State::Over(Status::Timeout),
            Outcome::Wait => self.wait(),
            Outcome::Zombie if self.rules.on_zombie == WhenAlive::Stay => self.poll(),
            Outcome::Halted if self.rules.on_halted == WhenAlive::Stay => self.poll(),
            Outcome::Zombie | Outcome::Halted | Outcome::NotSent | Outcome::Unconfirmed => {
                self.use_up_try();
            }
        }
    }
}

impl Policy for Ecflow {
    fn next(&mut self, now: Millis, _health: &mut dyn SharedHealth) -> Action {
        self.advance(now);
        loop {
            let is_late = self.limits.left(self.now) == 0;
            match self.state {
                State::Over(end) => return Action::End(end),
                State::UnderWay { until } => {
                    return Action::Attempt {
                        host: self.host,
                        limit: until.saturating_sub(self.now),
                    };
                }
                State::Due | State::Paused { .. } | State::Listing(_) if is_late => {
                    self.state = State::Over(Status::Timeout);
                }
                State::Due => return self.attempt(),
                State::Paused { until, then } if self.now >= until => self.resume(then),
                State::Paused { until, .. } => {
                    return Action::Wait {
                        until: until.min(self.limits.at()),
                    };
                }
                State::Listing(_) => return Action::ListBackups,
            }
        }
    }

    fn record(&mut self, event: Event, now: Millis, _health: &mut dyn SharedHealth) {
        match event {
            Event::Listed(backups) => self.listed(backups),
            Event::Attempted(outcome) => self.attempted(outcome, now),
            // It needs to know no more: one host after another.
            _ => {}
        }
    }

    fn verdict(&self) -> Option<Status> {
        match self.state {
            State::Over(end) => Some(end),
            _ => None,
        }
    }

    fn first_limit(&self) -> Limit {
        self.limits.limit()
    }
}

#[cfg(test)]
#[path = "ecflow_tests.rs"]
mod tests;
