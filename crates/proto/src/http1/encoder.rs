//! Writing heads and chunks.

use hyperion_buf::SendQueue;

use crate::message::fields::{ContentLength, Fields, Known};

/// Bodies up to this size are copied behind their head, so that both leave as one piece.
pub(super) const COPY_MAX: usize = 4096;

/// How the head says where the body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LengthField {
    /// The application's `content-length` stays.
    Kept,
    /// There is no `content-length`.
    Omitted,
    /// This many bytes.
    Written(u64),
    /// `transfer-encoding: chunked`.
    Chunked,
}

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

/// Fields that frame, route, authenticate or describe a message have no effect behind it and are
/// dangerous where a recipient merges them (RFC 9110, section 6.5.1).
pub(crate) fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 32] = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "expires",
        "forwarded",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "location",
        "max-forwards",
        "proxy",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-forwarded-for",
    ];
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
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

/// The reason phrase; empty for codes without one.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a Teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}
