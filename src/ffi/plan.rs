//! `ecf_plan`.

use std::ffi::{CString, c_char};

use super::attempt::given_away;
use super::client::held;
use super::guard::guarded;
use super::strings::{EMPTY, c_string, pairs};
use super::{ecf_client, ecf_step};
use crate::client::{ConnectedPlan, Do, Session};
use crate::model::{AttemptResult, Cure, Kind, Outcome, Stage, Status, outcome_from_number};
use crate::policy::{Action, Connections};

/// The policy as a pull-style state machine, for event loops. One thread at a time.
pub struct ecf_plan {
    course: Course,
    host: CString,
    report: CString,
}

/// Who makes the connections.
enum Course {
    /// The caller, on its own clock.
    Unconnected { session: Box<Session>, now_ms: u64 },
    /// The library.
    Connected(Box<ConnectedPlan>),
}

impl Course {
    fn session(&self) -> &Session {
        match self {
            Self::Unconnected { session, .. } => session,
            Self::Connected(plan) => plan.session(),
        }
    }

    fn next(&mut self, at_ms: u64) -> (ecf_step, u64) {
        let over = |session: &Session| match session.status() {
            Some(Status::Ok) => (ecf_step::ECF_PLAN_DONE, 0),
            _ => (ecf_step::ECF_PLAN_GIVE_UP, 0),
        };
        match self {
            Self::Unconnected { session, now_ms } => {
                *now_ms = (*now_ms).max(at_ms);
                match session.next(*now_ms) {
                    Action::Attempt { limit, .. } => (ecf_step::ECF_PLAN_ATTEMPT, limit),
                    Action::Wait { until } => {
                        (ecf_step::ECF_PLAN_WAIT, until.saturating_sub(*now_ms))
                    }
                    Action::End(_) => over(session),
                    // Not asked of those who make whole attempts.
                    _ => (ecf_step::ECF_PLAN_WAIT, 0),
                }
            }
            Self::Connected(plan) => match plan.next() {
                Do::Speak { limit } => (ecf_step::ECF_PLAN_ATTEMPT, limit),
                Do::Wait { pause } => (ecf_step::ECF_PLAN_WAIT, pause),
                Do::End => over(plan.session()),
            },
        }
    }

    /// Takes the outcome of the attempt that is under way; whether there was one.
    fn told(&mut self, outcome: Outcome, at_ms: u64) -> bool {
        match self {
            Self::Unconnected { session, now_ms } => {
                let is_attempting = session.is_attempting();
                if is_attempting {
                    *now_ms = (*now_ms).max(at_ms);
                    let result = AttemptResult {
                        outcome,
                        stage: Stage::Callback,
                        fault: None,
                        errno: 0,
                        what: Vec::new(),
                        cure: Cure::Retry,
                    };
                    session.outcome(result, *now_ms);
                    session.settle();
                }
                is_attempting
            }
            Self::Connected(plan) => {
                let is_speaking = plan.is_speaking();
                plan.told(outcome);
                is_speaking
            }
        }
    }
}

impl ecf_plan {
    fn new(course: Course) -> *mut Self {
        let host = c_string(course.session().endpoint().host.as_str().into());
        Box::into_raw(Box::new(Self {
            course,
            host,
            report: CString::default(),
        }))
    }
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
        let session = client.session(kind, &settings, Connections::ByCaller, now_ms);
        ecf_plan::new(Course::Unconnected {
            session: Box::new(session),
            now_ms,
        })
    })
}

/// The same with connections that the library makes, as in ecf_delegate_connected: names, several
/// hosts and addresses beside each other, the memory of dead hosts, and nothing blocks. Where
/// ecf_plan_next says ECF_PLAN_ATTEMPT the connection is there: take it by ecf_plan_take_socket,
/// speak first on it, and tell the outcome by ecf_plan_outcome. Its clock is the library's: the
/// times that its functions are passed are ignored. Any number of such plans may live in one thread;
/// each has a descriptor (ecf_plan_poll_fd), the connections that it is making, and in profile fast
/// a timer once a reply is waited for.
///
/// @param kind      an ecf_kind
/// @param settings  as in ecf_delegate
/// @return as ecf_plan_new
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_new_connected(
    client: *mut ecf_client,
    kind: i32,
    settings: *const *const c_char,
) -> *mut ecf_plan {
    guarded(std::ptr::null_mut(), || {
        // SAFETY: the caller promises a live handle or NULL, and a list of strings or NULL.
        let (client, settings) = unsafe { (held(client), pairs(settings)) };
        let kind = Kind::from_number(kind);
        let (Some(client), Some(kind), Some(settings)) = (client, kind, settings) else {
            return std::ptr::null_mut();
        };
        let plan = client.connected_plan(kind, &settings);
        ecf_plan::new(Course::Connected(Box::new(plan)))
    })
}

/// A descriptor that is readable when the plan has news: call ecf_plan_next then, before the pause
/// is over, and while an attempt is under way, too. A cancel of the client is news. It is the same
/// for the whole life of a plan (only a child that was forked meanwhile gets one of its own, by its
/// first ecf_plan_next). Watch it by poll, epoll, or what an event loop has for readable
/// descriptors; do not read it. ecf_plan_free closes it: stop watching it before.
///
/// @return -1 for NULL, for a plan of ecf_plan_new, and where the system had no descriptor left or
///         has no epoll. Then the pauses that ecf_plan_next tells are short, and while an attempt is
///         under way it is asked every 20 to 200 ms.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_poll_fd(plan: *const ecf_plan) -> i32 {
    // SAFETY: the caller promises a live plan or NULL.
    match unsafe { plan.as_ref() }.map(|plan| &plan.course) {
        Some(Course::Connected(plan)) => plan.descriptor().unwrap_or(-1),
        Some(Course::Unconnected { .. }) | None => -1,
    }
}

/// After ECF_PLAN_ATTEMPT: the connection to ecf_plan_host and ecf_plan_port, as
/// ecf_attempt_take_socket hands it over. One that is not taken is closed by ecf_plan_outcome or
/// ecf_plan_free.
///
/// @return -1 for NULL, when it was taken before, when no attempt is under way, and for a plan of
///         ecf_plan_new.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_take_socket(plan: *mut ecf_plan) -> i32 {
    guarded(-1, || {
        // SAFETY: the caller promises a live plan or NULL.
        match unsafe { plan.as_mut() }.map(|plan| &mut plan.course) {
            Some(Course::Connected(plan)) => given_away(plan.take_socket()),
            Some(Course::Unconnected { .. }) | None => -1,
        }
    })
}

/// What is to be done now.
///
/// @param now_ms  the time on the caller's clock; ignored by a plan of ecf_plan_new_connected
/// @param ms  gets, for ECF_PLAN_ATTEMPT, how long the attempt may take; for ECF_PLAN_WAIT, how
///            long to wait before the next call; else 0. Milliseconds; may be NULL.
/// @return an ecf_step. While an attempt is under way it is ECF_PLAN_ATTEMPT again, with what
///         is left of its time; that is 0, too, when in a plan of ecf_plan_new_connected another
///         connection has proved that the server is gone: end the attempt then. After
///         ecf_client_cancel it is ECF_PLAN_GIVE_UP at once, and the outcome of that attempt may
///         still be told: a confirmed reply beats a cancel.
///         ECF_PLAN_GIVE_UP for NULL, so that no loop goes on for ever.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_next(plan: *mut ecf_plan, now_ms: u64, ms: *mut u64) -> i32 {
    let give_up = ecf_step::ECF_PLAN_GIVE_UP as i32;
    guarded(give_up, || {
        // SAFETY: the caller promises a live plan or NULL.
        let (step, time) = match unsafe { plan.as_mut() } {
            Some(plan) => {
                let step = plan.course.next(now_ms);
                plan.host = c_string(plan.course.session().endpoint().host.as_str().into());
                step
            }
            None => (ecf_step::ECF_PLAN_GIVE_UP, 0),
        };
        if !ms.is_null() {
            // SAFETY: not NULL, so the caller promises a place for a number.
            unsafe { ms.write(time) };
        }
        step as i32
    })
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
    unsafe { plan.as_ref() }.map_or(0, |plan| plan.course.session().endpoint().port)
}

/// The number of the attempt, 1, 2, ...; 0 before the first and for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_plan_number(plan: *const ecf_plan) -> u32 {
    // SAFETY: the caller promises a live plan or NULL.
    unsafe { plan.as_ref() }.map_or(0, |plan| plan.course.session().number())
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
        let known = outcome_from_number(outcome);
        let is_taken = plan.course.told(known.unwrap_or(Outcome::Fatal), now_ms);
        match known {
            Some(_) if is_taken => Status::Ok,
            _ => Status::Argument,
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
        Some(plan) => plan.course.session().status().unwrap_or(Status::InProgress),
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
        plan.report = c_string(plan.course.session().report().into_bytes());
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
