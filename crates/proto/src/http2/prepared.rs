//! Responses whose head is made before anybody asks for them.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};

use super::response;
use crate::message::fields::Fields;
use crate::message::framing::LengthField;

/// A response but for `date`.
#[derive(Debug)]
pub(crate) struct Prepared {
    status: u16,
    fields: HeaderMap,
    pub body: Bytes,
}

impl Prepared {
    pub fn new(status: u16, fields: &Fields, body: &Bytes) -> Self {
        let fields = response::header_map(fields).expect("fields are fewer than a map holds");
        Self { status, fields, body: body.clone() }
    }

    pub(super) fn head(&self, date: Option<HeaderValue>) -> http::Response<()> {
        let length = match self.status {
            204 | 304 => LengthField::Omitted,
            _ => LengthField::Written(self.body.len() as u64),
        };
        response::head(self.status, self.fields.clone(), length, date)
    }
}
