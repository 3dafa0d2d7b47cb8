//! Deciding how a response is framed.

use super::encoder::LengthField;
use super::exchange::{Asked, Framing};
use crate::message::fields::ContentLength;
use crate::message::request::Version;
use crate::message::response::{Response, ResponseBody};

/// The framing of one response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Plan {
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
