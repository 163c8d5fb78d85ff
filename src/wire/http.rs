//! ecFlow over HTTP/1.1: a request is one POST with the JSON as its body, and so is the reply.
//!
//! Every connection serves one request. A reply that points elsewhere is not followed.

use super::frame::{BadFrame, check_room_for_decoding};
use crate::model::{Endpoint, Secret};

/// Where ecFlow's servers expect requests; they do not look at it, proxies may.
const PATH: &str = "/v1/ecflow";
/// The head of a reply may have so many bytes and lines.
const LARGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;
/// What is kept of a body that is no reply of ecFlow's; the message has less of it.
const EXCERPT: usize = 4_096;

/// A request: the head, then `body`. `authorization` is the value of the header of that name.
#[must_use]
pub fn post(endpoint: &Endpoint, authorization: Option<&Secret>, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {endpoint}\r\nUser-Agent: ecf_failover/{}\r\n\
         Content-Type: application/json\r\nAccept: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n",
        env!("CARGO_PKG_VERSION"),
        body.len()
    )
    .into_bytes();
    if let Some(authorization) = authorization {
        request.extend(b"Authorization: ");
        request.extend(authorization.reveal());
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    request.extend_from_slice(body);
    request
}

/// What the status of a reply means that brings no answer of ecFlow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpStatus {
    /// The answer is expected in the body.
    Success,
    /// The server, or who stands before it, will not take this request: final.
    Refused,
    /// No ecFlow server took the request: it was too early, too late, too much, or not the place.
    NotTaken,
    /// It points elsewhere, which is not followed.
    Redirect,
    /// Nothing is known of what became of the request.
    Unknown,
}

impl HttpStatus {
    /// What a status means.
    #[must_use]
    pub fn of(status: u16) -> Self {
        match status {
            200 => Self::Success,
            300..400 => Self::Redirect,
            400 | 401 | 403 | 413 | 422 => Self::Refused,
            404 | 405 | 408 | 421 | 425 | 429 => Self::NotTaken,
            _ => Self::Unknown,
        }
    }

    /// Whether ecFlow's own answer may stand in the body of a reply with this status.
    fn may_hold_answer(status: u16) -> bool {
        match Self::of(status) {
            Self::Success | Self::Unknown => true,
            // The path was not a proxy's to judge.
            Self::NotTaken => matches!(status, 404 | 405),
            Self::Refused | Self::Redirect => false,
        }
    }
}

/// A reply that came whole, as far as it is of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// The status, like 200.
    pub status: u16,
    /// `401 Unauthorized`, and the beginning of what the server says about it.
    pub words: Vec<u8>,
    /// The body of a reply with status 200, and of one that says that it is JSON and may be
    /// ecFlow's answer all the same.
    pub body: Vec<u8>,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    References(usize),
    Chunked,
    UntilEnd,
}

/// Where in the reply the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of the body are missing.
    Body(usize),
    /// The line before a chunk.
    ChunkSize,
    /// So many bytes of a chunk are missing, its own line end included.
    Chunk(usize),
    /// The body ends with the connection.
    UntilEnd,
    Complete,
}

/// Collects one reply from pieces of any size.
///
/// No memory is taken for more than `limit` bytes of body, nor for bytes that have not come.
#[derive(Debug)]
pub struct HttpReader {
    limit: u32,
    state: State,
    /// Bytes that cannot be understood before more come: the head, or a chunk's line.
    pending: Vec<u8>,
    /// The length of the interim replies that came before.
    heads_before: usize,
    received: usize,
    status: u16,
    words: Vec<u8>,
    body: Vec<u8>,
}

impl HttpReader {
    /// A reader that accepts bodies of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            state: State::Head,
            pending: Vec::new(),
            heads_before: 0,
            received: 0,
            status: 0,
            words: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Takes the next bytes; tells whether the reply is complete.
    ///
    /// # Errors
    /// What is wrong with them, as soon as it is sure that no valid reply can come.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, String> {
        self.received += bytes.len();
        let mut rest = bytes;
        while !rest.is_empty() && self.state != State::Complete {
            rest = match self.state {
                State::Head => self.head(rest)?,
                State::Body(missing) => {
                    let (taken, behind) = self.take(rest, missing)?;
                    self.state = State::Body(missing - taken);
                    behind
                }
                State::ChunkSize => self.chunk_size(rest)?,
                State::Chunk(missing) => self.chunk(rest, missing)?,
                State::UntilEnd => {
                    let behind = self.take(rest, usize::MAX)?.1;
                    self.bounded(0)?;
                    behind
                }
                State::Complete => rest,
            };
            if self.state == State::Body(0) {
                self.state = State::Complete;
            }
        }
        let is_complete = self.state == State::Complete;
        if is_complete {
            self.check_room()?;
        }
        Ok(is_complete)
    }

    /// Tells the reader that the connection was closed as it should be; whether that completes
    /// the reply.
    ///
    /// # Errors
    /// There is no memory to decode what came.
    pub fn end(&mut self) -> Result<bool, String> {
        if self.state == State::UntilEnd {
            self.state = State::Complete;
            self.check_room()?;
        }
        Ok(self.state == State::Complete || self.is_decided())
    }

    /// Whether it is sure what the reply means, though it is not complete: of another status
    /// than 200 the number says enough.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        !matches!(self.status, 0 | 200)
    }

    fn check_room(&self) -> Result<(), String> {
        if self.body.is_empty() {
            return Ok(());
        }
        check_room_for_decoding(&self.body).map_err(|why| why.to_string())
    }

    /// Whether not a byte has come.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.received == 0
    }

    /// How far the reply has come, for a person.
    #[must_use]
    pub fn progress(&self) -> String {
        match (self.received, self.state) {
            (0, _) => "no byte of the reply came".into(),
            (_, State::Head) => format!("{} bytes of the reply's head came", self.received),
            (_, State::Body(missing)) => {
                format!(
                    "{} of {} bytes came",
                    self.body.len(),
                    self.body.len() + missing
                )
            }
            _ => format!("{} bytes of the reply's body came", self.body.len()),
        }
    }

    /// The reply, when it is complete.
    #[must_use]
    pub fn into_reply(mut self) -> HttpReply {
        if self.status != 200 {
            self.words.extend(excerpt(&self.body));
        }
        // A part of an answer is none.
        if self.state != State::Complete {
            self.body = Vec::new();
        }
        HttpReply {
            status: self.status,
            words: self.words,
            body: self.body,
        }
    }

    /// The head, and what stands behind it.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], String> {
        let before = self.pending.len();
        self.pending.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut reply = httparse::Response::new(&mut headers);
        let size = match reply.parse(&self.pending) {
            Ok(httparse::Status::Complete(size)) if size <= LARGEST_HEAD => size,
            Ok(httparse::Status::Partial) if self.pending.len() <= LARGEST_HEAD => {
                return Ok(&[]);
            }
            Ok(_) => {
                return Err(format!(
                    "the reply's head has more than {LARGEST_HEAD} bytes"
                ));
            }
            Err(httparse::Error::TooManyHeaders) => {
                return Err(format!(
                    "the reply's head has more than {MOST_HEADERS} lines"
                ));
            }
            Err(why) => {
                let start = &self.pending[..self.pending.len().min(20)];
                let start = start.escape_ascii();
                return Err(format!(
                    "not an HTTP server: the reply begins with \"{start}\" ({why})"
                ));
            }
        };
        let behind = &bytes[size - before..];
        let status = reply.code.unwrap_or(0);
        if (100..200).contains(&status) && status != 101 {
            self.pending.clear();
            self.heads_before += size;
            if self.heads_before > LARGEST_HEAD {
                return Err(format!(
                    "more than {LARGEST_HEAD} bytes of interim replies ({status}) came before the reply"
                ));
            }
            return Ok(behind);
        }
        let reason = reply.reason.unwrap_or_default();
        self.status = status;
        self.words = format!("{status} {reason}").trim_end().as_bytes().to_vec();
        let may_be_answer = status == 200
            || (HttpStatus::may_hold_answer(status)
                && !has_no_body(status)
                && is_json(reply.headers));
        let body = length(reply.headers).and_then(|length| {
            Ok(match length {
                Length::References(length) => {
                    self.bounded(length)?;
                    State::Body(length)
                }
                Length::Chunked => State::ChunkSize,
                Length::UntilEnd => State::UntilEnd,
            })
        });
        self.state = match body {
            Err(why) if status == 200 => return Err(why),
            Ok(body) if may_be_answer => body,
            _ => {
                self.words.extend(excerpt(behind));
                self.state = State::Complete;
                return Ok(&[]);
            }
        };
        self.pending.clear();
        Ok(behind)
    }

    fn chunk_size<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], String> {
        const LONGEST_LINE: usize = 4 * 1024;
        let before = self.pending.len();
        self.pending.extend_from_slice(bytes);
        match httparse::parse_chunk_size(&self.pending) {
            Ok(httparse::Status::Complete((size, length))) => {
                self.pending.clear();
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                self.bounded(length)?;
                self.state = match length {
                    // What may follow the last chunk is of no interest.
                    0 => State::Complete,
                    length => State::Chunk(length.saturating_add(2)),
                };
                Ok(&bytes[size - before..])
            }
            Ok(httparse::Status::Partial) if self.pending.len() <= LONGEST_LINE => Ok(&[]),
            _ => Err("a chunk of the reply does not begin with its size".into()),
        }
    }

    fn chunk<'a>(&mut self, bytes: &'a [u8], missing: usize) -> Result<&'a [u8], String> {
        let (taken, behind) = match missing {
            3.. => self.take(bytes, missing - 2)?,
            _ => {
                let (end, behind) = bytes.split_at(missing.min(bytes.len()));
                if !b"\r\n"[2 - missing..].starts_with(end) {
                    return Err("a chunk of the reply is longer than it said".into());
                }
                (end.len(), behind)
            }
        };
        self.state = match missing - taken {
            0 => State::ChunkSize,
            missing => State::Chunk(missing),
        };
        Ok(behind)
    }

    /// Takes up to `most` bytes into the body.
    fn take<'a>(&mut self, bytes: &'a [u8], most: usize) -> Result<(usize, &'a [u8]), String> {
        let (taken, behind) = bytes.split_at(most.min(bytes.len()));
        self.body
            .try_reserve(taken.len())
            .map_err(|_| BadFrame::NoMemory(self.body.len() + taken.len()).to_string())?;
        self.body.extend_from_slice(taken);
        Ok((taken.len(), behind))
    }

    /// Whether `more` bytes of body are allowed.
    fn bounded(&self, more: usize) -> Result<(), String> {
        let length = (self.body.len() as u64).saturating_add(more as u64);
        let limit = u64::from(self.limit);
        if length > limit {
            Err(BadFrame::TooLarge { length, limit }.to_string())
        } else {
            Ok(())
        }
    }
}

fn excerpt(body: &[u8]) -> Vec<u8> {
    let body = body[..body.len().min(EXCERPT)].trim_ascii();
    let shown = body.iter().map(|byte| match byte {
        control if control.is_ascii_control() => b' ',
        byte => *byte,
    });
    if body.is_empty() {
        Vec::new()
    } else {
        b": ".iter().copied().chain(shown).collect()
    }
}

/// Whether a reply ends with its head, whatever that says of a body (RFC 9112, 6.3).
fn has_no_body(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

fn is_json(headers: &[httparse::Header<'_>]) -> bool {
    let mut types = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("content-type"));
    types.any(|header| {
        let value = header.value.to_ascii_lowercase();
        value.windows(4).any(|word| word == b"json")
    })
}

fn length(headers: &[httparse::Header<'_>]) -> Result<Length, String> {
    let mut found = Length::UntilEnd;
    for header in headers {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("content-encoding")
            && !value.eq_ignore_ascii_case(b"identity")
        {
            return Err(format!(
                "the reply's body is encoded ({}), which was not asked for",
                value.escape_ascii()
            ));
        }
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(format!(
                    "the reply's transfer encoding is unknown: {}",
                    value.escape_ascii()
                ));
            }
            found = Length::Chunked;
        }
        if header.name.eq_ignore_ascii_case("content-length") && found != Length::Chunked {
            let digits = std::str::from_utf8(value).ok();
            let length = digits
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok());
            match (length, found) {
                (Some(length), Length::UntilEnd) => found = Length::References(length),
                (Some(length), Length::References(other)) if length == other => {}
                _ => {
                    return Err(format!(
                        "the reply's Content-Length is no length: {}",
                        value.escape_ascii()
                    ));
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes the pieces; the reply, or what is wrong.
    fn read(text: &[u8], size: usize) -> Result<Option<HttpReply>, String> {
        let mut reader = HttpReader::new(100);
        for piece in text.chunks(size) {
            if reader.push(piece)? {
                return Ok(Some(reader.into_reply()));
            }
        }
        Ok(reader.end()?.then(|| reader.into_reply()))
    }

    #[test]
    fn a_reply_is_read_whatever_the_pieces_and_the_way_its_length_is_told() {
        for text in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\": 1}"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\nContent-Length: 8\r\n\r\n{\"a\": 1}HTTP/1.1",
            b"HTTP/1.0 200 OK\r\n\r\n{\"a\": 1}",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\": 1}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n5;x=y\r\n\": 1}\r\n0\r\nT: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n008\r\n{\"a\": 1}\r\n0\r\n\r\n",
        ] {
            for size in 1..=text.len() {
                let reply = read(text, size);
                let body = reply.map(|reply| reply.map(|reply| reply.body));
                assert_eq!(
                    body,
                    Ok(Some(b"{\"a\": 1}".to_vec())),
                    "{size} {}",
                    text.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn what_is_not_200_is_told_with_the_servers_words_and_never_followed() {
        let text = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\ngo away";
        let reply = read(text, text.len());
        let told = reply.map(|reply| reply.map(|reply| (reply.status, reply.words)));
        assert_eq!(told, Ok(Some((401, b"401 Unauthorized: go away".to_vec()))));
    }

    #[test]
    fn json_of_another_status_may_be_an_answer_but_for_what_is_final() {
        for (status, body) in [
            (500, &b"{}"[..]),
            (404, b"{}"),
            (429, b""),
            (401, b""),
            (302, b""),
        ] {
            let text = format!(
                "HTTP/1.1 {status} Why\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
            );
            let reply = read(text.as_bytes(), text.len());
            let reply = reply.map(|reply| reply.map(|reply| (reply.status, reply.body)));
            assert_eq!(reply, Ok(Some((status, body.to_vec()))));
        }
        for head in ["204 No Content", "404 Not Found\r\nContent-Encoding: gzip"] {
            let text = format!("HTTP/1.1 {head}\r\nContent-Type: application/json\r\n\r\n");
            let mut reader = HttpReader::new(100);
            assert_eq!(reader.push(text.as_bytes()), Ok(true), "{head}");
        }
        let cut =
            b"HTTP/1.1 502 Bad\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
        let mut reader = HttpReader::new(100);
        assert_eq!(reader.push(cut), Ok(false));
        assert!(reader.is_decided());
        assert_eq!(reader.end(), Ok(true));
        assert_eq!(reader.into_reply().body, b"");
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for (text, why) in [
            (&b"     167{"[..], "not an HTTP server"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 8x\r\n\r\n",
                "no length",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: -8\r\n\r\n",
                "no length",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Length: 9\r\n\r\n",
                "no length",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
                "limit of 100",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
                "encoded (gzip)",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                "unknown",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "its size",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
                "longer",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                "limit",
            ),
        ] {
            let told = read(text, text.len()).err().unwrap_or_default();
            assert!(told.contains(why), "{}: {told}", text.escape_ascii());
        }
        let endless = [b"HTTP/1.1 200 OK\r\nX: ", &[b'x'; 100_000][..]].concat();
        assert!(read(&endless, 1_000).is_err());
        let long = [b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 101][..]].concat();
        assert!(read(&long, 7).is_err());
    }

    #[test]
    fn a_reply_that_is_cut_is_not_complete() {
        for text in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"a\": 1"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"a\": 1}\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"",
        ] {
            assert_eq!(read(text, 1000), Ok(None), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_request_is_one_post_with_its_length() {
        let endpoint = Endpoint::parse(b"[::1]:80", 1);
        let secret = Secret::from(&b"Bearer x"[..]);
        let text = endpoint.map(|endpoint| post(&endpoint, Some(&secret), b"{}"));
        let text = text.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(
            text.starts_with("POST /v1/ecflow HTTP/1.1\r\nHost: [::1]:80\r\n"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "\r\nContent-Length: 2\r\nConnection: close\r\nAuthorization: Bearer x\r\n\r\n{}"
            ),
            "{text}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(pieces: Vec<Vec<u8>>) {
            let mut reader = HttpReader::new(1 << 16);
            let _ = reader.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in &pieces {
                if reader.push(piece).is_err() {
                    break;
                }
            }
            proptest::prop_assert!(reader.into_reply().body.len() <= 1 << 16);
        }
    }
}
