//! A request head of HTTP/2 (RFC 9113, section 8.3.1), written as a head of HTTP/1.1 and judged by the
//! same rules, so that both protocols agree on what a target, a host or a field may be.

use http::header::{COOKIE, EXPECT, HOST, HeaderName, HeaderValue};
use http::request::Parts;

use crate::config::Config;
use crate::http1::head_parser;
use crate::limits::Limits;
use crate::message::fields::{Fields, is_forbidden_trailer};
use crate::message::request::{BodyLength, Request, Version};
use crate::violation::Violation;

/// The request; `ended` says that nothing follows its head.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(parts: &Parts, ended: bool, config: &Config) -> Result<Request, Violation> {
    let bytes = render(parts)?;
    if bytes.len() > config.limits.head_bytes {
        return Err(Violation::HeadTooLarge);
    }
    let mut request = head_parser::parse(&bytes, config)?;
    request.version = Version::Http2;
    if !ended && request.body == BodyLength::None {
        request.body = BodyLength::Chunked;
    }
    request.expects_continue = !ended && parts.headers.contains_key(EXPECT);
    request.keep_alive = true;
    Ok(request)
}

/// Trailers without those that must not be merged into the head.
///
/// # Errors
/// What is wrong with them.
pub(super) fn trailers(
    mut map: http::HeaderMap,
    limits: &Limits,
) -> Result<Option<Box<Fields>>, Violation> {
    // No trailer in any case, and the mark that those of a request are given on their way.
    map.remove(HOST);
    let bytes: usize = map.iter().map(|(name, value)| line_bytes(name, value)).sum();
    if map.len() > limits.trailer_fields || bytes > limits.trailer_bytes {
        return Err(Violation::TrailersTooLarge);
    }
    let mut fields = Fields::new();
    for (name, value) in &map {
        let name = name.as_str().as_bytes();
        if !is_forbidden_trailer(name) {
            fields.push(name, value.as_bytes()).map_err(|_| Violation::BadTrailer)?;
        }
    }
    Ok((!fields.is_empty()).then(|| Box::new(fields)))
}

/// What a field takes in HTTP/1.1, by which the limits of both are the same.
fn line_bytes(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + value.len() + ": \r\n".len()
}

fn render(parts: &Parts) -> Result<Vec<u8>, Violation> {
    let method = parts.method.as_str();
    let target = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    if method == "CONNECT" {
        return Err(Violation::ConnectMethod);
    }
    if !target.starts_with('/') && (target != "*" || method != "OPTIONS") {
        return Err(Violation::BadTarget);
    }
    if parts.uri.scheme_str() == Some("") {
        return Err(Violation::BadTarget);
    }
    if parts.headers.values().any(has_white_space_around) {
        return Err(Violation::BadFieldValue);
    }
    let mut head = Vec::with_capacity(512);
    let mut add = |pieces: &[&[u8]]| pieces.iter().for_each(|piece| head.extend_from_slice(piece));
    add(&[method.as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"]);
    if let Some(host) = host(parts)? {
        add(&[b"host: ", host, b"\r\n"]);
    }
    for (name, value) in &parts.headers {
        if !matches!(*name, HOST | COOKIE) {
            add(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
    }
    // Crumbs of one cookie come as fields of their own (section 8.2.3).
    let mut separator: &[u8] = b"cookie: ";
    for crumb in parts.headers.get_all(COOKIE) {
        add(&[separator, crumb.as_bytes()]);
        separator = b"; ";
    }
    if separator == b"; " {
        add(&[b"\r\n"]);
    }
    add(&[b"\r\n"]);
    Ok(head)
}

/// Section 8.2.1; HTTP/1.1 has such white space between fields, and takes it off.
fn has_white_space_around(value: &HeaderValue) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    is_space(value.as_bytes().first()) || is_space(value.as_bytes().last())
}

/// What `:authority` says, and `host` where there is none; both have to agree.
fn host(parts: &Parts) -> Result<Option<&[u8]>, Violation> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next().map(HeaderValue::as_bytes);
    if hosts.next().is_some() {
        return Err(Violation::DuplicateHost);
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            Err(Violation::BadHost)
        }
        (authority, host) => Ok(authority.or(host)),
    }
}
