//! Making a connection: every address in turn, within the time.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use super::addresses::Found;
use super::{Attempt, Failure, Sent, errno};
use crate::model::{Cure, Millis, Stage};
use crate::sys::clock;
use crate::sys::socket::begin_connect;
use crate::sys::wait::{self, For, Waited};

/// Tries every address in turn. A silent one may use up its share of the time, no more.
pub(super) fn connect(
    attempt: &Attempt<'_>,
    found: &Found,
    until: Millis,
) -> Result<TcpStream, Failure> {
    let mut failure = Failure {
        stage: Stage::Connect,
        sent: Sent::No,
        errno: 0,
        what: found.remark.clone(),
        cure: Cure::Retry,
    };
    let mut left = found.addresses.len() as Millis;
    for address in &found.addresses {
        let now = clock::start();
        let share = until.saturating_sub(now) / left.max(1);
        left -= 1;
        let why = match connect_to(address, now + share, attempt) {
            Ok(stream) => return Ok(stream),
            Err(why) => why,
        };
        if !failure.what.is_empty() {
            failure.what.push_str("; ");
        }
        failure
            .what
            .push_str(&format!("{}: {}", address.ip(), told(&why)));
        if failure.errno == 0 {
            failure.errno = errno(&why);
        }
    }
    Err(failure)
}

fn connect_to(address: &SocketAddr, until: Millis, attempt: &Attempt<'_>) -> io::Result<TcpStream> {
    let (stream, is_connected) = begin_connect(address)?;
    if !is_connected {
        match wait::on(stream.as_fd(), For::Writing, until, attempt.cancel)? {
            Waited::Ready => {}
            Waited::Failed => {
                if let Some(why) = stream.take_error()? {
                    return Err(why);
                }
            }
            Waited::TimedOut => return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
            Waited::Cancelled => return Err(io::Error::other("cancelled while connecting")),
        }
    }
    not_itself(&stream, address)?;
    Ok(stream)
}

/// Where nobody listens on a port that the kernel hands out to clients, a socket can be
/// connected to itself.
fn not_itself(stream: &TcpStream, address: &SocketAddr) -> io::Result<()> {
    match stream.local_addr()? == *address {
        true => Err(io::Error::from_raw_os_error(libc::ECONNREFUSED)),
        false => Ok(()),
    }
}

/// What became of a connection that was begun; `None` while it is on its way.
pub(super) fn outcome(stream: &TcpStream, address: &SocketAddr) -> Option<io::Result<()>> {
    if !wait::has_news(stream.as_fd(), For::Writing) {
        return None;
    }
    let error = stream.take_error();
    Some(match error {
        Ok(None) => not_itself(stream, address),
        Ok(Some(why)) | Err(why) => Err(why),
    })
}

/// Errors that are not the server's, and what to do about them.
const HINTS: &[(i32, &str)] = &[
    (
        libc::EMFILE,
        "this process has no descriptor left: raise its limit (ulimit -n) or close some",
    ),
    (libc::ENFILE, "the system has no descriptor left"),
    (
        libc::EADDRNOTAVAIL,
        "no local address or port is free for this connection",
    ),
];

/// The system's words, with a hint where the fault is on this side.
pub(super) fn told(why: &io::Error) -> String {
    let hint = HINTS.iter().find(|(number, _)| *number == errno(why));
    match hint {
        Some((_, hint)) => format!("{why}: {hint}"),
        None => why.to_string(),
    }
}
