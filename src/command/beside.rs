//! The options that go beside a command, or instead of one: adding one is adding a row.

use super::draft::Arity;
use crate::config::Protocol;

/// What an option does that goes beside a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Host,
    Port,
    Rid,
    Add,
    Remove,
    User,
    Password,
    Protocol(Protocol),
    Debug,
    Help,
    Version,
}

/// An option that goes beside a command, or instead of one.
pub struct BesideRow {
    /// The option's name, without dashes.
    pub name: &'static str,
    pub(super) beside: Beside,
    pub(super) arity: Arity,
    /// Its words, for people.
    pub words: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// The only command that it goes with; `None` for all.
    pub(super) goes_with: Option<&'static str>,
    /// Whether a following word that begins with two dashes, and is no option, is its value.
    pub(super) takes_dashes: bool,
    /// Whether its words must not be told.
    pub(super) is_secret: bool,
}

impl BesideRow {
    const fn with(self, command: &'static str) -> Self {
        Self {
            goes_with: Some(command),
            ..self
        }
    }

    const fn dashes(self) -> Self {
        Self {
            takes_dashes: true,
            ..self
        }
    }

    const fn secret(self) -> Self {
        Self {
            is_secret: true,
            ..self
        }
    }
}

const fn beside(
    name: &'static str,
    beside: Beside,
    arity: Arity,
    words: &'static str,
    meaning: &'static str,
) -> BesideRow {
    BesideRow {
        name,
        beside,
        arity,
        words,
        meaning,
        goes_with: None,
        takes_dashes: false,
        is_secret: false,
    }
}

/// Every option that goes beside a command, or instead of one.
#[rustfmt::skip]
pub const BESIDE: &[BesideRow] = &[
    beside("host", Beside::Host, Arity::One, "HOST", "the primary's host, before ECF_HOST"),
    beside("port", Beside::Port, Arity::One, "PORT", "the primary's port, before ECF_PORT"),
    beside("rid", Beside::Rid, Arity::One, "RID", "the job's process id or batch id, before ECF_RID"),
    beside("add", Beside::Add, Arity::Many, "NAME=VALUE...", "with --init: variables to add to the task").with("init"),
    beside("remove", Beside::Remove, Arity::Many, "NAME...", "with --complete: variables to remove from the task").with("complete"),
    beside("user", Beside::User, Arity::One, "USER", "the custom user, before ECF_USER"),
    beside("password", Beside::Password, Arity::One, "PASSWORD", "the user's password, before the password files").dashes().secret(),
    beside("ssl", Beside::Protocol(Protocol::Ssl), Arity::None, "", "speak TLS, before ECF_SSL and ECF_HOST_PROTOCOL"),
    beside("http", Beside::Protocol(Protocol::Http), Arity::None, "", "speak HTTP"),
    beside("https", Beside::Protocol(Protocol::Https), Arity::None, "", "speak HTTPS"),
    beside("debug", Beside::Debug, Arity::None, "", "log to stderr"),
    beside("help", Beside::Help, Arity::Optional, "[COMMAND|summary|all|child|user|option]", "tell about one option, a class of them, or all"),
    beside("version", Beside::Version, Arity::None, "", "print the version of this client"),
];
