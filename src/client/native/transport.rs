//! The connections of one attempt.

use crate::model::{AttemptResult, Millis};
use crate::net::{Connection, Connector, Exchange, Limits, Receiver, Watch, exchange};
use crate::sys::clock;

/// How an attempt comes by its connections, and what goes on beside it.
pub(in crate::client) struct Transport<'l, 'a> {
    pub(in crate::client) connector: &'l mut Connector<'a>,
    /// One that is there already.
    pub(in crate::client) first: Option<Connection>,
    /// Looks after other connections while the first is used.
    pub(in crate::client) watch: Option<&'l mut (dyn Watch + 'l)>,
    /// A connected server that says nothing for so long is given up; [`Millis::MAX`] where only
    /// the stages count.
    pub(in crate::client) silence: Millis,
}

impl<'l, 'a> Transport<'l, 'a> {
    /// One connection after another, each made for its exchange.
    pub(in crate::client) fn alone(connector: &'l mut Connector<'a>) -> Self {
        Self {
            connector,
            first: None,
            watch: None,
            silence: Millis::MAX,
        }
    }

    /// The limits of an exchange that must be over at `end`; `given` is the operator's for each
    /// stage.
    pub(in crate::client) fn limits(
        &self,
        limits: Limits,
        given: Option<Millis>,
        end: Millis,
    ) -> Limits {
        let whole = end.saturating_sub(clock::now());
        if self.silence == Millis::MAX {
            return Limits { whole, ..limits };
        }
        // A busy server is slow at every stage, once it is connected.
        Limits {
            handshake: given.unwrap_or(self.silence),
            write: given.unwrap_or(self.silence),
            silence: self.silence,
            whole,
            ..limits
        }
    }

    /// One exchange; gives a remark about the address that was used.
    pub(in crate::client) fn exchange(
        &mut self,
        what: &Exchange<'_>,
        request: &[u8],
        receiver: &mut dyn Receiver,
    ) -> Result<String, AttemptResult> {
        let first = self.first.take();
        // Later ones are short, and nobody looks after others meanwhile.
        let watch = if first.is_some() {
            self.watch.as_deref_mut()
        } else {
            None
        };
        exchange(what, self.connector, first, watch, request, receiver)
    }
}
