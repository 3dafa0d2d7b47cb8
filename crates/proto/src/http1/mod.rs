//! HTTP/1.0 and HTTP/1.1, one server connection (RFC 9110, RFC 9112).
//!
//! Three machines work side by side. What arrives:
//!
//! ```text
//!         complete head with body
//!     ┌────────────────────────────▶ Body ──── violation ───┐
//!   Head ◀──────── end of body ──────┘                      ▼
//!     ├── response is a tunnel ───▶ Tunnel ── finished ─▶ Discard
//!     └── violation, or the last response is written ───────▲
//! ```
//! What becomes of each request is drawn in [`exchange`]; exchanges are answered in their order.
//! What becomes of the connection is drawn in [`life`](crate::life).
//! Every call ends in [`Connection::advance`], the one place where the machines move each other.

mod body_input;
mod body_reader;
mod chunked_decoder;
mod encoder;
mod exchange;
mod field_line;
pub(crate) mod head_parser;
mod input;
mod input_buffer;
mod output;
mod prepared;
mod request_semantics;
mod request_target;
mod timers;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyperion_buf::SendQueue;

use self::body_reader::Receiving;
pub(crate) use self::chunked_decoder::Chunked;
use self::exchange::Exchange;
use self::head_parser::HeadScan;
use self::input_buffer::Buffer;
pub(crate) use self::prepared::Prepared;
use crate::config::Config;
use crate::event::{Closing, Event, StreamId};
use crate::life::{Life, ResponseInFlight, State};

/// One HTTP/1 connection; see [`crate::Connection`] for the meaning of its public calls.
#[derive(Debug)]
pub(crate) struct Connection {
    config: Arc<Config>,
    pub(crate) life: Life,
    input: Input,
    intake: Intake,
    buffer: Buffer,
    /// The buffer was left because of us, not because more bytes are needed.
    stalled: bool,
    /// The peer sends no more.
    ended: bool,
    /// The peer may have sent something that is never read, so closing at once could destroy what
    /// it has not received yet.
    unread: bool,
    /// A response whose end is the end of the connection was cut.
    cut: bool,
    next_id: u32,
    exchanges: VecDeque<Exchange>,
    output: SendQueue,
    /// What was left of the request's time when its timer was suspended.
    request_left: Option<Duration>,
}

/// What the next bytes are.
#[derive(Debug)]
enum Input {
    Head(HeadScan),
    Body(Receiving),
    Tunnel { id: StreamId, paused: bool, end_reported: bool },
    Discard,
}

/// Whether requests are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Intake {
    Open,
    /// Only the one whose head is arriving or comes next.
    OneMore,
    Closed,
}

impl Connection {
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let mut connection = Self {
            config,
            life: Life::new(now),
            input: Input::Head(HeadScan::default()),
            intake: Intake::Open,
            buffer: Buffer::default(),
            stalled: false,
            ended: false,
            unread: false,
            cut: false,
            next_id: 0,
            exchanges: VecDeque::new(),
            output: SendQueue::new(),
            request_left: None,
        };
        connection.advance();
        connection
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.life.events.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Instant> {
        self.life.deadlines.next()
    }

    pub fn wants_input(&self) -> bool {
        if self.ended || self.life.is_closed() {
            return false;
        }
        match &self.input {
            Input::Head(_) => !self.stalled,
            Input::Body(receiving) => !receiving.is_paused(),
            Input::Tunnel { paused, .. } => !paused,
            Input::Discard => self.life.discarded <= self.config.limits.lingering_close_bytes,
        }
    }

    pub fn buffered(&self, id: StreamId) -> u64 {
        match self.index_of(id) {
            None => 0,
            Some(0) => self.unsent(),
            Some(index) => self.exchanges[index].held.len(),
        }
    }

    pub fn is_idle(&self) -> bool {
        self.life.state == State::Open
            && matches!(self.input, Input::Head(_))
            && self.buffer.is_empty()
            && self.exchanges.is_empty()
            && self.unsent() == 0
    }

    pub fn closing(&self) -> Closing {
        self.life.closing()
    }

    pub fn is_cut(&self) -> bool {
        self.cut
    }

    pub fn take_unread(&mut self) -> Bytes {
        self.intake = Intake::Closed;
        self.stalled = false;
        self.buffer.take().into()
    }

    /// Bytes written and not yet taken by the peer.
    fn unsent(&self) -> u64 {
        self.life.unsent(self.output.len())
    }

    /// Where an exchange is in the queue; ids are consecutive there.
    fn index_of(&self, id: StreamId) -> Option<usize> {
        let front = self.exchanges.front()?;
        let index = id.0.wrapping_sub(front.id.0) as usize;
        (index < self.exchanges.len()).then_some(index)
    }
}

/// Moving the machines on.
impl Connection {
    /// Lets each machine react to what the others did, until nothing moves.
    pub(crate) fn advance(&mut self) {
        loop {
            self.drop_behind_last();
            self.finish_exchanges();
            if self.life.state == State::Open
                && self.intake == Intake::Closed
                && self.exchanges.is_empty()
            {
                self.flush(false);
            }
            if !self.resume_input() && !self.settle_end_of_input() {
                break;
            }
        }
        self.life.report_sent();
        if self.life.state == State::Flushing && self.unsent() == 0 {
            if self.unread && !self.ended {
                self.life.state = State::Lingering;
            } else {
                self.close();
            }
        }
        self.schedule();
    }

    /// Sends finished exchanges at the front on their way and lets the next one write.
    fn finish_exchanges(&mut self) {
        while self.exchanges.front().is_some_and(Exchange::is_done)
            && let Some(exchange) = self.exchanges.pop_front()
        {
            self.note_written(&exchange);
            if exchange.close {
                self.flush(!exchange.asked.keep_alive);
                return;
            }
            if let Input::Body(receiving) = &mut self.input
                && receiving.id == exchange.id
            {
                receiving.discard();
            }
            let Some(next) = self.exchanges.front_mut() else { return };
            self.output.append(&mut next.held);
            if next.is_tunnel() {
                self.open_tunnel();
            }
        }
    }

    fn note_written(&mut self, exchange: &Exchange) {
        self.life.note_written(ResponseInFlight {
            id: exchange.id,
            announced: exchange.announced,
            complete: exchange.is_complete(),
            end: self.life.end_of(self.output.len()),
            body_bytes: exchange.body_bytes,
        });
    }

    /// Drops what is behind a response that ends the connection or becomes a tunnel.
    fn drop_behind_last(&mut self) {
        let Some(last) = self.exchanges.iter().position(Exchange::is_last) else { return };
        self.intake = Intake::Closed;
        let last_id = self.exchanges[last].id;
        for exchange in self.exchanges.drain(last + 1..) {
            if exchange.announced {
                self.life.events.push_back(Event::Aborted { id: exchange.id });
            }
        }
        if matches!(&self.input, Input::Body(receiving) if receiving.id > last_id) {
            self.input = Input::Discard;
        }
    }

    /// No response follows any more: waits for the output to leave. `asked` says whether the client
    /// knew that this was its last request.
    fn flush(&mut self, asked: bool) {
        let in_body = matches!(self.input, Input::Body(_));
        self.unread |= !asked || in_body || !self.buffer.is_empty();
        self.input = Input::Discard;
        self.intake = Intake::Closed;
        self.stalled = false;
        self.buffer.clear();
        if self.life.state == State::Open {
            self.life.state = State::Flushing;
        }
    }

    /// Ends everything now.
    fn close(&mut self) {
        self.flush(true);
        self.life.end();
        let mut behind = self.unsent();
        for exchange in self.exchanges.drain(..).filter(|exchange| exchange.announced) {
            let (id, written) = (exchange.id, exchange.body_bytes);
            // What waits behind this response was not written at all.
            let unsent = std::mem::replace(&mut behind, u64::MAX);
            self.life.events.push_back(match exchange.answer {
                exchange::Answer::Waiting => Event::Aborted { id },
                _ => Event::Finished { id, bytes: written.saturating_sub(unsent), complete: false },
            });
        }
        self.output.clear();
    }
}
