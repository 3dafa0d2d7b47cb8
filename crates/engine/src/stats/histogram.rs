//! Times counted in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::cells::add;

/// Upper bounds of the buckets but for the last, which takes the rest; in nanoseconds.
pub(crate) const BOUNDS_NS: [u64; 7] =
    [1_000_000, 5_000_000, 25_000_000, 100_000_000, 500_000_000, 2_500_000_000, 10_000_000_000];

/// Numbers that a histogram takes in a block: its buckets and the sum.
pub(super) const CELLS: usize = BOUNDS_NS.len() + 2;

const SUM: usize = CELLS - 1;

/// Times read from one or many blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Times in each bucket, without those of the buckets before.
    pub buckets: [u64; BOUNDS_NS.len() + 1],
    /// All of them together.
    pub sum_ns: u64,
}

/// Counts one time; there is one writer at a time.
pub(super) fn observe(cells: &[AtomicU64], time: Duration) {
    let time_ns =
        time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into());
    let bucket = BOUNDS_NS.iter().filter(|bound| time_ns > **bound).count();
    add(&cells[bucket], 1);
    add(&cells[SUM], time_ns);
}

impl Histogram {
    /// Adds what a block holds.
    pub fn read(&mut self, cells: &[AtomicU64]) {
        for (bucket, cell) in self.buckets.iter_mut().zip(cells) {
            *bucket += cell.load(Ordering::Relaxed);
        }
        self.sum_ns = self.sum_ns.wrapping_add(cells[SUM].load(Ordering::Relaxed));
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += count;
        }
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_a_bound_belongs_to_the_bucket_below() {
        let cells: [AtomicU64; CELLS] = Default::default();
        for milliseconds in [0, 1, 2, 10_000, 10_001] {
            observe(&cells, Duration::from_millis(milliseconds));
        }
        let mut histogram = Histogram::default();
        histogram.read(&cells);
        assert_eq!(histogram.buckets, [2, 1, 0, 0, 0, 0, 1, 1]);
        assert_eq!(histogram.sum_ns, 20_004_000_000);
        assert_eq!(histogram.count(), 5);
    }
}
