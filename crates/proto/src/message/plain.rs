//! Answers that the server gives by itself.

use bytes::Bytes;

use crate::message::fields::Fields;
use crate::message::response::{Response, ResponseBody};
use crate::message::status::reason;

/// A response with `text`, or with the reason phrase of the status.
pub(crate) fn response(
    status: u16,
    retry_after_s: Option<u32>,
    text: Option<&'static str>,
) -> Response {
    let body = match text {
        Some(text) => Bytes::from_static(text.as_bytes()),
        None => format!("{}\n", reason(status)).into(),
    };
    let mut fields = Fields::new();
    let mut push = |name: &str, value: &str| {
        fields.push(name.as_bytes(), value.as_bytes()).expect("names and values are plain ASCII");
    };
    push("content-type", "text/plain");
    if let Some(seconds) = retry_after_s {
        push("retry-after", itoa::Buffer::new().format(seconds));
    }
    Response { status, fields, body: ResponseBody::Full(body) }
}

/// The answer to a request that is not taken. Clients of gRPC go by a status of their own, and guess from
/// that of HTTP only where there is none.
pub(crate) fn refusal(status: u16, is_grpc: bool) -> Response {
    match is_grpc {
        true => grpc_response(status),
        false => response(status, None, None),
    }
}

fn grpc_response(status: u16) -> Response {
    let mut fields = Fields::new();
    let message = reason(status);
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("grpc-status", grpc_status(status)),
        ("grpc-message", message),
    ] {
        fields.push(name.as_bytes(), value.as_bytes()).expect("names and values are plain ASCII");
    }
    Response { status, fields, body: ResponseBody::Empty }
}

/// DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED for what is too slow and too much, else INTERNAL, which is
/// gRPC's word for broken framing.
fn grpc_status(status: u16) -> &'static str {
    match status {
        408 => "4",
        413 | 414 | 431 => "8",
        _ => "13",
    }
}
