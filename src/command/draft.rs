//! A command while its words are read: it starts as its row says, and the words may change it.

use super::quoting::Quoting;
use super::{CommandError, ServerQuery, Shows, Surroundings};
use crate::model::Repeat;
use crate::wire::{AnswerClass, Field, Value};

/// How many words an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// None.
    None,
    /// None or one; more are left unread, like ecflow_client does.
    Optional,
    /// Exactly one.
    One,
    /// One or more.
    Many,
}

/// A zombie that is fobbed off gets OK instead of a step.
pub(super) const STEP: &[AnswerClass] = &[
    AnswerClass::Text,
    AnswerClass::Ok,
    AnswerClass::Halted,
    AnswerClass::Zombie,
];
pub(super) const DONE: &[AnswerClass] = &[AnswerClass::Ok];
pub(super) const TEXT: &[AnswerClass] = &[AnswerClass::Text];

/// The words of one command, sorted.
pub(super) struct Words<'a> {
    /// The command's own.
    pub(super) values: Vec<&'a [u8]>,
    /// `--add`.
    pub(super) add: Vec<&'a [u8]>,
    /// `--remove`.
    pub(super) remove: Vec<&'a [u8]>,
    /// `--rid`, when given.
    pub(super) rid: Option<&'a [u8]>,
    pub(super) around: &'a Surroundings<'a>,
    /// How messages quote them.
    pub(super) quoting: Quoting<'a>,
    /// Reads one command of a group.
    pub(super) read_member: ReadMember,
}

/// Reads the words of one command of a group, which takes no option beside it.
pub(super) type ReadMember = fn(&[Vec<u8>], &Words<'_>) -> Result<Member, CommandError>;

/// One command of a group.
pub(super) struct Member {
    /// The option's name.
    pub(super) name: &'static str,
    /// Its class on the wire.
    pub(super) class: &'static str,
    pub(super) draft: Draft,
}

impl Words<'_> {
    /// A word for a message.
    pub(super) fn shown(&self, word: &[u8]) -> String {
        self.quoting.word(word)
    }
}

/// What the words of a command make of it.
pub(super) struct Draft {
    pub(super) fields: Vec<Field>,
    pub(super) legal: &'static [AnswerClass],
    pub(super) repeat: Repeat,
    /// What the server is asked before.
    pub(super) queries: Vec<ServerQuery>,
    /// What each command of a group may be answered.
    pub(super) parts: Vec<&'static [AnswerClass]>,
    pub(super) shows: Shows,
}

impl Draft {
    pub(super) fn text(&mut self, name: &'static str, text: impl Into<Vec<u8>>) {
        self.fields.push((name, Value::Text(text.into())));
    }

    pub(super) fn number(&mut self, name: &'static str, number: i64) {
        self.fields.push((name, Value::Number(number)));
    }

    pub(super) fn flag(&mut self, name: &'static str, flag: bool) {
        self.fields.push((name, Value::Flag(flag)));
    }

    pub(super) fn texts(&mut self, name: &'static str, texts: &[&[u8]]) {
        let texts = texts.iter().map(|text| text.to_vec()).collect();
        self.fields.push((name, Value::Texts(texts)));
    }
}
