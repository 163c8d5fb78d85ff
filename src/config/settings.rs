//! What settings mean together.

use super::choices::Profile;
use super::keys::{KeyIndex, Settings};
use super::need::{Need, Sending};
use crate::model::{Endpoint, Limit, Millis};

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

    /// Whether a command with these settings is one of those that need a key.
    pub(super) fn is_needed(&self, by: Need, sending: Sending) -> bool {
        match by {
            Need::Everybody => true,
            Need::Tasks => sending.is_task,
            Need::Native => sending.is_native,
            Need::Delegated => !sending.is_native,
            Need::Ecflow => self.profile == Profile::Ecflow,
            Need::Fast => self.profile == Profile::Fast,
            Need::Hostfile => self.hostfile.is_some(),
        }
    }

    /// The key that sets a limit, with its value; 0 where it sets none.
    #[must_use]
    pub fn limit(&self, limit: Limit) -> (&'static str, Millis) {
        match limit {
            Limit::Timeout => ("ECF_TIMEOUT", self.timeout),
            Limit::Zombie => ("ECF_ZOMBIE_TIMEOUT", self.zombie_timeout),
            Limit::Progress => (
                "ECF_FAILOVER_PROGRESS_TIMEOUT",
                self.progress_timeout.unwrap_or(0),
            ),
            Limit::Wait => ("ECF_FAILOVER_WAIT_TIMEOUT", self.wait_timeout.unwrap_or(0)),
        }
    }

    /// What has another meaning than its words, as with the stock client, with what to write.
    #[must_use]
    pub fn surprises(&self) -> Option<String> {
        let ssl = String::from_utf8_lossy(self.ssl.trim_ascii()).to_ascii_lowercase();
        let means_off = matches!(ssl.as_str(), "0" | "no" | "off" | "false");
        means_off.then(|| {
            format!(
                "ECF_SSL=\"{ssl}\": any value means on, also an empty one; unset it to speak without TLS"
            )
        })
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
