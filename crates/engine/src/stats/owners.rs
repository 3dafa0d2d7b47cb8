//! Which processes have owned a block, and what each of them counted.
//!
//! An owner is written before the number of owners is, and only the number makes it visible; its
//! count is the difference between the block's total when it began and when the next one did. So a
//! process may die at any instruction, and the counts of all owners add up to the block's total.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::layout::{
    self, ENDED, MODES, OWNER_CELLS, OWNER_COUNT, RING, RING_LENGTH, SCALARS, Scalar,
};

/// Owners that a reader may trust: the oldest in the ring may be on its way out.
const TRUSTED: u64 = RING_LENGTH as u64 - 1;

/// Where an owner's entry has its place in the cluster.
const SLOT: usize = 1;

/// A reader gives up hoping for a quiet moment after so many looks; processes begin far more slowly.
const LOOKS: usize = 1000;

/// A process that owns a block, or owned it.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// The place of the worker in the cluster, from 0.
    pub slot: u64,
    pub pid: u64,
    /// Milliseconds since 1970.
    pub started_at_ms: u64,
    pub served: Served,
    pub alive: bool,
}

/// What is counted for each process by itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Served {
    pub dispatched: u64,
    pub per_conn_rejections: u64,
}

/// All that is known of a block's owners.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    /// One by one, oldest first.
    pub remembered: Vec<Owner>,
    /// What the owners before them counted.
    pub forgotten: Served,
}

/// A process owns the block from now on; all before have ended.
pub(super) fn begin(block: &[AtomicU64], slot: u64, pid: u64, now_ms: u64) {
    let number = block[OWNER_COUNT].load(Ordering::Acquire);
    block[ENDED].store(number, Ordering::Relaxed);
    for gauge in Scalar::ALL.into_iter().filter(|scalar| scalar.is_gauge()) {
        block[SCALARS + gauge as usize].store(0, Ordering::Relaxed);
    }
    // A reader that sees any of this sees how many there were before, and trusts the entry no more.
    fence(Ordering::Release);
    let Served { dispatched, per_conn_rejections } = Served::of(block);
    let entry = [pid, slot, now_ms, dispatched, per_conn_rejections];
    for (cell, value) in entry_of(block, number).iter().zip(entry) {
        cell.store(value, Ordering::Relaxed);
    }
    block[OWNER_COUNT].store(number + 1, Ordering::Release);
}

/// The process that owns the block is dead. Does nothing a second time.
pub(super) fn end(block: &[AtomicU64]) {
    block[ENDED].store(block[OWNER_COUNT].load(Ordering::Acquire), Ordering::Release);
}

/// Whether a process owns the block.
pub(super) fn is_owned(block: &[AtomicU64]) -> bool {
    block[ENDED].load(Ordering::Acquire) < block[OWNER_COUNT].load(Ordering::Acquire)
}

/// Whether a process has ever owned the block.
pub(super) fn is_used(block: &[AtomicU64]) -> bool {
    block[OWNER_COUNT].load(Ordering::Acquire) > 0
}

/// The place in the cluster of the process that owns the block, or of the one that owned it last.
pub(super) fn slot_of(block: &[AtomicU64]) -> u64 {
    let last = block[OWNER_COUNT].load(Ordering::Acquire).saturating_sub(1);
    entry_of(block, last)[SLOT].load(Ordering::Relaxed)
}

/// Reads the owners, also while one begins.
pub(super) fn read(block: &[AtomicU64]) -> Owners {
    let mut number = block[OWNER_COUNT].load(Ordering::Acquire);
    for _ in 0..LOOKS {
        let (entries, total) = (read_entries(block, number), Served::of(block));
        let ended = block[ENDED].load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let then = block[OWNER_COUNT].load(Ordering::Relaxed);
        if then == number {
            return owners(&entries, total, ended);
        }
        number = then;
    }
    Owners::default()
}

/// The owners that cannot be overwritten while there are no more than `number`, oldest first.
fn read_entries(block: &[AtomicU64], number: u64) -> Vec<(u64, [u64; OWNER_CELLS])> {
    let read = |index| {
        let entry = entry_of(block, index);
        (index, std::array::from_fn(|cell| entry[cell].load(Ordering::Relaxed)))
    };
    (number.saturating_sub(TRUSTED)..number).map(read).collect()
}

fn owners(entries: &[(u64, [u64; OWNER_CELLS])], total: Served, ended: u64) -> Owners {
    let mut end = total;
    let mut owners = Vec::with_capacity(entries.len());
    for (index, [pid, slot, started_at_ms, dispatched, per_conn_rejections]) in
        entries.iter().rev().copied()
    {
        let begin = Served { dispatched, per_conn_rejections };
        let (served, alive) = (end.since(begin), index >= ended);
        owners.push(Owner { slot, pid, started_at_ms, served, alive });
        end = begin;
    }
    owners.reverse();
    Owners { remembered: owners, forgotten: end }
}

fn entry_of(block: &[AtomicU64], index: u64) -> &[AtomicU64] {
    let start = RING + (index % RING_LENGTH as u64) as usize * OWNER_CELLS;
    &block[start..start + OWNER_CELLS]
}

impl Served {
    /// What all owners of the block have counted together.
    pub fn of(block: &[AtomicU64]) -> Self {
        let modes = &block[MODES..MODES + layout::DRIVERS.len() * layout::MODE_COUNT];
        Self {
            dispatched: modes.iter().map(|cell| cell.load(Ordering::Relaxed)).sum(),
            per_conn_rejections: block[SCALARS + Scalar::PerConnRejections as usize]
                .load(Ordering::Relaxed),
        }
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            dispatched: self.dispatched + other.dispatched,
            per_conn_rejections: self.per_conn_rejections + other.per_conn_rejections,
        }
    }

    fn since(self, begin: Self) -> Self {
        Self {
            dispatched: self.dispatched.saturating_sub(begin.dispatched),
            per_conn_rejections: self.per_conn_rejections.saturating_sub(begin.per_conn_rejections),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::cells::add;

    fn block() -> Vec<AtomicU64> {
        (0..layout::BLOCK_CELLS).map(|_| AtomicU64::new(0)).collect()
    }

    fn pids_and_counts(owners: &Owners) -> Vec<(u64, u64)> {
        let count = |owner: &Owner| (owner.pid, owner.served.dispatched);
        owners.remembered.iter().map(count).collect()
    }

    #[test]
    fn each_owner_keeps_its_own_count() {
        let block = block();
        assert!(!is_owned(&block));
        begin(&block, 3, 100, 1);
        add(&block[MODES], 5);
        end(&block);
        end(&block);
        assert!(!is_owned(&block));
        begin(&block, 3, 101, 2);
        add(&block[MODES + 1], 7);
        let owners = read(&block);
        assert_eq!(pids_and_counts(&owners), [(100, 5), (101, 7)]);
        assert_eq!(owners.forgotten, Served::default());
        let alive: Vec<_> = owners.remembered.iter().map(|owner| owner.alive).collect();
        assert_eq!(alive, [false, true]);
    }

    #[test]
    fn old_owners_are_forgotten_but_not_what_they_counted() {
        let block = block();
        for pid in 0..1000 {
            begin(&block, 0, pid, pid);
            add(&block[MODES], 1);
        }
        let owners = read(&block);
        assert_eq!(owners.remembered.len() as u64, TRUSTED);
        assert_eq!(owners.forgotten.dispatched, 1000 - TRUSTED);
        assert!(owners.remembered.iter().all(|owner| owner.served.dispatched == 1));
        assert_eq!(owners.remembered.last().map(|owner| owner.pid), Some(999));
    }

    #[test]
    fn an_owner_that_began_without_word_of_the_last_ones_end_leaves_one_alive() {
        let block = block();
        begin(&block, 0, 1, 1);
        block[SCALARS + Scalar::ConnectionsActive as usize].store(9, Ordering::Relaxed);
        begin(&block, 0, 2, 2);
        let alive: Vec<_> = read(&block).remembered.iter().map(|owner| owner.alive).collect();
        assert_eq!(alive, [false, true]);
        let active = block[SCALARS + Scalar::ConnectionsActive as usize].load(Ordering::Relaxed);
        assert_eq!(active, 0);
    }

    #[test]
    fn a_reader_never_sees_an_owner_in_the_making() {
        const OWNERS: u64 = 2000;
        let block = block();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..OWNERS {
                    begin(&block, number, number, number);
                    add(&block[MODES], number + 1);
                    end(&block);
                    // As if it took the time of a fork, so that readers see many states.
                    (0..2000).for_each(|_| std::hint::spin_loop());
                }
            });
            let mut seen = 0;
            while seen < OWNERS - 1 {
                let owners = read(&block);
                for owner in &owners.remembered {
                    assert_eq!(owner.pid, owner.slot);
                    assert_eq!(owner.pid, owner.started_at_ms);
                }
                let complete: Vec<_> = owners.remembered.iter().rev().skip(1).collect();
                assert!(complete.iter().all(|owner| owner.served.dispatched == owner.pid + 1));
                seen = owners.remembered.last().map_or(0, |owner| owner.pid);
            }
        });
    }
}
