//! What is done while a connected server says nothing: that it is slow is shared with others, and
//! what they know and a second connection show whether it is there at all.

use super::tuning::{BUSY_AFTER, PROBE_LIMIT, WATCH_AFTER};
use super::{Action, Fast, State};
use crate::health::{Cause, Health, Lease, Observation, Permission, SharedHealth};
use crate::model::{HostIndex, Millis};

/// A request that was written, and whose reply is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) host: HostIndex,
    pub(super) since: Millis,
    until: Millis,
    pub(super) server: Server,
    /// When it is looked whether the server is there.
    watch_at: Millis,
}

/// The server, as far as its silence tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// It may answer in a moment.
    Prompt,
    /// It is slow, and others know it.
    Busy,
    /// It is proved that nobody is there.
    Gone,
}

impl Exchange {
    pub(super) fn new(host: HostIndex, now: Millis, limit: Millis) -> Self {
        Self {
            host,
            since: now,
            until: now.saturating_add(limit),
            server: Server::Prompt,
            watch_at: now.saturating_add(WATCH_AFTER),
        }
    }
}

impl Fast {
    pub(super) fn watch(&mut self, exchange: Exchange, health: &mut dyn SharedHealth) -> Action {
        let mut exchange = exchange;
        if exchange.server == Server::Gone {
            return Action::GiveUp;
        }
        let busy_at = exchange.since.saturating_add(BUSY_AFTER);
        if exchange.server == Server::Prompt && self.now >= busy_at {
            exchange.server = Server::Busy;
            health.observe(exchange.host, Observation::Busy, self.now);
        }
        let is_due = self.now >= exchange.watch_at;
        if is_due {
            exchange.watch_at = self.now + (self.now - exchange.since).max(1);
        }
        self.state = State::Exchanging(exchange);
        if is_due && self.is_to_be_probed(exchange, health) {
            return Action::Probe {
                host: exchange.host,
                limit: PROBE_LIMIT,
            };
        }
        let next = match exchange.server {
            Server::Prompt => busy_at.min(exchange.watch_at),
            Server::Busy | Server::Gone => exchange.watch_at,
        };
        Action::Wait {
            until: next.min(exchange.until).max(self.now + 1),
        }
    }

    /// A host that others have found dead is probed by everybody, one that is mute by one command
    /// at a time.
    fn is_to_be_probed(&mut self, exchange: Exchange, health: &mut dyn SharedHealth) -> bool {
        self.read(health);
        let known = self.hosts[exchange.host].health;
        let died_meanwhile = known.health == Health::Dead
            && known.cause != Cause::Mute
            && known.age < self.now.saturating_sub(exchange.since);
        died_meanwhile
            || health.lease(exchange.host, Lease::Usual, 0, self.now) == Permission::Granted
    }
}
