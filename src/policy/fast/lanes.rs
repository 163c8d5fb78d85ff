//! Connections: which is opened when, which one is sent to, and what is done while its server
//! says nothing.

use super::*;

impl Fast {
    pub(super) fn is_opening(&self) -> bool {
        let mut lanes = self.hosts.iter();
        lanes.any(|h| matches!(h.lane, Lane::Opening { .. }))
    }

    /// What the race asks for now; `None` when the state has changed.
    pub(super) fn race(&mut self) -> Option<Action> {
        let connected = self.order.iter().chain(&[0]);
        if let Some(host) = connected
            .copied()
            .find(|host| matches!(self.hosts[*host].lane, Lane::Open { .. }))
        {
            self.send_to(host);
            return None;
        }
        self.tell_silent_ones();
        if !self.queue.is_empty() {
            return None;
        }
        let next = self.order.iter().copied().find(|host| {
            let host = &self.hosts[*host];
            !host.is_done && host.lane == Lane::None
        });
        let may_list = !self.is_listed && self.may_leave_primary();
        let due = self.next_is_due_at();
        let look_at = self.looked_at.saturating_add(BUSY_LOOK);
        match next {
            _ if self.now < due && self.waits_for_busy_one() => {
                if self.now >= look_at {
                    self.looked_at = self.now;
                    self.ask(Question::Standings, Then::Race);
                    return None;
                }
                return Some(self.wait_for_lanes(due.min(look_at)));
            }
            _ if self.now < due => return Some(self.wait_for_lanes(due)),
            Some(host) => self.contact(host),
            None if may_list => self.state = State::Listing,
            None if self.youngest_is_fresh() => {
                let fresh_until = self.last_opened.map_or(0, |(_, at)| at + SILENT);
                return Some(self.wait_for_lanes(fresh_until));
            }
            None => {
                self.end_lap();
                if let State::Racing = self.state {
                    return Some(self.wait_for_lanes(self.now.saturating_add(SILENT)));
                }
            }
        }
        None
    }

    pub(super) fn wait_for_lanes(&self, until: Millis) -> Action {
        Action::Wait {
            until: until.max(self.now + 1).min(self.give_up_at()),
        }
    }

    /// When the next connection may be opened.
    pub(super) fn next_is_due_at(&self) -> Millis {
        match self.last_opened {
            Some((host, at)) if self.is_opening() => match self.busy_since {
                Some(since) if self.hosts[host].standing.is_busy => {
                    since.saturating_add(self.rules.silence)
                }
                _ => at.saturating_add(self.rules.hedge),
            },
            // It is asked once more, but not again and again.
            Some((host, at)) if self.is_patient_with(host) && !self.hosts[host].is_done => {
                at.saturating_add(SILENT)
            }
            _ => 0,
        }
    }

    pub(super) fn set_silent_since(&mut self, host: HostIndex, since: Option<Millis>) {
        if let Some(host) = self.hosts.get_mut(host)
            && let Lane::Opening { .. } = host.lane
        {
            host.lane = Lane::Opening { since };
        }
    }

    /// Whether the host that is waited for is busy, as far as others know.
    pub(super) fn waits_for_busy_one(&self) -> bool {
        let last = self.last_opened.filter(|_| self.is_opening());
        last.is_some_and(|(host, _)| self.hosts[host].standing.is_busy)
    }

    pub(super) fn youngest_is_fresh(&self) -> bool {
        self.is_opening()
            && self
                .last_opened
                .is_some_and(|(_, at)| self.now < at + SILENT)
    }

    pub(super) fn tell_silent_ones(&mut self) {
        let now = self.now;
        for (index, host) in self.hosts.iter_mut().enumerate() {
            if let Lane::Opening { since: Some(since) } = host.lane
                && now >= since + SILENT
                && !host.is_told_silent
                && !host.standing.is_busy
            {
                host.is_told_silent = true;
                self.queue.push_back(Action::Observe {
                    host: index,
                    observation: Observation::Silent,
                });
            }
        }
    }

    /// A host that is known to be dead is contacted by one command at a time.
    pub(super) fn contact(&mut self, host: HostIndex) {
        let is_dead = self.hosts[host].standing.health == Health::Dead;
        let has_lease = host == 0 && self.has_lease;
        match is_dead && !has_lease && self.rules.rules.route == Route::Laps {
            true => {
                let lease = Question::Lease {
                    host,
                    is_urgent: self.is_hopeless(),
                    spread: self.spread(SPREAD),
                };
                self.ask(lease, Then::Contact(host));
            }
            // Many may find a host silent at the same time.
            false if self.is_opening() && self.lap == 0 && !self.has_joined => self.join_crowd(),
            false => self.open(host),
        }
    }

    /// A host that was busy works again: a kernel would ask it again only much later.
    pub(super) fn ask_again(&mut self) {
        let Some((host, at)) = self.last_opened else {
            return;
        };
        let waited = self.now.saturating_sub(at);
        let standing = self.hosts[host].standing;
        let answered_meanwhile = standing.answered.is_some_and(|ago| ago < waited);
        let is_opening = matches!(self.hosts[host].lane, Lane::Opening { .. });
        if is_opening && standing.is_busy && answered_meanwhile && waited >= SILENT {
            self.open(host);
        }
    }

    /// Whether a busy host has still time to answer.
    pub(super) fn is_patient_with(&self, host: HostIndex) -> bool {
        let since = self
            .busy_since
            .filter(|_| self.hosts[host].standing.is_busy);
        since.is_some_and(|since| self.now < since.saturating_add(self.rules.silence))
    }

    pub(super) fn half_time(&self) -> Millis {
        self.begin + self.give_up_at().saturating_sub(self.begin) / 2
    }

    /// Whether nothing has been tried yet, and there is little time for waiting: no command ends
    /// without an attempt.
    pub(super) fn is_last_chance(&self, lease: Millis) -> bool {
        let is_late =
            self.now >= self.half_time() || self.now.saturating_add(lease) >= self.give_up_at();
        !self.has_attempted && is_late
    }

    pub(super) fn open(&mut self, host: HostIndex) {
        self.has_attempted = true;
        self.hosts[host].tries += 1;
        if self.hosts[host].standing.is_busy {
            self.busy_since.get_or_insert(self.now);
        }
        self.last_opened = Some((host, self.now));
        match self.connections {
            Connections::ByPolicy => {
                let since = Some(self.now);
                self.hosts[host].lane = Lane::Opening { since };
                self.hosts[host].is_told_silent = false;
                self.queue.push_back(Action::Connect { host });
                self.state = State::Racing;
            }
            Connections::ByCaller => {
                let limit = self.limit();
                self.state = State::Attempting {
                    host,
                    since: self.now,
                    until: self.now.saturating_add(limit),
                };
            }
        }
    }

    pub(super) fn limit(&self) -> Millis {
        let left = self.give_up_at().saturating_sub(self.now);
        self.rules.rules.attempt_limit.min(left)
    }

    pub(super) fn send_to(&mut self, host: HostIndex) {
        let took = match self.hosts[host].lane {
            Lane::Open { took } => took,
            _ => 0,
        };
        let silence = took.saturating_mul(SILENCE_RATIO).max(SHORTEST_SILENCE);
        let silence = silence.max(self.rules.hedge).min(SILENT);
        if self.probe == Some(host) {
            self.probe = None;
        }
        for (index, other) in self.hosts.iter_mut().enumerate() {
            if let Lane::Opening { since: Some(since) } = other.lane
                && self.now >= since + silence
                && !other.is_told_silent
                && !other.standing.is_busy
            {
                self.queue.push_back(Action::Observe {
                    host: index,
                    observation: Observation::Silent,
                });
            }
            other.lane = Lane::None;
        }
        let limit = self.limit();
        self.queue.push_back(Action::Send {
            host,
            limit,
            silence: self.rules.silence,
        });
        self.state = State::Sending {
            host,
            since: self.now,
            until: self.now.saturating_add(limit),
            is_told_busy: false,
            look_at: self.now.saturating_add(LOOK_AFTER),
        };
    }

    /// What a mute server makes necessary: telling the others that it is slow, and looking
    /// whether it is there at all.
    pub(super) fn care(&mut self) -> Option<Action> {
        let State::Sending {
            host,
            since,
            until,
            is_told_busy,
            look_at,
        } = self.state
        else {
            return None;
        };
        let busy_at = since.saturating_add(BUSY_AFTER);
        if !is_told_busy && self.now >= busy_at {
            self.queue.push_back(Action::Observe {
                host,
                observation: Observation::Busy,
            });
            self.state = State::Sending {
                host,
                since,
                until,
                is_told_busy: true,
                look_at,
            };
            return None;
        }
        if self.now >= look_at {
            let care = Care {
                host,
                since,
                until,
                look_at: self.now + (self.now - since).max(1),
            };
            self.ask(Question::Standings, Then::CareByOthers(care));
            return None;
        }
        let next = match is_told_busy {
            true => look_at,
            false => busy_at.min(look_at),
        };
        Some(Action::Wait {
            until: next.min(until).max(self.now + 1),
        })
    }
}
