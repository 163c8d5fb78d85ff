//! One frame: the length of the body as 8 hexadecimal characters, then the body.

use thiserror::Error;

const HEADER: usize = 8;
/// The first byte of a TLS record, by its kind.
const TLS_ALERT: u8 = 0x15;
const TLS_HANDSHAKE: u8 = 0x16;

/// Puts `body` into a frame.
///
/// # Errors
/// [`BadFrame::NoFrame`] when the length does not fit into 8 hexadecimal digits.
pub fn frame(body: &[u8]) -> Result<Vec<u8>, BadFrame> {
    let length = u32::try_from(body.len()).map_err(|_| BadFrame::NoFrame(body.len()))?;
    let mut framed = format!("{length:8x}").into_bytes();
    framed.extend_from_slice(body);
    Ok(framed)
}

/// Why the bytes that came are no frame.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadFrame {
    /// The header has something else than blanks and hexadecimal digits.
    #[error("not an ecFlow server: the reply begins with \"{0}\" instead of a length")]
    Header(String),
    /// The beginning of TLS: an alert or a handshake.
    #[error("not an ecFlow server in the clear: it speaks TLS (ECF_SSL, ECF_HOST_PROTOCOL)")]
    Tls,
    /// A body without bytes cannot be a reply.
    #[error("the reply's header announces an empty body")]
    Empty,
    /// More than this client accepts.
    #[error(
        "a body of {length} bytes is more than the limit of {limit} bytes (ECF_FAILOVER_MAX_REPLY)"
    )]
    TooLarge {
        /// The announced length.
        length: u64,
        /// The largest that is accepted.
        limit: u64,
    },
    /// A request of so many bytes.
    #[error("a request of {0} bytes is more than the 4294967295 bytes that a frame can hold")]
    NoFrame(usize),
    /// More than the process can hold.
    #[error("a body of {0} bytes is more than the memory that is left")]
    NoMemory(usize),
}

/// Collects one frame from pieces of any size.
///
/// No memory is taken for more than `limit` bytes, nor for bytes that have not come.
#[derive(Debug)]
pub struct FrameReader {
    limit: u32,
    header: Vec<u8>,
    expected: Option<usize>,
    body: Vec<u8>,
    surplus: bool,
}

impl FrameReader {
    /// A reader that accepts bodies of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            header: Vec::with_capacity(HEADER),
            expected: None,
            body: Vec::new(),
            surplus: false,
        }
    }

    /// Takes the next bytes; tells whether the frame is complete.
    ///
    /// # Errors
    /// [`BadFrame`] as soon as it is sure that no valid frame can come of them.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<bool, BadFrame> {
        let expected = match self.expected {
            Some(expected) => expected,
            None => {
                let missing = HEADER - self.header.len();
                let (head, rest) = bytes.split_at(missing.min(bytes.len()));
                self.header.extend_from_slice(head);
                bytes = rest;
                match self.read_header()? {
                    Some(expected) => *self.expected.insert(expected),
                    None => return Ok(false),
                }
            }
        };
        let missing = expected - self.body.len();
        let (body, surplus) = bytes.split_at(missing.min(bytes.len()));
        self.body
            .try_reserve(body.len())
            .map_err(|_| BadFrame::NoMemory(expected))?;
        self.body.extend_from_slice(body);
        self.surplus |= !surplus.is_empty();
        let is_complete = self.body.len() == expected;
        if is_complete {
            check_room_for_decoding(&self.body)?;
        }
        Ok(is_complete)
    }

    fn read_header(&self) -> Result<Option<usize>, BadFrame> {
        let digits = self.header.trim_ascii_start();
        let is_blank_or_hex = self.header[..self.header.len() - digits.len()]
            .iter()
            .all(|b| *b == b' ')
            && digits.iter().all(u8::is_ascii_hexdigit);
        if let Some(&TLS_ALERT | &TLS_HANDSHAKE) = self.header.first() {
            return Err(BadFrame::Tls);
        }
        if !is_blank_or_hex || (self.header.len() == HEADER && digits.is_empty()) {
            return Err(BadFrame::Header(self.header.escape_ascii().to_string()));
        }
        if self.header.len() < HEADER {
            return Ok(None);
        }
        let length = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .unwrap_or(0);
        match length {
            0 => Err(BadFrame::Empty),
            _ if length > self.limit => Err(BadFrame::TooLarge {
                length: u64::from(length),
                limit: u64::from(self.limit),
            }),
            _ => Ok(Some(length as usize)),
        }
    }

    /// How many bytes have come, header included.
    #[must_use]
    pub fn received(&self) -> usize {
        self.header.len() + self.body.len()
    }

    /// How many bytes the body was announced to have; `None` before the header is complete.
    #[must_use]
    pub fn announced(&self) -> Option<usize> {
        self.expected
    }

    /// Whether bytes came behind the frame. They are not looked at.
    #[must_use]
    pub fn has_surplus(&self) -> bool {
        self.surplus
    }

    /// The body that was collected.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

/// Decoding copies the body's strings twice, and takes a little for each element and more for
/// each object. Where memory is short the reply is refused here, for an allocation that fails
/// later would end the process.
pub(super) fn check_room_for_decoding(body: &[u8]) -> Result<(), BadFrame> {
    const ELEMENT: usize = 32;
    const OBJECT: usize = 512;
    let count = |wanted: u8| body.iter().filter(|byte| **byte == wanted).count();
    let needed = body
        .len()
        .saturating_mul(3)
        .saturating_add(count(b',').saturating_mul(ELEMENT))
        .saturating_add(count(b'{').saturating_mul(OBJECT));
    let mut room = Vec::<u8>::new();
    room.try_reserve_exact(needed)
        .map_err(|_| BadFrame::NoMemory(body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_whatever_the_pieces() {
        let framed = frame(b"{\"a\": 1}").unwrap_or_default();
        assert_eq!(&framed[..8], b"       8");
        for size in 1..=framed.len() {
            let mut reader = FrameReader::new(100);
            let mut pieces = framed.chunks(size).peekable();
            while let Some(piece) = pieces.next() {
                assert_eq!(reader.push(piece), Ok(pieces.peek().is_none()));
            }
            assert!(!reader.has_surplus());
            assert_eq!(reader.into_body(), b"{\"a\": 1}");
        }
    }

    #[test]
    fn what_stands_behind_the_frame_is_flagged_and_left_alone() {
        let mut reader = FrameReader::new(100);
        assert_eq!(reader.push(b"       2{}HTTP/1.1"), Ok(true));
        assert!(reader.has_surplus());
        assert_eq!(reader.into_body(), b"{}");
    }

    #[test]
    fn a_header_that_is_none_is_refused_at_its_first_wrong_byte() {
        for (bytes, why) in [
            (&b"H"[..], "H"),
            (b"SSH-2.0-", "SSH-2.0-"),
            (b"        ", "        "),
            (b"  \t  167", "  \\t  167"),
            (b"   0x167", "   0x167"),
            (b"     -1 ", "     -1 "),
        ] {
            let refused = FrameReader::new(100).push(bytes);
            assert_eq!(refused, Err(BadFrame::Header(why.into())), "{bytes:?}");
        }
        let alert = FrameReader::new(100).push(b"\x15\x03\x01\0\x02\x02\x46");
        assert_eq!(alert, Err(BadFrame::Tls));
        assert_eq!(
            FrameReader::new(100).push(b"       0"),
            Err(BadFrame::Empty)
        );
    }

    #[test]
    fn a_body_above_the_limit_is_refused_before_memory_is_taken() {
        let mut reader = FrameReader::new(16);
        let refused = reader.push(b"ffffffff");
        assert_eq!(
            refused,
            Err(BadFrame::TooLarge {
                length: 0xffff_ffff,
                limit: 16
            })
        );
        assert_eq!(reader.body.capacity(), 0);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(pieces: Vec<Vec<u8>>) {
            let mut reader = FrameReader::new(1 << 16);
            for piece in &pieces {
                if reader.push(piece).is_err() {
                    break;
                }
            }
            proptest::prop_assert!(reader.into_body().len() <= 1 << 16);
        }
    }
}
