//! The task that a task command speaks for.

use super::Secret;

/// Who the task is that a task command speaks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskIdentity {
    /// ECF_NAME: the path of the task.
    pub path: Vec<u8>,
    /// ECF_PASS: the job's password.
    pub password: Secret,
    /// ECF_RID: the process id or the batch system's id.
    pub remote_id: Vec<u8>,
    /// ECF_TRYNO: the job's try number.
    pub try_number: i32,
}
