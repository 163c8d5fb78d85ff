//! The native client.

use std::ffi::c_char;

use super::client::held;
use super::guard::guarded;
use super::reply::{clear, hand_over};
use super::strings::words;
use super::{ecf_client, ecf_reply};
use crate::client::{Client, Reply};
use crate::model::Status;

/// Sends a task command (init, complete, abort, event, meter, label, wait, queue) and returns
/// when a server has confirmed or refused it, when ECF_TIMEOUT is over, or when the policy has
/// ended. Backups are used as ECF_HOSTFILE and ECF_HOSTFILE_POLICY say.
///
/// @param argc   the number of words
/// @param argv   the words of ecflow_client's command line without the program's name, like
///               {"--meter=step", "42"}
/// @param reply  gets what became of the command, on failure too; free it with ecf_reply_free.
///               NULL when it is not wanted.
/// @return how it ended; the same as ecf_reply_status.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_send_task_cmd(
    client: *mut ecf_client,
    argc: i32,
    argv: *const *const c_char,
    reply: *mut *mut ecf_reply,
) -> Status {
    // SAFETY: the caller keeps the promises of the header, which are those of `send`.
    unsafe { send(client, argc, argv, reply, Client::send_task) }
}

/// Sends a user command (like --ping, --query or --alter) the same way. It stays at the
/// primary, with ECF_FAILOVER_ATTEMPTS tries, unless ECF_HOSTFILE_POLICY is "all".
///
/// @param argc, argv, reply  as in ecf_send_task_cmd
/// @return how it ended; the same as ecf_reply_status.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ecf_send_user_cmd(
    client: *mut ecf_client,
    argc: i32,
    argv: *const *const c_char,
    reply: *mut *mut ecf_reply,
) -> Status {
    // SAFETY: the caller keeps the promises of the header, which are those of `send`.
    unsafe { send(client, argc, argv, reply, Client::send_user) }
}

/// # Safety
/// `client` must be NULL or a live handle, `argv` NULL or `argc` strings or NULLs, `reply` NULL
/// or a place for a pointer.
unsafe fn send(
    client: *mut ecf_client,
    argc: i32,
    argv: *const *const c_char,
    reply: *mut *mut ecf_reply,
    how: fn(&Client, &[Vec<u8>]) -> Reply,
) -> Status {
    guarded(Status::Internal, || {
        // SAFETY: the caller promises a place for a pointer, or NULL.
        unsafe { clear(reply) };
        // SAFETY: the caller promises a live handle or NULL.
        let client = unsafe { held(client) };
        // SAFETY: the caller promises `argc` strings or NULLs.
        let words = unsafe { words(argc, argv) };
        let told = match (client, words) {
            (Some(client), Some(words)) => how(&client, &words),
            (None, _) => Reply::refused(Status::Argument, "the client is NULL"),
            (_, None) => Reply::refused(
                Status::Argument,
                "argc is negative, argv is NULL, or one of its words is",
            ),
        };
        // SAFETY: the caller promises a place for a pointer, or NULL.
        unsafe { hand_over(told, reply) }
    })
}
