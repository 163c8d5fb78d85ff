//! The table as one piece of bytes, which is believed only as a whole.
//!
//! Little-endian numbers without gaps; times are milliseconds since the node was booted.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `ECFMEM01` |
//! | 8 | FNV-1a (64 bits) of all bytes behind this number |
//! | 16 | the boot id of the node |
//! | 8, 8 | the stagger: how many commands change hosts, and when that was |
//! | 8, 8 | the retry budget: thousandths of a retry, and when that was |
//! | 8 | the number of hosts, at most 50 |
//! | 72 each | a host (behind the last one: zeros): FNV-1a of its `host:port`; a byte each for health and cause, two each for good probes, silences and nothing; then when its health changed, when it was last heard of, when it answered, until when it is busy, when it rose, until when it is held down, and until when it is leased |

use super::breaker::{Cause, HOLD, Health, Record};
use super::hash::fnv1a;
use super::retry_budget::RetryBudget;
use super::stagger::Stagger;
use super::table::{HealthTable, HostKey, MOST_HOSTS};
use crate::model::Millis;

/// No image is longer, in bytes.
pub const LONGEST_IMAGE: usize = 4096;
const MAGIC: &[u8; 8] = b"ECFMEM01";
/// Its bytes before the hosts.
pub(super) const HEAD: usize = 72;
pub(super) const HOST: usize = 72;
const CHECKED: usize = 16;

const IMAGE: usize = HEAD + MOST_HOSTS * HOST;

const _: () = assert!(IMAGE <= LONGEST_IMAGE, "the image fits");

impl HealthTable {
    /// The image, for a node with this boot id.
    #[must_use]
    pub fn to_image(&self, boot: [u8; 16]) -> Vec<u8> {
        let mut image = Vec::with_capacity(IMAGE);
        image.extend(MAGIC);
        image.extend([0; 8]);
        image.extend(boot);
        for number in [
            self.stagger.size(),
            self.stagger.at,
            self.retry_budget.left(),
            self.retry_budget.at,
            self.hosts.len() as u64,
        ] {
            image.extend(number.to_le_bytes());
        }
        for host in &self.hosts {
            image.extend(host.key.0.to_le_bytes());
            let [good, more_good] = host.good_probes.to_le_bytes();
            let [silences, more_silences] = host.silences.to_le_bytes();
            image.extend([
                host.health as u8,
                host.cause as u8,
                good,
                more_good,
                silences,
                more_silences,
                0,
                0,
            ]);
            for time in host.times() {
                image.extend(time.to_le_bytes());
            }
        }
        // Always as long as it can be, so that no shorter one leaves a longer one's end behind.
        image.resize(IMAGE, 0);
        let sum = fnv1a(&image[CHECKED..]);
        image[MAGIC.len()..CHECKED].copy_from_slice(&sum.to_le_bytes());
        image
    }

    /// Reads an image; `None` when it is none, is damaged, or is of another boot or another
    /// node. `now` is the time of reading: a time ahead of it is damage, too.
    #[must_use]
    pub fn from_image(image: &[u8], boot: [u8; 16], now: Millis) -> Option<Self> {
        let (head, hosts) = image.split_at_checked(HEAD)?;
        let sum = number(head, 8)?;
        if &head[..8] != MAGIC || sum != fnv1a(&image[CHECKED..]) || head[16..32] != boot {
            return None;
        }
        let count = usize::try_from(number(head, 64)?).ok()?;
        if image.len() != IMAGE || count > MOST_HOSTS {
            return None;
        }
        let table = Self {
            stagger: Stagger::new(number(head, 32)?, number(head, 40)?),
            retry_budget: RetryBudget::new(number(head, 48)?, number(head, 56)?),
            hosts: hosts
                .chunks(HOST)
                .take(count)
                .map(Record::read)
                .collect::<Option<_>>()?,
        };
        table.is_of_the_past(now).then_some(table)
    }

    fn is_of_the_past(&self, now: Millis) -> bool {
        /// Another process may have read the clock a moment later.
        const MOMENT: Millis = 5_000;
        let latest = now.saturating_add(MOMENT);
        let ahead = latest.saturating_add(HOLD);
        self.stagger.at <= latest
            && self.retry_budget.at <= latest
            && self.hosts.iter().all(|host| {
                let past = [host.since, host.seen, host.answered, host.rose];
                past.iter().all(|time| *time <= latest)
                    && host.busy_until <= ahead
                    && host.held_until <= ahead
                    && host.leased_until <= ahead
            })
    }
}

impl Record {
    fn times(&self) -> [Millis; 7] {
        [
            self.since,
            self.seen,
            self.answered,
            self.busy_until,
            self.rose,
            self.held_until,
            self.leased_until,
        ]
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let health = [Health::Good, Health::Suspect, Health::Dead];
        let causes = [
            Cause::None,
            Cause::Refused,
            Cause::Unreachable,
            Cause::Silent,
            Cause::Mute,
        ];
        let time = |at: usize| number(bytes, 16 + 8 * at);
        Some(Self {
            key: HostKey(number(bytes, 0)?),
            health: *health.get(usize::from(bytes[8]))?,
            cause: *causes.get(usize::from(bytes[9]))?,
            good_probes: u16::from_le_bytes([bytes[10], bytes[11]]),
            silences: u16::from_le_bytes([bytes[12], bytes[13]]),
            since: time(0)?,
            seen: time(1)?,
            answered: time(2)?,
            busy_until: time(3)?,
            rose: time(4)?,
            held_until: time(5)?,
            leased_until: time(6)?,
        })
    }
}

pub(super) fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at + 8)?;
    eight.try_into().ok().map(u64::from_le_bytes)
}
