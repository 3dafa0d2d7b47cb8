use std::io::Write;
use std::time::Duration;

use super::escape::{self, Unwanted};
use super::line::{Head, Line, number};
use super::timestamp::Timestamp;
use super::{Level, Shape};
use crate::log::access::Access;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";

/// What stands between the frames of a backtrace, wherever it comes from.
const BETWEEN_FRAMES: [&[u8]; 2] = [b"\n", b" | "];

/// Lines for people who look at them as they come: the time of day, what happened, and dimmed behind it
/// what else is known. A response is its request, its status and how long it took. A backtrace is a block
/// of indented lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terminal {
    /// Whether ANSI colours are used.
    pub color: bool,
    /// The clock of the reader, in seconds east of Greenwich.
    pub utc_offset_s: i32,
}

impl Terminal {
    /// Writes the line of a response with its end, of each value at most `value_max` bytes.
    pub(crate) fn render(
        self,
        access: &Access<'_>,
        bytes: &mut Vec<u8>,
        stamp: &Timestamp,
        value_max: usize,
    ) {
        self.time(bytes, stamp);
        word(bytes, access.line.method, value_max);
        bytes.push(b' ');
        word(bytes, access.line.path, value_max);
        if !access.line.query.is_empty() {
            bytes.push(b'?');
            word(bytes, access.line.query, value_max);
        }
        bytes.push(b' ');
        let status = access.status;
        self.paint(bytes, colour_of_status(status), |bytes| number(bytes, status.into()));
        bytes.push(b' ');
        self.paint(bytes, DIM, |bytes| duration(bytes, access.duration));
        let mut line = Line::behind(bytes, Shape::Terminal(self), value_max);
        access.remarks(&mut line);
        line.end();
    }

    /// All up to the message.
    pub(super) fn begin(
        self,
        bytes: &mut Vec<u8>,
        stamp: &Timestamp,
        head: Head<'_>,
        value_max: usize,
    ) {
        self.time(bytes, stamp);
        let (colour, level) = (colour_of_level(head.level), head.level.name());
        self.paint(bytes, colour, |bytes| drop(write!(bytes, "{level:5}")));
        bytes.push(b' ');
        let (message, more) = escape::shown(head.message.as_bytes(), value_max);
        escape::readable(bytes, message);
        bytes.extend_from_slice(more);
    }

    pub(super) fn begin_fields(self, bytes: &mut Vec<u8>) {
        self.switch(bytes, DIM);
    }

    pub(super) fn end_fields(self, bytes: &mut Vec<u8>) {
        self.switch(bytes, RESET);
    }

    /// A line for each frame.
    pub(super) fn backtrace(self, bytes: &mut Vec<u8>, frames: &[u8]) {
        let mut rest = frames;
        while !rest.is_empty() {
            let (at, length) = next_separator(rest).unwrap_or((rest.len(), 0));
            bytes.extend_from_slice(b"    ");
            self.paint(bytes, DIM, |bytes| escape::readable(bytes, &rest[..at]));
            bytes.push(b'\n');
            rest = &rest[at + length..];
        }
    }

    fn time(self, bytes: &mut Vec<u8>, stamp: &Timestamp) {
        let time = stamp.time_of_day(self.utc_offset_s);
        self.paint(bytes, DIM, |bytes| bytes.extend_from_slice(time.as_bytes()));
        bytes.push(b' ');
    }

    fn paint(self, bytes: &mut Vec<u8>, colour: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.switch(bytes, colour);
        write(bytes);
        self.switch(bytes, RESET);
    }

    fn switch(self, bytes: &mut Vec<u8>, colour: &str) {
        if self.color {
            bytes.extend_from_slice(colour.as_bytes());
        }
    }
}

/// Where the first separator is, and its length.
fn next_separator(frames: &[u8]) -> Option<(usize, usize)> {
    let find = |separator: &[u8]| {
        let at = frames.windows(separator.len()).position(|window| window == separator)?;
        Some((at, separator.len()))
    };
    BETWEEN_FRAMES.into_iter().filter_map(find).min()
}

/// A part of a request line, without blanks.
fn word(bytes: &mut Vec<u8>, value: &[u8], value_max: usize) {
    if value.is_empty() {
        return bytes.push(b'-');
    }
    let (value, more) = escape::shown(value, value_max);
    escape::pattern(bytes, value, Unwanted::ALWAYS.and(b' '));
    bytes.extend_from_slice(more);
}

/// In milliseconds with one decimal.
fn duration(bytes: &mut Vec<u8>, value: Duration) {
    let tenths = value.as_micros() / 100;
    let _ = write!(bytes, "{}.{} ms", tenths / 10, tenths % 10);
}

fn colour_of_status(status: u16) -> &'static str {
    match status {
        500.. => RED,
        400.. => YELLOW,
        300.. => CYAN,
        200.. => GREEN,
        _ => DIM,
    }
}

fn colour_of_level(level: Level) -> &'static str {
    match level {
        Level::Debug => DIM,
        Level::Info => GREEN,
        Level::Warn => YELLOW,
        Level::Error => RED,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::log::access::RequestLine;
    use crate::log::{ExtraValue, Extras};

    const PLAIN: Terminal = Terminal { color: false, utc_offset_s: 3600 };
    const COLOURED: Terminal = Terminal { color: true, utc_offset_s: 0 };

    fn epoch() -> Timestamp {
        let mut stamp = Timestamp::default();
        stamp.set(SystemTime::UNIX_EPOCH);
        stamp
    }

    fn line(terminal: Terminal, message: &str, fill: impl FnOnce(&mut Line<'_>)) -> String {
        let mut bytes = Vec::new();
        let head = Head { level: Level::Error, source: "app", message };
        let mut line = Line::begin(&mut bytes, Shape::Terminal(terminal), 60, &epoch(), head);
        fill(&mut line);
        line.end();
        String::from_utf8(bytes).unwrap()
    }

    fn access(
        terminal: Terminal,
        received: &[u8],
        status: u16,
        change: fn(&mut Access<'_>),
    ) -> String {
        let mut access = Access {
            line: RequestLine::received(received),
            status,
            bytes: 12,
            duration: Duration::from_micros(12_468),
            queued: None,
            remote_addr: "127.0.0.1",
            refusal: None,
            extras: None,
        };
        change(&mut access);
        let mut bytes = Vec::new();
        terminal.render(&access, &mut bytes, &epoch(), 60);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_its_time_level_message_and_fields() {
        let shown = |terminal| line(terminal, "it is \"so\"", |line| line.text("why", b"no idea"));
        assert_eq!(shown(PLAIN), "01:00:00 error it is \"so\" why=\"no idea\"\n");
        let expected = "\x1b[2m00:00:00\x1b[0m \x1b[31merror\x1b[0m it is \"so\"\x1b[2m \
                        why=\"no idea\"\x1b[0m\n";
        assert_eq!(shown(COLOURED), expected);
        assert_eq!(line(PLAIN, "alone", |_| {}), "01:00:00 error alone\n");
    }

    #[test]
    fn a_backtrace_is_a_block_below_the_line() {
        for frames in ["a.rb:1 | b.rb:2", "a.rb:1\nb.rb:2"] {
            let shown = |terminal| {
                line(terminal, "failed", |line| {
                    line.text("backtrace", frames.as_bytes());
                    line.text("path", b"/");
                })
            };
            let expected = "01:00:00 error failed path=/\n    a.rb:1\n    b.rb:2\n";
            assert_eq!(shown(PLAIN), expected);
            let block = "\n    \x1b[2ma.rb:1\x1b[0m\n    \x1b[2mb.rb:2\x1b[0m\n";
            assert!(shown(COLOURED).ends_with(block));
        }
    }

    #[test]
    fn a_response_is_its_request_status_and_duration() {
        let get = b"GET /a?b=c HTTP/1.1";
        assert_eq!(access(PLAIN, get, 200, |_| {}), "01:00:00 GET /a?b=c 200 12.4 ms\n");
        for (status, colour) in [(101, 2), (204, 32), (304, 36), (404, 33), (503, 31)] {
            let expected = format!(
                "\x1b[2m00:00:00\x1b[0m GET /a?b=c \x1b[{colour}m{status}\x1b[0m \x1b[2m12.4 ms\x1b[0m\n"
            );
            assert_eq!(access(COLOURED, get, status, |_| {}), expected);
        }
    }

    #[test]
    fn a_response_shows_why_it_was_refused_and_what_the_application_adds() {
        let refused = |access: &mut Access<'_>| access.refusal = Some("queue_full");
        let shown = access(PLAIN, b"", 503, refused);
        assert_eq!(shown, "01:00:00 - - 503 12.4 ms reason=queue_full option=max_pending\n");
        let added = |access: &mut Access<'_>| {
            let mut extras = Extras::default();
            extras.push(b"backtrace", ExtraValue::Text("Zoë\n | x".as_bytes()));
            access.extras = Some(Box::leak(Box::new(extras)));
        };
        let shown = access(PLAIN, b"GET / HTTP/1.1", 200, added);
        assert_eq!(shown, "01:00:00 GET / 200 12.4 ms backtrace=\"Zoë\\n | x\"\n");
    }

    #[test]
    fn b5_nothing_forges_a_line_or_moves_the_terminal() {
        let hostile = "x\n01:00:00 info  y\r\x1b[31m\u{9b}\u{202e}";
        let shown = line(PLAIN, hostile, |line| {
            line.text("path", hostile.as_bytes());
            line.text("backtrace", hostile.as_bytes());
        });
        let lines: Vec<_> = shown.lines().collect();
        let escaped = "01:00:00 info  y\\r\\u001b[31m\\u009b\\u202e";
        assert_eq!(lines[0], format!("01:00:00 error x\\n{escaped} path=\"x\\n{escaped}\""));
        assert_eq!(lines[1..], ["    x".to_owned(), format!("    {escaped}")]);
        let shown = access(PLAIN, b"G\x1b /a\xff\t\x80 1", 400, |_| {});
        assert_eq!(shown, "01:00:00 G\\x1b /a\\xff\\x09\\x80 400 12.4 ms\n");
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = "x".repeat(70);
        let shown = line(PLAIN, &long, |line| line.text("backtrace", long.as_bytes()));
        let cut = format!("{}...", "x".repeat(60));
        assert_eq!(shown, format!("01:00:00 error {cut}\n    {cut}\n"));
    }
}
