//! A caller's own networking in small: one frame out, one frame in, on a socket that is handed over.

use std::io::Write;
use std::net::TcpStream;
use std::os::fd::FromRawFd;
use std::time::Duration;

use ecf_failover::model::Outcome;

use crate::peer::read_frame;
use crate::{frame, replies};

/// Speaks on a connection, within a time, and closes it; tells what came of it.
pub fn converse(mut stream: TcpStream, limit: Duration) -> Outcome {
    stream.set_nonblocking(false).expect("blocking");
    stream.set_read_timeout(Some(limit)).expect("a limit");
    stream.set_write_timeout(Some(limit)).expect("a limit");
    if stream.write_all(&frame(b"{}")).is_err() {
        return Outcome::NotSent;
    }
    let Ok(reply) = read_frame(&mut stream) else {
        return Outcome::Unconfirmed;
    };
    let known = [
        (replies::ok(), Outcome::Ok),
        (replies::wait(), Outcome::Wait),
        (replies::halted(), Outcome::Halted),
        (replies::zombie(), Outcome::Zombie),
        (replies::named("error"), Outcome::Rejected),
    ];
    let mut known = known.into_iter();
    let found = known.find(|(body, _)| frame(body.as_bytes()) == reply);
    found.map_or(Outcome::Unconfirmed, |(_, outcome)| outcome)
}

/// The same on a descriptor that was handed over.
pub fn speak(socket: i32, limit_ms: u64) -> Outcome {
    assert!(socket > 2, "a connection was handed over: {socket}");
    let flags = unsafe { libc::fcntl(socket, libc::F_GETFL) };
    assert_ne!(flags & libc::O_NONBLOCK, 0, "non-blocking");
    let flags = unsafe { libc::fcntl(socket, libc::F_GETFD) };
    assert_ne!(flags & libc::FD_CLOEXEC, 0, "close-on-exec");
    // It was handed over, so it is ours alone.
    let stream = unsafe { TcpStream::from_raw_fd(socket) };
    converse(stream, Duration::from_millis(limit_ms.clamp(1, 60_000)))
}
