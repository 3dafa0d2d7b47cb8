//! What `/-/stats` tells, as JSON.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use crate::metrics::memory;
use crate::stats::{Segment, Snapshot, Worker};

/// The kernel walks all of a process's memory for its share, and the reactor waits meanwhile; so the
/// shares of those that come later are left out.
const PATIENCE: Duration = Duration::from_millis(50);

/// The numbers of all processes now.
pub(super) fn render(segment: &Segment) -> String {
    let snapshot = segment.snapshot();
    let begin = Instant::now();
    let workers: Vec<_> = snapshot
        .workers()
        .iter()
        .map(|worker| describe(worker, begin.elapsed() < PATIENCE))
        .collect();
    let report = json!({
        "phase": segment.phase().name(),
        "master_pid": segment.master_pid(),
        "uptime_s": seconds_since(segment.started_at_ms()),
        "workers": workers,
        "totals": totals(&snapshot),
    });
    report.to_string()
}

fn totals(snapshot: &Snapshot) -> Map<String, Value> {
    snapshot.totals().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn describe(worker: &Worker, weighs: bool) -> Value {
    let pid = worker.pid.into();
    let mut described = json!({
        "slot": worker.slot,
        "pid": worker.pid,
        "uptime_s": seconds_since(worker.started_at_ms),
        "rss_bytes": memory::resident_bytes(pid),
        "pss_bytes": weighs.then(|| memory::proportional_bytes(pid)).flatten(),
    });
    for (name, value) in &worker.numbers {
        described[name] = (*value).into();
    }
    described
}

/// By the clock on the wall; a clock that was set back makes no negative time.
fn seconds_since(started_at_ms: u64) -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let passed_ms = (now.as_millis() as u64).saturating_sub(started_at_ms);
    passed_ms as f64 / 1000.0
}
