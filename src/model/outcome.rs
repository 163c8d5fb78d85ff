//! What became of one attempt.

use std::ffi::CStr;

use super::status::plain;

/// What became of one attempt: what an attempt callback returns and ecf_plan_outcome takes.
/// cbindgen:rename-all=QualifiedScreamingSnakeCase
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A server confirmed the command.
    Ok = 0,
    /// A server understood and said no. Final.
    Rejected = 1,
    /// The server asks to wait for an expression: the same host is asked again.
    Wait = 2,
    /// The server is alive, but halted or shut down for tasks.
    Halted = 3,
    /// The server takes the task for a zombie.
    Zombie = 4,
    /// The kernel never took the last byte of the request: it cannot have been applied.
    NotSent = 5,
    /// All was written and no valid reply came: EOF, garbage, silence. It may have been applied.
    Unconfirmed = 6,
    /// From a callback only: stop now, with ECF_ERR_CALLER.
    Fatal = 7,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_no_outcome_has_none() {
        assert_eq!(outcome_from_number(8), None);
        assert_eq!(outcome_from_number(-1), None);
    }
}
