//! How many commands of the node change hosts at this moment, so that each can wait for its turn.

use crate::model::Millis;

/// A server takes thousands of commands a second, a node changes hosts with one in this time. [2 ms: `ten_thousand_jobs_change_hosts_at_once_and_the_backup_is_not_overrun`]
const TURN: Millis = 24;
/// More commands than this do not change hosts on one node: an image that says so is damaged. No figure.
const LARGEST: u64 = 1_000_000;

/// The commands that are changing hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stagger {
    size: u64,
    /// When that was.
    pub(super) at: Millis,
}

impl Stagger {
    pub(super) fn new(size: u64, at: Millis) -> Self {
        Self {
            size: size.min(LARGEST),
            at,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many there are besides the one that joins.
    pub(super) fn join(&mut self, now: Millis) -> u32 {
        self.let_go(now);
        let before = self.size;
        self.size = (before + 1).min(LARGEST);
        u32::try_from(before).unwrap_or(u32::MAX)
    }

    pub(super) fn leave(&mut self, now: Millis) {
        self.let_go(now);
        self.size = self.size.saturating_sub(1);
    }

    /// Those who were killed before they left go by themselves.
    fn let_go(&mut self, now: Millis) {
        let gone = now.saturating_sub(self.at) / TURN;
        if gone > 0 || self.size == 0 {
            self.size = self.size.saturating_sub(gone);
            self.at = now;
        }
    }
}
