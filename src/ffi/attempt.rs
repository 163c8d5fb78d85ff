//! `ecf_attempt` and the delegation.

use std::ffi::{CString, c_char, c_void};
use std::os::fd::{IntoRawFd, OwnedFd};

use parking_lot::Mutex;

use super::client::{User, held};
use super::guard::guarded;
use super::reply::{clear, hand_over};
use super::strings::{EMPTY, bytes, c_string, pairs};
use super::{ecf_client, ecf_reply};
use crate::client::{Client, DelegatedAttempt, Notes, Override, Reply, SharedRace};
use crate::model::{Kind, Outcome, Status, outcome_from_number};

/// One attempt of a delegated command; valid only inside the callback that got it.
pub struct ecf_attempt {
    host: CString,
    port: u16,
    number: u32,
    timeout_ms: u64,
    client: Client,
    cancel_count: u64,
    /// Others may ask whether it is cancelled meanwhile.
    notes: Mutex<Notes>,
    /// Of a command whose connections the library makes.
    race: Option<SharedRace>,
}

/// Makes one attempt to deliver the command to ecf_attempt_host and ecf_attempt_port, within
/// ecf_attempt_timeout_ms, and returns an ecf_outcome. Called on the thread that called
/// ecf_delegate or ecf_delegate_connected, with no lock held; it may use any handle. It must not
/// throw or longjmp.
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
    let call = Delegation {
        client,
        kind,
        settings,
        attempt,
        user,
        reply,
    };
    // SAFETY: the caller promises what the header asks for.
    unsafe { call.run(Client::delegate) }
}

/// ecf_delegate with connections that the library makes: it looks names up, connects to hosts and
/// addresses as the profile says (in profile fast to several beside each other), and calls the
/// callback when a connection is there. Take it by ecf_attempt_take_socket, speak first on it, and
/// return the outcome; TLS, HTTP, frames and replies are the callback's. A host that cannot be
/// connected to costs no call, and is in the report like the others.
///
/// ECF_OUTCOME_NOT_SENT is right until the kernel has taken the last byte of the request, a failed
/// TLS handshake included. Connecting has limits of its own (ECF_FAILOVER_CONNECT_TIMEOUT,
/// ECF_CONNECT_TIMEOUT): ecf_attempt_timeout_ms is for what follows.
///
/// @param kind, settings, user, reply  as in ecf_delegate
/// @param attempt  called for each connection, on the thread that called this
/// @return as ecf_delegate
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_delegate_connected(
    client: *mut ecf_client,
    kind: i32,
    settings: *const *const c_char,
    attempt: ecf_attempt_fn,
    user: *mut c_void,
    reply: *mut *mut ecf_reply,
) -> Status {
    let call = Delegation {
        client,
        kind,
        settings,
        attempt,
        user,
        reply,
    };
    // SAFETY: the caller promises what the header asks for.
    unsafe { call.run(Client::delegate_connected) }
}

/// What a delegation is called with.
struct Delegation {
    client: *mut ecf_client,
    kind: i32,
    settings: *const *const c_char,
    attempt: ecf_attempt_fn,
    user: *mut c_void,
    reply: *mut *mut ecf_reply,
}

/// One of the two ways to delegate.
type Delegate =
    fn(&Client, Kind, &[Override], &mut dyn FnMut(&mut DelegatedAttempt<'_>) -> Outcome) -> Reply;

impl Delegation {
    /// # Safety
    /// As the header asks.
    unsafe fn run(self, delegate: Delegate) -> Status {
        guarded(Status::Internal, || {
            // SAFETY: the caller promises a place for a pointer, or NULL.
            unsafe { clear(self.reply) };
            // SAFETY: the caller promises a live handle or NULL, and a list of strings or NULL.
            let (client, settings) = unsafe { (held(self.client), pairs(self.settings)) };
            let refused = |why| Reply::refused(Status::Argument, why);
            let told = match (client, Kind::from_number(self.kind), settings, self.attempt) {
                (None, ..) => refused("the client is NULL"),
                (_, None, ..) => refused("the kind is none of ECF_KIND_TASK, _USER and _PING"),
                (_, _, None, _) => refused("a key of the settings has no value"),
                (.., None) => refused("the attempt callback is NULL"),
                (Some(client), Some(kind), Some(settings), Some(call)) => {
                    let user = User(self.user);
                    delegate(&client, kind, &settings, &mut |delegated| {
                        let mut attempt = ecf_attempt::new(&client, delegated);
                        // SAFETY: the caller promises a callback that may be called so.
                        let outcome = unsafe { call(user.pointer(), &raw mut attempt) };
                        attempt.finish(outcome, delegated)
                    })
                }
            };
            // SAFETY: the caller promises a place for a pointer, or NULL.
            unsafe { hand_over(told, self.reply) }
        })
    }
}

/// The number of a descriptor that is the caller's from now on; -1 for none.
pub(super) fn given_away(socket: Option<OwnedFd>) -> i32 {
    socket.map_or(-1, IntoRawFd::into_raw_fd)
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
            notes: Mutex::new(delegated.notes()),
            race: delegated.race().cloned(),
        }
    }

    fn finish(self, outcome: i32, delegated: &mut DelegatedAttempt<'_>) -> Outcome {
        delegated.set_notes(self.notes.into_inner());
        outcome_from_number(outcome).unwrap_or_else(|| {
            delegated
                .note(format!("the callback returned {outcome}, which is no outcome").as_bytes());
            Outcome::Fatal
        })
    }
}

impl ecf_attempt {
    fn is_over(&self) -> bool {
        let is_cancelled = self.client.is_cancelled_since(self.cancel_count);
        // Where another thread just asks, that one is told.
        let race = self.race.as_ref().and_then(|race| race.try_lock());
        is_cancelled || race.is_some_and(|mut race| race.look_after())
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

/// How many milliseconds the attempt may take, counted from the start of the callback; 0 for NULL.
/// In ecf_delegate it is for connecting and the reply (ECF_CONNECT_TIMEOUT,
/// ECF_FAILOVER_REPLY_TIMEOUT), in ecf_delegate_connected for what follows the connection
/// (ECF_FAILOVER_REPLY_TIMEOUT, else ECF_CONNECT_TIMEOUT, else 190 s for a task command, 60 s for a
/// user command, 10 s for a ping). In profile fast a reply has ECF_FAILOVER_SILENCE at most. All is
/// cut to what is left of the command's deadline.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_timeout_ms(attempt: *const ecf_attempt) -> u64 {
    // SAFETY: as the header asks of every attempt.
    unsafe { part(attempt, 0, |attempt| attempt.timeout_ms) }
}

/// 1 when the callback should return soon, else 0: the command has been cancelled, or, in
/// ecf_delegate_connected with profile fast, another connection has proved that the server is gone
/// (answer ECF_OUTCOME_UNCONFIRMED then if the request had left whole, else ECF_OUTCOME_NOT_SENT).
/// The proof is looked for when this is asked, so a callback that waits for a reply asks every 20 to
/// 200 ms. Mostly that costs no system call. Any thread may ask while the callback runs.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_cancelled(attempt: *const ecf_attempt) -> i32 {
    guarded(0, || {
        // SAFETY: as the header asks of every attempt.
        unsafe { part(attempt, 0, |attempt| i32::from(attempt.is_over())) }
    })
}

/// The connection of this attempt, in ecf_delegate_connected: a connected TCP socket, non-blocking,
/// close-on-exec, of number 3 or above, on which nothing was sent or received. It is the caller's
/// from now on, who closes it. One that is not taken is closed when the callback returns.
///
/// @return -1 for NULL, when it was taken before, and in ecf_delegate.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_take_socket(attempt: *mut ecf_attempt) -> i32 {
    guarded(-1, || {
        // SAFETY: as the header asks of every attempt.
        unsafe {
            part(attempt, -1, |attempt| {
                given_away(
                    attempt
                        .race
                        .as_ref()
                        .and_then(|race| race.lock().take_socket()),
                )
            })
        }
    })
}

/// Adds the caller's words about this attempt to the report and to the error line of its host.
/// Copied; the first 1,000 bytes of an attempt's notes are kept. NULL is ignored.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_attempt_note(attempt: *mut ecf_attempt, text: *const c_char) {
    guarded((), || {
        // SAFETY: the caller promises the running callback's attempt and a string, or NULL.
        let (attempt, text) = unsafe { (attempt.as_ref(), bytes(text)) };
        if let (Some(attempt), Some(text)) = (attempt, text) {
            attempt.notes.lock().add(text);
        }
    });
}
