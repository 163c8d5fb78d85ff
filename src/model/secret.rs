//! What must not be shown, and texts without it.

use std::fmt;

/// Bytes that must not reach a log, an error, a report or a debug print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes themselves, for the wire.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

/// A secret shorter than this is not searched for: it would be found in every word.
const SHORTEST_SECRET: usize = 3;

/// The passwords and keys of one command. Nothing that is told may contain one of them.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Adds a secret; an empty one is none.
    pub fn add(&mut self, secret: &Secret) {
        if !secret.reveal().is_empty() && !self.0.contains(secret) {
            self.0.push(secret.clone());
        }
    }

    /// `text` without any of them; a server or a caller may have put one into it.
    #[must_use]
    pub fn redacted(&self, text: Vec<u8>) -> Vec<u8> {
        self.searched().fold(text, redacted)
    }

    /// [`Secrets::redacted`] for a message.
    #[must_use]
    pub fn redacted_message(&self, message: String) -> String {
        String::from_utf8_lossy(&self.redacted(message.into_bytes())).into_owned()
    }

    /// Whether one of them is this word, or stands in it.
    #[must_use]
    pub fn are_in(&self, word: &[u8]) -> bool {
        let is_whole = self.0.iter().any(|secret| secret.reveal() == word);
        is_whole || self.places(word).next().is_some()
    }

    /// Where they stand in a word: each first and last byte.
    pub(crate) fn places(&self, word: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        self.searched().flat_map(move |secret| {
            let length = secret.reveal().len();
            let windows = word.windows(length).enumerate();
            let found = windows.filter(|(_, window)| *window == secret.reveal());
            found.map(move |(at, _)| (at, at + length - 1))
        })
    }

    fn searched(&self) -> impl Iterator<Item = &Secret> {
        let is_searched = |secret: &&Secret| secret.reveal().len() >= SHORTEST_SECRET;
        self.0.iter().filter(is_searched)
    }
}

impl From<&Secret> for Secrets {
    fn from(secret: &Secret) -> Self {
        let mut secrets = Self::default();
        secrets.add(secret);
        secrets
    }
}

fn redacted(text: Vec<u8>, secret: &Secret) -> Vec<u8> {
    let secret = secret.reveal();
    let escaped = secret.escape_ascii().to_string().into_bytes();
    let clean = without(text, secret);
    if escaped == secret {
        clean
    } else {
        // A message may quote it with its odd bytes escaped.
        without(clean, &escaped)
    }
}

fn without(text: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    if secret.is_empty() || !text.windows(secret.len()).any(|w| w == secret) {
        return text;
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(first) = rest.first() {
        if let Some(behind) = rest.strip_prefix(secret) {
            clean.extend(b"(password)");
            rest = behind;
        } else {
            clean.push(*first);
            rest = &rest[1..];
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_taken_out_of_whatever_contains_them() {
        let secrets = Secrets::from(&Secret::from(&b"sesame"[..]));
        let text = secrets.redacted(b"bad pass sesame, not sesamesesame".to_vec());
        assert_eq!(
            text,
            b"bad pass (password), not (password)(password)".to_vec()
        );
        let short = Secrets::from(&Secret::from(&b"a"[..]));
        assert_eq!(short.redacted(b"a a".to_vec()), b"a a");
    }

    #[test]
    fn a_word_holds_a_secret_when_it_is_one_or_has_one_that_is_not_too_short() {
        let mut secrets = Secrets::from(&Secret::from(&b"sesame"[..]));
        secrets.add(&Secret::from(&b"x"[..]));
        for (word, holds) in [
            (&b"sesame"[..], true),
            (b"open sesame!", true),
            (b"sesam", false),
            (b"x", true),
            (b"xx", false),
            (b"", false),
        ] {
            assert_eq!(secrets.are_in(word), holds, "{word:?}");
        }
    }
}
