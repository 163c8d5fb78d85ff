//! When a command gives up, and by which of its limits.

use super::Rules;
use crate::model::{Limit, Millis, Outcome};

/// The points in time at which the limits of one command end it.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// ECF_TIMEOUT, which each "wait" starts anew.
    timeout: Millis,
    wait_timeout: Option<Millis>,
    deadline: Millis,
    progress: Option<Millis>,
    zombie: Millis,
    /// `None` until a server has asked to wait.
    wait: Option<Millis>,
    last_was_zombie: bool,
    /// The one that an attempt came to.
    reached: Option<Limit>,
}

impl Limits {
    /// The limits of a command that starts at `now`.
    pub(super) fn new(rules: &Rules, now: Millis) -> Self {
        let after = |period: Millis| now.saturating_add(period);
        Self {
            timeout: rules.timeout,
            wait_timeout: rules.wait_timeout,
            deadline: after(rules.timeout),
            progress: rules.progress_timeout.map(after),
            zombie: after(rules.zombie_timeout),
            wait: None,
            last_was_zombie: false,
            reached: None,
        }
    }

    /// Takes in how an attempt ended at `now`; whether the command's time is over then. An attempt
    /// that a limit cut has shown nothing new, but a "wait" is an answer, however late.
    pub(super) fn are_over_after(&mut self, outcome: Outcome, now: Millis) -> bool {
        let before = self.first();
        self.last_was_zombie = outcome == Outcome::Zombie;
        let (end, limit) = if outcome == Outcome::Wait {
            self.deadline = now.saturating_add(self.timeout);
            let told_to_wait = self.wait_timeout.map(|period| now.saturating_add(period));
            self.wait = self.wait.or(told_to_wait);
            self.first()
        } else {
            before
        };
        self.reached = (now >= end).then_some(limit);
        self.reached.is_some()
    }

    /// There was a failure that is no outcome: the last answer is none any more.
    pub(super) fn forget_zombie(&mut self) {
        self.last_was_zombie = false;
    }

    /// When the command gives up, as things are.
    pub(super) fn at(&self) -> Millis {
        self.first().0
    }

    /// The limit that ends it then.
    pub(super) fn limit(&self) -> Limit {
        self.reached.unwrap_or(self.first().1)
    }

    /// How much time is left.
    pub(super) fn left(&self, now: Millis) -> Millis {
        self.at().saturating_sub(now)
    }

    /// How much time is left for finding a server, whatever one has said.
    pub(super) fn left_for_hosts(&self, now: Millis) -> Millis {
        let end = self.progress.unwrap_or(Millis::MAX).min(self.deadline);
        end.saturating_sub(now)
    }

    fn first(&self) -> (Millis, Limit) {
        let zombie = self.last_was_zombie.then_some(self.zombie);
        let others = [
            (self.progress, Limit::Progress),
            (zombie, Limit::Zombie),
            (self.wait, Limit::Wait),
        ];
        let others = others
            .into_iter()
            .filter_map(|(at, limit)| at.map(|at| (at, limit)));
        others.fold((self.deadline, Limit::Timeout), |first, other| {
            if other.0 < first.0 { other } else { first }
        })
    }
}
