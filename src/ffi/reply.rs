//! `ecf_reply`.

use std::ffi::{CString, c_char};
use std::mem;

use once_cell::sync::OnceCell;

use super::guard::guarded;
use super::strings::{EMPTY, c_string};
use crate::client::Reply;
use crate::model::Status;

/// What became of one command, success or not. It never changes and may be read by any thread.
pub struct ecf_reply {
    status: Status,
    /// With a NUL behind it; it may hold any byte.
    text: Vec<u8>,
    error: CString,
    host: CString,
    port: u16,
    attempts: u32,
    /// Written when it is first asked for.
    report: OnceCell<CString>,
    reply: Reply,
}

impl From<Reply> for ecf_reply {
    fn from(mut reply: Reply) -> Self {
        let answered_by = reply.answered_by.take();
        let attempts = reply.attempts();
        let mut text = mem::take(&mut reply.text);
        text.push(0);
        Self {
            status: reply.status,
            text,
            error: c_string(mem::take(&mut reply.error)),
            port: answered_by.as_ref().map_or(0, |endpoint| endpoint.port),
            host: c_string(answered_by.map_or(Vec::new(), |e| e.host.as_str().into())),
            attempts,
            report: OnceCell::new(),
            reply,
        }
    }
}

/// Hands a reply to the caller who asked for one, and gives its status.
///
/// # Safety
/// `out` must be NULL or a place for a pointer.
pub(super) unsafe fn hand_over(reply: Reply, out: *mut *mut ecf_reply) -> Status {
    let status = reply.status;
    if !out.is_null() {
        let reply = Box::into_raw(Box::new(ecf_reply::from(reply)));
        // SAFETY: not NULL, so the caller promises a place for a pointer.
        unsafe { out.write(reply) };
    }
    status
}

/// # Safety
/// `out` must be NULL or a place for a pointer.
pub(super) unsafe fn clear(out: *mut *mut ecf_reply) {
    if !out.is_null() {
        // SAFETY: not NULL, so the caller promises a place for a pointer.
        unsafe { out.write(std::ptr::null_mut()) };
    }
}

/// Reads a part of a reply; `otherwise` for NULL.
///
/// # Safety
/// `reply` must be NULL or a reply of this library that was not freed.
unsafe fn part<T>(reply: *const ecf_reply, otherwise: T, read: impl FnOnce(&ecf_reply) -> T) -> T {
    // SAFETY: not NULL, so the caller promises a live reply.
    match unsafe { reply.as_ref() } {
        Some(reply) => read(reply),
        None => otherwise,
    }
}

/// How the command ended: what the send returned. ECF_ERR_ARGUMENT for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_status(reply: *const ecf_reply) -> Status {
    // SAFETY: as the header asks of every reply.
    unsafe { part(reply, Status::Argument, |reply| reply.status) }
}

/// What ecflow_client would print on stdout, newlines included; "" if nothing, on failure, and
/// for NULL. A group that was refused in part has the text of its other commands. It may hold
/// any byte, also NUL: see ecf_reply_text_len. Valid until ecf_reply_free.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_text(reply: *const ecf_reply) -> *const c_char {
    // SAFETY: as the header asks of every reply.
    unsafe { part(reply, EMPTY, |reply| reply.text.as_ptr().cast()) }
}

/// The length of the text in bytes, without the NUL that stands behind it.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_text_len(reply: *const ecf_reply) -> usize {
    // SAFETY: as the header asks of every reply.
    unsafe { part(reply, 0, |reply| reply.text.len() - 1) }
}

/// Why it failed: one line for each attempted host, "host:port: why", in the order of their
/// first attempts, and, if no server was found though ECF_HOSTFILE is set and it gave no backups,
/// a last line that says why; without an attempt, what is wrong and what to do. "" when the
/// command succeeded, and for NULL. Bytes as the server wrote them. Valid until ecf_reply_free.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_error(reply: *const ecf_reply) -> *const c_char {
    // SAFETY: as the header asks of every reply.
    unsafe { part(reply, EMPTY, |reply| reply.error.as_ptr()) }
}

/// The host that confirmed or refused the command; "" if none did. Valid until ecf_reply_free.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_host(reply: *const ecf_reply) -> *const c_char {
    // SAFETY: as the header asks of every reply.
    unsafe { part(reply, EMPTY, |reply| reply.host.as_ptr()) }
}

/// The port of that host; 0 if none answered.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_port(reply: *const ecf_reply) -> u16 {
    // SAFETY: as the header asks of every reply.
    unsafe { part(reply, 0, |reply| reply.port) }
}

/// How many attempts were made.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_attempts(reply: *const ecf_reply) -> u32 {
    // SAFETY: as the header asks of every reply.
    unsafe { part(reply, 0, |reply| reply.attempts) }
}

/// The report, as JSON in UTF-8. Its first line holds the summary. Members: summary, status,
/// status_number, command, kind, length_ms, answered_by, may_hold_copy (hosts that were sent
/// the command and did not confirm it), warnings, attempts_made, attempts_omitted,
/// memory (profile fast: `node: FILE`, `handle` or `off`), and attempts: for each one number,
/// host, port, stage, outcome, errno, start_ms, length_ms, note. Members may be added. "" for
/// NULL. Valid until ecf_reply_free.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_report(reply: *const ecf_reply) -> *const c_char {
    // SAFETY: as the header asks of every reply.
    guarded(EMPTY, || unsafe {
        part(reply, EMPTY, |reply| {
            let report = || c_string(reply.reply.report().into_bytes());
            reply.report.get_or_init(report).as_ptr()
        })
    })
}

/// Frees a reply and all strings read from it. NULL is ignored.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_reply_free(reply: *mut ecf_reply) {
    guarded((), || {
        if !reply.is_null() {
            // SAFETY: the reply is this library's, and the caller gives it up.
            drop(unsafe { Box::from_raw(reply) });
        }
    });
}
