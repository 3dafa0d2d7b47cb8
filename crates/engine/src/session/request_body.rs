//! What arrives behind the head of a request: collected before the request is dispatched, or handed to whoever
//! reads it while it arrives.

use bytes::Bytes;
use hyperion_proto::StreamId;

use super::{Context, Session, find};
use crate::session::exchange::BodyStage;

/// Unread input of a tunnel, or of a body that is read while it arrives, above which no more is taken.
const INPUT_BYTES: usize = 256 * 1024;

impl Session {
    pub(super) fn receive_body(&mut self, id: StreamId, bytes: Bytes, context: &Context) {
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        if matches!(exchange.body_stage, BodyStage::Tunnel | BodyStage::Live) {
            let mut waiting = 0;
            exchange.share(|state| {
                state.input.extend_from_slice(&bytes);
                waiting = state.input.len();
            });
            if waiting > INPUT_BYTES {
                exchange.input_paused = true;
                self.connection.pause_body(id);
            }
        } else if exchange.body_stage != BodyStage::Dispatched
            && let Err(error) = exchange.body.push(
                bytes,
                context.config.spool_threshold_bytes,
                &context.inbox.budget,
                &context.spool_bound,
            )
        {
            self.refuse_body(id, &error, context);
        }
    }

    pub(super) fn end_body(&mut self, id: StreamId, context: &Context) {
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        let body = match std::mem::take(&mut exchange.body).finish() {
            Ok(body) => body,
            Err(error) => return self.refuse_body(id, &error, context),
        };
        match exchange.body_stage {
            BodyStage::Receiving => self.dispatch(id, body, BodyStage::Dispatched, context),
            BodyStage::OnDemand => {
                exchange.body_stage = BodyStage::Dispatched;
                exchange.share(|state| state.body = Some(body));
            }
            BodyStage::Tunnel | BodyStage::Live => exchange.share(|state| state.input_ended = true),
            BodyStage::Dispatched => {}
        }
    }

    fn refuse_body(&mut self, id: StreamId, error: &std::io::Error, context: &Context) {
        context.complain_about_spool(&error.to_string());
        if let Some(exchange) = find(&mut self.exchanges, id) {
            // What still comes of it goes nowhere.
            exchange.body_stage = BodyStage::Dispatched;
        }
        self.refuse(id, "spool_failed", context);
    }

    pub(super) fn resume_tunnel(&mut self, id: StreamId) {
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        if std::mem::take(&mut exchange.input_paused) {
            self.connection.resume_body(id);
        }
    }
}
