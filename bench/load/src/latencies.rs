//! How long requests took.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer ones count as an hour; no run takes that long.
const LONGEST_US: u64 = 3_600_000_000;

/// Up to two milliseconds every microsecond is told apart, beyond that one part in a thousand.
const DIGITS: u8 = 3;

/// The quantiles of a plot, more of them where it matters.
const QUANTILES: [f64; 16] =
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1.0];

/// Latencies of any number of requests in little memory.
#[derive(Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
    /// Of the one that took longest, exactly.
    max_us: u64,
}

impl Latencies {
    /// Of no requests.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Self { histogram: histogram.expect("the bounds are in order"), max_us: 0 }
    }

    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US).min(LONGEST_US);
        self.histogram.saturating_record(us);
        self.max_us = self.max_us.max(us);
    }

    /// Adds all of the others.
    pub fn add(&mut self, others: &Self) {
        self.histogram.add(&others.histogram).expect("the bounds are the same");
        self.max_us = self.max_us.max(others.max_us);
    }

    /// The smallest latency that at least this share of the requests do not exceed. Of no requests it is 0.
    pub fn quantile_us(&self, share: f64) -> u64 {
        self.histogram.value_at_quantile(share).min(self.max_us)
    }

    /// Share and latency, from the quickest to the slowest.
    pub fn distribution(&self) -> Vec<(f64, u64)> {
        QUANTILES.iter().map(|share| (*share, self.quantile_us(*share))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(all_us: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new();
        all_us.into_iter().for_each(|us| latencies.record(Duration::from_micros(us)));
        latencies
    }

    fn quantiles(latencies: &Latencies) -> [u64; 5] {
        [0.0, 0.5, 0.9, 0.99, 1.0].map(|share| latencies.quantile_us(share))
    }

    #[test]
    fn a_quantile_is_a_latency_that_was_measured() {
        assert_eq!(quantiles(&latencies(1..=100)), [1, 50, 90, 99, 100]);
        assert_eq!(quantiles(&latencies([1, 2, 3, 4])), [1, 2, 4, 4, 4]);
        assert_eq!(quantiles(&latencies([7])), [7; 5]);
        assert_eq!(latencies(1..=1000).quantile_us(0.999), 999);
    }

    #[test]
    fn nothing_took_no_time() {
        assert_eq!(quantiles(&latencies([])), [0; 5]);
        assert_eq!(quantiles(&latencies([0, 0])), [0; 5]);
    }

    #[test]
    fn long_latencies_are_right_to_a_thousandth_and_the_longest_exactly() {
        let seconds = latencies((1..=100).map(|number| number * 1_000_003));
        let median = seconds.quantile_us(0.5);
        assert!(median.abs_diff(50_000_150) <= 50_000, "{median}");
        assert_eq!(seconds.quantile_us(1.0), 100_000_300);
        assert_eq!(latencies([u64::MAX / 1000]).quantile_us(1.0), LONGEST_US);
    }

    #[test]
    fn the_distribution_rises_from_the_quickest_to_the_slowest() {
        let distribution = latencies(1..=2000).distribution();
        assert_eq!(distribution.first(), Some(&(0.0, 1)));
        assert_eq!(distribution.last(), Some(&(1.0, 2000)));
        assert!(distribution.contains(&(0.3, 600)) && distribution.contains(&(0.995, 1990)));
        assert!(distribution.is_sorted());
    }

    #[test]
    fn the_sum_has_all_of_both() {
        let mut sum = latencies(1..=50);
        sum.add(&latencies(51..=100));
        assert_eq!(quantiles(&sum), [1, 50, 90, 99, 100]);
    }
}
