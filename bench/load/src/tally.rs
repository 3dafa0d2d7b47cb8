//! What came of a run.

use std::time::Duration;

use serde::Serialize;

use crate::latencies::Latencies;

/// Counts while the run goes on.
#[derive(Debug)]
pub struct Tally {
    kinds: Vec<Kind>,
    /// Answers of each connection and those that took its place.
    per_connection: Vec<u64>,
    errors: u64,
    unanswered: u64,
    reconnects: u64,
}

/// What came of one kind of request.
#[derive(Debug)]
struct Kind {
    answers: u64,
    latencies: Latencies,
}

#[derive(Serialize)]
struct Report {
    requests: u64,
    seconds: u32,
    errors: u64,
    unanswered: u64,
    reconnects: u64,
    #[serde(flatten)]
    times: Times,
    per_connection: Vec<u64>,
    kinds: Vec<KindReport>,
}

#[derive(Serialize)]
struct KindReport {
    requests: u64,
    #[serde(flatten)]
    times: Times,
}

#[derive(Serialize)]
struct Times {
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    histogram: Vec<(f64, u64)>,
}

impl Tally {
    /// For so many kinds of requests and so many connections.
    pub fn new(kinds: usize, connections: usize) -> Self {
        let kind = || Kind { answers: 0, latencies: Latencies::new() };
        Self {
            kinds: std::iter::repeat_with(kind).take(kinds).collect(),
            per_connection: vec![0; connections],
            errors: 0,
            unanswered: 0,
            reconnects: 0,
        }
    }

    /// A request has its answer.
    pub fn answer(&mut self, kind: usize, connection: usize, latency: Duration) {
        let kind = &mut self.kinds[kind];
        kind.answers += 1;
        kind.latencies.record(latency);
        self.per_connection[connection] += 1;
    }

    /// A request gets none any more: what it has waited counts.
    pub fn give_up(&mut self, kind: usize, waited: Duration) {
        self.unanswered += 1;
        self.kinds[kind].latencies.record(waited);
    }

    /// A request failed, or bytes came that nobody asked for.
    pub fn fail(&mut self) {
        self.errors += 1;
    }

    /// Another connection took the place of one that has ended.
    pub fn reconnect(&mut self) {
        self.reconnects += 1;
    }

    /// All of it, as a line of JSON.
    pub fn report(self, seconds: u32) -> String {
        let mut all = Latencies::new();
        self.kinds.iter().for_each(|kind| all.add(&kind.latencies));
        let report = Report {
            requests: self.per_connection.iter().sum(),
            seconds,
            errors: self.errors,
            unanswered: self.unanswered,
            reconnects: self.reconnects,
            times: Times::of(&all),
            per_connection: self.per_connection,
            kinds: self.kinds.iter().map(KindReport::of).collect(),
        };
        serde_json::to_string(&report).expect("numbers and lists are JSON")
    }
}

impl KindReport {
    fn of(kind: &Kind) -> Self {
        Self { requests: kind.answers, times: Times::of(&kind.latencies) }
    }
}

impl Times {
    fn of(latencies: &Latencies) -> Self {
        Self {
            p50_us: latencies.quantile_us(0.5),
            p90_us: latencies.quantile_us(0.9),
            p99_us: latencies.quantile_us(0.99),
            p999_us: latencies.quantile_us(0.999),
            max_us: latencies.quantile_us(1.0),
            histogram: latencies.distribution(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn us(number: u64) -> Duration {
        Duration::from_micros(number)
    }

    fn report(tally: Tally) -> Value {
        serde_json::from_str(&tally.report(3)).unwrap()
    }

    #[test]
    fn kinds_are_told_apart_and_together() {
        let mut tally = Tally::new(2, 3);
        (1..=9).for_each(|number| tally.answer(0, 1, us(number)));
        tally.answer(1, 2, us(1000));
        let report = report(tally);
        assert_eq!(report["requests"], 10);
        assert_eq!(report["seconds"], 3);
        assert_eq!(report["per_connection"], json!([0, 9, 1]));
        assert_eq!((&report["p50_us"], &report["p90_us"]), (&json!(5), &json!(9)));
        assert_eq!((&report["p99_us"], &report["max_us"]), (&json!(1000), &json!(1000)));
        assert_eq!(report["histogram"].as_array().unwrap().last(), Some(&json!([1.0, 1000])));
        let (often, rare) = (&report["kinds"][0], &report["kinds"][1]);
        assert_eq!((&often["requests"], &often["p50_us"]), (&json!(9), &json!(5)));
        assert_eq!((&often["p999_us"], &often["max_us"]), (&json!(9), &json!(9)));
        assert_eq!(often["histogram"].as_array().unwrap().last(), Some(&json!([1.0, 9])));
        assert_eq!((&rare["requests"], &rare["p50_us"]), (&json!(1), &json!(1000)));
    }

    #[test]
    fn what_has_no_answer_counts_with_what_it_has_waited() {
        let mut tally = Tally::new(1, 1);
        tally.answer(0, 0, us(1));
        tally.give_up(0, us(500));
        let report = report(tally);
        assert_eq!((&report["requests"], &report["unanswered"]), (&json!(1), &json!(1)));
        assert_eq!((&report["kinds"][0]["requests"], &report["max_us"]), (&json!(1), &json!(500)));
    }

    #[test]
    fn failures_have_no_latency() {
        let mut tally = Tally::new(1, 1);
        tally.fail();
        tally.reconnect();
        tally.reconnect();
        let report = report(tally);
        assert_eq!((&report["errors"], &report["reconnects"]), (&json!(1), &json!(2)));
        assert_eq!((&report["requests"], &report["max_us"]), (&json!(0), &json!(0)));
    }
}
