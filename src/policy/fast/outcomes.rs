//! What follows from what became of a connection or a request.

use super::tuning::SILENT;
use super::{Connection, Connections, Fast, Preferred, Route, State, Then};
use crate::config::WhenAlive;
use crate::health::{Observation, SharedHealth};
use crate::model::{Fault, HostIndex, Millis, Outcome, Repeat, Status};

impl Fast {
    /// A connection could not be made.
    pub(super) fn failed(&mut self, host: HostIndex, fault: Fault, health: &mut dyn SharedHealth) {
        let is_open = |host: &super::Host| host.connection != Connection::None;
        if !self.hosts.get(host).is_some_and(is_open) {
            return;
        }
        if fault == Fault::Silent && self.is_patient_with(host) {
            self.hosts[host].connection = Connection::None;
        } else {
            if fault != Fault::Silent || !self.hosts[host].is_observed_silent {
                self.share(host, fault, 0, health);
            }
            self.give_up(host, fault);
        }
        if let State::Connecting = self.state {
            self.go_on_after_failure(host);
        }
    }

    /// Shares what others may learn from a fault, which came after a time. One that only this
    /// command's own patience made is nothing for others.
    fn share(
        &mut self,
        host: HostIndex,
        fault: Fault,
        took: Millis,
        health: &mut dyn SharedHealth,
    ) {
        let observation = match fault {
            // A caller's attempt may fail for many reasons.
            Fault::Refused if self.connections == Connections::ByCaller => Observation::Failed,
            Fault::Refused => Observation::Refused,
            Fault::Unreachable => Observation::Unreachable,
            Fault::Silent | Fault::Vanished => Observation::Silent,
            Fault::Mute if took >= self.rules.silence => Observation::Mute,
            Fault::Mute
            | Fault::Unresolved
            | Fault::Local
            | Fault::Broken
            | Fault::Closed
            | Fault::Gone => return,
        };
        health.observe(host, observation, self.now);
    }

    fn give_up(&mut self, host: HostIndex, fault: Fault) {
        self.limits.forget_zombie();
        self.hosts[host].connection = Connection::None;
        self.tries_left = self.tries_left.saturating_sub(1);
        let may_try_again = self.hosts[host].tries < self.rules.common.attempts;
        let is_worth_it = matches!(fault, Fault::Broken | Fault::Closed);
        self.hosts[host].is_done = match self.rules.common.route {
            Route::Primary(_) => true,
            Route::OneLap(_) | Route::Laps => !(is_worth_it && may_try_again),
        };
    }

    fn go_on_after_failure(&mut self, host: HostIndex) {
        let is_left = self.hosts[host].is_done && self.may_leave_primary();
        let mut hosts = self.hosts.iter();
        let has_connections = hosts.any(|h| h.connection != Connection::None);
        if is_left && !has_connections && self.lap.number == 0 {
            self.change_hosts();
        } else {
            self.state = State::Connecting;
        }
    }

    /// The exchange has ended.
    pub(super) fn exchanged(
        &mut self,
        outcome: Outcome,
        fault: Fault,
        health: &mut dyn SharedHealth,
    ) {
        if let State::Exchanging(exchange) = self.state {
            let took = self.now.saturating_sub(exchange.since);
            self.ended(exchange.host, outcome, fault, took, health);
        }
    }

    /// The caller's attempt has ended, which tells no more than its outcome and the time that it
    /// took.
    pub(super) fn attempted(&mut self, outcome: Outcome, health: &mut dyn SharedHealth) {
        let State::Attempting {
            host,
            since,
            silence,
            ..
        } = self.state
        else {
            return;
        };
        let took = self.now.saturating_sub(since);
        let fault = match outcome {
            Outcome::NotSent if took >= self.rules.hedge.max(SILENT) => Fault::Silent,
            Outcome::NotSent => Fault::Refused,
            Outcome::Unconfirmed if took >= silence => Fault::Mute,
            _ => Fault::Closed,
        };
        self.ended(host, outcome, fault, took, health);
    }

    fn ended(
        &mut self,
        host: HostIndex,
        outcome: Outcome,
        fault: Fault,
        took: Millis,
        health: &mut dyn SharedHealth,
    ) {
        let is_late = self.limits.are_over_after(outcome, self.now);
        if !matches!(
            outcome,
            Outcome::NotSent | Outcome::Unconfirmed | Outcome::Fatal
        ) {
            health.observe(host, Observation::Answered, self.now);
        }
        match outcome {
            Outcome::Ok => self.finish(Status::Ok, health),
            Outcome::Rejected => self.finish(Status::Rejected, health),
            Outcome::Fatal => self.finish(Status::Caller, health),
            Outcome::Unconfirmed if self.rules.common.repeat == Repeat::No => {
                self.share(host, fault, took, health);
                self.finish(Status::UnknownOutcome, health);
            }
            _ if is_late => self.finish(Status::Timeout, health),
            Outcome::Wait => self.wait(host),
            Outcome::Zombie => self.not_taken(host, self.rules.common.on_zombie),
            Outcome::Halted => self.not_taken(host, self.rules.common.on_halted),
            Outcome::NotSent | Outcome::Unconfirmed => {
                self.share(host, fault, took, health);
                self.give_up(host, fault);
                self.lap.last_opened = None;
                self.go_on_after_failure(host);
            }
        }
    }

    /// The server is alive and will be asked again, before any other.
    fn poll(&mut self, host: HostIndex) {
        self.preferred = Preferred::Host(host);
        self.pause(self.rules.common.retry_period, Then::FreeLap);
    }

    /// It asks to wait, and is asked again before ECF_TIMEOUT, with time for the attempt.
    fn wait(&mut self, host: HostIndex) {
        self.preferred = Preferred::Host(host);
        self.pause(self.rules.common.wait_period(), Then::FreeLap);
    }

    /// A live server does not take the command. The primary's word counts; a backup may just
    /// not be in charge, so the others are asked, too.
    fn not_taken(&mut self, host: HostIndex, when_alive: WhenAlive) {
        if when_alive == WhenAlive::Stay && host == 0 {
            return self.poll(host);
        }
        self.tries_left = self.tries_left.saturating_sub(1);
        self.hosts[host].is_done = true;
        self.lap.was_answered = true;
        self.state = State::Connecting;
    }
}
