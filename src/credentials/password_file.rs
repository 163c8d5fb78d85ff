//! The password file of ECF_PASSWD and ECF_CUSTOM_PASSWD: which user has which password on
//! which server.
//!
//! ```text
//! 5.0.0                       # the version, at least 4.5.0
//! fred  server1  3141  sesame
//! ```

use std::fmt;

use thiserror::Error;

use crate::model::Secret;

/// The oldest version of the format.
const OLDEST: [u32; 3] = [4, 5, 0];

/// What a password file says.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordFile {
    rows: Vec<Row>,
}

#[derive(Clone, PartialEq, Eq)]
struct Row {
    user: Vec<u8>,
    host: Vec<u8>,
    port: u16,
    password: Secret,
}

/// The line that makes a password file useless. It tells no word of the line, because a
/// password may stand in any column by mistake.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {why}")]
pub struct BadPasswordFile {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it and what would be right.
    pub why: String,
}

impl PasswordFile {
    /// Reads the text of a password file: a version, then rows of user, host, port and
    /// password, separated by white space. Words are bytes in any encoding.
    ///
    /// A `#` starts a comment wherever it stands, inside a word too, so no password can
    /// contain one: `sesame#1` is the password `sesame`. ecFlow's client reads it so (seen
    /// with 5.9.2), and the server has the same file.
    ///
    /// # Errors
    /// The first line that cannot be used, or the last one of a text without a version.
    pub fn parse(text: &[u8]) -> Result<Self, BadPasswordFile> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut lines = (1..)
            .zip(text.split(|&byte| byte == b'\n'))
            .map(|(line, content)| (line, words(content)))
            .filter(|(_, words)| !words.is_empty());
        match lines.next() {
            Some((line, words)) => check_version(words[0]).map_err(bad(line))?,
            None => {
                let last = text.split(|&byte| byte == b'\n').count();
                return Err(bad(last)(
                    "no version; write one, such as 5.0.0, as first line",
                ));
            }
        }
        let rows = lines.map(|(line, words)| Row::parse(&words).map_err(bad(line)));
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
        })
    }

    /// The password of `user` on the server at `host` and `port`, `host` written as it is used
    /// to reach the server; where no row has it, the same with `own_host`, the name of the
    /// client's own machine. The first row that fits counts.
    #[must_use]
    pub fn password(&self, user: &[u8], host: &str, port: u16, own_host: &[u8]) -> Option<&Secret> {
        let on = |host: &[u8]| {
            let fits = |row: &&Row| row.user == user && row.host == host && row.port == port;
            self.rows.iter().find(fits).map(|row| &row.password)
        };
        on(host.as_bytes()).or_else(|| on(own_host))
    }

    /// All passwords of `user`, whatever the server.
    pub fn passwords_of(&self, user: &[u8]) -> impl Iterator<Item = &Secret> {
        let rows = self.rows.iter().filter(move |row| row.user == user);
        rows.map(|row| &row.password)
    }
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordFile({} rows)", self.rows.len())
    }
}

impl Row {
    fn parse(words: &[&[u8]]) -> Result<Self, &'static str> {
        let &[user, host, port, password] = words else {
            return Err(
                "not user, host, port and password: four words, without blanks or # in one",
            );
        };
        Ok(Self {
            user: user.to_vec(),
            host: host.to_vec(),
            port: number(port)
                .filter(|&port| port != 0)
                .ok_or("the third word is not a port: a whole number from 1 to 65535")?,
            password: Secret::from(password),
        })
    }
}

fn bad(line: usize) -> impl Fn(&'static str) -> BadPasswordFile {
    move |why| BadPasswordFile {
        line,
        why: why.into(),
    }
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    let content = line.split(|&byte| byte == b'#').next().unwrap_or_default();
    content
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect()
}

fn check_version(word: &[u8]) -> Result<(), &'static str> {
    let numbers: Option<Vec<u32>> = word.split(|&byte| byte == b'.').map(number).collect();
    match numbers {
        Some(version) if version.len() == 3 && version[..] >= OLDEST[..][..] => Ok(()),
        Some(version) if version.len() == 3 => Err("the version must be 4.5.0 or later"),
        _ => Err("not a version; write one, such as 5.0.0, above the rows"),
    }
}

fn number<N: std::str::FromStr>(word: &[u8]) -> Option<N> {
    let digits = std::str::from_utf8(word).ok()?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &[u8], user: &[u8], host: &str, port: u16) -> Option<Vec<u8>> {
        let file = PasswordFile::parse(text).ok()?;
        let password = file.password(user, host, port, b"own");
        password.map(|secret| secret.reveal().to_vec())
    }

    fn complaint(text: &[u8]) -> String {
        match PasswordFile::parse(text) {
            Ok(file) => format!("{file:?}"),
            Err(bad) => bad.to_string(),
        }
    }

    #[test]
    fn comments_blanks_tabs_crlf_bom_and_a_missing_last_newline_are_fine() {
        let text = b"\xef\xbb\xbf# passwords\r\n\r\n \t5.0.0 # version\r\n  # more\r\n\
            fred\ts1  3141\tone # first\r\n\tfred s2 3141 two#second\r\nj\xfcrg s1 3141 dr\xfc#";
        assert_eq!(found(text, b"fred", "s1", 3141), Some(b"one".to_vec()));
        assert_eq!(found(text, b"fred", "s2", 3141), Some(b"two".to_vec()));
        assert_eq!(
            found(text, b"j\xfcrg", "s1", 3141),
            Some(b"dr\xfc".to_vec())
        );
    }

    #[test]
    fn user_host_and_port_must_all_be_equal_and_the_first_row_counts() {
        let text = b"4.5.0\nfred s1 3141 one\nfred s1 3142 two\nfred s1 3141 three\n";
        assert_eq!(found(text, b"fred", "s1", 3141), Some(b"one".to_vec()));
        assert_eq!(found(text, b"fred", "s1", 3142), Some(b"two".to_vec()));
        assert_eq!(found(text, b"Fred", "s1", 3141), None);
        assert_eq!(found(text, b"fred", "S1", 3141), None);
        assert_eq!(found(text, b"fred", "s1", 3143), None);
    }

    #[test]
    fn a_server_without_row_has_the_row_of_the_clients_own_machine() {
        let text = b"5.17.0\nfred own 3141 own\nfred s1 3141 one\n";
        assert_eq!(found(text, b"fred", "s1", 3141), Some(b"one".to_vec()));
        assert_eq!(
            found(text, b"fred", "localhost", 3141),
            Some(b"own".to_vec())
        );
        assert_eq!(found(text, b"fred", "localhost", 3142), None);
    }

    #[test]
    fn a_text_must_begin_with_a_version_of_at_least_4_5_0() {
        for text in ["5.0.0", "4.5.0\n", "4.10.0", "10.0.0\n\n"] {
            assert_eq!(complaint(text.as_bytes()), "PasswordFile(0 rows)", "{text}");
        }
        assert_eq!(
            complaint(b"4.4.99"),
            "line 1: the version must be 4.5.0 or later"
        );
        for text in [
            "5.0",
            "5.0.0.0",
            "5.0.x",
            "5..0",
            "+5.0.0",
            "99999999999.0.0",
            "a b 1 c",
        ] {
            let why = "line 2: not a version; write one, such as 5.0.0, above the rows";
            assert_eq!(complaint(format!("\n{text}").as_bytes()), why, "{text}");
        }
        for (text, line) in [("", 1), ("# nothing", 1), ("#\n\n#", 3)] {
            let why = format!("line {line}: no version; write one, such as 5.0.0, as first line");
            assert_eq!(complaint(text.as_bytes()), why);
        }
    }

    #[test]
    fn a_row_that_is_not_four_words_with_a_port_is_named() {
        for row in ["fred", "fred s1 3141", "fred s1 3141 #one"] {
            let said = complaint(format!("5.0.0\n\n{row}\n").as_bytes());
            assert!(said.starts_with("line 3: not user, host, port and password"));
        }
        for port in ["0", "65536", "-1", "+3141", "x", "\u{663}"] {
            let said = complaint(format!("5.0.0\nfred s1 {port} one").as_bytes());
            assert!(said.starts_with("line 2: the third word is not a port"));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(text: Vec<u8>) {
            let _ = PasswordFile::parse(&text);
            let _ = PasswordFile::parse(&[b"5.0.0\n", &text[..]].concat());
        }

        #[test]
        fn no_word_of_a_row_is_ever_told(words in proptest::collection::vec("[A-Z]{3,9}", 1..7)) {
            for above in ["", "5.0.0\n", "5.0.0\nF H 1 "] {
                let text = format!("{above}{}", words.join(" "));
                let said = format!("{:?}", PasswordFile::parse(text.as_bytes()));
                proptest::prop_assert!(words.iter().all(|word| !said.contains(word)));
            }
        }
    }
}
