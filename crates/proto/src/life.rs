//! The life of a connection, whatever protocol it speaks: time, the way to its end, what is on its way out.
//!
//! ```text
//!   Open ── last response written ──▶ Flushing ── all has left ──▶ Lingering ──▶ Closed
//!    │                                    └─── nothing unread ─────────────────────▲
//!    └── idle too long, peer too slow, socket failed ──────────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::event::{Closing, Event, StreamId};
use crate::timers::throughput::{LingerProgress, MinimumRate};
use crate::timers::{Deadlines, Timer};

/// What a protocol keeps of its connection beside its own state.
#[derive(Debug)]
pub(crate) struct Life {
    /// The last time known.
    pub now: Instant,
    /// Whether that is the present.
    exact: bool,
    pub state: State,
    pub events: VecDeque<Event>,
    pub deadlines: Deadlines,
    /// Bytes that were received behind the end and thrown away.
    pub discarded: u64,
    /// Bytes ever given out by `poll_transmit`, and how many of them have left.
    polled: u64,
    sent: u64,
    /// How much of it the socket still held when the clock last called.
    backlog: u64,
    responses: VecDeque<ResponseInFlight>,
    pace: MinimumRate,
    linger_progress: LingerProgress,
}

/// What a connection still does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Open,
    /// No more responses; output has still to leave.
    Flushing,
    /// The write side is shut; input is discarded.
    Lingering,
    Closed,
}

/// A response that is written and on its way out.
#[derive(Debug)]
pub(crate) struct ResponseInFlight {
    pub id: StreamId,
    /// Whether its end is told.
    pub announced: bool,
    pub complete: bool,
    /// Where it ends in all output of the connection.
    pub end: u64,
    pub body_bytes: u64,
}

impl Life {
    pub fn new(now: Instant) -> Self {
        Self {
            now,
            exact: true,
            state: State::Open,
            events: VecDeque::new(),
            deadlines: Deadlines::default(),
            discarded: 0,
            polled: 0,
            sent: 0,
            backlog: 0,
            responses: VecDeque::new(),
            pace: MinimumRate::default(),
            linger_progress: LingerProgress::default(),
        }
    }

    /// Takes note of the present.
    pub fn set_now(&mut self, now: Instant) {
        self.now = now.max(self.now);
        self.exact = true;
    }

    /// Takes note that the present is unknown in this call.
    pub fn mark_time_stale(&mut self) {
        self.exact = false;
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub fn closing(&self) -> Closing {
        match self.state {
            State::Open | State::Flushing => Closing::Open,
            State::Lingering => Closing::ShutdownWrite,
            State::Closed => Closing::Close,
        }
    }
}

/// Output.
impl Life {
    /// `bytes` are given to the driver.
    pub fn give_out(&mut self, bytes: u64) {
        self.polled += bytes;
    }

    /// `bytes` of them have left.
    pub fn note_sent(&mut self, bytes: u64) {
        self.sent = (self.sent + bytes).min(self.polled);
    }

    /// Where output ends of which `queued` bytes are still here.
    pub fn end_of(&self, queued: u64) -> u64 {
        self.polled + queued
    }

    /// Bytes not yet taken by the socket, of which `queued` are still here.
    pub fn unsent(&self, queued: u64) -> u64 {
        self.polled + queued - self.sent
    }

    /// A response is written to its end.
    pub fn note_written(&mut self, response: ResponseInFlight) {
        self.responses.push_back(response);
    }

    /// Reports responses that have left. A response may end without a byte, after its head has left.
    pub fn report_sent(&mut self) {
        let sent = self.sent;
        while self.responses.front().is_some_and(|front| front.end <= sent)
            && let Some(ResponseInFlight { id, announced, complete, body_bytes, .. }) =
                self.responses.pop_front()
        {
            if announced {
                self.events.push_back(Event::Finished { id, bytes: body_bytes, complete });
            }
        }
    }

    /// The connection ends here: what has not left is cut, and no timer runs any more.
    pub fn end(&mut self) {
        self.state = State::Closed;
        for response in self.responses.drain(..).filter(|response| response.announced) {
            let left_behind = response.end.saturating_sub(self.sent);
            self.events.push_back(Event::Finished {
                id: response.id,
                bytes: response.body_bytes.saturating_sub(left_behind),
                complete: false,
            });
        }
        self.deadlines.stop_all();
    }
}

/// Timers.
impl Life {
    /// The clock calls; of what has left the socket still holds `backlog`.
    pub fn wake(&mut self, now: Instant, backlog: u64) {
        self.set_now(now);
        self.backlog = backlog;
    }

    /// Whether it is time for `timer`.
    pub fn is_due(&self, timer: Timer) -> bool {
        !self.is_closed() && self.deadlines.is_expired(timer, self.now)
    }

    pub fn start(&mut self, timer: Timer, after: Duration) {
        if let Some(at) = self.now.checked_add(after) {
            self.deadlines.start(timer, at, self.exact);
        }
    }

    /// Starts a timer that does not run and is wanted, and stops one that is not.
    pub fn run_if(&mut self, wanted: bool, timer: Timer, after: Duration) {
        if !wanted {
            self.deadlines.stop(timer);
        } else if !self.deadlines.is_running(timer) {
            self.start(timer, after);
        }
    }

    /// Looks after the reader while output waits for it.
    pub fn watch_reader(&mut self, unsent: u64, write: Duration) {
        if unsent == 0 {
            self.deadlines.stop(Timer::Write);
            self.pace.reset();
        } else if !self.deadlines.is_running(Timer::Write) {
            self.start(Timer::Write, MinimumRate::interval(write));
        }
    }

    /// Whether the reader takes enough of what waits for it.
    pub fn keeps_pace(&mut self, unsent: u64, config: &Config) -> bool {
        self.pace.is_kept_by_peer(self.sent, self.backlog, unsent, config)
    }

    /// Whether a peer that was told the end still takes what the socket holds.
    pub fn lingers_on(&mut self, config: &Config) -> bool {
        self.linger_progress.goes_on(self.backlog, config)
    }
}
