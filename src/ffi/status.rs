//! The enumerations of the C ABI.

use crate::client::Status;
use crate::policy::Kind;

/// How a call or a command ended. Numbers are never changed or used again; new ones may be
/// added at the end, so treat an unknown one as a failure.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ecf_status {
    /// Confirmed by a server; or NO_ECF is set and nothing was sent.
    ECF_OK = 0,
    /// NULL, an unknown option or key, a malformed value. Nothing was sent.
    ECF_ERR_ARGUMENT = 1,
    /// The environment, or a file that it names, cannot be used. Nothing was sent.
    ECF_ERR_CONFIG = 2,
    /// A server understood and said no. Final; its words are in the reply.
    ECF_ERR_REJECTED = 3,
    /// ECF_TIMEOUT or ECF_ZOMBIE_TIMEOUT was reached.
    ECF_ERR_TIMEOUT = 4,
    /// The policy allows no more attempts.
    ECF_ERR_UNREACHABLE = 5,
    /// ECF_DENIED is set and the server blocked the command or could not be reached.
    ECF_ERR_DENIED = 6,
    /// ecf_client_cancel was called.
    ECF_ERR_CANCELLED = 7,
    /// Sent, not confirmed, and sending it again could apply it twice. The report names the
    /// hosts that may hold a copy.
    ECF_ERR_UNKNOWN_OUTCOME = 8,
    /// A bug in this library. The process lives on.
    ECF_ERR_INTERNAL = 9,
    /// The attempt callback answered ECF_OUTCOME_FATAL, or a number that is no outcome.
    ECF_ERR_CALLER = 10,
    /// The buffer is too small; the text was cut and terminated.
    ECF_ERR_TOO_SMALL = 11,
}

/// What became of one attempt: what an attempt callback returns and ecf_plan_outcome takes.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ecf_outcome {
    /// A server confirmed the command.
    ECF_OUTCOME_OK = 0,
    /// A server understood and said no. Final.
    ECF_OUTCOME_REJECTED = 1,
    /// The server asks to wait for an expression: the same host is asked again.
    ECF_OUTCOME_WAIT = 2,
    /// The server is alive, but halted or shut down for tasks.
    ECF_OUTCOME_HALTED = 3,
    /// The server takes the task for a zombie.
    ECF_OUTCOME_ZOMBIE = 4,
    /// The kernel never took the last byte of the request: it cannot have been applied.
    ECF_OUTCOME_NOT_SENT = 5,
    /// All was written and no valid reply came: EOF, garbage, silence. It may have been applied.
    ECF_OUTCOME_UNCONFIRMED = 6,
    /// From a callback only: stop now, with ECF_ERR_CALLER.
    ECF_OUTCOME_FATAL = 7,
}

/// What sort of command is delegated or explained.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ecf_kind {
    /// A task command: goes round primary and backups until ECF_TIMEOUT.
    ECF_KIND_TASK = 0,
    /// A user command: stays at the primary, unless ECF_HOSTFILE_POLICY is "all".
    ECF_KIND_USER = 1,
    /// A ping: like a user command, with 1 s between its tries.
    ECF_KIND_PING = 2,
}

/// What ecf_plan_next asks for.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ecf_step {
    /// Make one attempt at ecf_plan_host and ecf_plan_port, then call ecf_plan_outcome.
    ECF_PLAN_ATTEMPT = 0,
    /// Let some time pass, then call ecf_plan_next.
    ECF_PLAN_WAIT = 1,
    /// Over: confirmed.
    ECF_PLAN_DONE = 2,
    /// Over: ecf_plan_status tells why.
    ECF_PLAN_GIVE_UP = 3,
}

impl From<Status> for ecf_status {
    fn from(status: Status) -> Self {
        match status {
            Status::Ok => Self::ECF_OK,
            Status::Argument => Self::ECF_ERR_ARGUMENT,
            Status::Config => Self::ECF_ERR_CONFIG,
            Status::Rejected => Self::ECF_ERR_REJECTED,
            Status::Timeout => Self::ECF_ERR_TIMEOUT,
            Status::Unreachable => Self::ECF_ERR_UNREACHABLE,
            Status::Denied => Self::ECF_ERR_DENIED,
            Status::Cancelled => Self::ECF_ERR_CANCELLED,
            Status::UnknownOutcome => Self::ECF_ERR_UNKNOWN_OUTCOME,
            Status::Internal => Self::ECF_ERR_INTERNAL,
            Status::Caller => Self::ECF_ERR_CALLER,
            Status::TooSmall => Self::ECF_ERR_TOO_SMALL,
        }
    }
}

/// The kind with this number.
pub(super) fn kind_from_number(number: i32) -> Option<Kind> {
    [Kind::Task, Kind::User, Kind::Ping]
        .into_iter()
        .find(|kind| match kind {
            Kind::Task => number == ecf_kind::ECF_KIND_TASK as i32,
            Kind::User => number == ecf_kind::ECF_KIND_USER as i32,
            Kind::Ping => number == ecf_kind::ECF_KIND_PING as i32,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{outcome_from_number, outcome_name};

    #[test]
    fn both_sides_of_the_boundary_have_the_same_numbers_and_names() {
        for number in 0..12 {
            let status = Status::from_number(number);
            let c = status.map(ecf_status::from);
            assert_eq!(c.map(|c| c as i32), Some(number));
            assert_eq!(
                c.map(|c| format!("{c:?}")),
                status.map(|s| s.name().to_owned())
            );
        }
        for (number, c) in [
            ecf_outcome::ECF_OUTCOME_OK,
            ecf_outcome::ECF_OUTCOME_REJECTED,
            ecf_outcome::ECF_OUTCOME_WAIT,
            ecf_outcome::ECF_OUTCOME_HALTED,
            ecf_outcome::ECF_OUTCOME_ZOMBIE,
            ecf_outcome::ECF_OUTCOME_NOT_SENT,
            ecf_outcome::ECF_OUTCOME_UNCONFIRMED,
            ecf_outcome::ECF_OUTCOME_FATAL,
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(c as usize, number);
            let outcome = outcome_from_number(c as i32).map(outcome_name);
            assert_eq!(outcome, Some(format!("{c:?}")).as_deref());
        }
    }
}
