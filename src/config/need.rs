//! Which commands need a key. A value that cannot be used ends these, and is a warning for others.

use super::choices::Profile;
use super::keys::Settings;

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
    /// Whether a command with these settings needs the key.
    pub(super) fn is_of(self, sending: Sending, settings: &Settings) -> bool {
        match self {
            Self::Everybody => true,
            Self::Tasks => sending.is_task,
            Self::Native => sending.is_native,
            Self::Delegated => !sending.is_native,
            Self::Ecflow => settings.profile == Profile::Ecflow,
            Self::Fast => settings.profile == Profile::Fast,
            Self::Hostfile => settings.hostfile.is_some(),
        }
    }

    /// The same in a word or two, for people.
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
