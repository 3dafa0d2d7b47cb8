//! One field line of a head, of trailers, or behind a chunk.

use crate::message::request::Span;
use crate::message::syntax;
use crate::violation::Violation;

/// A field line taken apart, without its CRLF.
#[derive(Debug)]
pub(crate) struct FieldLine {
    pub name_length: usize,
    pub has_underscore: bool,
    pub value_start: usize,
    pub value_end: usize,
}

impl FieldLine {
    pub fn parse(line: &[u8]) -> Result<Self, Violation> {
        let (name_length, has_underscore) = syntax::leading_token(line);
        if name_length == 0 || line.get(name_length) != Some(&b':') {
            return Err(Violation::BadFieldLine);
        }
        let raw = &line[name_length + 1..];
        if !syntax::is_field_value(raw) {
            return Err(Violation::BadFieldValue);
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = raw.iter().position(|byte| !is_space(byte)).unwrap_or(raw.len());
        let end = raw.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
        let offset = name_length + 1;
        Ok(Self {
            name_length,
            has_underscore,
            value_start: offset + start,
            value_end: offset + end,
        })
    }
}

/// Heads are bounded far below 4 GiB by `Limits::head_bytes`.
pub(crate) fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}
