use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// The time as lines show it; many of them share a millisecond.
#[derive(Debug, Default)]
pub(crate) struct Timestamp {
    since_epoch: Duration,
    /// To the millisecond.
    text: String,
    /// The second of `clf`, since the epoch.
    clf_second: u64,
    clf: String,
}

impl Timestamp {
    /// Takes note of the present.
    pub(super) fn update(&mut self) -> &mut Self {
        self.set(SystemTime::now());
        self
    }

    pub(super) fn set(&mut self, now: SystemTime) {
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.text.is_empty() || self.since_epoch.as_millis() != since_epoch.as_millis() {
            self.text.clear();
            let now = SystemTime::UNIX_EPOCH + since_epoch;
            let _ = write!(self.text, "{}", humantime::format_rfc3339_millis(now));
        }
        self.since_epoch = since_epoch;
    }

    /// As in RFC 3339, in UTC with milliseconds.
    pub fn rfc3339(&self) -> &str {
        &self.text
    }

    /// As on the clock of whoever reads it: `08:49:37`.
    pub fn time_of_day(&self, utc_offset_s: i32) -> String {
        time_of_day(self.since_epoch, utc_offset_s)
    }

    /// As in the common log format, in UTC: `06/Nov/1994:08:49:37 +0000`.
    pub fn clf(&mut self) -> &str {
        let second = self.since_epoch.as_secs();
        if self.clf.is_empty() || self.clf_second != second {
            self.clf_second = second;
            self.clf.clear();
            let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + self.since_epoch);
            // Always `Sun, 06 Nov 1994 08:49:37 GMT`.
            if let [_, day, month, year, time, _] = date.split(' ').collect::<Vec<_>>()[..] {
                let _ = write!(self.clf, "{day}/{month}/{year}:{time} +0000");
            }
        }
        &self.clf
    }
}

/// The time on the clock of a place, `08:49:37`.
pub(crate) fn time_of_day(since_epoch: Duration, utc_offset_s: i32) -> String {
    let second = i128::from(since_epoch.as_secs()) + i128::from(utc_offset_s);
    let second = second.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_two_forms_that_follow_it() {
        let mut stamp = Timestamp::default();
        stamp.set(SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_999));
        assert_eq!(stamp.rfc3339(), "1994-11-06T08:49:37.999Z");
        assert_eq!(stamp.clf(), "06/Nov/1994:08:49:37 +0000");
        stamp.set(SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_778_000));
        assert_eq!(stamp.rfc3339(), "1994-11-06T08:49:38.000Z");
        assert_eq!(stamp.clf(), "06/Nov/1994:08:49:38 +0000");
    }

    #[test]
    fn a_clock_shows_the_time_of_its_place() {
        let at = |seconds, offset| time_of_day(Duration::from_secs(seconds), offset);
        assert_eq!(at(784_111_777, 0), "08:49:37");
        assert_eq!(at(784_111_777, -9 * 3600), "23:49:37");
        assert_eq!(at(784_111_777, 20_700), "14:34:37");
        assert_eq!(at(0, -3600), "23:00:00");
    }

    #[test]
    fn a_clock_before_the_epoch_shows_the_epoch() {
        let mut stamp = Timestamp::default();
        stamp.set(SystemTime::UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(stamp.rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(stamp.clf(), "01/Jan/1970:00:00:00 +0000");
    }
}
