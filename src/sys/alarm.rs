//! What wakes a wait that lasts: a descriptor that becomes readable at a point in time, or as
//! soon as the command is cancelled. It exists while one wait lasts, and no longer.
//!
//! On Linux it is a timer on the clock of every deadline, so a deadline that passes while the
//! machine is asleep is seen when it wakes up. A cancel sets the timer off with one system call,
//! which may be made in a signal handler. Elsewhere, and where no descriptor is to be had, there
//! is none, and waits are cut into slices.

use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering, fence};

use super::timer;
use crate::model::Millis;

/// The alarms of those who wait for a command of one client. Places are used again, and none is
/// freed before the client: a signal handler may be looking at it.
#[derive(Debug)]
pub(super) struct Alarms(AtomicPtr<Place>);

/// A place for the alarm of one wait.
#[derive(Debug)]
pub(super) struct Place {
    next: *mut Place,
    /// 0 when it is free, else the descriptor and who is at it: see the constants below.
    state: AtomicU64,
    /// The process that took it: of a copy of that the number may be another file's.
    process: AtomicI32,
}

/// The lower half of a state holds the descriptor.
const DESCRIPTOR: u64 = 0xffff_ffff;
/// One who sets the alarm off at this moment; several may.
const RINGER: u64 = 1 << 32;
/// Its owner has left: the last ringer closes the descriptor.
const LEFT: u64 = 1 << 62;
/// The place is taken.
const TAKEN: u64 = 1 << 63;

impl Alarms {
    pub(super) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Sets every alarm off. Atomics and one system call for each: fit for a signal handler.
    pub(super) fn ring(&self) {
        let errno = errno();
        let mut next = self.0.load(Ordering::Acquire);
        // SAFETY: places are freed with the list only, and `next` never changes in one.
        while let Some(place) = unsafe { next.as_ref() } {
            if place.process.load(Ordering::Acquire) == process() {
                place.ring();
            }
            next = place.next;
        }
        set_errno(errno);
    }

    pub(super) fn take_place(&self, descriptor: RawFd) -> &Place {
        let state = TAKEN | u64::from(descriptor.unsigned_abs());
        let mut next = self.0.load(Ordering::Acquire);
        // SAFETY: as above.
        while let Some(place) = unsafe { next.as_ref() } {
            let taken = place
                .state
                .compare_exchange(0, state, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                place.process.store(process(), Ordering::Release);
                return place;
            }
            next = place.next;
        }
        self.add_place(state)
    }

    fn add_place(&self, state: u64) -> &Place {
        let place = Box::into_raw(Box::new(Place {
            next: self.0.load(Ordering::Acquire),
            state: AtomicU64::new(state),
            process: AtomicI32::new(process()),
        }));
        loop {
            // SAFETY: until it is in the list the place is this function's alone.
            let first = unsafe { (*place).next };
            let added = self
                .0
                .compare_exchange(first, place, Ordering::AcqRel, Ordering::Acquire);
            match added {
                // SAFETY: it is freed with the list only.
                Ok(_) => return unsafe { &*place },
                // SAFETY: as above.
                Err(other) => unsafe { (*place).next = other },
            }
        }
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        let mut next = *self.0.get_mut();
        while !next.is_null() {
            // SAFETY: every place came from a box, nobody waits or rings any more, and each is
            // visited once.
            let place = unsafe { Box::from_raw(next) };
            next = place.next;
        }
    }
}

impl Place {
    fn ring(&self) {
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            if state & TAKEN == 0 || state & LEFT != 0 {
                return;
            }
            let entered = self.state.compare_exchange_weak(
                state,
                state + RINGER,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match entered {
                Ok(_) => break,
                Err(other) => state = other,
            }
        }
        timer::set_off(descriptor(state));
        let before = self.state.fetch_sub(RINGER, Ordering::AcqRel);
        if before & LEFT != 0 && ringers(before) == 1 {
            self.give_up(descriptor(before));
        }
    }

    /// The owner leaves. Where somebody is about to set the alarm off, that one closes it.
    pub(super) fn leave(&self) {
        let before = self.state.fetch_or(LEFT, Ordering::AcqRel);
        if ringers(before) == 0 {
            self.give_up(descriptor(before));
        }
    }

    fn give_up(&self, descriptor: RawFd) {
        timer::close(descriptor);
        self.state.store(0, Ordering::Release);
    }
}

pub(super) fn process() -> libc::pid_t {
    // SAFETY: getpid has no preconditions, and may be called in a signal handler.
    unsafe { libc::getpid() }
}

fn descriptor(state: u64) -> RawFd {
    (state & DESCRIPTOR) as RawFd
}

fn ringers(state: u64) -> u64 {
    (state & !(LEFT | TAKEN)) >> 32
}

/// The alarm of one wait.
pub(super) struct Alarm<'a> {
    place: &'a Place,
    pub(super) descriptor: RawFd,
}

impl<'a> Alarm<'a> {
    /// One that goes off at `until` ([`super::clock::now`]) or when the alarms are rung; `None`
    /// where there can be none.
    pub(super) fn set(until: Millis, alarms: &'a Alarms) -> Option<Self> {
        let descriptor = timer::new(until)?;
        let place = alarms.take_place(descriptor);
        // A cancel that does not see the place is seen by who looks for one from now on.
        fence(Ordering::SeqCst);
        Some(Self { place, descriptor })
    }

    /// Sets it again after it went off: a copy of this process may have done it.
    #[must_use]
    pub(super) fn reset(&self, until: Millis) -> bool {
        timer::arm(self.descriptor, until)
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.place.leave();
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn errno() -> libc::c_int {
    // SAFETY: every thread has one.
    unsafe { *libc::__errno_location() }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_errno(errno: libc::c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Here no alarm is ever set.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn errno() -> libc::c_int {
    0
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_errno(_: libc::c_int) {}
