use std::sync::Arc;
use std::time::Instant;

use hyperion_proto::{Fields, Request, StreamId};

use crate::dispatch::completion::Completion;
use crate::dispatch::flow::{Flow, FlowState};
use crate::routes::Target;
use crate::session::body_buffer::BodyBuffer;
use crate::session::budget::Waiting;

/// One exchange of a session, from its request's head to the end of its response.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub id: StreamId,
    pub request: Arc<Request>,
    /// Who answers.
    pub target: Target,
    /// What is shared with the executor; none before it is asked.
    pub flow: Option<Arc<Flow>>,
    pub body_stage: BodyStage,
    pub body: BodyBuffer,
    pub received_at: Instant,
    /// Status of the response; 0 until there is one.
    pub status: u16,
    /// Why the server has turned it away, if it has.
    pub refusal: Option<&'static str>,
    /// Whom to tell when the response has ended.
    pub completion: Option<Completion>,
    /// Streamed bytes given to the connection whose credit was not yet returned.
    pub unsent: u64,
    /// Of these, what waits in memory.
    pub in_memory: u64,
    /// Bytes of its heads, where they are large.
    pub heads: u64,
    /// Tunnel bytes that wait for their reader.
    pub input_paused: bool,
    /// How often the request was handed over from one worker to another.
    pub hops: u32,
    /// An application has the connection: nothing is known of a response.
    pub is_hijacked: bool,
    /// The fields of the response, where somebody wants to hear of it.
    pub observed: Option<Box<Fields>>,
}

/// Where a request's body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyStage {
    /// It arrives before the request is dispatched.
    Receiving,
    /// The request is dispatched; the body comes when the application reads.
    OnDemand,
    /// The request is dispatched; its body is handed over as it arrives.
    Live,
    /// The request is dispatched with all of its body, or answered; what still arrives of it is
    /// ignored.
    Dispatched,
    /// Whatever arrives belongs to the application.
    Tunnel,
}

impl Exchange {
    pub fn new(id: StreamId, request: Arc<Request>, target: Target, now: Instant) -> Self {
        Self {
            id,
            request,
            target,
            flow: None,
            body_stage: BodyStage::Receiving,
            body: BodyBuffer::default(),
            received_at: now,
            status: 0,
            completion: None,
            unsent: 0,
            in_memory: 0,
            heads: 0,
            input_paused: false,
            hops: 0,
            is_hijacked: false,
            refusal: None,
            observed: None,
        }
    }

    /// Changes what is shared with the executor.
    pub fn share(&self, change: impl FnOnce(&mut FlowState)) {
        if let Some(flow) = &self.flow {
            flow.update(change);
        }
    }

    /// Tells the executor that the exchange is over.
    pub fn abandon(&self) {
        if let Some(flow) = &self.flow {
            flow.abandon();
        }
    }

    /// Counts a head that is kept, here and in what waits in all.
    pub fn keep_head(&mut self, bytes: u64, waiting: &Waiting) {
        self.heads += bytes;
        waiting.heads.update(|all| all + bytes);
    }

    /// What it keeps counts no more.
    pub fn release(&mut self, waiting: &Waiting) {
        let (heads, pieces) =
            (std::mem::take(&mut self.heads), std::mem::take(&mut self.in_memory));
        waiting.heads.update(|all| all.saturating_sub(heads));
        waiting.pieces.update(|all| all.saturating_sub(pieces));
    }

    /// Returns credit for streamed bytes that have left; `buffered` is what is still on its way. Tells how many
    /// of them were in memory.
    pub fn return_credit(&mut self, buffered: u64) -> u64 {
        let left = self.unsent.saturating_sub(buffered);
        if left > 0 {
            self.unsent -= left;
            self.share(|state| state.credit += left as i64);
        }
        let freed = left.min(self.in_memory);
        self.in_memory -= freed;
        freed
    }
}
