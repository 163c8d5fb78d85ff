//! Replies: decoded once, into a type that says what the server answered.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use thiserror::Error;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Ok,
    /// The server is halted or shut down; task commands are to come again.
    Halted,
    /// The expression is false; the command is to come again.
    Wait,
    /// The task is taken for a zombie and is to block.
    Zombie,
    /// No, with the server's words.
    Error(Vec<u8>),
    /// A text.
    Text(Vec<u8>),
    /// The names of the suites.
    Suites(Vec<Vec<u8>>),
}

/// The replies as classes, to say which are legal for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyClass {
    /// [`Reply::Ok`].
    Ok,
    /// [`Reply::Halted`].
    Halted,
    /// [`Reply::Wait`].
    Wait,
    /// [`Reply::Zombie`].
    Zombie,
    /// [`Reply::Error`].
    Error,
    /// [`Reply::Text`].
    Text,
    /// [`Reply::Suites`].
    Suites,
}

impl Reply {
    /// The reply's class.
    #[must_use]
    pub fn class(&self) -> ReplyClass {
        match self {
            Self::Ok => ReplyClass::Ok,
            Self::Halted => ReplyClass::Halted,
            Self::Wait => ReplyClass::Wait,
            Self::Zombie => ReplyClass::Zombie,
            Self::Error(_) => ReplyClass::Error,
            Self::Text(_) => ReplyClass::Text,
            Self::Suites(_) => ReplyClass::Suites,
        }
    }
}

/// Why a body is no reply that this client understands.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Undecodable {
    /// Not JSON, or not ecFlow's.
    #[error("the reply is not ecFlow's JSON: {0}")]
    Json(String),
    /// A class that this client does not know.
    #[error(
        "the reply's class {0} is unknown to ecf_failover {version} (made for ecFlow 5.9.2 to 5.17.0)",
        version = env!("CARGO_PKG_VERSION")
    )]
    Class(String),
    /// A class that lacks a member.
    #[error("the reply's class {class} lacks its member {member}")]
    Member {
        /// The class.
        class: &'static str,
        /// The member.
        member: &'static str,
    },
    /// A number of a StcCmd that is not defined.
    #[error("the reply's StcCmd has the number {0}, which has no meaning")]
    Number(i64),
}

/// Decodes the body of a reply frame.
///
/// # Errors
/// [`Undecodable`] for everything that is not one whole reply of a known class.
pub fn decode(body: &[u8]) -> Result<Reply, Undecodable> {
    let document: Document =
        serde_json::from_slice(body).map_err(|why| Undecodable::Json(why.to_string()))?;
    let pointer = document.response.stc_cmd_;
    let class = pointer.polymorphic_name.0;
    if !is_new(pointer.polymorphic_id) || !is_new(pointer.ptr_wrapper.id) {
        return Err(Undecodable::Json(
            "a reply that is null or refers to another".into(),
        ));
    }
    pointer.ptr_wrapper.data.into_reply(&class)
}

/// Whether an id says "new, and what it stands for follows".
fn is_new(id: u32) -> bool {
    id & 0x8000_0000 != 0
}

#[derive(serde::Deserialize)]
struct Document {
    #[serde(rename = "22ServerToClientResponse")]
    response: Response,
}

#[derive(serde::Deserialize)]
struct Response {
    stc_cmd_: Pointer,
}

#[derive(serde::Deserialize)]
struct Pointer {
    polymorphic_id: u32,
    polymorphic_name: Bytes,
    ptr_wrapper: Wrapper,
}

#[derive(serde::Deserialize)]
struct Wrapper {
    id: u32,
    data: Data,
}

/// The members of all classes; which of them must be there depends on the class.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Data {
    api_: Option<i64>,
    error_msg_: Option<Bytes>,
    zombie_type_: Option<i64>,
    str_: Option<Bytes>,
    suites_: Option<Vec<Bytes>>,
}

impl Data {
    fn into_reply(self, class: &[u8]) -> Result<Reply, Undecodable> {
        match class {
            b"StcCmd" => match need(self.api_, "StcCmd", "api_")? {
                0 => Ok(Reply::Ok),
                1 => Ok(Reply::Halted),
                2 => Ok(Reply::Wait),
                number => Err(Undecodable::Number(number)),
            },
            b"ErrorCmd" => {
                need(self.error_msg_, "ErrorCmd", "error_msg_").map(|text| Reply::Error(text.0))
            }
            b"BlockClientZombieCmd" => {
                need(self.zombie_type_, "BlockClientZombieCmd", "zombie_type_")
                    .map(|_| Reply::Zombie)
            }
            b"SStringCmd" => need(self.str_, "SStringCmd", "str_").map(|text| Reply::Text(text.0)),
            b"SSuitesCmd" => need(self.suites_, "SSuitesCmd", "suites_")
                .map(|names| Reply::Suites(names.into_iter().map(|name| name.0).collect())),
            other => Err(Undecodable::Class(other.escape_ascii().to_string())),
        }
    }
}

fn need<T>(member: Option<T>, class: &'static str, name: &'static str) -> Result<T, Undecodable> {
    member.ok_or(Undecodable::Member {
        class,
        member: name,
    })
}

/// A JSON string as bytes: ecFlow does not promise UTF-8.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(class: &str, members: &str) -> Vec<u8> {
        format!(
            "{{\"22ServerToClientResponse\": {{\"stc_cmd_\": {{\"polymorphic_id\": 2147483649,\
             \"polymorphic_name\": \"{class}\", \"ptr_wrapper\": {{\"id\": 2147483649, \"data\": \
             {{\"cereal_class_version\": 0, \"value0\": {{}}{members}}}}}}}}}}}"
        )
        .into_bytes()
    }

    #[test]
    fn every_reply_is_decoded() {
        for (class, members, meant) in [
            ("StcCmd", ", \"api_\": 0", Reply::Ok),
            ("StcCmd", ", \"api_\": 1", Reply::Halted),
            ("StcCmd", ", \"api_\": 2, \"new_in_6_\": [{}]", Reply::Wait),
            (
                "BlockClientZombieCmd",
                ", \"zombie_type_\": 5",
                Reply::Zombie,
            ),
            (
                "ErrorCmd",
                ", \"error_msg_\": \"no\\n\\u00e9\"",
                Reply::Error("no\n\u{e9}".into()),
            ),
            ("SStringCmd", ", \"str_\": \"\"", Reply::Text(vec![])),
            (
                "SSuitesCmd",
                ", \"suites_\": [\"s1\", \"s2\"]",
                Reply::Suites(vec![b"s1".to_vec(), b"s2".to_vec()]),
            ),
        ] {
            assert_eq!(
                decode(&reply(class, members)),
                Ok(meant),
                "{class}{members}"
            );
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_come_back_as_they_are() {
        let mut body = reply("SStringCmd", ", \"str_\": \"caf?\"");
        let at = body.iter().position(|&b| b == b'?').unwrap_or(0);
        body[at] = 0xe9;
        assert_eq!(decode(&body), Ok(Reply::Text(b"caf\xe9".to_vec())));
    }

    #[test]
    fn what_is_not_a_whole_reply_is_never_taken_for_one() {
        let ok = String::from_utf8(reply("StcCmd", ", \"api_\": 0")).unwrap_or_default();
        for body in [
            String::new(),
            "OK".into(),
            "null".into(),
            "{}".into(),
            "[".repeat(100_000),
            ok.replace("22Server", "21Server"),
            ok.replace("StcCmd", "StcCmdX"),
            ok.replace("StcCmd", "MeterCmd"),
            ok.replace("api_", "api"),
            ok.replace("\"api_\": 0", "\"api_\": \"0\""),
            ok.replace("\"api_\": 0", "\"api_\": 0.0"),
            ok.replace("\"api_\": 0", "\"api_\": NaN"),
            ok.replace("\"api_\": 0", "\"api_\": null"),
            ok.replace("\"api_\": 0", "\"api_\": 0, \"api_\": 0"),
            ok.replace("\"api_\": 0", "\"api_\": 3"),
            ok.replace("\"api_\": 0", "\"api_\": 4"),
            ok.replace("\"api_\": 0", "\"api_\": -1"),
            ok.replace("2147483649", "1"),
            ok.replace("2147483649", "0"),
            format!("{ok}{ok}"),
            format!("\u{feff}{ok}"),
            ok[..ok.len() - 1].to_string(),
        ] {
            let start: String = body.chars().take(300).collect();
            assert!(decode(body.as_bytes()).is_err(), "{start}");
        }
    }

    #[test]
    fn an_unknown_class_is_told_with_both_versions() {
        let told = decode(&reply("NewCmd", "")).map_err(|why| why.to_string());
        let told = told.err().unwrap_or_default();
        assert!(told.contains("NewCmd") && told.contains("5.17.0"), "{told}");
        assert!(told.contains(env!("CARGO_PKG_VERSION")));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_decoder_fail(body: Vec<u8>) {
            proptest::prop_assert!(decode(&body).is_err());
        }
    }
}
