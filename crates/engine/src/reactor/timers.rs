use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use hyperion_io::Key;

/// When to look at which session again. An entry is a hint: a deadline that moved on is found when
/// its entry comes up, so a request that is answered in time costs no timer work at all.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
    /// Entries that nobody looks at any more.
    stale: usize,
}

/// So many stale entries are not worth a search.
const STALE_MIN: usize = 256;

impl Timers {
    /// Adds an entry.
    pub fn push(&mut self, at: Instant, key: Key) {
        self.heap.push(Reverse((at, key.as_u64())));
    }

    /// An entry that was added is of no use any more: its session has closed, or has an earlier one.
    pub fn forget_one(&mut self) {
        self.stale += 1;
    }

    /// Drops the entries that are of no use, where they are the larger part.
    pub fn purge(&mut self, is_wanted: impl Fn(Instant, Key) -> bool) {
        if self.stale < STALE_MIN || self.stale < self.heap.len() / 2 {
            return;
        }
        self.stale = 0;
        self.heap.retain(|Reverse((at, key))| is_wanted(*at, Key::from_u64(*key)));
    }

    /// Entries, those of no use included.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.heap.len()
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
    fn entries_of_no_use_go_when_they_are_many() {
        let at = Instant::now();
        let mut timers = Timers::default();
        for index in 0..1000 {
            timers.push(at, Key { index, generation: 1 });
            if index >= 10 {
                timers.forget_one();
            }
            timers.purge(|_, key| key.index < 10);
        }
        assert!(timers.len() < 2 * STALE_MIN + 10, "{}", timers.len());
        assert!((0..10).all(|_| timers.pop_due(at).is_some_and(|(_, key)| key.index < 10)));
    }

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
