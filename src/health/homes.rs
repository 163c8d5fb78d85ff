//! Which backup has which job: the one that took its init.
//!
//! It is kept in a file of its own, of at most [`LONGEST_HOMES`] bytes: 64 shelves of 32 entries.
//! The key of a job says which shelf is its own, so a command reads one shelf and a change writes
//! one entry. Each entry is believed by itself, and none is ever moved: many processes may write
//! at once, and one that ends half-way harms no other's. There is room for a thousand jobs: that
//! a shelf is full before they are on the node is as good as impossible, and where one is, the
//! oldest entry goes.
//!
//! Little-endian numbers without gaps; times are milliseconds since the node was booted.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | SipHash-2-4 of the other bytes, its key the boot id of the node |
//! | 8 | the job: the same of ECF_NAME, ECF_PASS and ECF_TRYNO, which cannot be had back from it |
//! | 8 | the backup, as in the [image](super::HealthTable::to_image) of hosts |
//! | 8 | when it took the init |
//!
//! An entry whose sum is wrong, as of zeros, is free, and so is one that is older than
//! [`LONGEST_JOB`] or of the future.

use super::hash::siphash;
use super::image::number;
use super::table::HostKey;
use crate::model::{Millis, TaskIdentity};

/// The whole file is no longer, in bytes.
pub const LONGEST_HOMES: usize = SHELVES * SHELF;
/// A shelf has so many bytes.
pub const SHELF: usize = ENTRIES * ENTRY;
/// What is known of a job counts for a week.
pub const LONGEST_JOB: Millis = 7 * 24 * 3_600_000;

const SHELVES: usize = 64;
const ENTRIES: usize = 32;
const ENTRY: usize = 32;
/// Another process may have read the clock a moment later.
const MOMENT: Millis = 5_000;

/// A job as the node knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobKey {
    digest: u64,
    boot: [u8; 16],
}

/// Bytes, and where on the shelf they go.
pub type Written = (usize, [u8; ENTRY]);

impl JobKey {
    /// The key of a job on a node with this boot id. Its process id may be told in other words,
    /// and does not count.
    #[must_use]
    pub fn of(task: &TaskIdentity, boot: [u8; 16]) -> Self {
        let mut bytes = Vec::new();
        for part in [task.path.as_slice(), task.password.reveal()] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        bytes.extend(task.try_number.to_le_bytes());
        Self {
            digest: siphash(boot, &bytes),
            boot,
        }
    }

    /// Where its shelf begins, in bytes.
    #[must_use]
    pub fn shelf(self) -> u64 {
        self.digest % SHELVES as u64 * SHELF as u64
    }

    /// The host that has the job, by its shelf.
    #[must_use]
    pub fn home(self, shelf: &[u8], now: Millis) -> Option<HostKey> {
        let entries = self.entries(shelf, now).into_iter().flatten();
        let own = entries.filter(|entry| entry.job == self.digest);
        own.max_by_key(|entry| entry.since).map(|entry| entry.host)
    }

    /// What to write so that `host` has the job from `now` on.
    #[must_use]
    pub fn remembered(self, shelf: &[u8], host: HostKey, now: Millis) -> Written {
        let entries = self.entries(shelf, now);
        // Each job looks for a free place from another one on: two that write at the same moment
        // do not meet.
        let first = self.digest / SHELVES as u64 % ENTRIES as u64;
        let first = usize::try_from(first).unwrap_or_default();
        let place = (0..ENTRIES)
            .map(|at| (first + at) % ENTRIES)
            .min_by_key(|at| match entries.get(*at).copied().flatten() {
                Some(entry) if entry.job == self.digest => (0, 0),
                None => (1, 0),
                Some(entry) => (2, entry.since),
            });
        let entry = Entry {
            job: self.digest,
            host,
            since: now,
        };
        (place.unwrap_or(first) * ENTRY, entry.to_bytes(self.boot))
    }

    /// What to write so that nobody has the job.
    #[must_use]
    pub fn forgotten(self, shelf: &[u8], now: Millis) -> Vec<Written> {
        let entries = self.entries(shelf, now).into_iter().enumerate();
        entries
            .filter(|(_, entry)| entry.is_some_and(|entry| entry.job == self.digest))
            .map(|(at, _)| (at * ENTRY, [0; ENTRY]))
            .collect()
    }

    fn entries(self, shelf: &[u8], now: Millis) -> Vec<Option<Entry>> {
        let entries = shelf.chunks_exact(ENTRY).take(ENTRIES);
        entries
            .map(|bytes| Entry::read(bytes, self.boot, now))
            .collect()
    }
}

/// A job, and who has it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    job: u64,
    host: HostKey,
    since: Millis,
}

impl Entry {
    fn to_bytes(self, boot: [u8; 16]) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let numbers = [self.job, self.host.0, self.since];
        for (place, number) in bytes[8..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let sum = siphash(boot, &bytes[8..]);
        bytes[..8].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8], boot: [u8; 16], now: Millis) -> Option<Self> {
        let since = number(bytes, 24)?;
        let oldest = now.saturating_sub(LONGEST_JOB);
        let is_of_now = (oldest..=now.saturating_add(MOMENT)).contains(&since);
        if !is_of_now || number(bytes, 0)? != siphash(boot, &bytes[8..]) {
            return None;
        }
        Some(Self {
            job: number(bytes, 8)?,
            host: HostKey(number(bytes, 16)?),
            since,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    const BOOT: [u8; 16] = [7; 16];
    const HOST: HostKey = HostKey(11);

    fn job(password: &str, try_number: i32) -> JobKey {
        let task = TaskIdentity {
            path: b"/s/f/t".to_vec(),
            password: Secret::from(password.as_bytes()),
            remote_id: b"1".to_vec(),
            try_number,
        };
        JobKey::of(&task, BOOT)
    }

    /// A file, written as the processes of a node do.
    struct Homes(Vec<u8>);

    impl Homes {
        fn shelf(&self, job: JobKey) -> &[u8] {
            let at = usize::try_from(job.shelf()).unwrap_or_default();
            &self.0[at..at + SHELF]
        }

        fn write(&mut self, job: JobKey, (at, bytes): Written) {
            let at = usize::try_from(job.shelf()).unwrap_or_default() + at;
            self.0[at..at + ENTRY].copy_from_slice(&bytes);
        }

        fn remember(&mut self, job: JobKey, host: HostKey, now: Millis) {
            let written = job.remembered(self.shelf(job), host, now);
            self.write(job, written);
        }

        fn home(&self, job: JobKey, now: Millis) -> Option<HostKey> {
            job.home(self.shelf(job), now)
        }
    }

    fn empty() -> Homes {
        Homes(vec![0; LONGEST_HOMES])
    }

    #[test]
    fn a_job_has_the_host_that_took_its_init_last_until_it_is_forgotten() {
        let (mut homes, one) = (empty(), job("p", 1));
        assert_eq!(homes.home(one, 5), None);
        homes.remember(one, HOST, 5);
        homes.remember(one, HostKey(12), 6);
        assert_eq!(homes.home(one, 7), Some(HostKey(12)));
        for other in [job("p", 2), job("q", 1)] {
            assert_eq!(homes.home(other, 7), None);
        }
        for written in one.forgotten(homes.shelf(one), 7) {
            homes.write(one, written);
        }
        assert_eq!(homes.home(one, 7), None);
        assert!(homes.0.iter().all(|byte| *byte == 0), "nothing stays");
    }

    #[test]
    fn the_parts_of_a_job_do_not_run_into_each_other() {
        let of = |path: &str, password: &str| {
            let task = TaskIdentity {
                path: path.into(),
                password: Secret::from(password.as_bytes()),
                remote_id: Vec::new(),
                try_number: 1,
            };
            JobKey::of(&task, BOOT)
        };
        assert_ne!(of("/s", "abc"), of("/sa", "bc"));
        assert_ne!(of("", "/s"), of("/s", ""));
    }

    #[test]
    fn a_thousand_jobs_have_room() {
        let mut homes = empty();
        let jobs: Vec<_> = (0..1_000).map(|n| job(&format!("p{n}"), 1)).collect();
        for job in &jobs {
            homes.remember(*job, HOST, 5);
        }
        assert!(jobs.iter().all(|job| homes.home(*job, 6) == Some(HOST)));
    }

    #[test]
    fn on_a_full_shelf_the_oldest_makes_room() {
        let mut homes = empty();
        let mut numbers = (0..).map(|n| job(&format!("p{n}"), 1));
        let first = job("p0", 1);
        let mut of_shelf = numbers.by_ref().filter(|job| job.shelf() == first.shelf());
        let jobs: Vec<_> = of_shelf.by_ref().take(ENTRIES + 1).collect();
        // The third is the oldest.
        for (at, job) in jobs.iter().enumerate() {
            let now = if at == 2 { 50 } else { 100 + at as u64 };
            homes.remember(*job, HOST, now);
        }
        for (at, job) in jobs.iter().enumerate() {
            assert_eq!(homes.home(*job, 200).is_some(), at != 2, "{at}");
        }
    }

    #[test]
    fn what_is_damaged_old_ahead_or_of_another_boot_is_not_believed() {
        let (mut homes, one) = (empty(), job("p", 1));
        homes.remember(one, HOST, 10_000);
        assert_eq!(homes.home(one, 10_000 + LONGEST_JOB), Some(HOST));
        assert_eq!(homes.home(one, 10_001 + LONGEST_JOB), None, "old");
        assert_eq!(homes.home(one, 1_000), None, "ahead");
        let other_boot = JobKey {
            boot: [8; 16],
            ..one
        };
        assert_eq!(homes.home(other_boot, 10_000), None);
        for at in 0..LONGEST_HOMES {
            if homes.0[at] != 0 {
                homes.0[at] ^= 1;
                assert_eq!(homes.home(one, 10_000), None, "byte {at}");
                homes.0[at] ^= 1;
            }
        }
        assert_eq!(homes.home(one, 10_000), Some(HOST));
        let shelf = homes.shelf(one);
        for length in [0, 1, ENTRY - 1, SHELF - 1] {
            let (at, _) = one.remembered(&shelf[..length], HOST, 10_000);
            assert!(at + ENTRY <= SHELF, "a shelf that ends early");
        }
    }
}
