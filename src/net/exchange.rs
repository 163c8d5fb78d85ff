//! One exchange: the request out, the reply in, over whatever channel.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use super::channel::{Channel, Direction};
use super::{Attempt, CancelWatch, Failure, Receiver, Security, Sent, errno, tcp};
use crate::model::{Cure, Millis, Stage};
use crate::sys::clock;
use crate::sys::socket::notice_a_dead_peer;
use crate::sys::wait::{self, For, Waited};

/// A request that is no longer than this leaves in one piece, whatever the network.
const SEGMENT: usize = 1_200;
/// A server's kernel takes a request of this length though the server is busy; a longer one
/// may have to wait for it.
const SMALL: usize = 16 * 1024;
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
    let end = clock::start().saturating_add(attempt.limits.whole);
    let found = attempt.addresses.find(
        attempt.endpoint,
        attempt.limits.connect,
        end,
        attempt.cancel,
    )?;
    let connect_end = clock::start().saturating_add(attempt.limits.connect);
    let stream = tcp::connect(attempt, &found, connect_end.min(end))?;
    let mut alone = Alone(attempt.cancel);
    converse(attempt, stream, end, request, receiver, &mut alone)?;
    Ok(found.remark)
}

/// The same over a connection that is there already, while `company` waits: it looks after other
/// things meanwhile, and may end the exchange.
pub(super) fn converse(
    attempt: &Attempt<'_>,
    stream: TcpStream,
    end: Millis,
    request: &[u8],
    receiver: &mut dyn Receiver,
    company: &mut dyn Company,
) -> Result<(), Failure> {
    let is_plain = matches!(attempt.security, Security::Plain);
    if request.len() > SEGMENT || !is_plain {
        // The last piece must not wait for the acknowledgement of those before. A kernel that
        // refuses costs some milliseconds.
        stream.set_nodelay(true).ok();
    }
    if attempt.limits.silence < Millis::MAX && request.len() <= SMALL {
        notice_a_dead_peer(&stream);
    }
    let mut conversation = Conversation {
        attempt,
        channel: Channel::new(stream, attempt.security, attempt.endpoint)?,
        end,
        until: end,
        stage_end: end,
        begin: clock::start(),
        company,
    };
    conversation.begin_stage(attempt.limits.connect);
    conversation.shake_hands()?;
    conversation.begin_stage(attempt.limits.write);
    conversation.write(request)?;
    conversation.begin_stage(attempt.limits.reply);
    conversation.read(receiver)
}

/// How a wait ended.
pub(super) enum Companied {
    /// The descriptor is ready, or has an error to tell.
    Ready,
    TimedOut,
    Cancelled,
    /// The server is gone, as the words tell.
    Gone(&'static str),
}

/// Waits for the descriptor of an exchange.
pub(super) trait Company {
    fn wait(&mut self, fd: BorrowedFd<'_>, what: For, until: Millis) -> io::Result<Companied>;
}

/// Nothing else is to be done meanwhile.
struct Alone<'a>(CancelWatch<'a>);

impl Company for Alone<'_> {
    fn wait(&mut self, fd: BorrowedFd<'_>, what: For, until: Millis) -> io::Result<Companied> {
        Ok(match wait::on(fd, what, until, self.0)? {
            // What failed is told by the read or the write that follows.
            Waited::Ready | Waited::Failed => Companied::Ready,
            Waited::TimedOut => Companied::TimedOut,
            Waited::Cancelled => Companied::Cancelled,
        })
    }
}

/// A connection and the time that is left for it.
struct Conversation<'a> {
    attempt: &'a Attempt<'a>,
    channel: Channel,
    /// Of the whole attempt.
    end: Millis,
    /// Of the stage, and of the silence in it.
    until: Millis,
    stage_end: Millis,
    begin: Millis,
    company: &'a mut dyn Company,
}

impl Conversation<'_> {
    fn begin_stage(&mut self, limit: Millis) {
        self.stage_end = clock::start().saturating_add(limit).min(self.end);
        self.expect_news();
    }

    /// The server is silent from now on.
    fn expect_news(&mut self) {
        let silence = self.attempt.limits.silence;
        self.until = clock::start().saturating_add(silence).min(self.stage_end);
    }

    /// Why nothing more may be written or read, though the peer goes on; `None` if it may.
    fn stop(&self, too_slow: &str) -> Option<(i32, String)> {
        if self.attempt.cancel.is_cancelled() {
            return Some((0, "cancelled".into()));
        }
        (clock::now() >= self.until).then(|| (libc::ETIMEDOUT, self.too_late(too_slow)))
    }

    fn shake_hands(&mut self) -> Result<(), Failure> {
        let fail = |errno, what: String, cure| Failure {
            stage: Stage::Tls,
            sent: Sent::No,
            errno,
            what,
            cure,
        };
        loop {
            match self.channel.shake_hands() {
                Ok(None) => return Ok(()),
                Ok(Some(direction)) => {
                    let silence = "the TLS handshake did not end";
                    if let Some((errno, why)) = self.stop(silence) {
                        return Err(fail(errno, why, Cure::Retry));
                    }
                    let retry = |errno, why| fail(errno, why, Cure::Retry);
                    self.wait(for_(direction), silence, retry)?;
                }
                Err(why) => {
                    let told = self.channel.told(&why);
                    return Err(fail(errno(&why), told.what, told.cure));
                }
            }
        }
    }

    fn write(&mut self, request: &[u8]) -> Result<(), Failure> {
        let mut rest = request;
        loop {
            let so_far = request.len() - rest.len();
            let fail = |errno, why: String| Failure {
                stage: Stage::Write,
                sent: Sent::No,
                errno,
                what: format!(
                    "{why} after {so_far} of {} bytes were written",
                    request.len()
                ),
                cure: Cure::Retry,
            };
            if !rest.is_empty()
                && let Some((errno, why)) = self.stop("the request did not leave whole")
            {
                return Err(fail(errno, why));
            }
            // Written is what the kernel has taken, not what the channel holds back. What left
            // whole did so, however late it is.
            let taken = match rest.is_empty() {
                true => self.channel.flush().map(|()| 0),
                false => self.channel.write(rest),
            };
            if matches!(taken, Ok(taken) if taken == rest.len()) && self.channel.flush().is_ok() {
                return Ok(());
            }
            match taken {
                Ok(taken) => rest = &rest[taken..],
                Err(why) if is_for_later(&why) => {
                    if let Some((errno, why)) = self.stop("the request did not leave whole") {
                        return Err(fail(errno, why));
                    }
                    self.wait(For::Writing, "the server took nothing more", fail)?
                }
                Err(why) => return Err(fail(errno(&why), self.channel.told(&why).what)),
            }
        }
    }

    fn read(&mut self, receiver: &mut dyn Receiver) -> Result<(), Failure> {
        let mut piece = [0; PIECE];
        let silence = |errno, why: String, receiver: &dyn Receiver| unread(receiver, errno, &why);
        loop {
            if !self.channel.may_hold_bytes() {
                self.wait(For::Reading, "no reply", |errno, why| {
                    silence(errno, why, receiver)
                })?;
            }
            match self.channel.read(&mut piece) {
                Ok(0) if receiver.end() => return Ok(()),
                Ok(0) => {
                    let hint = self.channel.hint_at_end(receiver.is_untouched());
                    let why = format!("the server closed the connection{hint}");
                    return Err(unread(receiver, 0, &why));
                }
                Ok(count) => match receiver.receive(&piece[..count]) {
                    Ok(true) => return Ok(()),
                    Ok(false) => {
                        self.expect_news();
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
                Err(why) if is_for_later(&why) => {
                    // Inside TLS there may be much to read that brings nothing.
                    if let Some((errno, why)) = self.stop("no reply") {
                        return Err(unread(receiver, errno, &why));
                    }
                    self.wait(For::Reading, "no reply", |errno, why| {
                        silence(errno, why, receiver)
                    })?;
                }
                Err(why) => {
                    let told = self.channel.told(&why);
                    return Err(unread(receiver, errno(&why), &told.what));
                }
            }
        }
    }

    fn wait(
        &mut self,
        what: For,
        silence: &str,
        fail: impl Fn(i32, String) -> Failure,
    ) -> Result<(), Failure> {
        let fd = self.channel.stream().as_fd();
        match self.company.wait(fd, what, self.until) {
            Ok(Companied::Ready) => Ok(()),
            Ok(Companied::TimedOut) => Err(fail(libc::ETIMEDOUT, self.too_late(silence))),
            Ok(Companied::Cancelled) => Err(fail(0, "cancelled".into())),
            Ok(Companied::Gone(how)) => Err(fail(libc::EHOSTDOWN, how.into())),
            Err(why) => Err(fail(errno(&why), why.to_string())),
        }
    }

    fn too_late(&self, what: &str) -> String {
        let millis = clock::now().saturating_sub(self.begin);
        format!("{what} within {}.{:03} s", millis / 1_000, millis % 1_000)
    }
}

fn for_(direction: Direction) -> For {
    match direction {
        Direction::In => For::Reading,
        Direction::Out => For::Writing,
    }
}

/// The failure of a reply that did not come, or not whole.
fn unread(receiver: &dyn Receiver, errno: i32, why: &str) -> Failure {
    Failure {
        stage: Stage::Read,
        sent: Sent::Yes,
        errno,
        what: format!("{why} ({})", receiver.progress()),
        cure: Cure::Retry,
    }
}

fn is_for_later(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::model::Endpoint;
    use crate::net::{AddressBook, Cancel, Limits};

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

        fn end(&mut self) -> bool {
            false
        }

        fn is_untouched(&self) -> bool {
            self.calls == 0
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
                    silence: Millis::MAX,
                    whole: 30_000,
                },
                addresses: &AddressBook::default(),
                cancel: cancel.watch(),
                security: &Security::Plain,
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
