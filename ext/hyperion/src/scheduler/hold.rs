//! How long a fiber keeps the others of its thread waiting.

use std::time::Instant;

use magnus::Ruby;

use super::Scheduler;

/// A time in which one fiber, or the thread's own code, runs.
#[derive(Clone, Copy, Default)]
pub struct Hold {
    number: u64,
    since: Option<Instant>,
}

impl Scheduler {
    /// Another fiber runs from now on.
    pub(super) fn begin_hold(&self) {
        let number = self.hold.get().number + 1;
        self.hold.set(Hold { number, since: Some(Instant::now()) });
    }

    /// Nothing runs from now on: the thread waits for whatever comes.
    pub fn end_hold(&self) {
        self.hold.set(Hold { since: None, ..self.hold.get() });
    }

    /// `hold`: the number of the present hold, and how many seconds it has lasted; nil where nothing runs. On any thread.
    pub(super) fn hold(_ruby: &Ruby, this: &Self) -> Option<(u64, f64)> {
        let Hold { number, since } = this.hold.get();
        since.map(|since| (number, since.elapsed().as_secs_f64()))
    }
}
