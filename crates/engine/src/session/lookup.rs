//! Requests for which somebody has to look for a file first.

use hyperion_proto::StreamId;

use super::{Context, Session, find};
use crate::dispatch::body::Body;
use crate::reactor::lookups::Lookup;
use crate::reactor::message::Found;
use crate::reactor::message::ReplyKey;
use crate::routes::Target;
use crate::session::exchange::BodyStage;

impl Session {
    /// Has the file looked for that a request may name.
    pub(super) fn look_up(&mut self, id: StreamId, body: Body, context: &Context) {
        let key = ReplyKey { session: self.key, stream: id };
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        let Target::Search(search) = exchange.target.clone() else { return };
        let lookup = Lookup { key, request: exchange.request.clone(), search, body };
        if !context.lookups.submit(lookup, &context.inbox) {
            self.refuse(id, "queue_full", context);
        }
    }

    pub(super) fn take_found(&mut self, id: StreamId, found: Found, context: &Context) {
        let Found { target, answer, body } = found;
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        exchange.target = target;
        match answer {
            Some(answer) => {
                let mode = exchange.target.mode();
                mode.into_iter().for_each(|mode| context.recorder.dispatched(mode));
                self.give_answer(id, answer, context);
            }
            None => self.dispatch(id, body, BodyStage::Dispatched, context),
        }
    }

    /// It is only dispatched to somebody when that is known.
    pub(super) fn record_target(&mut self, id: StreamId, target: Target, context: &Context) {
        target.mode().into_iter().for_each(|mode| context.recorder.dispatched(mode));
        if let Some(exchange) = self.exchange(id) {
            exchange.target = target;
        }
    }
}
