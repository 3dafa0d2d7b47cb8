//! Answers that need no executor.

use std::sync::Arc;

use hyperion_proto::{Request, Response, StreamId};

use super::{Context, Session, find};
use crate::routes::{NativeResponse, Target};
use crate::session::exchange::{BodyStage, Exchange};

impl Session {
    /// Answers what is between the client and the server itself, of which no hook is told.
    pub(super) fn answer_for_server(
        &mut self,
        id: StreamId,
        request: Arc<Request>,
        response: Response,
        context: &Context,
    ) {
        let arrival = self.take_arrival(context);
        let mut exchange = Exchange::new(id, request, Target::App, arrival);
        exchange.body_stage = BodyStage::Dispatched;
        exchange.status = response.status;
        self.exchanges.push_back(exchange);
        self.connection.respond(context.now, id, response, &context.date);
    }

    /// Answers without an executor. A body that still arrives is read and thrown away.
    pub(super) fn answer(
        &mut self,
        id: StreamId,
        request: Arc<Request>,
        answer: NativeResponse,
        target: Target,
        context: &Context,
    ) {
        target.mode().into_iter().for_each(|mode| context.recorder.dispatched(mode));
        let head_bytes = request.head().len();
        let exchange = Exchange::new(id, request, target, self.take_arrival(context));
        self.exchanges.push_back(exchange);
        if self.admits_head(id, head_bytes, context) {
            self.give_answer(id, answer, context);
        }
    }

    pub(super) fn give_answer(&mut self, id: StreamId, answer: NativeResponse, context: &Context) {
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        exchange.body_stage = BodyStage::Dispatched;
        exchange.status = answer.status();
        if context.service.observes() {
            exchange.observed = Some(Box::new(answer.fields().clone()));
        }
        let (now, date) = (context.now, &context.date);
        match answer {
            NativeResponse::Prepared(prepared) => {
                self.connection.respond_prepared(now, id, &prepared, date);
            }
            NativeResponse::Response(response) => self.connection.respond(now, id, response, date),
        }
    }

    /// Tells the client to send a request again.
    pub(super) fn refuse(&mut self, id: StreamId, reason: &'static str, context: &Context) {
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        exchange.status = 503;
        exchange.refusal = Some(reason);
        context.stats.reject(reason);
        self.connection.reject(context.now, id, 503, Some(1));
    }
}

/// Tells a client to ask elsewhere, or on a connection of its own (RFC 9110, section 15.5.20).
pub(super) fn misdirected() -> Response {
    Response::plain(421, "The certificate of this connection is not for this host\n")
}
