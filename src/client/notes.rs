//! The words of a callback about its attempt.

use crate::model::Secrets;

/// The notes of one attempt are cut at this length, so that a report stays bounded.
const LONGEST: usize = 1_000;

/// The notes of one attempt: without secrets, and bounded as they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    text: Vec<u8>,
    secrets: Secrets,
}

impl Notes {
    pub(super) fn without(secrets: Secrets) -> Self {
        Self {
            text: Vec::new(),
            secrets,
        }
    }

    /// Adds a note; the first 1,000 bytes of all count.
    pub(crate) fn add(&mut self, note: &[u8]) {
        if self.text.len() >= LONGEST {
            return;
        }
        if !self.text.is_empty() {
            self.text.extend(b"; ");
        }
        // First without secrets, then cut: half a secret is one, too.
        self.text.extend(self.secrets.redacted(note.to_vec()));
        self.text.truncate(LONGEST);
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }
}
