//! Answers with parts of a representation (RFC 9110, sections 14 and 15.3.7).

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use hyperion_buf::{DiskFile, FileRange, Segment};
use hyperion_proto::{FieldError, Fields, Request, Response, ResponseBody};

use super::conditional;
use super::range::{Selection, select};

/// Where the bytes of a representation are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(Arc<DiskFile>),
    Memory(Bytes),
}

impl Source {
    /// A part as a body.
    pub fn body(&self, part: Range<u64>) -> ResponseBody {
        match self.segment(part) {
            Segment::File(range) => ResponseBody::File(range),
            Segment::Shared(bytes) => ResponseBody::Full(bytes),
            Segment::Owned(bytes) => ResponseBody::Full(bytes.into()),
        }
    }

    fn segment(&self, part: Range<u64>) -> Segment {
        match self {
            Self::File(file) => Segment::File(FileRange {
                file: file.clone(),
                offset: part.start,
                length: part.end - part.start,
            }),
            Self::Memory(bytes) => {
                Segment::Shared(bytes.slice(part.start as usize..part.end as usize))
            }
        }
    }
}

/// What `request` selects of `size` bytes that would be sent with status 200: only a GET has ranges,
/// and `If-Range` must name these bytes.
pub(super) fn selection(
    request: &Request,
    etag: &[u8],
    last_modified: Option<std::time::SystemTime>,
    size: u64,
) -> Selection {
    let mut ranges = request.headers().filter(|(name, _)| name.eq_ignore_ascii_case(b"range"));
    let (Some((_, value)), None) = (ranges.next(), ranges.next()) else { return Selection::Whole };
    if request.method() != "GET" || !conditional::allows_range(request, etag, last_modified) {
        return Selection::Whole;
    }
    select(value, size)
}

/// 206 with `parts` of `size` bytes; `fields` are those of the whole without its length.
///
/// # Errors
/// When `fields` are so large that nothing can be added.
pub(super) fn partial(
    fields: &Fields,
    source: &Source,
    parts: &[Range<u64>],
    size: u64,
) -> Result<Response, FieldError> {
    if let [part] = parts {
        let mut fields = fields.clone();
        fields.push(b"content-range", content_range(part, size).as_bytes())?;
        return Ok(Response { status: 206, fields, body: source.body(part.clone()) });
    }
    let boundary = fresh_boundary();
    let content_type = fields.find("content-type");
    let mut segments = Vec::with_capacity(2 * parts.len() + 1);
    let mut lead = "";
    for part in parts {
        let mut head = format!("{lead}--{boundary}\r\n").into_bytes();
        if let Some(content_type) = content_type {
            head.extend_from_slice(b"content-type: ");
            head.extend_from_slice(content_type);
            head.extend_from_slice(b"\r\n");
        }
        let range = content_range(part, size);
        head.extend_from_slice(format!("content-range: {range}\r\n\r\n").as_bytes());
        segments.push(Segment::Owned(head));
        segments.push(source.segment(part.clone()));
        lead = "\r\n";
    }
    segments.push(Segment::Owned(format!("\r\n--{boundary}--\r\n").into_bytes()));
    let mut fields = without(fields, &["content-type"])?;
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    fields.push(b"content-type", content_type.as_bytes())?;
    Ok(Response { status: 206, fields, body: ResponseBody::Parts(segments) })
}

/// 416, telling the size that the client did not know.
pub(super) fn unsatisfiable(size: u64) -> Response {
    let mut response = super::refusal::plain(416);
    response.fields.put("content-range", &format!("bytes */{size}"));
    response
}

/// `fields` without those of some names, in lower case.
///
/// # Errors
/// None in practice: what is copied was accepted before.
pub(super) fn without(fields: &Fields, lower_names: &[&str]) -> Result<Fields, FieldError> {
    let mut kept = Fields::with_capacity(fields.wire().len() + 128);
    for (name, value) in fields.iter() {
        let is_left_out =
            lower_names.iter().any(|lower| name.eq_ignore_ascii_case(lower.as_bytes()));
        if !is_left_out {
            kept.push(name, value)?;
        }
    }
    Ok(kept)
}

fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

/// A boundary that whoever wrote the file could not know.
fn fresh_boundary() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
