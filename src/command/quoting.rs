//! Words of a command line as messages quote them: one that holds a password is not shown.

use crate::model::{Secrets, quoted};

/// What stands for a word that holds a password.
const HIDDEN: &str = "(hidden: it holds a password)";

/// How the words of one option are quoted.
#[derive(Clone, Copy)]
pub(super) struct Quoting<'a> {
    secrets: &'a Secrets,
    shows_words: bool,
}

impl<'a> Quoting<'a> {
    pub(super) fn without(secrets: &'a Secrets) -> Self {
        Self {
            secrets,
            shows_words: true,
        }
    }

    /// A whole word.
    pub(super) fn word(self, word: &[u8]) -> String {
        if self.shows_words && !self.secrets.are_in(word) {
            quoted(word)
        } else {
            HIDDEN.into()
        }
    }

    /// The first bytes of a word.
    pub(super) fn start(self, word: &[u8], length: usize) -> String {
        let is_touched = self.secrets.places(word).any(|(first, _)| first < length);
        if self.shows_words && !is_touched {
            self.word(&word[..length])
        } else {
            HIDDEN.into()
        }
    }

    /// For the last bytes of a word: part of a password would be shown as what it is not.
    pub(super) fn of_end(self, word: &[u8], length: usize) -> Self {
        let end = word.len() - length;
        let is_cut = |(first, last)| first < end && last >= end;
        Self {
            shows_words: self.shows_words && !self.secrets.places(word).any(is_cut),
            ..self
        }
    }

    /// For the pieces of a word.
    pub(super) fn of_pieces(self, word: &[u8]) -> Self {
        Self {
            shows_words: self.shows_words && !self.secrets.are_in(word),
            ..self
        }
    }
}
