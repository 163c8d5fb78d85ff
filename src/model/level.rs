//! How much a line of the log matters.

/// How much a line of the log matters: what an ecf_log_fn gets.
/// cbindgen:rename-all=QualifiedScreamingSnakeCase
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// The command failed.
    Error = 1,
    /// Something that a person should look at.
    Warn = 2,
    /// What is going on.
    Info = 3,
    /// Details.
    Debug = 4,
}
