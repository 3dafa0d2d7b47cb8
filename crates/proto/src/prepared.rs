use bytes::Bytes;

use crate::http1::{LengthField, Rendered};
use crate::http2::response;
use crate::message::fields::Fields;

/// A response that is rendered once and sent many times; only `date` and what concerns the
/// connection are added when it leaves.
#[derive(Debug)]
pub struct Prepared {
    status: u16,
    fields: Fields,
    body: Bytes,
    http1: Rendered,
    http2: http::HeaderMap,
}

impl Prepared {
    /// Renders a final response (`status` 200 to 999). The length of the body is announced by the
    /// server, whatever `fields` say about it; 204, 205 and 304 are sent without a body.
    pub fn new(status: u16, fields: Fields, body: Bytes) -> Self {
        debug_assert!((200..1000).contains(&status), "only final responses can be prepared");
        let body = if matches!(status, 204 | 205 | 304) { Bytes::new() } else { body };
        let http1 = Rendered::new(status, &fields, &body);
        let http2 = response::header_map(&fields).expect("fields are fewer than a map holds");
        Self { status, fields, body, http1, http2 }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The fields as given.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The bytes behind the fields.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How the length of the body is announced where it is not rendered.
    pub(crate) fn length(&self) -> LengthField {
        match self.status {
            204 | 304 => LengthField::Omitted,
            _ => LengthField::Written(self.body.len() as u64),
        }
    }

    pub(crate) fn http2(&self) -> &http::HeaderMap {
        &self.http2
    }

    pub(crate) fn http1(&self) -> &Rendered {
        &self.http1
    }
}
