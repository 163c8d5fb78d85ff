//! Requests as the server's reader sees them: the order of members is free, but for those that
//! it finds by their place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value with its members in the order of the text.
enum Json {
    Scalar(String),
    List(Vec<Json>),
    Members(Vec<(String, Json)>),
}

/// A request, a line for each value in it: its place and the value, sorted.
pub(crate) fn lines(body: &[u8]) -> Vec<String> {
    // What is not UTF-8 is taken byte for byte, so that it can be compared all the same.
    let text = String::from_utf8(body.to_vec())
        .unwrap_or_else(|_| body.iter().map(|byte| char::from(*byte)).collect());
    let mut lines = Vec::new();
    match serde_json::from_str::<Json>(&text) {
        Ok(json) => json.write(String::new(), &mut lines),
        Err(why) => lines.push(format!("no JSON ({why}): {text}")),
    }
    lines.sort();
    lines
}

impl Json {
    fn write(self, place: String, lines: &mut Vec<String>) {
        match self {
            Self::Scalar(value) => lines.push(format!("{place} = {value}")),
            Self::List(values) => {
                lines.push(format!("{place} has {} elements", values.len()));
                for (index, value) in values.into_iter().enumerate() {
                    value.write(format!("{place}[{index}]"), lines);
                }
            }
            Self::Members(members) if members.is_empty() => lines.push(format!("{place} = {{}}")),
            Self::Members(members) => {
                let mut before = String::from("nothing");
                for (name, value) in members {
                    let place = match value.is_found_by_place(&name) {
                        true => format!("{place}.{name} (behind {before})"),
                        false => format!("{place}.{name}"),
                    };
                    value.write(place, lines);
                    before = name;
                }
            }
        }
    }

    /// Bases and optional members: whatever stands there is taken for them, or skipped.
    fn is_found_by_place(&self, name: &str) -> bool {
        match name {
            "pswd_" | "cu_" | "var_to_add_" | "var_to_del_" => true,
            // An event's; a meter's is an ordinary one.
            "value_" => matches!(self, Self::Scalar(value) if value == "false" || value == "true"),
            name => name.strip_prefix("value").is_some_and(|number| {
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Scalar("null".into()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Scalar(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Scalar(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Scalar(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Scalar(format!("{value:?}")))
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Scalar(format!("{value:?}")))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Json::List(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Json::Members(members))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[test]
fn members_may_stand_in_any_order_but_not_those_that_are_found_by_their_place() {
    let same = |a: &str, b: &str| lines(a.as_bytes()) == lines(b.as_bytes());
    assert!(same(r#"{"a": 1, "b": [2]}"#, "{\"b\":[2],\n\"a\":1}"));
    assert!(!same(r#"{"a": 1, "b": 2}"#, r#"{"a": 1, "b": "2"}"#));
    let event = r#"{"cereal_class_version": 0, "value0": {}, "name_": "e", "value_": false}"#;
    for other in [
        r#"{"cereal_class_version": 0, "name_": "e", "value_": false, "value0": {}}"#,
        r#"{"cereal_class_version": 0, "value0": {}, "value_": false, "name_": "e"}"#,
    ] {
        assert!(!same(event, other), "{other}");
    }
    let meter = r#"{"value0": {}, "name_": "m", "value_": 7}"#;
    assert!(same(meter, r#"{"value0": {}, "value_": 7, "name_": "m"}"#));
}
