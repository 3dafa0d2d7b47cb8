//! When which request is due. All times count from the start of the run, and whoever asks brings
//! the clock.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::turns::Turns;

/// How long an open loop waits for answers behind its end.
const DRAIN: Duration = Duration::from_secs(5);

const NS_PER_S: u64 = 1_000_000_000;

/// The requests of one run, in their order.
#[derive(Debug)]
pub struct Schedule {
    /// Requests a second of an open loop. A closed one has none: there a request is due when a
    /// connection is free for it.
    rate: Option<NonZeroU32>,
    end: Duration,
    /// How many requests were taken.
    taken: u64,
    turns: Turns,
}

impl Schedule {
    /// A run of this length, whose kinds of requests take these turns.
    pub fn new(rate: Option<NonZeroU32>, length: Duration, turns: Turns) -> Self {
        Self { rate, end: length, taken: 0, turns }
    }

    /// When the next request is or was due, unless there are no more.
    pub fn due(&self, now: Duration) -> Option<Duration> {
        let due = self.rate.map_or(now, |rate| due_at(rate, self.taken));
        (due < self.end).then_some(due)
    }

    /// Takes the next request. Returns its kind.
    pub fn take(&mut self) -> usize {
        self.taken += 1;
        self.turns.take()
    }

    /// Whether the answer that comes now belongs to the result. A closed loop has no place for one
    /// behind its end, as that would add requests and no time.
    pub fn counts(&self, now: Duration) -> bool {
        self.rate.is_some() || now <= self.end
    }

    /// When the run ends, whatever is still to come.
    pub fn deadline(&self) -> Duration {
        if self.rate.is_some() { self.end + DRAIN } else { self.end }
    }

    /// Whether there is nothing more to wait for.
    pub fn is_over(&self, now: Duration, in_flight: bool) -> bool {
        now >= self.deadline() || (self.due(now).is_none() && !in_flight)
    }

    /// Whether requests that have no answer at the deadline belong to the result.
    pub fn charges_unanswered(&self) -> bool {
        self.rate.is_some()
    }
}

/// To the nanosecond, and without adding up what is rounded away.
fn due_at(rate: NonZeroU32, index: u64) -> Duration {
    let rate = u64::from(rate.get());
    let part_ns = index % rate * NS_PER_S / rate;
    Duration::new(index / rate, u32::try_from(part_ns).expect("it is less than a second"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(2);

    fn schedule(rate: u32) -> Schedule {
        Schedule::new(NonZeroU32::new(rate), LENGTH, Turns::new(&[NonZeroU32::MIN]))
    }

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn an_open_loop_goes_by_the_clock() {
        let mut open = schedule(4);
        let mut dues = Vec::new();
        while let Some(due) = open.due(ms(9000)) {
            dues.push(due);
            open.take();
        }
        assert_eq!(dues, (0..8).map(|index| ms(index * 250)).collect::<Vec<_>>());
    }

    #[test]
    fn due_times_do_not_drift() {
        let mut open = schedule(3);
        let mut dues = Vec::new();
        for _ in 0..4 {
            dues.push(open.due(Duration::ZERO).unwrap().as_nanos());
            open.take();
        }
        assert_eq!(dues, [0, 333_333_333, 666_666_666, 1_000_000_000]);
        let fastest = NonZeroU32::MAX;
        let second = Duration::from_secs(1);
        assert_eq!(due_at(fastest, u64::from(u32::MAX)), second);
        assert_eq!(due_at(fastest, u64::from(u32::MAX) - 1), second - Duration::from_nanos(1));
    }

    #[test]
    fn an_open_loop_waits_for_answers_until_its_deadline() {
        let mut open = schedule(1);
        assert_eq!(open.deadline(), ms(7000));
        assert!(open.counts(ms(6999)) && open.charges_unanswered());
        assert!(!open.is_over(ms(6999), false), "requests are left");
        open.take();
        open.take();
        assert_eq!(open.due(ms(0)), None);
        assert!(open.is_over(ms(1500), false) && !open.is_over(ms(6999), true));
        assert!(open.is_over(ms(7000), true));
    }

    #[test]
    fn a_closed_loop_is_always_due_until_its_end() {
        let mut closed = schedule(0);
        closed.take();
        assert_eq!(closed.due(ms(1999)), Some(ms(1999)));
        assert_eq!((closed.due(LENGTH), closed.deadline()), (None, LENGTH));
        assert!(closed.counts(LENGTH) && !closed.counts(ms(2001)));
        assert!(!closed.is_over(ms(1999), false) && closed.is_over(LENGTH, true));
        assert!(!closed.charges_unanswered());
    }
}
