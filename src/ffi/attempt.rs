//! `ecf_attempt` and the delegation.

use std::ffi::{CString, c_char, c_void};

use super::client::{User, held};
use super::guard::guarded;
use super::reply::{clear, hand_over};
use super::strings::{EMPTY, bytes, c_string, pairs};
use super::{ecf_client, ecf_reply};
use crate::client::{Client, DelegatedAttempt, Notes, Reply};
use crate::model::{Kind, Outcome, Status, outcome_from_number};

/// One attempt of a delegated command; valid only inside the callback that got it.
pub struct ecf_attempt {
    host: CString,
    port: u16,
    number: u32,
    timeout_ms: u64,
    client: Client,
    cancel_count: u64,
    notes: Notes,
}

/// Makes one attempt to deliver the command to ecf_attempt_host and ecf_attempt_port, within
/// ecf_attempt_timeout_ms, and returns an ecf_outcome. Called on the thread that called
/// ecf_delegate, with no lock held; it may use any handle. It must not throw or longjmp.
pub type ecf_attempt_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, attempt: *mut ecf_attempt) -> i32>;

/// Lets the library decide where, when and how often a command is attempted, while the
/// callback makes the attempts: for programs that have their own networking. Returns when an
/// attempt was confirmed or refused, when ECF_TIMEOUT is over, or when the policy has ended.
///
/// @param kind      an ecf_kind
/// @param settings  NULL, or keys and values for this command only: "ECF_TIMEOUT", "60", NULL
/// @param attempt   the callback
/// @param user      handed to the callback as it is
/// @param reply     as in ecf_send_task_cmd; the reply's text is "", but for NO_ECF
/// @return how it ended; ECF_ERR_CALLER when the callback answered ECF_OUTCOME_FATAL or a
///         number that is no outcome.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_delegate(
    client: *mut ecf_client,
    kind: i32,
    settings: *const *const c_char,
    attempt: ecf_attempt_fn,
    user: *mut c_void,
    reply: *mut *mut ecf_reply,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a place for a pointer, or NULL.
        unsafe { clear(reply) };
        // SAFETY: the caller promises a live handle or NULL, and a list of strings or NULL.
        let (client, settings) = unsafe { (held(client), pairs(settings)) };
        let refused = |why| Reply::refused(Status::Argument, why);
        let told = match (client, Kind::from_number(kind), settings, attempt) {
            (None, ..) => refused("the client is NULL"),
            (_, None, ..) => refused("the kind is none of ECF_KIND_TASK, _USER and _PING"),
            (_, _, None, _) => refused("a key of the settings has no value"),
            (.., None) => refused("the attempt callback is NULL"),
            (Some(client), Some(kind), Some(settings), Some(call)) => {
                let user = User(user);
                client.delegate(kind, &settings, &mut |delegated| {
                    let mut attempt = ecf_attempt::new(&client, delegated);
                    // SAFETY: the caller promises a callback that may be called so.
                    let outcome = unsafe { call(user.pointer(), &raw mut attempt) };
                    attempt.finish(outcome, delegated)
                })
            }
        };
        // SAFETY: the caller promises a place for a pointer, or NULL.
        unsafe { hand_over(told, reply) }
    })
}

impl ecf_attempt {
    fn new(client: &Client, delegated: &DelegatedAttempt<'_>) -> Self {
        Self {
            host: c_string(delegated.endpoint.host.as_str().into()),
            port: delegated.endpoint.port,
            number: delegated.number,
            timeout_ms: delegated.limit,
            client: client.clone(),
            cancel_count: delegated.cancel_count(),
            notes: delegated.notes(),
        }
    }

    fn finish(self, outcome: i32, delegated: &mut DelegatedAttempt<'_>) -> Outcome {
        delegated.set_notes(self.notes);
        outcome_from_number(outcome).unwrap_or_else(|| {
            delegated
                .note(format!("the callback returned {outcome}, which is no outcome").as_bytes());
            Outcome::Fatal
        })
    }
}

/// Reads a part of an attempt; `otherwise` for NULL.
///
/// # Safety
/// `attempt` must be NULL or the attempt of the callback that is running.
unsafe fn part<T>(
    attempt: *const ecf_attempt,
    otherwise: T,
    read: impl FnOnce(&ecf_attempt) -> T,
) -> T {
    // SAFETY: not NULL, so the caller promises a live attempt.
    match unsafe { attempt.as_ref() } {
        Some(attempt) => read(attempt),
        None => otherwise,
    }
}

/// The host to contact, an address of IPv6 without brackets. Valid during the callback.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_host(attempt: *const ecf_attempt) -> *const c_char {
    // SAFETY: as the header asks of every attempt.
    unsafe { part(attempt, EMPTY, |attempt| attempt.host.as_ptr()) }
}

/// The port to contact, 1 to 65535; 0 for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_port(attempt: *const ecf_attempt) -> u16 {
    // SAFETY: as the header asks of every attempt.
    unsafe { part(attempt, 0, |attempt| attempt.port) }
}

/// 1, 2, ... within this command; 0 for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_number(attempt: *const ecf_attempt) -> u32 {
    // SAFETY: as the header asks of every attempt.
    unsafe { part(attempt, 0, |attempt| attempt.number) }
}

/// How many milliseconds the whole attempt may take, counted from the start of the callback:
/// connecting and the reply (ECF_CONNECT_TIMEOUT, ECF_FAILOVER_REPLY_TIMEOUT, and in profile
/// fast ECF_FAILOVER_SILENCE), cut to what is left of the command's deadline. 0 for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_timeout_ms(attempt: *const ecf_attempt) -> u64 {
    // SAFETY: as the header asks of every attempt.
    unsafe { part(attempt, 0, |attempt| attempt.timeout_ms) }
}

/// 1 when the command has been cancelled and the callback should return soon, else 0.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_cancelled(attempt: *const ecf_attempt) -> i32 {
    // SAFETY: as the header asks of every attempt.
    unsafe {
        part(attempt, 0, |attempt| {
            i32::from(attempt.client.is_cancelled_since(attempt.cancel_count))
        })
    }
}

/// Adds the caller's words about this attempt to the report and to the error line of its host.
/// Copied; the first 1,000 bytes of an attempt's notes are kept. NULL is ignored.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_note(attempt: *mut ecf_attempt, text: *const c_char) {
    guarded((), || {
        // SAFETY: the caller promises the running callback's attempt and a string, or NULL.
        let (attempt, text) = unsafe { (attempt.as_mut(), bytes(text)) };
        if let (Some(attempt), Some(text)) = (attempt, text) {
            attempt.notes.add(text);
        }
    });
}
