use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyperion_buf::{FileRange, SendQueue};

use crate::config::Config;
use crate::fields::Fields;
use crate::http1;
use crate::prepared::Prepared;
use crate::request::Request;
use crate::response::Response;
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
    /// The connection answered by itself; it closes.
    Rejected {
        /// The exchange, when its request was announced before; `Aborted` precedes this event then.
        id: Option<StreamId>,
        /// What the peer did.
        violation: Violation,
        /// The status of the answer.
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

/// The protocol side of one peer.
///
/// Call order: `handle_*` or mutators; then `poll_event` until it is empty, which may lead to more
/// mutators; then `poll_transmit`, `closing`, `wants_input` and `poll_deadline`. No call fails: an
/// exchange that is unknown or over is ignored, since answers race with the peer.
#[derive(Debug)]
pub struct Connection {
    http1: http1::Connection,
}

impl Connection {
    /// A connection accepted at `now`.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        Self { http1: http1::Connection::new(config, now) }
    }

    /// A connection above the allowed number: it is answered 503 at once and closes.
    pub fn refused(config: Arc<Config>, now: Instant) -> Self {
        let mut http1 = http1::Connection::new(config, now);
        http1.refuse();
        Self { http1 }
    }
}

/// Input from network and clock.
impl Connection {
    /// Takes received bytes, all of them.
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        self.http1.handle_input(now, bytes);
    }

    /// The peer sends no more. Complete requests are still answered.
    pub fn handle_eof(&mut self, now: Instant) {
        self.http1.handle_eof(now);
    }

    /// The socket failed: open exchanges end, and nothing more can be sent.
    pub fn handle_disconnect(&mut self) {
        self.http1.handle_disconnect();
    }

    /// `bytes` of what `poll_transmit` gave out have left.
    pub fn handle_sent(&mut self, now: Instant, bytes: u64) {
        self.http1.handle_sent(now, bytes);
    }

    /// The time of `poll_deadline` has come. Of what has left, the socket still holds `backlog`
    /// bytes that the peer has not taken.
    pub fn handle_timeout(&mut self, now: Instant, backlog: u64) {
        self.http1.handle_timeout(now, backlog);
    }
}

/// Output.
impl Connection {
    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.http1.poll_event()
    }

    /// Moves what may leave now behind the output in `out`.
    pub fn poll_transmit(&mut self, out: &mut SendQueue) {
        self.http1.poll_transmit(out);
    }

    /// When `handle_timeout` is due.
    pub fn poll_deadline(&self) -> Option<Instant> {
        self.http1.poll_deadline()
    }
}

/// What the application wants.
impl Connection {
    /// Answers a request. `date` is the IMF-fixdate of the moment, or empty; a `date` field of the
    /// application wins.
    pub fn respond(&mut self, now: Instant, id: StreamId, response: Response, date: &str) {
        self.http1.respond(now, id, response, date);
    }

    /// Answers a request with a response that was rendered before; otherwise as
    /// [`respond`](Self::respond).
    pub fn respond_prepared(
        &mut self,
        now: Instant,
        id: StreamId,
        prepared: &Prepared,
        date: &str,
    ) {
        self.http1.respond_prepared(now, id, prepared, date);
    }

    /// Sends an informational response (1xx but 101) in front of the final one; HTTP/1.0 clients
    /// get none.
    pub fn inform(&mut self, id: StreamId, status: u16, fields: &Fields) {
        self.http1.inform(id, status, fields);
    }

    /// Asks the client for the body it holds back, if it still does.
    pub fn send_continue(&mut self, id: StreamId) {
        self.http1.send_continue(id);
    }

    /// Hands over bytes of a streamed response or of a tunnel.
    pub fn send_body(&mut self, id: StreamId, bytes: Bytes) {
        self.http1.send_body(id, bytes);
    }

    /// Hands over a part of a file as bytes of a streamed response or of a tunnel.
    pub fn send_file(&mut self, id: StreamId, range: FileRange) {
        self.http1.send_file(id, range);
    }

    /// Ends a streamed response or a tunnel. Trailers go out if the body is chunked and the client
    /// accepts them.
    pub fn finish(&mut self, now: Instant, id: StreamId, trailers: Option<&Fields>) {
        self.http1.finish(now, id, trailers);
    }

    /// The application failed: 500 if it has not answered yet, else the response is cut and the
    /// connection closes without a clean end.
    pub fn reset(&mut self, now: Instant, id: StreamId) {
        self.http1.reset(now, id);
    }

    /// Answers with a plain text for `status`. The connection stays if the request is read to its
    /// end.
    pub fn reject(&mut self, now: Instant, id: StreamId, status: u16, retry_after_s: Option<u32>) {
        self.http1.reject(now, id, status, retry_after_s);
    }

    /// Stops reading the body of a request, or a tunnel.
    pub fn pause_body(&mut self, id: StreamId) {
        self.http1.pause_body(id);
    }

    /// Goes on reading the body of a request, or a tunnel.
    pub fn resume_body(&mut self, id: StreamId) {
        self.http1.resume_body(id);
    }

    /// Takes one more request at most. The first response that can still say so announces the end.
    pub fn last_call(&mut self, now: Instant) {
        self.http1.last_call(now);
    }

    /// Takes no more requests, answers those taken, and closes.
    pub fn drain(&mut self, now: Instant) {
        self.http1.drain(now);
    }

    /// The bytes received behind the requests taken so far, for an application that takes over the
    /// socket; the connection is of no use afterwards.
    pub fn take_unread(&mut self) -> Bytes {
        self.http1.take_unread()
    }
}

/// Getters.
impl Connection {
    /// Whether to read from the socket.
    pub fn wants_input(&self) -> bool {
        self.http1.wants_input()
    }

    /// Bytes of a response that wait here or in the driver, framing included.
    pub fn buffered(&self, id: StreamId) -> u64 {
        self.http1.buffered(id)
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.http1.is_idle()
    }

    /// What is to be done with the socket.
    pub fn closing(&self) -> Closing {
        self.http1.closing()
    }

    /// Whether a response is cut whose only end is the end of the connection. Then the socket
    /// should be reset rather than closed, so that the peer does not take the part for the whole.
    pub fn is_cut(&self) -> bool {
        self.http1.is_cut()
    }
}
