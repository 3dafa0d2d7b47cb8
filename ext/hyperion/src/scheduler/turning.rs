//! The loop: lets fibers go on whose wait is over, fires timers, and sleeps while there is nothing to do.

use std::time::{Duration, Instant};

use magnus::prelude::*;
use magnus::{Error, Exception, Ruby, Value};

use super::waits::{Outcome, Timer};
use super::{Scheduler, system_error};
use crate::vm::error::contain;
use crate::vm::gvl::without_gvl;

impl Scheduler {
    /// `run`: turns until no fiber waits.
    pub(super) fn run(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        contain(ruby, || {
            this.leave_parent(ruby)?;
            while !this.waits.borrow().is_empty() {
                this.turn(ruby, None)?;
            }
            Ok(())
        })
    }

    /// `close`: what Ruby calls at the end of the thread, or when another scheduler takes the place of this one.
    pub(super) fn close(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        if this.is_closed.get() {
            return Ok(());
        }
        let ran = Self::run(ruby, this);
        this.is_closed.set(true);
        ran
    }

    /// Lets each fiber go on that can, and waits for something to happen where none can.
    fn turn(&self, ruby: &Ruby, timeout: Option<Duration>) -> Result<(), Error> {
        let count = self.waits.borrow().over();
        for _ in 0..count {
            let next = self.waits.borrow_mut().next_over(ruby);
            let Some(fiber) = next else { break };
            fiber.transfer::<_, Value>(())?;
        }
        self.fire(ruby)?;
        let is_idle = self.waits.borrow().over() == 0 && !self.waits.borrow().is_empty();
        let timeout = if is_idle { self.timeout(timeout) } else { Some(Duration::ZERO) };
        self.poll(ruby, timeout)?;
        ruby.thread_check_ints()
    }

    fn timeout(&self, timeout: Option<Duration>) -> Option<Duration> {
        let next = self.timers.borrow().until_next(Instant::now());
        [timeout, next].into_iter().flatten().min()
    }

    fn fire(&self, ruby: &Ruby) -> Result<(), Error> {
        let now = Instant::now();
        loop {
            let due = self.timers.borrow_mut().pop_due(now);
            match due {
                None => return Ok(()),
                Some(Timer::Wait(number)) => self.waits.borrow_mut().wake(number, Outcome::Late),
                Some(Timer::Raise(fiber, class, arguments)) => {
                    let arguments = ruby.get_inner(arguments);
                    let exception: Exception = ruby
                        .get_inner(class)
                        .funcall("exception", &arguments.into_iter().collect::<Vec<Value>>()[..])?;
                    let fiber = ruby.get_inner(fiber);
                    if fiber.is_alive() {
                        fiber.raise::<Value>(exception)?;
                    }
                }
            }
        }
    }

    fn poll(&self, ruby: &Ruby, timeout: Option<Duration>) -> Result<(), Error> {
        let mut ready = Vec::new();
        let mut poller = self.poller.borrow_mut();
        let mut wait = || poller.wait(timeout, &mut ready);
        let waited = if timeout == Some(Duration::ZERO) {
            Some(wait())
        } else {
            let waker = self.waker.borrow().clone();
            self.is_asleep.set(true);
            let waited = without_gvl(wait, || waker.wake());
            self.is_asleep.set(false);
            waited
        };
        drop(poller);
        let mut waits = self.waits.borrow_mut();
        ready.into_iter().for_each(|(number, events)| waits.wake(number, Outcome::Ready(events)));
        drop(waits);
        match waited {
            Some(Err(failure)) => Err(system_error(ruby, &failure)),
            Some(Ok(())) | None => Ok(()),
        }
    }
}
