//! Which host is tried, when, for how long, and when it is over.
//!
//! A policy is a state machine: it is asked for the next [`Action`] at a point in time, and every
//! [`Event`] is recorded in it. What is known of hosts is passed in. It has no clock, no socket
//! and no randomness of its own, so a day of outage is tested in microseconds and every run can
//! be replayed.
#![forbid(unsafe_code)]

mod ecflow;
mod fast;
mod limits;
mod random;
mod rules;
mod timetable;

pub use ecflow::Ecflow;
pub use fast::{Connections, Fast};
pub use rules::{FastRules, Route, Rules};
pub use timetable::{Timetable, timetable};

use crate::health::SharedHealth;
use crate::model::{Event, HostIndex, Limit, Millis, Status};

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the hostfile, and record [`Event::Listed`].
    ListBackups,
    /// Make one attempt, and record [`Event::Attempted`].
    Attempt {
        /// At this host.
        host: HostIndex,
        /// For so many milliseconds at most, all stages together.
        limit: Millis,
    },
    /// Ask again at this point in time, or when something has happened.
    Wait {
        /// In milliseconds, on the caller's clock.
        until: Millis,
    },
    /// It is over.
    End(Status),
    /// Open a connection to this host, beside those that are being opened to others, instead of
    /// one that is being opened to it, and record [`Event::Connected`] or [`Event::Failed`].
    Connect {
        /// The host.
        host: HostIndex,
    },
    /// Write the request to this host, which is connected, and to no other: other connections
    /// are closed. Its end is recorded as [`Event::Ended`].
    Send {
        /// The host.
        host: HostIndex,
        /// For so many milliseconds at most, all stages together.
        limit: Millis,
        /// A server that says nothing for so long is given up, in milliseconds.
        silence: Millis,
    },
    /// Open another connection to this host, only to see whether anybody is there, and record
    /// [`Event::Probed`].
    Probe {
        /// The host.
        host: HostIndex,
        /// For so many milliseconds at most.
        limit: Millis,
    },
    /// End the exchange that is under way: its server is gone.
    GiveUp,
}

/// The interface of every policy.
///
/// Times are milliseconds on the caller's clock; one that goes backwards counts as one that
/// stands still. An implementation comes to an [`Action::End`] whatever happens, and starts no
/// attempt at or after its deadline. `health` is what is known of the hosts of the line-up at
/// that time; what is learnt of them goes there at once.
pub trait Policy: Send {
    /// What is to be done at `now`. Asking again without an event changes nothing.
    fn next(&mut self, now: Millis, health: &mut dyn SharedHealth) -> Action;
    /// Takes in what has happened; an event that does not fit what was asked for is ignored.
    fn record(&mut self, event: Event, now: Millis, health: &mut dyn SharedHealth);
    /// How it ends, once that is certain: it may still have something to do for others.
    fn verdict(&self) -> Option<Status>;
    /// When it gives up, as things are.
    fn gives_up_at(&self) -> Millis;
    /// The limit that it reaches first, as things are; the one that has ended it after
    /// [`Status::Timeout`].
    fn first_limit(&self) -> Limit;
}
