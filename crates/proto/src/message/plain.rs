//! Answers that the server gives by itself.

use crate::message::fields::Fields;
use crate::message::response::{Response, ResponseBody};
use crate::message::status::reason;

/// A response with `text`, or with the reason phrase of the status.
pub(crate) fn response(
    status: u16,
    retry_after_s: Option<u32>,
    text: Option<&'static str>,
) -> Response {
    let mut response = match text {
        Some(text) => Response::plain(status, text),
        None => Response::phrase(status),
    };
    if let Some(seconds) = retry_after_s {
        response.fields.put("retry-after", itoa::Buffer::new().format(seconds));
    }
    response
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
    fields.put("content-type", "application/grpc");
    fields.put("grpc-status", grpc_status(status));
    fields.put("grpc-message", reason(status));
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
