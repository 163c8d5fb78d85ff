//! Connections: which is opened when, and which one is sent to.

use super::tuning::{BUSY_RECHECK, LEASE_SPREAD, SHORTEST_SILENCE, SILENCE_RATIO, SILENT};
use super::{Action, Connection, Connections, Exchange, Fast, Route, State};
use crate::health::{Health, Lease, Observation, Permission, SharedHealth};
use crate::model::{HostIndex, Millis};

impl Fast {
    /// What is to be done about connections now; `None` when the state has changed.
    pub(super) fn connect(&mut self, health: &mut dyn SharedHealth) -> Option<Action> {
        let connected = self.lap.order.iter().chain(&[0]);
        if let Some(host) = connected
            .copied()
            .find(|host| matches!(self.hosts[*host].connection, Connection::Connected { .. }))
        {
            return Some(self.send_to(host, health));
        }
        self.observe_silent_ones(SILENT, health);
        let due = self.next_is_due_at();
        if self.now < due {
            return self.wait_for_next(due, health);
        }
        let mut order = self.lap.order.iter().copied();
        let next = order.find(|host| {
            let host = &self.hosts[*host];
            !host.is_done && host.connection == Connection::None
        });
        if let Some(host) = next {
            return self.contact(host, health);
        }
        if !self.is_listed && self.may_leave_primary() {
            self.state = State::Listing;
            return None;
        }
        if let Some((_, at)) = self.lap.last_opened
            && self.is_connecting()
            && self.now < at + SILENT
        {
            return Some(self.wait_for_connections(at + SILENT));
        }
        self.end_lap(health);
        let is_waiting = matches!(self.state, State::Connecting);
        is_waiting.then(|| self.wait_for_connections(self.now.saturating_add(SILENT)))
    }

    pub(super) fn is_connecting(&self) -> bool {
        let mut hosts = self.hosts.iter();
        hosts.any(|h| matches!(h.connection, Connection::Connecting { .. }))
    }

    fn wait_for_connections(&self, until: Millis) -> Action {
        Action::Wait {
            until: until.max(self.now + 1).min(self.give_up_at()),
        }
    }

    /// When the next connection may be opened.
    fn next_is_due_at(&self) -> Millis {
        match self.lap.last_opened {
            Some((host, at)) if self.is_connecting() => match self.lap.busy_since {
                Some(since) if self.hosts[host].health.is_busy => {
                    since.saturating_add(self.patience(host, since))
                }
                _ => at.saturating_add(self.rules.hedge),
            },
            // It is asked once more, but not again and again where connections have little time.
            Some((host, at)) if self.is_patient_with(host) && !self.hosts[host].is_done => {
                at.saturating_add(SILENT)
            }
            _ => 0,
        }
    }

    fn wait_for_next(&mut self, due: Millis, health: &mut dyn SharedHealth) -> Option<Action> {
        let last = self.lap.last_opened.filter(|_| self.is_connecting());
        let Some((host, at)) = last.filter(|(host, _)| self.hosts[*host].health.is_busy) else {
            return Some(self.wait_for_connections(due));
        };
        let recheck_at = self.rechecked_at.saturating_add(BUSY_RECHECK);
        if self.now < recheck_at {
            return Some(self.wait_for_connections(due.min(recheck_at)));
        }
        self.rechecked_at = self.now;
        self.read(health);
        self.ask_again(host, self.now.saturating_sub(at))
    }

    /// A host that was busy works again: a kernel would ask it again only much later. [With 60 s
    /// for a connection: table, p99 of a checkpoint of 20 s under 1,000 commands a second, 26.0 s
    /// without this, 19.7 s with it.]
    fn ask_again(&mut self, host: HostIndex, waited: Millis) -> Option<Action> {
        let known = self.hosts[host].health;
        let answered_meanwhile = known.answered.is_some_and(|ago| ago < waited);
        let connection = self.hosts[host].connection;
        let is_connecting = matches!(connection, Connection::Connecting { .. });
        if is_connecting && known.is_busy && answered_meanwhile && waited >= SILENT {
            return self.open(host);
        }
        None
    }

    /// Whether a busy host has still time to answer.
    pub(super) fn is_patient_with(&self, host: HostIndex) -> bool {
        let since = self.lap.busy_since;
        let since = since.filter(|_| self.hosts[host].health.is_busy);
        since.is_some_and(|since| self.now < since.saturating_add(self.patience(host, since)))
    }

    /// A host that is known to be dead is contacted by one command at a time.
    fn contact(&mut self, host: HostIndex, health: &mut dyn SharedHealth) -> Option<Action> {
        let is_dead = self.hosts[host].health.health == Health::Dead;
        let has_lease = host == 0 && self.probe.has_lease();
        if is_dead && !has_lease && self.rules.common.route == Route::Laps {
            return self.contact_dead(host, health);
        }
        // Many may find a host silent at the same time.
        if self.is_connecting() && self.lap.number == 0 && !self.has_turn() {
            self.change_hosts();
            return None;
        }
        self.open(host)
    }

    fn contact_dead(&mut self, host: HostIndex, health: &mut dyn SharedHealth) -> Option<Action> {
        let lease = if self.is_hopeless() {
            Lease::Urgent
        } else {
            Lease::Usual
        };
        let spread = self.jitter(LEASE_SPREAD);
        match health.lease(host, lease, spread, self.now) {
            Permission::Granted => self.open(host),
            Permission::TakenFor(left) if self.is_last_chance(left) => self.open(host),
            Permission::TakenFor(left) => {
                self.hosts[host].is_done = true;
                let taken = self.lap.taken_for.map_or(left, |taken| taken.min(left));
                self.lap.taken_for = Some(taken);
                None
            }
        }
    }

    pub(super) fn half_time(&self) -> Millis {
        self.begin + self.give_up_at().saturating_sub(self.begin) / 2
    }

    /// Whether nothing has been tried yet, and there is little time for waiting: no command ends
    /// without an attempt.
    fn is_last_chance(&self, lease: Millis) -> bool {
        let is_late =
            self.now >= self.half_time() || self.now.saturating_add(lease) >= self.give_up_at();
        !self.has_attempted && is_late
    }

    /// Begins a connection, or an attempt of the caller's.
    pub(super) fn open(&mut self, host: HostIndex) -> Option<Action> {
        self.has_attempted = true;
        self.lap.last_opened = Some((host, self.now));
        let opened = &mut self.hosts[host];
        opened.tries += 1;
        if opened.health.is_busy {
            self.lap.busy_since.get_or_insert(self.now);
        }
        match self.connections {
            Connections::ByPolicy => {
                opened.connection = Connection::Connecting {
                    since: Some(self.now),
                };
                opened.is_observed_silent = false;
                self.state = State::Connecting;
                Some(Action::Connect { host })
            }
            Connections::ByCaller => {
                let silence = self.patience(host, self.now);
                let is_cut = silence < self.rules.silence;
                let limit = if is_cut {
                    self.limit().min(silence)
                } else {
                    self.limit()
                };
                self.state = State::Attempting {
                    host,
                    since: self.now,
                    until: self.now.saturating_add(limit),
                    silence,
                };
                None
            }
        }
    }

    pub(super) fn set_silent_since(&mut self, host: HostIndex, since: Option<Millis>) {
        if let Some(host) = self.hosts.get_mut(host)
            && let Connection::Connecting { .. } = host.connection
        {
            host.connection = Connection::Connecting { since };
        }
    }

    pub(super) fn connected(&mut self, host: HostIndex) {
        if let Some(host) = self.hosts.get_mut(host)
            && let Connection::Connecting { since } = host.connection
        {
            let took = since.map_or(0, |since| self.now.saturating_sub(since));
            host.connection = Connection::Connected { took };
            if let State::Paused { .. } = self.state {
                self.state = State::Connecting;
            }
        }
    }

    /// Shares which hosts have not answered for so long. A busy one has a full queue.
    fn observe_silent_ones(&mut self, silence: Millis, health: &mut dyn SharedHealth) {
        for (index, host) in self.hosts.iter_mut().enumerate() {
            if let Connection::Connecting { since: Some(since) } = host.connection
                && self.now >= since + silence
                && !host.is_observed_silent
                && !host.health.is_busy
            {
                host.is_observed_silent = true;
                health.observe(index, Observation::Silent, self.now);
            }
        }
    }

    fn send_to(&mut self, host: HostIndex, health: &mut dyn SharedHealth) -> Action {
        let took = match self.hosts[host].connection {
            Connection::Connected { took } => took,
            Connection::None | Connection::Connecting { .. } => 0,
        };
        let silence = took.saturating_mul(SILENCE_RATIO).max(SHORTEST_SILENCE);
        self.observe_silent_ones(silence.max(self.rules.hedge).min(SILENT), health);
        for other in &mut self.hosts {
            other.connection = Connection::None;
        }
        self.probe.is_needless_for(host);
        let limit = self.limit();
        self.state = State::Exchanging(Exchange::new(host, self.now, limit));
        Action::Send {
            host,
            limit,
            silence: self.patience(host, self.now),
        }
    }
}
