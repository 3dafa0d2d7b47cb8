//! How bytes from anywhere become a part of one line: neither the line nor the field they stand in can
//! be left by them, and a terminal that shows them obeys nothing in them.

use std::io::Write;

/// What shows that a value was cut.
pub(super) const CUT: &[u8] = b"...";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What of a value is shown where that is at most `max` bytes, and what follows it.
pub(super) fn shown(value: &[u8], max: usize) -> (&[u8], &'static [u8]) {
    if value.len() <= max { (value, b"") } else { (&value[..max], CUT) }
}

/// What stands between the quotes of a JSON string (RFC 8259, section 7). What is not UTF-8 becomes
/// U+FFFD; what ends a line somewhere or turns the direction of text is written as a number.
pub(super) fn json(line: &mut Vec<u8>, value: &[u8]) {
    if value.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        line.extend_from_slice(value);
        return;
    }
    for chunk in value.utf8_chunks() {
        chunk.valid().chars().for_each(|char| json_char(line, char));
        if !chunk.invalid().is_empty() {
            line.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn json_char(line: &mut Vec<u8>, char: char) {
    match char {
        '"' => line.extend_from_slice(b"\\\""),
        '\\' => line.extend_from_slice(b"\\\\"),
        _ => visible_char(line, char),
    }
}

/// Text for people, who know a quote when they see one: only what ends a line, moves a terminal or turns
/// the direction of text is written otherwise.
pub(super) fn readable(line: &mut Vec<u8>, value: &[u8]) {
    for chunk in value.utf8_chunks() {
        chunk.valid().chars().for_each(|char| visible_char(line, char));
        if !chunk.invalid().is_empty() {
            line.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// The same of a `name=value` pair: in quotes where it could be misread.
pub(super) fn readable_value(line: &mut Vec<u8>, value: &[u8], more: &[u8]) {
    if is_plain(value) {
        line.extend_from_slice(value);
        line.extend_from_slice(more);
        return;
    }
    line.push(b'"');
    json(line, value);
    line.extend_from_slice(more);
    line.push(b'"');
}

fn visible_char(line: &mut Vec<u8>, char: char) {
    match char {
        '\n' => line.extend_from_slice(b"\\n"),
        '\r' => line.extend_from_slice(b"\\r"),
        '\t' => line.extend_from_slice(b"\\t"),
        _ if char.is_control() || is_separator_or_direction(char) => {
            let _ = write!(line, "\\u{:04x}", u32::from(char));
        }
        _ => line.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn is_separator_or_direction(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value of a `name=value` pair: as it is, or in quotes where it could be misread.
pub(super) fn text(line: &mut Vec<u8>, value: &[u8], more: &[u8]) {
    if is_plain(value) {
        line.extend_from_slice(value);
        line.extend_from_slice(more);
        return;
    }
    line.push(b'"');
    for byte in value {
        match byte {
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            b' '..=b'~' => line.push(*byte),
            _ => hex(line, *byte),
        }
    }
    line.extend_from_slice(more);
    line.push(b'"');
}

fn is_plain(value: &[u8]) -> bool {
    !value.is_empty()
        && value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'='))
}

/// Bytes that a value may not bring into its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unwanted(u128);

impl Unwanted {
    /// What is unwanted everywhere: the quote and the backslash, beside all that is not printable ASCII.
    pub const ALWAYS: Self = Self(1 << b'"' | 1 << b'\\');

    /// These and one more.
    pub fn and(self, byte: u8) -> Self {
        if byte.is_ascii() { Self(self.0 | 1 << byte) } else { self }
    }

    fn contains(self, byte: u8) -> bool {
        !matches!(byte, b' '..=b'~') || self.0 & (1 << byte) != 0
    }
}

/// A value in which each unwanted byte is written as `\xHH`.
pub(super) fn pattern(line: &mut Vec<u8>, value: &[u8], unwanted: Unwanted) {
    for byte in value {
        if unwanted.contains(*byte) {
            hex(line, *byte);
        } else {
            line.push(*byte);
        }
    }
}

fn hex(line: &mut Vec<u8>, byte: u8) {
    let digit = |four: u8| HEX[usize::from(four)];
    line.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
}

/// The byte that stands for `byte` in the name of a field, so that names need no quotes.
pub(super) fn word_byte(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@') {
        byte
    } else {
        b'_'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escape: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = Vec::new();
        escape(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn b5_json_shows_letters_and_numbers_what_moves_a_terminal() {
        let json = |value: &[u8]| escaped(|line| json(line, value));
        assert_eq!(json("Größe 中\u{1f600}".as_bytes()), "Größe 中\u{1f600}");
        assert_eq!(json(b"\"\\\t\r\n\x1b\x7f"), "\\\"\\\\\\t\\r\\n\\u001b\\u007f");
        assert_eq!(json("\u{9b}\u{2028}\u{202e}".as_bytes()), "\\u009b\\u2028\\u202e");
        assert_eq!(json(b"a\xff\xc3"), "a\u{fffd}\u{fffd}");
    }

    #[test]
    fn b5_text_is_quoted_where_it_could_be_misread() {
        let text = |value: &[u8]| escaped(|line| text(line, value, b""));
        assert_eq!(text(b"/a?b"), "/a?b");
        assert_eq!(text(b""), "\"\"");
        assert_eq!(text(b"a=b"), "\"a=b\"");
        assert_eq!(text(b"it's \"\x1b\xc3\n"), "\"it's \\\"\\x1b\\xc3\\n\"");
    }

    #[test]
    fn b5_a_pattern_keeps_a_value_in_its_place() {
        let unwanted = Unwanted::ALWAYS.and(b']').and(b' ').and(0xff);
        let value = b"a] \"b\\\x00\x1b\xff~";
        let shown = escaped(|line| pattern(line, value, unwanted));
        assert_eq!(shown, "a\\x5d\\x20\\x22b\\x5c\\x00\\x1b\\xff~");
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(shown(b"xxx", 2), (&b"xx"[..], CUT));
        assert_eq!(shown(b"xx", 2), (&b"xx"[..], &b""[..]));
    }
}
