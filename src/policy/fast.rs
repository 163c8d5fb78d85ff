//! Profile `fast`: a live server as soon as possible, and no harm to one that is slow.
//!
//! The primary comes first as long as it is not known to be dead. A host that refuses is left at
//! once. Where a connection is not answered, the next host's is opened beside it: connections
//! race, and the request is written to one that is there. A connected server that says nothing
//! is slow, until it has been silent for too long or a second connection proves that it is gone.
//! What was seen of hosts is remembered for other commands (see [`Knowledge`]); while every host
//! is dead, one command on the node tries each of them and the others watch.
//!
//! [`Knowledge`]: super::Knowledge

use std::collections::VecDeque;

use super::dice::Dice;
use super::knowledge::{Answer, Cause, Health, Lesson, Permission, Question, Standing};
use super::{Action, End, FastRules, Fault, HostIndex, News, Outcome, Policy, Sighting, Travel};
use crate::config::{Millis, Repeat, WhenAlive};

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
const LONGEST_LINGER: Millis = 250;
const SHORTEST_LINGER: Millis = 5;
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

/// How attempts are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Connections to several hosts at once; [`Action::Connect`] and [`Action::Send`].
    Racing,
    /// One attempt after another by the caller's own means; [`Action::Attempt`].
    Single,
}

/// The state machine of profile `fast` for one command.
#[derive(Debug)]
pub struct Fast {
    rules: FastRules,
    means: Means,
    dice: Dice,
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
    has_joined: bool,
    was_hopeless: bool,
    probe: Option<HostIndex>,
    has_asked_to_probe: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    standing: Standing,
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
        since: Millis,
    },
    Open,
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
        end: End,
    },
    Over(End),
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
    Finish(End),
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
    pub fn new(rules: FastRules, means: Means, seed: u64, now: Millis) -> Self {
        Self {
            dice: Dice::new(seed),
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
            has_joined: false,
            was_hopeless: false,
            probe: None,
            has_asked_to_probe: false,
            means,
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
        !matches!(self.rules.rules.travel, Travel::Primary(_))
    }

    fn spread(&mut self, highest: Millis) -> Millis {
        match self.rules.jitter {
            true => self.dice.up_to(highest),
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

    // ---- laps ----

    fn new_lap(&mut self) {
        self.lap = self.lap.saturating_add(1);
        for host in &mut self.hosts {
            host.tries = 0;
            host.is_done = false;
        }
        self.lap_was_answered = false;
        let backup_is_opening = self.hosts[1..].iter().any(|h| h.lane != Lane::None);
        match self.is_listed && !backup_is_opening {
            true => self.state = State::Listing,
            false => self.ask(Question::Standings, Then::Arrange),
        }
    }

    /// Whether nobody is known to be alive.
    fn is_hopeless(&self) -> bool {
        self.hosts.iter().all(|h| h.standing.health == Health::Dead)
    }

    fn arrange(&mut self) {
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
    fn probe_lease(&self) -> Option<Millis> {
        let is_repeatable = self.rules.rules.repeat != Repeat::No;
        match (self.means, self.hosts[0].standing.cause) {
            (Means::Racing, _) => Some(0),
            (Means::Single, Cause::Refused | Cause::Unreachable) => Some(0),
            (Means::Single, Cause::Silent) if is_repeatable => Some(COSTLY),
            (Means::Single, _) => None,
        }
    }

    fn begin_probe(&mut self) {
        match self.means {
            Means::Racing => {
                self.probe = Some(0);
                self.queue.push_back(Action::Probe {
                    host: 0,
                    limit: PROBE,
                });
                self.approach();
            }
            Means::Single => {
                self.open(0);
                if let State::Attempting { until, .. } = &mut self.state {
                    *until = (*until).min(self.now.saturating_add(PROBE));
                }
            }
        }
    }

    /// Waits for a slot where many may change hosts at once.
    fn approach(&mut self) {
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

    fn join_crowd(&mut self) {
        self.state = State::Racing;
        if !self.has_joined {
            self.has_joined = true;
            if self.rules.jitter {
                self.ask(Question::Join, Then::TakeSlot);
            }
        }
    }

    fn take_slot(&mut self, crowd: u32) {
        let spread = crowd.saturating_mul(crowd).saturating_mul(SLOT);
        match self.dice.up_to(WINDOW.min(spread.into())) {
            0 => self.state = State::Racing,
            wait => self.pause(wait, Next::Race),
        }
    }

    /// The preferred host, the primary, the backup that answered last, the others as the
    /// hostfile has them; those that are not well behind those that are.
    fn in_order(&self) -> Vec<HostIndex> {
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

    fn end_lap(&mut self) {
        let is_opening = self.is_opening();
        match self.rules.rules.travel {
            // What is still being opened may yet succeed.
            Travel::Primary(_) | Travel::OneLap(_) if is_opening => return,
            Travel::Primary(end) if self.tries_left == 0 => return self.finish(end),
            Travel::OneLap(end) => return self.finish(end),
            Travel::Primary(_) | Travel::Laps => {}
        }
        let failing_since = *self.failing_since.get_or_insert(self.now);
        if self.lap_was_answered {
            let period = self.rules.rules.retry_period;
            return self.pause(period, Next::FreeLap);
        }
        if let Some(taken_for) = self.taken_for {
            // Somebody else tries; what is found will be seen.
            let look = self.look;
            self.look = (look * 8 / 5).min(LAST_LOOK);
            let wait = taken_for.min(look).max(1);
            let wait = wait + self.spread(wait / 10);
            return self.pause(wait, Next::FreeLap);
        }
        if self.now.saturating_sub(failing_since) >= SOON {
            self.longest_pause = (self.longest_pause * 8 / 5).min(LONGEST_PAUSE);
        }
        let pause = match self.rules.jitter {
            true => self.dice.up_to(self.longest_pause),
            false => self.longest_pause,
        };
        self.pause(pause, Next::Lap);
    }

    // ---- connections ----

    fn is_opening(&self) -> bool {
        let mut lanes = self.hosts.iter();
        lanes.any(|h| matches!(h.lane, Lane::Opening { .. }))
    }

    /// What the race asks for now; `None` when the state has changed.
    fn race(&mut self) -> Option<Action> {
        let connected = self.order.iter().chain(&[0]);
        if let Some(host) = connected
            .copied()
            .find(|host| self.hosts[*host].lane == Lane::Open)
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

    fn wait_for_lanes(&self, until: Millis) -> Action {
        Action::Wait {
            until: until.max(self.now + 1).min(self.give_up_at()),
        }
    }

    /// When the next connection may be opened.
    fn next_is_due_at(&self) -> Millis {
        match self.last_opened {
            Some((host, at)) if self.is_opening() => match self.busy_since {
                Some(since) if self.hosts[host].standing.is_busy => {
                    since.saturating_add(self.rules.silence)
                }
                _ => at.saturating_add(self.rules.hedge),
            },
            _ => 0,
        }
    }

    /// Whether the host that is waited for is busy, as far as others know.
    fn waits_for_busy_one(&self) -> bool {
        let last = self.last_opened.filter(|_| self.is_opening());
        last.is_some_and(|(host, _)| self.hosts[host].standing.is_busy)
    }

    fn youngest_is_fresh(&self) -> bool {
        self.is_opening()
            && self
                .last_opened
                .is_some_and(|(_, at)| self.now < at + SILENT)
    }

    fn tell_silent_ones(&mut self) {
        let now = self.now;
        for (index, host) in self.hosts.iter_mut().enumerate() {
            if let Lane::Opening { since } = host.lane
                && now >= since + SILENT
                && !host.is_told_silent
                && !host.standing.is_busy
            {
                host.is_told_silent = true;
                self.queue.push_back(Action::Learn {
                    host: index,
                    lesson: Lesson::Silent,
                });
            }
        }
    }

    /// A host that is known to be dead is contacted by one command at a time.
    fn contact(&mut self, host: HostIndex) {
        let is_dead = self.hosts[host].standing.health == Health::Dead;
        match is_dead && self.may_leave_primary() {
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
    fn ask_again(&mut self) {
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
    fn is_patient_with(&self, host: HostIndex) -> bool {
        let since = self
            .busy_since
            .filter(|_| self.hosts[host].standing.is_busy);
        since.is_some_and(|since| self.now < since.saturating_add(self.rules.silence))
    }

    fn open(&mut self, host: HostIndex) {
        self.hosts[host].tries += 1;
        if self.hosts[host].standing.is_busy {
            self.busy_since.get_or_insert(self.now);
        }
        self.last_opened = Some((host, self.now));
        match self.means {
            Means::Racing => {
                self.hosts[host].lane = Lane::Opening { since: self.now };
                self.hosts[host].is_told_silent = false;
                self.queue.push_back(Action::Connect { host });
                self.state = State::Racing;
            }
            Means::Single => {
                let limit = self.limit();
                self.state = State::Attempting {
                    host,
                    since: self.now,
                    until: self.now.saturating_add(limit),
                };
            }
        }
    }

    fn limit(&self) -> Millis {
        let left = self.give_up_at().saturating_sub(self.now);
        self.rules.rules.attempt_limit.min(left)
    }

    fn send_to(&mut self, host: HostIndex) {
        for (index, other) in self.hosts.iter_mut().enumerate() {
            if let Lane::Opening { since } = other.lane
                && self.now >= since + self.rules.hedge.max(1)
                && !other.is_told_silent
                && !other.standing.is_busy
            {
                self.queue.push_back(Action::Learn {
                    host: index,
                    lesson: Lesson::Silent,
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
    fn care(&mut self) -> Option<Action> {
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
            self.queue.push_back(Action::Learn {
                host,
                lesson: Lesson::Busy,
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

    // ---- what became of it ----

    fn failed(&mut self, host: HostIndex, fault: Fault) {
        if fault == Fault::Silent && self.is_patient_with(host) {
            self.hosts[host].lane = Lane::None;
            return;
        }
        if let Some(lesson) = lesson(fault)
            && !(lesson == Lesson::Silent && self.hosts[host].is_told_silent)
        {
            self.queue.push_back(Action::Learn { host, lesson });
        }
        self.hosts[host].lane = Lane::None;
        self.tries_left = self.tries_left.saturating_sub(1);
        let may_try_again = self.hosts[host].tries < self.rules.rules.attempts;
        let is_worth_it = matches!(fault, Fault::Broken | Fault::Closed);
        self.hosts[host].is_done = match self.rules.rules.travel {
            Travel::Primary(_) => true,
            Travel::OneLap(_) | Travel::Laps => !(is_worth_it && may_try_again),
        };
    }

    fn go_on_after_failure(&mut self, host: HostIndex) {
        let is_left = self.hosts[host].is_done && self.may_leave_primary();
        let has_lanes = self.hosts.iter().any(|h| h.lane != Lane::None);
        match is_left && !has_lanes && self.lap == 0 {
            true => self.join_crowd(),
            false => self.state = State::Racing,
        }
    }

    fn ended(&mut self, host: HostIndex, outcome: Outcome, fault: Fault) {
        let is_late = self.now >= self.give_up_at();
        self.last_was_zombie = outcome == Outcome::Zombie;
        if !matches!(
            outcome,
            Outcome::NotSent | Outcome::Unconfirmed | Outcome::Fatal
        ) {
            self.queue.push_back(Action::Learn {
                host,
                lesson: Lesson::Answered,
            });
        }
        match outcome {
            Outcome::Ok => self.finish(End::Ok),
            Outcome::Rejected => self.finish(End::Rejected),
            Outcome::Fatal => self.finish(End::Fatal),
            Outcome::Unconfirmed if self.rules.rules.repeat == Repeat::No => {
                self.queue
                    .extend(lesson(fault).map(|lesson| Action::Learn { host, lesson }));
                self.finish(End::UnknownOutcome);
            }
            _ if is_late => self.finish(End::Deadline),
            Outcome::Wait => self.poll(host),
            Outcome::Zombie => self.not_taken(host, self.rules.rules.on_zombie),
            Outcome::Halted => self.not_taken(host, self.rules.rules.on_halted),
            Outcome::NotSent | Outcome::Unconfirmed => {
                self.failed(host, fault);
                self.last_opened = None;
                self.go_on_after_failure(host);
            }
        }
    }

    /// The server is alive and will be asked again, before any other.
    fn poll(&mut self, host: HostIndex) {
        self.preferred = Some(host);
        self.pause(self.rules.rules.retry_period, Next::FreeLap);
    }

    /// A live server does not take the command. The primary's word counts; a backup may just
    /// not be in charge, so the others are asked, too.
    fn not_taken(&mut self, host: HostIndex, when_alive: WhenAlive) {
        if when_alive == WhenAlive::Stay && host == 0 {
            return self.poll(host);
        }
        self.tries_left = self.tries_left.saturating_sub(1);
        self.hosts[host].is_done = true;
        self.lap_was_answered = true;
        self.last_opened = None;
        self.state = State::Racing;
    }

    fn finish(&mut self, end: End) {
        let took = self.now.saturating_sub(self.begin);
        let linger = took.clamp(SHORTEST_LINGER, LONGEST_LINGER);
        self.state = match self.probe {
            Some(_) if end == End::Ok => State::Lingering {
                until: self.now.saturating_add(linger),
                end,
            },
            _ if self.has_joined && self.rules.jitter => {
                State::Asking(Question::Leave, Then::Finish(end))
            }
            _ => State::Over(end),
        };
    }

    fn linger_over(&mut self, end: End) {
        if let Some(host) = self.probe.take() {
            self.queue.push_back(Action::Learn {
                host,
                lesson: Lesson::ProbedBadly,
            });
        }
        self.finish(end);
    }

    fn probed(&mut self, host: HostIndex, sighting: Sighting) {
        let lesson = match sighting {
            Sighting::Alive => Lesson::ProbedWell,
            Sighting::Nobody => Lesson::Refused,
            Sighting::Nothing => Lesson::ProbedBadly,
        };
        if let State::Sending { host: at, .. } = self.state
            && at == host
        {
            if sighting == Sighting::Nobody {
                self.queue.push_back(Action::Learn { host, lesson });
                self.queue.push_back(Action::GiveUp);
            }
            return;
        }
        if self.probe == Some(host) {
            self.probe = None;
            self.queue.push_back(Action::Learn { host, lesson });
            if let State::Lingering { end, .. } = self.state {
                self.finish(end);
            }
        }
    }

    // ---- answers ----

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
                Permission::Granted => self.begin_probe(),
                Permission::TakenFor(_) => self.approach(),
            },
            (Then::TakeSlot, Answer::Crowd(crowd)) => self.take_slot(crowd),
            (Then::Contact(host), Answer::Lease(Permission::Granted)) => self.open(host),
            (Then::Contact(host), Answer::Lease(Permission::TakenFor(left))) => {
                self.hosts[host].is_done = true;
                self.taken_for = Some(self.taken_for.map_or(left, |taken| taken.min(left)));
                self.state = State::Racing;
            }
            (Then::NewLap, Answer::Retry(false)) => {
                let wait = self.dice.up_to(LONGEST_PAUSE);
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

    fn know(&mut self, standings: Vec<Standing>) {
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

/// What others may learn from a fault.
fn lesson(fault: Fault) -> Option<Lesson> {
    match fault {
        Fault::Refused => Some(Lesson::Refused),
        Fault::Unreachable => Some(Lesson::Unreachable),
        Fault::Silent => Some(Lesson::Silent),
        Fault::Mute => Some(Lesson::Mute),
        Fault::Unresolved | Fault::Local | Fault::Broken | Fault::Closed | Fault::Gone => None,
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
                self.finish(End::Deadline);
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
        self.preferred = self.preferred.filter(|host| *host <= count);
        self.seeks_preferred = false;
        self.ask(Question::Standings, Then::Arrange);
    }

    fn verdict(&self) -> Option<End> {
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
        self.ended(host, outcome, fault);
    }

    fn tell(&mut self, news: News, now: Millis) {
        self.advance(now);
        match news {
            News::Answer(answer) => self.answered(answer),
            News::Connected(host) => {
                if let Some(host) = self.hosts.get_mut(host)
                    && matches!(host.lane, Lane::Opening { .. })
                {
                    host.lane = Lane::Open;
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
                if let State::Sending { host, .. } = self.state {
                    self.ended(host, outcome, fault);
                }
            }
            News::Probed(host, sighting) => self.probed(host, sighting),
            News::Preferred(host) => {
                self.seeks_preferred = false;
                self.preferred = Some(host).filter(|host| *host < self.hosts.len());
            }
        }
    }
}

#[cfg(test)]
#[path = "fast_tests.rs"]
mod tests;
