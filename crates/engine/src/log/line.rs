use std::io::Write;
use std::time::Duration;

use super::escape::{self, word_byte};
use super::extras::{ExtraValue, Extras, OMITTED};
use super::timestamp::Timestamp;
use super::{LEAST_VALUE_BYTES, Level, Shape};

/// The field that on a terminal is many lines.
const BACKTRACE: &str = "backtrace";

/// One line of named fields in the making. Whatever it is given stays on one line and cannot pose as
/// another field.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    bytes: &'a mut Vec<u8>,
    shape: Shape,
    /// Bytes of a value that are shown.
    value_max: usize,
    /// A backtrace, which on a terminal stands below the line.
    backtrace: Vec<u8>,
    has_fields: bool,
}

/// What every line begins with, behind the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub level: Level,
    pub source: &'a str,
    pub message: &'a str,
}

impl<'a> Line<'a> {
    /// Begins with the time, the level and the message.
    pub(super) fn begin(
        bytes: &'a mut Vec<u8>,
        shape: Shape,
        value_max: usize,
        stamp: &Timestamp,
        head: Head<'_>,
    ) -> Self {
        let (now, level) = (stamp.rfc3339(), head.level.name());
        let parts = match shape {
            Shape::Json => ["{\"ts\":\"", now, "\",\"level\":\"", level, "\""],
            Shape::Text => ["ts=", now, " level=", level, ""],
            Shape::Terminal(terminal) => {
                terminal.begin(bytes, stamp, head, value_max);
                return Self::behind(bytes, shape, value_max);
            }
        };
        parts.iter().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
        let mut line = Self::behind(bytes, shape, value_max);
        line.text("source", head.source.as_bytes());
        line.text("message", head.message.as_bytes());
        line
    }

    /// More fields for a line that is begun.
    pub(super) fn behind(bytes: &'a mut Vec<u8>, shape: Shape, value_max: usize) -> Self {
        Self { bytes, shape, value_max, backtrace: Vec::new(), has_fields: false }
    }

    /// A text from anywhere.
    pub fn text(&mut self, name: &str, value: &[u8]) {
        if let Shape::Terminal(_) = self.shape
            && name == BACKTRACE
        {
            let (value, more) = escape::shown(value, self.value_max);
            self.backtrace = [value, more].concat();
            return;
        }
        self.name(name.as_bytes());
        self.text_value(value);
    }

    /// A number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name.as_bytes());
        number(self.bytes, value);
    }

    /// A time in milliseconds with three decimals.
    pub fn milliseconds(&mut self, name: &str, value: Duration) {
        self.name(name.as_bytes());
        milliseconds(self.bytes, value);
    }

    /// What the application adds; nothing of it where the line has hardly room for the rest.
    pub fn extras(&mut self, extras: &Extras) {
        if self.value_max <= LEAST_VALUE_BYTES {
            return self.number(OMITTED, extras.omitted() + extras.iter().count() as u64);
        }
        for (name, value) in extras.iter() {
            self.name(name);
            match value {
                ExtraValue::Text(text) => self.text_value(text),
                ExtraValue::Nothing => self.bytes.extend_from_slice(b"null"),
                scalar => scalar_value(self.bytes, scalar),
            }
        }
        if extras.omitted() > 0 {
            self.number(OMITTED, extras.omitted());
        }
    }

    pub(super) fn end(self) {
        match self.shape {
            Shape::Json => self.bytes.extend_from_slice(b"}\n"),
            Shape::Text => self.bytes.push(b'\n'),
            Shape::Terminal(terminal) => {
                if self.has_fields {
                    terminal.end_fields(self.bytes);
                }
                self.bytes.push(b'\n');
                terminal.backtrace(self.bytes, &self.backtrace);
            }
        }
    }

    fn name(&mut self, name: &[u8]) {
        if let Shape::Terminal(terminal) = self.shape
            && !self.has_fields
        {
            self.has_fields = true;
            terminal.begin_fields(self.bytes);
        }
        let (before, behind): (&[u8], &[u8]) = match self.shape {
            Shape::Json => (b",\"", b"\":"),
            Shape::Text | Shape::Terminal(_) => (b" ", b"="),
        };
        self.bytes.extend_from_slice(before);
        self.bytes.extend(name.iter().copied().map(word_byte));
        self.bytes.extend_from_slice(behind);
    }

    fn text_value(&mut self, value: &[u8]) {
        let (value, more) = escape::shown(value, self.value_max);
        match self.shape {
            Shape::Json => {
                self.bytes.push(b'"');
                escape::json(self.bytes, value);
                self.bytes.extend_from_slice(more);
                self.bytes.push(b'"');
            }
            Shape::Text => escape::text(self.bytes, value, more),
            Shape::Terminal(_) => escape::readable_value(self.bytes, value, more),
        }
    }
}

pub(super) fn number(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

pub(super) fn milliseconds(bytes: &mut Vec<u8>, value: Duration) {
    let microseconds = value.as_micros() as u64;
    let mut digits = itoa::Buffer::new();
    bytes.extend_from_slice(digits.format(microseconds / 1000).as_bytes());
    let fraction = digits.format(1000 + microseconds % 1000).as_bytes();
    bytes.push(b'.');
    bytes.extend_from_slice(&fraction[1..]);
}

/// A value that needs no escapes; nothing for the others.
pub(super) fn scalar_value(bytes: &mut Vec<u8>, value: ExtraValue<'_>) {
    match value {
        ExtraValue::Flag(true) => bytes.extend_from_slice(b"true"),
        ExtraValue::Flag(false) => bytes.extend_from_slice(b"false"),
        ExtraValue::Integer(value) => {
            bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        // Debug shows numbers far from 1 with an exponent, as JSON does.
        ExtraValue::Float(value) => drop(write!(bytes, "{value:?}")),
        ExtraValue::Nothing | ExtraValue::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const VALUE_BYTES: usize = 400;

    fn line(shape: Shape, fill: impl FnOnce(&mut Line<'_>)) -> String {
        let mut bytes = Vec::new();
        let mut stamp = Timestamp::default();
        stamp.set(SystemTime::UNIX_EPOCH);
        let head = Head { level: Level::Info, source: "test", message: "it is" };
        let mut line = Line::begin(&mut bytes, shape, VALUE_BYTES, &stamp, head);
        fill(&mut line);
        line.end();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn b5_nothing_from_the_wire_forges_a_json_line() {
        let text = line(Shape::Json, |line| {
            line.text("path", b"/\"}\r\n{\"level\":\"error\x1b[31m\xff");
            line.number("status", 200);
            line.milliseconds("duration_ms", Duration::from_micros(1234));
        });
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["path"], "/\"}\r\n{\"level\":\"error\u{1b}[31m\u{fffd}");
        assert_eq!(value["duration_ms"], 1.234);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn b5_nothing_from_the_wire_forges_a_text_line() {
        let text = line(Shape::Text, |line| {
            line.text("path", b"/ status=500 \"\r\n\x1b[31m");
            line.text("query", b"");
            line.text("method", b"GET");
            line.text("a name=\n", b"x");
        });
        let fields = "path=\"/ status=500 \\\"\\r\\n\\x1b[31m\" query=\"\" method=GET a_name__=x";
        let head = "ts=1970-01-01T00:00:00.000Z level=info source=test message=\"it is\"";
        assert_eq!(text, format!("{head} {fields}\n"));
    }

    #[test]
    fn extras_keep_their_types() {
        let mut extras = Extras::default();
        extras.push(b"nothing", ExtraValue::Nothing);
        extras.push(b"flag", ExtraValue::Flag(false));
        extras.push(b"integer", ExtraValue::Integer(i64::MIN));
        extras.push(b"float", ExtraValue::Float(1e300));
        extras.push(b"text", ExtraValue::Text("Zoë".as_bytes()));
        extras.push(b"status", ExtraValue::Integer(999));
        let text = line(Shape::Json, |line| line.extras(&extras));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "ts": "1970-01-01T00:00:00.000Z", "level": "info", "source": "test",
                "message": "it is", "nothing": null, "flag": false,
                "integer": i64::MIN, "float": 1e300, "text": "Zoë", "log_extras_dropped": 1
            })
        );
        let text = line(Shape::Text, |line| line.extras(&extras));
        assert!(text.ends_with(
            " nothing=null flag=false integer=-9223372036854775808 float=1e300 \
             text=\"Zo\\xc3\\xab\" log_extras_dropped=1\n"
        ));
    }

    #[test]
    fn a_long_value_is_cut_in_both_shapes() {
        let long = vec![b'x'; VALUE_BYTES + 1];
        assert!(line(Shape::Text, |line| line.text("a", &long)).ends_with("xx...\n"));
        assert!(line(Shape::Json, |line| line.text("a", &long)).ends_with("xx...\"}\n"));
    }
}
