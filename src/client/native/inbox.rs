//! Where a reply is collected, in ecFlow's frames or in HTTP.

use crate::net::Receiver;
use crate::wire::{FrameReader, HttpReader};

/// Collects a reply frame for the transport.
pub(super) struct FrameInbox(pub(super) FrameReader);

impl Receiver for FrameInbox {
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String> {
        self.0.push(bytes).map_err(|why| why.to_string())
    }

    fn end(&mut self) -> Result<bool, String> {
        Ok(false)
    }

    fn is_untouched(&self) -> bool {
        self.0.received() == 0
    }

    fn progress(&self) -> String {
        match (self.0.received(), self.0.announced()) {
            (0, _) => "no byte of the reply came".into(),
            (received, None) => format!("{received} of 8 header bytes came"),
            (received, Some(body)) => format!("{received} of {} bytes came", body + 8),
        }
    }
}

/// Collects an HTTP reply for the transport.
pub(super) struct HttpInbox(pub(super) HttpReader);

impl Receiver for HttpInbox {
    fn receive(&mut self, bytes: &[u8]) -> Result<bool, String> {
        self.0.push(bytes)
    }

    fn end(&mut self) -> Result<bool, String> {
        self.0.end()
    }

    fn is_decided(&self) -> bool {
        self.0.is_decided()
    }

    fn is_untouched(&self) -> bool {
        self.0.is_untouched()
    }

    fn progress(&self) -> String {
        self.0.progress()
    }
}
