//! ecFlow's wire format: JSON in frames of 8 hexadecimal digits, or in HTTP.
//!
//! Pure: bytes in, bytes out. Strings are bytes, not UTF-8, because ecFlow's are. A reply
//! counts only when the whole frame came and decodes to a class that is legal for the very
//! command that was sent; everything else is [`Undecodable`].
#![forbid(unsafe_code)]

mod answer;
mod decode;
mod frame;
mod http;
mod json;
mod request;

pub use answer::{Answer, AnswerClass, Handles, Stats, ZombieDecision, ZombieRecord};
pub use decode::{Undecodable, decode};
pub use frame::{BadFrame, FrameReader, frame};
pub use http::{HttpReader, HttpReply, HttpStatus, post};
pub use request::{Base, Field, Request, UserIdentity, UserOrigin, Value, encode};

#[cfg(test)]
mod depth_tests;
