//! The clock of every deadline: milliseconds since the machine started, time asleep counted.

use crate::model::Millis;

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Whole milliseconds, rounded down.
pub(crate) fn now() -> Millis {
    nanos() / 1_000_000
}

/// Whole milliseconds, rounded up: a limit that is counted from here is never short.
pub(crate) fn start() -> Millis {
    nanos().div_ceil(1_000_000)
}

/// Nanoseconds, for measuring how long something took.
pub(crate) fn nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the call to write to. It cannot fail for these clocks.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanos
}
