//! What wakes fibers without the interpreter's lock: the engine, whose threads know nothing of Ruby.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use hyperion_engine::{Consumer, Waker};
use magnus::typed_data::Obj;
use magnus::{Error, Ruby, TryConvert};

use super::Scheduler;
use super::waits::Outcome;
use crate::vm::raw;

/// What comes from threads of the engine.
#[derive(Default)]
pub struct Outside {
    /// Waits that were woken and have not heard of it.
    woken: Arc<Mutex<Vec<u64>>>,
    /// The wait for work of the engine, and who is asked for it.
    work: Option<(u64, Arc<Consumer>)>,
}

impl Scheduler {
    /// The scheduler of the fiber that calls, where that waits by this one.
    pub fn of_current_fiber() -> Option<Obj<Self>> {
        let scheduler = raw::current_scheduler()?;
        Obj::<Self>::try_convert(scheduler).ok()
    }

    /// Waits until `ready` gives something. `arm` gets what a thread wakes it by, before `ready` is asked.
    ///
    /// # Errors
    /// What is raised in the fiber meanwhile.
    pub fn wait_until<T>(
        &self,
        ruby: &Ruby,
        arm: impl Fn(Waker),
        ready: impl Fn() -> Option<T>,
    ) -> Result<T, Error> {
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            let begin = |number| {
                arm(self.waker_of(number));
                Ok(ready().map(|_| Outcome::Woken))
            };
            self.wait(ruby, None, begin)?;
        }
    }

    /// Waits until there may be work.
    ///
    /// # Errors
    /// What is raised in the fiber meanwhile.
    pub fn wait_for_work(&self, ruby: &Ruby, consumer: &Arc<Consumer>) -> Result<(), Error> {
        let begin = |number| {
            self.outside.borrow_mut().work = Some((number, consumer.clone()));
            Ok(None)
        };
        let waited = self.wait(ruby, None, begin);
        self.outside.borrow_mut().work = None;
        waited.map(drop)
    }

    /// Whether no fiber waits for anything.
    pub fn is_idle(&self) -> bool {
        self.waits.borrow().is_empty()
    }

    fn waker_of(&self, number: u64) -> Waker {
        let (woken, waker) = (self.outside.borrow().woken.clone(), self.waker.borrow().clone());
        Waker::new(Arc::new(move || {
            woken.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            waker.wake();
        }))
    }

    /// Ends the waits that were woken, and that for work where there is some.
    pub(super) fn hear_from_outside(&self) {
        let outside = self.outside.borrow();
        let woken = take(&mut *outside.woken.lock().unwrap_or_else(PoisonError::into_inner));
        let mut waits = self.waits.borrow_mut();
        woken.into_iter().for_each(|number| waits.wake(number, Outcome::Woken));
        if let Some((number, consumer)) = &outside.work
            && consumer.has_news()
        {
            waits.wake(*number, Outcome::Woken);
        }
    }

    /// Before a sleep: whoever brings work wakes the loop from now on. False where there is some.
    pub(super) fn begin_sleep(&self) -> bool {
        let outside = self.outside.borrow();
        outside.work.as_ref().is_none_or(|(_, consumer)| {
            consumer.begin_sleep(self.waker.borrow().clone());
            !consumer.has_news()
        })
    }

    /// Behind it.
    pub(super) fn end_sleep(&self) {
        self.outside.borrow().work.iter().for_each(|(_, consumer)| consumer.end_sleep());
        self.hear_from_outside();
    }
}
