//! What arrives: heads, bodies, tunnels, and what is thrown away.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::body_reader::Receiving;
use super::exchange::{Answer, Exchange};
use super::head_parser::{self, HeadScan, Scan};
use super::{Connection, Input, Intake};
use crate::event::{Event, StreamId};
use crate::life::State;
use crate::message::framing::{self, Asked};
use crate::message::request::Request;
use crate::timers::Timer;
use crate::violation::Violation;

/// The request line is remembered for the log up to this length.
const LOGGED_LINE_BYTES: usize = 256;

/// What was done with some input.
pub(super) enum Step {
    Used(usize),
    /// More bytes are needed.
    Wait,
    /// It is not yet time to look at it.
    Stall,
}

impl Connection {
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        self.life.set_now(now);
        if self.life.is_closed() {
            return;
        }
        if self.buffer.is_empty() {
            let used = self.consume(bytes);
            self.buffer.extend(&bytes[used..]);
        } else {
            self.buffer.extend(bytes);
            if !self.stalled {
                self.consume_buffer();
            }
        }
        self.advance();
    }

    pub fn handle_eof(&mut self, now: Instant) {
        self.life.set_now(now);
        self.ended = true;
        if self.life.state == State::Lingering {
            self.close();
        }
        if !self.life.is_closed() {
            self.advance();
        }
    }

    pub fn handle_disconnect(&mut self) {
        if !self.life.is_closed() {
            self.ended = true;
            self.close();
        }
    }

    pub fn last_call(&mut self, now: Instant) {
        self.life.set_now(now);
        if self.life.state != State::Open || self.intake == Intake::Closed {
            return;
        }
        let announces = self.exchanges.back().is_some_and(|last| last.answer == Answer::Waiting);
        self.intake = if announces { Intake::Closed } else { Intake::OneMore };
        self.advance();
    }

    pub fn drain(&mut self, now: Instant) {
        self.life.set_now(now);
        if self.life.state != State::Open || self.intake == Intake::Closed {
            return;
        }
        if self.is_idle() {
            self.close();
            return;
        }
        let head_arrives = matches!(self.input, Input::Head(_)) && !self.buffer.is_empty();
        self.intake = match self.exchanges.is_empty() && head_arrives {
            true => Intake::OneMore,
            false => Intake::Closed,
        };
        self.advance();
    }

    pub fn pause_body(&mut self, id: StreamId) {
        self.life.mark_time_stale();
        match &mut self.input {
            Input::Body(receiving) if receiving.id == id => receiving.paused = true,
            Input::Tunnel { id: tunnel, paused, .. } if *tunnel == id => *paused = true,
            _ => return,
        }
        self.schedule();
    }

    pub fn resume_body(&mut self, id: StreamId) {
        self.life.mark_time_stale();
        match &mut self.input {
            Input::Body(receiving) if receiving.id == id => receiving.paused = false,
            Input::Tunnel { id: tunnel, paused, .. } if *tunnel == id => *paused = false,
            _ => return,
        }
        self.advance();
    }

    /// Answers for the server as a whole, whatever the peer may send.
    pub fn refuse(&mut self, violation: Violation) {
        self.violate(violation, Bytes::new());
        self.advance();
    }

    /// Output that was handed over cannot be sent.
    pub fn break_off(&mut self) {
        self.cut = true;
        self.handle_disconnect();
    }

    /// Parses what was left in the buffer if that was our doing and is no longer needed.
    pub(super) fn resume_input(&mut self) -> bool {
        let resumes = self.stalled
            && match &self.input {
                Input::Head(_) => !self.is_blocked(self.buffer.unread()),
                Input::Body(receiving) => !receiving.is_paused(),
                Input::Tunnel { paused, .. } => !paused,
                Input::Discard => true,
            };
        if resumes {
            self.consume_buffer();
        }
        resumes
    }

    /// Once the peer sends no more, what is incomplete stays so. True when that changed anything.
    pub(super) fn settle_end_of_input(&mut self) -> bool {
        if !self.ended || self.stalled || self.life.state != State::Open {
            return false;
        }
        match &mut self.input {
            Input::Head(_) => {
                self.buffer.clear();
                let changed = self.intake != Intake::Closed;
                self.intake = Intake::Closed;
                changed
            }
            Input::Body(receiving) => {
                let id = receiving.id;
                self.input = Input::Discard;
                self.intake = Intake::Closed;
                if let Some(index) = self.index_of(id) {
                    self.abort(index);
                }
                true
            }
            Input::Tunnel { id, end_reported, .. } if !*end_reported => {
                *end_reported = true;
                self.life.events.push_back(Event::End { id: *id, trailers: None });
                false
            }
            Input::Tunnel { .. } | Input::Discard => false,
        }
    }

    /// The front response is a tunnel: what follows the request belongs to it.
    pub(super) fn open_tunnel(&mut self) {
        let Some(front) = self.exchanges.front() else { return };
        if matches!(self.input, Input::Head(_)) {
            self.input = Input::Tunnel { id: front.id, paused: false, end_reported: false };
            self.stalled = !self.buffer.is_empty();
        }
    }

    /// The peer did something that ends the connection. If nothing of a response is written yet for
    /// the request in question, it is told; in any case nothing behind it is looked at. `line` is
    /// the request line, if the head is not complete.
    pub(super) fn violate(&mut self, violation: Violation, line: Bytes) {
        let (receiving, line) = match &self.input {
            Input::Body(receiving) => (Some(receiving.id), logged_line(receiving.head())),
            _ => (None, line),
        };
        for timer in [Timer::Head, Timer::Request, Timer::Body] {
            self.life.deadlines.stop(timer);
        }
        self.input = Input::Discard;
        self.intake = Intake::Closed;
        self.unread = true;
        self.stalled = false;
        self.buffer.clear();
        let index = match receiving {
            None => self.admit(Asked::nothing(), false),
            Some(id) => match self.index_of(id) {
                Some(index) => index,
                None => return,
            },
        };
        let waiting = self.exchanges[index].answer == Answer::Waiting;
        self.abort(index);
        if waiting {
            let id = receiving;
            let status = violation.status();
            self.answer_violation(index, violation);
            let bytes = self.exchanges[index].body_bytes;
            self.life.events.push_back(Event::Rejected { id, violation, status, bytes, line });
        }
    }

    /// The request at `index` is over: its response is cut and the application told.
    fn abort(&mut self, index: usize) {
        self.cut(index);
        let exchange = &mut self.exchanges[index];
        if std::mem::take(&mut exchange.announced) {
            self.life.events.push_back(Event::Aborted { id: exchange.id });
        }
    }

    fn consume_buffer(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let used = self.consume(buffer.unread());
        buffer.advance(used);
        self.buffer = buffer;
    }

    /// Parses as much of `bytes` as can be; returns how many are done with.
    fn consume(&mut self, bytes: &[u8]) -> usize {
        self.stalled = false;
        let mut used = 0;
        while used < bytes.len() {
            let rest = &bytes[used..];
            let step = match &self.input {
                Input::Head(_) if self.is_blocked(rest) => Step::Stall,
                Input::Head(_) => self.take_head(rest),
                Input::Body(_) => self.take_body(rest),
                Input::Tunnel { .. } => self.take_tunnel(rest),
                Input::Discard => self.discard(rest),
            };
            match step {
                Step::Used(count) => used += count,
                Step::Wait => break,
                Step::Stall => {
                    self.stalled = true;
                    break;
                }
            }
        }
        used
    }

    /// Whether the next head must wait: for its turn beside the requests in flight, or because the
    /// peer does not take the responses it asked for.
    fn is_blocked(&self, bytes: &[u8]) -> bool {
        let limits = &self.config.limits;
        let crowded = self.exchanges.back().is_some_and(|last| {
            self.exchanges.len() >= limits.in_flight.get()
                || last.asked.exclusive
                || !may_be_safe(bytes)
        });
        crowded || self.intake == Intake::Closed || self.unsent() >= limits.output_bytes
    }

    fn take_head(&mut self, bytes: &[u8]) -> Step {
        let Input::Head(scan) = &mut self.input else { return Step::Wait };
        if !scan.skipped_line {
            match bytes {
                b"\r" => return Step::Wait,
                [b'\r', b'\n', ..] => {
                    scan.skipped_line = true;
                    return Step::Used(2);
                }
                _ => {}
            }
        }
        let parsed = match scan.advance(bytes, &self.config.limits) {
            Ok(Scan::Incomplete) => return Step::Wait,
            Ok(Scan::Complete(length)) => {
                head_parser::parse(&bytes[..length], &self.config).map(|request| (length, request))
            }
            Err(violation) => Err(violation),
        };
        match parsed {
            Ok((length, request)) => {
                self.begin(request);
                Step::Used(length)
            }
            Err(violation) => {
                self.violate(violation, logged_line(bytes));
                Step::Used(bytes.len())
            }
        }
    }

    fn begin(&mut self, request: Request) {
        self.life.deadlines.stop(Timer::Head);
        let asked = Asked::of(&request);
        let index = self.admit(asked, true);
        let id = self.exchanges[index].id;
        if self.intake == Intake::OneMore || !asked.keep_alive || self.next_id == u32::MAX {
            self.intake = Intake::Closed;
        }
        let request = Arc::new(request);
        let receiving = Receiving::begin(id, &request);
        self.life.events.push_back(Event::Request { id, request });
        match receiving {
            Some(receiving) => self.input = Input::Body(receiving),
            None => {
                self.life.events.push_back(Event::End { id, trailers: None });
                self.end_request();
            }
        }
    }

    /// Puts a new exchange behind the others; returns its place.
    fn admit(&mut self, asked: Asked, announced: bool) -> usize {
        let id = StreamId(self.next_id);
        self.next_id += 1;
        if self.exchanges.capacity() == 0 {
            self.exchanges.reserve_exact(1);
        }
        self.exchanges.push_back(Exchange::new(id, asked, announced));
        self.exchanges.len() - 1
    }

    /// The request is complete; the next bytes are another one's, or a tunnel's.
    pub(super) fn end_request(&mut self) {
        self.life.deadlines.stop(Timer::Request);
        self.request_left = None;
        self.input = Input::Head(HeadScan::default());
        if self.exchanges.front().is_some_and(Exchange::is_tunnel) {
            self.open_tunnel();
        }
    }

    /// The request line of an incomplete head, for the log.
    pub(super) fn buffered_line(&self) -> Bytes {
        logged_line(self.buffer.unread())
    }
}

fn logged_line(bytes: &[u8]) -> Bytes {
    let bytes = &bytes[..bytes.len().min(LOGGED_LINE_BYTES)];
    let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
    Bytes::copy_from_slice(&bytes[..end])
}

/// Whether the request that starts here has a safe method, as far as can be seen.
fn may_be_safe(bytes: &[u8]) -> bool {
    const LONGEST: usize = "OPTIONS ".len();
    let start = &bytes[..bytes.len().min(LONGEST)];
    match memchr::memchr(b' ', start) {
        Some(length) => framing::is_safe(&start[..length]),
        None => start.first() == Some(&b'\r') || start.len() < LONGEST,
    }
}
