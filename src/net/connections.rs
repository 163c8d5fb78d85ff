//! Connections to any number of hosts on their way, and probes beside them. Nothing here waits:
//! whoever does is told for what and until when.

use std::net::{SocketAddr, TcpStream};

use super::connecting::{Connecting, Happening, Progress};
use super::probe::Probe;
use super::resolve::{AddressBook, Addresses, Patience, Resolution};
use super::{Sent, cancelled};
use crate::model::{AttemptResult, Endpoint, Event, Millis, Sighting, Stage};
use crate::sys::clock;
use crate::sys::wait::Descriptors;

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

/// How names become addresses.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The last good addresses.
    pub addresses: &'a AddressBook,
    /// How long the resolver is waited for.
    pub patience: Patience,
}

/// Connections on their way.
#[derive(Default)]
pub struct Connections {
    connecting: Vec<Connecting>,
    probes: Vec<Probe>,
    /// Whom the connection goes to that was taken last, and where.
    peer: Option<(Endpoint, SocketAddr)>,
    /// What happened while nobody looked after these connections.
    unseen: Vec<Happening>,
}

impl Connections {
    /// Begins to connect to a host, instead of what was begun before: until the time `end`. All
    /// its addresses together have `limit` milliseconds, and its name has its own time.
    pub fn connect(
        &mut self,
        host: usize,
        endpoint: &Endpoint,
        limit: Millis,
        end: Millis,
        names: Names<'_>,
    ) -> Begun {
        let connecting = Connecting::new(host, endpoint, limit, end);
        let connecting = connecting.looking_up(names.addresses, names.patience);
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
    pub fn probe(&mut self, host: usize, endpoint: &Endpoint, limit: Millis, names: Names<'_>) {
        let until = clock::start().saturating_add(limit);
        let connecting = Connecting::new(host, endpoint, limit, until);
        let connecting = match &self.peer {
            Some((taken, address)) if taken == endpoint => {
                connecting.resolved_to(Resolution::Known(Addresses {
                    list: vec![*address],
                    remark: String::new(),
                }))
            }
            _ => connecting.looking_up(names.addresses, names.patience),
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

    /// Hands over the connection to `host`; the others go on.
    pub(super) fn take_beside(&mut self, host: usize) -> Option<Connection> {
        let one = self.connecting.iter_mut().find(|one| one.host == host)?;
        let stream = one.take()?;
        let remark = std::mem::take(&mut one.remark);
        self.leave(host);
        Some(Connection { stream, remark })
    }

    /// Takes one out, however far it came.
    pub(super) fn leave(&mut self, host: usize) -> Option<Connecting> {
        let at = self.connecting.iter().position(|one| one.host == host)?;
        Some(self.connecting.swap_remove(at))
    }

    /// Leaves one because the command was cancelled; gives how far it came.
    pub fn cancel(&mut self, host: usize) -> AttemptResult {
        let stage = self.leave(host).map_or(Stage::Connect, |one| one.stage());
        cancelled(stage, Sent::No, "cancelled".into())
    }

    /// Closes all, probes too.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    /// Begins all again that are on their way, in a process that is a copy of the one that began
    /// them: a connection cannot be shared. Probes are given up.
    pub fn begin_again(&mut self, names: Names<'_>) {
        for one in &mut self.connecting {
            if !one.is_over() {
                *one = one.afresh().looking_up(names.addresses, names.patience);
            }
        }
        self.peer = None;
        let probes = std::mem::take(&mut self.probes).into_iter();
        let probed = probes.map(|probe| Event::Probed(probe.host(), Sighting::Nothing));
        self.unseen.extend(probed.map(Happening::from));
    }

    /// Keeps what happened for who looks after these connections.
    pub(super) fn keep(&mut self, happened: Vec<Happening>) {
        self.unseen.extend(happened);
    }

    /// What was kept.
    pub(super) fn unseen(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.unseen)
    }

    /// What has happened since.
    pub fn news(&mut self, addresses: &AddressBook) -> Vec<Happening> {
        let mut events = self.unseen();
        events.extend(self.advance(addresses));
        self.forget_failed();
        events
    }

    pub(super) fn advance(&mut self, addresses: &AddressBook) -> Vec<Happening> {
        let events = self.connecting.iter_mut();
        let mut events: Vec<_> = events.filter_map(|one| one.advance(addresses)).collect();
        self.probes.retain_mut(|probe| {
            let found = probe.advance(addresses);
            events.extend(found.map(|found| Event::Probed(probe.host(), found).into()));
            matches!(found, None | Some(Sighting::Connected))
        });
        events
    }

    pub(super) fn forget_failed(&mut self) {
        self.connecting.retain(|one| !one.is_over());
    }

    /// When something is to be done though nothing happens.
    #[must_use]
    pub fn next_time(&self) -> Millis {
        if !self.unseen.is_empty() {
            return 0;
        }
        let now = clock::now();
        let connecting = self.connecting.iter().map(|one| one.next_time(now));
        let probes = self.probes.iter().map(|probe| probe.next_time(now));
        connecting.chain(probes).min().unwrap_or(Millis::MAX)
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connecting.is_empty() && self.probes.is_empty() && self.unseen.is_empty()
    }

    /// Adds what is waited for.
    pub(crate) fn watch(&self, descriptors: &mut Descriptors) {
        self.connecting
            .iter()
            .for_each(|one| one.watch(descriptors));
        self.probes
            .iter()
            .for_each(|probe| probe.watch(descriptors));
    }
}
