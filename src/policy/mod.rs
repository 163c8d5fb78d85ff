//! Which host is tried, when, for how long, and when it is over.
//!
//! A policy is a state machine: it is asked for the next [`Action`] at a point in time and
//! told the [`Outcome`] of each attempt. It has no clock, no socket and no dice of its own,
//! so a day of outage is tested in microseconds and every run can be replayed.
#![forbid(unsafe_code)]

mod ecflow;
mod rules;
mod timetable;

pub use ecflow::Ecflow;
pub use rules::{Rules, Travel};
pub use timetable::{Timetable, timetable};

use crate::config::Millis;

/// What sort of command is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A task command: init, event, meter, label, wait, queue, abort, complete.
    Task,
    /// A user command.
    User,
    /// A ping: a user command with a quicker rhythm.
    Ping,
}

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A server confirmed the command.
    Ok,
    /// A server understood and said no.
    Rejected,
    /// A server asks to wait for an expression.
    Wait,
    /// A server is alive, but halted or shut down for tasks.
    Halted,
    /// A server takes the task for a zombie.
    Zombie,
    /// The kernel never took the last byte of the request: it cannot have been applied.
    NotSent,
    /// All written, no valid reply: it may have been applied.
    Unconfirmed,
    /// The caller's own transport wants to stop.
    Fatal,
}

/// Why a command is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Confirmed.
    Ok,
    /// Refused by a server; final.
    Rejected,
    /// ECF_TIMEOUT or ECF_ZOMBIE_TIMEOUT was reached.
    Deadline,
    /// The policy allows no more attempts.
    Exhausted,
    /// ECF_DENIED is set and the primary blocked or could not be reached.
    Denied,
    /// Sent, not confirmed, and not safe to repeat.
    UnknownOutcome,
    /// The caller's transport asked to stop.
    Fatal,
}

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
    /// Ask again at this point in time.
    Wait {
        /// In milliseconds, on the caller's clock.
        until: Millis,
    },
    /// It is over.
    End(End),
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
}
