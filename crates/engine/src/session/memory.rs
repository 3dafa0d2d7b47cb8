//! What a connection may keep in memory for a peer that does not take it.

use std::time::Duration;

use hyperion_proto::StreamId;

use super::{Context, Session};
use crate::session::budget::COUNTED_BYTES;
use crate::session::exchange::BodyStage;

/// A connection with more than this waiting for its peer begins no request while nothing of it leaves and the process
/// has no memory for bodies left. Heads may take up as much of a connection, and then it begins none in any case.
const WAITING_BYTES: u64 = 256 * 1024;
const STALL: Duration = Duration::from_secs(1);

impl Session {
    /// Whether one more job would be too many for one connection, because of what is still worked on for
    /// exchanges that are gone, or of what waits for its peer. Otherwise a client could occupy any number of
    /// executors by resetting streams, and any amount of memory by not reading.
    pub(super) fn exceeds_share(&mut self, context: &Context) -> bool {
        self.orphaned_jobs.retain(|flow| !flow.is_released());
        let is_stalled = context.now.saturating_duration_since(self.progress_at) > STALL;
        if context.inbox.budget.is_exhausted() && is_stalled && self.waiting_bytes() > WAITING_BYTES
        {
            return true;
        }
        let most = context.protocol.limits.h2_concurrent_streams as usize;
        let engaged = self.exchanges.iter().filter(|exchange| exchange.flow.is_some());
        !self.orphaned_jobs.is_empty() && self.orphaned_jobs.len() + engaged.count() >= most
    }

    /// Counts a head that is kept until the response has left, and that cannot wait on a disk. False where there
    /// is no room.
    pub(super) fn keep_head(&mut self, id: StreamId, bytes: usize, context: &Context) -> bool {
        if bytes <= COUNTED_BYTES {
            return true;
        }
        let kept: u64 = self.exchanges.iter().map(|exchange| exchange.heads).sum();
        if kept > WAITING_BYTES && !context.waiting.has_room_for_heads() {
            return false;
        }
        if let Some(exchange) = self.exchange(id) {
            exchange.keep_head(bytes as u64, &context.waiting);
        }
        true
    }

    /// Counts the head of a request; turns the request away where there is no room.
    pub(super) fn admits_head(&mut self, id: StreamId, bytes: usize, context: &Context) -> bool {
        let is_kept = self.keep_head(id, bytes, context);
        if !is_kept {
            if let Some(exchange) = self.exchange(id) {
                // What still comes of it goes nowhere.
                exchange.body_stage = BodyStage::Dispatched;
                (exchange.status, exchange.refusal) = (503, Some("response_memory_full"));
            }
            context.stats.per_conn_rejections.add(1);
            self.connection.refuse_unprocessed(context.now, id);
        }
        is_kept
    }

    /// Bytes of responses that wait for the peer.
    fn waiting_bytes(&self) -> u64 {
        self.exchanges.iter().map(|exchange| self.connection.buffered(exchange.id)).sum()
    }
}
