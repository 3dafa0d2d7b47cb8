//! What arrives: bytes, requests and their bodies.

use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::Connection;
use super::header_block::has_stand_in;
use super::request;
use super::stream::{Answer, Stream};
use crate::event::{Event, StreamId};
use crate::life::State;
use crate::message::plain;
use crate::message::request::{GRPC, Request};
use crate::message::response::Response;
use crate::timers::Timer;
use crate::violation::Violation;

/// As much of a request line goes to the log.
const LINE_BYTES: usize = 256;

impl Connection {
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        self.life.set_now(now);
        if self.life.state != State::Open || self.has_gone_away {
            self.life.discarded += bytes.len() as u64;
            return;
        }
        let (mut cost, mut late) = (0, 0);
        let early = &self.answered_early;
        let read = self.inbound.read(bytes, &mut self.pipe.wire().input, |head| {
            cost += head.cost();
            late += i64::from(head.is_upload() && early.contains(&head.stream()));
        });
        if let Some(stream) = self.inbound.open_data().and_then(|id| self.streams.get_mut(&id)) {
            stream.input.since = Some(now);
        }
        self.budget.refund(late);
        self.charge(cost);
        self.advance();
        if let Err(reason) = read {
            self.go_away(reason, Violation::H2ProtocolError);
            self.advance();
        }
        let resets = std::mem::take(&mut self.pipe.wire().resets);
        if resets > 0 {
            let is_paid = self.budget.spend_resets(self.life.now, resets);
            self.close_unless(is_paid);
            self.advance();
        }
    }

    fn charge(&mut self, cost: i64) {
        let is_paid = self.budget.take(self.life.now, cost);
        self.close_unless(is_paid);
    }

    fn close_unless(&mut self, is_paid: bool) {
        if !is_paid {
            self.go_away(Reason::ENHANCE_YOUR_CALM, Violation::H2Flood);
        }
    }

    /// Tells the peer that this is the end, and whose fault it is.
    pub(super) fn go_away(&mut self, reason: Reason, violation: Violation) {
        if let Some(h2) = &mut self.h2
            && !std::mem::replace(&mut self.has_gone_away, true)
        {
            h2.abrupt_shutdown(reason);
            self.complain(violation);
        }
    }

    pub fn handle_eof(&mut self, now: Instant) {
        self.life.set_now(now);
        self.pipe.wire().ended = true;
        if self.life.state == State::Lingering {
            self.life.state = State::Closed;
        }
        self.advance();
    }

    pub fn handle_disconnect(&mut self) {
        self.life.mark_time_stale();
        self.close();
    }

    pub fn pause_body(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id.0) {
            stream.input.paused = true;
        }
    }

    pub fn resume_body(&mut self, id: StreamId) {
        self.life.mark_time_stale();
        if let Some(stream) = self.streams.get_mut(&id.0) {
            stream.input.paused = false;
            stream.input.since = None;
            self.ready.push(id);
        }
        self.advance();
    }

    /// A request has arrived.
    pub(super) fn open(
        &mut self,
        request: http::Request<RecvStream>,
        respond: SendResponse<Bytes>,
    ) {
        let id = StreamId(respond.stream_id().as_u32());
        let (parts, body) = request.into_parts();
        let ended = body.is_end_stream();
        let mut stream = Stream::new(id, body, respond, &self.ready, self.life.now);
        stream.head_only = parts.method == http::Method::HEAD;
        self.streams.insert(id.0, stream);
        self.life.deadlines.stop(Timer::Idle);
        self.count_accepted();
        let parsed = match () {
            () if self.inbound.is_overlong(id.0) => Err(Violation::HeadTooLarge),
            () if self.inbound.has_stand_ins() && has_stand_in(&parts.headers) => {
                Err(Violation::BadFieldLine)
            }
            () => request::parse(&parts, ended, &self.config),
        };
        match parsed {
            Ok(request) => self.announce(id, request, ended),
            Err(violation) => self.refuse_head(id, violation, &parts),
        }
    }

    /// Tells of a request. Its body is looked for at once, since it may be here.
    fn announce(&mut self, id: StreamId, request: Request, ended: bool) {
        if let Some(stream) = self.streams.get_mut(&id.0) {
            stream.input.is_conversation = request.is_grpc();
        }
        self.life.events.push_back(Event::Request { id, request: request.into() });
        if ended {
            self.life.events.push_back(Event::End { id, trailers: None });
        }
        self.ready.push(id);
    }

    /// Streams over the life of the connection, where they are bounded.
    fn count_accepted(&mut self) {
        self.accepted += 1;
        if self.config.limits.h2_total_streams.is_some_and(|total| self.accepted >= total)
            && let Some(h2) = &mut self.h2
            && !std::mem::replace(&mut self.draining, true)
        {
            h2.graceful_shutdown();
        }
    }

    /// What is malformed is a stream error (section 8.1.1); what is too much, or not to be had here, is
    /// answered.
    fn refuse_head(&mut self, id: StreamId, violation: Violation, parts: &Parts) {
        let (mut status, mut bytes) = (0, 0);
        if violation.status() == 400 {
            if let Some(mut stream) = self.streams.remove(&id.0) {
                stream.reset(Reason::PROTOCOL_ERROR);
            }
        } else {
            status = violation.status();
            bytes = self.answer_plainly(id, plain::refusal(status, is_call(parts)));
        }
        let line = line_of(parts);
        self.life.events.push_back(Event::Rejected { id: None, violation, status, bytes, line });
    }

    /// The body of a request that was announced is refused: with an answer, where there is none yet.
    pub(super) fn refuse_stream(&mut self, id: u32, violation: Violation) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let id = stream.id;
        self.life.events.push_back(Event::Aborted { id });
        let (mut status, mut bytes) = (0, 0);
        if stream.output.answer == Answer::Waiting {
            status = violation.status();
            let is_call = stream.input.is_conversation;
            bytes = self.answer_plainly(id, plain::refusal(status, is_call));
        } else {
            stream.reset(Reason::CANCEL);
            self.streams.remove(&id.0);
        }
        let line = Bytes::new();
        self.life.events.push_back(Event::Rejected {
            id: Some(id),
            violation,
            status,
            bytes,
            line,
        });
    }

    /// Answers for an exchange that the application does not know, or does not know any more.
    fn answer_plainly(&mut self, id: StreamId, response: Response) -> u64 {
        let length = response.body.length().unwrap_or_default();
        let date = self.config.date(self.life.now);
        self.deliver(id, response, &date);
        if let Some(stream) = self.streams.get_mut(&id.0) {
            stream.input.paused = true;
            stream.is_silent = true;
        }
        length
    }
}

fn is_call(parts: &Parts) -> bool {
    let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(GRPC))
}

fn line_of(parts: &Parts) -> Bytes {
    let target = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let mut line = format!("{} {target} HTTP/2", parts.method);
    line.truncate(line.floor_char_boundary(LINE_BYTES));
    line.into()
}
