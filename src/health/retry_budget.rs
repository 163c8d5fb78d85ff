//! Retries as a share of first attempts: a node that fails does not drown a server that lives.

use crate::model::Millis;

/// Retries that are free in a minute, in thousandths; so small a load harms nobody. [1: random, copies 727 -> 560, but timed out 376 -> 382]
const FREE: u64 = 10_000;
const MINUTE: Millis = 60_000;
/// A retry, in thousandths.
const ONE: u64 = 1_000;

/// What is left, in thousandths of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetryBudget {
    left: u64,
    /// When something was last added by time alone.
    pub(super) at: Millis,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(FREE, 0)
    }
}

impl RetryBudget {
    pub(super) fn new(left: u64, at: Millis) -> Self {
        Self {
            left: left.min(FREE),
            at,
        }
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn earn(&mut self, thousandths: u64, now: Millis) {
        let passed = now.saturating_sub(self.at);
        let trickle = passed.saturating_mul(FREE) / MINUTE;
        if trickle > 0 {
            self.at = now;
        }
        let earned = trickle.saturating_add(thousandths);
        self.left = self.left.saturating_add(earned).min(FREE);
    }

    /// Whether there was another retry.
    pub(super) fn spend(&mut self) -> bool {
        let has_one = self.left >= ONE;
        if has_one {
            self.left -= ONE;
        }
        has_one
    }
}
