//! How a fiber waits: it leaves a note, goes to the loop, and goes on when the note says so.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use hyperion_engine::poller::Events;
use magnus::prelude::*;
use magnus::rb_sys::AsRawValue;
use magnus::{Error, Fiber, Ruby, Value, kwargs};

use super::outside::Outside;
use super::waits::{Outcome, Timer, Timers, Waits};
use super::{FIBER, Scheduler, is_current, new_poller, system_error, timeout};
use crate::vm::error::error;
use crate::vm::gvl::OwningProcess;
use crate::vm::names::NEW;

impl Scheduler {
    /// Waits until the wait is over, or for so many seconds. `begin` gets its number; what it gives ends the wait at
    /// once, as soon as the others that can go on have had their turn.
    pub(super) fn wait(
        &self,
        ruby: &Ruby,
        seconds: Option<Value>,
        begin: impl FnOnce(u64) -> Result<Option<Outcome>, Error>,
    ) -> Result<Outcome, Error> {
        self.enter(ruby)?;
        let home = self.home(ruby)?;
        if is_current(ruby, home) {
            return Err(error(ruby, "the loop of the scheduler cannot wait for itself"));
        }
        // From here on it can be woken: what reads the seconds may let other threads go on.
        let number = self.waits.borrow_mut().begin(ruby.fiber_current());
        let begun = timeout(ruby, seconds).and_then(|timeout| Ok((timeout, begin(number)?)));
        match begun {
            Ok((timeout, outcome)) => {
                outcome.into_iter().for_each(|over| self.waits.borrow_mut().wake(number, over));
                self.suspend(ruby, number, timeout, || home.transfer::<_, Value>(()))
            }
            Err(failure) => {
                self.end(ruby, number);
                Err(failure)
            }
        }
    }

    /// Goes elsewhere than to the loop, and on at its next turn.
    pub(super) fn wait_while(
        &self,
        ruby: &Ruby,
        away: impl FnOnce() -> Result<Value, Error>,
    ) -> Result<Outcome, Error> {
        let number = self.waits.borrow_mut().begin(ruby.fiber_current());
        self.waits.borrow_mut().wake(number, Outcome::Woken);
        self.suspend(ruby, number, None, away)
    }

    fn suspend(
        &self,
        ruby: &Ruby,
        number: u64,
        timeout: Option<Duration>,
        away: impl FnOnce() -> Result<Value, Error>,
    ) -> Result<Outcome, Error> {
        let start = |after| self.timers.borrow_mut().start(after, Timer::Wait(number));
        let key = timeout.and_then(start);
        // What was told while this fiber waited for something else meanwhile.
        self.waits.borrow_mut().remind(number);
        let mut back = away();
        // A fiber that ends goes back to whichever fiber Ruby finds, which may be this one.
        while back.is_ok() && self.waits.borrow().is_waiting(number) {
            back = self.home(ruby).and_then(|home| home.transfer::<_, Value>(()));
        }
        self.timers.borrow_mut().cancel(key);
        let outcome = self.end(ruby, number);
        self.is_back(ruby, back.is_err());
        back.map(|_| outcome)
    }

    /// The wait is over, whatever has become of it.
    fn end(&self, ruby: &Ruby, number: u64) -> Outcome {
        let wait = self.waits.borrow_mut().end(ruby, number);
        wait.map_or(Outcome::Woken, |wait| {
            if let Some(poller) = self.poller.borrow_mut().as_mut() {
                wait.descriptors.iter().for_each(|descriptor| poller.forget(*descriptor, number));
            }
            wait.outcome
        })
    }

    /// This fiber goes on. Where another one has raised something in it, that one has gone nowhere by itself, and
    /// goes on later.
    fn is_back(&self, ruby: &Ruby, is_raised: bool) {
        self.begin_hold();
        let raiser = self.raiser.take().filter(|_| is_raised).map(|raiser| ruby.get_inner(raiser));
        raiser.into_iter().for_each(|raiser| self.waits.borrow_mut().go_on_later(raiser));
    }

    /// The events of a descriptor that have come; none where the time is over.
    pub(super) fn wait_for(
        &self,
        ruby: &Ruby,
        descriptor: RawFd,
        events: Events,
        seconds: Option<Value>,
    ) -> Result<Option<Events>, Error> {
        let begin = |number| self.watch(ruby, number, descriptor, events);
        match self.wait(ruby, seconds, begin)? {
            Outcome::Ready(events) => Ok(Some(events)),
            Outcome::Closed => {
                Err(Error::new(ruby.exception_io_error(), "stream closed in another thread"))
            }
            Outcome::Waiting | Outcome::Woken | Outcome::Late => Ok(None),
        }
    }

    pub(super) fn watch(
        &self,
        ruby: &Ruby,
        number: u64,
        descriptor: RawFd,
        events: Events,
    ) -> Result<Option<Outcome>, Error> {
        let mut poller = self.poller.borrow_mut();
        let Some(poller) = poller.as_mut() else {
            return Err(error(ruby, "the scheduler is closed"));
        };
        match poller.watch(descriptor, number, events) {
            Ok(()) => {
                self.waits.borrow_mut().watches(number, descriptor);
                Ok(None)
            }
            // What is always ready, as a file is.
            Err(failure) if failure.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Some(Outcome::Ready(events)))
            }
            Err(failure) => Err(system_error(ruby, &failure)),
        }
    }

    /// The fiber that has the loop. It ends with what is raised in it, such as by an interrupt, which Ruby then raises
    /// in the thread's first fiber; there is another one then.
    pub(super) fn home(&self, ruby: &Ruby) -> Result<Fiber, Error> {
        let there = self.home.get().map(|home| ruby.get_inner(home));
        let is_free = |home: &Fiber| !self.may_be_resuming.get() || is_current(ruby, *home);
        if let Some(home) = there.filter(|home| home.is_alive() && is_free(home)) {
            return Ok(home);
        }
        self.may_be_resuming.set(false);
        let itself = self.itself.get().ok_or_else(|| error(ruby, "the scheduler is not made"))?;
        let turn = ruby.proc_from_fn(move |ruby, _, _| ruby.get_inner(itself).turn_for_ever(ruby));
        let blocking = kwargs!("blocking" => true);
        let home: Fiber = ruby.get_inner(&FIBER).funcall_with_block(*NEW, (blocking,), turn)?;
        self.home.set(Some(home.into()));
        Ok(home)
    }

    /// Whatever but a wake-up comes from the thread whose fibers these are.
    pub(super) fn enter(&self, ruby: &Ruby) -> Result<(), Error> {
        self.leave_parent(ruby)?;
        let current = ruby.thread_current();
        match self.owner.get().map(|owner| ruby.get_inner(owner)) {
            None => self.owner.set(Some(current.into())),
            Some(owner) if owner.as_raw() == current.as_raw() => {}
            Some(_) => return Err(error(ruby, "the scheduler belongs to another thread")),
        }
        Ok(())
    }

    /// In a forked child the other fibers are the parent's, and so is what the poller watches.
    pub(super) fn leave_parent(&self, ruby: &Ruby) -> Result<(), Error> {
        if self.process.get().is_current() {
            return Ok(());
        }
        let poller = new_poller(ruby)?;
        self.process.set(OwningProcess::current());
        self.owner.set(None);
        self.home.set(None);
        self.raiser.set(None);
        self.may_be_resuming.set(false);
        self.is_asleep.set(false);
        self.waker.replace(poller.waker());
        self.poller.replace(Some(poller));
        let waits = Waits::behind(&self.waits.borrow());
        self.waits.replace(waits);
        self.timers.replace(Timers::default());
        self.outside.replace(Outside::default());
        Ok(())
    }
}
