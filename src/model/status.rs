//! How a command ended, as one number with a name.

use std::ffi::CStr;
use std::fmt;

/// How a call or a command ended. Numbers are never changed or used again; new ones may be
/// added at the end, so treat an unknown one as a failure.
/// cbindgen:rename-all=QualifiedScreamingSnakeCase
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Confirmed by a server; or NO_ECF is set and nothing was sent.
    Ok = 0,
    /// NULL, an unknown option or key, a malformed value. Nothing was sent.
    Argument = 1,
    /// The environment, or a file that it names, cannot be used. Nothing was sent.
    Config = 2,
    /// A server understood and said no. Final; its words are in the reply.
    Rejected = 3,
    /// The command's time is over: ECF_TIMEOUT, ECF_ZOMBIE_TIMEOUT, ECF_FAILOVER_WAIT_TIMEOUT or
    /// ECF_FAILOVER_PROGRESS_TIMEOUT; the report names which.
    Timeout = 4,
    /// The policy allows no more attempts.
    Unreachable = 5,
    /// ECF_DENIED is set and the server blocked the command or could not be reached.
    Denied = 6,
    /// ecf_client_cancel was called.
    Cancelled = 7,
    /// Sent, not confirmed, and sending it again could apply it twice. The report names the
    /// hosts that may hold a copy.
    UnknownOutcome = 8,
    /// A bug in this library. The process lives on.
    Internal = 9,
    /// The attempt callback answered ECF_OUTCOME_FATAL, or a number that is no outcome.
    Caller = 10,
    /// The buffer is too small; the text was cut and terminated.
    TooSmall = 11,
    /// From ecf_plan_status only: the plan goes on.
    InProgress = 12,
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
        c"the command's time (ECF_TIMEOUT, ECF_ZOMBIE_TIMEOUT, ECF_FAILOVER_WAIT_TIMEOUT or ECF_FAILOVER_PROGRESS_TIMEOUT) was over before a server confirmed it",
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
    (Status::InProgress, c"ECF_IN_PROGRESS", c"the plan goes on"),
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

/// The tables' texts are ASCII.
pub(super) fn plain(text: &'static CStr) -> &'static str {
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
        assert_eq!(Status::from_number(13), None);
        assert_eq!(Status::from_number(-1), None);
    }
}
