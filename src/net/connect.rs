//! The one connector: connections to any number of hosts, each with any number of addresses, at
//! once and from one thread. A host's name is looked up, then its addresses are tried, the next
//! one beside the first where that is silent (RFC 8305). Nothing is written to any of them here.

use std::os::fd::BorrowedFd;

use super::CancelWatch;
use super::connecting::Happening;
use super::connections::{Connection, Connections, Names};
use super::resolve::{AddressBook, Patience};
use crate::model::{AttemptResult, Endpoint, Event, Millis};
use crate::sys::clock;
use crate::sys::wait::{self, Descriptors, For};

/// Why a wait for the connector ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The caller's own descriptor is ready, or has an error to tell.
    Ready,
    /// Something happened to a connection, or the time is over.
    LookAgain,
    Cancelled,
}

/// Connections, and the waits for them.
pub struct Connector<'a> {
    connections: Connections,
    names: Names<'a>,
    cancel: CancelWatch<'a>,
}

impl<'a> Connector<'a> {
    /// No connection yet.
    #[must_use]
    pub fn new(addresses: &'a AddressBook, patience: Patience, cancel: CancelWatch<'a>) -> Self {
        let names = Names {
            addresses,
            patience,
        };
        Self::of(Connections::default(), names, cancel)
    }

    /// These connections.
    #[must_use]
    pub fn of(connections: Connections, names: Names<'a>, cancel: CancelWatch<'a>) -> Self {
        Self {
            connections,
            names,
            cancel,
        }
    }

    /// Gives the connections back.
    #[must_use]
    pub fn into_connections(self) -> Connections {
        self.connections
    }

    /// What ends every wait.
    pub(super) fn cancel(&self) -> CancelWatch<'a> {
        self.cancel
    }

    /// Begins to probe a host, as [`Connections::probe`] does.
    pub fn probe(&mut self, host: usize, endpoint: &Endpoint, limit: Millis) {
        self.connections.probe(host, endpoint, limit, self.names);
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
        self.connections
            .connect(OWN, endpoint, limit, end, self.names);
        loop {
            let (waited, events) = self.wait_for(None, Millis::MAX);
            let (own, others): (Vec<_>, Vec<_>) = events.into_iter().partition(|one| {
                matches!(
                    one.event,
                    Event::Connected(OWN) | Event::LookedUp(OWN) | Event::Failed(OWN, _)
                )
            });
            self.keep(others);
            let is_over = waited == Waited::Cancelled
                || own
                    .iter()
                    .any(|one| !matches!(one.event, Event::LookedUp(_)));
            if !is_over {
                continue;
            }
            if let Some(failure) = own.into_iter().find_map(|one| one.failure) {
                self.connections.leave(OWN);
                return Err(failure);
            }
            return match self.connections.take_beside(OWN) {
                Some(connection) => Ok(connection),
                None => Err(self.connections.cancel(OWN)),
            };
        }
    }

    /// Keeps what happened for who looks after these connections.
    pub(super) fn keep(&mut self, happened: Vec<Happening>) {
        self.connections.keep(happened);
    }

    /// What was kept.
    pub(super) fn unseen(&mut self) -> Vec<Happening> {
        self.connections.unseen()
    }

    /// Waits until something happens, until the time `until`, or for a cancel.
    pub fn wait(&mut self, until: Millis) -> Vec<Happening> {
        let mut events = self.unseen();
        let until = if events.is_empty() { until } else { 0 };
        events.extend(self.wait_for(None, until).1);
        self.connections.forget_failed();
        events
    }

    /// The same, while an exchange waits for its own connection.
    pub(super) fn wait_for(
        &mut self,
        own: Option<(BorrowedFd<'_>, For)>,
        until: Millis,
    ) -> (Waited, Vec<Happening>) {
        let addresses = self.names.addresses;
        loop {
            let events = self.connections.advance(addresses);
            let wake_at = if events.is_empty() {
                until.min(self.connections.next_time())
            } else {
                0
            };
            let mut descriptors = Descriptors::new();
            let own_place = own.map(|(fd, what)| descriptors.add(fd, what));
            self.connections.watch(&mut descriptors);
            let waited = match descriptors.wait(wake_at, self.cancel) {
                wait::Waited::Cancelled => Waited::Cancelled,
                wait::Waited::Ready if own_place.is_some_and(|at| descriptors.is_ready(at)) => {
                    Waited::Ready
                }
                wait::Waited::Ready if events.is_empty() => {
                    let events = self.connections.advance(addresses);
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
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;

    use super::*;
    use crate::model::Sighting;
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
        let names = connector.names;
        let connections = &mut connector.connections;
        connections.connect(0, &backup, 5_000, Millis::MAX, names);
        connector.wait(clock::now() + 5_000);
        assert!(connector.connections.take(0).is_some());
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
