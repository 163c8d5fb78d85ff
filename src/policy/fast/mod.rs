//! Profile `fast`: a live server as soon as possible, and no harm to one that is slow.
//!
//! The primary comes first as long as it is not known to be dead. A host that refuses is left at
//! once. Where a connection is not answered, the next host's is opened beside it: connections
//! race, and the request is written to one that is there. A connected server that says nothing
//! is slow, until it has been silent for too long or a second connection proves that it is gone.
//! What was seen of hosts is remembered for other commands (see [`HealthTable`]); while every host
//! is dead, one command on the node tries each of them and the others watch.
//!
//! [`HealthTable`]: super::HealthTable

mod lanes;
mod laps;
mod outcomes;

use std::collections::VecDeque;

use super::random::Random;
use super::{Action, FastRules, HostIndex, News, Policy, Route};
use crate::config::WhenAlive;
use crate::health::{Answer, Cause, Health, HostHealth, Observation, Permission, Question};
use crate::model::{Fault, Millis, Outcome, Repeat, Sighting, Status};

/// A connection that was not answered for so long counts as silent.
const SILENT: Millis = 1_000;
/// A server that is known to be busy may have a full queue. It is waited for as long as if it
/// were connected, and what others know of it is looked at so often.
const BUSY_LOOK: Millis = 1_000;
/// The first pause between two laps, how it grows, and how far.
const FIRST_PAUSE: Millis = 250;
const LONGEST_PAUSE: Millis = 10_000;
/// Pauses stay short for so long: most servers that go away come back at once.
const SOON: Millis = 5_000;
/// While others may try, this one looks at what they found so often at first, and at last.
const FIRST_LOOK: Millis = 250;
const LAST_LOOK: Millis = 2_000;
/// A mute server is told to be busy after this time, and looked after this much later.
const BUSY_AFTER: Millis = 1_000;
const LOOK_AFTER: Millis = 2_000;
/// How long a probe may take.
const PROBE: Millis = 1_000;
/// A command waits no longer than this for the probe that it makes for the others.
/// A probe that is only refused an answer by time is cut short, but for one of some; a primary
/// that is far away is found by that one.
const LONGEST_LINGER: Millis = 250;
const SHORTEST_LINGER: Millis = 15;
const PATIENT: Millis = 8;
/// A connection that was open for so many times as long as it took another to be there, and for
/// this time at least, was silent.
const SILENCE_RATIO: Millis = 4;
const SHORTEST_SILENCE: Millis = 50;
/// A host died a moment ago.
const MOMENT: Millis = 5_000;
/// Commands that change hosts together are spread: the second over a slot, the third over four
/// of them, the fourth over nine, and so on up to the window. How many there are on other nodes
/// nobody knows, so a crowd here is taken for a crowd everywhere.
const SLOT: u32 = 24;
const WINDOW: Millis = 1_200;
/// Leases of different nodes are spread by so much.
const SPREAD: Millis = 400;
/// A probe that costs a command a second is made more rarely by so much.
const COSTLY: Millis = 28_000;

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
    deadline: Millis,
    zombie_deadline: Millis,
    now: Millis,
    state: State,
    /// What is to be done before anything else.
    queue: VecDeque<Action>,
    /// The primary, and the backups once the hostfile was read.
    hosts: Vec<Host>,
    is_listed: bool,
    /// A backup is preferred, as soon as the hostfile was read.
    seeks_preferred: bool,
    /// The host that is tried before all others while it is well.
    preferred: Option<HostIndex>,
    order: Vec<HostIndex>,
    /// The host whose connection was opened last, and when.
    last_opened: Option<(HostIndex, Millis)>,
    /// Since when a busy host is waited for, and when it was looked at.
    busy_since: Option<Millis>,
    looked_at: Millis,
    lap: u32,
    lap_was_answered: bool,
    /// How long until a host may be contacted that another command has a lease of.
    taken_for: Option<Millis>,
    failing_since: Option<Millis>,
    longest_pause: Millis,
    look: Millis,
    tries_left: u32,
    last_was_zombie: bool,
    has_attempted: bool,
    has_joined: bool,
    was_hopeless: bool,
    probe: Option<HostIndex>,
    probe_is_connected: bool,
    /// This command has the lease of the primary.
    has_lease: bool,
    has_asked_to_probe: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    standing: HostHealth,
    lane: Lane,
    /// In this lap.
    tries: u32,
    is_done: bool,
    is_told_silent: bool,
}

/// The connection to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lane {
    #[default]
    None,
    Opening {
        /// `None` while the name is looked up.
        since: Option<Millis>,
    },
    Open {
        /// How long it took.
        took: Millis,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// A question is to be asked, or was.
    Asking(Question, Then),
    /// The number of backups has been asked for.
    Listing,
    /// Connections are opened, in the order of the lap.
    Racing,
    /// The request is written, and its reply is read.
    Sending {
        host: HostIndex,
        since: Millis,
        until: Millis,
        is_told_busy: bool,
        look_at: Millis,
    },
    /// An attempt by the caller's means.
    Attempting {
        host: HostIndex,
        since: Millis,
        until: Millis,
    },
    Paused {
        until: Millis,
        then: Next,
    },
    /// The command is over; the probe that it made for others is waited for.
    Lingering {
        until: Millis,
        end: Status,
    },
    Over(Status),
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug)]
enum Then {
    Look,
    Arrange,
    Race,
    Probe,
    TakeSlot,
    Contact(HostIndex),
    NewLap,
    /// The server that was sent to is looked after: by what others know, or by a probe.
    CareByOthers(Care),
    CareByProbe(Care),
    Finish(Status),
}

/// The exchange that is interrupted by a look at its server.
#[derive(Clone, Copy, Debug)]
struct Care {
    host: HostIndex,
    since: Millis,
    until: Millis,
    look_at: Millis,
}

impl Care {
    fn resumed(self) -> State {
        State::Sending {
            host: self.host,
            since: self.since,
            until: self.until,
            is_told_busy: true,
            look_at: self.look_at,
        }
    }
}

/// What follows a pause.
#[derive(Clone, Copy, Debug)]
enum Next {
    Race,
    Lap,
    /// A lap that costs nothing of the budget: others are watched, or a live server is polled.
    FreeLap,
}

impl Fast {
    /// A command that starts at `now`. `seed` decides the pauses.
    #[must_use]
    pub fn new(rules: FastRules, connections: Connections, seed: u64, now: Millis) -> Self {
        Self {
            random: Random::new(seed),
            begin: now,
            deadline: now.saturating_add(rules.rules.timeout),
            zombie_deadline: now.saturating_add(rules.rules.zombie_timeout),
            now,
            state: State::Asking(Question::Begin { earns: rules.earns }, Then::Look),
            queue: VecDeque::new(),
            hosts: vec![Host::default()],
            is_listed: false,
            seeks_preferred: false,
            preferred: None,
            order: Vec::new(),
            last_opened: None,
            busy_since: None,
            looked_at: now,
            lap: 0,
            lap_was_answered: false,
            taken_for: None,
            failing_since: None,
            longest_pause: FIRST_PAUSE,
            look: FIRST_LOOK,
            tries_left: rules.rules.attempts,
            last_was_zombie: false,
            has_attempted: false,
            has_joined: false,
            was_hopeless: false,
            probe: None,
            probe_is_connected: false,
            has_lease: false,
            has_asked_to_probe: false,
            connections,
            rules,
        }
    }

    /// The same for a command that prefers a backup, which [`News::Preferred`] will name when
    /// the backups are known: the one that has this job.
    #[must_use]
    pub fn seeking_preferred(self) -> Self {
        Self {
            seeks_preferred: true,
            ..self
        }
    }

    fn give_up_at(&self) -> Millis {
        match self.last_was_zombie {
            true => self.deadline.min(self.zombie_deadline),
            false => self.deadline,
        }
    }

    fn may_leave_primary(&self) -> bool {
        !matches!(self.rules.rules.route, Route::Primary(_))
    }

    fn spread(&mut self, highest: Millis) -> Millis {
        match self.rules.jitter {
            true => self.random.up_to(highest),
            false => 0,
        }
    }

    fn ask(&mut self, question: Question, then: Then) {
        self.state = State::Asking(question, then);
    }

    fn pause(&mut self, period: Millis, then: Next) {
        self.state = State::Paused {
            until: self.now.saturating_add(period.max(1)),
            then,
        };
    }

    fn answered(&mut self, answer: Answer) {
        let State::Asking(_, then) = self.state else {
            return;
        };
        match (then, answer) {
            (Then::Look, _) => self.ask(Question::Standings, Then::Arrange),
            (Then::Arrange, Answer::Standings(standings)) => {
                self.know(standings);
                self.arrange();
            }
            (Then::Race, Answer::Standings(standings)) => {
                self.know(standings);
                self.state = State::Racing;
                self.ask_again();
            }
            (Then::Probe, Answer::Lease(permission)) => match permission {
                Permission::Granted => {
                    self.has_lease = true;
                    self.begin_probe();
                }
                Permission::TakenFor(_) => self.approach(),
            },
            (Then::TakeSlot, Answer::Crowd(crowd)) => self.take_slot(crowd),
            (Then::Contact(host), Answer::Lease(Permission::Granted)) => self.open(host),
            (Then::Contact(host), Answer::Lease(Permission::TakenFor(left)))
                if self.is_last_chance(left) =>
            {
                self.open(host);
            }
            (Then::Contact(host), Answer::Lease(Permission::TakenFor(left))) => {
                self.hosts[host].is_done = true;
                self.taken_for = Some(self.taken_for.map_or(left, |taken| taken.min(left)));
                self.state = State::Racing;
            }
            (Then::NewLap, Answer::Retry(false)) => {
                let wait = match self.rules.jitter {
                    true => self.random.up_to(LONGEST_PAUSE),
                    false => LONGEST_PAUSE,
                };
                self.pause(wait, Next::FreeLap);
            }
            (Then::NewLap, Answer::Retry(true)) => self.new_lap(),
            (Then::CareByOthers(care), Answer::Standings(standings)) => {
                self.know(standings);
                let standing = self.hosts[care.host].standing;
                let mute_for = self.now.saturating_sub(care.since);
                let died_meanwhile = standing.health == Health::Dead
                    && standing.cause != Cause::Mute
                    && standing.age < mute_for;
                match died_meanwhile {
                    true => self.look_after(care),
                    false => {
                        let lease = Question::Lease {
                            host: care.host,
                            is_urgent: false,
                            spread: 0,
                        };
                        self.ask(lease, Then::CareByProbe(care));
                    }
                }
            }
            (Then::CareByProbe(care), Answer::Lease(Permission::Granted)) => self.look_after(care),
            (Then::CareByProbe(care), _) => self.state = care.resumed(),
            (Then::Finish(end), _) => self.state = State::Over(end),
            // Answers to other questions; there are none.
            (Then::CareByOthers(care), _) => self.state = care.resumed(),
            _ => self.state = State::Racing,
        }
    }

    fn look_after(&mut self, care: Care) {
        self.queue.push_back(Action::Probe {
            host: care.host,
            limit: PROBE,
        });
        self.state = care.resumed();
    }

    fn know(&mut self, standings: Vec<HostHealth>) {
        for (host, standing) in self.hosts.iter_mut().zip(standings) {
            host.standing = standing;
        }
    }

    fn advance(&mut self, now: Millis) {
        self.now = self.now.max(now);
    }

    fn resume(&mut self, then: Next) {
        match then {
            Next::Race => self.state = State::Racing,
            Next::Lap => self.ask(Question::Retry, Then::NewLap),
            Next::FreeLap => self.new_lap(),
        }
    }

    /// Whether the command may still end for want of time.
    fn is_late(&self) -> bool {
        let waits = matches!(
            self.state,
            State::Asking(
                _,
                Then::Look
                    | Then::Arrange
                    | Then::Race
                    | Then::Probe
                    | Then::TakeSlot
                    | Then::Contact(_)
                    | Then::NewLap
            ) | State::Listing
                | State::Racing
                | State::Paused { .. }
        );
        waits && self.now >= self.give_up_at()
    }
}

impl Policy for Fast {
    fn next(&mut self, now: Millis) -> Action {
        self.advance(now);
        loop {
            if let Some(action) = self.queue.pop_front() {
                return action;
            }
            if self.is_late() {
                self.finish(Status::Timeout);
            }
            match self.state {
                State::Over(end) => return Action::End(end),
                State::Asking(question, _) => return Action::Ask(question),
                State::Listing => return Action::ListBackups,
                State::Racing => {
                    if let Some(action) = self.race() {
                        return action;
                    }
                }
                State::Sending { .. } => {
                    if let Some(action) = self.care() {
                        return action;
                    }
                }
                State::Attempting { host, until, .. } => {
                    return Action::Attempt {
                        host,
                        limit: until.saturating_sub(self.now),
                    };
                }
                State::Paused { until, then } if self.now >= until => self.resume(then),
                State::Paused { until, .. } => {
                    return Action::Wait {
                        until: until.min(self.give_up_at()),
                    };
                }
                State::Lingering { until, end } if self.now >= until => self.linger_over(end),
                State::Lingering { until, .. } => return Action::Wait { until },
            }
        }
    }

    fn backups(&mut self, count: usize) {
        let State::Listing = self.state else {
            return;
        };
        self.is_listed = true;
        self.hosts.resize(count + 1, Host::default());
        self.seeks_preferred = false;
        self.ask(Question::Standings, Then::Arrange);
    }

    fn verdict(&self) -> Option<Status> {
        match self.state {
            State::Over(end)
            | State::Lingering { end, .. }
            | State::Asking(_, Then::Finish(end)) => Some(end),
            _ => None,
        }
    }

    fn outcome(&mut self, outcome: Outcome, now: Millis) {
        let State::Attempting { host, since, .. } = self.state else {
            return;
        };
        self.advance(now);
        // The caller's means tell no more than the outcome and the time that it took.
        let took = self.now.saturating_sub(since);
        let fault = match outcome {
            Outcome::NotSent if took >= self.rules.hedge.max(SILENT) => Fault::Silent,
            Outcome::NotSent => Fault::Refused,
            Outcome::Unconfirmed if took >= self.rules.silence => Fault::Mute,
            _ => Fault::Closed,
        };
        self.ended(host, outcome, fault, took);
    }

    fn tell(&mut self, news: News, now: Millis) {
        self.advance(now);
        match news {
            News::Answer(answer) => self.answered(answer),
            News::LookingUp(host) => self.set_silent_since(host, None),
            News::LookedUp(host) => self.set_silent_since(host, Some(self.now)),
            News::Connected(host) => {
                if let Some(host) = self.hosts.get_mut(host)
                    && let Lane::Opening { since } = host.lane
                {
                    let took = since.map_or(0, |since| self.now.saturating_sub(since));
                    host.lane = Lane::Open { took };
                    if let State::Paused { .. } = self.state {
                        self.state = State::Racing;
                    }
                }
            }
            News::Failed(host, fault) => {
                if self.hosts.get(host).is_some_and(|h| h.lane != Lane::None) {
                    self.failed(host, fault);
                    if let State::Racing = self.state {
                        self.go_on_after_failure(host);
                    }
                }
            }
            News::Ended(outcome, fault) => {
                if let State::Sending { host, since, .. } = self.state {
                    self.ended(host, outcome, fault, self.now.saturating_sub(since));
                }
            }
            News::Probed(host, sighting) => self.probed(host, sighting),
            News::NewList => {
                self.preferred = None;
                self.hosts[1..].fill(Host::default());
            }
            News::Preferred(host) => {
                self.seeks_preferred = false;
                self.preferred = Some(host).filter(|host| *host < self.hosts.len());
            }
        }
    }
}

#[cfg(test)]
mod tests;
