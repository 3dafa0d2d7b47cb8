//! How the body of a response is framed, whatever the version of HTTP.

use bytes::Bytes;
use hyperion_buf::FileRange;

use super::fields::ContentLength;
use super::request::{Request, Version};
use super::response::{Response, ResponseBody};

/// What the response must know of its request.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub version: Version,
    /// HEAD: the response has no body.
    pub head_only: bool,
    pub keep_alive: bool,
    pub takes_trailers: bool,
    /// No other request may run beside it.
    pub exclusive: bool,
}

/// How the head says where the body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LengthField {
    /// The application's `content-length` stays.
    Kept,
    /// There is no `content-length`.
    Omitted,
    /// This many bytes.
    Written(u64),
    /// `transfer-encoding: chunked`.
    Chunked,
}

/// How the bytes of a body are framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// The response has no body, whatever is handed over.
    Nothing,
    /// Bytes still to come.
    Length(u64),
    Chunked,
    /// The end of the connection ends the body.
    UntilClose,
    /// Not a body, but the other protocol of a tunnel.
    Raw,
}

/// Bytes of a body, in memory or in a file.
#[derive(Debug)]
pub enum Piece {
    Bytes(Bytes),
    File(FileRange),
}

/// The framing of one response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    pub length: LengthField,
    pub framing: Framing,
    /// The framing ends the connection.
    pub close: bool,
}

impl Plan {
    /// How `response` is framed for a request.
    pub fn of(response: &Response, asked: Asked) -> Self {
        let declared = match response.fields.content_length() {
            ContentLength::Valid(length) => Some(length),
            ContentLength::Absent | ContentLength::Invalid => None,
        };
        if matches!(response.body, ResponseBody::Tunnel) {
            return Self::tunnel(response.status, declared);
        }
        let actual = response.body.length();
        match response.status {
            204 | 304 => return Self::without_body(LengthField::Omitted),
            205 => return Self::without_body(LengthField::Written(0)),
            _ => {}
        }
        let length = match (declared, actual) {
            (Some(_), _) => LengthField::Kept,
            (None, Some(0)) if asked.head_only => LengthField::Omitted,
            (None, Some(length)) => LengthField::Written(length),
            (None, None) => LengthField::Omitted,
        };
        if asked.head_only {
            return Self::without_body(length);
        }
        match declared.or(actual) {
            Some(total) => Self {
                length,
                framing: Framing::Length(total),
                close: is_mismatch(&response.body, total, actual),
            },
            None if asked.version == Version::Http11 => {
                Self { length: LengthField::Chunked, framing: Framing::Chunked, close: false }
            }
            None => Self { length, framing: Framing::UntilClose, close: true },
        }
    }

    fn without_body(length: LengthField) -> Self {
        Self { length, framing: Framing::Nothing, close: false }
    }

    fn tunnel(status: u16, declared: Option<u64>) -> Self {
        let length = match declared {
            Some(_) if status != 101 => LengthField::Kept,
            _ => LengthField::Omitted,
        };
        Self { length, framing: Framing::Raw, close: true }
    }
}

/// Whether a body that is here in full contradicts the length that the application declared.
fn is_mismatch(body: &ResponseBody, total: u64, actual: Option<u64>) -> bool {
    !matches!(body, ResponseBody::Stream { .. }) && actual != Some(total)
}

impl Asked {
    pub fn of(request: &Request) -> Self {
        let method = request.method();
        Self {
            version: request.version,
            head_only: method == "HEAD",
            keep_alive: request.keep_alive,
            takes_trailers: request.takes_trailers,
            exclusive: request.upgrades || !is_safe(method.as_bytes()),
        }
    }

    /// On a connection that frames bodies by itself and outlives each response.
    pub fn multiplexed(head_only: bool) -> Self {
        Self { head_only, keep_alive: true, takes_trailers: true, ..Self::nothing() }
    }

    /// For an answer to something that is no valid request.
    pub fn nothing() -> Self {
        Self {
            version: Version::Http11,
            head_only: false,
            keep_alive: false,
            takes_trailers: false,
            exclusive: true,
        }
    }
}

/// Whether a method may run beside others (RFC 9110, section 9.2.1).
pub fn is_safe(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
}
