use std::time::Duration;

use super::escape::{self, Unwanted, word_byte};
use super::extras::ExtraValue;
use super::line::{milliseconds, number, scalar_value};
use super::timestamp::Timestamp;
use crate::admin::TOKEN_FIELD;
use crate::log::access::{Access, LEVEL, MESSAGE, SOURCE};

/// What stands for a value that is not there.
const ABSENT: &[u8] = b"-";

/// The shape of an access line as its operator wrote it: text with fields such as `%{status}`. `%%` is a
/// percent sign, `%{header.user-agent}` a field of the request, `%{extra.user_id}` what the application
/// added.
///
/// In a value everything is written as `\xHH` that is not printable ASCII, or a quote, or a backslash,
/// or the character behind the field in the pattern, or, outside of quotes, a space. So a value ends
/// where the pattern says, whoever chose it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    parts: Vec<Part>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// A line must end where it ends.
    #[error("it holds a control character")]
    ControlCharacter,
    /// Every line would be the same.
    #[error("it shows no field")]
    NoField,
    /// A percent sign begins nothing.
    #[error("a % begins neither %{{field}} nor %%")]
    StrayPercent,
    /// There is no such field, or it is a secret.
    #[error("%{{{0}}} is no field")]
    UnknownField(String),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Literal(String),
    Field(Field, Unwanted),
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Field {
    Known(Known),
    Header(String),
    Extra(Vec<u8>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Known {
    Ts,
    TsClf,
    Level,
    Source,
    Message,
    Method,
    Target,
    Path,
    Query,
    Status,
    DurationMs,
    QueueMs,
    Bytes,
    RemoteAddr,
    HttpVersion,
}

const KNOWN: [(&str, Known); 15] = [
    ("ts", Known::Ts),
    ("ts_clf", Known::TsClf),
    ("level", Known::Level),
    ("source", Known::Source),
    ("message", Known::Message),
    ("method", Known::Method),
    ("target", Known::Target),
    ("path", Known::Path),
    ("query", Known::Query),
    ("status", Known::Status),
    ("duration_ms", Known::DurationMs),
    ("queue_ms", Known::QueueMs),
    ("bytes", Known::Bytes),
    ("remote_addr", Known::RemoteAddr),
    ("http_version", Known::HttpVersion),
];

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().any(|char| char.is_control() && char != '\t') {
            return Err(PatternError::ControlCharacter);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(percent) = rest.find('%') {
            push_literal(&mut parts, &rest[..percent]);
            rest = &rest[percent + 1..];
            if let Some(behind) = rest.strip_prefix('%') {
                push_literal(&mut parts, "%");
                rest = behind;
                continue;
            }
            let name = rest.strip_prefix('{').and_then(|named| named.split_once('}'));
            let (name, behind) = name.ok_or(PatternError::StrayPercent)?;
            parts.push(Part::Field(Field::parse(name)?, Unwanted::ALWAYS));
            rest = behind;
        }
        push_literal(&mut parts, rest);
        if !parts.iter().any(|part| matches!(part, Part::Field(..))) {
            return Err(PatternError::NoField);
        }
        guard(&mut parts);
        Ok(Self { parts })
    }

    /// Writes a line with its end, of each value at most `value_max` bytes.
    pub(crate) fn render(
        &self,
        access: &Access<'_>,
        line: &mut Vec<u8>,
        stamp: &mut Timestamp,
        value_max: usize,
    ) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => line.extend_from_slice(text.as_bytes()),
                Part::Field(Field::Known(known), unwanted) => {
                    let mut place = FieldPlace { line: &mut *line, unwanted: *unwanted, value_max };
                    render(*known, access, &mut place, stamp);
                }
                Part::Field(Field::Header(name), unwanted) => {
                    let mut place = FieldPlace { line: &mut *line, unwanted: *unwanted, value_max };
                    place.value(access.line.header(name).unwrap_or_default());
                }
                Part::Field(Field::Extra(name), unwanted) => {
                    let extra = access.extras.and_then(|extras| extras.find(name));
                    match extra.unwrap_or(ExtraValue::Nothing) {
                        ExtraValue::Text(text) => {
                            FieldPlace { line: &mut *line, unwanted: *unwanted, value_max }
                                .value(text);
                        }
                        ExtraValue::Nothing => line.extend_from_slice(ABSENT),
                        scalar => scalar_value(line, scalar),
                    }
                }
            }
        }
        line.push(b'\n');
    }
}

impl Field {
    fn parse(name: &str) -> Result<Self, PatternError> {
        if let Some((_, known)) = KNOWN.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Known(*known));
        }
        match name.split_once('.') {
            Some(("header", name)) if is_public(name) => {
                Ok(Self::Header(name.to_ascii_lowercase()))
            }
            Some(("extra", name)) if !name.is_empty() => {
                Ok(Self::Extra(name.bytes().map(word_byte).collect()))
            }
            _ => Err(PatternError::UnknownField(name.to_owned())),
        }
    }
}

/// Whether it is a field whose value may be shown.
fn is_public(header: &str) -> bool {
    !header.is_empty() && !header.eq_ignore_ascii_case(TOKEN_FIELD)
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Literal(before)) => before.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

/// Says for each field which bytes would end it.
fn guard(parts: &mut [Part]) {
    let mut quotes = 0;
    for index in 0..parts.len() {
        let behind = parts[index + 1..].iter().find_map(|part| match part {
            Part::Literal(text) => text.bytes().next(),
            Part::Field(..) => None,
        });
        match &mut parts[index] {
            Part::Literal(text) => quotes += text.matches('"').count(),
            Part::Field(_, unwanted) => {
                *unwanted = behind.map_or(*unwanted, |byte| unwanted.and(byte));
                if quotes % 2 == 0 {
                    *unwanted = unwanted.and(b' ');
                }
            }
        }
    }
}

/// Where a value is written, and what may not leave it.
struct FieldPlace<'a> {
    line: &'a mut Vec<u8>,
    unwanted: Unwanted,
    value_max: usize,
}

impl FieldPlace<'_> {
    fn value(&mut self, value: &[u8]) {
        if value.is_empty() {
            return self.line.extend_from_slice(ABSENT);
        }
        let (value, more) = escape::shown(value, self.value_max);
        escape::pattern(self.line, value, self.unwanted);
        self.line.extend_from_slice(more);
    }
}

fn render(known: Known, access: &Access<'_>, place: &mut FieldPlace<'_>, stamp: &mut Timestamp) {
    let request = &access.line;
    match known {
        Known::Ts => place.line.extend_from_slice(stamp.rfc3339().as_bytes()),
        Known::TsClf => place.line.extend_from_slice(stamp.clf().as_bytes()),
        Known::Level => place.line.extend_from_slice(LEVEL.name().as_bytes()),
        Known::Source => place.line.extend_from_slice(SOURCE.as_bytes()),
        Known::Message => place.line.extend_from_slice(MESSAGE.as_bytes()),
        Known::Method => place.value(request.method),
        Known::Target => place.value(request.target),
        Known::Path => place.value(request.path),
        Known::Query => place.value(request.query),
        Known::Status => number(place.line, access.status.into()),
        Known::DurationMs => milliseconds(place.line, access.duration),
        Known::QueueMs => milliseconds(place.line, access.queued.unwrap_or(Duration::ZERO)),
        Known::Bytes => number(place.line, access.bytes),
        Known::RemoteAddr => place.value(access.remote_addr.as_bytes()),
        Known::HttpVersion => place.value(request.version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Extras;
    use crate::log::access::RequestLine;

    fn rendered(pattern: &str, request: &[u8], extras: Option<&Extras>) -> String {
        let request = hyperion_proto::Request::from_head(request, &Default::default()).unwrap();
        let access = Access {
            line: RequestLine::of(&request),
            status: 200,
            bytes: 12,
            duration: Duration::from_micros(3_100),
            queued: Some(Duration::from_micros(50)),
            remote_addr: "127.0.0.1",
            refusal: None,
            extras,
        };
        let mut line = Vec::new();
        let mut stamp = Timestamp::default();
        Pattern::parse(pattern).unwrap().render(&access, &mut line, stamp.update(), 400);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn every_field_is_shown() {
        let pattern = "%{level} %{source} %{message} %{method} %{target} %{path} %{query} %{status} \
                       %{duration_ms} %{queue_ms} %{bytes} %{remote_addr} %{http_version}";
        assert_eq!(
            rendered(pattern, b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", None),
            "info access request GET /a?b=c /a b=c 200 3.100 0.050 12 127.0.0.1 1.1\n"
        );
        for time in ["%{ts}", "%{ts_clf}"] {
            assert!(rendered(time, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None).len() > 20);
        }
    }

    #[test]
    fn what_is_absent_is_a_dash() {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let pattern = "%{query} %{header.referer} %{extra.user} %{extra.none} 100%%";
        assert_eq!(rendered(pattern, request, None), "- - - - 100%\n");
        let mut extras = Extras::default();
        extras.push(b"user", ExtraValue::Integer(7));
        extras.push(b"none", ExtraValue::Nothing);
        assert_eq!(rendered(pattern, request, Some(&extras)), "- - 7 - 100%\n");
    }

    #[test]
    fn b5_a_value_cannot_leave_its_place() {
        let request = b"GET /a|b]c HTTP/1.1\r\nHost: a\r\nReferer: \"x\" [y]\t\\\r\n\r\n";
        let shown = |pattern: &str| rendered(pattern, request, None);
        assert_eq!(shown("%{header.Referer}"), "\\x22x\\x22\\x20[y]\\x09\\x5c\n");
        assert_eq!(shown("\"%{header.Referer}\""), "\"\\x22x\\x22 [y]\\x09\\x5c\"\n");
        assert_eq!(shown("%{path}|[%{path}]"), "/a\\x7cb]c|[/a|b\\x5dc]\n");
        assert_eq!(shown("%{path}%{path}]"), "/a|b\\x5dc/a|b\\x5dc]\n");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let error = |text: &str| Pattern::parse(text).unwrap_err();
        assert_eq!(error("%{stauts}"), PatternError::UnknownField("stauts".to_owned()));
        for field in ["header.", "extra.", "header.X-Hyperion-Admin-Token"] {
            let unknown = PatternError::UnknownField(field.to_owned());
            assert_eq!(error(&format!("%{{{field}}}")), unknown);
        }
        for text in ["%", "%h", "%{path", "100% %{path}"] {
            assert_eq!(error(text), PatternError::StrayPercent, "{text}");
        }
        assert_eq!(error("jsno"), PatternError::NoField);
        assert_eq!(error("%{path}\n"), PatternError::ControlCharacter);
        assert_eq!(error("%{stauts}").to_string(), "%{stauts} is no field");
    }
}
