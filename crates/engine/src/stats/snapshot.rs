use std::time::Duration;

use super::Segment;
use super::layout::Scalar;
use super::reasons::Restart;
use super::segment::{scalar_of, since};
use crate::routes::Mode;

/// The numbers of all processes at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    totals: Vec<(String, u64)>,
    workers: Vec<Worker>,
}

/// The numbers of one living process.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its place in the cluster, from 0.
    pub slot: u64,
    /// The process.
    pub pid: u32,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Name and value of its numbers. Those that it shares with former processes of its block are
    /// left out.
    pub numbers: Vec<(&'static str, u64)>,
}

impl Snapshot {
    /// Name and value of each number of all processes together.
    pub fn totals(&self) -> impl Iterator<Item = (&str, u64)> {
        self.totals.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The processes that live, by slot.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }
}

impl Worker {
    /// How long ago it began, by the clock on the wall.
    pub fn uptime(&self) -> Duration {
        since(self.started_at_ms)
    }
}

impl Segment {
    /// All numbers now.
    pub fn snapshot(&self) -> Snapshot {
        take(self)
    }
}

fn take(segment: &Segment) -> Snapshot {
    let mut totals: Vec<(String, u64)> = Scalar::ALL
        .into_iter()
        .map(|scalar| (scalar.name().to_owned(), segment.total(scalar)))
        .collect();
    let dispatched = segment.dispatched();
    for mode in Mode::ALL {
        let count = dispatched.iter().map(|modes| modes[mode as usize]).sum();
        totals.push((format!("dispatched_{}", mode.name()), count));
    }
    totals.extend(named("responses", segment.statuses()));
    totals.extend(named("rejected", segment.rejections().filter(|(_, count)| *count > 0)));
    totals.push(("worker_stalls".to_owned(), segment.stalls()));
    let restarts = Restart::ALL.map(|reason| (reason.name(), segment.restarts(reason)));
    totals.extend(named("restarts", restarts.into_iter().filter(|(_, count)| *count > 0)));
    Snapshot { totals, workers: workers(segment) }
}

fn named<'a, N: std::fmt::Display + 'a>(
    prefix: &'a str,
    counts: impl Iterator<Item = (N, u64)> + 'a,
) -> impl Iterator<Item = (String, u64)> + 'a {
    counts.map(move |(name, count)| (format!("{prefix}_{name}"), count))
}

fn workers(segment: &Segment) -> Vec<Worker> {
    let mut workers: Vec<_> = segment
        .owners()
        .filter_map(|(block, owners)| {
            let owner = owners.remembered.last().filter(|owner| owner.alive)?.clone();
            let mut numbers = vec![
                ("dispatched", owner.served.dispatched),
                ("per_conn_rejections", owner.served.per_conn_rejections),
            ];
            let gauges = Scalar::ALL.into_iter().filter(|scalar| scalar.is_gauge());
            numbers.extend(gauges.map(|gauge| (gauge.name(), scalar_of(block, gauge))));
            let (slot, pid) = (owner.slot, owner.pid as u32);
            Some(Worker { slot, pid, started_at_ms: owner.started_at_ms, numbers })
        })
        .collect();
    workers.sort_by_key(|worker| (worker.slot, worker.started_at_ms));
    workers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_processes_are_added_up_and_those_that_live_are_listed() {
        let segment = Segment::new(3).unwrap();
        for (block, pid) in [(0, 30), (1, 20), (2, 10)] {
            segment.begin(block, 2 - block, pid);
            segment.stats(block).requests.add(2);
            segment.stats(block).reject("bare_lf");
        }
        segment.release(0);
        let snapshot = segment.snapshot();
        let total = |name| snapshot.totals().find(|(total, _)| *total == name);
        assert_eq!(total("requests"), Some(("requests", 6)));
        assert_eq!(total("rejected_bare_lf"), Some(("rejected_bare_lf", 3)));
        assert_eq!(total("rejected_bad_host"), None);
        let workers = snapshot.workers().iter().map(|worker| (worker.slot, worker.pid));
        assert_eq!(workers.collect::<Vec<_>>(), [(0, 10), (1, 20)]);
    }
}
