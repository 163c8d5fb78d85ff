//! Cancelling from anywhere, also from a signal handler: atomics, and a system call for each
//! command that waits.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use super::alarm::Alarms;

/// The switch of one client.
#[derive(Debug)]
pub struct Cancel {
    /// Set until it is lifted: later commands end at once.
    is_set: AtomicBool,
    /// Raised by every cancel: commands in progress end, also when it was lifted at once.
    count: AtomicU64,
    /// What wakes those who wait.
    alarms: Alarms,
    /// Something has happened that the one who waits shall see to.
    is_interrupted: AtomicBool,
    /// How it is seen to.
    on_interrupt: OnceLock<fn()>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            count: AtomicU64::new(0),
            alarms: Alarms::new(),
            is_interrupted: AtomicBool::new(false),
            on_interrupt: OnceLock::new(),
        }
    }
}

impl Cancel {
    /// Ends the commands in progress, and later ones until [`Cancel::lift`].
    pub fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.count.fetch_add(1, Ordering::Release);
        // Who begins to wait puts its alarm into its place first and looks at these then; here it
        // is the other way round, so that one of both sees the other.
        fence(Ordering::SeqCst);
        self.alarms.ring();
    }

    /// Calls `see_to_it` on the thread that waits, whenever [`Cancel::interrupt`] was called.
    pub(crate) fn on_interrupt(&self, see_to_it: fn()) {
        // Once: another is not taken.
        self.on_interrupt.get_or_init(|| see_to_it);
    }

    /// Wakes those who wait, and ends nothing. Fit for a signal handler.
    pub(crate) fn interrupt(&self) {
        self.is_interrupted.store(true, Ordering::Release);
        // As for a cancel.
        fence(Ordering::SeqCst);
        self.alarms.ring();
    }

    /// Where the alarms of those are who wait.
    pub(super) fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Allows new commands.
    pub fn lift(&self) {
        self.is_set.store(false, Ordering::Release);
    }

    /// What a command that starts now looks at.
    #[must_use]
    pub fn watch(&self) -> CancelWatch<'_> {
        self.watch_since(self.count())
    }

    /// How often it was set.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// What a command looks at that started when it had been set `count` times.
    pub(crate) fn watch_since(&self, count: u64) -> CancelWatch<'_> {
        CancelWatch {
            cancel: self,
            count,
        }
    }
}

/// The switch as one command sees it.
#[derive(Clone, Copy, Debug)]
pub struct CancelWatch<'a> {
    cancel: &'a Cancel,
    count: u64,
}

impl<'a> CancelWatch<'a> {
    /// Where the alarms of those are who wait.
    pub(super) fn alarms(&self) -> &'a Alarms {
        &self.cancel.alarms
    }

    /// Sees to an interrupt, if there was one.
    pub(super) fn attend(&self) {
        if !self.cancel.is_interrupted.swap(false, Ordering::AcqRel) {
            return;
        }
        if let Some(see_to_it) = self.cancel.on_interrupt.get() {
            see_to_it();
        }
    }

    /// How often the switch had been set when the command started.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether the command is cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_set.load(Ordering::Acquire) || self.cancel.count() != self.count
    }
}
