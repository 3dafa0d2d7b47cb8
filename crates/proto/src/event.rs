//! What a connection tells, and by which names.

use std::sync::Arc;

use bytes::Bytes;

use crate::message::fields::Fields;
use crate::message::request::Request;
use crate::violation::Violation;

/// Names one exchange of a connection: the sequence number of its request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(pub u32);

/// What a peer did, or what became of a response.
#[derive(Debug)]
pub enum Event {
    /// A request head is complete.
    Request {
        /// The exchange that begins.
        id: StreamId,
        /// The head.
        request: Arc<Request>,
    },
    /// A part of a request body, or bytes of a tunnel.
    Data {
        /// The exchange.
        id: StreamId,
        /// The bytes; never empty.
        bytes: Bytes,
    },
    /// The body is complete; for a request without body it follows `Request` at once. In a tunnel:
    /// the peer sends no more.
    End {
        /// The exchange.
        id: StreamId,
        /// Trailers of a chunked body, without those that must not be merged into the head.
        trailers: Option<Box<Fields>>,
    },
    /// The exchange failed: the peer left, was too slow, or broke the framing of the body. Nothing
    /// more follows for it, and what is handed over for it is ignored.
    Aborted {
        /// The exchange.
        id: StreamId,
    },
    /// The response has left. Exchanges finish in their order.
    Finished {
        /// The exchange.
        id: StreamId,
        /// Bytes behind the head that have left, chunk framing included.
        bytes: u64,
        /// Whether all of the response has left, to its proper end.
        complete: bool,
    },
    /// The connection answered by itself. HTTP/1 closes behind it; HTTP/2 closes where `id` is none and
    /// there was no answer.
    Rejected {
        /// The exchange, when its request was announced before; `Aborted` precedes this event then.
        id: Option<StreamId>,
        /// What the peer did.
        violation: Violation,
        /// The status of the answer; 0 where there is none.
        status: u16,
        /// Bytes of the answer behind its head.
        bytes: u64,
        /// The request line as far as it is known, as received and cut at 256 bytes: untrusted.
        line: Bytes,
    },
}

/// What is to be done with the socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closing {
    /// Nothing.
    Open,
    /// All output has left: shut the write side, and go on handing over input until the end.
    ShutdownWrite,
    /// Close it.
    Close,
}
