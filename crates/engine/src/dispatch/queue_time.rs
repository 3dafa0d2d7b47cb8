//! How long a request has waited, counted from where a proxy says that it began.

use std::time::{Duration, SystemTime};

use crate::dispatch::job::Job;

/// Fields in which proxies tell when they received a request, in the order in which they are believed.
const FIELDS: [&str; 2] = ["x-request-start", "x-queue-start"];

/// A request that claims to have begun earlier than this is not believed.
const LONGEST: Duration = Duration::from_secs(3600);

impl Job {
    /// From the first byte of the request, or from the time in its `X-Request-Start` or
    /// `X-Queue-Start` if that is earlier, to now.
    pub fn queue_time(&self) -> Duration {
        let waited = self.received_at.elapsed();
        let mut claims = FIELDS.iter().filter_map(|name| self.request.header(name));
        let claimed = claims.find_map(|claim| age(claim, SystemTime::now()));
        claimed.map_or(waited, |age| age.max(waited))
    }
}

/// How long ago the time of a field was; `None` if that is no time, in the future or too long ago.
fn age(value: &[u8], now: SystemTime) -> Option<Duration> {
    let begun = SystemTime::UNIX_EPOCH.checked_add(since_epoch(value)?)?;
    now.duration_since(begun).ok().filter(|age| *age <= LONGEST)
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since 1970, with `t=` before it or
/// not. Its size tells the unit: seconds have ten digits until the year 2286.
fn since_epoch(value: &[u8]) -> Option<Duration> {
    let number = value.strip_prefix(b"t=").unwrap_or(value);
    let (whole, fraction) = match number.iter().position(|byte| *byte == b'.') {
        Some(point) => (&number[..point], &number[point + 1..]),
        None => (number, &b""[..]),
    };
    let whole = digits(whole)?;
    let unit_ns = match whole {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1000,
        _ => 1,
    };
    let fraction_ns = match fraction {
        b"" => 0,
        _ => {
            let shown = &fraction[..fraction.len().min(9)];
            digits(shown)? * unit_ns / 10_u64.pow(shown.len() as u32)
        }
    };
    let per_second = 1_000_000_000 / unit_ns;
    let part_ns = whole % per_second * unit_ns;
    Some(Duration::from_secs(whole / per_second) + Duration::from_nanos(part_ns + fraction_ns))
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanoseconds(value: &str) -> Option<u128> {
        since_epoch(value.as_bytes()).map(|time| time.as_nanos())
    }

    #[test]
    fn the_size_of_a_number_tells_its_unit() {
        for text in [
            "1700000000.123",
            "t=1700000000.123",
            "1700000000123",
            "t=1700000000123",
            "1700000000123000",
            "1700000000123.000000000000",
            "t=1700000000123000000",
        ] {
            assert_eq!(nanoseconds(text), Some(1_700_000_000_123_000_000), "{text}");
        }
        assert_eq!(nanoseconds("1700000000"), Some(1_700_000_000_000_000_000));
        assert_eq!(nanoseconds("1700000000123.25"), Some(1_700_000_000_123_250_000));
        assert_eq!(nanoseconds("1700000000123456.5"), Some(1_700_000_000_123_456_500));
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in [
            "",
            "t=",
            ".",
            ".5",
            "-1",
            "+1",
            "1e9",
            "now",
            "1700000000,1700000001",
            "t=1 s",
            "0x5",
            "99999999999999999999",
            "1700000000.1x",
            "1700000000.1.2",
            "\u{0661}",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    #[test]
    fn only_times_of_the_last_hour_are_believed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let age = |text: &str| age(text.as_bytes(), now);
        assert_eq!(age("t=1699999999.5"), Some(Duration::from_millis(500)));
        assert_eq!(age("t=1700000000"), Some(Duration::ZERO));
        assert_eq!(age("t=1700000000001"), None);
        assert_eq!(age("t=1699996400"), Some(LONGEST));
        assert_eq!(age("t=1699996399"), None);
        assert_eq!(age("0"), None);
        assert_eq!(age("t=18446744073709551615"), None);
    }
}
