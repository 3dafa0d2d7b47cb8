//! Responses that are rendered before anybody asks for them.

use bytes::Bytes;
use hyperion_buf::SendQueue;

use super::encoder::{self, Head, Persistence};
use crate::message::fields::Fields;
use crate::message::framing::LengthField;

/// A response but for `date` and `connection`, which stand between its two pieces.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Whether the fields end the connection.
    pub says_close: bool,
    pub body: Bytes,
    /// The status line.
    beginning: Box<[u8]>,
    /// The fields with the empty line, and the body if it is worth copying.
    rest: Box<[u8]>,
    /// Bytes of `rest` in front of the body.
    head_length: usize,
    has_date: bool,
}

impl Prepared {
    pub fn new(status: u16, fields: &Fields, body: &Bytes) -> Self {
        let mut beginning = Vec::new();
        encoder::write_status(&mut beginning, status);
        let length = match status {
            204 | 304 => LengthField::Omitted,
            _ => LengthField::Written(body.len() as u64),
        };
        let head = Head { status, fields, length, persistence: Persistence::Implied, date: "" };
        let mut whole = Vec::new();
        head.append_to(&mut whole);
        let mut rest = whole.split_off(beginning.len());
        let head_length = rest.len();
        if body.len() <= encoder::COPY_MAX {
            rest.extend_from_slice(body);
        }
        Self {
            says_close: fields.says_close(),
            body: body.clone(),
            beginning: beginning.into(),
            rest: rest.into(),
            head_length,
            has_date: fields.has_date(),
        }
    }

    /// Puts the response behind the output, with `body` unless the client asked for the head alone.
    pub(super) fn write(
        &self,
        out: &mut SendQueue,
        date: &str,
        persistence: Persistence,
        body: Option<&Bytes>,
    ) {
        let rest = match body {
            Some(_) => &self.rest[..],
            None => &self.rest[..self.head_length],
        };
        out.append_with(|buffer| {
            let line = persistence.line();
            buffer.reserve(self.beginning.len() + date.len() + 8 + line.len() + rest.len());
            buffer.extend_from_slice(&self.beginning);
            if !date.is_empty() && !self.has_date {
                encoder::extend(buffer, &[b"date: ", date.as_bytes(), b"\r\n"]);
            }
            encoder::extend(buffer, &[line, rest]);
        });
        if let Some(body) = body
            && body.len() > encoder::COPY_MAX
        {
            out.push_bytes(body.clone());
        }
    }
}
