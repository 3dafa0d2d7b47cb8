//! What leaves: responses, and what the application says about them.

use std::time::Instant;

use bytes::Bytes;
use h2::Reason;
use http::HeaderValue;
use hyperion_buf::FileRange;

use super::Connection;
use super::prepared::Prepared;
use super::response;
use super::stream::{Answer, Fault};
use crate::event::{Event, StreamId};
use crate::message::fields::Fields;
use crate::message::framing::{Asked, Framing, LengthField, Piece, Plan};
use crate::message::plain;
use crate::message::response::{Response, ResponseBody};
use crate::violation::Violation;

impl Connection {
    pub fn handle_sent(&mut self, now: Instant, bytes: u64) {
        self.life.set_now(now);
        if !self.life.is_closed() {
            self.life.note_sent(bytes);
            self.advance();
        }
    }

    pub fn respond(&mut self, now: Instant, id: StreamId, response: Response, date: &str) {
        self.life.set_now(now);
        if !self.is_waiting(id) {
            return;
        }
        if (200..1000).contains(&response.status) {
            self.deliver(id, response, date);
        } else {
            self.deliver(id, plain::response(500, None, None), date);
        }
    }

    pub fn respond_prepared(
        &mut self,
        now: Instant,
        id: StreamId,
        prepared: &Prepared,
        date: &str,
    ) {
        self.life.set_now(now);
        if !self.is_waiting(id) {
            return;
        }
        let date = self.date(date);
        let framing = match prepared.body.len() {
            0 => Framing::Nothing,
            length => Framing::Length(length as u64),
        };
        self.send(id, prepared.head(date), framing, [Piece::Bytes(prepared.body.clone())].into());
    }

    pub fn inform(&mut self, id: StreamId, status: u16, fields: &Fields) {
        self.life.mark_time_stale();
        if !(100..200).contains(&status) || status == 101 {
            return;
        }
        if let Some(fields) = response::header_map(fields)
            && let Some(stream) = self.streams.get_mut(&id.0)
        {
            stream.inform(response::head(status, fields, LengthField::Omitted, None));
        }
    }

    pub fn send_body(&mut self, id: StreamId, bytes: Bytes) {
        self.push(id, Piece::Bytes(bytes));
    }

    pub fn send_file(&mut self, id: StreamId, range: FileRange) {
        self.push(id, Piece::File(range));
    }

    pub fn finish(&mut self, now: Instant, id: StreamId, trailers: Option<&Fields>) {
        self.life.set_now(now);
        let Some(stream) = self.streams.get_mut(&id.0) else { return };
        let ended = stream.output.end(trailers.and_then(response::trailers));
        self.go_on(id, ended);
    }

    pub fn reset(&mut self, now: Instant, id: StreamId) {
        self.life.set_now(now);
        if self.is_waiting(id) {
            let date = self.config.date(self.life.now);
            self.deliver(id, plain::response(500, None, None), &date);
        } else {
            self.end_stream(id.0, Fault::Broken);
        }
    }

    pub fn reject(&mut self, now: Instant, id: StreamId, status: u16, retry_after_s: Option<u32>) {
        self.life.set_now(now);
        if self.is_waiting(id) {
            let date = self.config.date(self.life.now);
            self.deliver(id, plain::response(status, retry_after_s, None), &date);
        }
    }

    pub fn refuse_unprocessed(&mut self, now: Instant, id: StreamId) {
        self.life.set_now(now);
        if self.is_waiting(id)
            && let Some(mut stream) = self.streams.remove(&id.0)
        {
            stream.reset(Reason::REFUSED_STREAM);
            self.life.events.push_back(Event::Aborted { id });
            self.life.events.push_back(Event::Rejected {
                id: Some(id),
                violation: Violation::H2Leftovers,
                status: 0,
                bytes: 0,
                line: Bytes::new(),
            });
        }
    }

    /// Writes a response, or the beginning of one that is streamed.
    pub(super) fn deliver(&mut self, id: StreamId, response: Response, date: &str) {
        let Some(stream) = self.streams.get(&id.0) else { return };
        let plan = Plan::of(&response, Asked::multiplexed(stream.head_only));
        if matches!(response.body, ResponseBody::Tunnel) && !stream.input.is_open() {
            // As a tunnel it has an end of its own, which is the same here.
            self.life.events.push_back(Event::End { id, trailers: None });
        }
        let Some(fields) = response::header_map(&response.fields) else {
            return self.deliver(id, plain::response(500, None, None), date);
        };
        let date = self.date(date);
        let head = response::head(response.status, fields, plan.length, date);
        let (pieces, framing) = match response.body {
            ResponseBody::Empty => (Vec::new(), plan.framing),
            ResponseBody::Full(bytes) => (vec![Piece::Bytes(bytes)], plan.framing),
            ResponseBody::File(range) => (vec![Piece::File(range)], plan.framing),
            ResponseBody::Parts(parts) => {
                (parts.into_iter().map(Into::into).collect(), plan.framing)
            }
            ResponseBody::Stream { .. } | ResponseBody::Tunnel
                if plan.framing != Framing::Nothing =>
            {
                return self.send_stream(id, head, plan.framing);
            }
            ResponseBody::Stream { .. } | ResponseBody::Tunnel => (Vec::new(), plan.framing),
        };
        // A frame that says no more than that there is nothing is saved.
        let framing = if framing == Framing::Length(0) { Framing::Nothing } else { framing };
        self.send(id, head, framing, pieces);
    }

    /// Sends a response that is all here.
    fn send(
        &mut self,
        id: StreamId,
        head: http::Response<()>,
        framing: Framing,
        pieces: Vec<Piece>,
    ) {
        let Some(stream) = self.streams.get_mut(&id.0) else { return };
        let no_body = stream.head_only || framing == Framing::Nothing;
        let mut sent = stream.send_head(head, no_body);
        if !no_body && sent.is_ok() {
            stream.output.answer = Answer::Streaming(framing);
            sent = pieces
                .into_iter()
                .try_for_each(|piece| stream.output.push(piece))
                .and_then(|()| stream.output.end(None));
        }
        self.go_on(id, sent);
    }

    fn send_stream(&mut self, id: StreamId, head: http::Response<()>, framing: Framing) {
        let Some(stream) = self.streams.get_mut(&id.0) else { return };
        let sent = stream.send_head(head, false);
        stream.output.answer = Answer::Streaming(framing);
        self.go_on(id, sent);
    }

    fn push(&mut self, id: StreamId, piece: Piece) {
        self.life.mark_time_stale();
        let Some(stream) = self.streams.get_mut(&id.0) else { return };
        let pushed = stream.output.push(piece);
        self.go_on(id, pushed);
    }

    /// Has the stream looked after, or ends it.
    fn go_on(&mut self, id: StreamId, outcome: Result<(), Fault>) {
        match outcome {
            Ok(()) => self.ready.push(id),
            Err(fault) => self.end_stream(id.0, fault),
        }
    }

    fn is_waiting(&self, id: StreamId) -> bool {
        self.streams.get(&id.0).is_some_and(|stream| stream.output.answer == Answer::Waiting)
    }

    /// The field of this second, made once.
    fn date(&mut self, date: &str) -> Option<HeaderValue> {
        if date.is_empty() {
            return None;
        }
        if self.date.as_ref().is_none_or(|(known, _)| known != date) {
            let value = HeaderValue::from_str(date).ok()?;
            self.date = Some((date.to_owned(), value));
        }
        self.date.as_ref().map(|(_, value)| value.clone())
    }
}
