//! HTTP/2, one server connection (RFC 9113), by the h2 crate over a [`Pipe`] in memory.
//!
//! The crate is a future without a runtime: [`Connection::advance`] polls it whenever something has
//! happened, and a stream that waits for the peer wakes up by its name in [`stream::Ready`]. What
//! becomes of the connection:
//!
//! ```text
//!   Open ── h2 is done ──▶ Flushing ── all has left ──▶ Lingering ──▶ Closed
//!    └──────── idle too long, peer too slow, socket failed ────────────▲
//! ```

mod flood_guard;
mod frame_filter;
mod frames;
mod header_block;
mod huffman;
mod input;
mod memory_pipe;
mod output;
mod prepared;
mod request;
mod response;
mod stream;
mod timers;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::Reason;
use h2::server::{Builder, Connection as Server};
use http::HeaderValue;
use hyperion_buf::SendQueue;

use self::flood_guard::FloodGuard;
use self::frame_filter::FrameFilter;
use self::memory_pipe::Pipe;
pub(crate) use self::prepared::Prepared;
use self::stream::{Answer, Fault, Ready, Stream};
use crate::config::Config;
use crate::event::{Closing, Event, StreamId};
use crate::life::{Life, ResponseInFlight, State};
use crate::limits::Limits;
use crate::violation::Violation;

/// What a client with prior knowledge, or behind ALPN, sends first (section 3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Of a request's body that may come before it is read.
const STREAM_WINDOW: u32 = 128 * 1024;

/// Of a response's body that h2 holds.
const SEND_BUFFER: usize = 64 * 1024;

/// Received bytes that wait for h2, which reads nothing while it cannot write.
const INPUT_MAX: usize = 256 * 1024;

/// Streams whose uploads are known to be on their way although they were answered.
const EARLY_MAX: usize = 128;

/// Requests that were reset before they were looked at.
const RESET_MAX: usize = 100;

/// One HTTP/2 connection; see [`crate::Connection`] for the meaning of its public calls.
#[derive(Debug)]
pub(crate) struct Connection {
    config: Arc<Config>,
    pub(crate) life: Life,
    pipe: Pipe,
    /// None once it is done.
    h2: Option<Server<Pipe, Bytes>>,
    streams: HashMap<u32, Stream>,
    ready: Ready,
    inbound: FrameFilter,
    budget: FloodGuard,
    /// The last streams whose client was answered before it had sent all of a body.
    answered_early: VecDeque<u32>,
    accepted: u64,
    draining: bool,
    /// The end was told, for a fault of the peer.
    has_gone_away: bool,
    /// Streams that were given to h2 to the end, and are perhaps not yet written.
    given: Vec<ResponseInFlight>,
    date: Option<(String, HeaderValue)>,
}

impl Connection {
    /// A connection whose client has sent the preface.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let pipe = Pipe::default();
        {
            let mut wire = pipe.wire();
            wire.input.extend_from_slice(PREFACE);
            wire.room = config.limits.output_bytes;
        }
        let header_list = header_list_bytes(&config.limits);
        let h2 = begin(&config, header_list, pipe.clone());
        let inbound = FrameFilter::new(header_list);
        let mut connection = Self {
            config,
            life: Life::new(now),
            pipe,
            h2,
            streams: HashMap::new(),
            ready: Ready::default(),
            inbound,
            budget: FloodGuard::new(now),
            answered_early: VecDeque::new(),
            accepted: 0,
            draining: false,
            has_gone_away: false,
            given: Vec::new(),
            date: None,
        };
        if connection.h2.is_none() {
            connection.life.state = State::Closed;
        }
        connection.advance();
        connection
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.life.events.pop_front()
    }

    pub fn poll_transmit(&mut self, out: &mut SendQueue) {
        self.advance();
        let mut wire = self.pipe.wire();
        self.life.give_out(wire.output.len());
        out.append(&mut wire.output);
    }

    pub fn poll_deadline(&self) -> Option<Instant> {
        self.life.deadlines.next()
    }

    pub fn wants_input(&self) -> bool {
        match self.life.state {
            State::Open => self.pipe.wire().input.len() < INPUT_MAX,
            State::Flushing | State::Lingering => {
                self.life.discarded <= self.config.limits.linger_bytes
            }
            State::Closed => false,
        }
    }

    pub fn buffered(&self, id: StreamId) -> u64 {
        self.streams.get(&id.0).map_or(0, |stream| stream.output.pending)
    }

    pub fn is_idle(&self) -> bool {
        self.life.state == State::Open
            && self.streams.is_empty()
            && !self.inbound.is_partial()
            && self.unsent() == 0
    }

    pub fn closing(&self) -> Closing {
        self.life.closing()
    }

    /// Takes no new requests once the client knows: first it is told that no more are wanted, and when
    /// it has heard so, which was the last (section 6.8).
    pub fn drain(&mut self, now: Instant) {
        self.life.set_now(now);
        if let Some(h2) = &mut self.h2
            && !std::mem::replace(&mut self.draining, true)
        {
            h2.graceful_shutdown();
        }
        self.advance();
    }

    /// Bytes written and not yet taken by the peer.
    fn unsent(&self) -> u64 {
        self.life.unsent(self.pipe.wire().output.len())
    }
}

/// Moving on.
impl Connection {
    /// Lets h2 and the streams react to each other, until nothing moves.
    pub(crate) fn advance(&mut self) {
        let unsent = self.unsent();
        {
            let mut wire = self.pipe.wire();
            wire.room = self.config.limits.output_bytes.saturating_sub(unsent);
            wire.blocked = false;
        }
        let mut context = Context::from_waker(Waker::noop());
        while let Some(h2) = &mut self.h2 {
            match h2.poll_accept(&mut context) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    // Of what came in between, as resets, it must be told first.
                    self.poll_streams();
                    self.open(request, respond);
                }
                Poll::Ready(Some(Err(error))) => self.fail(&error),
                Poll::Ready(None) => self.h2 = None,
                Poll::Pending if !self.poll_streams() => break,
                Poll::Pending => {}
            }
        }
        self.note_written();
        self.update_state();
    }

    /// Looks after streams that were woken; false when there are none.
    fn poll_streams(&mut self) -> bool {
        let woken = self.ready.take();
        for &id in &woken {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            let suspects = self.inbound.has_stand_ins();
            let polled =
                stream.poll(self.life.now, &self.config.limits, suspects, &mut self.life.events);
            let (bytes, pieces) = stream.output.take_unearned();
            self.budget.refill_by_bytes(bytes);
            self.budget.refill_by_pieces(pieces);
            match polled {
                Ok(()) if stream.output.answer == Answer::Given => self.finish_stream(id, true),
                Ok(()) => self.await_peer(id),
                Err(fault) => self.end_stream(id, fault),
            }
        }
        !woken.is_empty()
    }

    /// All of a response is with h2, or as much as there will be.
    fn finish_stream(&mut self, id: u32, complete: bool) {
        let Some(stream) = self.streams.remove(&id) else { return };
        let body_bytes = stream.output.given;
        if complete && stream.input.is_open() {
            self.answered_early.truncate(EARLY_MAX - 1);
            self.answered_early.push_front(id);
        }
        self.budget.earn_response();
        if !stream.is_silent {
            let id = stream.id;
            self.given.push(ResponseInFlight { id, announced: true, complete, end: 0, body_bytes });
        }
    }

    /// A stream is over before its response is.
    fn end_stream(&mut self, id: u32, fault: Fault) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match fault {
            Fault::Reset | Fault::Malformed => {
                if fault == Fault::Malformed {
                    stream.reset(Reason::PROTOCOL_ERROR);
                }
                let Some(stream) = self.streams.remove(&id) else { return };
                // Of several streams nobody can tell whose bytes are still on their way.
                let unsent = if self.streams.is_empty() { self.unsent() } else { 0 };
                self.life.events.extend(stream.aborted(unsent));
            }
            Fault::Refused(violation) => self.refuse_stream(id, violation),
            Fault::Broken => {
                stream.reset(Reason::INTERNAL_ERROR);
                self.finish_stream(id, false);
            }
        }
    }

    /// What was given to h2 is written by now, unless there was no room.
    fn note_written(&mut self) {
        let wire = self.pipe.wire();
        if !wire.blocked {
            let end = self.life.end_of(wire.output.len());
            self.given
                .drain(..)
                .for_each(|one| self.life.note_written(ResponseInFlight { end, ..one }));
        }
    }

    fn update_state(&mut self) {
        self.life.report_sent();
        if self.h2.is_none() && self.life.state == State::Open {
            self.life.state = State::Flushing;
            self.abort_streams();
        }
        if self.life.state == State::Flushing && self.unsent() == 0 {
            self.life.state = if self.pipe.wire().ended { State::Closed } else { State::Lingering };
        }
        if self.life.is_closed() {
            self.close();
        }
        self.schedule();
    }

    /// The peer has broken the protocol, or left; it was told why.
    fn fail(&mut self, error: &h2::Error) {
        self.h2 = None;
        let violation = match error.reason() {
            Some(Reason::ENHANCE_YOUR_CALM) => Violation::H2Flood,
            _ => Violation::H2ProtocolError,
        };
        if error.is_library() && !std::mem::replace(&mut self.has_gone_away, true) {
            self.complain(violation);
        }
    }

    fn complain(&mut self, violation: Violation) {
        self.life.events.push_back(Event::Rejected {
            id: None,
            violation,
            status: 0,
            bytes: 0,
            line: Bytes::new(),
        });
    }

    fn abort_streams(&mut self) {
        let mut unsent = self.unsent();
        for (_, stream) in self.streams.drain() {
            let behind = unsent.min(stream.output.given);
            unsent -= behind;
            self.life.events.extend(stream.aborted(behind));
        }
    }

    /// Ends everything now.
    fn close(&mut self) {
        self.h2 = None;
        self.life.state = State::Closed;
        self.abort_streams();
        let end = self.life.end_of(0);
        self.given
            .drain(..)
            .for_each(|one| self.life.note_written(ResponseInFlight { end, ..one }));
        self.life.end();
        self.pipe.wire().output.clear();
    }
}

/// Of the fields of a head. Each counts 32 bytes beside its own here, which heads of HTTP/1.1 do not know.
fn header_list_bytes(limits: &Limits) -> usize {
    limits.head_bytes + 32 * limits.field_count + 1024
}

/// Does its part of the handshake, for which all it needs has arrived.
fn begin(config: &Config, header_list: usize, pipe: Pipe) -> Option<Server<Pipe, Bytes>> {
    let limits = &config.limits;
    let streams = limits.h2_concurrent_streams;
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW.saturating_mul(streams.clamp(8, 256)))
        .max_concurrent_streams(streams)
        .max_header_list_size(u32::try_from(header_list).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESET_MAX)
        .max_local_error_reset_streams(None);
    let handshake = pin!(builder.handshake(pipe));
    match handshake.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(connection) => connection.ok(),
        Poll::Pending => None,
    }
}
