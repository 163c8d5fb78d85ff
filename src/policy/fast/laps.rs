//! The order of hosts in a lap, the turns of those who change hosts together, and the pauses
//! between laps.

use super::tuning::{LAST_RECHECK, LONGEST_PAUSE, MOMENT, SOON, STAGGER, STAGGER_WINDOW, longer};
use super::{Action, Fast, Preferred, Route, State, Then};
use crate::health::{Health, SharedHealth};
use crate::model::HostIndex;

impl Fast {
    pub(super) fn resume(&mut self, then: Then, health: &mut dyn SharedHealth) {
        match then {
            Then::Connect => self.state = State::Connecting,
            Then::FreeLap => self.new_lap(),
            Then::Lap if health.spend_retry(self.now) => self.new_lap(),
            Then::Lap => {
                let wait = self.jittered(LONGEST_PAUSE);
                self.pause(wait, Then::FreeLap);
            }
        }
    }

    fn new_lap(&mut self) {
        self.lap.number = self.lap.number.saturating_add(1);
        self.lap.was_answered = false;
        for host in &mut self.hosts {
            host.tries = 0;
            host.is_done = false;
        }
        self.state = if self.is_listed {
            State::Listing
        } else {
            State::Ordering
        };
    }

    /// Whether nobody is known to be alive.
    pub(super) fn is_hopeless(&self) -> bool {
        self.hosts.iter().all(|h| h.health.health == Health::Dead)
    }

    /// Puts the hosts in order, and looks after a primary that is dead.
    pub(super) fn order(&mut self, health: &mut dyn SharedHealth) -> Option<Action> {
        self.read(health);
        let primary_is_good = self.hosts[0].health.is_good();
        let is_short = self.rules.common.is_short(self.longest_silence());
        let needs_others = !primary_is_good || self.preferred == Preferred::Sought || is_short;
        if !self.is_listed && self.may_leave_primary() && needs_others {
            self.state = State::Listing;
            return None;
        }
        self.lap.order = self.in_order();
        self.lap.taken_for = None;
        self.lap.last_opened = None;
        self.lap.busy_since = None;
        if self.takes_on_probe(health) {
            return self.begin_probe();
        }
        self.approach();
        None
    }

    /// The preferred host, the primary, the backup that answered last, the others as the
    /// hostfile has them; those that are not well behind those that are.
    fn in_order(&mut self) -> Vec<HostIndex> {
        let mut order = std::mem::take(&mut self.lap.order);
        order.clear();
        if !self.may_leave_primary() {
            order.push(0);
            return order;
        }
        let good_backups = (1..self.hosts.len()).filter(|h| self.hosts[*h].health.is_good());
        let favourite = good_backups
            .filter(|h| self.hosts[*h].health.answered.is_some())
            .min_by_key(|h| self.hosts[*h].health.answered);
        order.extend(0..self.hosts.len());
        order.sort_by_key(|host| {
            let health = self.hosts[*host].health.health;
            let rank = match (*host, health) {
                (host, Health::Good) if self.preferred == Preferred::Host(host) => 0,
                (0, _) => 1,
                (host, _) if Some(host) == favourite => 2,
                _ => 3,
            };
            (health as u8, rank, *host)
        });
        order
    }

    /// Goes to the first host, after a turn where many may change hosts at once.
    pub(super) fn approach(&mut self) {
        let primary = self.hosts[0].health;
        let died_now = primary.health == Health::Dead && primary.age < MOMENT;
        let is_hopeless = self.is_hopeless();
        let hope_returned = self.was_hopeless && !is_hopeless;
        self.was_hopeless = is_hopeless;
        let is_first = self.lap.number == 0 && died_now && !is_hopeless;
        // Those who waited start together once more.
        self.has_joined_stagger &= !hope_returned;
        if (is_first || hope_returned) && self.may_leave_primary() {
            self.change_hosts();
        } else {
            self.state = State::Connecting;
        }
    }

    pub(super) fn change_hosts(&mut self) {
        self.state = if self.has_turn() {
            State::Connecting
        } else {
            State::Joining
        };
    }

    /// Whether it needs no turn, or has had one.
    pub(super) fn has_turn(&self) -> bool {
        self.has_joined_stagger || !self.rules.jitter
    }

    pub(super) fn join_stagger(&mut self, health: &mut dyn SharedHealth) {
        self.has_joined_stagger = true;
        let others = health.join_stagger(self.now);
        let spread = others.saturating_mul(others).saturating_mul(STAGGER);
        let half_of_the_time = self.give_up_at().saturating_sub(self.now) / 2;
        let longest = STAGGER_WINDOW.min(spread.into()).min(half_of_the_time);
        match self.random.up_to(longest) {
            0 => self.state = State::Connecting,
            wait => self.pause(wait, Then::Connect),
        }
    }

    /// No host is left to be contacted.
    pub(super) fn end_lap(&mut self, health: &mut dyn SharedHealth) {
        match self.rules.common.route {
            // What is still being opened may yet succeed.
            Route::Primary(_) | Route::OneLap(_) if self.is_connecting() => return,
            Route::Primary(end) if self.tries_left == 0 => return self.finish(end, health),
            Route::OneLap(end) => return self.finish(end, health),
            Route::Primary(_) | Route::Laps => {}
        }
        let failing_since = *self.failing_since.get_or_insert(self.now);
        if self.lap.was_answered {
            let period = self.rules.common.retry_period;
            return self.pause(period, Then::FreeLap);
        }
        if let Some(taken_for) = self.lap.taken_for
            && self.is_hopeless()
        {
            // Somebody else tries; what is found will be seen.
            let wait = taken_for.min(self.recheck).max(1);
            self.recheck = longer(self.recheck).min(LAST_RECHECK);
            let mut wait = wait + self.jitter(wait / 10);
            if !self.has_attempted {
                wait = wait.min(self.half_time().saturating_sub(self.now));
            }
            return self.pause(wait, Then::FreeLap);
        }
        if self.now.saturating_sub(failing_since) >= SOON {
            self.longest_pause = longer(self.longest_pause).min(LONGEST_PAUSE);
        }
        let wait = self.jittered(self.longest_pause);
        self.pause(wait, Then::Lap);
    }
}
