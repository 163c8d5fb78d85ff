//! Profile `fast`: a live server as soon as possible, and no harm to one that is slow.
//!
//! The primary comes first as long as it is not known to be dead. A host that refuses is left at
//! once. Where a connection is not answered, the next host's is opened beside it, and the request
//! is written to one that is there. A connected server that says nothing is slow, until it has
//! been silent for too long or a second connection proves that it is gone. What was seen of hosts
//! is shared with other commands (see [`SharedHealth`]); while every host is dead, one command on
//! the node tries each of them and the others watch.
//!
//! | file            | what is in it                                                           |
//! |-----------------|-------------------------------------------------------------------------|
//! | `laps.rs`       | the order of hosts, the turns of those who change hosts, the pauses      |
//! | `connecting.rs` | which connection is opened when, and which one is sent to                |
//! | `watch.rs`      | what is done while a connected server says nothing                       |
//! | `probe.rs`      | the primary that is dead, as one command looks at it for all             |
//! | `outcomes.rs`   | what follows from a failure or an answer                                 |
//! | `tuning.rs`     | every number                                                             |

mod connecting;
mod laps;
mod outcomes;
mod probe;
mod tuning;
mod watch;

use super::limits::Limits;
use super::random::Random;
use super::{Action, FastRules, Policy, Route};
use crate::health::{Health, HostHealth, SharedHealth};
use crate::model::{Event, HostIndex, Limit, Millis, Repeat, Status};
use probe::PrimaryProbe;
use watch::Exchange;

/// Who opens the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// The policy says which is opened when, to several hosts at once; [`Action::Connect`] and
    /// [`Action::Send`].
    ByPolicy,
    /// The caller, in one attempt after another; [`Action::Attempt`].
    ByCaller,
}

/// The state machine of profile `fast` for one command.
#[derive(Debug)]
pub struct Fast {
    rules: FastRules,
    connections: Connections,
    random: Random,
    begin: Millis,
    limits: Limits,
    now: Millis,
    state: State,
    /// The primary, and the backups once the hostfile was read.
    hosts: Vec<Host>,
    is_listed: bool,
    preferred: Preferred,
    lap: Lap,
    probe: PrimaryProbe,
    /// When it was last looked at what others know of a busy host.
    rechecked_at: Millis,
    /// After which time the leases of others are looked at again.
    recheck: Millis,
    failing_since: Option<Millis>,
    longest_pause: Millis,
    tries_left: u32,
    has_attempted: bool,
    has_joined_stagger: bool,
    was_hopeless: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing has happened yet.
    New,
    /// The hosts are to be put in order.
    Ordering,
    /// The number of backups has been asked for.
    Listing,
    /// It is about to change hosts, as others may be.
    Joining,
    /// Connections are opened, in the order of the lap.
    Connecting,
    /// The request is written, and its reply is read.
    Exchanging(Exchange),
    /// An attempt by the caller is under way, and must be over at this time.
    Attempting {
        host: HostIndex,
        since: Millis,
        until: Millis,
        /// A silence of this length is one of the server's.
        silence: Millis,
    },
    /// Nothing is begun before this time.
    Paused {
        until: Millis,
        then: Then,
    },
    /// The command is over; the probe that it made for others is waited for.
    ProbeGrace {
        until: Millis,
        end: Status,
    },
    Over(Status),
}

/// What follows a pause.
#[derive(Clone, Copy, Debug)]
enum Then {
    Connect,
    Lap,
    /// A lap that costs nothing of the budget: others are watched, or a live server is polled.
    FreeLap,
}

/// The host that is tried before all others while it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preferred {
    Nobody,
    /// A backup that is known once the hostfile was read.
    Sought,
    Host(HostIndex),
}

/// One round of the hosts.
#[derive(Clone, Debug, Default)]
struct Lap {
    number: u32,
    order: Vec<HostIndex>,
    /// The host whose connection was opened last, and when.
    last_opened: Option<(HostIndex, Millis)>,
    /// Since when a busy host is waited for.
    busy_since: Option<Millis>,
    /// How long until a host may be contacted that another command has a lease of.
    taken_for: Option<Millis>,
    was_answered: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    health: HostHealth,
    connection: Connection,
    /// In this lap.
    tries: u32,
    is_done: bool,
    is_observed_silent: bool,
}

/// The connection to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Connection {
    #[default]
    None,
    Connecting {
        /// `None` while the name is looked up.
        since: Option<Millis>,
    },
    Connected {
        /// How long it took.
        took: Millis,
    },
}

impl Fast {
    /// A command that starts at `now`. `seed` decides the pauses.
    #[must_use]
    pub fn new(rules: FastRules, connections: Connections, seed: u64, now: Millis) -> Self {
        Self {
            random: Random::new(seed),
            begin: now,
            limits: Limits::new(&rules.common, now),
            now,
            state: State::New,
            hosts: vec![Host::default()],
            is_listed: false,
            preferred: Preferred::Nobody,
            lap: Lap::default(),
            probe: PrimaryProbe::NotWanted,
            rechecked_at: now,
            recheck: tuning::FIRST_RECHECK,
            failing_since: None,
            longest_pause: tuning::FIRST_PAUSE,
            tries_left: rules.common.attempts,
            has_attempted: false,
            has_joined_stagger: false,
            was_hopeless: false,
            connections,
            rules,
        }
    }

    /// The same for a command that prefers a backup, which [`Event::Preferred`] will name when
    /// the backups are known: the one that has this job.
    #[must_use]
    pub fn seeking_preferred(self) -> Self {
        Self {
            preferred: Preferred::Sought,
            ..self
        }
    }

    fn advance(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }

    /// When the command gives up, as things are.
    fn give_up_at(&self) -> Millis {
        self.limits.at()
    }

    fn may_leave_primary(&self) -> bool {
        !matches!(self.rules.common.route, Route::Primary(_))
    }

    /// What one attempt may take from now on.
    fn limit(&self) -> Millis {
        self.rules
            .common
            .attempt_limit
            .min(self.limits.left(self.now))
    }

    /// How long a server may say nothing, where there is time enough.
    fn longest_silence(&self) -> Millis {
        self.rules.silence.min(self.rules.common.attempt_limit)
    }

    /// The same from a time on, where little is left: hosts that this command has not tried yet
    /// have their share of it. What ends unconfirmed and must not be repeated leaves none.
    fn patience(&self, host: HostIndex, since: Millis) -> Millis {
        if self.lap.number > 0 || self.rules.common.repeat == Repeat::No {
            return self.rules.silence;
        }
        let is_untried = |(other, it): &(HostIndex, &Host)| {
            *other != host && it.tries == 0 && it.health.health != Health::Dead
        };
        let untried = self.hosts.iter().enumerate().filter(is_untried).count();
        let left = self.limits.left_for_hosts(since);
        match untried as Millis {
            0 => self.rules.silence,
            untried => self.rules.silence.min((left / (untried + 1)).max(1)),
        }
    }

    /// From 0 to `highest`, at random.
    fn jitter(&mut self, highest: Millis) -> Millis {
        if self.rules.jitter {
            self.random.up_to(highest)
        } else {
            0
        }
    }

    /// The same for a pause, which is not to be missed without jitter.
    fn jittered(&mut self, longest: Millis) -> Millis {
        if self.rules.jitter {
            self.random.up_to(longest)
        } else {
            longest
        }
    }

    fn pause(&mut self, period: Millis, then: Then) {
        self.state = State::Paused {
            until: self.now.saturating_add(period.max(1)),
            then,
        };
    }

    fn read(&mut self, health: &mut dyn SharedHealth) {
        let mut hosts = self.hosts.iter_mut().map(|host| &mut host.health);
        health.read(&mut hosts, self.now);
    }

    fn begin(&mut self, health: &mut dyn SharedHealth) {
        health.earn_retries(self.rules.earns, self.now);
        self.state = State::Ordering;
    }

    fn listed(&mut self, backups: usize) {
        let State::Listing = self.state else {
            return;
        };
        self.is_listed = true;
        self.hosts.resize(backups + 1, Host::default());
        if self.preferred == Preferred::Sought {
            self.preferred = Preferred::Nobody;
        }
        self.state = State::Ordering;
    }

    fn finish(&mut self, end: Status, health: &mut dyn SharedHealth) {
        if end == Status::Ok && self.probe.is_under_way() {
            let until = self.now.saturating_add(self.probe_grace());
            self.state = State::ProbeGrace {
                until: until.min(self.limits.at()),
                end,
            };
            return;
        }
        if self.has_joined_stagger {
            health.leave_stagger(self.now);
        }
        self.state = State::Over(end);
    }
}

impl Policy for Fast {
    fn next(&mut self, now: Millis, health: &mut dyn SharedHealth) -> Action {
        self.advance(now);
        loop {
            let is_late = self.limits.left(self.now) == 0;
            match self.state {
                State::Over(end) => return Action::End(end),
                State::ProbeGrace { until, end } if self.now >= until => {
                    self.end_probe_grace(end, health);
                }
                State::ProbeGrace { until, .. } => return Action::Wait { until },
                State::Exchanging(exchange) => return self.watch(exchange, health),
                State::Attempting { host, until, .. } => {
                    return Action::Attempt {
                        host,
                        limit: until.saturating_sub(self.now),
                    };
                }
                // In what follows nothing is under way that could still succeed.
                _ if is_late => self.finish(Status::Timeout, health),
                State::New => self.begin(health),
                State::Ordering => {
                    if let Some(action) = self.order(health) {
                        return action;
                    }
                }
                State::Listing => return Action::ListBackups,
                State::Joining => self.join_stagger(health),
                State::Connecting => {
                    if let Some(action) = self.connect(health) {
                        return action;
                    }
                }
                State::Paused { until, then } if self.now >= until => self.resume(then, health),
                State::Paused { until, .. } => {
                    return Action::Wait {
                        until: until.min(self.give_up_at()),
                    };
                }
            }
        }
    }

    fn record(&mut self, event: Event, now: Millis, health: &mut dyn SharedHealth) {
        self.advance(now);
        if let State::Over(_) = self.state {
            return;
        }
        match event {
            Event::Listed(backups) => self.listed(backups),
            Event::NewList => {
                self.preferred = Preferred::Nobody;
                self.hosts[1..].fill(Host::default());
            }
            Event::Preferred(host) if host < self.hosts.len() => {
                self.preferred = Preferred::Host(host);
            }
            Event::Preferred(_) => self.preferred = Preferred::Nobody,
            Event::LookingUp(host) => self.set_silent_since(host, None),
            Event::LookedUp(host) => self.set_silent_since(host, Some(self.now)),
            Event::Connected(host) => self.connected(host),
            Event::Failed(host, fault) => self.failed(host, fault, health),
            Event::Ended(outcome, fault) => self.exchanged(outcome, fault, health),
            Event::Attempted(outcome) => self.attempted(outcome, health),
            Event::Probed(host, sighting) => self.probed(host, sighting, health),
        }
    }

    fn verdict(&self) -> Option<Status> {
        match self.state {
            State::Over(end) | State::ProbeGrace { end, .. } => Some(end),
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
mod tests;
