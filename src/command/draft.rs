//! A command while its words are read: it starts as its row says, and the words may change it.

use super::table::CommandRow;
use super::{Command, ServerQuery, Shows};
use crate::model::Repeat;
use crate::wire::{AnswerClass, Field, Request, Value};

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
    /// What a row says of a command before its words are read.
    pub(super) fn of(row: &CommandRow, legal: &'static [AnswerClass]) -> Self {
        Self {
            fields: Vec::new(),
            legal,
            repeat: row.repeat,
            queries: Vec::new(),
            parts: Vec::new(),
            shows: row.shows,
        }
    }

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

impl Command {
    /// The command of a row, with nothing beside it.
    pub(super) fn new(row: &CommandRow, draft: Draft) -> Self {
        Self {
            name: row.name,
            kind: row.kind,
            request: Request {
                class: row.class,
                fields: draft.fields,
            },
            legal: draft.legal,
            parts: draft.parts,
            queries: draft.queries,
            shows: draft.shows,
            repeat: draft.repeat,
            reply_limit: row.limit_s * 1_000,
            purpose: row.purpose,
            host: None,
            port: None,
            remote_id: Vec::new(),
            user: None,
            password: None,
            protocol: None,
            debug: false,
        }
    }
}
