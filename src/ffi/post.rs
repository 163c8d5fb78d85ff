//! Progress that never waits.

use std::ffi::c_char;

use super::client::held;
use super::guard::guarded;
use super::reply::{clear, hand_over};
use super::strings::words;
use super::{ecf_client, ecf_reply};
use crate::client::{Reply, close_all_posts};
use crate::model::Status;
use crate::sys::process;

/// Queues an event, a meter or a label, and returns at once: no name is looked up here, nothing is
/// connected to, and no file is read. A thread of this handle delivers it, by the handle's profile,
/// backups included, in the order in which commands were posted. What is posted before it can be
/// delivered is folded: a newer value of a meter or a label takes the place of the one that waits.
///
/// A post that is not delivered within ECF_FAILOVER_PROGRESS_TIMEOUT (unset: ECF_TIMEOUT) is given up;
/// the log, the warnings of the next reply of this handle, and ecf_client_flush tell of it. Sends of
/// the same handle, but for init, first wait for what was posted before them, within their own
/// deadline. What is not delivered when the process ends, or when the client is freed, is lost: call
/// ecf_client_flush before.
///
/// The thread exists from the first post until a second after the last is delivered. All signals are
/// blocked in it. After a fork the child has no thread and an empty queue, and may post.
///
/// @param argc, argv  as in ecf_send_task_cmd
/// @return ECF_OK when it was taken; ECF_ERR_ARGUMENT for a wrong word and for another command,
///         ECF_ERR_CONFIG for settings that cannot be used, ECF_ERR_TOO_SMALL when
///         ECF_FAILOVER_POST_QUEUE posts wait already, ECF_ERR_INTERNAL when no thread can be
///         started (then it is delivered by the next post or flush that can). The log tells why.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_post_task_cmd(
    client: *mut ecf_client,
    argc: i32,
    argv: *const *const c_char,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a live handle or NULL.
        let client = unsafe { held(client) };
        // SAFETY: the caller promises `argc` strings or NULLs.
        let words = unsafe { words(argc, argv) };
        match (client, words) {
            (Some(client), Some(words)) => match client.post(words, quietly) {
                Ok(()) => Status::Ok,
                Err((status, _)) => status,
            },
            _ => Status::Argument,
        }
    })
}

fn quietly(body: &mut dyn FnMut()) {
    guarded((), body);
}

/// Waits until all that was posted is delivered, or given up. A post that has failed and waits for its
/// next try (ECF_FAILOVER_RETRY_PERIOD, 10 s unless set) waits on: allow for it in `timeout_ms`.
///
/// @param timeout_ms  for so many milliseconds at most; 0 only looks
/// @param reply       as in ecf_send_task_cmd: its error names what is not delivered, its report is that
///                    of the last try
/// @return ECF_OK when all was delivered; ECF_ERR_TIMEOUT when the time was over before; else how the
///         last post ended that was given up since this was asked last; ECF_ERR_CANCELLED after
///         ecf_client_cancel. ECF_ERR_ARGUMENT for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_flush(
    client: *mut ecf_client,
    timeout_ms: u64,
    reply: *mut *mut ecf_reply,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a place for a pointer, or NULL.
        unsafe { clear(reply) };
        // SAFETY: the caller promises a live handle or NULL.
        let told = match unsafe { held(client) } {
            Some(client) => client.flush(timeout_ms, quietly),
            None => Reply::refused(Status::Argument, "the client is NULL"),
        };
        // SAFETY: the caller promises a place for a pointer, or NULL.
        unsafe { hand_over(told, reply) }
    })
}

/// How many posted commands are not delivered yet; 0 for NULL.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_client_pending(client: *const ecf_client) -> u32 {
    guarded(0, || {
        // SAFETY: the caller promises a live handle or NULL.
        let client = unsafe { held(client) };
        client.map_or(0, |client| {
            u32::try_from(client.pending()).unwrap_or(u32::MAX)
        })
    })
}

/// Before the library goes away, at dlclose or at the end of the process, its threads do.
#[used]
#[cfg_attr(
    any(target_os = "linux", target_os = "android"),
    unsafe(link_section = ".fini_array")
)]
static AT_UNLOAD: extern "C" fn() = at_unload;

extern "C" fn at_unload() {
    guarded((), || {
        close_all_posts();
        process::forget();
    });
}
