//! Finding the end of a request head and taking the head apart.
//!
//! Both steps are strict: lines end with CRLF and nothing else, names are tokens up to the colon,
//! nothing is folded. A parser that is lenient here disagrees with some proxy about where a request
//! ends.

use smallvec::SmallVec;

use super::field_line::{FieldLine, span};
use super::request_semantics::Semantics;
use super::request_target;
use crate::config::Config;
use crate::limits::Limits;
use crate::message::request::{FieldSpan, Request, Span, Version};
use crate::message::syntax;
use crate::violation::Violation;

const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// How far the search for the end of a head has come; each byte is looked at once, however the head
/// is cut into pieces.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    /// An empty line in front of the head was skipped; there may be one (RFC 9112, section 2.2).
    pub skipped_line: bool,
    /// Everything before is searched.
    position: usize,
    /// Start of the line that `position` is in.
    line_start: usize,
    /// The beginning of the request line is known to be no nonsense.
    method_checked: bool,
    /// The request line is complete and valid.
    line_checked: bool,
}

/// The outcome of a search.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Scan {
    Incomplete,
    /// The head is this long, its empty line included.
    Complete(usize),
}

impl HeadScan {
    /// Goes on through `bytes`, which start where the head starts.
    ///
    /// # Errors
    /// The first violation that is certain, even if the head is not complete.
    pub fn advance(&mut self, bytes: &[u8], limits: &Limits) -> Result<Scan, Violation> {
        if is_tls(bytes) {
            return Err(Violation::TlsOnPlainPort);
        }
        let window = &bytes[..bytes.len().min(limits.head_bytes)];
        while let Some(offset) = memchr::memchr3(CR, LF, 0, &window[self.position..]) {
            let at = self.position + offset;
            let fault = match (window[at], window.get(at + 1)) {
                (CR, Some(&LF)) if at == 0 => Violation::BadRequestLine,
                (CR, Some(&LF)) if at == self.line_start => return Ok(Scan::Complete(at + 2)),
                (CR, Some(&LF)) => {
                    self.line_start = at + 2;
                    self.position = at + 2;
                    continue;
                }
                (CR, Some(_)) => Violation::BareCr,
                (CR, None) => {
                    self.position = at;
                    return self.incomplete(bytes, limits);
                }
                (LF, _) => Violation::BareLf,
                _ => Violation::NulByte,
            };
            self.incomplete(&bytes[..at], limits)?;
            return Err(fault);
        }
        self.position = window.len();
        self.incomplete(bytes, limits)
    }

    /// What can be said of a head before it is complete, so that nonsense is not waited for.
    fn incomplete(&mut self, bytes: &[u8], limits: &Limits) -> Result<Scan, Violation> {
        if self.line_start == 0 {
            self.check_method(bytes, limits)?;
            if bytes.len() > longest_line(limits) {
                return Err(Violation::TargetTooLong);
            }
        } else if !self.line_checked {
            let end = memchr::memchr(CR, bytes).unwrap_or(bytes.len());
            RequestLine::parse(&bytes[..end], limits)?;
            self.line_checked = true;
        }
        if bytes.len() > limits.head_bytes {
            return Err(Violation::HeadTooLarge);
        }
        Ok(Scan::Incomplete)
    }

    fn check_method(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Violation> {
        if self.method_checked || bytes.is_empty() || bytes == [TLS_HANDSHAKE] {
            return Ok(());
        }
        let length = method_length(bytes, limits)?;
        match bytes.get(length) {
            None => Ok(()),
            Some(b' ' | &CR) if length > 0 => {
                self.method_checked = true;
                Ok(())
            }
            Some(_) => Err(Violation::BadRequestLine),
        }
    }
}

/// Bytes of the token at the start of a request line, of which no more than needed are looked at.
fn method_length(line: &[u8], limits: &Limits) -> Result<usize, Violation> {
    let (length, _) = syntax::leading_token(&line[..line.len().min(limits.method_bytes + 1)]);
    if length > limits.method_bytes { Err(Violation::MethodTooLong) } else { Ok(length) }
}

/// Bytes of a request line with its CR and LF, beyond which its end is not waited for.
fn longest_line(limits: &Limits) -> usize {
    limits.method_bytes + limits.target_bytes + " HTTP/1.1\r\n".len() + 1
}

const TLS_HANDSHAKE: u8 = 0x16;

/// Whether the peer speaks TLS: a handshake record of any version begins so.
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [TLS_HANDSHAKE, 3, ..])
}

/// The request line taken apart.
#[derive(Debug)]
struct RequestLine {
    method: Span,
    target: Span,
    version: Version,
}

impl RequestLine {
    fn parse(line: &[u8], limits: &Limits) -> Result<Self, Violation> {
        let method_end = method_length(line, limits)?;
        if method_end == 0 || line.get(method_end).is_some_and(|&byte| byte != b' ') {
            return Err(Violation::BadRequestLine);
        }
        if line.len() >= longest_line(limits) {
            return Err(Violation::TargetTooLong);
        }
        let rest = line.get(method_end + 1..).ok_or(Violation::MissingVersion)?;
        let target_length = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        if target_length > limits.target_bytes {
            return Err(Violation::TargetTooLong);
        }
        if target_length == 0 {
            return Err(Violation::BadRequestLine);
        }
        let version = rest.get(target_length + 1..).ok_or(Violation::MissingVersion)?;
        let target_start = method_end + 1;
        Ok(Self {
            method: span(0, method_end),
            target: span(target_start, target_start + target_length),
            version: parse_version(version)?,
        })
    }
}

fn parse_version(version: &[u8]) -> Result<Version, Violation> {
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        // A later version of this major one is answered as the one known here (RFC 9110, section 2.5).
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok(Version::Http11),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Violation::UnsupportedVersion)
        }
        _ => Err(Violation::BadRequestLine),
    }
}

impl Request {
    /// Parses `head`, a complete head with its empty line and nothing behind it; for tests and
    /// tools, as connections do this by themselves.
    ///
    /// # Errors
    /// The [`Violation`] that a connection would answer.
    pub fn from_head(head: &[u8], config: &Config) -> Result<Self, Violation> {
        let mut scan = HeadScan::default();
        match scan.advance(head, &config.limits)? {
            Scan::Complete(length) if length == head.len() => parse(head, config),
            _ => Err(Violation::BadRequestLine),
        }
    }
}

/// Takes a complete head apart, as found by [`HeadScan`].
pub(crate) fn parse(head: &[u8], config: &Config) -> Result<Request, Violation> {
    let limits = &config.limits;
    let line_end = memchr::memchr(CR, head).ok_or(Violation::BadRequestLine)?;
    let line = RequestLine::parse(&head[..line_end], limits)?;
    let target = line.target.of(head);
    if !target.is_ascii() {
        let mut request = parse(&with_escaped_target(head, line.target), config)?;
        request.verbatim_target = target.starts_with(b"/").then(|| target.into());
        return Ok(request);
    }
    let target = request_target::parse(head, line.method, line.target)?;
    let mut semantics = Semantics::default();
    let fields = parse_fields(head, line_end + 2, limits, &mut semantics)?;
    semantics.into_request(head, fields, target, line.method, line.target, line.version, config)
}

/// The head with what is not ASCII in its target escaped (RFC 3986, section 2.1). Old clients send such bytes
/// as they are; routes, files and logs see what a URI may hold.
fn with_escaped_target(head: &[u8], target: Span) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(head.len() + 2 * target.of(head).len());
    escaped.extend_from_slice(&head[..target.start as usize]);
    for &byte in target.of(head) {
        match byte.is_ascii() {
            true => escaped.push(byte),
            false => escaped.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    escaped.extend_from_slice(&head[target.end as usize..]);
    escaped
}

fn parse_fields(
    head: &[u8],
    start: usize,
    limits: &Limits,
    semantics: &mut Semantics,
) -> Result<SmallVec<[FieldSpan; 16]>, Violation> {
    let mut fields = SmallVec::new();
    let mut count = 0;
    let mut position = start;
    while head[position] != CR {
        count += 1;
        if count > limits.field_count {
            return Err(Violation::TooManyFields);
        }
        let length = memchr::memchr(CR, &head[position..]).ok_or(Violation::BareCr)?;
        let line = FieldLine::parse(&head[position..position + length])?;
        let field = FieldSpan {
            name: span(position, position + line.name_length),
            value: span(position + line.value_start, position + line.value_end),
        };
        if semantics.notice(head, field, &line, length)? {
            fields.push(field);
        }
        position += length + 2;
    }
    Ok(fields)
}
