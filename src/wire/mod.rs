//! ecFlow's wire format: frames of 8 hexadecimal digits and JSON, requests out, replies in.
//!
//! Pure: bytes in, bytes out. Strings are bytes, not UTF-8, because ecFlow's are. A reply
//! counts only when the whole frame came and decodes to a class that is legal for the very
//! command that was sent; everything else is [`Undecodable`].
#![forbid(unsafe_code)]

mod frame;
mod json;
mod reply;
mod request;

pub use frame::{BadFrame, FrameReader, frame};
pub use reply::{Reply, ReplyClass, Undecodable, decode};
pub use request::{Base, Field, Value, encode};
