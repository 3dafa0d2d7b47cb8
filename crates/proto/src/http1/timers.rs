//! When each timer runs, and what happens when it fires; the table is in [`timers`](crate::timers).

use std::time::Duration;

use bytes::Bytes;

use super::{Connection, Input, Intake};
use crate::life::State;
use crate::timers::Timer;
use crate::violation::Violation;

impl Connection {
    /// The time of `timer` has come.
    pub fn fire(&mut self, timer: Timer) {
        self.life.deadlines.stop(timer);
        if self.life.deadlines.is_estimate(timer) {
            return;
        }
        match timer {
            Timer::Head if self.buffer.is_empty() => self.close(),
            Timer::Head => self.violate(Violation::HeadTimeout, self.buffered_line()),
            Timer::Request => self.violate(Violation::RequestTimeout, self.buffered_line()),
            Timer::Body => self.violate(Violation::BodyTimeout, Bytes::new()),
            Timer::Linger if self.life.lingers_on(&self.config) => {}
            Timer::Idle | Timer::Linger => self.close(),
            Timer::Write => self.judge_reader(),
        }
    }

    fn judge_reader(&mut self) {
        let unsent = self.unsent();
        if !self.life.keeps_pace(unsent, &self.config) {
            self.cut = true;
            self.close();
        }
    }

    /// Starts and stops timers after what just happened.
    pub(super) fn schedule(&mut self) {
        if self.life.is_closed() {
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
        self.life.run_if(in_head || is_new, Timer::Head, timeouts.read);
        self.life.run_if(in_body, Timer::Body, timeouts.read);
        self.life.run_if(is_idle, Timer::Idle, timeouts.idle);
        self.life.run_if(self.life.state == State::Lingering, Timer::Linger, timeouts.linger);
        if let Some(total) = timeouts.request_read {
            self.schedule_request(in_head || in_body, total);
        }
        self.life.watch_reader(self.unsent(), timeouts.write);
    }

    /// The time that the client does not use because it waits for us is not counted.
    fn schedule_request(&mut self, wanted: bool, total: Duration) {
        if wanted {
            let left = self.request_left.unwrap_or(total);
            self.life.run_if(true, Timer::Request, left);
        } else if let Some(at) = self.life.deadlines.stop(Timer::Request)
            && matches!(self.input, Input::Body(_))
        {
            self.request_left = Some(at.saturating_duration_since(self.life.now));
        }
    }
}
