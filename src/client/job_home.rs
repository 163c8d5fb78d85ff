//! The backup that has a job: the one that took its init.

use super::Client;
use super::native::NativeCommand;
use super::reply::Reply;
use crate::command::Purpose;
use crate::config::{Memory, Profile, Settings};
use crate::model::{Endpoint, Kind, Status, TaskIdentity};

/// The backup that took a job's init: it has the job, so it is preferred from then on.
pub(super) struct JobHome {
    job: TaskIdentity,
    endpoint: Endpoint,
}

impl JobHome {
    /// Whether it is of the job that speaks now; its process id may be told in other words.
    fn is_of(&self, task: &TaskIdentity) -> bool {
        let other = TaskIdentity {
            remote_id: self.job.remote_id.clone(),
            ..task.clone()
        };
        self.job == other
    }
}

impl Client {
    /// The backup that took this job's init.
    pub(super) fn home(&self, native: &NativeCommand, settings: &Settings) -> Option<Endpoint> {
        if native.command.kind != Kind::Task || settings.memory == Some(Memory::Off) {
            return None;
        }
        let home = self.shared.home.lock();
        let home = home.as_ref().filter(|home| home.is_of(&settings.task))?;
        (home.endpoint != native.primary).then(|| home.endpoint.clone())
    }

    pub(super) fn remember_home(&self, native: &NativeCommand, settings: &Settings, reply: &Reply) {
        if settings.profile == Profile::Fast
            && native.command.purpose == Purpose::JobBegin
            && reply.status == Status::Ok
        {
            let endpoint = reply.answered_by.clone();
            *self.shared.home.lock() = endpoint.map(|endpoint| JobHome {
                job: settings.task.clone(),
                endpoint,
            });
        }
    }
}
