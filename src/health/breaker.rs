//! One host: what makes it dead, and what makes it well again.
//!
//! Behind each number stands the figure of the simulator that it moves, as in the policy's
//! `fast/tuning.rs`.

use super::HostKey;
use crate::model::Millis;

/// What was seen of a host counts no more when it was not renewed for so long. [10 s: table, a checkpoint drives 0 -> 16,015 commands away]
const TTL: Millis = 600_000;
/// How long the host that answered last is preferred among the backups. [1 ms: random, unknown outcome 209 -> 241]
const FAVOUR: Millis = 3_600_000;
/// A host that dies within so long after it rose is held down for as long. [1 s: table, returns to a primary that comes and goes 5 -> 26]
pub(super) const HOLD: Millis = 60_000;
/// How long a host counts as busy that was connected and mute. [3 s: table, a checkpoint drives 0 -> 16,015 commands away]
const BUSY: Millis = 30_000;
/// How long it does so at most after it answered: its queue is still full. [1 ms: table, a checkpoint drives 0 -> 14,434 commands away]
const BUSY_YET: Millis = 10_000;
/// It is observed to be busy when it has been so for this time. [0: `made-up 60000 1`, timed out 3,931 -> 3,941]
const BUSY_OBSERVED: Millis = 1_000;
/// A host has answered of late within this time. [1 s: random, copies 727 -> 884]
const OF_LATE: Millis = 60_000;
/// An answer of a healthy host is written to the node's file no more often than this. The simulator has no file.
const OFTEN: Millis = 1_000;

/// How a host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// As far as is known.
    #[default]
    Good = 0,
    /// It was silent once: others first, until a probe finds it.
    Suspect = 1,
    /// It refused, or was silent twice, or mute.
    Dead = 2,
}

/// What a dead host died of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// It lives.
    #[default]
    None = 0,
    /// It refused a connection.
    Refused = 1,
    /// The network knows no way to it.
    Unreachable = 2,
    /// It let connections wait.
    Silent = 3,
    /// It was connected, and said nothing.
    Mute = 4,
}

/// What was seen of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// It answered a request, whatever the answer was.
    Answered,
    /// It refused a connection.
    Refused,
    /// The network knows no way to it.
    Unreachable,
    /// A connection was not answered for a while.
    Silent,
    /// An attempt of a caller's own failed at once, for whatever reason.
    Failed,
    /// It was connected, and said nothing for too long.
    Mute,
    /// It is connected, and has said nothing yet.
    Busy,
    /// A probe found it at work.
    ProbedWell,
    /// A probe did not.
    ProbedBadly,
}

/// What is known of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostHealth {
    /// Its health.
    pub health: Health,
    /// What it died of.
    pub cause: Cause,
    /// For how many milliseconds its health has been so.
    pub age: Millis,
    /// How many milliseconds ago it last answered, if it did of late.
    pub answered: Option<Millis>,
    /// It is connected and mute: slow, not dead.
    pub is_busy: bool,
}

impl HostHealth {
    /// Whether it can come first.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.health == Health::Good
    }
}

/// A host as the table has it. Times are milliseconds since the node was booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: HostKey,
    pub(super) health: Health,
    pub(super) cause: Cause,
    pub(super) good_probes: u16,
    pub(super) silences: u16,
    /// When its health changed.
    pub(super) since: Millis,
    /// When it was last heard of.
    pub(super) seen: Millis,
    /// When it last answered; 0 for never, as in all that follow.
    pub(super) answered: Millis,
    pub(super) busy_until: Millis,
    pub(super) rose: Millis,
    pub(super) held_until: Millis,
    pub(super) leased_until: Millis,
}

impl Record {
    /// A host that is heard of for the first time.
    pub(super) fn new(key: HostKey, now: Millis) -> Self {
        Self {
            key,
            since: now,
            seen: now,
            ..Self::default()
        }
    }

    pub(super) fn at(&self, now: Millis) -> HostHealth {
        let ago = |then: Millis| now.saturating_sub(then);
        let answered =
            (self.answered > 0 && ago(self.answered) < FAVOUR).then(|| ago(self.answered));
        if ago(self.seen) >= TTL {
            return HostHealth {
                answered,
                ..HostHealth::default()
            };
        }
        HostHealth {
            health: self.health,
            cause: self.cause,
            age: ago(self.since),
            answered,
            is_busy: self.health == Health::Good && now < self.busy_until,
        }
    }

    pub(super) fn answered_of_late(&self, now: Millis) -> bool {
        self.answered > 0 && now.saturating_sub(self.answered) < OF_LATE
    }

    /// Whether [`Record::observe`] would change anything that matters.
    pub(super) fn is_news(&self, observation: Observation, now: Millis) -> bool {
        match observation {
            Observation::Answered => {
                self.health != Health::Good
                    || self.busy_until > now
                    || now.saturating_sub(self.answered) >= OFTEN
            }
            Observation::Busy => self.busy_until <= now,
            _ => true,
        }
    }

    /// Takes in what was seen. `others`: whether another host is well and has answered of late.
    pub(super) fn observe(&mut self, observation: Observation, others: Others, now: Millis) {
        if now.saturating_sub(self.seen) >= TTL {
            self.rise(now);
            self.rose = 0;
        }
        self.seen = now;
        match observation {
            Observation::Answered => {
                self.answered = now;
                self.calm_down(now);
                // An answer is better than a probe; still a host that comes and goes is not
                // followed while another one stays.
                if others == Others::Silent || now >= self.held_until {
                    self.rise_from_the_dead(now);
                }
            }
            Observation::Refused => self.fall(Cause::Refused, now),
            Observation::Unreachable => self.fall(Cause::Unreachable, now),
            Observation::Mute => self.fall(Cause::Mute, now),
            Observation::Silent => self.doubt(Cause::Silent, now),
            Observation::Failed => self.doubt(Cause::Refused, now),
            Observation::Busy if self.busy_until <= now => self.busy_until = now + BUSY,
            Observation::Busy => {}
            Observation::ProbedWell => {
                self.good_probes = self.good_probes.saturating_add(1);
                let needed = match self.health {
                    Health::Suspect => 1,
                    Health::Good | Health::Dead => 2,
                };
                if self.good_probes >= needed && now >= self.held_until {
                    self.rise_from_the_dead(now);
                }
            }
            Observation::ProbedBadly => self.good_probes = 0,
        }
    }

    /// One proof of two.
    fn doubt(&mut self, cause: Cause, now: Millis) {
        if self.silences > 0 {
            return self.fall(cause, now);
        }
        self.silences = 1;
        self.good_probes = 0;
        self.busy_until = 0;
        if self.health == Health::Good {
            self.health = Health::Suspect;
            self.cause = cause;
            self.since = now;
        }
    }

    /// A server that was busy has a queue to work off: about as long as it was busy.
    fn calm_down(&mut self, now: Millis) {
        let left = self.busy_until.saturating_sub(now);
        if left > 0 {
            let was_busy_for = BUSY_OBSERVED + BUSY.saturating_sub(left);
            let yet = now + was_busy_for.min(BUSY_YET);
            self.busy_until = self.busy_until.min(yet);
        }
    }

    fn fall(&mut self, cause: Cause, now: Millis) {
        if self.health != Health::Dead {
            if self.rose > 0 && now.saturating_sub(self.rose) < HOLD {
                self.held_until = now + HOLD;
            }
            self.health = Health::Dead;
            self.since = now;
        }
        self.cause = cause;
        self.good_probes = 0;
        self.busy_until = 0;
    }

    fn rise_from_the_dead(&mut self, now: Millis) {
        if self.health != Health::Good {
            self.rise(now);
        }
        self.silences = 0;
    }

    fn rise(&mut self, now: Millis) {
        self.health = Health::Good;
        self.cause = Cause::None;
        self.since = now;
        self.rose = now;
        self.good_probes = 0;
        self.silences = 0;
        self.leased_until = 0;
    }
}

/// The other hosts of the table, as far as they matter to one that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// One of them is well and has answered of late.
    Answer,
    /// None of them.
    Silent,
}
