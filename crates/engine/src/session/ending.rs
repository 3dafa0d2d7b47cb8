//! How an exchange ends: whoever worked for it is told, and one response is counted and logged once.

use std::time::Instant;

use hyperion_proto::{Fields, Response, ResponseBody, StreamId, Violation};

use super::{Context, Session};
use crate::dispatch::completion::Completion;
use crate::dispatch::flow::Flow;
use crate::dispatch::job::{Job, Observed};
use crate::log::Level;
use crate::log::access::{Access, RequestLine};
use crate::session::exchange::{BodyStage, Exchange};
use crate::stats::Responded;

/// What the log shows for a request that ended without an answer.
const CLIENT_CLOSED: u16 = 499;

/// What the connection has answered by itself.
pub(super) struct Rejection<'a> {
    pub violation: Violation,
    pub status: u16,
    /// Of the answer behind its head.
    pub bytes: u64,
    /// The request line, where no request is known.
    pub line: &'a [u8],
}

impl Session {
    /// Hands over a response, if what it keeps may wait for the peer.
    pub(super) fn respond(&mut self, id: StreamId, response: Response, context: &Context) {
        let is_kept = self.keep_head(id, response.fields.wire().len(), context);
        let Some(exchange) = self.exchange(id) else { return };
        if !is_kept {
            (exchange.status, exchange.refusal) = (503, Some("response_memory_full"));
            context.stats.reject("response_memory_full");
            return self.connection.reject(context.now, id, 503, Some(1));
        }
        exchange.status = response.status;
        if matches!(response.body, ResponseBody::Tunnel) {
            exchange.body_stage = BodyStage::Tunnel;
        }
        self.connection.respond(context.now, id, response, &context.date);
    }

    /// The response has left, or as much of it as ever will.
    pub(super) fn close_exchange(
        &mut self,
        id: StreamId,
        bytes: u64,
        complete: bool,
        context: &Context,
    ) {
        let Some(exchange) = self.take_exchange(id, context) else { return };
        if complete {
            // Whoever still waits for the rest of the request waits in vain.
            exchange.abandon();
        } else {
            self.abandon_exchange(&exchange, context);
        }
        self.end_exchange(exchange, bytes, complete, context);
    }

    /// Somebody wants to hear of the end of a response, which may have come.
    pub(super) fn await_end(
        &mut self,
        id: StreamId,
        completion: Completion,
        flow: &Flow,
        context: &Context,
    ) {
        match self.exchange(id) {
            Some(exchange) => exchange.completion = Some(completion),
            None => context.give().finished(completion, !flow.is_cut()),
        }
    }

    /// There is no response, and nobody to send one to.
    pub(super) fn end_aborted(&mut self, exchange: Option<Exchange>, context: &Context) {
        let Some(exchange) = exchange else { return };
        self.abandon_exchange(&exchange, context);
        self.end_exchange(exchange, 0, false, context);
    }

    /// A head was refused, or the body of this request.
    pub(super) fn end_rejected(
        &mut self,
        exchange: Option<Exchange>,
        rejection: &Rejection<'_>,
        context: &Context,
    ) {
        let Rejection { violation, status, bytes, line } = *rejection;
        match exchange {
            None if status == 0 => context.recorder.rejected(violation.name(), 0),
            Some(mut exchange) if exchange.body_stage != BodyStage::Receiving => {
                // Its status is counted with all else that is known of it.
                context.recorder.rejected(violation.name(), 0);
                exchange.status = if status == 0 { exchange.status } else { status };
                exchange.refusal = Some(violation.name());
                self.abandon_exchange(&exchange, context);
                self.end_exchange(exchange, bytes, false, context);
            }
            Some(mut exchange) => {
                context.recorder.rejected(violation.name(), status);
                exchange.status = status;
                exchange.refusal = Some(violation.name());
                self.log(&self.access(&exchange, bytes, context), context);
            }
            None => {
                context.recorder.rejected(violation.name(), status);
                let arrival = self.take_arrival(context);
                let access = self.unread(line, status, bytes, arrival, context);
                self.log(&Access { refusal: Some(violation.name()), ..access }, context);
            }
        }
    }

    /// Tells whoever works for the exchange. A job that still waits is taken back, so that those of clients
    /// that have left do not keep others out of the queue; one that is worked on goes on to count.
    pub(super) fn abandon_exchange(&mut self, exchange: &Exchange, context: &Context) {
        let Some(flow) = &exchange.flow else { return };
        flow.cut();
        if flow.is_released() {
            return;
        }
        let is_its =
            |job: &Job| job.reply.session() == self.key && job.reply.stream() == exchange.id;
        let waiting =
            flow.queued().is_none().then(|| context.service.reclaim(&mut |job| is_its(job)));
        match waiting.flatten() {
            Some(job) => {
                job.reply.disarm();
                context.stats.cancelled_before_dispatch.add(1);
            }
            None => self.orphaned_jobs.push(flow.clone()),
        }
    }

    pub(super) fn end_exchange(
        &self,
        exchange: Exchange,
        bytes: u64,
        complete: bool,
        context: &Context,
    ) {
        if let Some(completion) = exchange.completion {
            context.give().finished(completion, complete);
        }
        if exchange.is_hijacked
            || exchange.body_stage == BodyStage::Receiving && exchange.status == 0
        {
            return;
        }
        context.stats.responses.add(1);
        let access = self.access(&exchange, bytes, context);
        context.recorder.responded(&Responded {
            method: exchange.request.method(),
            path: exchange.target.label().unwrap_or_else(|| exchange.request.path()),
            status: access.status,
            duration: access.duration,
            queued: access.queued,
        });
        self.log(&access, context);
        if let Some(fields) = exchange.observed {
            let Exchange { request, status, target, .. } = exchange;
            let connection = self.info.clone();
            context.give().observe(Observed { request, connection, status, fields, target });
        }
    }

    /// Whether fields of the application may leave; a line tells where they are too many.
    pub(super) fn admits(
        &self,
        id: StreamId,
        fields: &Fields,
        of: &str,
        context: &Context,
    ) -> bool {
        let Some(option) = context.protocol.limits.exceeded_by(fields) else { return true };
        let exchange = self.exchanges.iter().find(|exchange| exchange.id == id);
        let path = exchange.map_or("", |exchange| exchange.request.path());
        let (count, bytes) = (fields.len().to_string(), fields.wire().len().to_string());
        let facts = [("option", option), ("path", path), ("headers", &*count), ("bytes", &*bytes)];
        let message = format!("the headers of {of} exceed a limit and are not sent");
        context.log.write(Level::Error, "app", &message, &facts);
        false
    }

    fn log(&self, access: &Access<'_>, context: &Context) {
        if context.log.logs_requests() {
            access.append_to(&context.log);
        }
    }

    fn access<'a>(&'a self, exchange: &'a Exchange, bytes: u64, context: &Context) -> Access<'a> {
        Access {
            line: RequestLine::of(&exchange.request),
            status: if exchange.status == 0 { CLIENT_CLOSED } else { exchange.status },
            bytes,
            duration: context.now.saturating_duration_since(exchange.received_at),
            queued: exchange.flow.as_ref().and_then(|flow| flow.queued()),
            remote_addr: &self.info.remote_addr,
            refusal: exchange.refusal,
            extras: exchange.flow.as_ref().and_then(|flow| flow.extras()),
        }
    }

    /// Of a head that could not be understood as a request.
    fn unread<'a>(
        &'a self,
        line: &'a [u8],
        status: u16,
        bytes: u64,
        arrival: Instant,
        context: &Context,
    ) -> Access<'a> {
        Access {
            line: RequestLine::received(line),
            status,
            bytes,
            duration: context.now.saturating_duration_since(arrival),
            queued: None,
            remote_addr: &self.info.remote_addr,
            refusal: None,
            extras: None,
        }
    }
}
