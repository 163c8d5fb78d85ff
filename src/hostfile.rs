//! The list of backups: one `host` or `host:port` a line.
//!
//! A bad line costs that line and nothing else: it is named, and the good lines stay in use.

use std::fmt;
use std::ops::ControlFlow;

use crate::model::{Endpoint, quoted};

/// No more than this is read of a hostfile.
pub const MAX_BYTES: usize = 1 << 20;
/// No more backups than this are taken from a hostfile.
pub const MAX_HOSTS: usize = 1_000;

/// What a hostfile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hostfile {
    /// The backups, in the order of the file.
    pub backups: Vec<Endpoint>,
    /// The lines that could not be used, or not wholly.
    pub bad_lines: Vec<BadHostfileLine>,
    /// The first line without a port, if there is one.
    pub without_port: Option<usize>,
}

/// A line of the hostfile that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadHostfileLine {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadHostfileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.why)
    }
}

impl Hostfile {
    /// Reads the text of a hostfile. `default_port` is taken where a line names none.
    ///
    /// Of a text longer than [`MAX_BYTES`] the last, incomplete line is left out.
    #[must_use]
    pub fn parse(text: &[u8], default_port: u16) -> Self {
        let mut read = Self::default();
        let (text, cut) = match text.len() {
            0..=MAX_BYTES => (text, false),
            _ => (whole_lines(&text[..MAX_BYTES]), true),
        };
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut number = 0;
        for line in text.split(|&b| b == b'\n') {
            number += 1;
            if read.take_line(number, line, default_port).is_break() {
                return read;
            }
        }
        if cut {
            read.complain(number, format!("only the first {MAX_BYTES} bytes are used"));
        }
        read
    }

    fn take_line(&mut self, number: usize, line: &[u8], default_port: u16) -> ControlFlow<()> {
        let content = line.split(|&b| b == b'#').next().unwrap_or_default();
        let mut words = content
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let Some(word) = words.next() else {
            return ControlFlow::Continue(());
        };
        if self.backups.len() == MAX_HOSTS {
            self.complain(number, format!("only the first {MAX_HOSTS} hosts are used"));
            return ControlFlow::Break(());
        }
        let (place, says_port) = match without_colon(word) {
            Some(place) => (place, true),
            None => (word, names_port(word)),
        };
        match Endpoint::parse(place, default_port) {
            Ok(endpoint) => {
                if !says_port {
                    self.without_port.get_or_insert(number);
                }
                self.backups.push(endpoint);
                if words.next().is_some() {
                    self.complain(
                        number,
                        "only the first word is used: write one host a line".into(),
                    );
                }
            }
            Err(why) => self.complain(number, format!("{}: {why}", quoted(word))),
        }
        ControlFlow::Continue(())
    }

    fn complain(&mut self, line: usize, why: String) {
        // A binary file taken for a hostfile has a bad line every few bytes.
        if self.bad_lines.len() < MAX_HOSTS {
            self.bad_lines.push(BadHostfileLine { line, why });
        }
    }
}

/// What stands before the colon of `host:` or `[v6]:`, which leaves the port to the default.
fn without_colon(word: &[u8]) -> Option<&[u8]> {
    let place = word.strip_suffix(b":")?;
    let is_whole = place.ends_with(b"]") || !place.contains(&b':');
    (is_whole && !place.is_empty()).then_some(place)
}

/// Whether a good entry has a port: its last colon is none of an address.
fn names_port(word: &[u8]) -> bool {
    match word.iter().filter(|&&b| b == b':').count() {
        0 => false,
        1 => true,
        _ => word.windows(2).any(|pair| pair == b"]:"),
    }
}

fn whole_lines(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&b| b == b'\n').unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backups(text: &[u8]) -> Vec<String> {
        let hostfile = Hostfile::parse(text, 3141);
        hostfile.backups.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn comments_blanks_tabs_crlf_bom_and_a_missing_last_newline_are_fine() {
        let text = b"\xef\xbb\xbf# backups of the suite\r\n\r\n\tb1 # first\r\n  b2:4000\t\r\n[::1]:5000\r\nfe80::2\r\n#b9\r\nb3#last";
        assert_eq!(
            backups(text),
            [
                "b1:3141",
                "b2:4000",
                "[::1]:5000",
                "[fe80::2]:3141",
                "b3:3141"
            ]
        );
        assert!(Hostfile::parse(text, 3141).bad_lines.is_empty());
    }

    #[test]
    fn a_bad_line_is_named_and_the_good_lines_stay() {
        let read = Hostfile::parse(b"b1\nb2:0\nb3:99999\n\xff\x00\nb4 b5\nb6", 1000);
        let shown: Vec<_> = read.backups.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["b1:1000", "b4:1000", "b6:1000"]);
        let lines: Vec<_> = read.bad_lines.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert_eq!(
            read.bad_lines[0].to_string(),
            "2: \"b2:0\": the port must be a whole number from 1 to 65535"
        );
        assert!(read.bad_lines[2].why.contains("\\xff\\x00"));
    }

    #[test]
    fn a_colon_without_a_port_means_the_default_one() {
        let read = Hostfile::parse(b"b1:\n[::1]:\nfe80::\n:\n::\n", 4000);
        let shown: Vec<_> = read.backups.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["b1:4000", "[::1]:4000", "[fe80::]:4000", "[::]:4000"]
        );
        let lines: Vec<_> = read.bad_lines.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [4], "nothing but a colon is no host");
    }

    #[test]
    fn the_first_line_without_a_port_is_known() {
        for (text, line) in [
            ("b1:1\nb2:\n[::1]:7\n[::1]:", None),
            ("b1:1\nb2\nb3", Some(2)),
            ("b1:1\n\n::1", Some(3)),
            ("[::1] # 7\nb1", Some(1)),
        ] {
            assert_eq!(
                Hostfile::parse(text.as_bytes(), 1).without_port,
                line,
                "{text}"
            );
        }
    }

    #[test]
    fn a_list_without_end_is_cut_at_a_thousand_hosts() {
        let read = Hostfile::parse("b\n".repeat(5_000).as_bytes(), 3141);
        assert_eq!(read.backups.len(), MAX_HOSTS);
        assert_eq!(read.bad_lines.len(), 1);
        let just_fits = Hostfile::parse("b\n".repeat(MAX_HOSTS).as_bytes(), 3141);
        assert!(just_fits.bad_lines.is_empty());
    }

    #[test]
    fn of_a_huge_file_the_whole_lines_of_the_first_mebibyte_are_used() {
        let mut text = b"b1\n".to_vec();
        text.extend(std::iter::repeat_n(b'#', MAX_BYTES - 7));
        text.extend(b"\nb2:31 415\nb3\n");
        let read = Hostfile::parse(&text, 3141);
        assert_eq!(read.backups.len(), 1);
        assert!(read.bad_lines[0].why.contains("1048576"));
        assert!(
            Hostfile::parse(&vec![0; 2 * MAX_BYTES], 1)
                .backups
                .is_empty()
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(text: Vec<u8>) {
            let read = Hostfile::parse(&text, 3141);
            proptest::prop_assert!(read.backups.iter().all(|b| b.port != 0));
        }
    }
}
