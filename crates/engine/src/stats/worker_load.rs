//! What a worker and its siblings have to do, as far as it takes to share work among them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Segment;
use super::layout::{SCALARS, Scalar};
use super::owners;

/// What one worker has to do at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WorkerLoad {
    /// Where it counts.
    pub block: usize,
    /// Its place in the cluster.
    pub slot: usize,
    /// Connections that it has.
    pub connections: u64,
    /// Connections that are on their way to it.
    pub arriving: u64,
    /// Its executors at work.
    pub busy: u64,
    /// Its requests that wait for one.
    pub queued: u64,
}

impl WorkerLoad {
    /// Its connections and those to come.
    pub fn expected_connections(&self) -> u64 {
        self.connections + self.arriving
    }

    /// Executors, out of `executors`, that nobody has use for.
    pub fn idle(&self, executors: u64) -> u64 {
        match self.queued {
            0 => executors.saturating_sub(self.busy + self.arriving),
            _ => 0,
        }
    }
}

impl Segment {
    /// The process that counts in `block`, whether it takes connections or not.
    pub(crate) fn load_of(&self, block: usize) -> WorkerLoad {
        let cells = self.block(block);
        let load = |scalar: Scalar| cells[SCALARS + scalar as usize].load(Ordering::Acquire);
        // First this one: a connection that arrives meanwhile then fails the announcement of another.
        let arriving = load(Scalar::Arriving);
        WorkerLoad {
            block,
            slot: owners::slot_of(cells) as usize,
            connections: load(Scalar::ConnectionsActive),
            arriving,
            busy: load(Scalar::ExecutorsBusy),
            queued: load(Scalar::QueueDepth),
        }
    }

    /// All that take connections, but for the one of `block`.
    pub(crate) fn siblings_of(&self, block: usize) -> impl Iterator<Item = WorkerLoad> {
        (0..self.block_count())
            .filter(move |other| *other != block && self.is_adopting(*other))
            .map(|other| self.load_of(other))
    }

    /// Announces a connection to a sibling; false when somebody else did since it was looked at.
    pub(crate) fn announce(&self, to: &WorkerLoad) -> bool {
        let (seen, announced) = (to.arriving, to.arriving + 1);
        self.arriving(to.block)
            .compare_exchange(seen, announced, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// A connection that was announced has arrived, or will not come. One that was announced to the
    /// former process of the block is not missed.
    pub(crate) fn arrived(&self, block: usize) {
        let _ = self
            .arriving(block)
            .fetch_update(Ordering::Release, Ordering::Relaxed, |count| count.checked_sub(1));
    }

    /// A connection that was announced to whoever has that slot has arrived, at the process of `block`.
    pub(crate) fn arrived_for(&self, slot: usize, block: usize) {
        let has_slot = |other: &usize| owners::slot_of(self.block(*other)) as usize == slot;
        let is_due = |other: &usize| {
            owners::is_owned(self.block(*other)) && self.load_of(*other).arriving > 0
        };
        let addressee = match has_slot(&block) {
            true => Some(block),
            false => (0..self.block_count()).find(|other| has_slot(other) && is_due(other)),
        };
        addressee.into_iter().for_each(|block| self.arrived(block));
    }

    fn is_adopting(&self, block: usize) -> bool {
        let cells = self.block(block);
        owners::is_owned(cells)
            && cells[SCALARS + Scalar::Adopting as usize].load(Ordering::Relaxed) == 1
    }

    fn arriving(&self, block: usize) -> &AtomicU64 {
        &self.block(block)[SCALARS + Scalar::Arriving as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn segment() -> Arc<Segment> {
        let segment = Segment::new(4).unwrap();
        for (block, slot) in [(0, 0), (1, 1), (3, 2)] {
            segment.begin(block, slot, 100 + slot as u32);
            segment.stats(block).adopting.set(1);
        }
        segment
    }

    fn slots(segment: &Segment) -> Vec<usize> {
        segment.siblings_of(0).map(|sibling| sibling.slot).collect()
    }

    #[test]
    fn siblings_are_those_that_live_and_take_connections() {
        let segment = segment();
        assert_eq!(slots(&segment), [1, 2]);
        segment.stats(3).adopting.set(0);
        assert_eq!(slots(&segment), [1]);
        segment.release(1);
        assert_eq!(slots(&segment), [0_usize; 0]);
    }

    #[test]
    fn what_is_announced_counts_until_it_arrives() {
        let segment = segment();
        segment.stats(1).connections_active.set(5);
        let before = segment.load_of(1);
        assert!(segment.announce(&before));
        assert!(!segment.announce(&before), "the one who looked first was faster");
        assert_eq!(segment.load_of(1).expected_connections(), 6);
        segment.arrived(1);
        segment.arrived(1);
        assert_eq!(segment.load_of(1).expected_connections(), 5);
    }

    #[test]
    fn what_others_take_is_not_awaited_any_more() {
        let segment = segment();
        assert!(segment.announce(&segment.load_of(1)) && segment.announce(&segment.load_of(0)));
        segment.arrived_for(1, 0);
        assert_eq!([0, 1].map(|block| segment.load_of(block).arriving), [1, 0]);
        segment.arrived_for(1, 0);
        segment.arrived_for(0, 0);
        assert_eq!([0, 1].map(|block| segment.load_of(block).arriving), [0, 0]);
    }

    #[test]
    fn nobody_is_idle_where_a_request_waits() {
        let sibling =
            WorkerLoad { block: 0, slot: 0, connections: 9, arriving: 1, busy: 2, queued: 0 };
        assert_eq!(sibling.idle(5), 2);
        assert_eq!(sibling.idle(2), 0);
        assert_eq!(WorkerLoad { queued: 1, ..sibling }.idle(5), 0);
    }
}
