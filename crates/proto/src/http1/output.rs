//! What leaves: responses, and what the application says about them.

use std::time::Instant;

use bytes::Bytes;
use hyperion_buf::{FileRange, SendQueue};

use super::encoder::{self, Head, Persistence};
use super::exchange::Answer;
use super::prepared::Prepared;
use super::{Connection, Input, Intake};
use crate::event::StreamId;
use crate::message::fields::Fields;
use crate::message::framing::{Framing, Piece, Plan};
use crate::message::plain;
use crate::message::request::Version;
use crate::message::response::{Response, ResponseBody};
use crate::violation::Violation;

impl Connection {
    pub fn poll_transmit(&mut self, out: &mut SendQueue) {
        self.life.give_out(self.output.len());
        out.append(&mut self.output);
    }

    pub fn handle_sent(&mut self, now: Instant, bytes: u64) {
        self.life.set_now(now);
        if self.life.is_closed() {
            return;
        }
        self.life.note_sent(bytes);
        self.advance();
    }

    pub fn respond(&mut self, now: Instant, id: StreamId, response: Response, date: &str) {
        self.life.set_now(now);
        let Some(index) = self.index_of(id) else { return };
        if self.exchanges[index].answer != Answer::Waiting {
            return;
        }
        if is_final(&response, self.exchanges[index].asked.version) {
            self.deliver(index, response, date);
        } else {
            self.answer_plainly(index, 500, None, None);
        }
        self.advance();
    }

    pub fn respond_prepared(
        &mut self,
        now: Instant,
        id: StreamId,
        prepared: &Prepared,
        date: &str,
    ) {
        self.life.set_now(now);
        let Some(index) = self.index_of(id) else { return };
        if self.exchanges[index].answer != Answer::Waiting {
            return;
        }
        let close = prepared.says_close || self.ends_with(index);
        let exchange = &mut self.exchanges[index];
        exchange.close |= close;
        let persistence = exchange.persistence();
        let out = match index {
            0 => &mut self.output,
            _ => &mut exchange.held,
        };
        let body = (!exchange.asked.head_only).then_some(&prepared.body);
        prepared.write(out, date, persistence, body);
        exchange.body_bytes = body.map_or(0, |body| body.len() as u64);
        exchange.answer = Answer::Done { complete: true };
        self.advance();
    }

    pub fn inform(&mut self, id: StreamId, status: u16, fields: &Fields) {
        if status == 100 {
            self.send_continue(id);
            return;
        }
        self.life.mark_time_stale();
        if !(102..200).contains(&status) {
            return;
        }
        if let Some(out) = self.informational_output(id) {
            encoder::write_informational(out, status, fields);
            self.schedule();
        }
    }

    /// Sends what a client that is still there overlooks, since one may come in front of any response
    /// (RFC 9110, section 15.2), and what comes back as a reset from one that is gone.
    pub fn probe(&mut self, id: StreamId) {
        self.life.mark_time_stale();
        if let Some(out) = self.informational_output(id) {
            encoder::write_informational(out, 100, &Fields::new());
            self.schedule();
        }
    }

    pub fn send_continue(&mut self, id: StreamId) {
        self.life.mark_time_stale();
        if !matches!(&self.input, Input::Body(receiving) if receiving.id == id && receiving.awaited)
        {
            return;
        }
        if let Some(out) = self.informational_output(id) {
            encoder::write_informational(out, 100, &Fields::new());
        }
        if let Input::Body(receiving) = &mut self.input {
            receiving.awaited = false;
        }
        self.schedule();
    }

    pub fn send_body(&mut self, id: StreamId, bytes: Bytes) {
        self.send(id, Piece::Bytes(bytes));
    }

    pub fn send_file(&mut self, id: StreamId, range: FileRange) {
        self.send(id, Piece::File(range));
    }

    /// Makes the front exchange a tunnel that no response opens.
    pub fn tunnel(&mut self, now: Instant, id: StreamId) -> bool {
        self.life.set_now(now);
        if self.index_of(id) != Some(0) || self.exchanges[0].answer != Answer::Waiting {
            return false;
        }
        self.exchanges[0].answer = Answer::Streaming(Framing::Raw);
        self.open_tunnel();
        self.advance();
        true
    }

    pub fn finish(&mut self, now: Instant, id: StreamId, trailers: Option<&Fields>) {
        self.life.set_now(now);
        let Some(index) = self.index_of(id) else { return };
        let out = (index == 0).then_some(&mut self.output);
        self.exchanges[index].finish(out, trailers);
        self.advance();
    }

    pub fn reset(&mut self, now: Instant, id: StreamId) {
        self.life.set_now(now);
        let Some(index) = self.index_of(id) else { return };
        match self.exchanges[index].answer {
            Answer::Waiting => self.answer_plainly(index, 500, None, None),
            Answer::Streaming(_) => self.cut(index),
            Answer::Done { .. } => {}
        }
        self.advance();
    }

    pub fn reject(&mut self, now: Instant, id: StreamId, status: u16, retry_after_s: Option<u32>) {
        self.life.set_now(now);
        let Some(index) = self.index_of(id) else { return };
        if self.exchanges[index].answer != Answer::Waiting {
            return;
        }
        let body_open = matches!(&self.input, Input::Body(receiving) if receiving.id == id);
        self.exchanges[index].close |= body_open;
        self.answer_plainly(index, status, retry_after_s, None);
        self.advance();
    }

    /// Tells the peer what it did wrong; the connection ends behind it.
    pub(super) fn answer_violation(&mut self, index: usize, violation: Violation) {
        let retry_after_s = (violation == Violation::TooManyConnections).then_some(1);
        let text = match violation {
            Violation::HttpOnTlsPort => Some("This port speaks HTTPS, not plain HTTP\n"),
            Violation::TlsOnPlainPort => Some("This port speaks plain HTTP, not HTTPS\n"),
            _ => None,
        };
        let exchange = &mut self.exchanges[index];
        exchange.close = true;
        exchange.answer = Answer::Waiting;
        self.answer_plainly(index, violation.status(), retry_after_s, text);
    }

    /// Answers with `text`, or with the reason phrase of the status.
    fn answer_plainly(
        &mut self,
        index: usize,
        status: u16,
        retry_after_s: Option<u32>,
        text: Option<&'static str>,
    ) {
        let date = self.config.date(self.life.now);
        self.deliver(index, plain::response(status, retry_after_s, text), &date);
    }

    /// Ends the response at `index` without a clean end.
    pub(super) fn cut(&mut self, index: usize) {
        let exchange = &mut self.exchanges[index];
        self.cut |=
            matches!(exchange.answer, Answer::Streaming(Framing::UntilClose | Framing::Raw));
        exchange.cut();
    }

    /// Writes a response, or the beginning of one that is streamed.
    fn deliver(&mut self, index: usize, response: Response, date: &str) {
        let plan = Plan::of(&response, self.exchanges[index].asked);
        let close = plan.close || response.fields.says_close() || self.ends_with(index);
        let exchange = &mut self.exchanges[index];
        exchange.close |= close;
        let head = Head {
            status: response.status,
            fields: &response.fields,
            length: plan.length,
            persistence: match response.status {
                101 => Persistence::Implied,
                _ => exchange.persistence(),
            },
            date,
        };
        let mut out = (index == 0).then_some(&mut self.output);
        let body_room = match &response.body {
            ResponseBody::Full(bytes) if bytes.len() <= encoder::COPY_MAX => bytes.len(),
            _ => 0,
        };
        head.write(out.as_deref_mut().unwrap_or(&mut exchange.held), body_room);
        exchange.answer = Answer::Streaming(plan.framing);
        match response.body {
            ResponseBody::Empty => {}
            ResponseBody::Full(bytes) => exchange.write(out.as_deref_mut(), Piece::Bytes(bytes)),
            ResponseBody::File(range) => exchange.write(out.as_deref_mut(), Piece::File(range)),
            ResponseBody::Parts(parts) => {
                for part in parts {
                    exchange.write(out.as_deref_mut(), part.into());
                }
            }
            ResponseBody::Stream { .. } => return,
            ResponseBody::Tunnel if index == 0 => return self.open_tunnel(),
            ResponseBody::Tunnel => return,
        }
        exchange.finish(out, None);
    }

    /// Whether the connection ends behind the response at `index`, whatever the response says.
    fn ends_with(&self, index: usize) -> bool {
        let exchange = &self.exchanges[index];
        let is_last = index + 1 == self.exchanges.len();
        let body_open = match &self.input {
            Input::Body(receiving) if receiving.id == exchange.id => {
                receiving.ends_connection(&self.config.limits)
            }
            _ => false,
        };
        !exchange.asked.keep_alive || body_open || (is_last && self.intake == Intake::Closed)
    }

    fn send(&mut self, id: StreamId, piece: Piece) {
        self.life.mark_time_stale();
        let Some(index) = self.index_of(id) else { return };
        let out = (index == 0).then_some(&mut self.output);
        self.exchanges[index].write(out, piece);
        self.advance();
    }

    /// Where an informational response for `id` goes, if the client can have one.
    fn informational_output(&mut self, id: StreamId) -> Option<&mut SendQueue> {
        let index = self.index_of(id)?;
        let exchange = &mut self.exchanges[index];
        if exchange.answer != Answer::Waiting || exchange.asked.version == Version::Http10 {
            return None;
        }
        Some(if index == 0 { &mut self.output } else { &mut exchange.held })
    }
}

/// Whether a response can end an exchange: not an informational one, but for the switch to a
/// tunnel.
fn is_final(response: &Response, version: Version) -> bool {
    match response.status {
        // HTTP/1.0 knows no such response (RFC 9110, section 15.2).
        101 => matches!(response.body, ResponseBody::Tunnel) && version != Version::Http10,
        status => (200..1000).contains(&status),
    }
}
