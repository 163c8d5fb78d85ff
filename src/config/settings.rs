//! What settings mean together.

use super::keys::{KeyIndex, Settings};
use crate::model::{Endpoint, Millis};

impl Settings {
    /// The primary by ECF_HOST and ECF_PORT.
    #[must_use]
    pub fn primary(&self) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// Whether a key was given a value, rather than left at its default.
    #[must_use]
    pub fn is_given(&self, key: KeyIndex) -> bool {
        self.given & (1 << key.0) != 0
    }

    /// The key whose time ended a command that lasted for `length`, with its value. `progress` is
    /// how long a command may take that only tells how far a job is.
    #[must_use]
    pub fn deadline(&self, progress: Option<Millis>, length: Millis) -> (&'static str, Millis) {
        let progress = progress.unwrap_or(Millis::MAX);
        if length < self.timeout.min(progress) {
            // Nothing else ends it sooner.
            ("ECF_ZOMBIE_TIMEOUT", self.zombie_timeout)
        } else if progress < self.timeout {
            ("ECF_FAILOVER_PROGRESS_TIMEOUT", progress)
        } else {
            ("ECF_TIMEOUT", self.timeout)
        }
    }

    pub(super) fn mark_given(&mut self, index: usize, given: bool) {
        let bit = 1 << index;
        self.given = if given {
            self.given | bit
        } else {
            self.given & !bit
        };
    }
}
