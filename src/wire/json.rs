//! JSON as ecFlow writes it: a member a line, strings of bytes.
//!
//! serde_json cannot write strings that are not UTF-8; ecFlow's may be anything.

/// Writes one JSON document.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: Vec<u8>,
    /// Whether the innermost object or array is still empty.
    is_first: bool,
}

impl Writer {
    /// A document that is an object.
    pub(super) fn object(fill: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        writer.nest(b'{', b'}', fill);
        writer.text
    }

    pub(super) fn member_object(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.nest(b'{', b'}', fill);
    }

    pub(super) fn member_array(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.nest(b'[', b']', fill);
    }

    pub(super) fn member_text(&mut self, key: &str, text: &[u8]) {
        self.key(key);
        self.string(text);
    }

    pub(super) fn member_number(&mut self, key: &str, number: i64) {
        self.key(key);
        self.text.extend(number.to_string().as_bytes());
    }

    pub(super) fn member_flag(&mut self, key: &str, flag: bool) {
        self.key(key);
        self.text.extend(if flag { &b"true"[..] } else { b"false" });
    }

    pub(super) fn element_object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.nest(b'{', b'}', fill);
    }

    pub(super) fn element_text(&mut self, text: &[u8]) {
        self.separate();
        self.string(text);
    }

    fn nest(&mut self, open: u8, close: u8, fill: impl FnOnce(&mut Self)) {
        self.text.push(open);
        self.is_first = true;
        fill(self);
        if !self.is_first {
            self.text.push(b'\n');
        }
        self.text.push(close);
        self.is_first = false;
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.string(key.as_bytes());
        self.text.extend(b": ");
    }

    fn separate(&mut self) {
        let between: &[u8] = if self.is_first { b"\n" } else { b",\n" };
        self.text.extend(between);
        self.is_first = false;
    }

    fn string(&mut self, bytes: &[u8]) {
        self.text.push(b'"');
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|&byte| is_escaped(byte)) {
            self.text.extend_from_slice(&rest[..at]);
            self.escape(rest[at]);
            rest = &rest[at + 1..];
        }
        self.text.extend_from_slice(rest);
        self.text.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.text.extend(b"\\\""),
            b'\\' => self.text.extend(b"\\\\"),
            0x08 => self.text.extend(b"\\b"),
            0x0c => self.text.extend(b"\\f"),
            b'\n' => self.text.extend(b"\\n"),
            b'\r' => self.text.extend(b"\\r"),
            b'\t' => self.text.extend(b"\\t"),
            other => self.text.extend(format!("\\u{other:04X}").as_bytes()),
        }
    }
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_byte_for_byte_with_ecflows_escapes() {
        let text = Writer::object(|w| w.member_text("k", b"\"\\/\x08\x0c\n\r\t\x01\x1f\x7f\xe9"));
        assert_eq!(
            text,
            b"{\n\"k\": \"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\x7f\xe9\"\n}"
        );
    }

    #[test]
    fn empty_objects_and_arrays_stay_on_one_line() {
        let text = Writer::object(|w| {
            w.member_array("a", |_| {});
            w.member_object("o", |_| {});
            w.member_array("t", |w| {
                w.element_text(b"x");
                w.element_text(b"y");
            });
        });
        assert_eq!(
            text,
            b"{\n\"a\": [],\n\"o\": {},\n\"t\": [\n\"x\",\n\"y\"\n]\n}"
        );
    }
}
