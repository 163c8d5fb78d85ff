//! Waiting: for a descriptor or for a time, never longer than asked, and no longer than a
//! few milliseconds after a cancel.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::cancel::CancelWatch;
use super::clock;
use crate::model::Millis;

/// A cancel is noticed after so many milliseconds at the latest.
const SLICE: Millis = 20;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The descriptor is ready.
    Ready,
    /// It has an error to tell, or its peer has gone.
    Failed,
    /// The time is over.
    TimedOut,
    /// The cancel flag is set.
    Cancelled,
}

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Reading,
    Writing,
}

/// Waits for `fd` until the time `until` ([`clock::now`]).
pub(crate) fn on(
    fd: BorrowedFd<'_>,
    what: For,
    until: Millis,
    cancel: CancelWatch<'_>,
) -> io::Result<Waited> {
    let mut entry = entry(fd, what);
    let waited = wait(std::slice::from_mut(&mut entry), until, cancel)?;
    match entry.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) {
        0 => Ok(waited),
        _ => Ok(Waited::Failed),
    }
}

/// How a wait for several descriptors ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Those at these places are ready, or have an error to tell.
    Some(Vec<usize>),
    /// The time is over.
    None,
    /// The cancel flag is set.
    Cancelled,
}

/// Waits for the first of `fds` until the time `until` ([`clock::now`]).
pub(crate) fn any(
    fds: &[(BorrowedFd<'_>, For)],
    until: Millis,
    cancel: CancelWatch<'_>,
) -> io::Result<Ready> {
    let mut entries: Vec<_> = fds.iter().map(|(fd, what)| entry(*fd, *what)).collect();
    Ok(match wait(&mut entries, until, cancel)? {
        Waited::Ready | Waited::Failed => Ready::Some(
            (0..entries.len())
                .filter(|at| entries[*at].revents != 0)
                .collect(),
        ),
        Waited::TimedOut => Ready::None,
        Waited::Cancelled => Ready::Cancelled,
    })
}

fn entry(fd: BorrowedFd<'_>, what: For) -> libc::pollfd {
    libc::pollfd {
        fd: fd.as_raw_fd(),
        events: match what {
            For::Reading => libc::POLLIN,
            For::Writing => libc::POLLOUT,
        },
        revents: 0,
    }
}

/// Waits until the time `until`, or a cancel.
pub(crate) fn until(until: Millis, cancel: CancelWatch<'_>) -> Waited {
    // Without descriptors, poll has nothing to complain of but its memory.
    wait(&mut [], until, cancel).unwrap_or(Waited::TimedOut)
}

fn wait(
    entries: &mut [libc::pollfd],
    until: Millis,
    cancel: CancelWatch<'_>,
) -> io::Result<Waited> {
    loop {
        // The descriptor first: a reply that is there beats a cancel.
        let left = until.saturating_sub(clock::now());
        let slice = match cancel.is_cancelled() {
            true => 0,
            false => left.min(SLICE),
        };
        match poll(entries, slice) {
            Ok(true) => return Ok(Waited::Ready),
            Ok(false) if cancel.is_cancelled() => return Ok(Waited::Cancelled),
            Ok(false) if clock::now() >= until => return Ok(Waited::TimedOut),
            Ok(false) => {}
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
}

fn poll(entries: &mut [libc::pollfd], millis: Millis) -> io::Result<bool> {
    let count = libc::nfds_t::try_from(entries.len()).unwrap_or(0);
    let millis = libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX);
    // SAFETY: `entries` is a slice of `count` valid entries that the call may write to.
    match unsafe { libc::poll(entries.as_mut_ptr(), count, millis) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(false),
        _ => Ok(true),
    }
}

/// Whether a wait for `fd` would end at once, for whatever reason.
pub(crate) fn has_news(fd: BorrowedFd<'_>, what: For) -> bool {
    let mut entry = entry(fd, what);
    poll(std::slice::from_mut(&mut entry), 0).unwrap_or(false)
}

/// Whether `fd` takes bytes at once.
pub(crate) fn is_writable_now(fd: BorrowedFd<'_>) -> bool {
    let mut entry = entry(fd, For::Writing);
    poll(std::slice::from_mut(&mut entry), 0).unwrap_or(false) && entry.revents & libc::POLLOUT != 0
}

#[cfg(test)]
mod tests {
    use super::super::cancel::Cancel;
    use super::*;

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
}
