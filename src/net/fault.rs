//! The one table of what the error numbers of the network mean: for the policy, for a probe, and
//! for the person who reads about it.

use std::io;

use crate::model::{Fault, Sighting, Stage};

use super::Sent;

/// What an error number means.
struct Row {
    errno: i32,
    /// While a connection is made.
    connecting: Fault,
    /// What it says of a host that is probed.
    sighting: Sighting,
    /// What to do, where the fault is on this side.
    advice: &'static str,
}

/// The host's doing, or the network's.
const fn there(errno: i32, connecting: Fault, sighting: Sighting) -> Row {
    Row {
        errno,
        connecting,
        sighting,
        advice: "",
    }
}

/// This side's own: it says nothing of the host.
const fn here(errno: i32, advice: &'static str) -> Row {
    Row {
        errno,
        connecting: Fault::Local,
        sighting: Sighting::Nothing,
        advice,
    }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    there(libc::ECONNREFUSED, Fault::Refused, Sighting::Nobody),
    there(libc::ECONNRESET, Fault::Broken, Sighting::Nobody),
    there(libc::ETIMEDOUT, Fault::Silent, Sighting::Nothing),
    there(libc::EHOSTUNREACH, Fault::Unreachable, Sighting::Nobody),
    there(libc::ENETUNREACH, Fault::Unreachable, Sighting::Nobody),
    there(libc::EHOSTDOWN, Fault::Unreachable, Sighting::Nobody),
    there(libc::ENOPROTOOPT, Fault::Unreachable, Sighting::Nobody),
    there(libc::EPROTO, Fault::Unreachable, Sighting::Nobody),
    here(libc::EACCES, ""),
    here(libc::EPERM, ""),
    here(libc::EAFNOSUPPORT, ""),
    here(libc::EAGAIN, ""),
    here(libc::ENOBUFS, ""),
    here(libc::ENOMEM, ""),
    here(libc::EMFILE, "this process has no descriptor left: raise its limit (ulimit -n) or close some"),
    here(libc::ENFILE, "the system has no descriptor left"),
    here(libc::EADDRNOTAVAIL, "no local address or port is free for this connection"),
];

fn row(errno: i32) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.errno == errno)
}

/// What a failure at this stage means, by the system's error number (0: none).
pub(super) fn of(stage: Stage, sent: Sent, errno: i32) -> Fault {
    match (stage, sent) {
        (Stage::Prepare, _) => Fault::Local,
        (Stage::Resolve, _) => Fault::Unresolved,
        // What is not known is never blamed on the host.
        (Stage::Connect, _) => row(errno).map_or(Fault::Local, |row| row.connecting),
        // The kernel has found that the way to the peer is gone.
        _ if errno == libc::ETIMEDOUT => Fault::Vanished,
        (_, Sent::No) => Fault::Broken,
        (_, Sent::Yes) => Fault::Closed,
    }
}

/// What an error says of a host that is probed; most are of this side, or of nobody.
pub(super) fn sighting(errno: i32) -> Sighting {
    row(errno).map_or(Sighting::Nothing, |row| row.sighting)
}

/// The system's words, with advice where the fault is on this side.
pub(super) fn words(why: &io::Error) -> String {
    match row(errno(why)) {
        Some(Row { advice, .. }) if !advice.is_empty() => format!("{why}: {advice}"),
        _ => why.to_string(),
    }
}

/// The system's error number, 0 when there is none.
pub(super) fn errno(why: &io::Error) -> i32 {
    why.raw_os_error().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_number_stands_once_in_the_table() {
        for (at, row) in ROWS.iter().enumerate() {
            let first = ROWS.iter().position(|other| other.errno == row.errno);
            assert_eq!(first, Some(at), "{}", row.errno);
        }
    }

    #[test]
    fn what_is_not_known_is_never_blamed_on_a_host() {
        for errno in [0, libc::EINVAL, libc::EBADF, libc::EPROTONOSUPPORT] {
            assert_eq!(of(Stage::Connect, Sent::No, errno), Fault::Local);
            assert_eq!(sighting(errno), Sighting::Nothing);
        }
    }

    #[test]
    fn what_is_this_sides_is_never_blamed_on_a_host() {
        for row in ROWS {
            let is_own = row.connecting == Fault::Local;
            assert!(
                !is_own || row.sighting == Sighting::Nothing,
                "{}",
                row.errno
            );
            assert!(is_own || row.advice.is_empty(), "{}", row.errno);
        }
    }
}
