//! What is known of hosts beyond one command: who is dead, who answered, who may probe.
//!
//! It is knowledge for the order of hosts and for pauses, and for nothing else: a command never
//! fails, and never succeeds, because of it. It lives in a handle or, as an image of at most
//! [`LONGEST_IMAGE`] bytes, in a file that all processes of a user on a node share.
//!
//! # The image
//!
//! Little-endian numbers without gaps; times are milliseconds since the node was booted.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `ECFMEM01` |
//! | 8 | FNV-1a (64 bits) of all bytes behind this number |
//! | 16 | the boot id of the node |
//! | 8, 8 | the crowd: its size, and when that was |
//! | 8, 8 | the retry budget: thousandths of a retry, and when that was |
//! | 8 | the number of hosts, at most 50 |
//! | 72 each | a host (behind the last one: zeros): FNV-1a of its `host:port`; a byte each for health and cause, two each for good probes, silences and nothing; then when its health changed, when it was last heard of, when it answered, until when it is busy, when it rose, until when it is held down, and when it may be probed |

mod image;

use crate::model::{Endpoint, Millis};

/// No image is longer, in bytes.
pub const LONGEST_IMAGE: usize = 4096;
const MOST_HOSTS: usize = 50;

/// HealthTable that was not renewed for so long counts no more.
const TTL: Millis = 600_000;
/// How long the host that answered last is preferred among the backups.
const FAVOUR: Millis = 3_600_000;
/// A host that dies within so long after it rose is held down for as long.
const HOLD: Millis = 60_000;
/// One probe of a host in this time, by whoever comes first.
const LEASE: Millis = 2_000;
/// The same for a host that refused a moment ago, while there is no other.
const URGENT_LEASE: Millis = 225;
/// How long that moment lasts.
const URGENT: Millis = 5_000;
/// How long a host counts as busy that was connected and mute, and how long after it answered:
/// its queue is still full.
const BUSY: Millis = 30_000;
const BUSY_YET: Millis = 10_000;
/// It is told to be busy when it has been so for this time.
const BUSY_TOLD: Millis = 1_000;
/// A server takes thousands of commands a second, a node fails over one in this time.
const SLOT: Millis = 24;
/// A host has answered of late within this time.
const OF_LATE: Millis = 60_000;
/// Retries that are free in a minute, in thousandths; so small a load harms nobody.
const FREE_RETRIES: u64 = 10_000;
/// More commands than this do not change hosts on one node.
const LARGEST_CROWD: u64 = 1_000_000;

/// A host as the image knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostKey(u64);

impl HostKey {
    /// The key of a server.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Self {
        Self(fnv1a(endpoint.to_string().to_ascii_lowercase().as_bytes()))
    }
}

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

/// What a policy wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// How every host of the line-up is.
    Standings,
    /// Whether this command may contact a host that is dead, for the others on the node too.
    Lease {
        /// Its place in the line-up.
        host: usize,
        /// There is no better host.
        is_urgent: bool,
        /// The lease is longer by so many milliseconds, so that nodes do not march in step.
        spread: Millis,
    },
    /// How many commands on the node are changing hosts; this one does from now on.
    Join,
    /// This one has done so.
    Leave,
    /// A command begins: it earns so many thousandths of a retry.
    Begin {
        /// Thousandths.
        earns: u32,
    },
    /// Whether the node's budget has another retry.
    Retry,
}

/// An answer, in the order of the questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Standings`].
    Standings(Vec<HostHealth>),
    /// To [`Question::Lease`].
    Lease(Permission),
    /// To [`Question::Join`]: how many there are besides.
    Crowd(u32),
    /// To [`Question::Leave`] and [`Question::Begin`].
    Noted,
    /// To [`Question::Retry`].
    Retry(bool),
}

/// Whether a dead host may be contacted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// Another has it for so many milliseconds more.
    TakenFor(Millis),
}

/// How one host is.
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Record {
    key: HostKey,
    health: Health,
    cause: Cause,
    good_probes: u16,
    silences: u16,
    /// When its health changed.
    since: Millis,
    /// When it was last heard of.
    seen: Millis,
    /// When it last answered; 0 for never, as in all that follow.
    answered: Millis,
    busy_until: Millis,
    rose: Millis,
    held_until: Millis,
    probe_after: Millis,
}

/// What is known of the hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthTable {
    crowd: u64,
    crowd_at: Millis,
    retries: u64,
    retries_at: Millis,
    hosts: Vec<Record>,
}

impl Default for HealthTable {
    fn default() -> Self {
        Self {
            crowd: 0,
            crowd_at: 0,
            retries: FREE_RETRIES,
            retries_at: 0,
            hosts: Vec::new(),
        }
    }
}

impl HealthTable {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How a host is at `now`.
    #[must_use]
    pub fn standing(&self, key: HostKey, now: Millis) -> HostHealth {
        let Some(record) = self.hosts.iter().find(|r| r.key == key) else {
            return HostHealth::default();
        };
        let ago = |then: Millis| now.saturating_sub(then);
        let answered =
            (record.answered > 0 && ago(record.answered) < FAVOUR).then(|| ago(record.answered));
        if ago(record.seen) >= TTL {
            return HostHealth {
                answered,
                ..HostHealth::default()
            };
        }
        HostHealth {
            health: record.health,
            cause: record.cause,
            age: ago(record.since),
            answered,
            is_busy: record.health == Health::Good && now < record.busy_until,
        }
    }

    /// Answers a question about the line-up `keys` at `now`. Only [`Question::Standings`]
    /// changes nothing.
    pub fn answer(&mut self, question: Question, keys: &[HostKey], now: Millis) -> Answer {
        match question {
            Question::Standings => {
                let hosts = keys.iter().map(|key| self.standing(*key, now));
                Answer::Standings(hosts.collect())
            }
            Question::Lease {
                host,
                is_urgent,
                spread,
            } => {
                let key = keys.get(host).copied().unwrap_or_default();
                Answer::Lease(self.lease(key, is_urgent, spread, now))
            }
            Question::Join => {
                self.let_crowd_go(now);
                let before = self.crowd;
                self.crowd = (before + 1).min(LARGEST_CROWD);
                Answer::Crowd(u32::try_from(before).unwrap_or(u32::MAX))
            }
            Question::Leave => {
                self.let_crowd_go(now);
                self.crowd = self.crowd.saturating_sub(1);
                Answer::Noted
            }
            Question::Begin { earns } => {
                self.earn(u64::from(earns), now);
                Answer::Noted
            }
            Question::Retry => Answer::Retry(self.spend_retry(now)),
        }
    }

    /// Those who were killed before they left go by themselves.
    fn let_crowd_go(&mut self, now: Millis) {
        let gone = now.saturating_sub(self.crowd_at) / SLOT;
        if gone > 0 || self.crowd == 0 {
            self.crowd = self.crowd.saturating_sub(gone);
            self.crowd_at = now;
        }
    }

    fn earn(&mut self, thousandths: u64, now: Millis) {
        let passed = now.saturating_sub(self.retries_at);
        let trickle = passed.saturating_mul(FREE_RETRIES) / 60_000;
        if trickle > 0 {
            self.retries_at = now;
        }
        let earned = trickle.saturating_add(thousandths);
        self.retries = self.retries.saturating_add(earned).min(FREE_RETRIES);
    }

    fn spend_retry(&mut self, now: Millis) -> bool {
        self.earn(0, now);
        let anybody_answers = self
            .hosts
            .iter()
            .any(|r| r.answered > 0 && now.saturating_sub(r.answered) < OF_LATE);
        if !anybody_answers {
            return true;
        }
        let has_one = self.retries >= 1_000;
        if has_one {
            self.retries -= 1_000;
        }
        has_one
    }

    fn lease(&mut self, key: HostKey, is_urgent: bool, spread: Millis, now: Millis) -> Permission {
        let record = self.record(key, now);
        let left = record.probe_after.saturating_sub(now);
        if left > 0 {
            return Permission::TakenFor(left);
        }
        let died_now = now.saturating_sub(record.since) < URGENT;
        let length = match is_urgent && died_now && record.cause == Cause::Refused {
            true => URGENT_LEASE + spread / 16,
            false => LEASE + spread,
        };
        record.probe_after = now + length;
        Permission::Granted
    }

    /// Whether [`HealthTable::observe`] would change anything that matters.
    #[must_use]
    pub fn is_news(&self, key: HostKey, observation: Observation, now: Millis) -> bool {
        /// An answer of a healthy host is written down no more often than this.
        const OFTEN: Millis = 1_000;
        let Some(record) = self.hosts.iter().find(|r| r.key == key) else {
            return true;
        };
        match observation {
            Observation::Answered => {
                record.health != Health::Good
                    || record.busy_until > now
                    || now.saturating_sub(record.answered) >= OFTEN
            }
            Observation::Busy => record.busy_until <= now,
            _ => true,
        }
    }

    /// Remembers what was seen of a host at `now`.
    pub fn observe(&mut self, key: HostKey, observation: Observation, now: Millis) {
        let others_answer = self.hosts.iter().any(|r| {
            r.key != key
                && r.health == Health::Good
                && r.answered > 0
                && now.saturating_sub(r.answered) < OF_LATE
        });
        let record = self.record(key, now);
        if now.saturating_sub(record.seen) >= TTL {
            record.rise(now);
            record.rose = 0;
        }
        record.seen = now;
        match observation {
            Observation::Answered => {
                record.answered = now;
                record.calm_down(now);
                record.good_probes = 2;
                // An answer is better than a probe; still a host that comes and goes is not
                // followed while another one stays.
                if !others_answer || now >= record.held_until {
                    record.rise_from_the_dead(now);
                }
            }
            Observation::Refused => record.fall(Cause::Refused, now),
            Observation::Unreachable => record.fall(Cause::Unreachable, now),
            Observation::Mute => record.fall(Cause::Mute, now),
            Observation::Silent => record.doubt(Cause::Silent, now),
            Observation::Failed => record.doubt(Cause::Refused, now),
            Observation::Busy if record.busy_until <= now => record.busy_until = now + BUSY,
            Observation::Busy => {}
            Observation::ProbedWell => {
                record.good_probes = record.good_probes.saturating_add(1);
                let needed = match record.health {
                    Health::Suspect => 1,
                    Health::Good | Health::Dead => 2,
                };
                if record.good_probes >= needed && now >= record.held_until {
                    record.rise_from_the_dead(now);
                }
            }
            Observation::ProbedBadly => record.good_probes = 0,
        }
    }

    /// The record of a host; where there is no room the one that was not heard of for longest
    /// makes some.
    fn record(&mut self, key: HostKey, now: Millis) -> &mut Record {
        let known = self.hosts.iter().position(|r| r.key == key);
        let at = known.unwrap_or_else(|| {
            let new = Record {
                key,
                since: now,
                seen: now,
                ..Record::default()
            };
            let oldest = (0..self.hosts.len()).min_by_key(|at| self.hosts[*at].seen);
            match oldest {
                Some(oldest) if self.hosts.len() >= MOST_HOSTS => {
                    self.hosts[oldest] = new;
                    oldest
                }
                _ => {
                    self.hosts.push(new);
                    self.hosts.len() - 1
                }
            }
        });
        &mut self.hosts[at]
    }
}

impl Record {
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
            let was_busy_for = BUSY_TOLD + BUSY.saturating_sub(left);
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
        self.probe_after = 0;
    }
}

/// Fowler, Noll and Vo's hash: quick for short texts, and the same for ever.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
