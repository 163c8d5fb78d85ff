//! A line on stderr that neither blocks nor raises a signal.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};

use super::wait;

/// A pipe that is writable takes this much without blocking.
const PIPE_BUF: usize = 4096;

/// Writes `line` and a newline to stderr. What does not fit at once is dropped: delivery of a
/// command never depends on printing.
pub(crate) fn write_line(line: &str) {
    let mut text = line.as_bytes()[..line.len().min(PIPE_BUF - 1)].to_vec();
    text.push(b'\n');
    let stderr = io::stderr();
    if !wait::is_writable_now(stderr.as_fd()) {
        return;
    }
    let _quiet = SigpipeBlocked::new();
    // SAFETY: `text` is readable for its length; a closed descriptor is an error, not a fault.
    unsafe { libc::write(stderr.as_raw_fd(), text.as_ptr().cast(), text.len()) };
}

/// While it lives a SIGPIPE of this thread is held back, and one that came is taken away.
pub(super) struct SigpipeBlocked {
    before: libc::sigset_t,
    was_pending: bool,
}

impl SigpipeBlocked {
    pub(super) fn new() -> Self {
        // SAFETY: the sets are initialised by sigemptyset before use, and the calls only change
        // the signal mask of this thread.
        unsafe {
            let mut before = mem::zeroed();
            let set = sigpipe();
            let was_pending = is_pending();
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
            Self {
                before,
                was_pending,
            }
        }
    }
}

impl Drop for SigpipeBlocked {
    fn drop(&mut self) {
        // SAFETY: as above; SIGPIPE is blocked here, so sigwait returns at once.
        unsafe {
            if !self.was_pending && is_pending() {
                let set = sigpipe();
                let mut signal = 0;
                libc::sigwait(&raw const set, &raw mut signal);
            }
            libc::pthread_sigmask(
                libc::SIG_SETMASK,
                &raw const self.before,
                std::ptr::null_mut(),
            );
        }
    }
}

fn sigpipe() -> libc::sigset_t {
    // SAFETY: sigemptyset initialises the set.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        set
    }
}

fn is_pending() -> bool {
    // SAFETY: sigpending initialises the set.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigpending(&raw mut set);
        libc::sigismember(&raw const set, libc::SIGPIPE) == 1
    }
}
