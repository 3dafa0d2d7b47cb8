//! The loop: lets fibers go on whose wait is over, fires timers, and sleeps while there is nothing to do.

use std::time::{Duration, Instant};

use magnus::prelude::*;
use magnus::{Error, Exception, ExceptionClass, Fiber, RArray, Ruby, Value};

use super::waits::{Next, Outcome, Timer};
use super::{Scheduler, system_error};
use crate::vm::gvl::without_gvl;

/// How soon something is raised again in a fiber in which it cannot be raised just now.
const RAISE_AGAIN: Duration = Duration::from_millis(10);

impl Scheduler {
    /// `run`: lets the other fibers go on until none of them waits.
    pub(super) fn run(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        this.enter(ruby)?;
        if this.waits.borrow().is_empty() {
            return Ok(());
        }
        let is_first_fiber: bool = ruby.fiber_current().funcall("blocking?", ())?;
        let begin = |number| {
            this.waits.borrow_mut().is_for_the_end(number, is_first_fiber);
            Ok(None)
        };
        this.wait(ruby, None, begin).map(drop)
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

    pub(super) fn turn_for_ever(&self, ruby: &Ruby) -> Result<(), Error> {
        loop {
            self.turn(ruby)?;
        }
    }

    /// Lets each fiber go on that can, and waits for something to happen where none can.
    fn turn(&self, ruby: &Ruby) -> Result<(), Error> {
        let count = self.waits.borrow().over();
        for _ in 0..count {
            let next = self.waits.borrow_mut().next_over(ruby);
            match next {
                Some(Next::Waiting(fiber)) => self.let_go_on(fiber).map(drop)?,
                Some(Next::Raiser(fiber)) => self.let_raiser_go_on(ruby, fiber)?,
                None => break,
            }
        }
        self.fire(ruby)?;
        self.waits.borrow_mut().wake_for_the_end();
        let is_idle = self.waits.borrow().over() == 0;
        let timeout = if is_idle { self.until_next_timer() } else { Some(Duration::ZERO) };
        self.poll(ruby, timeout)?;
        ruby.thread_check_ints()
    }

    /// Goes to this fiber; what comes back is from any.
    pub(super) fn let_go_on(&self, fiber: Fiber) -> Result<Value, Error> {
        self.running.set(Some(fiber.into()));
        fiber.transfer::<_, Value>(())
    }

    /// The fiber may have gone elsewhere meanwhile, or may have raised from a fiber within it; then it goes on by
    /// itself or not at all.
    fn let_raiser_go_on(&self, ruby: &Ruby, fiber: Fiber) -> Result<(), Error> {
        if !fiber.is_alive() {
            return Ok(());
        }
        match self.let_go_on(fiber) {
            Err(failure) if fiber.is_alive() && is_fiber_error(ruby, &failure) => Ok(()),
            back => back.map(drop),
        }
    }

    fn until_next_timer(&self) -> Option<Duration> {
        self.timers.borrow().until_next(Instant::now())
    }

    fn fire(&self, ruby: &Ruby) -> Result<(), Error> {
        let now = Instant::now();
        loop {
            let due = self.timers.borrow_mut().pop_due(now);
            match due {
                None => return Ok(()),
                Some(Timer::Wait(number)) => self.waits.borrow_mut().wake(number, Outcome::Late),
                Some(Timer::Raise(fiber, class, arguments)) => {
                    let (class, arguments) = (ruby.get_inner(class), ruby.get_inner(arguments));
                    self.raise(ruby, ruby.get_inner(fiber), class, arguments)?;
                }
            }
        }
    }

    fn raise(
        &self,
        ruby: &Ruby,
        fiber: Fiber,
        class: Value,
        arguments: RArray,
    ) -> Result<(), Error> {
        if !fiber.is_alive() {
            return Ok(());
        }
        let exception: Exception =
            class.funcall("exception", &arguments.into_iter().collect::<Vec<Value>>()[..])?;
        self.running.set(Some(fiber.into()));
        match fiber.raise::<Value>(exception) {
            // It has resumed another fiber, which waits; older Rubies raise nothing in that one.
            Err(failure) if fiber.is_alive() && is_fiber_error(ruby, &failure) => {
                let again = Timer::Raise(fiber.into(), class.into(), arguments.into());
                self.timers.borrow_mut().start(RAISE_AGAIN, again);
                Ok(())
            }
            back => back.map(drop),
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

fn is_fiber_error(ruby: &Ruby, failure: &Error) -> bool {
    let class = ruby.class_object().const_get::<_, ExceptionClass>("FiberError");
    class.is_ok_and(|class| failure.is_kind_of(class))
}
