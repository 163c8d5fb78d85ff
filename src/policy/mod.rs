//! Which host is tried, when, for how long, and when it is over.
//!
//! A policy is a state machine: it is asked for the next [`Action`] at a point in time and
//! told the [`Outcome`] of each attempt. It has no clock, no socket and no dice of its own,
//! so a day of outage is tested in microseconds and every run can be replayed.
#![forbid(unsafe_code)]

mod ecflow;
mod fast;
mod random;
mod rules;
mod timetable;

pub use ecflow::Ecflow;
pub use fast::{Connections, Fast};
pub use rules::{FastRules, Route, Rules};
pub use timetable::{Timetable, timetable};

use crate::health::{Answer, Observation, Question};
use crate::model::{Fault, Millis, Outcome, Sighting, Status};

/// A place in the line-up: 0 is the primary, 1 and up are the backups in the hostfile's order.
pub type HostIndex = usize;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the hostfile, and tell the number of its backups by [`Policy::backups`].
    ListBackups,
    /// Make one attempt, and tell its outcome by [`Policy::outcome`].
    Attempt {
        /// At this host.
        host: HostIndex,
        /// For so many milliseconds at most, all stages together.
        limit: Millis,
    },
    /// Ask again at this point in time, or when there is news.
    Wait {
        /// In milliseconds, on the caller's clock.
        until: Millis,
    },
    /// It is over.
    End(Status),
    /// Open a connection to this host, beside those that are being opened to others, instead of
    /// one that is being opened to it, and tell [`News::Connected`] or [`News::Failed`].
    Connect {
        /// The host.
        host: HostIndex,
    },
    /// Write the request to this host, which is connected, and to no other: other connections
    /// are closed. Its end is told by [`News::Ended`].
    Send {
        /// The host.
        host: HostIndex,
        /// For so many milliseconds at most, all stages together.
        limit: Millis,
        /// A server that says nothing for so long is given up, in milliseconds.
        silence: Millis,
    },
    /// Open another connection to this host, only to see whether anybody is there, and tell
    /// [`News::Probed`].
    Probe {
        /// The host.
        host: HostIndex,
        /// For so many milliseconds at most.
        limit: Millis,
    },
    /// End the exchange that is under way: its server is gone.
    GiveUp,
    /// Look at what is known of the hosts, and tell [`News::Answer`].
    Ask(Question),
    /// Remember this of a host.
    Observe {
        /// The host.
        host: HostIndex,
        /// What happened.
        observation: Observation,
    },
}

/// What a policy that opens several connections is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The answer to [`Action::Ask`].
    Answer(Answer),
    /// The name of this host is being looked up, and its silence does not count yet.
    LookingUp(HostIndex),
    /// The look-up is over.
    LookedUp(HostIndex),
    /// A connection is there.
    Connected(HostIndex),
    /// A connection could not be made.
    Failed(HostIndex, Fault),
    /// What was sent has ended so; the fault says more of [`Outcome::NotSent`] and
    /// [`Outcome::Unconfirmed`].
    Ended(Outcome, Fault),
    /// What a probe of this host found.
    Probed(HostIndex, Sighting),
    /// The backups are others than before.
    NewList,
    /// This host of a list that was just read comes before all others while it is well.
    Preferred(HostIndex),
}

/// The interface of every policy.
///
/// Times are milliseconds on the caller's clock; one that goes backwards counts as one that
/// stands still. An implementation comes to an [`Action::End`] whatever the outcomes are, and
/// starts no attempt at or after its deadline.
pub trait Policy: Send {
    /// What is to be done at `now`. Asking again without an outcome changes nothing.
    fn next(&mut self, now: Millis) -> Action;
    /// Answers [`Action::ListBackups`]; ignored at other times.
    fn backups(&mut self, count: usize);
    /// Tells how the attempt ended; ignored when none is under way.
    fn outcome(&mut self, outcome: Outcome, now: Millis);
    /// How it ends, once that is certain: it may still have something to do for others.
    fn verdict(&self) -> Option<Status>;
    /// Tells what has happened to a policy that asks more than attempts, one after another.
    fn tell(&mut self, _news: News, _now: Millis) {}
}
