//! An attempt over plain TCP.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use super::addresses::Found;
use super::{Attempt, Failure, Receiver, Sent, Stage};
use crate::config::Millis;
use crate::sys::clock;
use crate::sys::socket::begin_connect;
use crate::sys::wait::{self, For, Waited};

/// A request that is no longer than this leaves in one piece, whatever the network.
const SEGMENT: usize = 1_200;
/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// Sends `request` and reads the reply into `receiver`. Gives a remark about the address that
/// was used, mostly none.
///
/// # Errors
/// [`Failure`] says how far it came and whether the request left.
pub fn exchange(
    attempt: &Attempt<'_>,
    request: &[u8],
    receiver: &mut dyn Receiver,
) -> Result<String, Failure> {
    let begin = clock::start();
    let end = begin.saturating_add(attempt.limits.whole);
    let found = attempt.addresses.find(
        attempt.endpoint,
        attempt.limits.connect,
        end,
        attempt.cancel,
    )?;
    let connect_end = clock::start().saturating_add(attempt.limits.connect);
    let stream = connect(attempt, &found, connect_end.min(end))?;
    let mut conversation = Conversation {
        attempt,
        stream,
        end,
        until: end,
        begin,
    };
    if request.len() > SEGMENT {
        // The last piece of a long request must not wait for an acknowledgement. A kernel that
        // refuses costs some milliseconds.
        conversation.stream.set_nodelay(true).ok();
    }
    conversation.begin_stage(attempt.limits.write);
    conversation.write(request)?;
    conversation.begin_stage(attempt.limits.reply);
    conversation.read(receiver)?;
    Ok(found.remark)
}

/// Tries every address in turn. A silent one may use up its share of the time, no more.
fn connect(attempt: &Attempt<'_>, found: &Found, until: Millis) -> Result<TcpStream, Failure> {
    let mut failure = Failure {
        stage: Stage::Connect,
        sent: Sent::No,
        errno: 0,
        what: found.remark.clone(),
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
    // Where nobody listens on a port that the kernel hands out to clients, a socket can be
    // connected to itself.
    if stream.local_addr()? == *address {
        return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
    }
    Ok(stream)
}

/// A connection and the time that is left for it.
struct Conversation<'a> {
    attempt: &'a Attempt<'a>,
    stream: TcpStream,
    /// Of the whole attempt.
    end: Millis,
    /// Of the stage.
    until: Millis,
    begin: Millis,
}

impl Conversation<'_> {
    fn begin_stage(&mut self, limit: Millis) {
        self.until = clock::start().saturating_add(limit).min(self.end);
    }

    /// Why nothing more may be written or read, though the peer goes on; `None` if it may.
    fn stop(&self, too_slow: &str) -> Option<(i32, String)> {
        if self.attempt.cancel.is_cancelled() {
            return Some((0, "cancelled".into()));
        }
        (clock::now() >= self.until).then(|| (libc::ETIMEDOUT, self.too_late(too_slow)))
    }

    fn write(&mut self, request: &[u8]) -> Result<(), Failure> {
        let mut rest = request;
        while !rest.is_empty() {
            let so_far = request.len() - rest.len();
            let fail = |errno, why: String| Failure {
                stage: Stage::Write,
                sent: Sent::No,
                errno,
                what: format!(
                    "{why} after {so_far} of {} bytes were written",
                    request.len()
                ),
            };
            if let Some((errno, why)) = self.stop("the request did not leave whole") {
                return Err(fail(errno, why));
            }
            match self.stream.write(rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(why) if is_for_later(&why) => {
                    self.wait(For::Writing, "the server took nothing more", fail)?
                }
                Err(why) => return Err(fail(errno(&why), why.to_string())),
            }
        }
        Ok(())
    }

    fn read(&mut self, receiver: &mut dyn Receiver) -> Result<(), Failure> {
        let mut piece = [0; PIECE];
        loop {
            self.wait(For::Reading, "no reply", |errno, why| {
                unread(receiver, errno, &why)
            })?;
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(unread(receiver, 0, "the server closed the connection")),
                Ok(count) => match receiver.receive(&piece[..count]) {
                    Ok(true) => return Ok(()),
                    Ok(false) => {
                        if let Some((errno, why)) = self.stop("the reply did not come whole") {
                            return Err(unread(receiver, errno, &why));
                        }
                    }
                    Err(what) => {
                        return Err(Failure {
                            what,
                            ..unread(receiver, 0, "")
                        });
                    }
                },
                Err(why) if is_for_later(&why) => {}
                Err(why) => return Err(unread(receiver, errno(&why), &why.to_string())),
            }
        }
    }

    fn wait(
        &self,
        what: For,
        silence: &str,
        fail: impl Fn(i32, String) -> Failure,
    ) -> Result<(), Failure> {
        match wait::on(self.stream.as_fd(), what, self.until, self.attempt.cancel) {
            // What failed is told by the read or the write that follows.
            Ok(Waited::Ready | Waited::Failed) => Ok(()),
            Ok(Waited::TimedOut) => Err(fail(libc::ETIMEDOUT, self.too_late(silence))),
            Ok(Waited::Cancelled) => Err(fail(0, "cancelled".into())),
            Err(why) => Err(fail(errno(&why), why.to_string())),
        }
    }

    fn too_late(&self, what: &str) -> String {
        let millis = clock::now().saturating_sub(self.begin);
        format!("{what} within {}.{:03} s", millis / 1_000, millis % 1_000)
    }
}

/// The failure of a reply that did not come, or not whole.
fn unread(receiver: &dyn Receiver, errno: i32, why: &str) -> Failure {
    Failure {
        stage: Stage::Read,
        sent: Sent::Yes,
        errno,
        what: format!("{why} ({})", receiver.progress()),
    }
}

fn is_for_later(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
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
fn told(why: &io::Error) -> String {
    let hint = HINTS.iter().find(|(number, _)| *number == errno(why));
    match hint {
        Some((_, hint)) => format!("{why}: {hint}"),
        None => why.to_string(),
    }
}

fn errno(why: &io::Error) -> i32 {
    why.raw_os_error().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::hosts::Endpoint;
    use crate::transport::{AddressBook, Cancel, Limits};

    /// Cancels when the first bytes come, and counts how often more are brought.
    struct Canceller<'a> {
        cancel: &'a Cancel,
        calls: u32,
    }

    impl Receiver for Canceller<'_> {
        fn receive(&mut self, _: &[u8]) -> Result<bool, String> {
            self.calls += 1;
            self.cancel.set();
            // More than one piece is waiting in the socket by now.
            thread::sleep(Duration::from_millis(50));
            Ok(self.calls == 100)
        }

        fn progress(&self) -> String {
            format!("{} pieces", self.calls)
        }
    }

    #[test]
    fn a_cancel_is_seen_while_bytes_keep_coming() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let cancel = Cancel::default();
        let mut receiver = Canceller {
            cancel: &cancel,
            calls: 0,
        };
        let outcome = thread::scope(|scope| {
            scope.spawn(|| -> io::Result<()> {
                let (mut stream, _) = listener.accept()?;
                stream.read_exact(&mut [0; 7])?;
                stream.write_all(&[b' '; 1 << 20])
            });
            let endpoint = Endpoint::parse(b"127.0.0.1", port).map_err(io::Error::other)?;
            let attempt = Attempt {
                endpoint: &endpoint,
                limits: Limits {
                    connect: 10_000,
                    write: 10_000,
                    reply: 10_000,
                    whole: 30_000,
                },
                addresses: &AddressBook::default(),
                cancel: cancel.watch(),
            };
            Ok::<_, io::Error>(exchange(&attempt, b"request", &mut receiver))
        })?;
        let failure = outcome.err();
        assert_eq!(failure.as_ref().map(|why| why.sent), Some(Sent::Yes));
        assert_eq!(
            failure.map(|why| why.what).as_deref(),
            Some("cancelled (1 pieces)")
        );
        Ok(())
    }
}
