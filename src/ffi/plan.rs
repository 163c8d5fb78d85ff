//! `ecf_plan`.

use std::ffi::{CString, c_char};

use super::client::held;
use super::guard::guarded;
use super::strings::{EMPTY, c_string, pairs};
use super::{ecf_client, ecf_step};
use crate::client::Session;
use crate::model::{AttemptResult, Cure, Kind, Outcome, Stage, Status, outcome_from_number};
use crate::policy::Action;

/// The policy as a pull-style state machine, for event loops. One thread at a time.
pub struct ecf_plan {
    session: Session,
    now_ms: u64,
    host: CString,
    report: CString,
}

/// Begins a delegated command without blocking: the caller's event loop makes the attempts,
/// lets the time pass, and asks again. The caller's clock may be any that counts milliseconds
/// forwards; time that goes backwards counts as standing still.
///
/// @param kind      an ecf_kind
/// @param settings  as in ecf_delegate
/// @param now_ms    the time at which the command starts
/// @return a plan to be freed by ecf_plan_free. A plan that cannot go on (a bad key, a bad
///         configuration) is made too: it gives up at its first step and tells why. NULL only
///         when client is NULL, kind is no ecf_kind, or a key has no value.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_new(
    client: *mut ecf_client,
    kind: i32,
    settings: *const *const c_char,
    now_ms: u64,
) -> *mut ecf_plan {
    guarded(std::ptr::null_mut(), || {
        // SAFETY: the caller promises a live handle or NULL, and a list of strings or NULL.
        let (client, settings) = unsafe { (held(client), pairs(settings)) };
        let kind = Kind::from_number(kind);
        let (Some(client), Some(kind), Some(settings)) = (client, kind, settings) else {
            return std::ptr::null_mut();
        };
        let session = client.session(kind, &settings, now_ms);
        let host = c_string(session.endpoint().host.as_str().into());
        Box::into_raw(Box::new(ecf_plan {
            session,
            now_ms,
            host,
            report: CString::default(),
        }))
    })
}

/// What is to be done now.
///
/// @param ms  gets, for ECF_PLAN_ATTEMPT, how long the attempt may take; for ECF_PLAN_WAIT, how
///            long to wait before the next call; else 0. Milliseconds; may be NULL.
/// @return an ecf_step. While an attempt is under way it is ECF_PLAN_ATTEMPT again, with what
///         is left of its time; after ecf_client_cancel it is ECF_PLAN_GIVE_UP at once, and the
///         outcome of that attempt may still be told: a confirmed reply beats a cancel.
///         ECF_PLAN_GIVE_UP for NULL, so that no loop goes on for ever.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_next(plan: *mut ecf_plan, now_ms: u64, ms: *mut u64) -> i32 {
    let give_up = ecf_step::ECF_PLAN_GIVE_UP as i32;
    guarded(give_up, || {
        // SAFETY: the caller promises a live plan or NULL.
        let (step, time) = match unsafe { plan.as_mut() } {
            Some(plan) => plan.next(now_ms),
            None => (ecf_step::ECF_PLAN_GIVE_UP, 0),
        };
        if !ms.is_null() {
            // SAFETY: not NULL, so the caller promises a place for a number.
            unsafe { ms.write(time) };
        }
        step as i32
    })
}

impl ecf_plan {
    fn next(&mut self, now_ms: u64) -> (ecf_step, u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let step = match self.session.next(self.now_ms) {
            Action::Attempt { limit, .. } => (ecf_step::ECF_PLAN_ATTEMPT, limit),
            Action::Wait { until } => (ecf_step::ECF_PLAN_WAIT, until.saturating_sub(self.now_ms)),
            Action::End(Status::Ok) => (ecf_step::ECF_PLAN_DONE, 0),
            Action::End(_) => (ecf_step::ECF_PLAN_GIVE_UP, 0),
            // Not asked of those who make whole attempts.
            _ => (ecf_step::ECF_PLAN_WAIT, 0),
        };
        self.host = c_string(self.session.endpoint().host.as_str().into());
        step
    }
}

/// The host of the attempt, or of the last one, an address of IPv6 without brackets; the
/// primary before the first. Valid until the next ecf_plan_next, ecf_plan_outcome or
/// ecf_plan_free on this plan. "" for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_host(plan: *const ecf_plan) -> *const c_char {
    // SAFETY: the caller promises a live plan or NULL.
    unsafe { plan.as_ref() }.map_or(EMPTY, |plan| plan.host.as_ptr())
}

/// The port of that host; 0 for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_port(plan: *const ecf_plan) -> u16 {
    // SAFETY: the caller promises a live plan or NULL.
    unsafe { plan.as_ref() }.map_or(0, |plan| plan.session.endpoint().port)
}

/// The number of the attempt, 1, 2, ...; 0 before the first and for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_number(plan: *const ecf_plan) -> u32 {
    // SAFETY: the caller promises a live plan or NULL.
    unsafe { plan.as_ref() }.map_or(0, |plan| plan.session.number())
}

/// Tells how the attempt ended.
///
/// @param outcome  an ecf_outcome; ECF_OUTCOME_FATAL and a number that is no outcome end the
///                 plan with ECF_ERR_CALLER
/// @param now_ms   the time at which it ended
/// @return ECF_OK when it was taken; ECF_ERR_ARGUMENT for NULL, for a number that is no
///         outcome, and when no attempt is under way (then nothing has changed).
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_outcome(
    plan: *mut ecf_plan,
    outcome: i32,
    now_ms: u64,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live plan or NULL.
        let Some(plan) = (unsafe { plan.as_mut() }) else {
            return Status::Argument;
        };
        if !plan.session.is_attempting() {
            return Status::Argument;
        }
        plan.now_ms = plan.now_ms.max(now_ms);
        let known = outcome_from_number(outcome);
        let result = AttemptResult {
            outcome: known.unwrap_or(Outcome::Fatal),
            stage: Stage::Callback,
            fault: None,
            errno: 0,
            what: Vec::new(),
            cure: Cure::Retry,
        };
        plan.session.outcome(result, plan.now_ms);
        match known {
            Some(_) => Status::Ok,
            None => Status::Argument,
        }
    })
}

/// How the plan ended; ECF_IN_PROGRESS while it goes on. ECF_ERR_ARGUMENT for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_status(plan: *const ecf_plan) -> Status {
    // SAFETY: the caller promises a live plan or NULL.
    match unsafe { plan.as_ref() } {
        Some(plan) => plan.session.status().unwrap_or(Status::InProgress),
        None => Status::Argument,
    }
}

/// The report so far, as ecf_reply_report has it; its status is null while the plan goes on.
/// Valid until the next ecf_plan_report, ecf_plan_next, ecf_plan_outcome or ecf_plan_free on this
/// plan. "" for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_report(plan: *mut ecf_plan) -> *const c_char {
    guarded(EMPTY, || {
        // SAFETY: the caller promises a live plan or NULL.
        let Some(plan) = (unsafe { plan.as_mut() }) else {
            return EMPTY;
        };
        plan.report = c_string(plan.session.report().into_bytes());
        plan.report.as_ptr()
    })
}

/// Frees a plan and all strings read from it. NULL is ignored.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_free(plan: *mut ecf_plan) {
    guarded((), || {
        if !plan.is_null() {
            // SAFETY: the plan is ecf_plan_new's, and the caller gives it up.
            drop(unsafe { Box::from_raw(plan) });
        }
    });
}
