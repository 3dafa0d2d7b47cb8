//! What `/-/stats` tells, as JSON.

use serde_json::{Map, Value, json};

use crate::metrics::{self, Memory};
use crate::stats::{Segment, Snapshot, Worker};

/// The numbers of all processes now.
pub(super) fn render(segment: &Segment) -> String {
    let snapshot = segment.snapshot();
    let memory = metrics::memory_of(&snapshot);
    let workers: Vec<_> = snapshot
        .workers()
        .iter()
        .zip(&memory)
        .map(|(worker, memory)| describe(worker, memory))
        .collect();
    let report = json!({
        "phase": segment.phase().name(),
        "master_pid": segment.master_pid(),
        "uptime_s": segment.uptime().as_secs_f64(),
        "workers": workers,
        "totals": totals(&snapshot),
    });
    report.to_string()
}

fn totals(snapshot: &Snapshot) -> Map<String, Value> {
    snapshot.totals().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn describe(worker: &Worker, memory: &Memory) -> Value {
    let mut described = json!({
        "slot": worker.slot,
        "pid": worker.pid,
        "uptime_s": worker.uptime().as_secs_f64(),
        "rss_bytes": memory.resident_bytes,
        "pss_bytes": memory.proportional_bytes,
    });
    for (name, value) in &worker.numbers {
        described[name] = (*value).into();
    }
    described
}
