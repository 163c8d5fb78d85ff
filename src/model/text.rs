//! What people and peers wrote, as messages quote it.

/// A quoted word is cut here, so that a message stays a line.
const LONGEST: usize = 80;

/// `"the word"`: odd bytes escaped, a long word cut.
#[must_use]
pub fn quoted(word: &[u8]) -> String {
    let start = &word[..word.len().min(LONGEST)];
    let dots = if word.len() > LONGEST { "..." } else { "" };
    format!("\"{}{dots}\"", start.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_one_short_line_of_ascii() {
        assert_eq!(quoted(b"a\n\xff\""), "\"a\\n\\xff\\\"\"");
        let long = quoted(&[b'x'; 1_000]);
        assert!(long.len() < 100 && long.ends_with("...\""));
    }
}
