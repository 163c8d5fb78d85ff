//! Text for the standard descriptors, for programs: it may wait a while for its reader, and
//! neither hangs nor raises a signal.

use super::stderr::SigpipeBlocked;

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout = libc::STDOUT_FILENO as isize,
    Stderr = libc::STDERR_FILENO as isize,
}

/// What a pipe that is writable takes at once.
const PIECE: usize = 4_096;
/// A reader that takes nothing for so long gets no more, in milliseconds.
const PATIENCE: libc::c_int = 10_000;

/// Writes as much of `text` as is taken. That nobody takes it is no failure of a command.
pub(crate) fn write(output: Output, text: &[u8]) {
    let fd = output as libc::c_int;
    let _quiet = SigpipeBlocked::new();
    let mut rest = text;
    while !rest.is_empty() {
        let piece = &rest[..rest.len().min(PIECE)];
        let mut entry = libc::pollfd {
            fd,
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: one entry, which the call may write to; then a buffer of the passed length.
        let written = unsafe {
            if libc::poll(&raw mut entry, 1, PATIENCE) != 1 {
                return;
            }
            libc::write(fd, piece.as_ptr().cast(), piece.len())
        };
        match usize::try_from(written) {
            Ok(written @ 1..) => rest = &rest[written..],
            _ => return,
        }
    }
}
