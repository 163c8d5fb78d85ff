//! Replies decoded once, into a type that says what the server answered.
//!
//! Liberal as ecFlow's own reader is: members in any order, unknown ones ignored. Strict where
//! it matters: a reply is of a known class, has all members of it, and is no reference to
//! something that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use thiserror::Error;

use crate::model::Secret;

use super::answer::{Answer, Handles, Stats, ZombieDecision, ZombieRecord};

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

/// Decodes the body of a reply.
///
/// # Errors
/// [`Undecodable`] for everything that is not one whole reply of a known class.
pub fn decode(body: &[u8]) -> Result<Answer, Undecodable> {
    let document: Document =
        serde_json::from_slice(body).map_err(|why| Undecodable::Json(why.to_string()))?;
    let reply = References::default().read(document.response.stc_cmd_)?;
    reply.ok_or_else(|| Undecodable::Json("a reply that refers to another".into()))
}

/// Set in the number of a class name or of an object: "new, and what it stands for follows".
const NEW: u32 = 0x8000_0000;

/// The names and objects that a document has had so far; later ones may refer to them.
#[derive(Default)]
struct References {
    classes: BTreeMap<u32, Vec<u8>>,
    objects: BTreeSet<u32>,
}

impl References {
    /// The reply, or `None` where it is one that came before: it tells nothing new.
    fn read<C: Child>(&mut self, pointer: Pointer<C>) -> Result<Option<Answer>, Undecodable> {
        let strange = || Undecodable::Json("a reply that is null or refers to nothing".into());
        let class = match (pointer.polymorphic_id & NEW, pointer.polymorphic_name) {
            (0, None) => self.classes.get(&pointer.polymorphic_id).cloned(),
            (0, Some(_)) => None,
            (_, name) => name.map(|name| name.0),
        };
        let class = class.ok_or_else(strange)?;
        self.classes
            .insert(pointer.polymorphic_id & !NEW, class.clone());
        let id = pointer.ptr_wrapper.id;
        match (id & NEW, pointer.ptr_wrapper.data) {
            (0, None) if self.objects.contains(&id) => Ok(None),
            (0, None) => Err(strange()),
            (0, Some(_)) | (_, None) => Err(strange()),
            (_, Some(data)) => {
                let reply = self.reply(*data, &class)?;
                self.objects.insert(id & !NEW);
                Ok(Some(reply))
            }
        }
    }

    fn reply<C: Child>(&mut self, data: Data<C>, class: &[u8]) -> Result<Answer, Undecodable> {
        match class {
            b"StcCmd" => match need(data.api_, "StcCmd", "api_")? {
                0 => Ok(Answer::Ok),
                1 => Ok(Answer::Halted),
                2 => Ok(Answer::Wait),
                3 => Ok(Answer::Cleared),
                number => Err(Undecodable::Number(number)),
            },
            b"ErrorCmd" => {
                need(data.error_msg_, "ErrorCmd", "error_msg_").map(|t| Answer::Error(t.0))
            }
            b"BlockClientZombieCmd" => {
                need(data.zombie_type_, "BlockClientZombieCmd", "zombie_type_")
                    .map(|_| Answer::Zombie)
            }
            b"SStringCmd" => need(data.str_, "SStringCmd", "str_").map(|text| Answer::Text(text.0)),
            b"SStringVecCmd" => {
                need(data.vec_, "SStringVecCmd", "vec_").map(|texts| Answer::Texts(plain(texts)))
            }
            b"SSuitesCmd" => need(data.suites_, "SSuitesCmd", "suites_")
                .map(|names| Answer::Suites(plain(names))),
            b"SNodeCmd" => need(data.the_node_str_, "SNodeCmd", "the_node_str_")
                .map(|text| Answer::Node(text.0)),
            b"DefsCmd" => need(data.value1, "DefsCmd", "value1").map(|t| Answer::Definition(t.0)),
            b"SNewsCmd" => need(data.news_, "SNewsCmd", "news_").map(Answer::News),
            b"SSyncCmd" => {
                let is_full = need(data.full_defs_, "SSyncCmd", "full_defs_")?;
                let of_handle = need(data.server_defs_, "SSyncCmd", "server_defs_")?.0;
                let of_all = need(data.value1, "SSyncCmd", "value1")?.0;
                need(
                    data.incremental_changes_,
                    "SSyncCmd",
                    "incremental_changes_",
                )?;
                Ok(Answer::Sync(match (of_handle.is_empty(), is_full) {
                    (false, _) => Some(of_handle),
                    (true, true) => Some(of_all),
                    (true, false) => None,
                }))
            }
            b"SStatsCmd" => need(data.stats_, "SStatsCmd", "stats_").map(|s| Answer::Stats(s.0)),
            b"SServerLoadCmd" => need(data.log_file_path_, "SServerLoadCmd", "log_file_path_")
                .map(|path| Answer::LogPath(path.0)),
            b"SClientHandleCmd" => {
                need(data.handle_, "SClientHandleCmd", "handle_").map(Answer::Handle)
            }
            b"SClientHandleSuitesCmd" => {
                let users = need(data.users_, "SClientHandleSuitesCmd", "users_")?;
                let suites = need(
                    data.client_handles_,
                    "SClientHandleSuitesCmd",
                    "client_handles_",
                )?;
                Ok(Answer::Handles(Handles {
                    users: users.into_iter().map(|u| (u.first.0, u.second)).collect(),
                    suites: suites
                        .into_iter()
                        .map(|h| (h.first, plain(h.second)))
                        .collect(),
                }))
            }
            b"ZombieGetCmd" => need(data.zombies_, "ZombieGetCmd", "zombies_")
                .map(|zombies| Answer::Zombies(zombies.into_iter().map(Into::into).collect())),
            b"GroupSTCCmd" => {
                let children = need(data.cmdVec_, "GroupSTCCmd", "cmdVec_")?;
                let replies = children.into_iter().map(|child| child.read(self));
                let new = replies.filter_map(Result::transpose);
                Ok(Answer::Group(new.collect::<Result<_, _>>()?))
            }
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

fn plain(texts: Vec<Bytes>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.0).collect()
}

#[derive(serde::Deserialize)]
struct Document {
    #[serde(rename = "22ServerToClientResponse")]
    response: Response,
}

#[derive(serde::Deserialize)]
struct Response {
    stc_cmd_: Pointer<Pointer<InnerGroup>>,
}

/// A reply; `C` is what a group holds. Groups do not nest, and as types that do not nest
/// either no depth of a server's JSON is a depth of this reader's stack.
#[derive(serde::Deserialize)]
struct Pointer<C> {
    polymorphic_id: u32,
    polymorphic_name: Option<Bytes>,
    ptr_wrapper: Wrapper<C>,
}

#[derive(serde::Deserialize)]
struct Wrapper<C> {
    id: u32,
    data: Option<Box<Data<C>>>,
}

/// What stands in a group.
trait Child: Sized {
    fn read(self, known: &mut References) -> Result<Option<Answer>, Undecodable>;
}

impl Child for Pointer<InnerGroup> {
    fn read(self, known: &mut References) -> Result<Option<Answer>, Undecodable> {
        known.read(self)
    }
}

/// What stands in a group that stands in a group: no client can ask for it.
#[derive(serde::Deserialize)]
struct InnerGroup(IgnoredAny);

impl Child for InnerGroup {
    fn read(self, _: &mut References) -> Result<Option<Answer>, Undecodable> {
        Err(Undecodable::Json("a group in a group".into()))
    }
}

/// The members of all classes; which of them must be there depends on the class.
#[expect(non_snake_case, reason = "ecFlow's name of the member")]
#[derive(serde::Deserialize)]
struct Data<C> {
    api_: Option<i64>,
    error_msg_: Option<Bytes>,
    zombie_type_: Option<i64>,
    str_: Option<Bytes>,
    vec_: Option<Vec<Bytes>>,
    suites_: Option<Vec<Bytes>>,
    the_node_str_: Option<Bytes>,
    value1: Option<Bytes>,
    news_: Option<i64>,
    full_defs_: Option<bool>,
    server_defs_: Option<Bytes>,
    incremental_changes_: Option<IgnoredAny>,
    stats_: Option<StatsMembers>,
    log_file_path_: Option<Bytes>,
    handle_: Option<i64>,
    users_: Option<Vec<Pair<Bytes, i64>>>,
    client_handles_: Option<Vec<Pair<i64, Bytes>>>,
    zombies_: Option<Vec<ZombieMembers>>,
    cmdVec_: Option<Vec<C>>,
}

#[derive(serde::Deserialize)]
struct Pair<K, V> {
    first: K,
    second: Vec<V>,
}

#[derive(serde::Deserialize)]
struct ZombieMembers {
    user_action_: i64,
    try_no_: i64,
    duration_: i64,
    calls_: i64,
    zombie_type_: i64,
    last_child_cmd_: i64,
    path_to_task_: Bytes,
    jobs_password_: Bytes,
    process_or_remote_id_: Bytes,
    user_cmd_: Bytes,
    host_: Bytes,
    attr_: ZombieAttribute,
    user_action_set_: bool,
}

#[derive(serde::Deserialize)]
struct ZombieAttribute {
    action_: i64,
}

impl From<ZombieMembers> for ZombieRecord {
    fn from(zombie: ZombieMembers) -> Self {
        let (decision, action) = if zombie.user_action_set_ {
            (ZombieDecision::Manual, zombie.user_action_)
        } else {
            (ZombieDecision::Automatic, zombie.attr_.action_)
        };
        Self {
            path: zombie.path_to_task_.0,
            kind: zombie.zombie_type_,
            age_s: zombie.duration_,
            password: Secret::from(&zombie.jobs_password_.0[..]),
            remote_id: zombie.process_or_remote_id_.0,
            try_number: zombie.try_no_,
            action,
            decision,
            last_command: zombie.last_child_cmd_,
            calls: zombie.calls_,
            user_command: zombie.user_cmd_.0,
            host: zombie.host_.0,
        }
    }
}

/// `value0`, `value1`, ...: numbers and texts; anything else, and what is added later, is left.
struct StatsMembers(Box<Stats>);

impl<'de> Deserialize<'de> for StatsMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatsVisitor;
        impl<'de> Visitor<'de> for StatsVisitor {
            type Value = StatsMembers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the statistics of a server")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StatsMembers, A::Error> {
                let mut stats = Stats::default();
                while let Some(key) = map.next_key::<Bytes>()? {
                    match place(&key.0) {
                        Some(place) if TEXT_PLACES.contains(&place) => {
                            stats.texts.insert(place, map.next_value::<Bytes>()?.0);
                        }
                        Some(place) if place <= LAST_PLACE => {
                            stats.numbers.insert(place, map.next_value()?);
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(StatsMembers(Box::new(stats)))
            }
        }
        deserializer.deserialize_map(StatsVisitor)
    }
}

/// The places of [`Stats`] that are texts.
const TEXT_PLACES: &[usize] = &[1, 2, 3, 4, 5, 11, 12, 13, 14, 15];
/// The last place that ecFlow 5.9.2 has; 5.17.0 adds one, which is no number.
const LAST_PLACE: usize = 81;

fn place(key: &[u8]) -> Option<usize> {
    let digits = key.strip_prefix(b"value")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
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
            // The name of a member, when it is read as one.
            fn visit_str<E>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes(text.as_bytes().to_vec()))
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
            ("StcCmd", ", \"api_\": 0", Answer::Ok),
            ("StcCmd", ", \"api_\": 1", Answer::Halted),
            ("StcCmd", ", \"api_\": 2, \"new_in_6_\": [{}]", Answer::Wait),
            (
                "BlockClientZombieCmd",
                ", \"zombie_type_\": 5",
                Answer::Zombie,
            ),
            (
                "ErrorCmd",
                ", \"error_msg_\": \"no\\n\\u00e9\"",
                Answer::Error("no\n\u{e9}".into()),
            ),
            ("SStringCmd", ", \"str_\": \"\"", Answer::Text(vec![])),
            (
                "SSuitesCmd",
                ", \"suites_\": [\"s1\", \"s2\"]",
                Answer::Suites(vec![b"s1".to_vec(), b"s2".to_vec()]),
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
        assert_eq!(decode(&body), Ok(Answer::Text(b"caf\xe9".to_vec())));
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
            ok.replace("\"api_\": 0", "\"api_\": 5"),
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
    fn references_in_a_group_cost_nothing_and_tell_nothing() {
        let text = "\"polymorphic_id\": 2147483650, \"polymorphic_name\": \"SStringCmd\", \
                    \"ptr_wrapper\": {\"id\": 2147483650, \"data\": {\"str_\": \"x\"}}";
        let again = "{\"polymorphic_id\": 2, \"ptr_wrapper\": {\"id\": 2}}";
        let many = vec![again; 10_000].join(",");
        let group = |children: &str| reply("GroupSTCCmd", &format!(", \"cmdVec_\": [{children}]"));
        let told = decode(&group(&format!("{{{text}}},{many}")));
        assert_eq!(told, Ok(Answer::Group(vec![Answer::Text(b"x".to_vec())])));
        assert!(decode(&group(again)).is_err(), "a reference to nothing");
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
