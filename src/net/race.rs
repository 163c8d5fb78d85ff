//! Several connections at once, from one thread: each host has a lane, in which its name is
//! looked up and its addresses are tried, the next one beside the first where that is silent
//! (RFC 8305). Nothing is written to any of them here.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use super::addresses::Address;
use super::exchange::{Companied, Company, converse};
use super::tcp::{self, told};
use super::{AddressBook, Attempt, CancelWatch, Failure, Receiver, Sent, errno};
use crate::model::{Cure, Endpoint, Millis, Stage};
use crate::sys::clock;
use crate::sys::resolver::{LookUp, NoAddress};
use crate::sys::socket::begin_connect;
use crate::sys::wait::{self, For, Ready};

/// The next address of a name is tried beside the first after this time.
const NEXT_ADDRESS: Millis = 250;
/// A name whose last good addresses are known waits no longer for the resolver.
const FRESH_ANSWER: Millis = 100;
/// A resolver is given up after this time; the other hosts do not wait for it.
const LOOK_UP: Millis = 30_000;
/// How often an answer of the resolver is asked for.
const LOOK_UP_SLICE: Millis = 5;

/// What happened to a connection.
#[derive(Debug)]
pub enum Event {
    /// The name of this host was looked up.
    LookedUp(usize),
    /// The connection to this host is there.
    Connected(usize),
    /// It could not be made.
    Failed(usize, Failure),
    /// What a probe of this host found.
    Probed(usize, Found),
}

/// Whom a probe has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A server that closes a connection when its client has.
    Server,
    /// Nobody: refused, reset, or unreachable.
    Nobody,
    /// Nothing in time.
    Silence,
    /// A connection; more is to come.
    Connection,
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

/// How the wait for an exchange's own connection ended.
#[derive(Debug)]
pub(super) enum Waited {
    /// It is ready, or has an error to tell.
    Ready,
    TimedOut,
    Cancelled,
}

/// What an exchange does next, beside waiting for its server.
#[derive(Clone, Copy, Debug)]
pub enum Instruction {
    /// Ask again at this time.
    Wait {
        /// In milliseconds.
        until: Millis,
    },
    /// End it: its server is gone, as the words tell.
    GiveUp(&'static str),
}

/// Looks after other things while an exchange waits for its server.
pub trait Conductor {
    /// What is to be done now; it may have opened connections of the race.
    fn next(&mut self, race: &mut Race<'_>) -> Instruction;
    /// Something happened to one of them.
    fn happened(&mut self, event: Event);
}

/// An exchange in the company of a race.
struct Conducted<'r, 'a> {
    race: &'r mut Race<'a>,
    conductor: &'r mut dyn Conductor,
}

impl Company for Conducted<'_, '_> {
    fn wait(&mut self, fd: BorrowedFd<'_>, what: For, until: Millis) -> io::Result<Companied> {
        loop {
            let next = match self.conductor.next(self.race) {
                Instruction::Wait { until } => until,
                Instruction::GiveUp(how) => return Ok(Companied::Gone(how)),
            };
            let (waited, events) = self.race.watch(Some((fd, what)), next.min(until));
            events
                .into_iter()
                .for_each(|event| self.conductor.happened(event));
            match waited {
                Waited::Ready => return Ok(Companied::Ready),
                Waited::Cancelled => return Ok(Companied::Cancelled),
                Waited::TimedOut if clock::now() >= until => {
                    self.race.patience_ended = true;
                    return Ok(Companied::TimedOut);
                }
                Waited::TimedOut => {}
            }
        }
    }
}

/// Connections on their way.
pub struct Race<'a> {
    addresses: &'a AddressBook,
    cancel: CancelWatch<'a>,
    lanes: Vec<Lane>,
    probes: Vec<Probe>,
    /// Whom the exchange under way, or the last one, goes to.
    peer: Option<(usize, SocketAddr)>,
    patience_ended: bool,
}

struct Lane {
    host: usize,
    endpoint: Endpoint,
    connect_limit: Millis,
    remark: String,
    stage: LaneStage,
    /// What the addresses that failed had to tell.
    failures: Vec<(SocketAddr, io::Error)>,
}

enum LaneStage {
    LookingUp {
        look_up: LookUp,
        since: Millis,
    },
    Connecting {
        rest: VecDeque<SocketAddr>,
        open: Vec<(SocketAddr, TcpStream)>,
        next_at: Millis,
        until: Millis,
    },
    Connected(TcpStream),
    Failed(Failure),
    Told,
}

/// A connection that is opened to see whether it is, and closed on this side: a server that
/// works closes it, too.
struct Probe {
    lane: Lane,
    /// The connection, once it is there.
    stream: Option<TcpStream>,
    until: Millis,
}

impl<'a> Race<'a> {
    /// No connection yet.
    #[must_use]
    pub fn new(addresses: &'a AddressBook, cancel: CancelWatch<'a>) -> Self {
        Self {
            addresses,
            cancel,
            lanes: Vec::new(),
            probes: Vec::new(),
            peer: None,
            patience_ended: false,
        }
    }

    /// Whether the last exchange ended because this side did not wait any longer.
    #[must_use]
    pub fn patience_ended(&self) -> bool {
        self.patience_ended
    }

    /// Begins to connect to a host, instead of what was begun before; each of its addresses has `limit` milliseconds at most, all
    /// together, and its name some time more.
    pub fn connect(&mut self, host: usize, endpoint: &Endpoint, limit: Millis) -> Begun {
        let lane = Lane::begin(host, endpoint, limit, self.addresses);
        let begun = match lane.stage {
            LaneStage::LookingUp { .. } => Begun::LookingUp,
            _ => Begun::Connecting,
        };
        self.lanes.retain(|other| other.host != host);
        self.lanes.push(lane);
        begun
    }

    /// Begins to probe a host: at the address of the exchange under way, if that goes to it.
    pub fn probe(&mut self, host: usize, endpoint: &Endpoint, limit: Millis) {
        let lane = match self.peer {
            Some((at, address)) if at == host => {
                let mut lane = Lane::new(host, endpoint, limit);
                lane.stage = lane.connecting(vec![address]);
                lane
            }
            _ => Lane::begin(host, endpoint, limit, self.addresses),
        };
        self.probes.push(Probe {
            lane,
            stream: None,
            until: clock::start().saturating_add(limit),
        });
    }

    /// Hands over the connection to `host`, with what is to be told of it; all others are
    /// closed, but for probes.
    pub fn take(&mut self, host: usize) -> Option<(TcpStream, String)> {
        self.patience_ended = false;
        self.peer = None;
        let lanes = std::mem::take(&mut self.lanes);
        let lane = lanes.into_iter().find(|lane| lane.host == host)?;
        match lane.stage {
            LaneStage::Connected(stream) => {
                self.peer = stream.peer_addr().ok().map(|address| (host, address));
                Some((stream, lane.remark))
            }
            _ => None,
        }
    }

    /// Sends `request` over a connection of [`Race::take`] and reads the reply into `receiver`,
    /// while `conductor` looks after other things.
    ///
    /// # Errors
    /// [`Failure`] says how far it came and whether the request left.
    pub fn converse(
        &mut self,
        attempt: &Attempt<'_>,
        stream: TcpStream,
        request: &[u8],
        receiver: &mut dyn Receiver,
        conductor: &mut dyn Conductor,
    ) -> Result<(), Failure> {
        let end = clock::start().saturating_add(attempt.limits.whole);
        let mut company = Conducted {
            race: self,
            conductor,
        };
        converse(attempt, stream, end, request, receiver, &mut company)
    }

    /// Waits until something happens, until the time `until`, or for a cancel.
    pub fn wait(&mut self, until: Millis) -> Vec<Event> {
        self.watch(None, until).1
    }

    /// The same, while an exchange waits for its own connection.
    pub(super) fn watch(
        &mut self,
        own: Option<(BorrowedFd<'_>, For)>,
        until: Millis,
    ) -> (Waited, Vec<Event>) {
        loop {
            let events = self.advance();
            let until = match events.is_empty() {
                true => until.min(self.next_time()),
                false => 0,
            };
            let ready = wait::any(&self.descriptors(own), until, self.cancel);
            let waited = match ready {
                Ok(Ready::Some(which)) if own.is_some() && which.contains(&0) => Waited::Ready,
                Ok(Ready::Cancelled) => Waited::Cancelled,
                // What is wrong with the connection is told by what follows.
                Err(_) if own.is_some() => Waited::Ready,
                Ok(Ready::Some(_)) if events.is_empty() => {
                    let events = self.advance();
                    match events.is_empty() {
                        true => continue,
                        false => return (Waited::TimedOut, events),
                    }
                }
                Ok(Ready::Some(_) | Ready::None) | Err(_) => Waited::TimedOut,
            };
            return (waited, events);
        }
    }

    /// What is waited for; `own` first.
    fn descriptors<'b>(&'b self, own: Option<(BorrowedFd<'b>, For)>) -> Vec<(BorrowedFd<'b>, For)> {
        let mut fds: Vec<_> = own.into_iter().collect();
        let probing = self.probes.iter().map(|probe| &probe.lane);
        for lane in self.lanes.iter().chain(probing) {
            if let LaneStage::Connecting { open, .. } = &lane.stage {
                fds.extend(open.iter().map(|(_, s)| (s.as_fd(), For::Writing)));
            }
        }
        let connected = self.probes.iter().filter_map(|probe| probe.stream.as_ref());
        fds.extend(connected.map(|stream| (stream.as_fd(), For::Reading)));
        fds
    }

    /// When something is to be done though nothing happens.
    fn next_time(&self) -> Millis {
        let probing = self.probes.iter().map(|probe| &probe.lane);
        let lanes = self.lanes.iter().chain(probing);
        let lanes = lanes.map(|lane| match &lane.stage {
            LaneStage::LookingUp { .. } => clock::now() + LOOK_UP_SLICE,
            LaneStage::Connecting {
                rest,
                next_at,
                until,
                ..
            } => match rest.is_empty() {
                true => *until,
                false => (*next_at).min(*until),
            },
            LaneStage::Failed(_) => 0,
            LaneStage::Connected(_) | LaneStage::Told => Millis::MAX,
        });
        let probes = self.probes.iter().map(|probe| probe.until);
        lanes.chain(probes).min().unwrap_or(Millis::MAX)
    }

    fn advance(&mut self) -> Vec<Event> {
        let addresses = self.addresses;
        let mut events: Vec<_> = self
            .lanes
            .iter_mut()
            .filter_map(|lane| lane.advance(addresses))
            .collect();
        self.lanes
            .retain(|lane| !matches!(lane.stage, LaneStage::Told));
        self.probes.retain_mut(|probe| {
            let found = probe.advance(addresses);
            events.extend(found.map(|found| Event::Probed(probe.lane.host, found)));
            matches!(found, None | Some(Found::Connection))
        });
        events
    }
}

impl Lane {
    fn new(host: usize, endpoint: &Endpoint, limit: Millis) -> Self {
        Self {
            host,
            endpoint: endpoint.clone(),
            connect_limit: limit,
            remark: String::new(),
            stage: LaneStage::Told,
            failures: Vec::new(),
        }
    }

    fn begin(host: usize, endpoint: &Endpoint, limit: Millis, book: &AddressBook) -> Self {
        let mut lane = Self::new(host, endpoint, limit);
        lane.stage = match book.begin(endpoint) {
            Address::Known(addresses) => lane.connecting(addresses),
            Address::Pending(look_up) => LaneStage::LookingUp {
                look_up,
                since: clock::now(),
            },
            Address::Unasked(why) => match book.settle(endpoint, Err(why)) {
                Ok(found) => lane.connecting(found.addresses),
                Err(failure) => LaneStage::Failed(failure),
            },
        };
        lane
    }

    fn connecting(&self, addresses: Vec<SocketAddr>) -> LaneStage {
        LaneStage::Connecting {
            rest: addresses.into(),
            open: Vec::new(),
            next_at: 0,
            until: clock::start().saturating_add(self.connect_limit),
        }
    }

    fn advance(&mut self, book: &AddressBook) -> Option<Event> {
        if let LaneStage::LookingUp { look_up, since } = &mut self.stage {
            let waited = clock::now().saturating_sub(*since);
            let answer = look_up.answer(self.endpoint.port);
            let late = NoAddress::TimedOut;
            let found = match (answer, book.remembered(&self.endpoint, &late)) {
                (Some(answer), _) => book.settle(&self.endpoint, answer),
                (None, Some(found)) if waited >= FRESH_ANSWER => Ok(found),
                (None, None) if waited >= LOOK_UP => book.settle(&self.endpoint, Err(late)),
                (None, _) => return None,
            };
            match found {
                Ok(found) => {
                    self.remark = found.remark;
                    self.stage = self.connecting(found.addresses);
                    return Some(Event::LookedUp(self.host));
                }
                Err(failure) => self.stage = LaneStage::Failed(failure),
            }
        }
        if let LaneStage::Failed(failure) = &self.stage {
            let failed = Event::Failed(self.host, failure.clone());
            self.stage = LaneStage::Told;
            return Some(failed);
        }
        let LaneStage::Connecting {
            rest,
            open,
            next_at,
            until,
        } = &mut self.stage
        else {
            return None;
        };
        let now = clock::now();
        let mut connected = None;
        let failures = &mut self.failures;
        let mut at = 0;
        while at < open.len() {
            let (address, stream) = &open[at];
            let Some(outcome) = tcp::outcome(stream, address) else {
                at += 1;
                continue;
            };
            let (address, stream) = open.remove(at);
            match outcome {
                Ok(()) => connected = connected.or(Some(stream)),
                Err(why) => failures.push((address, why)),
            }
        }
        while connected.is_none() && (open.is_empty() || now >= *next_at) {
            let Some(address) = rest.pop_front() else {
                break;
            };
            match begin_connect(&address) {
                Ok((stream, true)) => connected = Some(stream),
                Ok((stream, false)) => {
                    open.push((address, stream));
                    *next_at = now.saturating_add(NEXT_ADDRESS);
                }
                Err(why) => failures.push((address, why)),
            }
        }
        if let Some(stream) = connected {
            self.stage = LaneStage::Connected(stream);
            return Some(Event::Connected(self.host));
        }
        if now >= *until {
            let silent = open.drain(..).map(|(address, _)| address);
            let late = || io::Error::from_raw_os_error(libc::ETIMEDOUT);
            failures.extend(silent.map(|address| (address, late())));
            rest.clear();
        }
        if open.is_empty() && rest.is_empty() {
            let failure = self.failure();
            self.stage = LaneStage::Told;
            return Some(Event::Failed(self.host, failure));
        }
        None
    }

    fn failure(&self) -> Failure {
        let words = self
            .failures
            .iter()
            .map(|(address, why)| format!("{}: {}", address.ip(), told(why)));
        let remark = (!self.remark.is_empty()).then(|| self.remark.clone());
        let what: Vec<_> = remark.into_iter().chain(words).collect();
        // One address that did not answer may be there next time; refused is refused.
        let silent = self
            .failures
            .iter()
            .find(|(_, why)| errno(why) == libc::ETIMEDOUT);
        let first = silent.or(self.failures.first());
        Failure {
            stage: Stage::Connect,
            sent: Sent::No,
            errno: first.map_or(0, |(_, why)| errno(why)),
            what: what.join("; "),
            cure: Cure::Retry,
        }
    }
}

impl Probe {
    fn advance(&mut self, book: &AddressBook) -> Option<Found> {
        if let Some(stream) = &mut self.stream {
            match stream.read(&mut [0; 512]) {
                // It says something, or closes: it works.
                Ok(_) => return Some(Found::Server),
                Err(why)
                    if matches!(
                        why.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(why) => return Some(found(errno(&why))),
            }
        } else {
            match self.lane.advance(book) {
                Some(Event::Connected(_)) => {
                    if let LaneStage::Connected(stream) =
                        std::mem::replace(&mut self.lane.stage, LaneStage::Told)
                    {
                        // A server that works closes its side, too.
                        stream.shutdown(Shutdown::Write).ok();
                        self.stream = Some(stream);
                    }
                    return Some(Found::Connection);
                }
                Some(Event::Failed(_, failure)) => return Some(found(failure.errno)),
                _ => {}
            }
        }
        (clock::now() >= self.until).then_some(Found::Silence)
    }
}

/// What an error says of a host; most are of this side, or of nobody.
fn found(errno: i32) -> Found {
    match errno {
        libc::ECONNREFUSED
        | libc::ECONNRESET
        | libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::EHOSTDOWN => Found::Nobody,
        _ => Found::Silence,
    }
}
