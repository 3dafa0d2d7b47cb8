//! The loop: lets fibers go on whose wait is over, fires timers, and sleeps while there is nothing to do.

use std::time::{Duration, Instant};

use magnus::prelude::*;
use magnus::rb_sys::AsRawValue;
use magnus::value::Opaque;
use magnus::{Error, Exception, ExceptionClass, Fiber, Ruby, TryConvert, Value};

use super::waits::{Next, Outcome, Timer};
use super::{Scheduler, system_error};
use crate::vm::error::{error, exception as exception_of, is_jump};
use crate::vm::gvl::wait_without_gvl;

/// How soon something is raised again in a fiber in which it cannot be raised just now.
const RAISE_AGAIN: Duration = Duration::from_millis(10);

impl Scheduler {
    /// `run`: lets the other fibers go on until none of them waits.
    ///
    /// # Errors
    /// What is raised meanwhile.
    pub fn run(ruby: &Ruby, this: &Self) -> Result<(), Error> {
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
        this.poller.take();
        ran
    }

    /// Until another fiber has the loop.
    pub(super) fn turn_for_ever(&self, ruby: &Ruby) -> Result<(), Error> {
        let this = ruby.fiber_current();
        let is_home = |home: Opaque<Fiber>| ruby.get_inner(home).as_raw() == this.as_raw();
        while self.home.get().is_some_and(is_home) {
            self.turn(ruby)?;
        }
        Ok(())
    }

    /// Waits for something to happen where no fiber can go on, and lets each go on that can. What has come in time is
    /// told before a time is over, however late both are heard of.
    fn turn(&self, ruby: &Ruby) -> Result<(), Error> {
        self.hear_from_outside();
        self.waits.borrow_mut().wake_for_the_end();
        let is_idle = self.waits.borrow().over() == 0 && self.begin_sleep();
        let timeout = if is_idle { self.until_next_timer() } else { Some(Duration::ZERO) };
        let polled = self.poll(ruby, timeout);
        let now = Instant::now();
        self.end_sleep();
        polled?;
        self.hear_signals(ruby)?;
        let count = self.waits.borrow().over();
        for _ in 0..count {
            let next = self.waits.borrow_mut().next_over(ruby);
            match next {
                Some(Next::Waiting(fiber)) => self.let_go_on(fiber).map(drop)?,
                Some(Next::Raiser(fiber)) => self.let_raiser_go_on(ruby, fiber)?,
                None => break,
            }
        }
        self.fire(ruby, now)
    }

    fn hear_signals(&self, ruby: &Ruby) -> Result<(), Error> {
        self.may_be_resuming.set(true);
        let heard = ruby.thread_check_ints();
        self.may_be_resuming.set(false);
        heard
    }

    /// Goes to this fiber; what comes back is from any.
    pub(super) fn let_go_on(&self, fiber: Fiber) -> Result<Value, Error> {
        self.begin_hold();
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

    fn fire(&self, ruby: &Ruby, now: Instant) -> Result<(), Error> {
        loop {
            let due = self.timers.borrow_mut().pop_due(now);
            match due {
                None => return Ok(()),
                Some((_, Timer::Wait(number))) => {
                    self.waits.borrow_mut().wake(number, Outcome::Late);
                }
                Some((number, timer @ Timer::Raise(fiber, ..))) => {
                    if !self.raise(ruby, ruby.get_inner(fiber), timer)? {
                        self.timers.borrow_mut().start_again(number, RAISE_AGAIN, timer);
                    }
                }
            }
        }
    }

    /// Raises an exception in a fiber. False where that cannot be just now: its wait is over, and it is to know of that
    /// first; or it has resumed another fiber, which waits, and in which older Rubies raise nothing.
    fn raise(&self, ruby: &Ruby, fiber: Fiber, timer: Timer) -> Result<bool, Error> {
        let Timer::Raise(_, class, arguments) = timer else { return Ok(true) };
        if !fiber.is_alive() {
            return Ok(true);
        }
        if self.waits.borrow().is_about_to_go_on(fiber) {
            return Ok(false);
        }
        let arguments: Vec<Value> = ruby.get_inner(arguments).into_iter().collect();
        let made = ruby.get_inner(class).funcall("exception", &arguments[..]);
        let exception: Exception = match made {
            Ok(exception) => exception,
            Err(failure) if is_jump(&failure) => return Err(failure),
            Err(failure) => Exception::try_convert(exception_of(ruby, &failure))?,
        };
        self.begin_hold();
        self.may_be_resuming.set(!self.waits.borrow().is_waiting_for_anything(fiber));
        let raised = fiber.raise::<Value>(exception);
        self.may_be_resuming.set(false);
        match raised {
            Err(failure) if fiber.is_alive() && is_fiber_error(ruby, &failure) => Ok(false),
            back => back.map(|_| true),
        }
    }

    fn poll(&self, ruby: &Ruby, timeout: Option<Duration>) -> Result<(), Error> {
        self.end_hold();
        // Nobody else may find it borrowed: not a handler of a signal, and not a child that another thread forks.
        let Some(mut poller) = self.poller.take() else {
            return Err(error(ruby, "the scheduler is closed"));
        };
        let mut ready = Vec::new();
        let mut wait = || poller.wait(timeout, &mut ready);
        let waited = if timeout == Some(Duration::ZERO) {
            Some(wait())
        } else {
            let waker = self.waker.borrow().clone();
            self.is_asleep.set(true);
            let waited = wait_without_gvl(wait, &waker);
            self.is_asleep.set(false);
            waited
        };
        self.poller.replace(Some(poller));
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
