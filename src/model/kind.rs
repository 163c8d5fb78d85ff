//! What sort of command is sent, and what a second copy of it would do.

/// What sort of command is delegated or explained.
/// cbindgen:rename-all=QualifiedScreamingSnakeCase
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A task command: goes round primary and backups until ECF_TIMEOUT.
    Task = 0,
    /// A user command: stays at the primary, unless ECF_HOSTFILE_POLICY is "all".
    User = 1,
    /// A ping: like a user command, with 1 s between its tries.
    Ping = 2,
}

impl Kind {
    /// The kind with this number in C.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        let kinds = [Self::Task, Self::User, Self::Ping];
        kinds.into_iter().find(|kind| *kind as i32 == number)
    }
}

/// ECF_FAILOVER_REPEATABLE: what a second copy of a command would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing more than the first.
    Yes,
    /// Nothing more, as long as no later command came between.
    Ordered,
    /// Something else: it must not be sent again once it may have arrived.
    No,
}
