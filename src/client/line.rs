//! The connections of one attempt.

use std::net::TcpStream;

use super::native::failed;
use super::story::AttemptResult;
use crate::model::Millis;
use crate::net::{Attempt, Conductor, Limits, Race, Receiver, exchange};
use crate::sys::clock;

/// How an attempt comes by its connections.
pub(super) enum Line<'l, 'a> {
    /// It makes them.
    Own,
    /// The first was won in a race, and others go on meanwhile.
    Raced {
        race: &'l mut Race<'a>,
        first: Option<(TcpStream, String)>,
        conductor: &'l mut dyn Conductor,
        silence: Millis,
    },
}

impl Line<'_, '_> {
    /// The limits of an exchange that must be over at `end`.
    pub(super) fn limits(&self, limits: Limits, given: Option<Millis>, end: Millis) -> Limits {
        let whole = end.saturating_sub(clock::now());
        match *self {
            Self::Own => Limits { whole, ..limits },
            // A busy server is slow at every stage, once it is connected.
            Self::Raced { silence, .. } => Limits {
                connect: given.unwrap_or(silence),
                write: given.unwrap_or(silence),
                silence,
                whole,
                ..limits
            },
        }
    }

    /// One exchange; gives a remark about the address that was used.
    pub(super) fn exchange(
        &mut self,
        attempt: &Attempt<'_>,
        request: &[u8],
        receiver: &mut dyn Receiver,
    ) -> Result<String, AttemptResult> {
        if let Self::Raced {
            race,
            first,
            conductor,
            ..
        } = self
            && let Some((stream, remark)) = first.take()
        {
            let exchanged = race.converse(attempt, stream, request, receiver, *conductor);
            return exchanged.map(|()| remark).map_err(failed);
        }
        exchange(attempt, request, receiver).map_err(failed)
    }
}
