use std::time::{Instant, SystemTime};

/// Where a reactor takes the time from; a simulation brings its own.
pub trait Clock: Send {
    /// The time that deadlines are measured in.
    fn now(&self) -> Instant;

    /// The time of the day, for `date`.
    fn today(&self) -> SystemTime;
}

/// The time of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn today(&self) -> SystemTime {
        SystemTime::now()
    }
}
