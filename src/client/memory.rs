//! What is known of hosts, kept as long as ECF_FAILOVER_MEMORY says: not at all, in the handle,
//! or on the node. What cannot be kept on the node is kept in the handle.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::sync::OnceCell;
use parking_lot::Mutex;

use super::job_home::NodeHomes;
use super::memory_place::{self, Files};
use crate::config::{Memory as Kept, Profile, Settings};
use crate::health::{
    HealthTable, HostHealth, HostKey, Lease, NothingKnown, Observation, Permission, SharedHealth,
};
use crate::model::{HostIndex, Millis};
use crate::sys::clock;
use crate::sys::node_directory::{self, BootId};
use crate::sys::node_file::{NoFile, NodeFile, is_a_lack};

/// A file that cannot be written is tried again after this time, in milliseconds.
const TRY_AGAIN: Millis = 60_000;
/// A turn that was not had comes again, in milliseconds.
const LATER: Millis = 1_000;

/// What a handle keeps.
#[derive(Default)]
pub(super) struct Store {
    handle: Mutex<HealthTable>,
    boot: OnceCell<BootId>,
    /// The node's file could not be written, and is left alone until this time.
    unwritable_until: AtomicU64,
}

impl Store {
    fn is_unwritable(&self) -> bool {
        clock::now() < self.unwritable_until.load(Ordering::Relaxed)
    }

    /// The file could not be written. What this process lacks for a moment says nothing of it.
    fn leave_alone(&self, why: &io::Error) {
        if !is_a_lack(why) {
            let until = clock::now() + TRY_AGAIN;
            self.unwritable_until.store(until, Ordering::Relaxed);
        }
    }

    /// The boot of the node, once it could be read.
    fn boot(&self) -> Option<BootId> {
        if let Some(boot) = self.boot.get() {
            return Some(*boot);
        }
        let boot = node_directory::boot_id()?;
        Some(*self.boot.get_or_init(|| boot))
    }
}

/// The memory of one command.
pub(super) struct Memory {
    kept: Place,
    /// From the command's clock to the node's.
    offset: i128,
    /// Why it is not where it was asked for.
    problem: Option<String>,
    homes: Option<NodeHomes>,
}

enum Place {
    Nowhere,
    Handle,
    Node { file: NodeFile, boot: BootId },
}

impl Memory {
    /// The memory of a command that starts at `now` on its own clock.
    pub(super) fn new(store: &Store, settings: &Settings, now: Millis) -> Self {
        let (mut problem, mut homes) = (None, None);
        let mut on_node = || match on_node(store, settings) {
            Ok((files, boot)) => {
                homes = Some(NodeHomes::new(files.jobs, boot));
                let file = files.hosts;
                Place::Node { file, boot }
            }
            Err(why) => {
                problem = why;
                Place::Handle
            }
        };
        let kept = match (settings.profile, settings.memory) {
            (_, Some(Kept::Off)) | (Profile::Ecflow, None) => Place::Nowhere,
            (_, Some(Kept::Handle)) => Place::Handle,
            (_, Some(Kept::Node)) | (Profile::Fast, None) => on_node(),
        };
        Self {
            kept: match settings.profile {
                // It remembers nothing of hosts, and always begins at the primary.
                Profile::Ecflow => Place::Nowhere,
                Profile::Fast => kept,
            },
            offset: i128::from(clock::now()) - i128::from(now),
            problem,
            homes,
        }
    }

    /// What the node knows of jobs.
    pub(super) fn homes(&self) -> Option<&NodeHomes> {
        self.homes.as_ref()
    }

    /// Why it is not in the directory that the user asked for.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Why it is not on the node, though there is a directory for it.
    pub(super) fn failure(&self, store: &Store) -> Option<String> {
        match &self.kept {
            Place::Node { file, .. } if store.is_unwritable() => Some(format!(
                "{}: cannot be written; the node's memory is kept in the handle",
                file.path().display()
            )),
            _ => None,
        }
    }

    /// Which one it is, for the report.
    pub(super) fn told(&self, store: &Store) -> String {
        match &self.kept {
            Place::Nowhere => "off".into(),
            Place::Node { file, .. } if !store.is_unwritable() => {
                format!("node: {}", file.path().display())
            }
            Place::Handle | Place::Node { .. } => "handle".into(),
        }
    }

    fn time(&self, now: Millis) -> Millis {
        let time = Millis::try_from(i128::from(now) + self.offset).unwrap_or(now);
        match self.kept {
            // Others share it: a caller's clock that runs ahead is not theirs.
            Place::Node { .. } => time.min(clock::now()),
            Place::Nowhere | Place::Handle => time,
        }
    }

    /// The same for the hosts of a line-up, as the command's policy sees it.
    pub(super) fn view<'a>(&'a self, store: &'a Store, keys: &'a [HostKey]) -> View<'a> {
        View {
            memory: self,
            store,
            keys,
        }
    }
}

/// What is kept of the hosts of a line-up.
pub(super) struct View<'a> {
    memory: &'a Memory,
    store: &'a Store,
    keys: &'a [HostKey],
}

impl View<'_> {
    /// Changes what is kept. `when_taken` makes the answer of one that could not be written down,
    /// because another process has the file.
    fn change<T>(
        &self,
        now: Millis,
        change: impl Fn(&mut HealthTable) -> T,
        when_taken: impl FnOnce(T) -> T,
    ) -> T {
        let in_handle = || change(&mut self.store.handle.lock());
        let Place::Node { file, boot } = &self.memory.kept else {
            return match self.memory.kept {
                Place::Nowhere => change(&mut HealthTable::new()),
                _ => in_handle(),
            };
        };
        let Some(mut known) = read(file, *boot, now) else {
            return in_handle();
        };
        let before = known.clone();
        let answer = change(&mut known);
        if known == before {
            return answer;
        }
        let mut written = None;
        let edited = edit(file, *boot, now, &mut |known| written = Some(change(known)));
        match edited {
            Ok(()) => written.unwrap_or(answer),
            Err(NoFile::Taken) => when_taken(answer),
            Err(NoFile::Absent) => in_handle(),
            Err(NoFile::Unusable(why)) => {
                self.store.leave_alone(&why);
                in_handle()
            }
        }
    }
}

impl SharedHealth for View<'_> {
    fn read(&mut self, hosts: &mut dyn Iterator<Item = &mut HostHealth>, now: Millis) {
        let now = self.memory.time(now);
        let on_node = match &self.memory.kept {
            Place::Nowhere => return NothingKnown.read(hosts, now),
            Place::Handle => None,
            Place::Node { file, boot } => read(file, *boot, now),
        };
        match on_node {
            Some(mut known) => known.view(self.keys).read(hosts, now),
            None => {
                let mut known = self.store.handle.lock();
                known.view(self.keys).read(hosts, now);
            }
        }
    }

    fn observe(&mut self, host: HostIndex, observation: Observation, now: Millis) {
        let now = self.memory.time(now);
        let Some(key) = self.keys.get(host).copied() else {
            return;
        };
        let in_handle = || self.store.handle.lock().observe(key, observation, now);
        match &self.memory.kept {
            Place::Nowhere => {}
            Place::Handle => in_handle(),
            Place::Node { file, boot } => match read(file, *boot, now) {
                Some(known) if !known.is_news(key, observation, now) => {}
                Some(_) => {
                    let edited = edit(file, *boot, now, &mut |known| {
                        known.observe(key, observation, now);
                    });
                    match edited {
                        Ok(()) | Err(NoFile::Taken) => {}
                        Err(NoFile::Absent) => in_handle(),
                        Err(NoFile::Unusable(why)) => {
                            self.store.leave_alone(&why);
                            in_handle();
                        }
                    }
                }
                None => in_handle(),
            },
        }
    }

    fn lease(&mut self, host: HostIndex, lease: Lease, spread: Millis, now: Millis) -> Permission {
        let now = self.memory.time(now);
        let key = self.keys.get(host).copied().unwrap_or_default();
        let change = |known: &mut HealthTable| known.lease(key, lease, spread, now);
        self.change(now, change, |answer| match lease {
            Lease::Usual => Permission::TakenFor(LATER),
            // Where there is no other host nobody is kept waiting by a process that was stopped.
            Lease::Urgent => answer,
        })
    }

    fn join_stagger(&mut self, now: Millis) -> u32 {
        let now = self.memory.time(now);
        self.change(now, |known| known.join_stagger(now), |others| others)
    }

    fn leave_stagger(&mut self, now: Millis) {
        let now = self.memory.time(now);
        self.change(now, |known| known.leave_stagger(now), |()| ());
    }

    fn earn_retries(&mut self, thousandths: u32, now: Millis) {
        let now = self.memory.time(now);
        self.change(now, |known| known.earn_retries(thousandths, now), |()| ());
    }

    fn spend_retry(&mut self, now: Millis) -> bool {
        let now = self.memory.time(now);
        self.change(now, |known| known.spend_retry(now), |has_one| has_one)
    }
}

/// The node's memory, or why it is not where the user asked for it.
fn on_node(store: &Store, settings: &Settings) -> Result<(Files, BootId), Option<String>> {
    if store.is_unwritable() {
        return Err(None);
    }
    let boot = store.boot().ok_or(None)?;
    match memory_place::files(settings, boot) {
        Ok(files) => Ok((files, boot)),
        Err(why) => Err(settings.memory_directory.is_some().then_some(why)),
    }
}

/// What the node knows: nothing yet where there is no file, or one that is damaged; `None` where
/// the file is not to be used.
fn read(file: &NodeFile, boot: BootId, now: Millis) -> Option<HealthTable> {
    match file.read() {
        Ok(image) => Some(HealthTable::from_image(&image, boot, now).unwrap_or_default()),
        Err(NoFile::Absent) => Some(HealthTable::new()),
        Err(NoFile::Taken | NoFile::Unusable(_)) => None,
    }
}

fn edit(
    file: &NodeFile,
    boot: BootId,
    now: Millis,
    change: &mut dyn FnMut(&mut HealthTable),
) -> Result<(), NoFile> {
    file.edit(&mut |image| {
        let known = HealthTable::from_image(image, boot, now);
        let mut known = known.unwrap_or_default();
        change(&mut known);
        known.to_image(boot)
    })
}
