use std::fmt::Write;

use super::family::{Family, Kind};
use super::format::Format;
use crate::stats::read::{BOUNDS_NS, Histogram};

/// A text in the making. Families are begun one by one, their samples follow.
#[derive(Debug)]
pub(super) struct Exposition {
    format: Format,
    /// The name that samples of the family at hand begin with.
    name: &'static str,
    out: String,
}

/// A name and a value from anywhere.
pub(super) type Label<'a> = (&'a str, &'a str);

const EXPECTED_BYTES: usize = 16 * 1024;

impl Exposition {
    pub fn new(format: Format) -> Self {
        Self { format, name: "", out: String::with_capacity(EXPECTED_BYTES) }
    }

    /// The samples that follow belong to this family.
    pub fn begin(&mut self, family: &Family) {
        self.name = family.name;
        // OpenMetrics names the family of a counter without the ending of its samples.
        let name = match (self.format, family.kind) {
            (Format::OpenMetrics, Kind::Counter) => {
                family.name.strip_suffix("_total").unwrap_or(family.name)
            }
            _ => family.name,
        };
        self.comment("HELP", name, family.help);
        self.comment("TYPE", name, family.kind.name());
        if let (Format::OpenMetrics, Some(unit)) = (self.format, family.unit) {
            self.comment("UNIT", name, unit);
        }
    }

    /// One sample of a counter or a gauge.
    pub fn number(&mut self, labels: &[Label<'_>], value: u64) {
        self.begin_sample("", labels, None);
        self.end_sample(value);
    }

    /// All samples of one histogram.
    pub fn histogram(&mut self, labels: &[Label<'_>], histogram: &Histogram) {
        let mut below = 0;
        for (index, count) in histogram.buckets.iter().enumerate() {
            below += count;
            let bound = BOUNDS_NS.get(index).map(|bound| self.bound(*bound));
            self.begin_sample("_bucket", labels, Some(bound.as_deref().unwrap_or("+Inf")));
            self.end_sample(below);
        }
        let sum = seconds(histogram.sum_ns);
        self.begin_sample("_sum", labels, None);
        self.end_sample(sum);
        self.begin_sample("_count", labels, None);
        self.end_sample(below);
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    fn comment(&mut self, kind: &str, name: &str, text: &str) {
        self.push(&["# ", kind, " ", name, " ", text, "\n"]);
    }

    fn begin_sample(&mut self, suffix: &str, labels: &[Label<'_>], bound: Option<&str>) {
        self.push(&[self.name, suffix]);
        let bound = bound.map(|bound| ("le", bound));
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(bound) {
            self.out.push(separator);
            self.push(&[name, "=\""]);
            self.escape(value);
            self.out.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.out.push('}');
        }
    }

    fn end_sample(&mut self, value: impl std::fmt::Display) {
        let _ = writeln!(self.out, " {value}");
    }

    fn escape(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                other => self.out.push(other),
            }
        }
    }

    /// OpenMetrics wants every bound to look like a real number.
    fn bound(&self, bound_ns: u64) -> String {
        let seconds = seconds(bound_ns);
        match self.format {
            Format::OpenMetrics if !seconds.contains('.') => seconds + ".0",
            _ => seconds,
        }
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.out.push_str(part));
    }
}

/// Exactly, and without zeros at the end.
fn seconds(nanoseconds: u64) -> String {
    let (whole, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    match rest {
        0 => whole.to_string(),
        rest => format!("{whole}.{rest:09}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family;

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        let mut exposition = Exposition::new(Format::Prometheus);
        exposition.name = "n";
        exposition.number(&[("path", "/\"} 1\nevil 2\\"), ("b", "ü")], 3);
        assert_eq!(exposition.finish(), "n{path=\"/\\\"} 1\\nevil 2\\\\\",b=\"ü\"} 3\n");
    }

    #[test]
    fn a_histogram_adds_up_its_buckets() {
        let histogram = Histogram { buckets: [1, 0, 2, 0, 0, 0, 0, 4], sum_ns: 12_500_000_000 };
        let mut exposition = Exposition::new(Format::OpenMetrics);
        exposition.begin(&family::QUEUE);
        exposition.histogram(&[], &histogram);
        let text = exposition.finish();
        for line in [
            "# TYPE hyperion_queue_seconds histogram\n# UNIT hyperion_queue_seconds seconds\n",
            "hyperion_queue_seconds_bucket{le=\"0.001\"} 1\n",
            "hyperion_queue_seconds_bucket{le=\"10.0\"} 3\n",
            "hyperion_queue_seconds_bucket{le=\"+Inf\"} 7\n",
            "hyperion_queue_seconds_sum 12.5\nhyperion_queue_seconds_count 7\n# EOF\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn seconds_are_exact() {
        let cases = [(0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (10_000_000_000, "10")];
        for (nanoseconds, expected) in cases {
            assert_eq!(seconds(nanoseconds), expected);
        }
    }
}
