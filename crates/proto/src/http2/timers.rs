//! When each timer runs, and what happens when it fires.
//!
//! | Timer | runs while | when it fires |
//! |---|---|---|
//! | `Head` | a frame or a header block is incomplete | GOAWAY |
//! | `Body` | a stream waits for the peer | streams that waited too long are refused or reset |
//! | `Idle` | there is no stream | GOAWAY |
//! | `Write` | output has not left | close when too little left, else it restarts |
//! | `Linger` | the write side is shut, or the end is told and no stream is left | close, unless the peer still takes what the socket holds |

use std::time::{Duration, Instant};

use h2::Reason;

use super::Connection;
use super::stream::{Output, Stream};
use crate::config::Config;
use crate::life::State;
use crate::timers::Timer;
use crate::timers::throughput::MinimumRate;
use crate::violation::Violation;

impl Connection {
    /// The time of `timer` has come.
    pub fn fire(&mut self, timer: Timer) {
        self.life.deadlines.stop(timer);
        if self.life.deadlines.is_estimate(timer) && timer != Timer::Body {
            return;
        }
        match timer {
            Timer::Head => self.go_away(Reason::NO_ERROR, Violation::HeadTimeout),
            Timer::Idle => self.send_goaway(),
            Timer::Linger if self.life.lingers_on(&self.config) => {}
            Timer::Linger if self.life.state == State::Open => self.send_goaway(),
            Timer::Linger => self.close(),
            Timer::Body => self.end_late_streams(),
            Timer::Write if self.keeps_pace() => {}
            Timer::Write => self.close(),
            Timer::Request => {}
        }
    }

    fn keeps_pace(&mut self) -> bool {
        let unsent = self.unsent();
        self.life.keeps_pace(unsent, &self.config)
    }

    /// Tells the peer that this is the end, for which it has given no cause.
    fn send_goaway(&mut self) {
        if let Some(h2) = &mut self.h2 {
            h2.abrupt_shutdown(Reason::NO_ERROR);
        }
    }

    /// Ends the streams that have waited too long, and finds out when to look again.
    fn end_late_streams(&mut self) {
        let mut next: Option<Instant> = None;
        let (mut late_bodies, mut late_readers) = (Vec::new(), Vec::new());
        let stalled = self.streams.values().filter(|stream| stream.output.is_stalled()).count();
        for (&id, stream) in &mut self.streams {
            let body = stream.body_due(self.life.now, &self.config);
            let reader = stream.output.look(self.life.now, stalled as u64, &self.config);
            if body.is_some_and(|at| at <= self.life.now) {
                late_bodies.push(id);
            } else if reader == Reader::Late {
                late_readers.push(id);
            } else {
                next = [next, body, reader.due()].into_iter().flatten().min();
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
            self.finish_stream(id, false);
        }
        if let Some(at) = next {
            self.life.deadlines.start(Timer::Body, at, true);
        }
    }

    /// A stream may wait for the peer from now on.
    pub(super) fn await_peer(&mut self, id: u32) {
        let Some(stream) = self.streams.get(&id) else { return };
        if !self.life.deadlines.is_running(Timer::Body)
            && (stream.awaits_body() || stream.output.is_stalled())
        {
            let timeouts = &self.config.timeouts;
            self.life.start(Timer::Body, timeouts.read.min(MinimumRate::interval(timeouts.write)));
        }
    }

    /// Starts and stops timers after what just happened.
    pub(super) fn schedule(&mut self) {
        if self.life.is_closed() {
            return;
        }
        let timeouts = self.config.timeouts;
        let is_open = self.life.state == State::Open;
        let is_free = is_open && self.streams.is_empty();
        let reads_head = self.inbound.is_partial() && self.inbound.open_data().is_none();
        self.life.run_if(is_open && reads_head, Timer::Head, timeouts.read);
        // What answers a ping leaves while they run, and stops neither.
        let idles = is_free && !self.draining;
        self.life.run_if(self.may_run(idles, Timer::Idle), Timer::Idle, timeouts.idle);
        let lingers = self.life.state == State::Lingering || (is_free && self.draining);
        self.life.run_if(self.may_run(lingers, Timer::Linger), Timer::Linger, timeouts.linger);
        self.life.watch_reader(self.unsent(), timeouts.write);
    }

    /// Whether a timer runs that begins once all has left.
    fn may_run(&self, wanted: bool, timer: Timer) -> bool {
        wanted && (self.life.deadlines.is_running(timer) || self.unsent() == 0)
    }
}

impl Stream {
    /// When its patience with the body of the request ends. What was not yet looked at begins now.
    fn body_due(&mut self, now: Instant, config: &Config) -> Option<Instant> {
        let timeouts = &config.timeouts;
        self.awaits_body().then(|| {
            let pause = *self.input.since.get_or_insert(now) + timeouts.read;
            let pace = config.limits.body_bytes_per_second.max(1);
            let earned = Duration::from_secs(self.input.received / pace);
            let total = timeouts.request_read.filter(|_| !self.input.is_conversation);
            let whole = total.map(|total| self.opened_at + total + earned);
            whole.map_or(pause, |whole| whole.min(pause))
        })
    }
}

/// How the reader of a response does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reader {
    /// Nothing waits for it.
    Content,
    /// It is looked at again then.
    Watched(Instant),
    Late,
}

impl Reader {
    fn due(self) -> Option<Instant> {
        match self {
            Self::Watched(at) => Some(at),
            Self::Content | Self::Late => None,
        }
    }
}

impl Output {
    /// Looks at the reader, where it is time. `stalled` streams share what the peer of a connection has to
    /// take at least.
    fn look(&mut self, now: Instant, stalled: u64, config: &Config) -> Reader {
        if !self.is_stalled() {
            self.pace.reset();
            return Reader::Content;
        }
        let span = config.timeouts.write;
        let interval = MinimumRate::interval(span);
        let next = *self.since.get_or_insert(now) + interval;
        if next > now {
            return Reader::Watched(next);
        }
        self.since = Some(now);
        let rate = config.limits.body_bytes_per_second.div_ceil(stalled.max(1));
        match self.pace.is_kept(self.given, self.pending, span, rate) {
            true => Reader::Watched(now + interval),
            false => Reader::Late,
        }
    }
}
