use bytes::Bytes;

use crate::message::fields::Fields;
use crate::{http1, http2};

/// A response that is rendered once and sent many times; only `date` and what concerns the
/// connection are added when it leaves.
#[derive(Debug)]
pub struct Prepared {
    status: u16,
    fields: Fields,
    pub(crate) http1: http1::Prepared,
    pub(crate) http2: http2::Prepared,
}

impl Prepared {
    /// Renders a final response (`status` 200 to 999). The length of the body is announced by the
    /// server, whatever `fields` say about it; 204, 205 and 304 are sent without a body.
    pub fn new(status: u16, fields: Fields, body: Bytes) -> Self {
        debug_assert!((200..1000).contains(&status), "only final responses can be prepared");
        let body = if matches!(status, 204 | 205 | 304) { Bytes::new() } else { body };
        let http1 = http1::Prepared::new(status, &fields, &body);
        let http2 = http2::Prepared::new(status, &fields, &body);
        Self { status, fields, http1, http2 }
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
        &self.http1.body
    }
}
