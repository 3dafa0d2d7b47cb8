//! Fibers that wait, each for one thing, and those whose wait is over.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use hyperion_engine::poller::Events;
use magnus::gc::Marker;
use magnus::rb_sys::AsRawValue;
use magnus::value::Opaque;
use magnus::{Fiber, RArray, Ruby, Value};

/// How a wait has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Not yet.
    Waiting,
    /// Somebody has called for the fiber.
    Woken,
    /// This has come.
    Ready(Events),
    /// The descriptor was closed.
    Closed,
    /// The time is over.
    Late,
}

/// A fiber that waits.
pub struct Wait {
    fiber: Opaque<Fiber>,
    /// What of it the poller watches.
    pub descriptors: Vec<RawFd>,
    pub outcome: Outcome,
}

/// All waits of one scheduler.
#[derive(Default)]
pub struct Waits {
    last: u64,
    by_number: HashMap<u64, Wait>,
    by_fiber: HashMap<u64, u64>,
    /// Waits that are over, in the order in which their fibers go on.
    over: VecDeque<u64>,
}

impl Waits {
    /// A fiber begins to wait; the number of its wait.
    pub fn begin(&mut self, fiber: Fiber) -> u64 {
        self.last += 1;
        let wait = Wait { fiber: fiber.into(), descriptors: Vec::new(), outcome: Outcome::Waiting };
        self.by_number.insert(self.last, wait);
        self.by_fiber.insert(fiber.as_raw(), self.last);
        self.last
    }

    /// The poller watches this for the wait.
    pub fn watches(&mut self, number: u64, descriptor: RawFd) {
        self.by_number
            .get_mut(&number)
            .into_iter()
            .for_each(|wait| wait.descriptors.push(descriptor));
    }

    /// A wait is over; what is told of one that is over already has no effect.
    pub fn wake(&mut self, number: u64, outcome: Outcome) {
        if let Some(wait) = self.by_number.get_mut(&number)
            && wait.outcome == Outcome::Waiting
        {
            wait.outcome = outcome;
            self.over.push_back(number);
        }
    }

    /// The same for the wait of a fiber; false where it does not wait.
    pub fn wake_fiber(&mut self, fiber: Value, outcome: Outcome) -> bool {
        let number = self.by_fiber.get(&fiber.as_raw()).copied();
        number.inspect(|&number| self.wake(number, outcome)).is_some()
    }

    /// The fiber goes on, with what has become of its wait.
    pub fn end(&mut self, ruby: &Ruby, number: u64) -> Option<Wait> {
        let wait = self.by_number.remove(&number)?;
        self.by_fiber.remove(&ruby.get_inner(wait.fiber).as_raw());
        Some(wait)
    }

    /// The next fiber that goes on.
    pub fn next_over(&mut self, ruby: &Ruby) -> Option<Fiber> {
        while let Some(number) = self.over.pop_front() {
            if let Some(wait) = self.by_number.get(&number) {
                return Some(ruby.get_inner(wait.fiber));
            }
        }
        None
    }

    /// How many fibers can go on.
    pub fn over(&self) -> usize {
        self.over.len()
    }

    /// Whether no fiber waits.
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Marks all fibers, which pins them.
    pub fn mark(&self, marker: &Marker) {
        self.by_number.values().for_each(|wait| marker.mark(wait.fiber));
    }
}

/// What happens at a time.
#[derive(Clone, Copy)]
pub enum Timer {
    /// A wait is over.
    Wait(u64),
    /// An exception is raised in a fiber: of this class, made with these arguments.
    Raise(Opaque<Fiber>, Opaque<Value>, Opaque<RArray>),
}

/// Names a timer.
pub type TimerKey = (Instant, u64);

/// Timers in the order of their times.
#[derive(Default)]
pub struct Timers {
    last: u64,
    by_time: BTreeMap<TimerKey, Timer>,
}

impl Timers {
    /// Begins one; a time that cannot be expressed is for ever.
    pub fn start(&mut self, after: Duration, timer: Timer) -> Option<TimerKey> {
        self.last += 1;
        let key = (Instant::now().checked_add(after)?, self.last);
        self.by_time.insert(key, timer);
        Some(key)
    }

    /// It does not happen any more.
    pub fn cancel(&mut self, key: Option<TimerKey>) {
        key.and_then(|key| self.by_time.remove(&key));
    }

    /// What is due by now.
    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let entry = self.by_time.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// How long until the next one.
    pub fn until_next(&self, now: Instant) -> Option<Duration> {
        self.by_time.keys().next().map(|(at, _)| at.saturating_duration_since(now))
    }

    /// Marks what timers hold.
    pub fn mark(&self, marker: &Marker) {
        for timer in self.by_time.values() {
            if let Timer::Raise(fiber, class, arguments) = *timer {
                marker.mark(fiber);
                marker.mark(class);
                marker.mark(arguments);
            }
        }
    }
}
