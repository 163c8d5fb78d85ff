//! The host that has a job: the one that took its init. A handle knows that of its last job,
//! whoever it was; the node knows the backups that have one.

use parking_lot::Mutex;

use crate::health::{HostKey, JobKey, SHELF};
use crate::model::{Endpoint, TaskIdentity};
use crate::sys::clock;
use crate::sys::node_directory::BootId;
use crate::sys::node_file::NodeFile;

/// What a handle knows: its last job, and who took it.
#[derive(Default)]
pub(super) struct HandleHome(Mutex<Option<(TaskIdentity, Endpoint)>>);

/// The file of the node's jobs.
pub(super) struct NodeHomes {
    file: NodeFile,
    boot: BootId,
}

impl NodeHomes {
    pub(super) fn new(file: NodeFile, boot: BootId) -> Self {
        Self { file, boot }
    }

    fn find(&self, task: &TaskIdentity) -> Option<HostKey> {
        let job = JobKey::of(task, self.boot);
        let shelf = self.file.read_part(job.shelf(), SHELF).ok()?;
        job.home(&shelf, clock::now())
    }

    fn remember(&self, task: &TaskIdentity, host: HostKey) {
        let job = JobKey::of(task, self.boot);
        let remembered = |shelf: &[u8]| vec![job.remembered(shelf, host, clock::now())];
        // Where it cannot be written the handle knows it all the same.
        self.file.edit_part(job.shelf(), SHELF, remembered).ok();
    }

    fn forget(&self, task: &TaskIdentity) {
        let job = JobKey::of(task, self.boot);
        let forgotten = |shelf: &[u8]| job.forgotten(shelf, clock::now());
        self.file.edit_part(job.shelf(), SHELF, forgotten).ok();
    }
}

/// The host that has a job.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) host: HostKey,
    /// Its name, where this handle knows it.
    pub(super) name: Option<String>,
}

/// What is known of a command's job.
pub(super) struct JobHomes<'a> {
    pub(super) task: &'a TaskIdentity,
    pub(super) primary: HostKey,
    pub(super) handle: &'a HandleHome,
    pub(super) node: Option<&'a NodeHomes>,
}

impl JobHomes<'_> {
    /// Who has it, as far as that is known.
    pub(super) fn find(&self) -> Option<Home> {
        let known = self.handle.0.lock().clone();
        if let Some((_, host)) = known.filter(|(job, _)| is_same(job, self.task)) {
            return Some(Home {
                host: HostKey::of(&host),
                name: Some(host.to_string()),
            });
        }
        let host = self.node?.find(self.task)?;
        Some(Home { host, name: None })
    }

    /// It has begun: a host took its init. `before` had it so far.
    pub(super) fn begun(&self, host: &Endpoint, before: Option<&Home>) {
        *self.handle.0.lock() = Some((self.task.clone(), host.clone()));
        let key = HostKey::of(host);
        match self.node {
            Some(node) if key != self.primary => node.remember(self.task, key),
            _ => self.forget_on_node(before),
        }
    }

    /// It has ended; `before` had it.
    pub(super) fn ended(&self, before: Option<&Home>) {
        let mut known = self.handle.0.lock();
        known.take_if(|(job, _)| is_same(job, self.task));
        drop(known);
        self.forget_on_node(before);
    }

    /// Only backups are known there.
    fn forget_on_node(&self, before: Option<&Home>) {
        if let Some(node) = self.node
            && before.is_some_and(|before| before.host != self.primary)
        {
            node.forget(self.task);
        }
    }
}

/// Whether two are the same job; its process id may be told in other words.
fn is_same(one: &TaskIdentity, other: &TaskIdentity) -> bool {
    let other = TaskIdentity {
        remote_id: one.remote_id.clone(),
        ..other.clone()
    };
    *one == other
}
