//! When each timer runs, and what happens when it fires; the table is in `deadlines`.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Connection, Ending, Input, Intake};
use crate::timers::Timer;
use crate::timers::throughput::Pace;
use crate::violation::Violation;

impl Connection {
    pub fn handle_timeout(&mut self, now: Instant, backlog: u64) {
        self.observe(now);
        self.backlog = backlog;
        for timer in Timer::ALL {
            if self.ending != Ending::Closed && self.deadlines.is_expired(timer, self.clock.now) {
                self.fire(timer);
            }
        }
        if self.ending != Ending::Closed {
            self.settle();
        }
    }

    fn fire(&mut self, timer: Timer) {
        self.deadlines.stop(timer);
        if self.deadlines.is_estimate(timer) {
            return;
        }
        match timer {
            Timer::Head if self.buffer.is_empty() => self.close(),
            Timer::Head => self.violate(Violation::HeadTimeout, self.buffered_line()),
            Timer::Request => self.violate(Violation::RequestTimeout, self.buffered_line()),
            Timer::Body => self.violate(Violation::BodyTimeout, Bytes::new()),
            Timer::Linger if self.farewell.goes_on(self.backlog, &self.config) => {}
            Timer::Idle | Timer::Linger => self.close(),
            Timer::Write => self.judge_reader(),
        }
    }

    fn judge_reader(&mut self) {
        let unsent = self.unsent();
        if !self.pace.is_kept_by_peer(self.sent, self.backlog, unsent, &self.config) {
            self.cut = true;
            self.close();
        }
    }

    /// Starts and stops timers after what just happened.
    pub(super) fn schedule(&mut self) {
        if self.ending == Ending::Closed {
            return;
        }
        let timeouts = self.config.timeouts;
        let takes_head = matches!(self.input, Input::Head(_))
            && !self.stalled
            && !self.ended
            && self.intake != Intake::Closed;
        let in_head = takes_head && !self.buffer.is_empty();
        let is_new = takes_head && self.next_id == 0;
        let is_idle = takes_head && !in_head && !is_new && self.is_idle();
        let in_body = !self.ended
            && matches!(&self.input, Input::Body(body) if !body.is_paused() && !body.awaited);
        self.run_if(in_head || is_new, Timer::Head, timeouts.read);
        self.run_if(in_body, Timer::Body, timeouts.read);
        self.run_if(is_idle, Timer::Idle, timeouts.idle);
        self.run_if(self.ending == Ending::Lingering, Timer::Linger, timeouts.linger);
        if let Some(total) = timeouts.request_read {
            self.schedule_request(in_head || in_body, total);
        }
        self.schedule_write();
    }

    fn run_if(&mut self, wanted: bool, timer: Timer, after: Duration) {
        if !wanted {
            self.deadlines.stop(timer);
        } else if !self.deadlines.is_running(timer) {
            self.start(timer, after);
        }
    }

    /// The time that the client does not use because it waits for us is not counted.
    fn schedule_request(&mut self, wanted: bool, total: Duration) {
        if wanted {
            let left = self.request_left.unwrap_or(total);
            self.run_if(true, Timer::Request, left);
        } else if let Some(at) = self.deadlines.stop(Timer::Request)
            && matches!(self.input, Input::Body(_))
        {
            self.request_left = Some(at.saturating_duration_since(self.clock.now));
        }
    }

    fn schedule_write(&mut self) {
        if self.unsent() == 0 {
            self.deadlines.stop(Timer::Write);
            self.pace.rest();
        } else if !self.deadlines.is_running(Timer::Write) {
            self.start(Timer::Write, Pace::interval(self.config.timeouts.write));
        }
    }

    fn start(&mut self, timer: Timer, after: Duration) {
        if let Some(at) = self.clock.now.checked_add(after) {
            self.deadlines.start(timer, at, self.clock.exact);
        }
    }
}
