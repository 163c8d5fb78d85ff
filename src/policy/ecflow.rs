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
//!
//! Where the time is too short for that, each host that was not tried yet has its share of what
//! is left: attempts are cut to it, and pauses where they do not fit whole. The hostfile is then
//! read at the start.

use super::limits::Limits;
use super::{Action, Policy, Route, Rules};
use crate::config::WhenAlive;
use crate::health::SharedHealth;
use crate::model::{Event, HostIndex, Limit, Millis, Outcome, Repeat, Status};

/// Where the timetable does not fit, pauses are whole as long as every host to come still gets this
/// time after them, or half of its share.
const ENOUGH: Millis = 5_000;
/// An attempt that fails with less than this part of its host's share left has used it up.
const REST: Millis = 8;

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
    /// Hosts that are still to be reached for the first time, or since the last "wait".
    untried: usize,
    /// Until when this host has its share of the time that there is for those.
    share_ends: Millis,
    /// Whether the pauses of the timetable were found not to fit once.
    is_tight: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// An attempt at `host` is to be made now.
    Due,
    /// It is being made, and must be over at this time.
    UnderWay {
        until: Millis,
        /// How much of that is left when the host has had its share, where it has one.
        rest: Option<Millis>,
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
    /// There is little time.
    Shares,
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
            state: if rules.is_short(rules.attempt_limit) {
                State::Listing(Purpose::Shares)
            } else {
                State::Due
            },
            host: 0,
            tries_left: rules.attempts,
            hosts: None,
            has_changed_host: false,
            untried: 0,
            share_ends: now,
            is_tight: false,
            rules,
        }
    }

    fn attempt(&mut self) -> Action {
        let whole = self.rules.attempt_limit.min(self.limits.left(self.now));
        // What ends unconfirmed and must not be repeated leaves nothing to share.
        let has_to_share = self.untried > 0 && self.rules.repeat != Repeat::No;
        let limit = if has_to_share {
            whole.min(self.share().max(1))
        } else {
            whole
        };
        self.state = State::UnderWay {
            until: self.now.saturating_add(limit),
            rest: (limit < whole).then_some(limit / REST),
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

    /// What this host and each one that was not tried yet has of the time that is left.
    fn share(&self) -> Millis {
        self.limits.left_for_hosts(self.now) / (self.untried as Millis + 1)
    }

    fn begin_share(&mut self) {
        self.share_ends = self.now.saturating_add(self.share());
    }

    /// All pauses until the last host is reached, if they refuse, and what each should have after
    /// them. `retries` is how often this host is still to be asked.
    fn pauses(&self, retries: u32, enough: Millis) -> Millis {
        let untried = self.untried as Millis;
        let others = untried.saturating_sub(1);
        let tries = u64::from(self.rules.attempts - 1)
            .saturating_mul(others)
            .saturating_add(retries.into());
        let changes = others + u64::from(self.has_changed_host);
        let pauses = [
            tries.saturating_mul(self.rules.retry_period),
            changes.saturating_mul(self.rules.host_period),
            untried.saturating_mul(enough),
        ];
        pauses.into_iter().fold(0, Millis::saturating_add)
    }

    /// A pause of this length, or what of it this host's share allows. A limit that the timetable
    /// reaches every host within cuts none.
    fn cut(&mut self, period: Millis, retries: u32) -> Millis {
        let left = self.limits.left_for_hosts(self.now);
        self.is_tight |= self.pauses(retries, 0) >= left;
        let enough = ENOUGH.min(self.share() / 2);
        let fit = !self.is_tight || self.pauses(retries, enough) <= left;
        if fit || self.untried == 0 {
            return period;
        }
        let left = self.share_ends.saturating_sub(self.now);
        period.min(left / (Millis::from(retries) + 1))
    }

    /// The pause before another try at this host: shorter where it is the only host, and its tries
    /// would not fit.
    fn retry_period(&mut self) -> Millis {
        let retries = Millis::from(self.tries_left);
        let period = self.rules.retry_period;
        let left = self.limits.left(self.now);
        match self.rules.route {
            Route::Primary(_) if period.saturating_mul(retries) >= left => {
                period.min((left / (retries + 1)).max(1))
            }
            Route::Primary(_) => period,
            Route::OneLap(_) | Route::Laps => self.cut(period, self.tries_left),
        }
    }

    /// The server is alive and will be asked again; no try is used up or given back.
    fn poll(&mut self) {
        self.pause(self.rules.retry_period, Then::TrySameHost);
    }

    /// The server asks to wait. It is asked again before ECF_TIMEOUT, with time for the attempt.
    fn wait(&mut self) {
        // Whoever answered has still to be found if this one goes away.
        self.untried = self.hosts.map_or(0, |hosts| hosts - 1);
        self.begin_share();
        self.pause(self.rules.wait_period(), Then::TrySameHost);
    }

    fn use_up_try(&mut self) {
        self.tries_left = self.tries_left.saturating_sub(1);
        if self.tries_left > 0 {
            let period = self.retry_period();
            if period > 0 {
                return self.pause(period, Then::TrySameHost);
            }
            self.tries_left = 0;
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
            self.cut(self.rules.host_period, 0)
        } else {
            0
        };
        self.has_changed_host = true;
        self.pause(period, then);
    }

    fn arrive_at(&mut self, host: HostIndex) {
        self.host = host;
        self.tries_left = self.rules.attempts;
        self.untried = self.untried.saturating_sub(1);
        self.begin_share();
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
            Purpose::Shares => {
                self.untried = backups;
                self.begin_share();
                self.state = State::Due;
            }
            Purpose::FirstNeed => {
                self.untried = backups;
                self.leave_host(hosts);
            }
            Purpose::NewLap => {
                self.untried = self.untried.min(hosts);
                self.arrive_at(0);
            }
        }
    }

    fn attempted(&mut self, outcome: Outcome, now: Millis) {
        let State::UnderWay { until, rest } = self.state else {
            return;
        };
        self.advance(now);
        let left = until.saturating_sub(self.now);
        let has_had_its_share = rest.is_some_and(|rest| left <= rest);
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
                if has_had_its_share {
                    self.tries_left = 1;
                }
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
                State::UnderWay { until, .. } => {
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

    fn gives_up_at(&self) -> Millis {
        self.limits.at()
    }

    fn first_limit(&self) -> Limit {
        self.limits.limit()
    }
}

#[cfg(test)]
#[path = "ecflow_tests.rs"]
mod tests;
