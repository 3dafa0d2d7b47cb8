//! A response head as HTTP/2 sends it (RFC 9113, section 8.3.2): without the fields that are about a
//! connection, and with names in lower case.

use http::header::{CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::message::fields::Fields;
use crate::message::framing::LengthField;

/// The fields that may be sent; none where they are more than a map of headers holds.
pub(crate) fn header_map(fields: &Fields) -> Option<HeaderMap> {
    // Room for the length and the date, too.
    let mut map = HeaderMap::try_with_capacity(fields.len() + 2).ok()?;
    for (name, value) in fields.iter() {
        if let Ok(name) = HeaderName::from_bytes(name)
            && !is_about_connection(&name)
            && let Ok(value) = HeaderValue::from_bytes(without_white_space_around(value))
        {
            map.try_append(name, value).ok()?;
        }
    }
    Some(map)
}

/// A head with these fields, of which `content-length` is decided by `length`.
pub(super) fn head(
    status: u16,
    mut fields: HeaderMap,
    length: LengthField,
    date: Option<HeaderValue>,
) -> Response<()> {
    match length {
        LengthField::Kept => {}
        LengthField::Omitted | LengthField::Chunked => drop(fields.remove(CONTENT_LENGTH)),
        LengthField::Written(length) => {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
    if let Some(date) = date {
        fields.entry(DATE).or_insert(date);
    }
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = fields;
    response
}

/// Trailers; none where nothing of them may be sent.
pub(super) fn trailers(fields: &Fields) -> Option<HeaderMap> {
    let mut map = header_map(fields)?;
    map.remove(CONTENT_LENGTH);
    (!map.is_empty()).then_some(map)
}

/// Section 8.2.1: what HTTP/1.1 lets a recipient take off makes a message malformed here.
fn without_white_space_around(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// RFC 9113, section 8.2.2.
fn is_about_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    )
}
