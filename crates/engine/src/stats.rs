use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What an engine counts. Counters only grow; gauges follow the present.
#[derive(Debug, Default)]
pub struct Stats {
    /// Gauge: connections open now.
    pub connections_active: Counter,
    /// Connections accepted.
    pub connections_accepted: Counter,
    /// Request heads received.
    pub requests: Counter,
    /// Responses that ended, complete or cut.
    pub responses: Counter,
    /// Bytes read from sockets.
    pub bytes_read: Counter,
    /// Bytes written to sockets.
    pub bytes_written: Counter,
    /// Request fields dropped because their names hold an underscore.
    pub underscore_headers_dropped: Counter,
    /// Requests whose client left before an executor took them.
    pub cancelled_before_dispatch: Counter,
    /// Panics that were contained.
    pub engine_panics: Counter,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

/// A number that many threads may change.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// The numbers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    entries: Vec<(String, u64)>,
}

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Sets a gauge.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Stats {
    /// Counts a request or connection that was turned away for `reason`.
    pub fn reject(&self, reason: &'static str) {
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        *rejected.entry(reason).or_default() += 1;
    }

    /// All numbers now.
    pub fn snapshot(&self) -> Snapshot {
        let named = [
            ("connections_active", &self.connections_active),
            ("connections_accepted", &self.connections_accepted),
            ("requests", &self.requests),
            ("responses", &self.responses),
            ("bytes_read", &self.bytes_read),
            ("bytes_written", &self.bytes_written),
            ("underscore_headers_dropped", &self.underscore_headers_dropped),
            ("cancelled_before_dispatch", &self.cancelled_before_dispatch),
            ("engine_panics", &self.engine_panics),
        ];
        let mut entries: Vec<_> =
            named.iter().map(|(name, counter)| ((*name).to_owned(), counter.value())).collect();
        let rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .extend(rejected.iter().map(|(reason, count)| (format!("rejected_{reason}"), *count)));
        Snapshot { entries }
    }
}

impl Snapshot {
    /// Name and value of each number.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Adds a number that is kept elsewhere.
    pub fn push(&mut self, name: &str, value: u64) {
        self.entries.push((name.to_owned(), value));
    }
}
