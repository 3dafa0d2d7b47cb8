use std::sync::Arc;
use std::time::Instant;

use hyperion_proto::{Request, StreamId};

use crate::body::BodyBuffer;
use crate::flow::Flow;
use crate::reply::Completion;

/// One exchange of a session, from its request's head to the end of its response.
#[derive(Debug)]
pub(crate) struct OpenStream {
    pub id: StreamId,
    pub request: Arc<Request>,
    pub flow: Arc<Flow>,
    pub phase: Phase,
    pub body: BodyBuffer,
    pub received_at: Instant,
    /// Status of the response; 0 until there is one.
    pub status: u16,
    /// Whom to tell when the response has ended.
    pub completion: Option<Completion>,
    /// Streamed bytes given to the connection whose credit was not yet returned.
    pub outstanding: u64,
    /// Tunnel bytes that wait for their reader.
    pub input_paused: bool,
}

/// Where a request's body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// It arrives before the request is dispatched.
    Receiving,
    /// The request is dispatched; the body comes when the application reads.
    OnDemand,
    /// The request is dispatched with all of its body.
    Dispatched,
    /// Whatever arrives belongs to the application.
    Tunnel,
}

impl OpenStream {
    pub fn new(id: StreamId, request: Arc<Request>, credit: u64, now: Instant) -> Self {
        Self {
            id,
            request,
            flow: Flow::new(credit),
            phase: Phase::Receiving,
            body: BodyBuffer::default(),
            received_at: now,
            status: 0,
            completion: None,
            outstanding: 0,
            input_paused: false,
        }
    }

    /// Returns credit for streamed bytes that have left; `buffered` is what is still on its way.
    pub fn return_credit(&mut self, buffered: u64) {
        let left = self.outstanding.saturating_sub(buffered);
        if left > 0 {
            self.outstanding -= left;
            self.flow.update(|state| state.credit += left as i64);
        }
    }
}
