//! `ecf_client`.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::guard::guarded;
use super::strings::{bytes, c_string, fill, fill_or_empty};
use crate::client::{Client, Level};
use crate::model::{Kind, Status};

/// A configuration and what was learnt about hosts. May be used by several threads at once.
pub struct ecf_client {
    pub(super) client: Client,
}

/// Takes one line of the log, without its newline. `level` is an ecf_log_level. The line is
/// valid during the call. Called on the thread that called into the library, with no lock held.
pub type ecf_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: i32, line: *const c_char)>;

/// The client behind a handle, kept alive for the call: a callback may free the handle.
/// `None` for NULL.
///
/// # Safety
/// `client` must be NULL or a handle of ecf_client_new that was not freed.
pub(super) unsafe fn held(client: *const ecf_client) -> Option<Client> {
    // SAFETY: not NULL, so the caller promises a live handle.
    unsafe { client.as_ref() }.map(|handle| handle.client.clone())
}

/// The client behind a handle, for signal handlers, which must not count references that a
/// free could be the last of. `None` for NULL.
///
/// # Safety
/// As for [`held`], and the handle must live during `'a`.
unsafe fn borrowed<'a>(client: *const ecf_client) -> Option<&'a Client> {
    // SAFETY: not NULL, so the caller promises a live handle.
    unsafe { client.as_ref() }.map(|handle| &handle.client)
}

/// Makes a client with the settings of the environment, which is read now and never again.
/// A variable that cannot be used is kept: every send returns ECF_ERR_CONFIG until
/// ecf_client_set repairs it, and ecf_client_check tells what is wrong.
///
/// @return a handle to be freed by ecf_client_free. NULL only on a bug of this library.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn ecf_client_new() -> *mut ecf_client {
    guarded(std::ptr::null_mut(), || {
        let client = Client::from_environment();
        Box::into_raw(Box::new(ecf_client { client }))
    })
}

/// Frees a client. Plans and replies that it made stay valid. NULL is ignored. No other
/// thread may be inside a call on this handle.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_free(client: *mut ecf_client) {
    guarded((), || {
        if !client.is_null() {
            // SAFETY: the handle is ecf_client_new's, and the caller gives it up.
            drop(unsafe { Box::from_raw(client) });
        }
    });
}

/// Sets a key of the key table (see ecf_failover_keys(5)) for the commands that start from now on.
///
/// @param key    the key's name, like "ECF_TIMEOUT"
/// @param value  its value as text; "" brings back the default
/// @return ECF_OK; ECF_ERR_ARGUMENT for an unknown key or a value that it does not take: then
///         nothing has changed, and ecf_client_refusal and the log tell the reason.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_set(
    client: *mut ecf_client,
    key: *const c_char,
    value: *const c_char,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live handle and NUL-terminated strings, or NULL.
        let (client, key, value) = unsafe { (held(client), bytes(key), bytes(value)) };
        let Some(client) = client else {
            return Status::Argument;
        };
        let (Some(key), Some(value)) = (key, value) else {
            client.refuse_setting(&"the key or its value is NULL");
            return Status::Argument;
        };
        match client.set(key, value) {
            Ok(()) => Status::Ok,
            Err(_) => Status::Argument,
        }
    })
}

/// Tells why the last ecf_client_set on this handle was refused, with the key and what it takes;
/// "" if it was taken. After a post that was refused (ecf_post_task_cmd) it tells the reason of that,
/// until the next ecf_client_set. Never the value of a key that is unknown or secret. Where several threads
/// set keys of one handle, it may be another thread's.
///
/// @param buf, cap, needed  as in ecf_client_get
/// @return ECF_OK, with or without a refusal; ECF_ERR_TOO_SMALL when the text was cut;
///         ECF_ERR_ARGUMENT for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_refusal(
    client: *const ecf_client,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live handle or NULL.
        let text = unsafe { held(client) }.map(|client| client.refusal().into_bytes());
        // SAFETY: the caller promises `cap` bytes, and a place for a number or NULL.
        unsafe { fill_or_empty(text.as_deref(), buf, cap, needed) }
    })
}

/// Reads a key: what was set, else its default, else "".
///
/// @param buf     where the text goes, NUL-terminated; NULL with cap 0 only asks for *needed
/// @param cap     the size of buf in bytes
/// @param needed  gets the size that the whole text needs, its NUL included; may be NULL
/// @return ECF_OK; ECF_ERR_TOO_SMALL when the text was cut; ECF_ERR_ARGUMENT for an unknown key
///         and for ECF_PASS, which is never given out: then buf is "" and *needed 0.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_get(
    client: *const ecf_client,
    key: *const c_char,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live handle and a NUL-terminated string, or NULL.
        let (client, key) = unsafe { (held(client), bytes(key)) };
        let text = match (client, key) {
            (Some(client), Some(key)) => client.get(key).ok(),
            _ => None,
        };
        // SAFETY: the caller promises `cap` bytes, and a place for a number or NULL.
        unsafe { fill_or_empty(text.as_deref(), buf, cap, needed) }
    })
}

/// Tells every problem of the configuration and the hostfile, one a line, each with its
/// variable or its file:line; "" when all is well. What concerns native sends but not
/// ecf_delegate begins with "native commands only". Reads the hostfile; contacts nobody.
///
/// @param buf, cap, needed  as in ecf_client_get
/// @return ECF_OK, with or without problems; ECF_ERR_TOO_SMALL when the text was cut.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_check(
    client: *const ecf_client,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live handle or NULL.
        let text = unsafe { held(client) }.map(|client| client.check().into_bytes());
        // SAFETY: the caller promises `cap` bytes, and a place for a number or NULL.
        unsafe { fill_or_empty(text.as_deref(), buf, cap, needed) }
    })
}

/// Tells the timetable that a command would follow if every host refused at once: a line like
/// "10.000 primary:3141" for each attempt, and one like "86400.000 - ECF_ERR_TIMEOUT" for its
/// end. Times are in seconds after the start, and the two parts of a line stand one blank apart.
/// At most 20,000 attempts are listed; where there are more, the last line is "and so on". Where
/// the hostfile is never used, a last line that begins with "#" says why.
/// Reads the hostfile; contacts nobody. In profile fast it tells the longest pauses, and what
/// happens while nothing is known of the hosts.
///
/// @param kind        an ecf_kind
/// @param horizon_ms  attempts later than this are left out, milliseconds
/// @param buf, cap, needed  as in ecf_client_get
/// @return ECF_OK; ECF_ERR_CONFIG when the configuration cannot be used, then the text tells
///         why; ECF_ERR_ARGUMENT for a number that is no kind; ECF_ERR_TOO_SMALL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_explain(
    client: *const ecf_client,
    kind: i32,
    horizon_ms: u64,
    buf: *mut c_char,
    cap: usize,
    needed: *mut usize,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live handle or NULL.
        let client = unsafe { held(client) };
        let (Some(client), Some(kind)) = (client, Kind::from_number(kind)) else {
            // SAFETY: the caller promises `cap` bytes, and a place for a number or NULL.
            return unsafe { fill_or_empty(None, buf, cap, needed) };
        };
        let explained = client.explain(kind, horizon_ms);
        let status = match &explained {
            Ok(_) => Status::Ok,
            Err(_) => Status::Config,
        };
        let text = explained.unwrap_or_else(|problems| problems);
        // SAFETY: the caller promises `cap` bytes, and a place for a number or NULL.
        match unsafe { fill(text.as_bytes(), buf, cap, needed) } {
            Status::Ok => status,
            cut => cut,
        }
    })
}

/// Ends every command in progress on this client within 50 ms, and every later one at once,
/// with ECF_ERR_CANCELLED, until ecf_client_resume. A confirmed reply that is already there
/// beats it, and so does ECF_ERR_UNKNOWN_OUTCOME; what ends before anything is sent (a wrong word,
/// NO_ECF, --help) ends as it does without. May be called from any thread and from a
/// signal handler: it touches atomics, and makes a system call for each command that waits.
///
/// @return ECF_OK; ECF_ERR_ARGUMENT for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_cancel(client: *mut ecf_client) -> Status {
    // No guard: it is not for signal handlers, and nothing here can panic.
    // SAFETY: the caller promises a live handle or NULL.
    match unsafe { borrowed(client) } {
        Some(client) => {
            client.cancel();
            Status::Ok
        }
        None => Status::Argument,
    }
}

/// Allows commands again after ecf_client_cancel. May be called from a signal handler.
///
/// @return ECF_OK; ECF_ERR_ARGUMENT for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_resume(client: *mut ecf_client) -> Status {
    // SAFETY: the caller promises a live handle or NULL.
    match unsafe { borrowed(client) } {
        Some(client) => {
            client.resume();
            Status::Ok
        }
        None => Status::Argument,
    }
}

/// Sends the log to `log`, or to nobody when it is NULL. Commands that are in progress keep
/// the callback that they started with: do not free `user` before they have ended.
///
/// @param user  handed to the callback as it is
/// @return ECF_OK; ECF_ERR_ARGUMENT when client is NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_set_log(
    client: *mut ecf_client,
    log: ecf_log_fn,
    user: *mut c_void,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live handle or NULL.
        let Some(client) = (unsafe { held(client) }) else {
            return Status::Argument;
        };
        let user = User(user);
        client.set_log(log.map(|log| -> crate::client::Sink {
            Arc::new(move |level: Level, line: &str| {
                let line: CString = c_string(line.as_bytes().to_vec());
                // SAFETY: the caller promises that callback and user may be called so.
                unsafe { log(user.pointer(), level as i32, line.as_ptr()) };
            })
        }));
        Status::Ok
    })
}

/// The caller's pointer, which the library hands back and never follows.
#[derive(Clone, Copy)]
pub(super) struct User(pub(super) *mut c_void);

impl User {
    pub(super) fn pointer(self) -> *mut c_void {
        self.0
    }
}

// SAFETY: the pointer is not followed here; the header says on which threads it is handed back.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}
