//! A primary that is dead is probed by one command for all on the node, beside what that command
//! itself does.

use super::tuning::{
    COSTLY, LEASE_SPREAD, LONGEST_GRACE, PATIENT_ONE_OF, PROBE_LIMIT, SHORTEST_GRACE,
};
use super::watch::Server;
use super::{Action, Connection, Connections, Fast, State};
use crate::health::{Cause, Lease, Observation, Permission, SharedHealth};
use crate::model::{HostIndex, Millis, Repeat, Sighting, Status};

/// The probe of the primary that a command makes for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrimaryProbe {
    /// There was no reason for one yet.
    NotWanted,
    /// Another command makes it.
    ByOthers,
    /// It is under way.
    UnderWay,
    /// A connection is there, and more is to come.
    Connected,
    /// It is over, and the lease is still this command's.
    Over,
}

impl PrimaryProbe {
    pub(super) fn is_under_way(self) -> bool {
        matches!(self, Self::UnderWay | Self::Connected)
    }

    /// Whether this command may contact the primary, dead as it is.
    pub(super) fn has_lease(self) -> bool {
        matches!(self, Self::UnderWay | Self::Connected | Self::Over)
    }

    /// This host is connected by other means.
    pub(super) fn is_needless_for(&mut self, host: HostIndex) {
        if host == 0 && self.is_under_way() {
            *self = Self::Over;
        }
    }
}

impl Fast {
    /// Whether this command probes the primary: once at most, while there is another host for it.
    pub(super) fn takes_on_probe(&mut self, health: &mut dyn SharedHealth) -> bool {
        let (primary, others) = (&self.hosts[0], &self.hosts[1..]);
        // This command itself may just have found that it is dead.
        let is_untouched = primary.connection == Connection::None && !primary.is_done;
        let is_wanted = !primary.health.is_good()
            && is_untouched
            && others.iter().any(|h| h.health.is_good())
            && self.probe == PrimaryProbe::NotWanted;
        if !is_wanted {
            return false;
        }
        self.probe = PrimaryProbe::ByOthers;
        let Some(longer) = self.probe_lease() else {
            return false;
        };
        let spread = longer + self.jitter(LEASE_SPREAD);
        health.lease(0, Lease::Usual, spread, self.now) == Permission::Granted
    }

    /// By how much the lease for probing the primary is longer than usual; `None` if it is not
    /// to be probed. Where a caller makes the connections there are no probes: the command itself
    /// is one, which must be cheap and harmless.
    fn probe_lease(&self) -> Option<Millis> {
        let is_repeatable = self.rules.common.repeat != Repeat::No;
        match (self.connections, self.hosts[0].health.cause) {
            (Connections::ByPolicy, _) => Some(0),
            (Connections::ByCaller, Cause::Refused | Cause::Unreachable) => Some(0),
            (Connections::ByCaller, Cause::Silent) if is_repeatable => Some(COSTLY),
            (Connections::ByCaller, _) => None,
        }
    }

    pub(super) fn begin_probe(&mut self) -> Option<Action> {
        match self.connections {
            Connections::ByPolicy => {
                self.probe = PrimaryProbe::UnderWay;
                self.approach();
                Some(Action::Probe {
                    host: 0,
                    limit: PROBE_LIMIT,
                })
            }
            Connections::ByCaller => {
                self.probe = PrimaryProbe::Over;
                let action = self.open(0);
                if let State::Attempting { until, .. } = &mut self.state {
                    *until = (*until).min(self.now.saturating_add(PROBE_LIMIT));
                }
                action
            }
        }
    }

    pub(super) fn probed(
        &mut self,
        host: HostIndex,
        sighting: Sighting,
        health: &mut dyn SharedHealth,
    ) {
        let observation = match sighting {
            Sighting::Alive => Observation::ProbedWell,
            Sighting::Nobody => Observation::Refused,
            Sighting::Nothing => Observation::ProbedBadly,
            Sighting::Connected => return self.probe_connected(host, health),
        };
        if let State::Exchanging(exchange) = &mut self.state
            && exchange.host == host
        {
            if sighting == Sighting::Nobody {
                exchange.server = Server::Gone;
                health.observe(host, observation, self.now);
            }
            return;
        }
        if host == 0 && self.probe.is_under_way() {
            self.probe = PrimaryProbe::Over;
            health.observe(host, observation, self.now);
            if let State::ProbeGrace { end, .. } = self.state {
                self.finish(end, health);
            }
        }
    }

    fn probe_connected(&mut self, host: HostIndex, health: &mut dyn SharedHealth) {
        if host == 0 && self.probe.is_under_way() {
            self.probe = PrimaryProbe::Connected;
            if let State::ProbeGrace { end, .. } = self.state {
                self.finish(end, health);
            }
        }
    }

    /// How long the probe is waited for: where a connection is there, the rest is likely to come,
    /// but not from a server that was mute. A probe that is only refused an answer by time is
    /// otherwise cut short, but for one of some.
    pub(super) fn probe_grace(&mut self) -> Millis {
        let was_mute = self.hosts[0].health.cause == Cause::Mute;
        let is_promising = self.probe == PrimaryProbe::Connected && !was_mute;
        let took = self.now.saturating_sub(self.begin);
        if is_promising || self.random.up_to(PATIENT_ONE_OF - 1) == 0 {
            LONGEST_GRACE
        } else {
            took.clamp(SHORTEST_GRACE, LONGEST_GRACE)
        }
    }

    pub(super) fn end_probe_grace(&mut self, end: Status, health: &mut dyn SharedHealth) {
        // It was cut short by this side, so it has shown nothing.
        self.probe = PrimaryProbe::Over;
        self.finish(end, health);
    }
}
