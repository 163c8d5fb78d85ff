//! The order of hosts in a lap, the pauses between laps, and when a crowd takes turns.

use super::*;

impl Fast {
    pub(super) fn new_lap(&mut self) {
        self.lap = self.lap.saturating_add(1);
        for host in &mut self.hosts {
            host.tries = 0;
            host.is_done = false;
        }
        self.lap_was_answered = false;
        match self.is_listed {
            true => self.state = State::Listing,
            false => self.ask(Question::Standings, Then::Arrange),
        }
    }

    /// Whether nobody is known to be alive.
    pub(super) fn is_hopeless(&self) -> bool {
        self.hosts.iter().all(|h| h.standing.health == Health::Dead)
    }

    pub(super) fn arrange(&mut self) {
        let primary_is_good = self.hosts[0].standing.is_good();
        let needs_others = !primary_is_good || self.seeks_preferred;
        if !self.is_listed && self.may_leave_primary() && needs_others {
            self.state = State::Listing;
            return;
        }
        self.order = self.in_order();
        self.taken_for = None;
        self.last_opened = None;
        self.busy_since = None;
        let others_are_good = self.hosts[1..].iter().any(|h| h.standing.is_good());
        // This command itself may just have found that it is dead.
        let primary = &self.hosts[0];
        let is_untouched = primary.lane == Lane::None && !primary.is_done;
        if !primary_is_good && is_untouched && others_are_good && !self.has_asked_to_probe {
            self.has_asked_to_probe = true;
            if let Some(longer) = self.probe_lease() {
                let spread = longer + self.spread(SPREAD);
                let lease = Question::Lease {
                    host: 0,
                    is_urgent: false,
                    spread,
                };
                self.ask(lease, Then::Probe);
                return;
            }
        }
        self.approach();
    }

    /// By how much the lease for probing the primary is longer than usual; `None` if it is not
    /// to be probed. A caller's own means have no probes: there the command itself is one, which
    /// must be cheap and harmless.
    pub(super) fn probe_lease(&self) -> Option<Millis> {
        let is_repeatable = self.rules.rules.repeat != Repeat::No;
        match (self.connections, self.hosts[0].standing.cause) {
            (Connections::ByPolicy, _) => Some(0),
            (Connections::ByCaller, Cause::Refused | Cause::Unreachable) => Some(0),
            (Connections::ByCaller, Cause::Silent) if is_repeatable => Some(COSTLY),
            (Connections::ByCaller, _) => None,
        }
    }

    pub(super) fn begin_probe(&mut self) {
        match self.connections {
            Connections::ByPolicy => {
                self.probe = Some(0);
                self.probe_is_connected = false;
                self.queue.push_back(Action::Probe {
                    host: 0,
                    limit: PROBE,
                });
                self.approach();
            }
            Connections::ByCaller => {
                self.open(0);
                if let State::Attempting { until, .. } = &mut self.state {
                    *until = (*until).min(self.now.saturating_add(PROBE));
                }
            }
        }
    }

    /// Waits for a slot where many may change hosts at once.
    pub(super) fn approach(&mut self) {
        let primary = self.hosts[0].standing;
        let died_now = primary.health == Health::Dead && primary.age < MOMENT;
        let is_hopeless = self.is_hopeless();
        let hope_returned = self.was_hopeless && !is_hopeless;
        self.was_hopeless = is_hopeless;
        let is_first = self.lap == 0 && died_now && !is_hopeless;
        // Those who waited start together once more.
        self.has_joined &= !hope_returned;
        match (is_first || hope_returned) && self.may_leave_primary() {
            true => self.join_crowd(),
            false => self.state = State::Racing,
        }
    }

    pub(super) fn join_crowd(&mut self) {
        self.state = State::Racing;
        if !self.has_joined {
            self.has_joined = true;
            if self.rules.jitter {
                self.ask(Question::Join, Then::TakeSlot);
            }
        }
    }

    pub(super) fn take_slot(&mut self, crowd: u32) {
        let spread = crowd.saturating_mul(crowd).saturating_mul(SLOT);
        let half_of_the_time = self.give_up_at().saturating_sub(self.now) / 2;
        let longest = WINDOW.min(spread.into()).min(half_of_the_time);
        match self.random.up_to(longest) {
            0 => self.state = State::Racing,
            wait => self.pause(wait, Next::Race),
        }
    }

    /// The preferred host, the primary, the backup that answered last, the others as the
    /// hostfile has them; those that are not well behind those that are.
    pub(super) fn in_order(&self) -> Vec<HostIndex> {
        if !self.may_leave_primary() {
            return vec![0];
        }
        let good_backups = (1..self.hosts.len()).filter(|h| self.hosts[*h].standing.is_good());
        let favourite = good_backups
            .filter(|h| self.hosts[*h].standing.answered.is_some())
            .min_by_key(|h| self.hosts[*h].standing.answered);
        let mut order: Vec<_> = (0..self.hosts.len()).collect();
        order.sort_by_key(|host| {
            let health = self.hosts[*host].standing.health;
            let rank = match (*host, health) {
                (host, Health::Good) if Some(host) == self.preferred => 0,
                (0, _) => 1,
                (host, _) if Some(host) == favourite => 2,
                _ => 3,
            };
            (health as u8, rank, *host)
        });
        order
    }

    pub(super) fn end_lap(&mut self) {
        let is_opening = self.is_opening();
        match self.rules.rules.route {
            // What is still being opened may yet succeed.
            Route::Primary(_) | Route::OneLap(_) if is_opening => return,
            Route::Primary(end) if self.tries_left == 0 => return self.finish(end),
            Route::OneLap(end) => return self.finish(end),
            Route::Primary(_) | Route::Laps => {}
        }
        let failing_since = *self.failing_since.get_or_insert(self.now);
        if self.lap_was_answered {
            let period = self.rules.rules.retry_period;
            return self.pause(period, Next::FreeLap);
        }
        if let Some(taken_for) = self.taken_for
            && self.is_hopeless()
        {
            // Somebody else tries; what is found will be seen.
            let look = self.look;
            self.look = (look * 8 / 5).min(LAST_LOOK);
            let wait = taken_for.min(look).max(1);
            let wait = wait + self.spread(wait / 10);
            let wait = match self.has_attempted {
                true => wait,
                false => wait.min(self.half_time().saturating_sub(self.now)),
            };
            return self.pause(wait, Next::FreeLap);
        }
        if self.now.saturating_sub(failing_since) >= SOON {
            self.longest_pause = (self.longest_pause * 8 / 5).min(LONGEST_PAUSE);
        }
        let pause = match self.rules.jitter {
            true => self.random.up_to(self.longest_pause),
            false => self.longest_pause,
        };
        self.pause(pause, Next::Lap);
    }
}
