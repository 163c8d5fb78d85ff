//! Every difference from ecflow_client 5.9.2 that is accepted, with its reason.

/// What of a command can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// What is sent.
    Request,
    /// What is printed.
    Text,
    /// Whether it succeeds.
    End,
    /// What becomes of the server's state.
    Effect,
}

use Aspect::{Effect, End, Request, Text};

/// Some command lines that differ for one reason.
pub(crate) struct Difference {
    pub(crate) reason: &'static str,
    /// Each of them differs, and nothing else does.
    pub(crate) aspects: &'static [Aspect],
    /// As [`crate::cases::Case::name`] tells them; one that ends with `*` is the beginning of
    /// several.
    pub(crate) lines: &'static [&'static str],
}

/// All of them.
pub(crate) const DIFFERENCES: &[Difference] = &[];

impl Difference {
    pub(crate) fn has(&self, line: &str, name: &str) -> bool {
        match line.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => line == name,
        }
    }
}
