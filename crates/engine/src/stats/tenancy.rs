//! Which processes have held a block, and what each of them counted.
//!
//! A holder is written before the number of holders is, and only the number makes it visible; its
//! count is the difference between the block's total when it began and when the next one did. So a
//! process may die at any instruction, and the counts of all holders add up to the block's total.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::layout::{
    self, ENDED, MODES, RING, RING_LENGTH, SCALARS, Scalar, TENANCIES, TENANT_CELLS,
};

/// Holders that a reader may trust: the oldest in the ring may be on its way out.
const TRUSTED: u64 = RING_LENGTH as u64 - 1;

/// Where a holder's entry has its place in the cluster.
const SLOT: usize = 1;

/// A reader gives up hoping for a quiet moment after so many looks; processes begin far more slowly.
const LOOKS: usize = 1000;

/// A process that holds a block, or held it.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
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

/// All that is known of a block's holders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenancies {
    /// The holders that are remembered one by one, oldest first.
    pub tenants: Vec<Tenant>,
    /// What the holders before them counted.
    pub forgotten: Served,
}

/// A process holds the block from now on; all before have ended.
pub(super) fn begin(block: &[AtomicU64], slot: u64, pid: u64, now_ms: u64) {
    let number = block[TENANCIES].load(Ordering::Acquire);
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
    block[TENANCIES].store(number + 1, Ordering::Release);
}

/// The process that holds the block is dead. Does nothing a second time.
pub(super) fn end(block: &[AtomicU64]) {
    block[ENDED].store(block[TENANCIES].load(Ordering::Acquire), Ordering::Release);
}

/// Whether a process holds the block.
pub(super) fn is_held(block: &[AtomicU64]) -> bool {
    block[ENDED].load(Ordering::Acquire) < block[TENANCIES].load(Ordering::Acquire)
}

/// Whether a process has ever held the block.
pub(super) fn is_used(block: &[AtomicU64]) -> bool {
    block[TENANCIES].load(Ordering::Acquire) > 0
}

/// The place in the cluster of the process that holds the block, or of the one that held it last.
pub(super) fn slot_of(block: &[AtomicU64]) -> u64 {
    let last = block[TENANCIES].load(Ordering::Acquire).saturating_sub(1);
    entry_of(block, last)[SLOT].load(Ordering::Relaxed)
}

/// Reads the holders, also while one begins.
pub(super) fn read(block: &[AtomicU64]) -> Tenancies {
    let mut number = block[TENANCIES].load(Ordering::Acquire);
    for _ in 0..LOOKS {
        let (entries, total) = (read_entries(block, number), Served::of(block));
        let ended = block[ENDED].load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let then = block[TENANCIES].load(Ordering::Relaxed);
        if then == number {
            return tenancies(&entries, total, ended);
        }
        number = then;
    }
    Tenancies::default()
}

/// The holders that cannot be overwritten while there are no more than `number`, oldest first.
fn read_entries(block: &[AtomicU64], number: u64) -> Vec<(u64, [u64; TENANT_CELLS])> {
    let read = |index| {
        let entry = entry_of(block, index);
        (index, std::array::from_fn(|cell| entry[cell].load(Ordering::Relaxed)))
    };
    (number.saturating_sub(TRUSTED)..number).map(read).collect()
}

fn tenancies(entries: &[(u64, [u64; TENANT_CELLS])], total: Served, ended: u64) -> Tenancies {
    let mut end = total;
    let mut tenants = Vec::with_capacity(entries.len());
    for (index, [pid, slot, started_at_ms, dispatched, per_conn_rejections]) in
        entries.iter().rev().copied()
    {
        let begin = Served { dispatched, per_conn_rejections };
        let (served, alive) = (end.since(begin), index >= ended);
        tenants.push(Tenant { slot, pid, started_at_ms, served, alive });
        end = begin;
    }
    tenants.reverse();
    Tenancies { tenants, forgotten: end }
}

fn entry_of(block: &[AtomicU64], index: u64) -> &[AtomicU64] {
    let start = RING + (index % RING_LENGTH as u64) as usize * TENANT_CELLS;
    &block[start..start + TENANT_CELLS]
}

impl Served {
    /// What all holders of the block have counted together.
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

    fn pids_and_counts(tenancies: &Tenancies) -> Vec<(u64, u64)> {
        let count = |tenant: &Tenant| (tenant.pid, tenant.served.dispatched);
        tenancies.tenants.iter().map(count).collect()
    }

    #[test]
    fn each_holder_keeps_its_own_count() {
        let block = block();
        assert!(!is_held(&block));
        begin(&block, 3, 100, 1);
        add(&block[MODES], 5);
        end(&block);
        end(&block);
        assert!(!is_held(&block));
        begin(&block, 3, 101, 2);
        add(&block[MODES + 1], 7);
        let tenancies = read(&block);
        assert_eq!(pids_and_counts(&tenancies), [(100, 5), (101, 7)]);
        assert_eq!(tenancies.forgotten, Served::default());
        let alive: Vec<_> = tenancies.tenants.iter().map(|tenant| tenant.alive).collect();
        assert_eq!(alive, [false, true]);
    }

    #[test]
    fn old_holders_are_forgotten_but_not_what_they_counted() {
        let block = block();
        for pid in 0..1000 {
            begin(&block, 0, pid, pid);
            add(&block[MODES], 1);
        }
        let tenancies = read(&block);
        assert_eq!(tenancies.tenants.len() as u64, TRUSTED);
        assert_eq!(tenancies.forgotten.dispatched, 1000 - TRUSTED);
        assert!(tenancies.tenants.iter().all(|tenant| tenant.served.dispatched == 1));
        assert_eq!(tenancies.tenants.last().map(|tenant| tenant.pid), Some(999));
    }

    #[test]
    fn a_holder_that_began_without_word_of_the_last_ones_end_leaves_one_alive() {
        let block = block();
        begin(&block, 0, 1, 1);
        block[SCALARS + Scalar::ConnectionsActive as usize].store(9, Ordering::Relaxed);
        begin(&block, 0, 2, 2);
        let alive: Vec<_> = read(&block).tenants.iter().map(|tenant| tenant.alive).collect();
        assert_eq!(alive, [false, true]);
        let active = block[SCALARS + Scalar::ConnectionsActive as usize].load(Ordering::Relaxed);
        assert_eq!(active, 0);
    }

    #[test]
    fn a_reader_never_sees_a_holder_in_the_making() {
        const HOLDERS: u64 = 2000;
        let block = block();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..HOLDERS {
                    begin(&block, number, number, number);
                    add(&block[MODES], number + 1);
                    end(&block);
                    // As if it took the time of a fork, so that readers see many states.
                    (0..2000).for_each(|_| std::hint::spin_loop());
                }
            });
            let mut seen = 0;
            while seen < HOLDERS - 1 {
                let tenancies = read(&block);
                for tenant in &tenancies.tenants {
                    assert_eq!(tenant.pid, tenant.slot);
                    assert_eq!(tenant.pid, tenant.started_at_ms);
                }
                let complete: Vec<_> = tenancies.tenants.iter().rev().skip(1).collect();
                assert!(complete.iter().all(|tenant| tenant.served.dispatched == tenant.pid + 1));
                seen = tenancies.tenants.last().map_or(0, |tenant| tenant.pid);
            }
        });
    }
}
