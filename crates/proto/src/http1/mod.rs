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
//! And what becomes of the connection:
//!
//! ```text
//!   Open ── last response written ──▶ Flushing ── all has left ──▶ Lingering ──▶ Closed
//!    │                                    └─── nothing unread ─────────────────────▲
//!    └── idle too long, peer too slow, socket failed ──────────────────────────────┘
//! ```
//! Every call ends in [`Connection::settle`], the one place where the machines move each other.

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
use crate::timers::Deadlines;
use crate::timers::throughput::{Farewell, Pace};

/// One HTTP/1 connection; see [`crate::Connection`] for the meaning of its public calls.
#[derive(Debug)]
pub(crate) struct Connection {
    config: Arc<Config>,
    clock: Clock,
    input: Input,
    intake: Intake,
    ending: Ending,
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
    discarded: u64,
    next_id: u32,
    exchanges: VecDeque<Exchange>,
    departing: VecDeque<Departing>,
    events: VecDeque<Event>,
    output: SendQueue,
    /// Bytes ever given out by `poll_transmit`, and how many of them have left.
    polled: u64,
    sent: u64,
    /// How much of it the socket still held when the clock last called.
    backlog: u64,
    deadlines: Deadlines,
    /// What was left of the request's time when its timer was suspended.
    request_left: Option<Duration>,
    pace: Pace,
    farewell: Farewell,
}

/// The last time known, and whether it is the present.
#[derive(Clone, Copy, Debug)]
struct Clock {
    now: Instant,
    exact: bool,
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

/// How far the end of the connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Open,
    /// No more responses; output has still to leave.
    Flushing,
    /// The write side is shut; input is discarded.
    Lingering,
    Closed,
}

/// A response that is written and on its way out.
#[derive(Debug)]
struct Departing {
    id: StreamId,
    announced: bool,
    complete: bool,
    /// Where it ends, counted like `polled`.
    end: u64,
    body_bytes: u64,
}

impl Connection {
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let mut connection = Self {
            config,
            clock: Clock { now, exact: true },
            input: Input::Head(HeadScan::default()),
            intake: Intake::Open,
            ending: Ending::Open,
            buffer: Buffer::default(),
            stalled: false,
            ended: false,
            unread: false,
            cut: false,
            discarded: 0,
            next_id: 0,
            exchanges: VecDeque::new(),
            departing: VecDeque::new(),
            events: VecDeque::new(),
            output: SendQueue::new(),
            polled: 0,
            sent: 0,
            backlog: 0,
            deadlines: Deadlines::default(),
            request_left: None,
            pace: Pace::default(),
            farewell: Farewell::default(),
        };
        connection.settle();
        connection
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub fn poll_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    pub fn wants_input(&self) -> bool {
        if self.ended || self.ending == Ending::Closed {
            return false;
        }
        match &self.input {
            Input::Head(_) => !self.stalled,
            Input::Body(receiving) => !receiving.is_paused(),
            Input::Tunnel { paused, .. } => !paused,
            Input::Discard => self.discarded <= self.config.limits.lingering_close_bytes,
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
        self.ending == Ending::Open
            && matches!(self.input, Input::Head(_))
            && self.buffer.is_empty()
            && self.exchanges.is_empty()
            && self.unsent() == 0
    }

    pub fn closing(&self) -> Closing {
        match self.ending {
            Ending::Open | Ending::Flushing => Closing::Open,
            Ending::Lingering => Closing::ShutdownWrite,
            Ending::Closed => Closing::Close,
        }
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
        self.polled + self.output.len() - self.sent
    }

    /// Where an exchange is in the queue; ids are consecutive there.
    fn index_of(&self, id: StreamId) -> Option<usize> {
        let front = self.exchanges.front()?;
        let index = id.0.wrapping_sub(front.id.0) as usize;
        (index < self.exchanges.len()).then_some(index)
    }

    /// Takes note of the present.
    fn observe(&mut self, now: Instant) {
        self.clock = Clock { now: now.max(self.clock.now), exact: true };
    }

    /// Takes note that the present is unknown in this call.
    fn presume(&mut self) {
        self.clock.exact = false;
    }
}

/// Moving the machines on.
impl Connection {
    /// Lets each machine react to what the others did, until nothing moves.
    fn settle(&mut self) {
        loop {
            self.seal();
            self.retire();
            if self.ending == Ending::Open
                && self.intake == Intake::Closed
                && self.exchanges.is_empty()
            {
                self.flush(false);
            }
            if !self.resume_input() && !self.settle_end_of_input() {
                break;
            }
        }
        self.report_departed();
        if self.ending == Ending::Flushing && self.unsent() == 0 {
            if self.unread && !self.ended {
                self.ending = Ending::Lingering;
            } else {
                self.close();
            }
        }
        self.schedule();
    }

    /// Sends finished exchanges at the front on their way and lets the next one write.
    fn retire(&mut self) {
        while self.exchanges.front().is_some_and(Exchange::is_done)
            && let Some(exchange) = self.exchanges.pop_front()
        {
            self.depart(&exchange);
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

    fn depart(&mut self, exchange: &Exchange) {
        self.departing.push_back(Departing {
            id: exchange.id,
            announced: exchange.announced,
            complete: exchange.is_complete(),
            end: self.polled + self.output.len(),
            body_bytes: exchange.body_bytes,
        });
    }

    /// Reports responses that have left. A response may end without a byte, after its head has left.
    fn report_departed(&mut self) {
        let sent = self.sent;
        while self.departing.front().is_some_and(|front| front.end <= sent)
            && let Some(departed) = self.departing.pop_front()
        {
            if departed.announced {
                self.events.push_back(Event::Finished {
                    id: departed.id,
                    bytes: departed.body_bytes,
                    complete: departed.complete,
                });
            }
        }
    }

    /// Drops what is behind a response that ends the connection or becomes a tunnel.
    fn seal(&mut self) {
        let Some(last) = self.exchanges.iter().position(Exchange::is_last) else { return };
        self.intake = Intake::Closed;
        let last_id = self.exchanges[last].id;
        for exchange in self.exchanges.drain(last + 1..) {
            if exchange.announced {
                self.events.push_back(Event::Aborted { id: exchange.id });
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
        if self.ending == Ending::Open {
            self.ending = Ending::Flushing;
        }
    }

    /// Ends everything now.
    fn close(&mut self) {
        self.flush(true);
        self.ending = Ending::Closed;
        for departing in self.departing.drain(..).filter(|departing| departing.announced) {
            let left_behind = departing.end.saturating_sub(self.sent);
            self.events.push_back(Event::Finished {
                id: departing.id,
                bytes: departing.body_bytes.saturating_sub(left_behind),
                complete: false,
            });
        }
        let mut behind = self.polled + self.output.len() - self.sent;
        for exchange in self.exchanges.drain(..).filter(|exchange| exchange.announced) {
            let (id, written) = (exchange.id, exchange.body_bytes);
            // What waits behind this response was not written at all.
            let unsent = std::mem::replace(&mut behind, u64::MAX);
            self.events.push_back(match exchange.answer {
                exchange::Answer::Waiting => Event::Aborted { id },
                _ => Event::Finished { id, bytes: written.saturating_sub(unsent), complete: false },
            });
        }
        self.output.clear();
        self.deadlines.stop_all();
    }
}
