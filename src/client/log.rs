//! Where the story of a command is told while it goes on: to the caller's callback, to stderr
//! with ECF_DEBUG_CLIENT, and as `tracing` events to a Rust program that listens to them.
//!
//! Every line begins with the name of its event, and these names do not change:
//! `command.start`, `command.warning`, `attempt.start`, `attempt.end`, `hostfile.read`,
//! `hostfile.problem`, `command.end`, `setting.refused`.

use std::fmt;
use std::sync::Arc;

use crate::model::Secret;
use crate::sys::stderr;

/// How much a line matters. The numbers are those of the C ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// The command failed.
    Error = 1,
    /// Something that a person should look at.
    Warn = 2,
    /// What is going on.
    Info = 3,
    /// Details.
    Debug = 4,
}

/// Takes the lines.
pub type Sink = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// The log of one command.
#[derive(Clone, Default)]
pub(super) struct Log {
    pub(super) sink: Option<Sink>,
    pub(super) to_stderr: bool,
    pub(super) secrets: Secrets,
}

/// The passwords and keys of one command. Nothing that is told may contain one of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Vec<Secret>);

impl Secrets {
    pub(super) fn add(&mut self, secret: &Secret) {
        if secret.reveal().len() >= SHORTEST_SECRET && !self.0.contains(secret) {
            self.0.push(secret.clone());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` without any of them; a server or a caller may have put one into it.
    pub(super) fn redacted(&self, text: Vec<u8>) -> Vec<u8> {
        self.0.iter().fold(text, redacted)
    }
}

impl From<&Secret> for Secrets {
    fn from(secret: &Secret) -> Self {
        let mut secrets = Self::default();
        secrets.add(secret);
        secrets
    }
}

impl Log {
    pub(super) fn line(&self, level: Level, line: fmt::Arguments<'_>) {
        if self.sink.is_none() && !self.to_stderr && !is_traced(level) {
            return;
        }
        let line = self.secrets.redacted(line.to_string().into_bytes());
        // What a server says must not look like a line of its own.
        let line = String::from_utf8_lossy(&line).replace(char::is_control, " ");
        trace(level, &line);
        if let Some(sink) = &self.sink {
            sink(level, &line);
        }
        if self.to_stderr {
            stderr::write_line(&format!("ecf_failover: {line}"));
        }
    }
}

fn is_traced(level: Level) -> bool {
    match level {
        Level::Error => tracing::enabled!(tracing::Level::ERROR),
        Level::Warn => tracing::enabled!(tracing::Level::WARN),
        Level::Info => tracing::enabled!(tracing::Level::INFO),
        Level::Debug => tracing::enabled!(tracing::Level::DEBUG),
    }
}

fn trace(level: Level, line: &str) {
    match level {
        Level::Error => tracing::error!("{line}"),
        Level::Warn => tracing::warn!("{line}"),
        Level::Info => tracing::info!("{line}"),
        Level::Debug => tracing::debug!("{line}"),
    }
}

/// A password shorter than this is not searched for: it would be found in every word.
const SHORTEST_SECRET: usize = 3;

fn redacted(text: Vec<u8>, secret: &Secret) -> Vec<u8> {
    let secret = secret.reveal();
    let escaped = secret.escape_ascii().to_string().into_bytes();
    let clean = without(text, secret);
    match escaped == secret {
        true => clean,
        // A message may quote it with its odd bytes escaped.
        false => without(clean, &escaped),
    }
}

fn without(text: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    if secret.is_empty() || !text.windows(secret.len()).any(|w| w == secret) {
        return text;
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(first) = rest.first() {
        match rest.strip_prefix(secret) {
            Some(behind) => {
                clean.extend(b"(password)");
                rest = behind;
            }
            None => {
                clean.push(*first);
                rest = &rest[1..];
            }
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
}
