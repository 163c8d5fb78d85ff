//! The connection to one host on its way: its name is looked up, then its addresses are tried,
//! the next one beside the first where that is silent (RFC 8305).

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use super::resolve::{AddressBook, Patience, Resolution, Resolving};
use super::{Sent, failed, fault};
use crate::model::{AttemptResult, Endpoint, Event, Fault, Millis, Stage};
use crate::sys::clock;
use crate::sys::socket::begin_connect;
use crate::sys::wait::{self, Descriptors, For, News};

/// The next address of a name is tried beside the first after this time.
const NEXT_ADDRESS: Millis = 250;

/// What happened to a connection.
#[derive(Debug)]
pub struct Happening {
    /// For the policy.
    pub event: Event,
    /// For the report, where the connection could not be made.
    pub failure: Option<AttemptResult>,
}

impl From<Event> for Happening {
    fn from(event: Event) -> Self {
        Self {
            event,
            failure: None,
        }
    }
}

/// A connection to one host.
pub(super) struct Connecting {
    pub(super) host: usize,
    pub(super) endpoint: Endpoint,
    /// For all addresses together.
    limit: Millis,
    /// When it must be over, whatever the limits are.
    end: Millis,
    pub(super) remark: String,
    pub(super) stage: Progress,
    /// What the addresses that failed had to tell.
    failures: Vec<(SocketAddr, io::Error)>,
}

pub(super) enum Progress {
    LookingUp(Resolving),
    Trying {
        rest: VecDeque<SocketAddr>,
        open: Vec<(SocketAddr, TcpStream)>,
        next_at: Millis,
        until: Millis,
    },
    /// The connection is there, and its event was given.
    Connected(TcpStream),
    /// There will be none: that is the next event.
    Doomed(AttemptResult),
    /// There is none, and its event was given.
    Failed,
    /// Between two steps.
    Moving,
}

impl Connecting {
    pub(super) fn new(host: usize, endpoint: &Endpoint, limit: Millis, end: Millis) -> Self {
        Self {
            host,
            endpoint: endpoint.clone(),
            limit,
            end,
            remark: String::new(),
            stage: Progress::Moving,
            failures: Vec::new(),
        }
    }

    /// The same from its begin.
    pub(super) fn afresh(&self) -> Self {
        Self::new(self.host, &self.endpoint, self.limit, self.end)
    }

    pub(super) fn looking_up(self, book: &AddressBook, patience: Patience) -> Self {
        let now = clock::now();
        let left = self.end.saturating_sub(now);
        let patience = Patience {
            unknown: patience.unknown.min(left),
            known: patience.known.min(left),
        };
        let resolution = book.begin(&self.endpoint, patience, now);
        self.resolved_to(resolution)
    }

    pub(super) fn resolved_to(mut self, resolution: Resolution) -> Self {
        self.resolved(resolution);
        self
    }

    fn resolved(&mut self, resolution: Resolution) {
        self.stage = match resolution {
            Resolution::Pending(resolving) => Progress::LookingUp(resolving),
            Resolution::Known(addresses) => {
                self.remark = addresses.remark;
                Progress::Trying {
                    rest: addresses.list.into(),
                    open: Vec::new(),
                    next_at: 0,
                    until: clock::start().saturating_add(self.limit).min(self.end),
                }
            }
            Resolution::Failed(failure) => Progress::Doomed(failure),
        };
    }

    /// The connection, once it is there.
    pub(super) fn take(&mut self) -> Option<TcpStream> {
        match std::mem::replace(&mut self.stage, Progress::Moving) {
            Progress::Connected(stream) => Some(stream),
            other => {
                self.stage = other;
                None
            }
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage {
            Progress::LookingUp(_) => Stage::Resolve,
            _ => Stage::Connect,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Progress::Failed | Progress::Moving)
    }

    pub(super) fn watch(&self, descriptors: &mut Descriptors) {
        if let Progress::Trying { open, .. } = &self.stage {
            for (_, stream) in open {
                descriptors.add(stream.as_fd(), For::Writing);
            }
        }
    }

    pub(super) fn next_time(&self, now: Millis) -> Millis {
        match &self.stage {
            Progress::LookingUp(resolving) => resolving.next_look(now),
            Progress::Trying {
                rest,
                next_at,
                until,
                ..
            } => {
                if rest.is_empty() {
                    *until
                } else {
                    (*next_at).min(*until)
                }
            }
            Progress::Doomed(_) => 0,
            Progress::Connected(_) | Progress::Failed | Progress::Moving => Millis::MAX,
        }
    }

    pub(super) fn advance(&mut self, book: &AddressBook) -> Option<Happening> {
        match std::mem::replace(&mut self.stage, Progress::Moving) {
            Progress::LookingUp(resolving) => {
                self.resolved(book.advance(&self.endpoint, resolving, clock::now()));
                match self.stage {
                    Progress::LookingUp(_) => None,
                    Progress::Doomed(_) => self.advance(book),
                    _ => Some(Event::LookedUp(self.host).into()),
                }
            }
            Progress::Doomed(failure) => {
                self.stage = Progress::Failed;
                Some(self.failed(failure))
            }
            Progress::Trying {
                rest,
                open,
                next_at,
                until,
            } => self.try_addresses(rest, open, next_at, until),
            over => {
                self.stage = over;
                None
            }
        }
    }

    fn try_addresses(
        &mut self,
        mut rest: VecDeque<SocketAddr>,
        mut open: Vec<(SocketAddr, TcpStream)>,
        mut next_at: Millis,
        until: Millis,
    ) -> Option<Happening> {
        let now = clock::now();
        let mut connected = self.first_connected(&mut open);
        while connected.is_none() && (open.is_empty() || now >= next_at) {
            let Some(address) = rest.pop_front() else {
                break;
            };
            match begin_connect(&address) {
                Ok((stream, true)) => connected = Some(stream),
                Ok((stream, false)) => {
                    open.push((address, stream));
                    next_at = now.saturating_add(NEXT_ADDRESS);
                }
                Err(why) => self.failures.push((address, why)),
            }
        }
        if let Some(stream) = connected {
            self.stage = Progress::Connected(stream);
            return Some(Event::Connected(self.host).into());
        }
        if now >= until {
            let late = || io::Error::from_raw_os_error(libc::ETIMEDOUT);
            let silent = open.drain(..).map(|(address, _)| (address, late()));
            self.failures.extend(silent);
            rest.clear();
        }
        if open.is_empty() && rest.is_empty() {
            self.stage = Progress::Failed;
            return Some(self.failed(self.failure()));
        }
        self.stage = Progress::Trying {
            rest,
            open,
            next_at,
            until,
        };
        None
    }

    /// Takes those away that are decided.
    fn first_connected(&mut self, open: &mut Vec<(SocketAddr, TcpStream)>) -> Option<TcpStream> {
        let mut connected = None;
        let undecided = std::mem::take(open);
        for (address, stream) in undecided {
            match outcome(&stream, &address) {
                None => open.push((address, stream)),
                Some(Ok(())) => connected = connected.or(Some(stream)),
                Some(Err(why)) => self.failures.push((address, why)),
            }
        }
        connected
    }

    fn failed(&self, failure: AttemptResult) -> Happening {
        let fault = failure.fault.unwrap_or(Fault::Unreachable);
        Happening {
            event: Event::Failed(self.host, fault),
            failure: Some(failure),
        }
    }

    fn failure(&self) -> AttemptResult {
        let tried = self.failures.iter();
        let tried = tried.map(|(address, why)| format!("{}: {}", address.ip(), fault::words(why)));
        let remark = (!self.remark.is_empty()).then(|| self.remark.clone());
        let words: Vec<_> = remark.into_iter().chain(tried).collect();
        // One address that did not answer may be there next time; refused is refused.
        let mut numbers = self.failures.iter().map(|(_, why)| fault::errno(why));
        let silent = numbers.clone().find(|number| *number == libc::ETIMEDOUT);
        let errno = silent.or(numbers.next()).unwrap_or(0);
        failed(Stage::Connect, Sent::No, errno, words.join("; "))
    }
}

/// What became of a connection that was begun; `None` while it is on its way.
fn outcome(stream: &TcpStream, address: &SocketAddr) -> Option<io::Result<()>> {
    let news = wait::news(stream.as_fd(), For::Writing);
    if news == News::None {
        return None;
    }
    Some(match stream.take_error() {
        Ok(None) if news == News::Unknown && stream.peer_addr().is_err() => return None,
        Ok(None) => not_itself(stream, address),
        Ok(Some(why)) | Err(why) => Err(why),
    })
}

/// Where nobody listens on a port that the kernel hands out to clients, a socket can be
/// connected to itself.
fn not_itself(stream: &TcpStream, address: &SocketAddr) -> io::Result<()> {
    if stream.local_addr()? == *address {
        return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
    }
    Ok(())
}
