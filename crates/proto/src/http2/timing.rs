//! When each timer runs, and what happens when it fires.
//!
//! | Timer | runs while | when it fires |
//! |---|---|---|
//! | `Head` | a frame or a header block is incomplete | GOAWAY |
//! | `Body` | a stream waits for the peer | streams that waited too long are refused or reset |
//! | `Idle` | there is no stream | GOAWAY |
//! | `Write` | output has not left | close when too little left, else it restarts |
//! | `Linger` | the write side is shut, or the end is told and no stream is left | close |

use std::time::{Duration, Instant};

use h2::Reason;

use super::stream::{Output, Stream};
use super::{Connection, Ending};
use crate::config::Config;
use crate::deadlines::Timer;
use crate::violation::Violation;

impl Connection {
    pub fn handle_timeout(&mut self, now: Instant, backlog: u64) {
        self.observe(now);
        self.backlog = backlog;
        for timer in Timer::ALL {
            if self.ending != Ending::Closed && self.deadlines.is_expired(timer, self.now) {
                self.fire(timer);
            }
        }
        if self.ending != Ending::Closed {
            self.drive();
        }
    }

    fn fire(&mut self, timer: Timer) {
        let taken = self.sent.saturating_sub(self.backlog);
        self.deadlines.stop(timer);
        if self.deadlines.is_estimate(timer) && timer != Timer::Body {
            return;
        }
        match timer {
            Timer::Head => self.leave(Reason::NO_ERROR, Violation::HeadTimeout),
            Timer::Idle => self.part(),
            Timer::Linger if self.ending == Ending::Open => self.part(),
            Timer::Linger => self.close(),
            Timer::Body => self.sweep(),
            Timer::Write if self.pace.is_kept(taken) => {}
            Timer::Write => self.close(),
            Timer::Request => {}
        }
    }

    /// Tells the peer that this is the end, for which it has given no cause.
    fn part(&mut self) {
        if let Some(h2) = &mut self.h2 {
            h2.abrupt_shutdown(Reason::NO_ERROR);
        }
    }

    /// Ends the streams that have waited too long, and finds out when to look again.
    fn sweep(&mut self) {
        let mut next: Option<Instant> = None;
        let (mut late_bodies, mut late_readers) = (Vec::new(), Vec::new());
        let stalled = self.streams.values().filter(|stream| stream.output.is_stalled()).count();
        for (&id, stream) in &mut self.streams {
            let (body, reader) = stream.due(self.now, stalled, &self.config);
            if body.is_some_and(|at| at <= self.now) {
                late_bodies.push(id);
            } else if reader.is_some_and(|at| at <= self.now) {
                late_readers.push(id);
            } else {
                next = [next, body, reader].into_iter().flatten().min();
            }
        }
        for id in late_bodies {
            self.refuse_stream(id, Violation::BodyTimeout);
        }
        for id in late_readers {
            self.complain(Violation::H2StalledStream);
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.reset(Reason::CANCEL);
            }
            self.retire(id, false);
        }
        if let Some(at) = next {
            self.deadlines.start(Timer::Body, at, true);
        }
    }

    /// A stream may wait for the peer from now on.
    pub(super) fn await_peer(&mut self, id: u32) {
        let Some(stream) = self.streams.get(&id) else { return };
        if !self.deadlines.is_running(Timer::Body)
            && (stream.awaits_body() || stream.output.is_stalled())
        {
            let timeouts = &self.config.timeouts;
            self.start(Timer::Body, timeouts.read.min(timeouts.write));
        }
    }

    /// Starts and stops timers after what just happened.
    pub(super) fn schedule(&mut self) {
        if self.ending == Ending::Closed {
            return;
        }
        let timeouts = self.config.timeouts;
        let unsent = self.unsent();
        let is_open = self.ending == Ending::Open;
        let is_free = is_open && self.streams.is_empty();
        let reads_head = self.inbound.is_partial() && self.inbound.open_data().is_none();
        self.run_if(is_open && reads_head, Timer::Head, timeouts.read);
        // What answers a ping leaves while they run, and stops neither.
        let idles = is_free && !self.draining;
        self.run_if(self.may_run(idles, Timer::Idle), Timer::Idle, timeouts.idle);
        let lingers = self.ending == Ending::Lingering || (is_free && self.draining);
        self.run_if(self.may_run(lingers, Timer::Linger), Timer::Linger, timeouts.linger);
        if unsent == 0 {
            self.deadlines.stop(Timer::Write);
        } else if !self.deadlines.is_running(Timer::Write) {
            self.pace.begin(unsent, timeouts.write, self.config.limits.body_bytes_per_second);
            self.start(Timer::Write, timeouts.write);
        }
    }

    /// Whether a timer runs that begins once all has left.
    fn may_run(&self, wanted: bool, timer: Timer) -> bool {
        wanted && (self.deadlines.is_running(timer) || self.unsent() == 0)
    }

    fn run_if(&mut self, wanted: bool, timer: Timer, after: Duration) {
        if !wanted {
            self.deadlines.stop(timer);
        } else if !self.deadlines.is_running(timer) {
            self.start(timer, after);
        }
    }

    fn start(&mut self, timer: Timer, after: Duration) {
        if let Some(at) = self.now.checked_add(after) {
            self.deadlines.start(timer, at, self.exact);
        }
    }
}

impl Stream {
    /// When its patience with the peer ends: with the body of the request, and with the reader of the
    /// response. What was not yet looked at begins now.
    fn due(
        &mut self,
        now: Instant,
        stalled: usize,
        config: &Config,
    ) -> (Option<Instant>, Option<Instant>) {
        let timeouts = &config.timeouts;
        let body = self.awaits_body().then(|| {
            let pause = *self.input.since.get_or_insert(now) + timeouts.read;
            let pace = config.limits.body_bytes_per_second.max(1);
            let earned = Duration::from_secs(self.input.received / pace);
            let total = timeouts.request_read.filter(|_| !self.input.is_conversation);
            let whole = total.map(|total| self.opened_at + total + earned);
            whole.map_or(pause, |whole| whole.min(pause))
        });
        let reader = self.output.is_stalled().then(|| self.output.due(now, stalled as u64, config));
        (body, reader)
    }
}

impl Output {
    /// The end of a span in which the peer has to make room. `stalled` streams share what the peer of
    /// a connection has to take at least.
    fn due(&mut self, now: Instant, stalled: u64, config: &Config) -> Instant {
        let span = config.timeouts.write;
        let is_over = self.since.is_some_and(|since| since + span <= now);
        if is_over && self.pace.is_kept(self.given) {
            self.since = None;
        }
        if self.since.is_none() {
            let rate = config.limits.body_bytes_per_second.div_ceil(stalled.max(1));
            self.pace.begin(self.pending, span, rate);
        }
        *self.since.get_or_insert(now) + span
    }
}
