//! The client: joins the layers. One command is a policy that says where and when, a
//! transport that makes the attempts, and a report of what happened.

mod approach;
mod check;
mod connected_plan;
mod delegate;
mod explain;
mod hostlist;
mod job_home;
mod log;
mod memory;
mod memory_place;
mod native;
mod notes;
mod notices;
mod post;
mod posts;
mod race;
mod refusal;
mod reply;
mod run;
mod send;
mod session;
mod shared;
mod without_backups;

use std::sync::Arc;

pub use crate::model::Level;
pub(crate) use connected_plan::{ConnectedPlan, Do};
pub(crate) use delegate::SharedRace;
pub use delegate::{DelegatedAttempt, Override};
pub use log::Sink;
pub(crate) use notes::Notes;
pub use posts::Guard;
pub(crate) use posts::close_all as close_all_posts;
pub use reply::Reply;
pub use run::{Clock, SystemClock};
pub(crate) use session::Session;

use crate::config::{Configuration, KeyError};
use crate::model::{Millis, Secrets};

use log::Log;
use session::CommandView;
use shared::Shared;

/// A handle: the configuration and what was learnt about hosts. Cheap to clone; clones share
/// everything.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

impl Client {
    /// A client with the settings of the environment, read once, now.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::new(Configuration::read(|name| {
            use std::os::unix::ffi::OsStringExt;
            std::env::var_os(name).map(OsStringExt::into_vec)
        }))
    }

    /// A client with these settings.
    #[must_use]
    pub fn new(configuration: Configuration) -> Self {
        Self {
            shared: Arc::new(Shared::new(Arc::new(configuration), Arc::default())),
        }
    }

    /// Sets a key for the commands that start from now on; an empty value brings back its
    /// default.
    ///
    /// # Errors
    /// An unknown key or a value that it does not take; then nothing has changed, and the
    /// reason is in the log too, and kept for [`Client::refusal`].
    pub fn set(&self, key: &[u8], value: &[u8]) -> Result<(), KeyError> {
        let outcome = {
            let mut configuration = self.shared.configuration.lock();
            Arc::make_mut(&mut configuration).set(key, value)
        };
        match &outcome {
            Ok(()) => self.shared.refusal.lock().clear(),
            Err(why) => self.refuse_setting(why),
        }
        outcome
    }

    /// Keeps and logs why a setting was refused.
    pub(crate) fn refuse_setting(&self, why: &dyn std::fmt::Display) {
        let log = self.log(&self.configuration());
        log.line(Level::Warn, format_args!("setting.refused {why}"));
        *self.shared.refusal.lock() = log.secrets.redacted_message(why.to_string());
    }

    /// Why the last [`Client::set`] was refused; empty if it was taken.
    #[must_use]
    pub fn refusal(&self) -> String {
        self.shared.refusal.lock().clone()
    }

    /// The text of a key: what was given, else its default.
    ///
    /// # Errors
    /// An unknown key, or a secret one.
    pub fn get(&self, key: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.configuration().get(key).map(<[u8]>::to_vec)
    }

    /// Sends the log of the commands that start from now on to `sink`, or to nobody.
    pub fn set_log(&self, sink: Option<Sink>) {
        *self.shared.sink.lock() = sink;
    }

    /// Ends every command in progress, and later ones at once, until [`Client::resume`].
    pub fn cancel(&self) {
        self.shared.cancel.set();
        self.shared.posts.cancel.set();
    }

    /// Calls `see_to_it` on the thread that waits, after each [`Client::interrupt`].
    pub(crate) fn on_interrupt(&self, see_to_it: fn()) {
        self.shared.cancel.on_interrupt(see_to_it);
    }

    /// Wakes the command in progress, which goes on afterwards. Fit for a signal handler.
    pub(crate) fn interrupt(&self) {
        self.shared.cancel.interrupt();
    }

    /// Whether a command is cancelled that started when there had been `count` cancels.
    pub(crate) fn is_cancelled_since(&self, count: u64) -> bool {
        self.shared.cancel.watch_since(count).is_cancelled()
    }

    /// Allows commands again.
    pub fn resume(&self) {
        self.shared.cancel.lift();
        self.shared.posts.cancel.lift();
    }

    fn begin(
        &self,
        configuration: &Arc<Configuration>,
        command: &CommandView<'_>,
        now: Millis,
    ) -> Session {
        let mut log = self.log(configuration);
        log.to_stderr |= command.debug;
        if let Some(secrets) = command.secrets {
            log.secrets = secrets.clone();
        }
        Session::new(
            Arc::clone(&self.shared),
            Arc::clone(configuration),
            log,
            command,
            now,
        )
    }

    fn configuration(&self) -> Arc<Configuration> {
        Arc::clone(&self.shared.configuration.lock())
    }

    fn log(&self, configuration: &Configuration) -> Log {
        let settings = configuration.settings();
        Log {
            sink: self.shared.sink.lock().clone(),
            to_stderr: settings.debug_client,
            secrets: Secrets::from(&settings.task.password),
        }
    }
}
