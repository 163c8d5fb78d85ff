//! What tells those of a cancel who wait elsewhere.

use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use super::alarm::{Place, process};
use super::cancel::Cancel;
use super::timer;
use crate::model::Millis;

/// An alarm for many who watch it elsewhere: it goes off when the alarms of a client are rung, and
/// at no time.
pub(crate) struct Bell {
    place: NonNull<Place>,
    descriptor: RawFd,
    process: libc::pid_t,
    /// The place is in its list.
    _cancel: Arc<Cancel>,
}

// SAFETY: a place has atomics only, and is there as long as the list that the bell keeps.
unsafe impl Send for Bell {}
// SAFETY: as above.
unsafe impl Sync for Bell {}

impl Bell {
    /// One that is rung with the alarms of this switch; `None` where there can be none.
    pub(crate) fn of(cancel: &Arc<Cancel>) -> Option<Self> {
        let descriptor = timer::new(Millis::MAX)?;
        let place = cancel.alarms().take_place(descriptor);
        fence(Ordering::SeqCst);
        Some(Self {
            place: NonNull::from(place),
            descriptor,
            process: process(),
            _cancel: Arc::clone(cancel),
        })
    }

    /// Whether this process is the one that made it, and not a copy of that.
    pub(crate) fn is_own(&self) -> bool {
        self.process == process()
    }

    /// Readable once it was rung, and each time anew.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.descriptor
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // SAFETY: the place is in the list that the bell has kept.
        unsafe { self.place.as_ref() }.leave();
    }
}
