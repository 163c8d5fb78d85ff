//! What follows from what became of a connection, a request or a probe.

use super::*;

impl Fast {
    pub(super) fn failed(&mut self, host: HostIndex, fault: Fault) {
        if fault == Fault::Silent && self.is_patient_with(host) {
            self.hosts[host].lane = Lane::None;
            return;
        }
        if fault != Fault::Silent || !self.hosts[host].is_told_silent {
            self.teach(host, fault, 0);
        }
        self.give_up(host, fault);
    }

    /// Tells the others what they may learn from a fault, which came after a time. One that only
    /// this command's own patience made is no observation.
    fn teach(&mut self, host: HostIndex, fault: Fault, took: Millis) {
        let observation = match fault {
            // The caller's own means may have many reasons.
            Fault::Refused if self.connections == Connections::ByCaller => {
                Some(Observation::Failed)
            }
            Fault::Refused => Some(Observation::Refused),
            Fault::Unreachable => Some(Observation::Unreachable),
            Fault::Silent | Fault::Vanished => Some(Observation::Silent),
            Fault::Mute if took >= self.rules.silence => Some(Observation::Mute),
            Fault::Mute
            | Fault::Unresolved
            | Fault::Local
            | Fault::Broken
            | Fault::Closed
            | Fault::Gone => None,
        };
        let learn = observation.map(|observation| Action::Observe { host, observation });
        self.queue.extend(learn);
    }

    fn give_up(&mut self, host: HostIndex, fault: Fault) {
        self.last_was_zombie = false;
        self.hosts[host].lane = Lane::None;
        self.tries_left = self.tries_left.saturating_sub(1);
        let may_try_again = self.hosts[host].tries < self.rules.rules.attempts;
        let is_worth_it = matches!(fault, Fault::Broken | Fault::Closed);
        self.hosts[host].is_done = match self.rules.rules.route {
            Route::Primary(_) => true,
            Route::OneLap(_) | Route::Laps => !(is_worth_it && may_try_again),
        };
    }

    pub(super) fn go_on_after_failure(&mut self, host: HostIndex) {
        let is_left = self.hosts[host].is_done && self.may_leave_primary();
        let has_lanes = self.hosts.iter().any(|h| h.lane != Lane::None);
        match is_left && !has_lanes && self.lap == 0 {
            true => self.join_crowd(),
            false => self.state = State::Racing,
        }
    }

    pub(super) fn ended(&mut self, host: HostIndex, outcome: Outcome, fault: Fault, took: Millis) {
        let is_late = self.now >= self.give_up_at();
        self.last_was_zombie = outcome == Outcome::Zombie;
        if !matches!(
            outcome,
            Outcome::NotSent | Outcome::Unconfirmed | Outcome::Fatal
        ) {
            self.queue.push_back(Action::Observe {
                host,
                observation: Observation::Answered,
            });
        }
        match outcome {
            Outcome::Ok => self.finish(Status::Ok),
            Outcome::Rejected => self.finish(Status::Rejected),
            Outcome::Fatal => self.finish(Status::Caller),
            Outcome::Unconfirmed if self.rules.rules.repeat == Repeat::No => {
                self.teach(host, fault, took);
                self.finish(Status::UnknownOutcome);
            }
            _ if is_late => self.finish(Status::Timeout),
            Outcome::Wait => self.poll(host),
            Outcome::Zombie => self.not_taken(host, self.rules.rules.on_zombie),
            Outcome::Halted => self.not_taken(host, self.rules.rules.on_halted),
            Outcome::NotSent | Outcome::Unconfirmed => {
                self.teach(host, fault, took);
                self.give_up(host, fault);
                self.last_opened = None;
                self.go_on_after_failure(host);
            }
        }
    }

    /// The server is alive and will be asked again, before any other.
    pub(super) fn poll(&mut self, host: HostIndex) {
        self.preferred = Some(host);
        self.pause(self.rules.rules.retry_period, Next::FreeLap);
    }

    /// A live server does not take the command. The primary's word counts; a backup may just
    /// not be in charge, so the others are asked, too.
    pub(super) fn not_taken(&mut self, host: HostIndex, when_alive: WhenAlive) {
        if when_alive == WhenAlive::Stay && host == 0 {
            return self.poll(host);
        }
        self.tries_left = self.tries_left.saturating_sub(1);
        self.hosts[host].is_done = true;
        self.lap_was_answered = true;
        self.last_opened = None;
        self.state = State::Racing;
    }

    pub(super) fn finish(&mut self, end: Status) {
        let linger = self.linger();
        self.state = match self.probe {
            Some(_) if end == Status::Ok => State::Lingering {
                until: self.now.saturating_add(linger).min(self.deadline),
                end,
            },
            _ if self.has_joined && self.rules.jitter => {
                State::Asking(Question::Leave, Then::Finish(end))
            }
            _ => State::Over(end),
        };
    }

    pub(super) fn linger_over(&mut self, end: Status) {
        // It was cut short by this side, so it has shown nothing.
        self.probe = None;
        self.finish(end);
    }

    /// How long the probe is waited for: where a connection is there, the rest is likely to come,
    /// but not from a server that was mute.
    fn linger(&mut self) -> Millis {
        let was_mute = self.hosts[0].standing.cause == Cause::Mute;
        let is_promising = self.probe_is_connected && !was_mute;
        let took = self.now.saturating_sub(self.begin);
        match is_promising || self.random.up_to(PATIENT - 1) == 0 {
            true => LONGEST_LINGER,
            false => took.clamp(SHORTEST_LINGER, LONGEST_LINGER),
        }
    }

    pub(super) fn probed(&mut self, host: HostIndex, sighting: Sighting) {
        let observation = match sighting {
            Sighting::Alive => Observation::ProbedWell,
            Sighting::Nobody => Observation::Refused,
            Sighting::Nothing => Observation::ProbedBadly,
            Sighting::Connected => return self.probe_connected(host),
        };
        if let State::Sending { host: at, .. } = self.state
            && at == host
        {
            if sighting == Sighting::Nobody {
                self.queue.push_back(Action::Observe { host, observation });
                self.queue.push_back(Action::GiveUp);
            }
            return;
        }
        if self.probe == Some(host) {
            self.probe = None;
            self.queue.push_back(Action::Observe { host, observation });
            if let State::Lingering { end, .. } = self.state {
                self.finish(end);
            }
        }
    }

    fn probe_connected(&mut self, host: HostIndex) {
        if self.probe == Some(host) {
            self.probe_is_connected = true;
            if let State::Lingering { end, .. } = self.state {
                self.finish(end);
            }
        }
    }
}
