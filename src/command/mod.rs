//! `ecflow_client`'s command line, read by one table into a [`Command`].
//!
//! Pure: a definition file to load is read by a function that the caller hands in.
#![forbid(unsafe_code)]

mod alter;
mod argv;
mod table;
mod task;
mod user;

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::config::{Millis, Repeat, TaskIdentity};
use crate::hosts::Host;
use crate::policy::Kind;
use crate::wire::{Field, ReplyClass};

pub use argv::parse;
pub use table::{COMMANDS, NOT_OFFERED, Row};

/// One command, checked and ready to be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The option's name: `meter`, `ping`.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its class on the wire.
    pub class: &'static str,
    /// The members of the class behind its base.
    pub fields: Vec<Field>,
    /// The replies that may answer it; an error may answer anything.
    pub legal: &'static [ReplyClass],
    /// What a second copy of it would do.
    pub repeat: Repeat,
    /// How long its reply may take, in milliseconds.
    pub reply_limit: Millis,
}

/// A command line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The command.
    pub command: Command,
    /// `--host`.
    pub host: Option<Host>,
    /// `--port`.
    pub port: Option<u16>,
    /// The process id or batch id of a task command: `--init=`, `--rid`, else ECF_RID.
    pub remote_id: Vec<u8>,
    /// `--debug`.
    pub debug: bool,
}

/// Where the parts of a command come from that are not on its command line.
pub struct Surroundings<'a> {
    /// The task's identity.
    pub task: &'a TaskIdentity,
    /// Reads a definition file.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

/// What is wrong with a command line. Nothing was sent.
#[derive(Debug, Error)]
pub enum CommandError {
    /// No word, or the first is no option.
    #[error("no command: give one option of ecflow_client, like --init=$$ or --ping")]
    NoCommand,
    /// Two commands in one call.
    #[error("--{0} and --{1} are two commands: send one at a time")]
    TwoCommands(&'static str, &'static str),
    /// Not an option of ecflow_client.
    #[error("{0} is not an option of ecflow_client")]
    UnknownOption(String),
    /// The beginning of more than one option.
    #[error("{0} could be {1}: write it out")]
    AmbiguousOption(String, String),
    /// An option that this release does not have.
    #[error("--{0} is not offered by this release of ecf_failover: use ecflow_client for it")]
    NotOffered(&'static str),
    /// A word that belongs to no option.
    #[error("{0} belongs to no option: values follow their option")]
    StrayWord(String),
    /// An option without its value, with too many, or with an empty one.
    #[error("--{option}: {why}")]
    Words {
        /// The option.
        option: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The environment lacks what the command needs.
    #[error("{key}: {why}")]
    Environment {
        /// The variable.
        key: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// A file that cannot be read.
    #[error("--{option}: cannot read {file}: {why}")]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        file: String,
        /// The system's words.
        why: io::Error,
    },
}

impl CommandError {
    fn words(option: &'static str, why: impl Into<String>) -> Self {
        Self::Words {
            option,
            why: why.into(),
        }
    }
}

/// A word of the command line for messages: odd bytes escaped, a long one cut.
fn shown(word: &[u8]) -> String {
    const LONGEST: usize = 80;
    let start = &word[..word.len().min(LONGEST)];
    let dots = if word.len() > LONGEST { "..." } else { "" };
    format!("\"{}{dots}\"", start.escape_ascii())
}

#[cfg(test)]
mod tests;
