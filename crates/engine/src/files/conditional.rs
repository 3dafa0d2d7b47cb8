//! Conditional requests (RFC 9110, section 13), for files and for static responses alike.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyperion_proto::Request;

/// What the conditions of a request say about answering it with the current representation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Precondition {
    /// NativeResponse.
    Proceed,
    /// 304: the client has it already.
    NotModified,
    /// 412.
    Failed,
}

/// How entity tags are compared (RFC 9110, section 8.8.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Strong,
    Weak,
}

/// The conditions of a request, as far as one pass over its fields tells.
#[derive(Default)]
struct Conditions {
    if_match: bool,
    if_none_match: bool,
    if_modified_since: Date,
    if_unmodified_since: Date,
}

/// A date to compare with.
#[derive(Default)]
enum Date {
    #[default]
    Absent,
    Valid(SystemTime),
    /// To be ignored: it is no date, or there are several.
    Invalid,
}

/// Evaluates the conditions in the order of RFC 9110, section 13.2.2. `etag` is the current entity
/// tag with its quotes, empty for none.
pub(crate) fn evaluate(
    request: &Request,
    etag: &[u8],
    last_modified: Option<SystemTime>,
) -> Precondition {
    let conditions = Conditions::of(request);
    let modified_after = |date: SystemTime| last_modified.map(|time| to_second(time) > date);
    if conditions.if_match {
        if !any_matches(request, "if-match", etag, Comparison::Strong) {
            return Precondition::Failed;
        }
    } else if let Date::Valid(date) = conditions.if_unmodified_since
        && modified_after(date) == Some(true)
    {
        return Precondition::Failed;
    }
    let is_read = matches!(request.method(), "GET" | "HEAD");
    if conditions.if_none_match {
        if any_matches(request, "if-none-match", etag, Comparison::Weak) {
            return if is_read { Precondition::NotModified } else { Precondition::Failed };
        }
    } else if let Date::Valid(date) = conditions.if_modified_since
        && is_read
        && modified_after(date) == Some(false)
    {
        return Precondition::NotModified;
    }
    Precondition::Proceed
}

/// Whether `If-Range` lets the ranges of a request be served: it is absent, or names the current
/// representation (RFC 9110, section 13.1.5).
pub(super) fn allows_range(
    request: &Request,
    etag: &[u8],
    last_modified: Option<SystemTime>,
) -> bool {
    match request.header("if-range") {
        None => true,
        Some(value) if value.starts_with(b"\"") || value.starts_with(b"W/") => {
            matches(value, etag, Comparison::Strong)
        }
        Some(value) => match (parse(value), last_modified) {
            (Some(date), Some(time)) => to_second(time) == date,
            _ => false,
        },
    }
}

/// The time that a date field holds.
pub(super) fn parse(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

impl Conditions {
    fn of(request: &Request) -> Self {
        let mut conditions = Self::default();
        for (name, value) in request.headers() {
            let is = |lower: &[u8]| name.eq_ignore_ascii_case(lower);
            match name.len() {
                8 if is(b"if-match") => conditions.if_match = true,
                13 if is(b"if-none-match") => conditions.if_none_match = true,
                17 if is(b"if-modified-since") => conditions.if_modified_since.add(value),
                19 if is(b"if-unmodified-since") => conditions.if_unmodified_since.add(value),
                _ => {}
            }
        }
        conditions
    }
}

impl Date {
    fn add(&mut self, value: &[u8]) {
        *self = match (&self, parse(value)) {
            (Self::Absent, Some(date)) => Self::Valid(date),
            _ => Self::Invalid,
        };
    }
}

fn any_matches(request: &Request, lower_name: &str, etag: &[u8], comparison: Comparison) -> bool {
    request
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case(lower_name.as_bytes()))
        .any(|(_, value)| matches(value, etag, comparison))
}

/// Whether `value` is `*` or a list of entity tags with `etag` among them. What is no entity tag is
/// skipped; each byte is looked at once.
fn matches(value: &[u8], etag: &[u8], comparison: Comparison) -> bool {
    if value == b"*" {
        return true;
    }
    let Some(current) = EntityTag::parse(etag) else { return false };
    let mut rest = value;
    while !rest.is_empty() {
        match EntityTag::parse(rest) {
            Some(tag) if tag.equals(&current, comparison) => return true,
            Some(tag) => rest = &rest[tag.length..],
            None => rest = &rest[1..],
        }
    }
    false
}

/// An entity tag at the start of some bytes.
struct EntityTag<'a> {
    is_weak: bool,
    /// What is between the quotes.
    opaque: &'a [u8],
    /// All bytes of it.
    length: usize,
}

impl<'a> EntityTag<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (is_weak, quoted) = match bytes {
            [b'W', b'/', quoted @ ..] => (true, quoted),
            quoted => (false, quoted),
        };
        let [b'"', opaque @ ..] = quoted else { return None };
        let end = opaque.iter().position(|&byte| byte == b'"')?;
        let length = bytes.len() - quoted.len() + end + 2;
        Some(Self { is_weak, opaque: &opaque[..end], length })
    }

    fn equals(&self, other: &Self, comparison: Comparison) -> bool {
        let is_strong = !self.is_weak && !other.is_weak;
        self.opaque == other.opaque && (is_strong || comparison == Comparison::Weak)
    }
}

/// Dates on the wire have no parts of seconds.
fn to_second(time: SystemTime) -> SystemTime {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => UNIX_EPOCH + Duration::from_secs(since.as_secs()),
        Err(_) => UNIX_EPOCH,
    }
}

#[cfg(test)]
mod tests;
