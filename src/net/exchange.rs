//! One exchange: the request out, the reply in, over whatever channel.

use std::io;
use std::os::fd::AsFd;

use super::channel::{Channel, Direction};
use super::connect::{Connector, Waited};
use super::connecting::Happening;
use super::connections::Connection;
use super::{Limits, Receiver, Security, Sent, cancelled, failed, fault, too_late};
use crate::model::{AttemptResult, Endpoint, Fault, Millis, Stage};
use crate::sys::clock;
use crate::sys::socket::notice_a_dead_peer;
use crate::sys::wait::For;

/// A request that is no longer than this leaves in one piece, whatever the network.
const SEGMENT: usize = 1_200;
/// A server's kernel takes a request of this length though the server is busy; a longer one
/// may have to wait for it.
const SMALL: usize = 16 * 1024;
/// For what follows when a reply is decided, in milliseconds.
const FOR_WORDS: Millis = 5_000;
/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// Where an exchange goes and what bounds it.
pub struct Exchange<'a> {
    /// The server.
    pub endpoint: &'a Endpoint,
    /// The limits; that for everything is counted from the start of the exchange.
    pub limits: Limits,
    /// How the connection is protected.
    pub security: &'a Security,
}

/// What an exchange does next, beside waiting for its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Ask again at this time.
    Wait {
        /// In milliseconds.
        until: Millis,
    },
    /// End it: another connection has proved that its server is gone.
    GiveUp,
}

/// Looks after other things while an exchange waits for its server.
pub trait Watch {
    /// What is to be done now; it may have begun connections of its own.
    fn next(&mut self, connector: &mut Connector<'_>) -> Instruction;
    /// Something happened to one of them.
    fn happened(&mut self, happening: Happening);
}

/// Sends `request` and reads the reply into `receiver`: over `connection`, or over one that
/// `connector` makes. Gives a remark about the address that was used, mostly none.
///
/// # Errors
/// How far it came and whether the request left.
pub fn exchange(
    exchange: &Exchange<'_>,
    connector: &mut Connector<'_>,
    connection: Option<Connection>,
    watch: Option<&mut (dyn Watch + '_)>,
    request: &[u8],
    receiver: &mut dyn Receiver,
) -> Result<String, AttemptResult> {
    let Exchange {
        endpoint, limits, ..
    } = exchange;
    let end = clock::start().saturating_add(limits.whole);
    let Connection { stream, remark } = match connection {
        Some(connection) => connection,
        None => connector.open(endpoint, limits.connect, end)?,
    };
    let is_plain = matches!(exchange.security, Security::Plain);
    if request.len() > SEGMENT || !is_plain {
        // The last piece must not wait for the acknowledgement of those before. A kernel that
        // refuses costs some milliseconds.
        stream.set_nodelay(true).ok();
    }
    if limits.silence < Millis::MAX && request.len() <= SMALL {
        notice_a_dead_peer(&stream);
    }
    let mut conversation = Conversation {
        channel: exchange.security.channel(stream, endpoint)?,
        silence: limits.silence,
        end,
        until: end,
        stage_end: end,
        begin: clock::start(),
        connector,
        watch,
    };
    conversation.begin_stage(limits.handshake);
    conversation.shake_hands()?;
    conversation.begin_stage(limits.write);
    conversation.write(request)?;
    conversation.begin_stage(limits.reply);
    conversation.read(receiver)?;
    Ok(remark)
}

/// A connection and the time that is left for it.
struct Conversation<'a, 'c, 'w> {
    channel: Box<dyn Channel>,
    silence: Millis,
    /// Of the whole attempt.
    end: Millis,
    /// Of the stage, and of the silence in it.
    until: Millis,
    stage_end: Millis,
    begin: Millis,
    connector: &'a mut Connector<'c>,
    watch: Option<&'a mut (dyn Watch + 'w)>,
}

/// Why a conversation goes on no more, though the connection may be well.
enum Stop {
    Cancelled,
    TooLate(String),
    /// Another connection has proved that the server is gone.
    Gone,
}

impl Stop {
    /// What it means at this stage; `words` makes a sentence of the reason.
    fn at(self, stage: Stage, sent: Sent, words: impl Fn(&str) -> String) -> AttemptResult {
        const GONE: &str = "another connection shows that the server is gone";
        match self {
            Self::Cancelled => cancelled(stage, sent, words("cancelled")),
            Self::TooLate(why) => too_late(stage, sent, words(&why)),
            Self::Gone => AttemptResult {
                fault: Some(Fault::Gone),
                ..failed(stage, sent, 0, words(GONE))
            },
        }
    }
}

impl Conversation<'_, '_, '_> {
    fn begin_stage(&mut self, limit: Millis) {
        self.stage_end = clock::start().saturating_add(limit).min(self.end);
        self.expect_news();
    }

    /// The server is silent from now on.
    fn expect_news(&mut self) {
        self.until = clock::start()
            .saturating_add(self.silence)
            .min(self.stage_end);
    }

    /// Why nothing more may be written or read, though the peer goes on.
    fn check(&self, too_slow: &str) -> Result<(), Stop> {
        if self.connector.cancel().is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if clock::now() >= self.until {
            return Err(self.too_late(too_slow));
        }
        Ok(())
    }

    fn shake_hands(&mut self) -> Result<(), AttemptResult> {
        const SILENCE: &str = "the TLS handshake did not end";
        let stopped = |stop: Stop| stop.at(Stage::Tls, Sent::No, str::to_owned);
        loop {
            match self.channel.shake_hands() {
                Ok(None) => return Ok(()),
                Ok(Some(direction)) => {
                    self.check(SILENCE).map_err(stopped)?;
                    self.wait(for_(direction), SILENCE).map_err(stopped)?;
                }
                Err(why) => {
                    let described = self.channel.describe(&why);
                    return Err(AttemptResult {
                        cure: described.cure,
                        ..failed(Stage::Tls, Sent::No, fault::errno(&why), described.what)
                    });
                }
            }
        }
    }

    fn write(&mut self, request: &[u8]) -> Result<(), AttemptResult> {
        const TOO_SLOW: &str = "the request did not leave whole";
        let mut rest = request;
        loop {
            let (so_far, whole) = (request.len() - rest.len(), request.len());
            let words = |why: &str| format!("{why} after {so_far} of {whole} bytes were written");
            let stopped = |stop: Stop| stop.at(Stage::Write, Sent::No, words);
            if !rest.is_empty() {
                self.check(TOO_SLOW).map_err(stopped)?;
            }
            // Written is what the kernel has taken, not what the channel holds back. What left
            // whole did so, however late it is.
            let taken = if rest.is_empty() {
                self.channel.flush().map(|()| 0)
            } else {
                self.channel.write(rest)
            };
            if matches!(taken, Ok(taken) if taken == rest.len()) && self.channel.flush().is_ok() {
                return Ok(());
            }
            match taken {
                Ok(taken) => rest = &rest[taken..],
                Err(why) if is_for_later(&why) => {
                    self.check(TOO_SLOW).map_err(stopped)?;
                    let silence = "the server took nothing more";
                    self.wait(For::Writing, silence).map_err(stopped)?;
                }
                Err(why) => {
                    let described = self.channel.describe(&why);
                    let (errno, what) = (fault::errno(&why), words(&described.what));
                    return Err(AttemptResult {
                        cure: described.cure,
                        ..failed(Stage::Write, Sent::No, errno, what)
                    });
                }
            }
        }
    }

    /// What follows a reply that is decided is only words: it is not waited for long, and
    /// whatever is wrong with it changes nothing.
    fn read(&mut self, receiver: &mut dyn Receiver) -> Result<(), AttemptResult> {
        match self.read_whole(receiver) {
            Err(_) if receiver.is_decided() => Ok(()),
            read => read,
        }
    }

    fn read_whole(&mut self, receiver: &mut dyn Receiver) -> Result<(), AttemptResult> {
        const SILENCE: &str = "no reply";
        let mut piece = [0; PIECE];
        let mut was_decided = false;
        loop {
            if !self.channel.may_hold_bytes() {
                self.wait(For::Reading, SILENCE)
                    .map_err(|stop| unread(stop, receiver))?;
            }
            match self.channel.read(&mut piece) {
                Ok(0) => {
                    if receiver.end().map_err(|what| unusable(0, what))? {
                        return Ok(());
                    }
                    let hint = if receiver.is_untouched() {
                        self.channel.hint_at_silent_end()
                    } else {
                        ""
                    };
                    let why = format!("the server closed the connection{hint}");
                    return Err(unusable(0, with_progress(&why, receiver)));
                }
                Ok(count) => match receiver.receive(&piece[..count]) {
                    Ok(true) => return Ok(()),
                    Ok(false) => {
                        if receiver.is_decided() && !was_decided {
                            was_decided = true;
                            self.begin_stage(
                                FOR_WORDS.min(self.stage_end.saturating_sub(clock::now())),
                            );
                        }
                        self.expect_news();
                        self.check("the reply did not come whole")
                            .map_err(|stop| unread(stop, receiver))?;
                    }
                    Err(what) => return Err(unusable(0, what)),
                },
                Err(why) if is_for_later(&why) => {
                    // Inside TLS there may be much to read that brings nothing.
                    self.check(SILENCE)
                        .and_then(|()| self.wait(For::Reading, SILENCE))
                        .map_err(|stop| unread(stop, receiver))?;
                }
                Err(why) => {
                    let described = self.channel.describe(&why);
                    let what = with_progress(&described.what, receiver);
                    return Err(AttemptResult {
                        cure: described.cure,
                        ..unusable(fault::errno(&why), what)
                    });
                }
            }
        }
    }

    /// Waits for the connection. What is wrong with it is told by the read or write that follows.
    fn wait(&mut self, what: For, silence: &str) -> Result<(), Stop> {
        let fd = self.channel.stream().as_fd();
        loop {
            let mut until = self.until;
            if let Some(watch) = &mut self.watch {
                let unseen = self.connector.unseen();
                unseen.into_iter().for_each(|one| watch.happened(one));
                match watch.next(self.connector) {
                    Instruction::Wait { until: next } => until = next.min(until),
                    Instruction::GiveUp => return Err(Stop::Gone),
                }
            }
            let (waited, happened) = self.connector.wait_for(Some((fd, what)), until);
            match &mut self.watch {
                Some(watch) => happened.into_iter().for_each(|one| watch.happened(one)),
                None => self.connector.keep(happened),
            }
            match waited {
                Waited::Ready => return Ok(()),
                Waited::Cancelled => return Err(Stop::Cancelled),
                Waited::LookAgain if clock::now() >= self.until => {
                    return Err(self.too_late(silence));
                }
                Waited::LookAgain => {}
            }
        }
    }

    fn too_late(&self, what: &str) -> Stop {
        let millis = clock::now().saturating_sub(self.begin);
        let (seconds, millis) = (millis / 1_000, millis % 1_000);
        Stop::TooLate(format!("{what} within {seconds}.{millis:03} s"))
    }
}

fn for_(direction: Direction) -> For {
    match direction {
        Direction::In => For::Reading,
        Direction::Out => For::Writing,
    }
}

/// The reply did not come, or not whole.
fn unread(stop: Stop, receiver: &dyn Receiver) -> AttemptResult {
    stop.at(Stage::Read, Sent::Yes, |why| with_progress(why, receiver))
}

fn unusable(errno: i32, what: String) -> AttemptResult {
    failed(Stage::Read, Sent::Yes, errno, what)
}

fn with_progress(why: &str, receiver: &dyn Receiver) -> String {
    format!("{why} ({})", receiver.progress())
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
    use crate::model::{Endpoint, Outcome};
    use crate::net::{AddressBook, Cancel, Limits, Patience};

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

        fn end(&mut self) -> Result<bool, String> {
            Ok(false)
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
            let addresses = AddressBook::default();
            let patience = Patience {
                unknown: 10_000,
                known: 10_000,
            };
            let mut connector = Connector::new(&addresses, patience, cancel.watch());
            let attempt = Exchange {
                endpoint: &endpoint,
                limits: Limits {
                    connect: 10_000,
                    handshake: 10_000,
                    write: 10_000,
                    reply: 10_000,
                    silence: Millis::MAX,
                    whole: 30_000,
                },
                security: &Security::Plain,
            };
            let outcome = exchange(
                &attempt,
                &mut connector,
                None,
                None,
                b"request",
                &mut receiver,
            );
            Ok::<_, io::Error>(outcome)
        })?;
        let failure = outcome.err();
        let outcome = failure.as_ref().map(|why| why.outcome);
        assert_eq!(outcome, Some(Outcome::Unconfirmed));
        // It says nothing of the host.
        let fault = failure.as_ref().and_then(|why| why.fault);
        assert_eq!(fault, Some(Fault::Local));
        assert_eq!(
            failure.map(|why| why.what).as_deref(),
            Some(&b"cancelled (1 pieces)"[..])
        );
        Ok(())
    }
}
