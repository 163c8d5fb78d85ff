//! The one connector: connections to any number of hosts, each with any number of addresses, at
//! once and from one thread. A host's name is looked up, then its addresses are tried, the next
//! one beside the first where that is silent (RFC 8305). Nothing is written to any of them here.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::BorrowedFd;

use super::connecting::{Connecting, Happening, Progress};
use super::probe::Probe;
use super::resolve::{AddressBook, Addresses, Patience, Resolution};
use super::{CancelWatch, Sent, failed};
use crate::model::{AttemptResult, Endpoint, Event, Millis, Sighting, Stage};
use crate::sys::clock;
use crate::sys::wait::{self, Descriptors, For};

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
