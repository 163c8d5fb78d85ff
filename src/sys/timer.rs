//! Timers on the clock of every deadline, as descriptors that are readable when they have gone off.

pub(super) use system::{arm, close, new, set_off};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
    use std::{mem, ptr};

    use super::super::socket::{above_standard, owned};
    use crate::model::Millis;

    /// One that goes off at a time; [`Millis::MAX`]: at none.
    pub(crate) fn new(until: Millis) -> Option<RawFd> {
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: no pointers are passed.
        let timer = owned(unsafe { libc::timerfd_create(libc::CLOCK_BOOTTIME, flags) });
        let timer = above_standard(timer.ok()?).ok()?;
        arm(timer.as_raw_fd(), until).then(|| timer.into_raw_fd())
    }

    /// Sets it to a time, which may be over already; [`Millis::MAX`]: to none. It is readable no
    /// more until then.
    pub(crate) fn arm(timer: RawFd, until: Millis) -> bool {
        match until {
            Millis::MAX => set(timer, 0),
            // A time of 0 would switch it off.
            until => set(timer, until.max(1)),
        }
    }

    /// Lets it go off now.
    pub(crate) fn set_off(timer: RawFd) {
        set(timer, 1);
    }

    fn set(timer: RawFd, at: Millis) -> bool {
        // SAFETY: all zeros are a valid time: it goes off once.
        let mut time: libc::itimerspec = unsafe { mem::zeroed() };
        time.it_value.tv_sec = libc::time_t::try_from(at / 1_000).unwrap_or(libc::time_t::MAX);
        time.it_value.tv_nsec = (at % 1_000) as libc::c_long * 1_000_000;
        let absolute = libc::TFD_TIMER_ABSTIME;
        // SAFETY: the descriptor is the owner's, and the time is valid.
        unsafe { libc::timerfd_settime(timer, absolute, &raw const time, ptr::null_mut()) == 0 }
    }

    pub(crate) fn close(timer: RawFd) {
        // SAFETY: the descriptor is the owner's, which gives it up.
        unsafe { libc::close(timer) };
    }
}

/// Here there are none, and waits are cut into slices.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::os::fd::RawFd;

    use crate::model::Millis;

    pub(crate) fn new(_: Millis) -> Option<RawFd> {
        None
    }

    pub(crate) fn arm(_: RawFd, _: Millis) -> bool {
        false
    }

    pub(crate) fn set_off(_: RawFd) {}

    pub(crate) fn close(_: RawFd) {}
}
