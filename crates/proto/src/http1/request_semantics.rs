//! What the fields of a request mean for its framing, its connection and its safety.

use smallvec::SmallVec;

use super::field_line::FieldLine;
use super::request_target::Target;
use crate::config::{Config, UnderscorePolicy};
use crate::message::request::{BodyLength, FieldSpan, Request, Span, Version};
use crate::message::syntax;
use crate::violation::Violation;

/// Collects, field by field, what matters beyond the field itself.
#[derive(Debug, Default)]
pub(crate) struct Semantics {
    host: Option<Span>,
    content_length: Option<u64>,
    transfer_encodings: u32,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    takes_trailers: bool,
    upgrades: bool,
    /// Kept fields with an underscore, to be judged when all fields are known.
    underscores: u32,
}

impl Semantics {
    /// Takes note of one field; false when the field is not for the application.
    pub fn notice(
        &mut self,
        head: &[u8],
        field: FieldSpan,
        line: &FieldLine,
        line_length: usize,
    ) -> Result<bool, Violation> {
        let name = field.name.of(head);
        if line.has_underscore {
            self.underscores += 1;
            return Ok(true);
        }
        let value = field.value.of(head);
        let is = |lower: &str| name.eq_ignore_ascii_case(lower.as_bytes());
        match name.len() {
            2 if is("te") => {
                self.takes_trailers |=
                    syntax::list(value).any(|coding| is_word(coding, "trailers"));
            }
            4 if is("host") => self.notice_host(field.value, value)?,
            6 if is("expect") => {
                if !is_word(value, "100-continue") {
                    return Err(Violation::UnknownExpectation);
                }
                self.expects_continue = true;
            }
            7 if is("upgrade") => self.upgrades = true,
            10 if is("connection") => {
                for option in syntax::list(value) {
                    self.close |= is_word(option, "close");
                    self.keep_alive |= is_word(option, "keep-alive");
                }
            }
            14 if is("content-length") => {
                refuse_tabs_behind(head, field, line, line_length, Violation::BadContentLength)?;
                self.notice_length(value)?;
            }
            17 if is("transfer-encoding") => {
                refuse_tabs_behind(head, field, line, line_length, Violation::BadTransferEncoding)?;
                self.notice_coding(value)?;
            }
            _ => return Ok(!is_forged(name)),
        }
        Ok(true)
    }

    fn notice_host(&mut self, span: Span, value: &[u8]) -> Result<(), Violation> {
        if self.host.is_some() {
            return Err(Violation::DuplicateHost);
        }
        if !syntax::is_host(value) {
            return Err(Violation::BadHost);
        }
        self.host = Some(span);
        Ok(())
    }

    fn notice_length(&mut self, value: &[u8]) -> Result<(), Violation> {
        if self.content_length.is_some() {
            return Err(Violation::DuplicateContentLength);
        }
        self.content_length = Some(syntax::decimal(value).ok_or(Violation::BadContentLength)?);
        Ok(())
    }

    fn notice_coding(&mut self, value: &[u8]) -> Result<(), Violation> {
        self.transfer_encodings += 1;
        if self.transfer_encodings > 1 {
            return Err(Violation::BadTransferEncoding);
        }
        match is_word(value, "chunked") {
            true => Ok(()),
            false if is_list_of_codings(value) => Err(Violation::UnknownTransferCoding),
            false => Err(Violation::BadTransferEncoding),
        }
    }

    /// The request, when its fields agree with each other.
    #[expect(clippy::too_many_arguments, reason = "the parts of one head, in their order")]
    pub fn into_request(
        self,
        head: &[u8],
        mut fields: SmallVec<[FieldSpan; 16]>,
        target: Target,
        method: Span,
        target_span: Span,
        version: Version,
        config: &Config,
    ) -> Result<Request, Violation> {
        let body = self.body_length(version, config)?;
        if version == Version::Http11 && self.host.is_none() {
            return Err(Violation::MissingHost);
        }
        if let (Some(authority), Some(host)) = (target.authority, self.host) {
            rewrite(&mut fields, host, authority);
        }
        let mut dropped = 0;
        if self.underscores > 0 {
            let before = fields.len();
            judge_underscores(head, &mut fields, config.underscore_headers);
            dropped = (before - fields.len()) as u32;
        }
        let has_body = !matches!(body, BodyLength::None | BodyLength::Known(0));
        Ok(Request {
            head: head.into(),
            fields,
            method,
            target: target_span,
            verbatim_target: None,
            path: target.path,
            query: target.query,
            host: target.authority.or(self.host),
            version,
            body,
            keep_alive: !self.close && (version == Version::Http11 || self.keep_alive),
            expects_continue: self.expects_continue && has_body && version == Version::Http11,
            takes_trailers: self.takes_trailers,
            upgrades: self.upgrades,
            dropped_underscore_headers: dropped,
        })
    }

    fn body_length(&self, version: Version, config: &Config) -> Result<BodyLength, Violation> {
        match (self.content_length, self.transfer_encodings > 0) {
            (Some(_), true) => Err(Violation::LengthWithTransferEncoding),
            (None, true) if version == Version::Http10 => Err(Violation::TransferEncodingOnHttp10),
            (None, true) => Ok(BodyLength::Chunked),
            (Some(length), false) if length > config.limits.body_bytes => {
                Err(Violation::BodyTooLarge)
            }
            (Some(length), false) => Ok(BodyLength::Known(length)),
            (None, false) => Ok(BodyLength::None),
        }
    }
}

/// Whether a message could be framed so, by a server that knows the codings: `chunked` stands at the end of a
/// list and nowhere else (RFC 9112, section 6.1), or there is a single other one.
fn is_list_of_codings(value: &[u8]) -> bool {
    let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).rev();
    let last = codings.next().unwrap_or_default();
    let is_alone = syntax::is_token(value);
    let are_others = codings.all(|coding| syntax::is_token(coding) && !is_word(coding, "chunked"));
    is_alone || is_word(last, "chunked") && are_others
}

fn is_word(value: &[u8], lower: &str) -> bool {
    value.eq_ignore_ascii_case(lower.as_bytes())
}

/// Tabs behind the fields that frame a message are legal and of no use but to hide the field from a
/// proxy that does not strip them. In front of a value clients do send them.
fn refuse_tabs_behind(
    head: &[u8],
    field: FieldSpan,
    line: &FieldLine,
    line_length: usize,
    violation: Violation,
) -> Result<(), Violation> {
    let line_start = field.name.start as usize;
    let after = &head[line_start + line.value_end..line_start + line_length];
    if after.contains(&b'\t') { Err(violation) } else { Ok(()) }
}

/// Fields that would let a client speak for a proxy or for the server's environment: `Proxy`
/// becomes `HTTP_PROXY`, the others tell an application how to hand files to its front server.
fn is_forged(name: &[u8]) -> bool {
    let lower = match name.len() {
        5 => "proxy",
        15 if name[2] | 0x20 == b's' => "x-sendfile-type",
        15 => "x-accel-mapping",
        16 => "x-accel-redirect",
        _ => return false,
    };
    is_word(name, lower)
}

/// Gives the `Host` field the value of the target's authority.
fn rewrite(fields: &mut [FieldSpan], host: Span, authority: Span) {
    if let Some(field) = fields.iter_mut().find(|field| field.value == host) {
        field.value = authority;
    }
}

fn judge_underscores(
    head: &[u8],
    fields: &mut SmallVec<[FieldSpan; 16]>,
    policy: UnderscorePolicy,
) {
    let dashed: SmallVec<[FieldSpan; 16]> = match policy {
        UnderscorePolicy::Drop => SmallVec::new(),
        UnderscorePolicy::Allow => {
            fields.iter().filter(|field| !field.name.of(head).contains(&b'_')).copied().collect()
        }
    };
    fields.retain(|field| {
        let name = field.name.of(head);
        if !name.contains(&b'_') {
            return true;
        }
        policy == UnderscorePolicy::Allow
            && !is_reserved(name)
            && !dashed.iter().any(|other| same_key(other.name.of(head), name))
    });
}

/// Whether two names become the same key of an environment.
fn same_key(left: &[u8], right: &[u8]) -> bool {
    let key = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    left.iter().map(key).eq(right.iter().map(key))
}

/// Whether a name with underscores stands for a field that decides about the request.
fn is_reserved(name: &[u8]) -> bool {
    [
        "content-length",
        "content-type",
        "transfer-encoding",
        "x-accel-mapping",
        "x-accel-redirect",
        "x-sendfile-type",
    ]
    .iter()
    .any(|reserved| same_key(reserved.as_bytes(), name))
}
