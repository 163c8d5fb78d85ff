//! What happens while a command is under way, as a policy is told of it.

use super::{Fault, Outcome, Sighting};

/// A place in the line-up: 0 is the primary, 1 and up are the backups in the hostfile's order.
pub type HostIndex = usize;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The hostfile was read: there are so many backups.
    Listed(usize),
    /// The backups are others than before; how many is told next.
    NewList,
    /// This host of a list that was just read comes before all others while it is well.
    Preferred(HostIndex),
    /// The name of this host is being looked up, and its silence does not count yet.
    LookingUp(HostIndex),
    /// The look-up is over.
    LookedUp(HostIndex),
    /// A connection is there.
    Connected(HostIndex),
    /// A connection could not be made.
    Failed(HostIndex, Fault),
    /// The exchange that was asked for has ended so; the fault says more of
    /// [`Outcome::NotSent`] and [`Outcome::Unconfirmed`].
    Ended(Outcome, Fault),
    /// The whole attempt that was asked for has ended so.
    Attempted(Outcome),
    /// What a probe of this host found.
    Probed(HostIndex, Sighting),
}
