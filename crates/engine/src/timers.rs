use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use hyperion_io::Key;

/// When to look at which session again. An entry is a hint: a deadline that moved on is found when
/// its entry comes up, so a request that is answered in time costs no timer work at all.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl Timers {
    /// Adds an entry.
    pub fn push(&mut self, at: Instant, key: Key) {
        self.heap.push(Reverse((at, key.as_u64())));
    }

    /// The earliest entry's time.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest entry that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, Key)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, key))| (at, Key::from_u64(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn entries_come_up_in_order_and_not_before_their_time() {
        let start = Instant::now();
        let mut timers = Timers::default();
        let key = |index| Key { index, generation: 1 };
        timers.push(start + Duration::from_secs(2), key(2));
        timers.push(start + Duration::from_secs(1), key(1));
        assert_eq!(timers.pop_due(start), None);
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        let late = start + Duration::from_secs(3);
        assert_eq!(timers.pop_due(late).map(|(_, key)| key.index), Some(1));
        assert_eq!(timers.pop_due(late).map(|(_, key)| key.index), Some(2));
        assert_eq!(timers.pop_due(late), None);
    }
}
