//! The file of HTTP tokens (ECF_AUTHTOKENS): which Authorization header goes to which server.
//!
//! ```text
//! {"version": 1, "tokens": [
//!   {"type": "bearer", "server": "https://s[12]:443", "api": {"key": "sesame"}},
//!   {"type": "basic", "server": "http://.*", "api": {"username": "fred", "password": "x"}}]}
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;
use thiserror::Error;

use crate::model::Secret;

/// What a token file says.
#[derive(Clone, Debug)]
pub struct TokenFile {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug)]
struct Token {
    server: Regex,
    authorization: Secret,
    /// It, and the parts of it, that must not be told.
    secrets: Vec<Secret>,
}

/// Why a token file is useless. It tells no value of the file, only where to look.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadTokenFile {
    /// The text is not JSON.
    #[error("line {line}, column {column}: not JSON")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes.
        column: usize,
    },
    /// A member of the JSON is missing or cannot be used.
    #[error("{place}: {why}")]
    Member {
        /// The member, such as `tokens[2].server`; the first token is `tokens[0]`.
        place: String,
        /// What is wrong and what would be right.
        why: String,
    },
}

impl TokenFile {
    /// Reads the text of a token file. Members that mean nothing here are passed over.
    ///
    /// # Errors
    /// The first thing in it that cannot be used.
    pub fn parse(text: &[u8]) -> Result<Self, BadTokenFile> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if depth(text) > DEEPEST {
            return Err(bad("file", "has more levels than a token file has"));
        }
        let file: Value = serde_json::from_slice(text).map_err(|error| BadTokenFile::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
        if file["version"].as_u64() != Some(1) {
            return Err(bad("version", "must be there and be the number 1"));
        }
        let Some(tokens) = file["tokens"].as_array() else {
            return Err(bad("tokens", "must be there and be an array"));
        };
        let tokens = tokens.iter().enumerate();
        let read = tokens.map(|(index, value)| Token::read(value, &format!("tokens[{index}]")));
        Ok(Self {
            tokens: read.collect::<Result<_, _>>()?,
        })
    }

    /// The value of the Authorization header for a server: that of the first token whose
    /// regular expression fits the whole of `url`, which is `http://host:port` or
    /// `https://host:port`.
    #[must_use]
    pub fn authorization(&self, url: &str) -> Option<Secret> {
        let mut tokens = self.tokens.iter();
        let token = tokens.find(|token| token.server.is_match(url))?;
        Some(token.authorization.clone())
    }

    /// Everything in the file that must not be told.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.tokens.iter().flat_map(|token| &token.secrets)
    }
}

impl Token {
    fn read(value: &Value, place: &str) -> Result<Self, BadTokenFile> {
        let kind = text(value, place, &["type"])?;
        let server = text(value, place, &["server"])?;
        let (authorization, mut secrets) = match kind {
            "bearer" => bearer(value, place)?,
            "basic" => basic(value, place)?,
            _ => {
                let place = format!("{place}.type");
                return Err(bad(&place, "must be \"bearer\" or \"basic\""));
            }
        };
        Ok(Self {
            server: whole(server).map_err(|why| {
                let why = format!("not a regular expression that can be used: {why}");
                bad(&format!("{place}.server"), &why)
            })?,
            authorization: {
                let whole = Secret::from(authorization.as_bytes());
                secrets.insert(0, whole.clone());
                whole
            },
            secrets,
        })
    }
}

/// A token file has four levels, and the name of a server few: each takes some of the stack.
const DEEPEST: usize = 16;

/// How deep the brackets of a JSON text go.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    let mut is_text = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if is_text => {
                bytes.next();
            }
            b'[' | b'{' if !is_text => depth += 1,
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The header's value, and the secrets in it.
type Header = (String, Vec<Secret>);

fn bearer(value: &Value, place: &str) -> Result<Header, BadTokenFile> {
    let key = printable(value, place, &["api", "key"])?;
    if key.trim().is_empty() {
        return Err(bad(&format!("{place}.api.key"), "must not be empty"));
    }
    Ok((format!("Bearer {key}"), vec![Secret::from(key.as_bytes())]))
}

fn basic(value: &Value, place: &str) -> Result<Header, BadTokenFile> {
    let user = printable(value, place, &["api", "username"])?;
    let password = printable(value, place, &["api", "password"])?;
    if user.contains(':') {
        let why = "must not contain a colon: the password would begin there";
        return Err(bad(&format!("{place}.api.username"), why));
    }
    let clear = format!("{user}:{password}");
    let both = STANDARD.encode(&clear);
    let secrets = [both.as_str(), &clear, password].map(|text| Secret::from(text.as_bytes()));
    Ok((format!("Basic {both}"), secrets.to_vec()))
}

/// The member at `path`, without the line ends that would begin another header.
fn printable<'v>(value: &'v Value, place: &str, path: &[&str]) -> Result<&'v str, BadTokenFile> {
    let found = text(value, place, path)?;
    if found.chars().any(char::is_control) {
        let place = format!("{place}.{}", path.join("."));
        return Err(bad(
            &place,
            "must not contain line ends or other control characters",
        ));
    }
    Ok(found)
}

fn text<'v>(value: &'v Value, place: &str, path: &[&str]) -> Result<&'v str, BadTokenFile> {
    let found = path.iter().try_fold(value, |at, name| at.get(name));
    found.and_then(Value::as_str).ok_or_else(|| {
        let place = format!("{place}.{}", path.join("."));
        bad(&place, "must be there and be a string")
    })
}

fn whole(expression: &str) -> Result<Regex, regex_lite::Error> {
    // By itself first: `a)|(b` would become valid, and no longer whole, by what is put around.
    let build = |expression: &str| {
        let mut builder = RegexBuilder::new(expression);
        builder.nest_limit(DEEPEST as u32).build()
    };
    build(expression)?;
    build(&format!(r"\A(?:{expression})\z"))
}

fn bad(place: &str, why: &str) -> BadTokenFile {
    BadTokenFile::Member {
        place: place.into(),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header(tokens: &Value, url: &str) -> Option<String> {
        let text = json!({"version": 1, "tokens": tokens}).to_string();
        let secret = TokenFile::parse(text.as_bytes()).ok()?.authorization(url)?;
        Some(secret.reveal().escape_ascii().to_string())
    }

    fn complaint(text: &str) -> String {
        match TokenFile::parse(text.as_bytes()) {
            Ok(file) => format!("{file:?}"),
            Err(bad) => bad.to_string(),
        }
    }

    fn complaint_about(token: Value) -> String {
        let good = bearer_for(".*");
        complaint(&json!({"version": 1, "tokens": [good, token]}).to_string())
    }

    fn bearer_for(server: &str) -> Value {
        json!({"type": "bearer", "server": server, "api": {"key": "SESAME", "url": 0}, "more": []})
    }

    #[test]
    fn every_form_of_a_token_is_a_secret() {
        let text = br#"{"version":1,"tokens":[
            {"type":"bearer","server":".*","api":{"key":"sesame"}},
            {"type":"basic","server":".*","api":{"username":"fred","password":"open"}}]}"#;
        let file = TokenFile::parse(text);
        let told: Vec<_> = file
            .iter()
            .flat_map(TokenFile::secrets)
            .map(|secret| String::from_utf8_lossy(secret.reveal()).into_owned())
            .collect();
        let wanted = [
            "Bearer sesame",
            "sesame",
            "Basic ZnJlZDpvcGVu",
            "ZnJlZDpvcGVu",
        ];
        assert_eq!(told[..4], wanted);
        assert_eq!(told[4..], ["fred:open", "open"]);
    }

    #[test]
    fn the_first_token_that_fits_the_whole_url_gives_the_header() {
        let user = json!({"username": "fred", "password": "p\u{e4}:x"});
        let tokens = json!([
            bearer_for("http://s"),
            {"type": "basic", "server": "https?://s[12]:.*", "api": user},
            bearer_for(".*"),
        ]);
        let basic = Some("Basic ZnJlZDpww6Q6eA==".to_owned());
        assert_eq!(header(&tokens, "https://s1:3141"), basic);
        assert_eq!(header(&tokens, "http://s"), Some("Bearer SESAME".into()));
        assert_eq!(header(&tokens, "http://s3:1"), Some("Bearer SESAME".into()));
    }

    #[test]
    fn a_part_of_the_url_is_not_enough() {
        for (server, fits) in [
            (r"http:\/\/s1:3141", true),
            ("http://s1:314|http://s1:3141", true),
            ("^http://s1:[0-9]{4}$", true),
            ("http://s1:314", false),
            ("ttp://s1:3141", false),
            ("http://s1|3141", false),
            ("(?m)http://s1:3141$", true),
            ("", false),
            ("HTTP://S1:3141", false),
        ] {
            let found = header(&json!([bearer_for(server)]), "http://s1:3141");
            assert_eq!(found.is_some(), fits, "{server}");
        }
        let lines = header(&json!([bearer_for("(?m)^http://s1:1$")]), "x\nhttp://s1:1");
        assert_eq!(lines, None);
    }

    #[test]
    fn a_text_that_is_not_json_is_named_by_its_place() {
        assert_eq!(complaint(""), "line 1, column 0: not JSON");
        assert_eq!(
            complaint("{\n \"version\": SESAME}"),
            "line 2, column 13: not JSON"
        );
        assert!(TokenFile::parse(b"\xef\xbb\xbf{\"version\":1,\"tokens\":[]}\r\n").is_ok());
    }

    #[test]
    fn the_version_must_be_1_and_the_tokens_a_list() {
        for text in ["[]", "1", "{}", r#"{"version":2}"#, r#"{"version":"1"}"#] {
            assert!(complaint(text).starts_with("version: must be"), "{text}");
        }
        for text in [r#"{"version":1}"#, r#"{"version":1,"tokens":{}}"#] {
            assert_eq!(complaint(text), "tokens: must be there and be an array");
        }
    }

    #[test]
    fn a_token_that_cannot_be_used_is_named_without_its_secrets() {
        let basic = |api: Value| json!({"type": "basic", "server": "s", "api": api});
        let bearer = |key: Value| json!({"type": "bearer", "server": "s", "api": {"key": key}});
        for (token, place) in [
            (json!("SESAME"), "type: "),
            (json!({"type": "SESAME", "server": "s"}), "type: "),
            (
                json!({"type": "bearer", "api": {"key": "SESAME"}}),
                "server: ",
            ),
            (bearer_for("(SESAME"), "server: not a regular expression"),
            (bearer_for("a)|(b"), "server: not a regular expression"),
            (bearer_for("(?=a)"), "server: not a regular expression"),
            (
                bearer_for("((a{900}){900}){900}"),
                "server: not a regular expression",
            ),
            (
                json!({"type": "bearer", "server": "s", "api": "SESAME"}),
                "api.key: ",
            ),
            (bearer(json!(["SESAME"])), "api.key: "),
            (
                bearer(json!("SESAME\r\nX: y")),
                "api.key: must not contain line ends",
            ),
            (
                bearer(json!("SESAME\u{0}")),
                "api.key: must not contain line ends",
            ),
            (bearer(json!(" ")), "api.key: must not be empty"),
            (basic(json!({"username": "SESAME"})), "api.password: "),
            (basic(json!({"password": "SESAME"})), "api.username: "),
            (
                basic(json!({"username": "SESAME:", "password": "x"})),
                "api.username: ",
            ),
        ] {
            let said = complaint_about(token);
            assert!(said.starts_with(&format!("tokens[1].{place}")), "{said}");
            assert!(!said.contains("SESAME"), "{said}");
        }
        assert!(!complaint_about(bearer_for("s")).contains("SESAME"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(text: Vec<u8>) {
            let _ = TokenFile::parse(&text);
        }

        #[test]
        fn no_expression_makes_the_reader_fail(server: String, url: String) {
            let _ = header(&json!([bearer_for(&server)]), &url);
        }
    }

    #[test]
    fn a_deep_file_or_expression_is_read_on_a_small_stack() {
        let deep = || {
            for piece in ["[", "{\"tokens\": ", "[{\"a\": "] {
                assert!(TokenFile::parse(piece.repeat(100_000).as_bytes()).is_err());
            }
            for (open, close) in [
                ("(", ")"),
                ("(?:", ")"),
                ("[[:a:]", ""),
                ("a{1,9}", ""),
                ("a*", ""),
                ("", "*"),
                ("", "{1,2}"),
                ("a|", ""),
                ("", "?"),
            ] {
                let expression = format!("{}x{}", open.repeat(50_000), close.repeat(50_000));
                let text = format!(
                    "{{\"version\": 1, \"tokens\": [{{\"type\": \"bearer\", \"server\": \
                     \"{expression}\", \"api\": {{\"key\": \"k\"}}}}]}}"
                );
                TokenFile::parse(text.as_bytes()).ok();
            }
        };
        let thread = std::thread::Builder::new().stack_size(96 << 10).spawn(deep);
        assert!(matches!(
            thread.map(std::thread::JoinHandle::join),
            Ok(Ok(()))
        ));
    }
}
