//! Whether a client that sends no more is still there. One that has only said so still reads its answers;
//! one that has closed its socket looks the same, until something is sent to it and comes back as a reset.
//! While executors are busy the difference is work for nobody: what waits in their queue is taken back once
//! its client is known to be gone.

use std::time::{Duration, Instant};

use super::{Context, Session};

/// So long a request may wait for an executor behind the end of its client's input without being asked for.
const PROBE_DELAY: Duration = Duration::from_millis(10);

impl Session {
    /// The peer sends no more.
    pub fn handle_eof(&mut self, context: &Context) {
        self.connection.handle_eof(context.now);
        self.probe_at = context.now.checked_add(PROBE_DELAY);
    }

    /// When `handle_timeout` is due.
    pub fn poll_deadline(&self) -> Option<Instant> {
        [self.connection.poll_deadline(), self.probe_at].into_iter().flatten().min()
    }

    /// The time of `poll_deadline` has come. Of what has left, the socket still holds `backlog` bytes.
    pub fn handle_timeout(&mut self, backlog: u64, context: &Context) {
        if self.probe_at.take_if(|at| *at <= context.now).is_some()
            && let Some(first) = self.exchanges.front()
            && first.flow.as_ref().is_some_and(|flow| flow.queued().is_none())
        {
            self.connection.probe(first.id);
        }
        self.connection.handle_timeout(context.now, backlog);
    }
}
