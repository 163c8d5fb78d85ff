//! How a command ended, as one number with a name.

use std::ffi::CStr;
use std::fmt;

use crate::policy::{End, Outcome};

/// How a command ended. The numbers are those of the C ABI and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// A server confirmed the command, or NO_ECF is set.
    Ok = 0,
    /// A malformed argument; nothing was sent.
    Argument = 1,
    /// The configuration cannot be used; nothing was sent.
    Config = 2,
    /// A server understood and said no.
    Rejected = 3,
    /// The deadline was reached.
    Timeout = 4,
    /// The policy allows no more attempts.
    Unreachable = 5,
    /// ECF_DENIED is set and the server blocked or could not be reached.
    Denied = 6,
    /// The command was cancelled.
    Cancelled = 7,
    /// Sent, not confirmed, and not safe to repeat.
    UnknownOutcome = 8,
    /// A bug in this library.
    Internal = 9,
    /// The caller's transport asked to stop, or answered with no outcome.
    Caller = 10,
    /// A buffer is too small.
    TooSmall = 11,
}

/// Every status with its name in C and what it means.
const STATUSES: &[(Status, &CStr, &CStr)] = &[
    (
        Status::Ok,
        c"ECF_OK",
        c"confirmed by a server (or NO_ECF is set)",
    ),
    (
        Status::Argument,
        c"ECF_ERR_ARGUMENT",
        c"an argument is missing or malformed; nothing was sent",
    ),
    (
        Status::Config,
        c"ECF_ERR_CONFIG",
        c"the environment or a file that it names cannot be used; nothing was sent",
    ),
    (
        Status::Rejected,
        c"ECF_ERR_REJECTED",
        c"a server understood the command and refused it",
    ),
    (
        Status::Timeout,
        c"ECF_ERR_TIMEOUT",
        c"ECF_TIMEOUT or ECF_ZOMBIE_TIMEOUT was reached before a server confirmed the command",
    ),
    (
        Status::Unreachable,
        c"ECF_ERR_UNREACHABLE",
        c"no server took the command in the attempts that the policy allows",
    ),
    (
        Status::Denied,
        c"ECF_ERR_DENIED",
        c"ECF_DENIED is set and the server blocked the command or could not be reached",
    ),
    (
        Status::Cancelled,
        c"ECF_ERR_CANCELLED",
        c"the command was cancelled; ecf_client_resume allows new ones",
    ),
    (
        Status::UnknownOutcome,
        c"ECF_ERR_UNKNOWN_OUTCOME",
        c"the command was sent and not confirmed, and sending it again could apply it twice",
    ),
    (
        Status::Internal,
        c"ECF_ERR_INTERNAL",
        c"a bug in ecf_failover; please report it",
    ),
    (
        Status::Caller,
        c"ECF_ERR_CALLER",
        c"the attempt callback asked to stop, or returned a number that is no outcome",
    ),
    (
        Status::TooSmall,
        c"ECF_ERR_TOO_SMALL",
        c"the buffer is too small; the text was cut",
    ),
];

impl Status {
    /// The name in C, like `ECF_ERR_TIMEOUT`.
    #[must_use]
    pub fn name(self) -> &'static str {
        plain(self.c_name())
    }

    /// What it means, in one sentence without its full stop.
    #[must_use]
    pub fn text(self) -> &'static str {
        plain(self.c_text())
    }

    /// [`Status::name`] for C.
    #[must_use]
    pub fn c_name(self) -> &'static CStr {
        self.row().1
    }

    /// [`Status::text`] for C.
    #[must_use]
    pub fn c_text(self) -> &'static CStr {
        self.row().2
    }

    /// The status with this number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        let mut rows = STATUSES.iter();
        rows.find(|(status, ..)| *status as i32 == number)
            .map(|(status, ..)| *status)
    }

    fn row(self) -> &'static (Self, &'static CStr, &'static CStr) {
        &STATUSES[self as usize]
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.text())
    }
}

impl From<End> for Status {
    fn from(end: End) -> Self {
        match end {
            End::Ok => Self::Ok,
            End::Rejected => Self::Rejected,
            End::Deadline => Self::Timeout,
            End::Exhausted => Self::Unreachable,
            End::Denied => Self::Denied,
            End::UnknownOutcome => Self::UnknownOutcome,
            End::Fatal => Self::Caller,
        }
    }
}

/// Every outcome in the order of its number in C, with its name there.
const OUTCOMES: &[(Outcome, &CStr)] = &[
    (Outcome::Ok, c"ECF_OUTCOME_OK"),
    (Outcome::Rejected, c"ECF_OUTCOME_REJECTED"),
    (Outcome::Wait, c"ECF_OUTCOME_WAIT"),
    (Outcome::Halted, c"ECF_OUTCOME_HALTED"),
    (Outcome::Zombie, c"ECF_OUTCOME_ZOMBIE"),
    (Outcome::NotSent, c"ECF_OUTCOME_NOT_SENT"),
    (Outcome::Unconfirmed, c"ECF_OUTCOME_UNCONFIRMED"),
    (Outcome::Fatal, c"ECF_OUTCOME_FATAL"),
];

/// The outcome with this number in C.
#[must_use]
pub fn outcome_from_number(number: i32) -> Option<Outcome> {
    let row = usize::try_from(number).ok().and_then(|n| OUTCOMES.get(n));
    row.map(|(outcome, _)| *outcome)
}

/// The name in C, like `ECF_OUTCOME_NOT_SENT`.
#[must_use]
pub fn outcome_name(outcome: Outcome) -> &'static str {
    plain(outcome_c_name(outcome))
}

/// [`outcome_name`] for C.
#[must_use]
pub fn outcome_c_name(outcome: Outcome) -> &'static CStr {
    let row = OUTCOMES.iter().find(|(listed, _)| *listed == outcome);
    row.map_or(c"", |(_, name)| name)
}

/// The tables' texts are ASCII.
fn plain(text: &'static CStr) -> &'static str {
    text.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_in_its_own_row() {
        for (number, (status, ..)) in STATUSES.iter().enumerate() {
            assert_eq!(*status as usize, number);
            assert_eq!(Status::from_number(number as i32), Some(*status));
        }
        assert_eq!(Status::from_number(12), None);
        assert_eq!(Status::from_number(-1), None);
        assert_eq!(outcome_from_number(8), None);
        assert_eq!(outcome_from_number(-1), None);
    }
}
