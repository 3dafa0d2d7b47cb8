//! Fibers that wait, each for one thing, and those whose wait is over.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::{OwnedFd, RawFd};
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
    /// The wait within which this one began: what tells how long the other takes has itself to wait.
    outer: Option<u64>,
    /// What of it the poller watches.
    pub descriptors: Vec<RawFd>,
    pub outcome: Outcome,
    /// What it waits for, where that is nobody else's.
    process: Option<OwnedFd>,
}

/// A fiber that goes on.
pub enum Next {
    /// Its wait is over.
    Waiting(Fiber),
    /// It has raised something in another one.
    Raiser(Fiber),
}

enum Over {
    Wait(u64),
    Raiser(Opaque<Fiber>),
}

/// All waits of one scheduler.
#[derive(Default)]
pub struct Waits {
    last: u64,
    by_number: HashMap<u64, Wait>,
    by_fiber: HashMap<u64, u64>,
    /// Who can go on, in the order in which they do.
    over: VecDeque<Over>,
    /// Those that wait for the others to end, in the order in which they go on where only they are left.
    for_the_end: VecDeque<u64>,
}

impl Waits {
    /// None; their numbers are not those of `others`.
    pub fn behind(others: &Self) -> Self {
        Self { last: others.last, ..Self::default() }
    }

    /// A fiber begins to wait; the number of its wait.
    pub fn begin(&mut self, fiber: Fiber) -> u64 {
        self.last += 1;
        let outer = self.by_fiber.insert(fiber.as_raw(), self.last);
        let (descriptors, outcome) = (Vec::new(), Outcome::Waiting);
        let wait = Wait { fiber: fiber.into(), outer, descriptors, outcome, process: None };
        self.by_number.insert(self.last, wait);
        self.last
    }

    /// The poller watches this for the wait.
    pub fn watches(&mut self, number: u64, descriptor: RawFd) {
        self.by_number
            .get_mut(&number)
            .into_iter()
            .for_each(|wait| wait.descriptors.push(descriptor));
    }

    /// Keeps a descriptor for as long as the wait.
    pub fn keep(&mut self, number: u64, process: OwnedFd) {
        if let Some(wait) = self.by_number.get_mut(&number) {
            wait.process = Some(process);
        }
    }

    /// Whether a fiber waits.
    pub fn is_waiting_for_anything(&self, fiber: Fiber) -> bool {
        self.by_fiber.contains_key(&fiber.as_raw())
    }

    /// Whether a fiber has not heard yet that its wait is over.
    pub fn is_about_to_go_on(&self, fiber: Fiber) -> bool {
        let number = self.by_fiber.get(&fiber.as_raw());
        number.is_some_and(|number| !self.is_waiting(*number))
    }

    /// This one waits for all others to end; the thread's first fiber also for those that do the same.
    pub fn is_for_the_end(&mut self, number: u64, is_first_fiber: bool) {
        match is_first_fiber {
            true => self.for_the_end.push_back(number),
            false => self.for_the_end.push_front(number),
        }
    }

    /// Wakes one of those that wait for the others to end, where only such are left.
    pub fn wake_for_the_end(&mut self) {
        if self.by_number.len() == self.for_the_end.len()
            && self.over.is_empty()
            && let Some(&number) = self.for_the_end.front()
        {
            self.wake(number, Outcome::Woken);
        }
    }

    /// A wait is over; what is told of one that is over already has no effect.
    pub fn wake(&mut self, number: u64, outcome: Outcome) {
        if let Some(wait) = self.by_number.get_mut(&number)
            && wait.outcome == Outcome::Waiting
        {
            wait.outcome = outcome;
            self.over.push_back(Over::Wait(number));
        }
    }

    /// The same for the wait of a fiber; false where it does not wait.
    pub fn wake_fiber(&mut self, fiber: Value, outcome: Outcome) -> bool {
        let mut next = self.by_fiber.get(&fiber.as_raw()).copied();
        let is_known = next.is_some();
        while let Some(number) = next {
            self.wake(number, outcome);
            next = self.by_number.get(&number).and_then(|wait| wait.outer);
        }
        is_known
    }

    /// Lets a fiber go on whose wait was over before it went to wait.
    pub fn remind(&mut self, number: u64) {
        if !self.is_waiting(number) {
            self.over.push_back(Over::Wait(number));
        }
    }

    /// Whether the wait is not over.
    pub fn is_waiting(&self, number: u64) -> bool {
        self.by_number.get(&number).is_some_and(|wait| wait.outcome == Outcome::Waiting)
    }

    /// The fiber goes on, with what has become of its wait.
    pub fn end(&mut self, ruby: &Ruby, number: u64) -> Option<Wait> {
        let wait = self.by_number.remove(&number)?;
        let fiber = ruby.get_inner(wait.fiber).as_raw();
        match wait.outer {
            Some(outer) => self.by_fiber.insert(fiber, outer),
            None => self.by_fiber.remove(&fiber),
        };
        self.for_the_end.retain(|&waiting| waiting != number);
        Some(wait)
    }

    /// Lets a fiber go on that does not wait.
    pub fn go_on_later(&mut self, raiser: Fiber) {
        self.over.push_back(Over::Raiser(raiser.into()));
    }

    /// The next fiber that goes on.
    pub fn next_over(&mut self, ruby: &Ruby) -> Option<Next> {
        loop {
            match self.over.pop_front()? {
                Over::Raiser(fiber) => return Some(Next::Raiser(ruby.get_inner(fiber))),
                Over::Wait(number) => {
                    if let Some(wait) = self.by_number.get(&number) {
                        return Some(Next::Waiting(ruby.get_inner(wait.fiber)));
                    }
                }
            }
        }
    }

    /// How many fibers can go on.
    pub fn over(&self) -> usize {
        self.over.len()
    }

    /// Whether no fiber waits.
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty() && self.over.is_empty()
    }

    /// Marks all fibers, which pins them.
    pub fn mark(&self, marker: &Marker) {
        self.by_number.values().for_each(|wait| marker.mark(wait.fiber));
        let raisers = self.over.iter().filter_map(|over| match over {
            Over::Raiser(fiber) => Some(*fiber),
            Over::Wait(_) => None,
        });
        raisers.for_each(|fiber| marker.mark(fiber));
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

/// Timers in the order of their times; each has a number.
#[derive(Default)]
pub struct Timers {
    last: u64,
    by_time: BTreeMap<(Instant, u64), Timer>,
    times: HashMap<u64, Instant>,
}

impl Timers {
    /// Begins one; a time that cannot be expressed is for ever.
    pub fn start(&mut self, after: Duration, timer: Timer) -> Option<u64> {
        self.last += 1;
        self.start_again(self.last, after, timer)
    }

    /// The same for one that was due.
    pub fn start_again(&mut self, number: u64, after: Duration, timer: Timer) -> Option<u64> {
        let time = Instant::now().checked_add(after)?;
        self.by_time.insert((time, number), timer);
        self.times.insert(number, time);
        Some(number)
    }

    /// It does not happen any more.
    pub fn cancel(&mut self, number: Option<u64>) {
        let time = number.and_then(|number| Some((self.times.remove(&number)?, number)));
        time.and_then(|time| self.by_time.remove(&time));
    }

    /// What is due by then.
    pub fn pop_due(&mut self, then: Instant) -> Option<(u64, Timer)> {
        let entry = self.by_time.first_entry()?;
        let (time, number) = *entry.key();
        (time <= then).then(|| {
            self.times.remove(&number);
            (number, entry.remove())
        })
    }

    /// How long until the next one.
    pub fn until_next(&self, now: Instant) -> Option<Duration> {
        self.by_time.keys().next().map(|(time, _)| time.saturating_duration_since(now))
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
