//! What a policy sees of that which the commands of a node know together.

use super::{HostHealth, Lease, Observation, Permission};
use crate::model::{HostIndex, Millis};

/// The health of the hosts of a line-up, shared with other commands. Times are milliseconds on
/// the clock of the command; every answer is that of this moment.
pub trait SharedHealth {
    /// Fills in how the hosts are, in the order of the line-up. Those that are not in it stay as
    /// they are.
    fn read(&mut self, hosts: &mut dyn Iterator<Item = &mut HostHealth>, now: Millis);
    /// Takes in what was seen of a host.
    fn observe(&mut self, host: HostIndex, observation: Observation, now: Millis);
    /// Asks whether this command may contact a host that is dead, for the others too. The lease
    /// is longer by `spread` milliseconds, so that nodes do not march in step.
    fn lease(&mut self, host: HostIndex, lease: Lease, spread: Millis, now: Millis) -> Permission;
    /// This command changes hosts from now on; tells how many do so besides.
    fn join_stagger(&mut self, now: Millis) -> u32;
    /// This command has done so.
    fn leave_stagger(&mut self, now: Millis);
    /// A command begins: it earns so many thousandths of a retry.
    fn earn_retries(&mut self, thousandths: u32, now: Millis);
    /// Whether there is another retry; it is used up.
    fn spend_retry(&mut self, now: Millis) -> bool;
}

/// Nothing is known, and nothing is kept: every host is well, and nobody else is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NothingKnown;

impl SharedHealth for NothingKnown {
    fn read(&mut self, hosts: &mut dyn Iterator<Item = &mut HostHealth>, _now: Millis) {
        hosts.for_each(|host| *host = HostHealth::default());
    }

    fn observe(&mut self, _host: HostIndex, _observation: Observation, _now: Millis) {}

    fn lease(&mut self, _: HostIndex, _: Lease, _spread: Millis, _now: Millis) -> Permission {
        Permission::Granted
    }

    fn join_stagger(&mut self, _now: Millis) -> u32 {
        0
    }

    fn leave_stagger(&mut self, _now: Millis) {}

    fn earn_retries(&mut self, _thousandths: u32, _now: Millis) {}

    fn spend_retry(&mut self, _now: Millis) -> bool {
        true
    }
}
