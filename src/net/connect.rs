//! The one connector: connections to any number of hosts, each with any number of addresses, at
//! once and from one thread. A host's name is looked up, then its addresses are tried, the next
//! one beside the first where that is silent (RFC 8305). Nothing is written to any of them here.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use super::probe::Probe;
use super::resolve::{AddressBook, Addresses, Patience, Resolution, Resolving};
use super::{CancelWatch, Sent, failed, fault};
use crate::model::{AttemptResult, Endpoint, Event, Fault, Millis, Sighting, Stage};
use crate::sys::clock;
use crate::sys::socket::begin_connect;
use crate::sys::wait::{self, Descriptors, For};

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

/// Whether a connection could be begun at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It was.
    Connecting,
    /// First its name is looked up.
    LookingUp,
}

impl Begun {
    /// Whether its name is being looked up.
    #[must_use]
    pub fn is_pending(self) -> bool {
        self == Self::LookingUp
    }
}

/// A connection, with what is to be told of the address that was used.
pub struct Connection {
    /// The connection.
    pub stream: TcpStream,
    /// Mostly nothing.
    pub remark: String,
}

/// Why a wait for the connector ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The caller's own descriptor is ready, or has an error to tell.
    Ready,
    /// Something happened to a connection, or the time is over.
    LookAgain,
    Cancelled,
}

/// Connections on their way.
pub struct Connector<'a> {
    addresses: &'a AddressBook,
    cancel: CancelWatch<'a>,
    patience: Patience,
    connecting: Vec<Connecting>,
    probes: Vec<Probe>,
    /// Whom the connection goes to that was taken last.
    peer: Option<(usize, SocketAddr)>,
}

impl<'a> Connector<'a> {
    /// No connection yet.
    #[must_use]
    pub fn new(addresses: &'a AddressBook, patience: Patience, cancel: CancelWatch<'a>) -> Self {
        Self {
            addresses,
            cancel,
            patience,
            connecting: Vec::new(),
            probes: Vec::new(),
            peer: None,
        }
    }

    /// What ends every wait.
    pub(super) fn cancel(&self) -> CancelWatch<'a> {
        self.cancel
    }

    /// Begins to connect to a host, instead of what was begun before. All its addresses together
    /// have `limit` milliseconds, and its name has its own time.
    pub fn connect(&mut self, host: usize, endpoint: &Endpoint, limit: Millis) -> Begun {
        self.begin(Connecting::new(host, endpoint, limit, Millis::MAX))
    }

    fn begin(&mut self, connecting: Connecting) -> Begun {
        let host = connecting.host;
        let connecting = connecting.looking_up(self.addresses, self.patience);
        let begun = if matches!(connecting.stage, Progress::LookingUp(_)) {
            Begun::LookingUp
        } else {
            Begun::Connecting
        };
        self.connecting.retain(|other| other.host != host);
        self.connecting.push(connecting);
        begun
    }

    /// Begins to probe a host: at the address of the connection that was taken, if that goes to
    /// it.
    pub fn probe(&mut self, host: usize, endpoint: &Endpoint, limit: Millis) {
        let until = clock::start().saturating_add(limit);
        let connecting = Connecting::new(host, endpoint, limit, until);
        let connecting = match self.peer {
            Some((at, address)) if at == host => {
                connecting.resolved_to(Resolution::Known(Addresses {
                    list: vec![address],
                    remark: String::new(),
                }))
            }
            _ => connecting.looking_up(self.addresses, self.patience),
        };
        self.probes.push(Probe::new(connecting, until));
    }

    /// Hands over the connection to `host`; all others are closed, but for probes.
    pub fn take(&mut self, host: usize) -> Option<Connection> {
        self.peer = None;
        let connecting = std::mem::take(&mut self.connecting);
        let won = connecting.into_iter().find(|one| one.host == host)?;
        let Progress::Connected(stream) = won.stage else {
            return None;
        };
        self.peer = stream.peer_addr().ok().map(|address| (host, address));
        Some(Connection {
            stream,
            remark: won.remark,
        })
    }

    /// Connects to one host, and to no other, until the time `end`.
    ///
    /// # Errors
    /// How far it came.
    pub(super) fn open(
        &mut self,
        endpoint: &Endpoint,
        limit: Millis,
        end: Millis,
    ) -> Result<Connection, AttemptResult> {
        const ONLY: usize = 0;
        self.begin(Connecting::new(ONLY, endpoint, limit, end));
        loop {
            let (waited, events) = self.wait_for(None, Millis::MAX);
            for happening in events {
                if let Some(failure) = happening.failure {
                    return Err(failure);
                }
                if let Event::Connected(ONLY) = happening.event
                    && let Some(connection) = self.take(ONLY)
                {
                    return Ok(connection);
                }
            }
            if waited == Waited::Cancelled {
                let stage = self
                    .connecting
                    .first()
                    .map_or(Stage::Connect, Connecting::stage);
                self.connecting.clear();
                return Err(failed(stage, Sent::No, 0, "cancelled".into()));
            }
        }
    }

    /// Waits until something happens, until the time `until`, or for a cancel.
    pub fn wait(&mut self, until: Millis) -> Vec<Happening> {
        let events = self.wait_for(None, until).1;
        self.connecting.retain(|one| !one.is_over());
        events
    }

    /// The same, while an exchange waits for its own connection.
    pub(super) fn wait_for(
        &mut self,
        own: Option<(BorrowedFd<'_>, For)>,
        until: Millis,
    ) -> (Waited, Vec<Happening>) {
        loop {
            let events = self.advance();
            let until = if events.is_empty() {
                until.min(self.next_time())
            } else {
                0
            };
            let mut descriptors = Descriptors::new();
            let own_place = own.map(|(fd, what)| descriptors.add(fd, what));
            self.connecting
                .iter()
                .for_each(|one| one.watch(&mut descriptors));
            self.probes
                .iter()
                .for_each(|probe| probe.watch(&mut descriptors));
            let waited = match descriptors.wait(until, self.cancel) {
                wait::Waited::Cancelled => Waited::Cancelled,
                wait::Waited::Ready if own_place.is_some_and(|at| descriptors.is_ready(at)) => {
                    Waited::Ready
                }
                wait::Waited::Ready if events.is_empty() => {
                    let events = self.advance();
                    if events.is_empty() {
                        continue;
                    }
                    return (Waited::LookAgain, events);
                }
                wait::Waited::Ready | wait::Waited::TimedOut => Waited::LookAgain,
            };
            return (waited, events);
        }
    }

    /// When something is to be done though nothing happens.
    fn next_time(&self) -> Millis {
        let now = clock::now();
        let connecting = self.connecting.iter().map(|one| one.next_time(now));
        let probes = self.probes.iter().map(|probe| probe.next_time(now));
        connecting.chain(probes).min().unwrap_or(Millis::MAX)
    }

    fn advance(&mut self) -> Vec<Happening> {
        let addresses = self.addresses;
        let events = self.connecting.iter_mut();
        let mut events: Vec<_> = events.filter_map(|one| one.advance(addresses)).collect();
        self.probes.retain_mut(|probe| {
            let found = probe.advance(addresses);
            events.extend(found.map(|found| Event::Probed(probe.host(), found).into()));
            matches!(found, None | Some(Sighting::Connected))
        });
        events
    }
}

/// A connection to one host.
pub(super) struct Connecting {
    pub(super) host: usize,
    endpoint: Endpoint,
    /// For all addresses together.
    limit: Millis,
    /// When it must be over, whatever the limits are.
    end: Millis,
    remark: String,
    stage: Progress,
    /// What the addresses that failed had to tell.
    failures: Vec<(SocketAddr, io::Error)>,
}

enum Progress {
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
    fn new(host: usize, endpoint: &Endpoint, limit: Millis, end: Millis) -> Self {
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

    fn looking_up(self, book: &AddressBook, patience: Patience) -> Self {
        let now = clock::now();
        let left = self.end.saturating_sub(now);
        let patience = Patience {
            unknown: patience.unknown.min(left),
            known: patience.known.min(left),
        };
        let resolution = book.begin(&self.endpoint, patience, now);
        self.resolved_to(resolution)
    }

    fn resolved_to(mut self, resolution: Resolution) -> Self {
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

    fn stage(&self) -> Stage {
        match self.stage {
            Progress::LookingUp(_) => Stage::Resolve,
            _ => Stage::Connect,
        }
    }

    fn is_over(&self) -> bool {
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
    if !wait::has_news(stream.as_fd(), For::Writing) {
        return None;
    }
    Some(match stream.take_error() {
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
