//! Writing heads and chunks.

use hyperion_buf::SendQueue;

use crate::message::fields::{ContentLength, Fields, Known, is_forbidden_trailer};
use crate::message::framing::LengthField;
use crate::message::status::reason;

/// Bodies up to this size are copied behind their head, so that both leave as one piece.
pub(super) const COPY_MAX: usize = 4096;

/// What the head says about the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Persistence {
    /// Nothing: the version says it, or the application does (101).
    Implied,
    KeepAlive,
    Close,
}

impl Persistence {
    /// The field, as it is sent.
    pub fn line(self) -> &'static [u8] {
        match self {
            Self::Implied => b"",
            Self::KeepAlive => b"connection: keep-alive\r\n",
            Self::Close => b"connection: close\r\n",
        }
    }
}

/// A response head.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub status: u16,
    pub fields: &'a Fields,
    pub length: LengthField,
    pub persistence: Persistence,
    /// An IMF-fixdate, or empty for none.
    pub date: &'a str,
}

impl Head<'_> {
    pub fn write(&self, out: &mut SendQueue, body_length: usize) {
        out.append_with(|buffer| {
            buffer.reserve(self.fields.wire().len() + 192 + body_length);
            self.append_to(buffer);
        });
    }

    pub fn append_to(&self, buffer: &mut Vec<u8>) {
        write_status(buffer, self.status);
        self.write_fields(buffer);
        if !self.date.is_empty() && !self.fields.has_date() {
            extend(buffer, &[b"date: ", self.date.as_bytes(), b"\r\n"]);
        }
        match self.length {
            LengthField::Kept | LengthField::Omitted => {}
            LengthField::Written(length) => {
                let mut digits = itoa::Buffer::new();
                let length = digits.format(length).as_bytes();
                extend(buffer, &[b"content-length: ", length, b"\r\n"]);
            }
            LengthField::Chunked => extend(buffer, &[b"transfer-encoding: chunked\r\n"]),
        }
        extend(buffer, &[self.persistence.line(), b"\r\n"]);
    }

    fn write_fields(&self, buffer: &mut Vec<u8>) {
        let has_length = self.fields.content_length() != ContentLength::Absent;
        let keeps_length = self.length == LengthField::Kept || !has_length;
        if keeps_length && !self.fields.has_hop_by_hop() {
            buffer.extend_from_slice(self.fields.wire());
            return;
        }
        for (name, line) in self.fields.lines() {
            let kept = match Known::of(name) {
                Known::ContentLength => keeps_length,
                Known::Connection => {
                    self.status == 101 || !decides_persistence(&line[name.len() + 1..])
                }
                Known::KeepAlive | Known::TransferEncoding => false,
                Known::Date | Known::Other => true,
            };
            if kept {
                buffer.extend_from_slice(line);
            }
        }
    }
}

/// Whether a `connection` field says `close` or `keep-alive`, which is decided here.
fn decides_persistence(value: &[u8]) -> bool {
    value.split(|byte| b", \t\r\n".contains(byte)).any(|option| {
        option.eq_ignore_ascii_case(b"close") || option.eq_ignore_ascii_case(b"keep-alive")
    })
}

/// Writes an informational response. Framing has no place in it, so such fields are left out.
pub(super) fn write_informational(out: &mut SendQueue, status: u16, fields: &Fields) {
    out.append_with(|buffer| {
        write_status(buffer, status);
        for (name, line) in fields.lines() {
            if matches!(Known::of(name), Known::Date | Known::Other) {
                buffer.extend_from_slice(line);
            }
        }
        buffer.extend_from_slice(b"\r\n");
    });
}

/// Writes the size line of a chunk.
pub(super) fn write_chunk_size(out: &mut SendQueue, size: u64) {
    let mut digits = [0; 18];
    let mut start = 16;
    digits[16..].copy_from_slice(b"\r\n");
    let mut rest = size;
    loop {
        start -= 1;
        digits[start] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend(&digits[start..]);
}

/// Writes the last chunk and the trailers behind it.
pub(super) fn write_last_chunk(out: &mut SendQueue, trailers: Option<&Fields>) {
    out.append_with(|buffer| {
        buffer.extend_from_slice(b"0\r\n");
        for (name, line) in trailers.into_iter().flat_map(Fields::lines) {
            if Known::of(name) == Known::Other && !is_forbidden_trailer(name) {
                buffer.extend_from_slice(line);
            }
        }
        buffer.extend_from_slice(b"\r\n");
    });
}

pub(super) fn write_status(buffer: &mut Vec<u8>, status: u16) {
    if status == 200 {
        buffer.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    let mut digits = itoa::Buffer::new();
    let number = digits.format(status).as_bytes();
    extend(buffer, &[b"HTTP/1.1 ", number, b" ", reason(status).as_bytes(), b"\r\n"]);
}

pub(super) fn extend(buffer: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        buffer.extend_from_slice(part);
    }
}
