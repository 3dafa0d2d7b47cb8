//! The families that are told apart by process.

use std::collections::BTreeMap;

use super::exposition::Exposition;
use super::{family, memory};
use crate::stats::read::{Owner, Scalar, Served};
use crate::stats::{Segment, scalar_of};

/// Dead processes that are still shown by themselves, those that began last.
const REMEMBERED: usize = 32;

/// Who stands for all the others.
const RETIRED: &str = "retired";

/// What a process that lives is doing.
struct Live {
    pid: u64,
    gauges: [u64; GAUGES.len()],
}

const GAUGES: [(&super::Family, Scalar); 3] = [
    (&family::THREADPOOL_QUEUE_DEPTH, Scalar::QueueDepth),
    (&family::EXECUTORS_BUSY, Scalar::ExecutorsBusy),
    (&family::IO_URING_WORKERS_ACTIVE, Scalar::IoUringActive),
];

pub(super) fn write(segment: &Segment, to: &mut Exposition) {
    let (served, live) = read(segment);
    to.begin(&family::REQUESTS_DISPATCH);
    for (worker, served) in &served {
        to.number(&[("worker_id", worker)], served.dispatched);
    }
    to.begin(&family::PER_CONN_REJECTIONS);
    for (worker, served) in &served {
        to.number(&[("worker_id", worker)], served.per_conn_rejections);
    }
    for (index, (family, _)) in GAUGES.iter().enumerate() {
        to.begin(family);
        for process in &live {
            to.number(&[("worker_id", &process.pid.to_string())], process.gauges[index]);
        }
    }
    to.begin(&family::PROCESS_RESIDENT_MEMORY);
    for process in &live {
        if let Some(bytes) = memory::resident_bytes(process.pid) {
            to.number(&[("worker_id", &process.pid.to_string())], bytes);
        }
    }
}

/// What every process counted, by its name in labels, and what the living do.
fn read(segment: &Segment) -> (BTreeMap<String, Served>, Vec<Live>) {
    let (mut owners, mut live) = (Vec::new(), Vec::new());
    let mut retired = Served::default();
    for (block, of_block) in segment.owners() {
        retired = retired.plus(of_block.forgotten);
        for owner in of_block.remembered {
            if owner.alive {
                let gauges = GAUGES.map(|(_, gauge)| scalar_of(block, gauge));
                live.push(Live { pid: owner.pid, gauges });
            }
            owners.push(owner);
        }
    }
    live.sort_by_key(|process| process.pid);
    (by_name(owners, retired), live)
}

fn by_name(mut owners: Vec<Owner>, retired: Served) -> BTreeMap<String, Served> {
    owners.sort_by_key(|owner| (!owner.alive, std::cmp::Reverse(owner.started_at_ms)));
    let shown = owners.iter().filter(|owner| owner.alive).count() + REMEMBERED;
    let mut named = BTreeMap::from([(RETIRED.to_owned(), retired)]);
    for (index, Owner { pid, served, .. }) in owners.into_iter().enumerate() {
        let name = if index < shown { pid.to_string() } else { RETIRED.to_owned() };
        // The kernel uses the number of a dead process again some day.
        let entry = named.entry(name).or_default();
        *entry = entry.plus(served);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(pid: u64, alive: bool) -> Owner {
        let served = Served { dispatched: 1, per_conn_rejections: 0 };
        Owner { slot: 0, pid, started_at_ms: pid, served, alive }
    }

    #[test]
    fn the_living_are_shown_and_the_last_of_the_dead() {
        let mut owners: Vec<_> = (0..100).map(|pid| owner(pid, false)).collect();
        owners.extend([owner(7, true), owner(1000, true)]);
        let named = by_name(owners, Served { dispatched: 5, per_conn_rejections: 0 });
        assert_eq!(named.len(), 1 + REMEMBERED + 2);
        assert_eq!(named[RETIRED].dispatched, 5 + 68);
        assert!(named.contains_key("7") && !named.contains_key("67") && named.contains_key("68"));
        assert_eq!(named.values().map(|served| served.dispatched).sum::<u64>(), 107);
    }

    #[test]
    fn a_number_that_is_used_again_is_one_worker() {
        let named = by_name(vec![owner(7, false), owner(7, true)], Served::default());
        assert_eq!(named["7"].dispatched, 2);
    }
}
