use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyperion_buf::{FileRange, SendQueue};

use crate::config::Config;
use crate::event::{Closing, Event, StreamId};
use crate::message::fields::Fields;
use crate::message::request::Request;
use crate::message::response::Response;
use crate::prepared::Prepared;
use crate::protocol::{Machine, Protocol, on_machine};
use crate::tls::{ClientCertificate, Progress, Tls, TlsConfig};
use crate::violation::Violation;

/// The protocol side of one peer.
///
/// Call order: `handle_*` or mutators; then `poll_event` until it is empty, which may lead to more
/// mutators; then `poll_transmit`, `closing`, `wants_input` and `poll_deadline`. No call fails: an
/// exchange that is unknown or over is ignored, since answers race with the peer.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    security: Option<Box<Tls>>,
    protocol: Protocol,
    /// What became of the handshake, to be told first.
    complaint: Option<Violation>,
    now: Instant,
}

impl Connection {
    /// A connection accepted at `now`.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let protocol = Protocol::new(config.clone(), now);
        Self { config, security: None, protocol, complaint: None, now }
    }

    /// A connection accepted at `now` that begins with a TLS handshake.
    pub fn secure(config: Arc<Config>, tls: &TlsConfig, now: Instant) -> Self {
        let security = Tls::new(tls, &config, now).map(Box::new);
        let is_lost = security.is_none();
        let mut connection = Self { security, ..Self::new(config, now) };
        if is_lost {
            connection.protocol.handle_disconnect();
        }
        connection
    }

    /// A connection above the allowed number: it is answered 503 at once and closes; behind a TLS
    /// handshake where `tls` is given.
    pub fn refused(config: Arc<Config>, tls: Option<&TlsConfig>, now: Instant) -> Self {
        let mut connection = match tls {
            Some(tls) => Self::secure(config, tls, now),
            None => Self::new(config, now),
        };
        connection.protocol.refuse();
        connection
    }
}

/// Input from network and clock.
impl Connection {
    /// Takes received bytes, all of them.
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        match &self.security {
            None => self.protocol.handle_input(now, bytes),
            Some(_) => self.decrypt(now, bytes),
        }
    }

    /// The peer sends no more. Complete requests are still answered.
    pub fn handle_eof(&mut self, now: Instant) {
        self.now = now;
        match &self.security {
            Some(tls) if tls.is_handshaking() || tls.has_ended() => self.handle_disconnect(),
            _ => self.protocol.handle_eof(now),
        }
    }

    /// The socket failed: open exchanges end, and nothing more can be sent.
    pub fn handle_disconnect(&mut self) {
        self.protocol.handle_disconnect();
        self.security = None;
    }

    /// `bytes` of what `poll_transmit` gave out have left.
    pub fn handle_sent(&mut self, now: Instant, bytes: u64) {
        self.now = now;
        match &mut self.security {
            None => self.protocol.handle_sent(now, bytes),
            Some(tls) => match tls.handle_sent(bytes) {
                0 => {}
                bytes => self.protocol.handle_sent(now, bytes),
            },
        }
    }

    /// The time of `poll_deadline` has come. Of what has left, the socket still holds `backlog`
    /// bytes that the peer has not taken.
    pub fn handle_timeout(&mut self, now: Instant, backlog: u64) {
        self.now = now;
        if let Some(tls) = &mut self.security
            && tls.is_over(now, backlog, &self.config)
        {
            if tls.is_handshaking() {
                self.complaint = Some(Violation::TlsHandshakeTimeout);
            }
            self.handle_disconnect();
        }
        self.protocol.handle_timeout(now, backlog);
    }

    fn decrypt(&mut self, now: Instant, bytes: &[u8]) {
        self.now = now;
        let mut input = bytes;
        let mut plain = Vec::new();
        while let Some(tls) = &mut self.security
            && !input.is_empty()
        {
            if tls.is_plain_http(input) {
                self.security = None;
                return self.protocol.violate(now, Violation::HttpOnTlsPort);
            }
            plain.clear();
            let progress = tls.read(&mut input, &mut plain);
            if progress == Progress::Established {
                self.protocol.begin(now, tls.agreed());
            }
            if !plain.is_empty() {
                self.protocol.handle_input(now, &plain);
            }
            match progress {
                Progress::Going | Progress::Established => {}
                Progress::PeerEnded => self.protocol.handle_eof(now),
                Progress::HandshakeFailed | Progress::Failed => self.fail(progress),
            }
        }
    }

    fn fail(&mut self, progress: Progress) {
        if progress == Progress::HandshakeFailed {
            self.complaint = Some(Violation::TlsHandshakeFailed);
        }
        self.protocol.handle_disconnect();
        if let Some(tls) = &mut self.security {
            tls.end(self.now.checked_add(self.config.timeouts.linger));
        }
    }
}

/// Output.
impl Connection {
    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        match self.complaint.take() {
            None => self.protocol.poll_event(),
            Some(violation) => Some(Event::Rejected {
                id: None,
                violation,
                status: 0,
                bytes: 0,
                line: Bytes::new(),
            }),
        }
    }

    /// Moves what may leave now behind the output in `out`.
    pub fn poll_transmit(&mut self, out: &mut SendQueue) {
        let Some(tls) = &mut self.security else { return self.protocol.poll_transmit(out) };
        self.protocol.poll_transmit(tls.queue());
        if self.protocol.closing() != Closing::Open && !self.protocol.is_cut() && !tls.has_ended() {
            tls.end(self.now.checked_add(self.config.timeouts.linger));
        }
        if tls.write(out, self.config.limits.output_bytes).is_err() {
            // A file is not what it was: what was announced cannot be sent.
            match &mut self.protocol.machine {
                Machine::Http1(http1) => http1.break_off(),
                Machine::Http2(http2) => http2.handle_disconnect(),
            }
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let deadline = self.protocol.poll_deadline();
        match &self.security {
            None => deadline,
            Some(tls) => [deadline, tls.deadline()].into_iter().flatten().min(),
        }
    }
}

/// What the application wants.
impl Connection {
    /// Answers a request. `date` is the IMF-fixdate of the moment, or empty; a `date` field of the
    /// application wins.
    pub fn respond(&mut self, now: Instant, id: StreamId, response: Response, date: &str) {
        on_machine!(&mut self.protocol.machine, machine => machine.respond(now, id, response, date));
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
        match &mut self.protocol.machine {
            Machine::Http1(http1) => http1.respond_prepared(now, id, &prepared.http1, date),
            Machine::Http2(http2) => http2.respond_prepared(now, id, &prepared.http2, date),
        }
    }

    /// Sends an informational response (1xx but 101) in front of the final one; HTTP/1.0 clients
    /// get none.
    pub fn inform(&mut self, id: StreamId, status: u16, fields: &Fields) {
        on_machine!(&mut self.protocol.machine, machine => machine.inform(id, status, fields));
    }

    /// Asks the client for the body it holds back, if it still does.
    pub fn send_continue(&mut self, id: StreamId) {
        match &mut self.protocol.machine {
            Machine::Http1(http1) => http1.send_continue(id),
            Machine::Http2(http2) => http2.inform(id, 100, &Fields::new()),
        }
    }

    /// Finds out whether a peer that sends no more is still there: if not, the socket soon fails.
    pub fn probe(&mut self, id: StreamId) {
        if let Machine::Http1(http1) = &mut self.protocol.machine {
            http1.probe(id);
        }
    }

    /// Hands over bytes of a streamed response or of a tunnel.
    pub fn send_body(&mut self, id: StreamId, bytes: Bytes) {
        on_machine!(&mut self.protocol.machine, machine => machine.send_body(id, bytes));
    }

    /// Hands over a part of a file as bytes of a streamed response or of a tunnel.
    pub fn send_file(&mut self, id: StreamId, range: FileRange) {
        on_machine!(&mut self.protocol.machine, machine => machine.send_file(id, range));
    }

    /// Ends a streamed response or a tunnel. Trailers go out if the body is chunked and the client
    /// accepts them.
    pub fn finish(&mut self, now: Instant, id: StreamId, trailers: Option<&Fields>) {
        on_machine!(&mut self.protocol.machine, machine => machine.finish(now, id, trailers));
    }

    /// The application failed: 500 if it has not answered yet, else the response is cut and the
    /// connection closes without a clean end.
    pub fn reset(&mut self, now: Instant, id: StreamId) {
        on_machine!(&mut self.protocol.machine, machine => machine.reset(now, id));
    }

    /// Gives the connection to the application behind this request, as a tunnel that no response opens: what it
    /// hands over is all that the client gets. False when it is not the turn of this exchange, or others share
    /// the connection.
    pub fn tunnel(&mut self, now: Instant, id: StreamId) -> bool {
        match &mut self.protocol.machine {
            Machine::Http1(http1) => http1.tunnel(now, id),
            Machine::Http2(_) => false,
        }
    }

    /// Answers with a plain text for `status`. The connection stays if the request is read to its
    /// end.
    pub fn reject(&mut self, now: Instant, id: StreamId, status: u16, retry_after_s: Option<u32>) {
        on_machine!(&mut self.protocol.machine, machine => machine.reject(now, id, status, retry_after_s));
    }

    /// Does not take a request, for the client to send it again: an HTTP/2 stream is refused, which its
    /// `Aborted` and `Rejected` follow; over HTTP/1 it is rejected with 503.
    pub fn refuse_unprocessed(&mut self, now: Instant, id: StreamId) {
        match &mut self.protocol.machine {
            Machine::Http1(http1) => http1.reject(now, id, 503, Some(1)),
            Machine::Http2(http2) => http2.refuse_unprocessed(now, id),
        }
    }

    /// Stops reading the body of a request, or a tunnel.
    pub fn pause_body(&mut self, id: StreamId) {
        on_machine!(&mut self.protocol.machine, machine => machine.pause_body(id));
    }

    /// Goes on reading the body of a request, or a tunnel.
    pub fn resume_body(&mut self, id: StreamId) {
        on_machine!(&mut self.protocol.machine, machine => machine.resume_body(id));
    }

    /// Whether a request is for another host than the certificate that was shown, where names are taken
    /// strictly. It remembers the last host that was found good.
    pub fn is_misdirected(&mut self, request: &Request) -> bool {
        self.security.as_mut().is_some_and(|tls| !tls.includes(request.host()))
    }

    /// Takes one more request at most. The first response that can still say so announces the end.
    pub fn last_call(&mut self, now: Instant) {
        self.protocol.last_call(now);
    }

    /// Takes no more requests, answers those taken, and closes.
    pub fn drain(&mut self, now: Instant) {
        self.protocol.drain(now);
    }

    /// The bytes received behind the requests taken so far, for an application that takes over the
    /// socket; the connection is of no use afterwards.
    pub fn take_unread(&mut self) -> Bytes {
        match &mut self.protocol.machine {
            Machine::Http1(http1) => http1.take_unread(),
            Machine::Http2(_) => Bytes::new(),
        }
    }
}

/// Getters.
impl Connection {
    /// Whether to read from the socket.
    pub fn wants_input(&self) -> bool {
        match &self.security {
            Some(tls) if tls.is_handshaking() || tls.has_ended() => true,
            _ => self.protocol.wants_input(),
        }
    }

    /// Bytes of a response that wait here or in the driver, framing included.
    pub fn buffered(&self, id: StreamId) -> u64 {
        on_machine!(&self.protocol.machine, machine => machine.buffered(id))
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        !self.security.as_ref().is_some_and(|tls| tls.is_handshaking()) && self.protocol.is_idle()
    }

    /// Whether TLS is spoken.
    pub fn is_secure(&self) -> bool {
        self.security.is_some()
    }

    /// Whether all that there is of this connection stands in its socket and in the requests that were
    /// announced, so that another process may go on with it.
    pub fn is_portable(&self) -> bool {
        self.security.is_none() && self.protocol.is_http1()
    }

    /// What the client has shown of itself in the TLS handshake.
    pub fn peer_certificate(&self) -> Option<ClientCertificate> {
        self.security.as_ref()?.peer_certificate()
    }

    /// What is to be done with the socket.
    pub fn closing(&self) -> Closing {
        match &self.security {
            None => self.protocol.closing(),
            Some(tls) if !tls.has_ended() => match self.protocol.closing() {
                Closing::Close if self.protocol.is_cut() => Closing::Close,
                _ => Closing::Open,
            },
            Some(tls) if tls.unsent() > 0 => Closing::Open,
            Some(_) => Closing::ShutdownWrite,
        }
    }

    /// Whether a response is cut whose only end is the end of the connection. Then the socket
    /// should be reset rather than closed, so that the peer does not take the part for the whole.
    pub fn is_cut(&self) -> bool {
        match &self.protocol.machine {
            Machine::Http1(http1) => http1.is_cut(),
            Machine::Http2(_) => false,
        }
    }
}
