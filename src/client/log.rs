//! Where the story of a command is told while it goes on: to the caller's callback, to stderr
//! with ECF_DEBUG_CLIENT, and as `tracing` events to a Rust program that listens to them.
//!
//! Every line begins with the name of its event, and these names do not change:
//! `command.start`, `attempt.start`, `attempt.end`, `host.next`, `hostfile.read`,
//! `hostfile.problem`, `command.end`, `setting.refused`.

use std::fmt;
use std::sync::Arc;

use crate::config::Secret;
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
    pub(super) secret: Secret,
}

impl Log {
    pub(super) fn line(&self, level: Level, line: fmt::Arguments<'_>) {
        if self.sink.is_none() && !self.to_stderr && !is_traced(level) {
            return;
        }
        let line = redacted(line.to_string().into_bytes(), &self.secret);
        let line = String::from_utf8_lossy(&line);
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

/// `text` without the job's password, which a server or a caller may have put into it.
pub(super) fn redacted(text: Vec<u8>, secret: &Secret) -> Vec<u8> {
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
    if secret.len() < SHORTEST_SECRET || !text.windows(secret.len()).any(|w| w == secret) {
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
    fn the_jobs_password_is_taken_out_of_whatever_contains_it() {
        let secret = Secret::from(&b"sesame"[..]);
        let text = redacted(b"bad pass sesame, not sesamesesame".to_vec(), &secret);
        assert_eq!(
            text,
            b"bad pass (password), not (password)(password)".to_vec()
        );
        assert_eq!(redacted(b"a a".to_vec(), &Secret::from(&b"a"[..])), b"a a");
    }
}
