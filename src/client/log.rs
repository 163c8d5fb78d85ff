//! Where a command is told of while it goes on: to the caller's callback, to stderr
//! with ECF_DEBUG_CLIENT, and as `tracing` events to a Rust program that listens to them.
//!
//! Every line begins with the name of its event, and these names do not change:
//! `command.start`, `command.warning`, `attempt.start`, `attempt.end`, `hostfile.read`,
//! `hostfile.problem`, `command.end`, `setting.refused`, `post.refused`, `post.lost`.

use std::fmt;
use std::sync::Arc;

use crate::model::{Level, Secrets};
use crate::sys::stderr;

/// Takes the lines.
pub type Sink = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// The log of one command.
#[derive(Clone, Default)]
pub(super) struct Log {
    pub(super) sink: Option<Sink>,
    pub(super) to_stderr: bool,
    pub(super) secrets: Secrets,
}

impl Log {
    pub(super) fn line(&self, level: Level, line: fmt::Arguments<'_>) {
        if self.sink.is_none() && !self.to_stderr && !is_traced(level) {
            return;
        }
        let line = self.clean(line.to_string());
        trace(level, &line);
        if let Some(sink) = &self.sink {
            sink(level, &line);
        }
        if self.to_stderr {
            stderr::write_line(&format!("ecf_failover: {line}"));
        }
    }

    /// Tells a person, if this can be done at once.
    pub(super) fn notice(&self, line: String) {
        stderr::write_line(&format!("ecf_client: {}", self.clean(line)));
    }

    /// A line without secrets.
    pub(super) fn clean(&self, line: String) -> String {
        let line = self.secrets.redacted(line.into_bytes());
        // What a server says must not look like a line of its own.
        String::from_utf8_lossy(&line).replace(char::is_control, " ")
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

/// A log line is no place for a server's longest words.
pub(super) fn cut(words: &[u8]) -> &[u8] {
    const LONGEST: usize = 1_000;
    &words[..words.len().min(LONGEST)]
}
