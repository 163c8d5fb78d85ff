//! The one connector: connections to any number of hosts, each with any number of addresses, at
//! once and from one thread. A host's name is looked up, then its addresses are tried, the next
//! one beside the first where that is silent (RFC 8305). Nothing is written to any of them here.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::BorrowedFd;

use super::connecting::{Connecting, Happening, Progress};
use super::probe::Probe;
use super::resolve::{AddressBook, Addresses, Patience, Resolution};
use super::{CancelWatch, Sent, cancelled};
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
    /// Whom the connection goes to that was taken last, and where.
    peer: Option<(Endpoint, SocketAddr)>,
    /// What happened while nobody looked after these connections.
    unseen: Vec<Happening>,
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
            unseen: Vec::new(),
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
        let connecting = match &self.peer {
            Some((taken, address)) if taken == endpoint => {
                connecting.resolved_to(Resolution::Known(Addresses {
                    list: vec![*address],
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
        let address = stream.peer_addr().ok();
        self.peer = address.map(|address| (won.endpoint, address));
        Some(Connection {
            stream,
            remark: won.remark,
        })
    }

    /// Connects to one host beside all others, until the time `end`. What happens to those is
    /// kept for who looks after them.
    ///
    /// # Errors
    /// How far it came.
    pub(super) fn open(
        &mut self,
        endpoint: &Endpoint,
        limit: Millis,
        end: Millis,
    ) -> Result<Connection, AttemptResult> {
        // No host of a list has this number.
        const OWN: usize = usize::MAX;
        self.begin(Connecting::new(OWN, endpoint, limit, end));
        loop {
            let (waited, events) = self.wait_for(None, Millis::MAX);
            let (own, others): (Vec<_>, Vec<_>) = events.into_iter().partition(|one| {
                matches!(
                    one.event,
                    Event::Connected(OWN) | Event::LookedUp(OWN) | Event::Failed(OWN, _)
                )
            });
            self.unseen.extend(others);
            let is_over = waited == Waited::Cancelled
                || own
                    .iter()
                    .any(|one| !matches!(one.event, Event::LookedUp(_)));
            if !is_over {
                continue;
            }
            let at = self.connecting.iter().position(|one| one.host == OWN);
            let mut connecting = at.map(|at| self.connecting.swap_remove(at));
            if let Some(failure) = own.into_iter().find_map(|one| one.failure) {
                return Err(failure);
            }
            if let Some(one) = &mut connecting
                && let Some(stream) = one.take()
            {
                let remark = std::mem::take(&mut one.remark);
                return Ok(Connection { stream, remark });
            }
            let stage = connecting.map_or(Stage::Connect, |one| one.stage());
            return Err(cancelled(stage, Sent::No, "cancelled".into()));
        }
    }

    /// Keeps what happened for who looks after these connections.
    pub(super) fn keep(&mut self, happened: Vec<Happening>) {
        self.unseen.extend(happened);
    }

    /// What was kept.
    pub(super) fn unseen(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.unseen)
    }

    /// Waits until something happens, until the time `until`, or for a cancel.
    pub fn wait(&mut self, until: Millis) -> Vec<Happening> {
        let mut events = self.unseen();
        let until = if events.is_empty() { until } else { 0 };
        events.extend(self.wait_for(None, until).1);
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
            let wake_at = if events.is_empty() {
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
            let waited = match descriptors.wait(wake_at, self.cancel) {
                wait::Waited::Cancelled => Waited::Cancelled,
                wait::Waited::Ready if own_place.is_some_and(|at| descriptors.is_ready(at)) => {
                    Waited::Ready
                }
                wait::Waited::Ready if events.is_empty() => {
                    let events = self.advance();
                    // Where they cannot be waited for, nothing may have happened at all.
                    let waited = match self.cancel.is_cancelled() {
                        true => Waited::Cancelled,
                        false => Waited::LookAgain,
                    };
                    if events.is_empty() && waited == Waited::LookAgain && clock::now() < until {
                        continue;
                    }
                    return (waited, events);
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;

    use super::*;
    use crate::net::Cancel;

    const PATIENCE: Patience = Patience {
        unknown: 10_000,
        known: 10_000,
    };

    fn listening() -> io::Result<(TcpListener, Endpoint)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let endpoint = Endpoint::parse(b"127.0.0.1", port).map_err(io::Error::other)?;
        Ok((listener, endpoint))
    }

    /// What a probe of a host finds, within a time.
    fn probed(connector: &mut Connector<'_>, host: usize, endpoint: &Endpoint) -> Option<Event> {
        connector.probe(host, endpoint, 2_000);
        let events = connector.wait(clock::now() + 5_000);
        events.into_iter().map(|one| one.event).next()
    }

    #[test]
    fn a_probe_goes_to_its_own_host_whatever_was_connected_to_before() -> io::Result<()> {
        let (_listener, backup) = listening()?;
        // Nobody listens there any more.
        let (gone, primary) = listening()?;
        drop(gone);
        let (addresses, cancel) = (AddressBook::default(), Cancel::default());
        let mut connector = Connector::new(&addresses, PATIENCE, cancel.watch());
        assert!(connector.open(&backup, 5_000, Millis::MAX).is_ok());
        let found = probed(&mut connector, 0, &primary);
        assert_eq!(found, Some(Event::Probed(0, Sighting::Nobody)));
        // The same after a race, though the list of hosts has become another.
        connector.connect(0, &backup, 5_000);
        connector.wait(clock::now() + 5_000);
        assert!(connector.take(0).is_some());
        let found = probed(&mut connector, 0, &primary);
        assert_eq!(found, Some(Event::Probed(0, Sighting::Nobody)));
        Ok(())
    }

    #[test]
    fn what_happens_to_others_while_one_is_opened_is_kept() -> io::Result<()> {
        let (_listener, backup) = listening()?;
        let (gone, primary) = listening()?;
        drop(gone);
        let (addresses, cancel) = (AddressBook::default(), Cancel::default());
        let mut connector = Connector::new(&addresses, PATIENCE, cancel.watch());
        connector.probe(3, &primary, 2_000);
        assert!(connector.open(&backup, 5_000, Millis::MAX).is_ok());
        let events = connector.wait(clock::now() + 5_000);
        let events: Vec<_> = events.into_iter().map(|one| one.event).collect();
        assert_eq!(events, [Event::Probed(3, Sighting::Nobody)]);
        Ok(())
    }
}
