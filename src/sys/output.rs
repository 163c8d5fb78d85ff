//! Text for the standard descriptors, for programs: it may wait a while for its reader, and
//! neither hangs nor raises a signal.

use std::io;

use super::clock;
use super::stderr::SigpipeBlocked;
use crate::model::Millis;

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout = libc::STDOUT_FILENO as isize,
    Stderr = libc::STDERR_FILENO as isize,
}

/// What a pipe that is writable takes at once.
const PIECE: usize = 4_096;
/// A reader that takes nothing for so long gets no more.
const PATIENCE: Millis = 10_000;
/// That the writing shall stop is noticed after so many milliseconds at the latest.
const SLICE: Millis = 20;

/// Writes as much of `text` as is taken, or as is taken at once when it `is_stopped`. That
/// nobody takes it is no failure of a command.
pub(crate) fn write(output: Output, text: &[u8], is_stopped: impl Fn() -> bool) -> io::Result<()> {
    let fd = output as libc::c_int;
    let _quiet = SigpipeBlocked::new();
    let mut rest = text;
    while !rest.is_empty() {
        wait(fd, &is_stopped)?;
        let piece = &rest[..rest.len().min(PIECE)];
        // SAFETY: a buffer of the passed length.
        let written = unsafe { libc::write(fd, piece.as_ptr().cast(), piece.len()) };
        match usize::try_from(written) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(_) => match io::Error::last_os_error() {
                why if is_passing(&why) => {}
                why => return Err(why),
            },
        }
    }
    Ok(())
}

fn wait(fd: libc::c_int, is_stopped: &impl Fn() -> bool) -> io::Result<()> {
    let until = clock::start() + PATIENCE;
    loop {
        let left = until.saturating_sub(clock::now());
        let slice = match is_stopped() {
            true => 0,
            false => left.min(SLICE),
        };
        let mut entry = libc::pollfd {
            fd,
            events: libc::POLLOUT,
            revents: 0,
        };
        let millis = libc::c_int::try_from(slice).unwrap_or(0);
        // SAFETY: one entry, which the call may write to.
        match unsafe { libc::poll(&raw mut entry, 1, millis) } {
            0 if slice == 0 => return Err(io::ErrorKind::TimedOut.into()),
            0 => {}
            -1 => match io::Error::last_os_error() {
                // A shell gets signals that mean nothing to the command: a child has ended.
                why if is_passing(&why) => {}
                why => return Err(why),
            },
            _ => return Ok(()),
        }
    }
}

fn is_passing(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}
