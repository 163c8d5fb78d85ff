//! A connection that carries bytes, in the clear or inside TLS. Nothing in it blocks.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::Security;
#[cfg(feature = "tls")]
use super::tls;
use crate::model::{AttemptResult, Cure, Endpoint};

/// What a channel waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(super) enum Direction {
    In,
    Out,
}

/// Words for an error, and whether a retry could help.
pub(super) struct Told {
    pub(super) what: String,
    pub(super) cure: Cure,
}

pub(super) enum Channel {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tls::TlsStream>),
}

impl Channel {
    #[cfg_attr(
        not(feature = "tls"),
        allow(unused_variables, clippy::unnecessary_wraps)
    )]
    pub(super) fn new(
        stream: TcpStream,
        security: &Security,
        endpoint: &Endpoint,
    ) -> Result<Self, AttemptResult> {
        match security {
            Security::Plain => Ok(Self::Plain(stream)),
            #[cfg(feature = "tls")]
            Security::Tls(trust) => {
                tls::TlsStream::new(stream, trust, endpoint).map(|tls| Self::Tls(Box::new(tls)))
            }
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.stream(),
        }
    }

    /// Goes on with the handshake; `None` when there is nothing left to do.
    pub(super) fn shake_hands(&mut self) -> io::Result<Option<Direction>> {
        match self {
            Self::Plain(_) => Ok(None),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.shake_hands(),
        }
    }

    /// Takes some of `bytes`. They have left only when [`Channel::flush`] succeeds.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// Hands everything that was taken to the kernel.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Reads some bytes; 0 where the peer has ended the conversation.
    pub(super) fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(piece),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.read(piece),
        }
    }

    /// Whether bytes for the caller may be here that the socket does not have any more.
    pub(super) fn may_hold_bytes(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    pub(super) fn told(&self, why: &io::Error) -> Told {
        match self {
            Self::Plain(_) => Told {
                what: why.to_string(),
                cure: Cure::Retry,
            },
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls::told(why, tls.is_handshaking()),
        }
    }

    /// What a server that closes without a byte may be.
    pub(super) fn hint_at_end(&self, is_untouched: bool) -> &'static str {
        match (self, is_untouched) {
            (Self::Plain(_), true) => "; a server that speaks TLS does so",
            _ => "",
        }
    }
}
