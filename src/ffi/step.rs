//! What a plan asks for.

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
