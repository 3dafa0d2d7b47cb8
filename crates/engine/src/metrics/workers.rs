//! The families that are told apart by process.

use std::collections::BTreeMap;

use super::exposition::Exposition;
use super::{family, memory};
use crate::stats::read::{Scalar, Served, Tenant};
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
    let (mut tenants, mut live) = (Vec::new(), Vec::new());
    let mut retired = Served::default();
    for (block, tenancies) in segment.tenancies() {
        retired = retired.plus(tenancies.forgotten);
        for tenant in tenancies.tenants {
            if tenant.alive {
                let gauges = GAUGES.map(|(_, gauge)| scalar_of(block, gauge));
                live.push(Live { pid: tenant.pid, gauges });
            }
            tenants.push(tenant);
        }
    }
    live.sort_by_key(|process| process.pid);
    (by_name(tenants, retired), live)
}

fn by_name(mut tenants: Vec<Tenant>, retired: Served) -> BTreeMap<String, Served> {
    tenants.sort_by_key(|tenant| (!tenant.alive, std::cmp::Reverse(tenant.started_at_ms)));
    let shown = tenants.iter().filter(|tenant| tenant.alive).count() + REMEMBERED;
    let mut named = BTreeMap::from([(RETIRED.to_owned(), retired)]);
    for (index, Tenant { pid, served, .. }) in tenants.into_iter().enumerate() {
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

    fn tenant(pid: u64, alive: bool) -> Tenant {
        let served = Served { dispatched: 1, per_conn_rejections: 0 };
        Tenant { slot: 0, pid, started_at_ms: pid, served, alive }
    }

    #[test]
    fn the_living_are_shown_and_the_last_of_the_dead() {
        let mut tenants: Vec<_> = (0..100).map(|pid| tenant(pid, false)).collect();
        tenants.extend([tenant(7, true), tenant(1000, true)]);
        let named = by_name(tenants, Served { dispatched: 5, per_conn_rejections: 0 });
        assert_eq!(named.len(), 1 + REMEMBERED + 2);
        assert_eq!(named[RETIRED].dispatched, 5 + 68);
        assert!(named.contains_key("7") && !named.contains_key("67") && named.contains_key("68"));
        assert_eq!(named.values().map(|served| served.dispatched).sum::<u64>(), 107);
    }

    #[test]
    fn a_number_that_is_used_again_is_one_worker() {
        let named = by_name(vec![tenant(7, false), tenant(7, true)], Served::default());
        assert_eq!(named["7"].dispatched, 2);
    }
}
