use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hyperion_engine::Clock;

/// Time that stands still until it is moved.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    start: Instant,
    passed: Arc<Mutex<Duration>>,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self { start: Instant::now(), passed: Arc::default() }
    }
}

impl VirtualClock {
    /// The virtual present.
    pub fn now(&self) -> Instant {
        self.start + self.passed()
    }

    /// Since the simulation began.
    pub fn passed(&self) -> Duration {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on to `at`; never back.
    pub fn advance_to(&self, at: Instant) {
        let target = at.saturating_duration_since(self.start);
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        *passed = target.max(*passed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.now()
    }

    /// The wall clock begins at the epoch.
    fn today(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.passed()
    }
}
