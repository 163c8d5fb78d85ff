//! Waiting: for a descriptor or for a time, never longer than asked, and no longer than some
//! milliseconds after a cancel. A wait that lasts is woken by news and by nothing else.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::alarm::Alarm;
use super::cancel::CancelWatch;
use super::clock;
use crate::model::Millis;

/// Most replies come within this time; a wait that lasts longer gets an alarm, which costs some
/// system calls. Where there is no alarm to be had a cancel is noticed so late at most.
const SLICE: Millis = 20;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// A descriptor is ready, or has an error to tell.
    Ready,
    /// The time is over.
    TimedOut,
    /// The command is cancelled.
    Cancelled,
}

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Reading,
    Writing,
}

/// A list of descriptors to wait for.
pub(crate) struct Descriptors {
    entries: Vec<libc::pollfd>,
}

impl Descriptors {
    pub(crate) fn new() -> Self {
        // The first place is the alarm's.
        Self {
            entries: vec![entry(-1, For::Reading)],
        }
    }

    /// Adds one; gives its place.
    pub(crate) fn add(&mut self, fd: BorrowedFd<'_>, what: For) -> usize {
        self.entries.push(entry(fd.as_raw_fd(), what));
        self.entries.len() - 1
    }

    /// Each with what it is waited for, as poll(2) has it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (libc::c_int, libc::c_short)> {
        self.entries[1..]
            .iter()
            .map(|entry| (entry.fd, entry.events))
    }

    /// Whether the one at this place ended the last wait.
    pub(crate) fn is_ready(&self, place: usize) -> bool {
        self.entries.get(place).is_some_and(|e| e.revents != 0)
    }

    /// Waits for the first of them until the time `until` ([`clock::now`]).
    pub(crate) fn wait(&mut self, until: Millis, cancel: CancelWatch<'_>) -> Waited {
        wait(&mut self.entries, until, cancel)
    }
}

/// Waits until the time `until`, or a cancel.
pub(crate) fn until(until: Millis, cancel: CancelWatch<'_>) -> Waited {
    wait(&mut [entry(-1, For::Reading)], until, cancel)
}

fn entry(fd: libc::c_int, what: For) -> libc::pollfd {
    libc::pollfd {
        fd,
        events: match what {
            For::Reading => libc::POLLIN,
            For::Writing => libc::POLLOUT,
        },
        revents: 0,
    }
}

/// `entries` begins with a place for an alarm.
fn wait(entries: &mut [libc::pollfd], until: Millis, cancel: CancelWatch<'_>) -> Waited {
    let is_pause = entries.len() == 1;
    let slice_end = clock::now().saturating_add(SLICE);
    if !is_pause || until <= slice_end {
        match wait_in_slices(&mut entries[1..], until.min(slice_end), cancel) {
            Waited::TimedOut if clock::now() < until => {}
            waited => return waited,
        }
    }
    let Some(alarm) = Alarm::set(until, cancel.alarms()) else {
        return wait_in_slices(&mut entries[1..], until, cancel);
    };
    entries[0].fd = alarm.descriptor;
    let waited = wait_for_news(entries, until, cancel, &alarm);
    entries[0].fd = -1;
    waited
}

/// Sleeps until something happens.
fn wait_for_news(
    entries: &mut [libc::pollfd],
    until: Millis,
    cancel: CancelWatch<'_>,
    alarm: &Alarm<'_>,
) -> Waited {
    loop {
        cancel.attend();
        // The descriptors first: a reply that is there beats a cancel.
        if cancel.is_cancelled() {
            return match poll(&mut entries[1..], Some(0)) {
                Polled::Ready => Waited::Ready,
                _ => Waited::Cancelled,
            };
        }
        match poll(entries, None) {
            Polled::Ready if entries[1..].iter().any(|e| e.revents != 0) => return Waited::Ready,
            Polled::Ready if clock::now() >= until => return Waited::TimedOut,
            // Somebody has closed the alarm's descriptor.
            Polled::Ready if entries[0].revents & (libc::POLLNVAL | libc::POLLERR) != 0 => {
                return wait_in_slices(&mut entries[1..], until, cancel);
            }
            Polled::Ready if alarm.reset(until) => {}
            Polled::Ready => return wait_in_slices(&mut entries[1..], until, cancel),
            Polled::TimedOut | Polled::Interrupted => {}
            Polled::Impossible => return wait_in_slices(&mut entries[1..], until, cancel),
        }
    }
}

/// Looks for a cancel every few milliseconds.
fn wait_in_slices(entries: &mut [libc::pollfd], until: Millis, cancel: CancelWatch<'_>) -> Waited {
    loop {
        cancel.attend();
        let left = until.saturating_sub(clock::now());
        let slice = if cancel.is_cancelled() {
            0
        } else {
            left.min(SLICE)
        };
        match poll(entries, Some(slice)) {
            Polled::Ready => return Waited::Ready,
            Polled::TimedOut if cancel.is_cancelled() => return Waited::Cancelled,
            Polled::TimedOut if clock::now() >= until => return Waited::TimedOut,
            Polled::TimedOut | Polled::Interrupted => {}
            // They can be tried, if not waited for.
            Polled::Impossible => {
                poll(&mut [], Some(slice));
                for entry in entries {
                    entry.revents = entry.events;
                }
                return Waited::Ready;
            }
        }
    }
}

enum Polled {
    Ready,
    TimedOut,
    /// By a signal.
    Interrupted,
    /// The kernel does not take so many descriptors, or has no memory for them.
    Impossible,
}

/// Without a time it waits for ever.
fn poll(entries: &mut [libc::pollfd], millis: Option<Millis>) -> Polled {
    let count = libc::nfds_t::try_from(entries.len()).unwrap_or(0);
    let millis = millis.map_or(-1, |millis| {
        libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX)
    });
    // SAFETY: `entries` is a slice of `count` valid entries that the call may write to.
    match unsafe { libc::poll(entries.as_mut_ptr(), count, millis) } {
        -1 => match io::Error::last_os_error().kind() {
            io::ErrorKind::Interrupted => Polled::Interrupted,
            _ => Polled::Impossible,
        },
        0 => Polled::TimedOut,
        _ => Polled::Ready,
    }
}

/// Whether a wait for a descriptor would end at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It would, for whatever reason.
    Some,
    /// It would not.
    None,
    /// The kernel does not tell.
    Unknown,
}

/// Whether a wait for `fd` would end at once.
pub(crate) fn news(fd: BorrowedFd<'_>, what: For) -> News {
    let mut entry = entry(fd.as_raw_fd(), what);
    match poll(std::slice::from_mut(&mut entry), Some(0)) {
        Polled::Ready => News::Some,
        Polled::TimedOut | Polled::Interrupted => News::None,
        Polled::Impossible => News::Unknown,
    }
}

/// Whether `fd` takes bytes at once.
pub(crate) fn is_writable_now(fd: BorrowedFd<'_>) -> bool {
    let mut entry = entry(fd.as_raw_fd(), For::Writing);
    let polled = poll(std::slice::from_mut(&mut entry), Some(0));
    matches!(polled, Polled::Ready) && entry.revents & libc::POLLOUT != 0
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::TcpListener;
    use std::os::fd::AsFd;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::super::cancel::Cancel;
    use super::*;

    fn on(fd: BorrowedFd<'_>, what: For, until: Millis, cancel: CancelWatch<'_>) -> Waited {
        let mut descriptors = Descriptors::new();
        descriptors.add(fd, what);
        descriptors.wait(until, cancel)
    }

    #[test]
    fn a_pause_lasts_as_long_as_asked_and_a_cancel_ends_it() {
        let cancel = Cancel::default();
        let watch = cancel.watch();
        let begin = clock::start();
        assert_eq!(until(begin + 45, watch), Waited::TimedOut);
        assert!(clock::now() >= begin + 45);
        cancel.set();
        cancel.lift();
        assert_eq!(until(clock::now() + 3_600_000, watch), Waited::Cancelled);
        assert!(!cancel.watch().is_cancelled(), "a later command goes on");
    }

    #[test]
    fn a_cancel_wakes_everybody_who_waits_and_leaves_later_ones_alone() {
        let cancel = Cancel::default();
        let listener = TcpListener::bind("127.0.0.1:0");
        let far = clock::now() + 3_600_000;
        thread::scope(|scope| {
            let pauses = (0..20).map(|_| scope.spawn(|| until(far, cancel.watch_since(0))));
            let pauses: Vec<_> = pauses.collect();
            let at_a_socket = scope.spawn(|| {
                let listener = listener.as_ref().ok()?;
                Some(on(
                    listener.as_fd(),
                    For::Reading,
                    far,
                    cancel.watch_since(0),
                ))
            });
            thread::sleep(Duration::from_millis(100));
            cancel.set();
            cancel.lift();
            for pause in pauses {
                assert_eq!(pause.join().ok(), Some(Waited::Cancelled));
            }
            assert_eq!(at_a_socket.join().ok(), Some(Some(Waited::Cancelled)));
        });
        let later = cancel.watch();
        let begin = clock::start();
        assert_eq!(until(begin + 60, later), Waited::TimedOut);
    }

    #[test]
    fn an_interrupt_is_seen_to_at_once_and_the_wait_goes_on_to_its_end() {
        static SEEN_AT: AtomicU64 = AtomicU64::new(0);
        let cancel = Cancel::default();
        cancel.on_interrupt(|| SEEN_AT.store(clock::now(), Ordering::SeqCst));
        let begin = clock::start();
        thread::scope(|scope| {
            let pause = scope.spawn(|| until(begin + 400, cancel.watch_since(0)));
            thread::sleep(Duration::from_millis(100));
            cancel.interrupt();
            assert_eq!(pause.join().ok(), Some(Waited::TimedOut));
        });
        assert!(clock::now() >= begin + 400, "not cut short");
        let seen = SEEN_AT.load(Ordering::SeqCst);
        assert!(
            (begin + 90..begin + 350).contains(&seen),
            "{}",
            seen - begin
        );
    }

    /// How often this thread has been woken.
    fn wake_ups() -> u64 {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"));
        let count = line.and_then(|line| line.rsplit('\t').next());
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_wait_that_lasts_is_not_woken_in_between() {
        let cancel = Cancel::default();
        let before = wake_ups();
        until(clock::now() + 1_000, cancel.watch());
        let paused = wake_ups();
        assert!(paused - before <= 2, "{}", paused - before);
        let listener = TcpListener::bind("127.0.0.1:0");
        assert!(listener.is_ok());
        if let Ok(listener) = listener {
            let waited = on(
                listener.as_fd(),
                For::Reading,
                clock::now() + 1_000,
                cancel.watch(),
            );
            assert_eq!(waited, Waited::TimedOut);
        }
        assert!(wake_ups() - paused <= 4, "{}", wake_ups() - paused);
    }
}
