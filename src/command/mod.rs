//! `ecflow_client`'s command line, read by one table into a [`Command`].
//!
//! Pure: a definition file to load is read by a function that the caller hands in.
#![forbid(unsafe_code)]

mod argv;
mod beside;
mod draft;
mod help;
mod print;
mod quoting;
mod structure;
mod table;
mod words;

use std::fmt;
use std::io;
use std::path::Path;

use thiserror::Error;

use crate::config::Protocol;
use crate::model::{Host, Kind, Millis, Repeat, Secret, TaskIdentity};
use crate::wire::{Answer, AnswerClass, Request};

pub use argv::{CommandLine, parse, secrets_in};
pub use beside::{BESIDE, BesideRow};
pub use print::{group_errors, has_error, printed};
pub use table::{COMMANDS, CommandRow, NOT_OFFERED};

/// One command, checked and ready to be encoded, with what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The option's name: `meter`, `ping`.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// What travels.
    pub request: Request,
    /// The replies that may answer it; an error may answer anything.
    pub legal: &'static [AnswerClass],
    /// The replies that may answer each command of a group.
    pub parts: Vec<&'static [AnswerClass]>,
    /// What the server is to be asked before.
    pub queries: Vec<ServerQuery>,
    /// What a group prints of the definitions that it got.
    pub shows: Shows,
    /// What a second copy of it would do.
    pub repeat: Repeat,
    /// How long its reply may take, in milliseconds.
    pub reply_limit: Millis,
    /// What it is for.
    pub purpose: Purpose,
    /// `--host`.
    pub host: Option<Host>,
    /// `--port`.
    pub port: Option<u16>,
    /// The process id or batch id of a task command: `--init=`, `--rid`, else ECF_RID.
    pub remote_id: Vec<u8>,
    /// `--user`.
    pub user: Option<Vec<u8>>,
    /// `--password`.
    pub password: Option<Secret>,
    /// `--ssl`, `--http` or `--https`.
    pub protocol: Option<Protocol>,
    /// `--debug`.
    pub debug: bool,
}

/// What a server is asked before a command that could harm it, or do nothing, is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerQuery {
    /// Whether it is new enough: an older one would answer that all is well and do nothing.
    Version {
        /// What needs it.
        what: String,
        /// The oldest version that is known to have it.
        since: EcflowVersion,
    },
    /// Whether it knows a client handle: it would crash if it does not.
    Handle(i64),
}

/// Why a command is not sent to a server that was asked before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryFailure {
    /// It would do harm, or nothing: final.
    Refused(String),
    /// The answer was none.
    Strange(String),
}

impl ServerQuery {
    /// The query as it travels.
    #[must_use]
    pub fn request(&self) -> Request {
        match self {
            Self::Version { .. } => Request {
                class: "ServerVersionCmd",
                fields: Vec::new(),
            },
            Self::Handle(_) => words::handle::all_handles(),
        }
    }

    /// Whether the command may be sent to the server that gave this answer.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(&self, answer: &Answer) -> Result<(), QueryFailure> {
        self.judge(answer).map_err(|why| match answer {
            Answer::Error(_) | Answer::Text(_) | Answer::Handles(_) => QueryFailure::Refused(why),
            _ => QueryFailure::Strange(why),
        })
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        match (self, answer) {
            (_, Answer::Error(words)) => Err(format!(
                "the server was asked before, and refused: {}",
                String::from_utf8_lossy(words)
            )),
            (Self::Version { what, since }, Answer::Text(text)) => match EcflowVersion::parse(text)
            {
                Some(version) if version >= *since => Ok(()),
                Some(version) => Err(format!(
                    "{what} needs ecFlow {since}, and the server is {version}: it would answer that all is well and do nothing"
                )),
                None => Err(format!(
                    "{what} needs ecFlow {since}, and the server tells no version"
                )),
            },
            (Self::Handle(handle), Answer::Handles(handles)) => {
                if handles.suites.iter().any(|(known, _)| known == handle) {
                    Ok(())
                } else {
                    Err(format!(
                        "the server has no client handle {handle}, and asking it for one would end it"
                    ))
                }
            }
            _ => Err("the server was asked before, and gave another answer".into()),
        }
    }
}

impl Command {
    /// The class of a reply that cannot answer this command, or of the part of it that cannot.
    #[must_use]
    pub fn strange_class(&self, reply: &Answer) -> Option<AnswerClass> {
        let class = reply.class();
        if class == AnswerClass::Error {
            return None;
        }
        if !self.legal.contains(&class) {
            return Some(class);
        }
        match reply {
            Answer::Group(replies) => self.strange_part(replies),
            // "Done" is no answer for a group that asks for something.
            _ => {
                let is_answer = self.parts.iter().all(|part| part.contains(&class));
                (!is_answer).then_some(class)
            }
        }
    }

    /// Every part answers a command, and every command that asks for something is answered.
    fn strange_part(&self, replies: &[Answer]) -> Option<AnswerClass> {
        let mut classes = replies.iter().map(Answer::class);
        let stranger = classes.find(|class| {
            *class != AnswerClass::Error && !self.parts.iter().any(|part| part.contains(class))
        });
        if stranger.is_some() {
            return stranger;
        }
        let came = |wanted: &dyn Fn(AnswerClass) -> bool| replies.iter().any(|r| wanted(r.class()));
        let has_error = came(&|class| class == AnswerClass::Error);
        let is_answered = |part: &&[AnswerClass]| {
            let may_be_silent = part.contains(&AnswerClass::Ok);
            may_be_silent || has_error || came(&|class| part.contains(&class))
        };
        if self.parts.iter().all(is_answered) {
            None
        } else {
            Some(AnswerClass::Group)
        }
    }
}

/// A version of ecFlow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EcflowVersion(pub [u32; 3]);

impl EcflowVersion {
    /// Reads `5.17.0`, as servers tell it.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.trim().split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Some(Self([major, minor, patch]))
            }
            _ => None,
        }
    }
}

impl fmt::Display for EcflowVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Tells that a job has begun: the server that takes it has the job.
    JobBegin,
    /// Tells that a job has ended: no server has it any more.
    JobEnd,
    /// Tells how far a job is: the job could go on without it.
    Progress,
    /// Anything else.
    Control,
}

/// How much of a definition is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Nothing, where a group has no `show`.
    Nothing,
    /// What a file would hold.
    Structure,
    /// All that the server has sent.
    State,
    /// The same, to be loaded elsewhere.
    Migration,
}

/// A command line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood {
    /// A command to send.
    Send(Box<Command>),
    /// A question that is answered here, with the answer.
    Answer(Vec<u8>),
}

/// Where the parts of a command come from that are not on its command line.
pub struct Surroundings<'a> {
    /// The task's identity.
    pub task: &'a TaskIdentity,
    /// Reads a file that the command line names.
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
    /// An option that ecf_failover does not have, with the reason.
    #[error("--{0} is not offered by ecf_failover ({1}), only by ecFlow's own client")]
    NotOffered(&'static str, &'static str),
    /// A use of an option that ecf_failover does not have.
    #[error("--{option}: {why}: only ecFlow's own client does it")]
    UseNotOffered {
        /// The option.
        option: &'static str,
        /// Which use, and why.
        why: String,
    },
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

#[cfg(test)]
mod depth_tests;
#[cfg(test)]
mod tests;
