//! Who may contact a dead host: one command at a time, for all on the node.

use super::breaker::{Cause, Record};
use crate::model::Millis;

/// One contact of a dead host in this time, by whoever comes first. [0.5 s: table, connects a second in an hour without servers 90 -> 283]
const USUAL: Millis = 2_000;
/// The same for a host that refused a moment ago, while there is no better one. [1 s: table, a restarted server is found after 35 -> 240 ms]
const URGENT: Millis = 225;
/// How long that moment lasts. [0.5 s: table, a restarted server is found after 35 -> 1,796 ms]
const MOMENT: Millis = 5_000;
/// An urgent lease is spread by this part of what a usual one is. [1: table, a restarted server is found after 35 -> 371 ms]
const URGENT_SPREAD_PART: Millis = 16;

/// How a lease is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// There are better hosts.
    Usual,
    /// There is no better one.
    Urgent,
}

/// Whether a dead host may be contacted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// Another has the lease for so many milliseconds more.
    TakenFor(Millis),
}

impl Record {
    /// A lease that is longer by `spread` milliseconds, so that nodes do not march in step.
    pub(super) fn lease(&mut self, lease: Lease, spread: Millis, now: Millis) -> Permission {
        let left = self.leased_until.saturating_sub(now);
        if left > 0 {
            return Permission::TakenFor(left);
        }
        let died_now = now.saturating_sub(self.since) < MOMENT;
        let length = if lease == Lease::Urgent && died_now && self.cause == Cause::Refused {
            URGENT + spread / URGENT_SPREAD_PART
        } else {
            USUAL + spread
        };
        self.leased_until = now + length;
        Permission::Granted
    }
}
