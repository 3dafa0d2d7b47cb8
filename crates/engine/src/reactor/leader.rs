//! Who drives the reactor: a thread of its own, or an executor that has nothing else to do.
//!
//! A request that wakes the reactor's thread, which wakes an executor, whose answer wakes the thread
//! again, costs three switches, and for a lone client they are most of the time. So when requests
//! come one at a time, the thread parks, and the idle executor turns the reactor itself until there
//! is a request, answers that, and goes on turning. Many clients are better served by both at once,
//! and an executor that is busy must not keep others waiting; therefore the thread is recalled when
//! more than one request waits, and looks at intervals whether the executor has come back.
//!
//! ```text
//!             requests came alone                  an executor is idle
//!   Driving ──────────────────────▶ Parked, free ◀────────────────────▶ Parked, led
//!      ▲                                 │            has a request          │
//!      └────── nobody leads for a tick ──┴──────── several requests wait ────┘
//! ```

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use hyperion_io::Driver;

use crate::dispatch::queue::{Consumer, Service, Waited};
use crate::fault::fault;
use crate::reactor::Reactor;
use crate::reactor::inbox::Inbox;
use crate::sync::{Condvar, Mutex, MutexGuard, wait_timeout};

/// How long the reactor may be left alone.
const TICK: Duration = Duration::from_millis(1);

/// The thread parks after so many requests in a row that came alone; fewer under the model checker, to keep its runs
/// short.
const LONE_REQUESTS: u32 = if cfg!(all(test, feature = "model")) { 2 } else { 32 };

/// The same after an executor was too slow for it.
const LONE_REQUESTS_OF_SLOW_APP: u32 = 4096;

/// A reactor and who may drive it.
pub(crate) struct Leadership<D: Driver> {
    /// None once it is over.
    reactor: Mutex<Option<Reactor<D>>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The thread does not drive.
    parked: bool,
    /// An executor does.
    led: bool,
    /// The thread looks at intervals what becomes of the reactor.
    ticking: bool,
    /// The thread is wanted.
    recalled: bool,
    /// An executor has left the reactor in the middle of a turn, which nobody can go on with.
    broken: bool,
    /// Counts every begin and end of an executor's lead.
    changes: u64,
}

/// Why the thread drives again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Recall {
    /// There is more to do than for one.
    Wanted,
    /// An executor did not come back in time.
    Late,
}

/// What an executor may do with the leadership, whatever its driver.
pub(crate) trait Lead: Send + Sync {
    /// Drives the reactor until there is news for this executor. False when somebody else drives.
    fn lead(&self, consumer: &Consumer) -> bool;
}

impl<D: Driver> Leadership<D>
where
    D::Socket: Into<std::os::fd::OwnedFd> + TryFrom<std::os::fd::OwnedFd>,
{
    pub fn new(reactor: Reactor<D>) -> Self {
        Self {
            reactor: Mutex::new(Some(reactor)),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The life of the reactor's thread: returns when the reactor has stopped.
    ///
    /// # Errors
    /// When the driver fails as a whole.
    pub fn run(&self) -> io::Result<()> {
        let mut lone_requests = LONE_REQUESTS;
        while !self.drive(lone_requests)? {
            lone_requests = match self.park() {
                Recall::Wanted => LONE_REQUESTS,
                Recall::Late => LONE_REQUESTS_OF_SLOW_APP,
            };
        }
        Ok(())
    }

    /// Closes all sockets; to be called when [`run`](Self::run) has returned.
    pub fn close(&self) {
        let reactor = self.lock_reactor().take();
        // Where it was left in the middle of a turn, even that may fail.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(reactor)));
    }

    /// Drives until the reactor has stopped, which is true, or until it can be left to an executor.
    fn drive(&self, lone_requests: u32) -> io::Result<bool> {
        if self.lock().broken {
            return Err(fault());
        }
        let mut guard = self.lock_reactor();
        let Some(reactor) = guard.as_mut() else { return Ok(true) };
        let mut lone = 0;
        while !reactor.is_stopped() {
            let before = reactor.requests();
            reactor.turn(true)?;
            lone = match reactor.requests() - before {
                0 => lone,
                1 if reactor.service().is_lone() => lone + 1,
                _ => 0,
            };
            if lone >= lone_requests {
                let mut state = self.lock();
                (state.parked, state.ticking) = (true, true);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn park(&self) -> Recall {
        let mut state = self.lock();
        let mut seen = state.changes;
        loop {
            let was_ticking = state.ticking;
            state = match was_ticking {
                true => wait_timeout(&self.changed, &self.state, state, TICK),
                false => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            let recall = if state.recalled {
                Recall::Wanted
            } else if !was_ticking || state.changes != seen {
                seen = state.changes;
                continue;
            } else if state.led {
                // It waits for clients; its end will be announced.
                state.ticking = false;
                continue;
            } else {
                Recall::Late
            };
            *state = State { changes: state.changes, broken: state.broken, ..State::default() };
            return recall;
        }
    }

    fn begin_lead(&self) -> bool {
        let mut state = self.lock();
        if !state.parked || state.led || state.recalled {
            return false;
        }
        state.led = true;
        state.changes += 1;
        true
    }

    fn end_lead(&self, recalls: bool) {
        let mut state = self.lock();
        state.led = false;
        state.changes += 1;
        let wakes = recalls || !state.ticking;
        state.recalled = recalls;
        state.ticking = true;
        drop(state);
        if wakes {
            self.changed.notify_one();
        }
    }

    fn lock_reactor(&self) -> MutexGuard<'_, Option<Reactor<D>>> {
        self.reactor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Driver + Send> Lead for Leadership<D>
where
    D::Socket: Into<std::os::fd::OwnedFd> + TryFrom<std::os::fd::OwnedFd> + Send,
{
    fn lead(&self, consumer: &Consumer) -> bool {
        if !self.begin_lead() {
            return false;
        }
        consumer.begin_search();
        let mut guard = self.lock_reactor();
        let Some(reactor) = guard.as_mut() else {
            self.end_lead(true);
            return false;
        };
        let mut failed = false;
        while !consumer.has_news() && !consumer.is_interrupted() && !reactor.is_stopped() && !failed
        {
            // The thread finds the same failure, and reports it.
            let turned = catch_unwind(AssertUnwindSafe(|| reactor.turn(true)));
            failed = !matches!(turned, Ok(Ok(())));
            if turned.is_err() {
                self.lock().broken = true;
            }
        }
        let goes_on = !failed
            && !reactor.is_stopped()
            && !consumer.is_interrupted()
            && consumer.queue().is_lone();
        drop(guard);
        self.end_lead(!goes_on);
        true
    }
}

/// Waits as [`Consumer::wait`] does, and drives the reactor meanwhile where that saves time.
pub(crate) fn wait(leadership: Option<&dyn Lead>, consumer: &Consumer) -> Waited {
    if let Some(leadership) = leadership {
        while !consumer.has_news() && !consumer.is_interrupted() && leadership.lead(consumer) {}
    }
    consumer.wait()
}

/// Makes the executor that [`wait`]s return, whether it sleeps or drives.
pub(crate) fn interrupt(consumer: &Consumer, inbox: &Inbox) {
    consumer.interrupt();
    inbox.wake();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JobQueue;
    use crate::reactor::tests::{Step, scripted};
    use std::sync::Arc;

    /// An executor leads, as it does once requests have come alone for a while.
    fn lead(
        leadership: &Leadership<impl Driver<Socket = std::os::fd::OwnedFd> + Send>,
        executor: &Consumer,
    ) {
        let mut state = leadership.lock();
        (state.parked, state.ticking) = (true, true);
        drop(state);
        assert!(leadership.lead(executor));
    }

    #[test]
    fn h3_a_fault_while_an_executor_drives_fails_the_thread_and_not_the_executor() {
        let queue = Arc::new(JobQueue::new(1));
        let executor = Consumer::new(queue.clone());
        let leadership = Leadership::new(scripted(&[Step::Panic], queue));
        lead(&leadership, &executor);
        assert_eq!(leadership.park(), Recall::Wanted);
        assert!(leadership.run().is_err());
        leadership.close();
        assert!(!leadership.lead(&executor), "there is nothing left to drive");
    }

    #[test]
    fn h3_a_fault_while_the_thread_drives_leaves_nothing_to_executors() {
        let queue = Arc::new(JobQueue::new(1));
        let executor = Consumer::new(queue.clone());
        let leadership = Leadership::new(scripted(&[Step::Panic], queue));
        assert!(catch_unwind(AssertUnwindSafe(|| leadership.run())).is_err());
        leadership.close();
        assert!(!leadership.lead(&executor));
    }
}
