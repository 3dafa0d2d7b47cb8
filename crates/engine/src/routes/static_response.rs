use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use hyperion_proto::{FieldError, Fields, Prepared, Request};

use crate::files::conditional::{self, Precondition};

/// Fields that a 304 repeats (RFC 9110, section 15.4.5).
const REPEATED: [&str; 7] =
    ["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"];

/// One response for all requests of a route, and what conditional requests get instead of it.
#[derive(Debug)]
pub struct StaticResponse {
    full: Arc<Prepared>,
    /// For a status other than 200 there are no conditions.
    conditional: Option<Conditional>,
}

#[derive(Debug)]
struct Conditional {
    etag: Vec<u8>,
    not_modified: Arc<Prepared>,
    failed: Arc<Prepared>,
}

impl StaticResponse {
    /// Renders the response. One with status 200 gets a strong `etag` of its content, unless
    /// `fields` have one.
    ///
    /// # Errors
    /// [`FieldError::Size`] when there is no room for it.
    pub fn new(status: u16, mut fields: Fields, body: Bytes) -> Result<Self, FieldError> {
        if status == 200 && fields.find("etag").is_none() {
            fields.push(b"etag", &entity_tag(&fields, &body))?;
        }
        let conditional = (status == 200).then(|| Conditional::new(&fields)).transpose()?;
        Ok(Self { full: Arc::new(Prepared::new(status, fields, body)), conditional })
    }

    /// The response itself, 304 or 412 (RFC 9110, section 13.2).
    pub fn answer(&self, request: &Request) -> &Arc<Prepared> {
        let Some(conditional) = &self.conditional else { return &self.full };
        match conditional::evaluate(request, &conditional.etag, None) {
            Precondition::Proceed => &self.full,
            Precondition::NotModified => &conditional.not_modified,
            Precondition::Failed => &conditional.failed,
        }
    }
}

impl Conditional {
    fn new(fields: &Fields) -> Result<Self, FieldError> {
        let mut repeated = Fields::new();
        for (name, value) in fields.iter() {
            if REPEATED.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
                repeated.push(name, value)?;
            }
        }
        Ok(Self {
            etag: fields.find("etag").unwrap_or_default().to_vec(),
            not_modified: Arc::new(Prepared::new(304, repeated, Bytes::new())),
            failed: Arc::new(Prepared::new(412, Fields::new(), Bytes::new())),
        })
    }
}

/// The same content has the same tag in every process of a cluster.
fn entity_tag(fields: &Fields, body: &Bytes) -> Vec<u8> {
    let mut hasher = DefaultHasher::new();
    (fields.wire(), body).hash(&mut hasher);
    format!("\"{:016x}-{:x}\"", hasher.finish(), body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_lines(count: usize) -> Result<StaticResponse, FieldError> {
        let mut fields = Fields::new();
        (0..count).try_for_each(|_| fields.push(b"etag-like", b"a"))?;
        StaticResponse::new(200, fields, Bytes::new())
    }

    #[test]
    fn h2_one_that_leaves_no_room_for_its_etag_is_refused() {
        assert!(with_lines(Fields::COUNT_MAX - 1).is_ok());
        assert_eq!(with_lines(Fields::COUNT_MAX).err(), Some(FieldError::Size));
    }
}
