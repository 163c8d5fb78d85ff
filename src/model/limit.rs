//! The limits that end a command.

/// Which limit of a command is the first that it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// ECF_TIMEOUT: the time without a server.
    Timeout,
    /// ECF_FAILOVER_PROGRESS_TIMEOUT: the time of a command that only tells how far a job is.
    Progress,
    /// ECF_ZOMBIE_TIMEOUT: the time while the server's answer is "zombie".
    Zombie,
    /// ECF_FAILOVER_WAIT_TIMEOUT: the time since the server asked to wait for an expression.
    Wait,
}
