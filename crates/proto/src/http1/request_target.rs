//! The forms of a request target (RFC 9112, section 3.2).

use super::field_line::span;
use crate::message::request::Span;
use crate::message::syntax;
use crate::violation::Violation;

/// Where the parts of a target are in the head.
#[derive(Debug)]
pub(crate) struct Target {
    pub path: Span,
    pub query: Option<Span>,
    /// The authority of the absolute form.
    pub authority: Option<Span>,
}

/// Takes the target apart in the form that the method allows.
pub(crate) fn parse(head: &[u8], method: Span, target: Span) -> Result<Target, Violation> {
    let method = method.of(head);
    if method == b"CONNECT" {
        return Err(Violation::ConnectMethod);
    }
    let text = target.of(head);
    if !text.iter().fold(true, |valid, &byte| valid & matches!(byte, b'!'..=b'~') & (byte != b'#'))
    {
        return Err(Violation::BadTarget);
    }
    let start = target.start as usize;
    let end = target.end as usize;
    match text {
        [b'/', ..] => Ok(split(head, start, end, None)),
        b"*" if method == b"OPTIONS" => Ok(Target { path: target, query: None, authority: None }),
        _ => {
            let scheme = scheme_length(text).ok_or(Violation::BadTarget)?;
            let rest = &text[scheme..];
            let length = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
            if !syntax::is_host(&rest[..length]) {
                return Err(Violation::BadHost);
            }
            let authority = span(start + scheme, start + scheme + length);
            Ok(split(head, authority.end as usize, end, Some(authority)))
        }
    }
}

fn split(head: &[u8], start: usize, end: usize, authority: Option<Span>) -> Target {
    match memchr::memchr(b'?', &head[start..end]) {
        None => Target { path: span(start, end), query: None, authority },
        Some(length) => Target {
            path: span(start, start + length),
            query: Some(span(start + length + 1, end)),
            authority,
        },
    }
}

fn scheme_length(text: &[u8]) -> Option<usize> {
    ["http://", "https://"]
        .into_iter()
        .find(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
        })
        .map(str::len)
}
