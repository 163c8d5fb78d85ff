//! What carries the bytes of a connection: as they are, or inside TLS. A transport is a module
//! that implements [`Channel`]. Nothing in it blocks.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::model::Cure;

/// What a channel waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(super) enum Direction {
    In,
    Out,
}

/// Words for an error, and whether a retry could help.
pub(super) struct Described {
    pub(super) what: String,
    pub(super) cure: Cure,
}

pub(super) trait Channel {
    /// The connection below, to be waited for.
    fn stream(&self) -> &TcpStream;

    /// Goes on with the handshake; `None` when there is nothing left to do.
    fn shake_hands(&mut self) -> io::Result<Option<Direction>>;

    /// Takes some of `bytes`. They have left only when [`Channel::flush`] succeeds.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Hands everything that was taken to the kernel.
    fn flush(&mut self) -> io::Result<()>;

    /// Reads some bytes; 0 where the peer has ended the conversation.
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize>;

    /// Whether bytes for the caller may be here that the socket does not have any more.
    fn may_hold_bytes(&self) -> bool;

    /// What an error of this channel means.
    fn describe(&self, why: &io::Error) -> Described;

    /// What a server that closes without a byte may be, for the end of a sentence.
    fn hint_at_silent_end(&self) -> &'static str;
}

/// Bytes as they are.
impl Channel for TcpStream {
    fn stream(&self) -> &TcpStream {
        self
    }

    fn shake_hands(&mut self) -> io::Result<Option<Direction>> {
        Ok(None)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        Read::read(self, piece)
    }

    fn may_hold_bytes(&self) -> bool {
        false
    }

    fn describe(&self, why: &io::Error) -> Described {
        Described {
            what: why.to_string(),
            cure: Cure::Retry,
        }
    }

    fn hint_at_silent_end(&self) -> &'static str {
        "; a server that speaks TLS does so"
    }
}
