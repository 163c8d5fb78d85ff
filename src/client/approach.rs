//! The limits of connecting, as whoever makes connections needs them.

use crate::model::Millis;
use crate::net::Patience;

/// How a command comes by its connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approach {
    /// How long names may be looked up.
    pub(super) patience: Patience,
    /// How long connecting may take, all addresses of a host together.
    pub(super) connect: Millis,
    /// How long who speaks may take; [`Millis::MAX`] where it has limits of its own.
    pub(super) reply: Millis,
}
