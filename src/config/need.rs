//! Which commands need a key. A value that cannot be used ends these, and is a warning for others.

/// Who needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Every command.
    Everybody,
    /// Task commands.
    Tasks,
    /// Commands that the library itself sends.
    Native,
    /// Commands whose attempts are the caller's.
    Delegated,
    /// Commands in profile ecflow.
    Ecflow,
    /// Commands in profile fast.
    Fast,
    /// Commands where ECF_HOSTFILE is given.
    Hostfile,
}

/// A command, as far as it matters to what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// Whether the library itself sends it.
    pub is_native: bool,
    /// Whether it is a task command.
    pub is_task: bool,
}

impl Need {
    /// Who that is, in a word or two, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Everybody => "all",
            Self::Tasks => "task commands",
            Self::Native => "native commands",
            Self::Delegated => "delegated commands",
            Self::Ecflow => "profile ecflow",
            Self::Fast => "profile fast",
            Self::Hostfile => "with ECF_HOSTFILE",
        }
    }
}
