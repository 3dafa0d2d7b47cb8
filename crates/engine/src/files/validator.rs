use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

use super::negotiate::Coding;

/// The kernel's clock for files may tick as slowly as this: what was written less than a tick ago
/// can be written again without a trace.
const TICK: Duration = Duration::from_millis(20);

/// Where a file system keeps no parts of seconds; some count by two.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The last second of the year 9999, behind which a date cannot be written.
const SECONDS_MAX: u64 = 253_402_300_799;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Validator {
    pub device: u64,
    inode: u64,
    pub size: u64,
    modified: Instant,
    changed: Instant,
}

/// A time of a file: seconds since 1970 and nanoseconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Instant(i64, u32);

impl Validator {
    pub fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size.try_into().unwrap_or(0),
            modified: Instant(stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
            changed: Instant(stat.st_ctime, nanoseconds(stat.st_ctime_nsec)),
        }
    }

    /// When the content was written last.
    pub fn modified(&self) -> SystemTime {
        self.modified.to_time()
    }

    /// Whether this file was written before `other`.
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.modified < other.modified
    }

    /// Whether the next change of the file is sure to change the stamp too.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let tick = if self.changed.1 == 0 { COARSE_TICK } else { TICK };
        now.duration_since(self.changed.to_time()).is_ok_and(|age| age > tick)
    }

    /// A strong entity tag, the same in every process. The numbers are mixed so that it does not
    /// tell them.
    pub fn etag(&self, coding: Option<Coding>) -> String {
        let Instant(seconds, nanoseconds) = self.modified;
        let words = [self.inode, self.size, seconds as u64, u64::from(nanoseconds)];
        let hash = words.iter().fold(0, |hash, word| mix(hash ^ word));
        match coding {
            None => format!("\"{hash:016x}\""),
            Some(coding) => format!("\"{hash:016x}-{}\"", coding.token()),
        }
    }
}

impl Instant {
    fn to_time(self) -> SystemTime {
        let seconds = u64::try_from(self.0).unwrap_or(0).min(SECONDS_MAX);
        UNIX_EPOCH + Duration::new(seconds, self.1.min(999_999_999))
    }
}

fn nanoseconds(count: impl TryInto<u32>) -> u32 {
    count.try_into().unwrap_or(0)
}

/// The finalizer of splitmix64: a permutation, so that nothing is lost within one word.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(modified: Instant, changed: Instant) -> Validator {
        Validator { device: 1, inode: 2, size: 3, modified, changed }
    }

    #[test]
    fn each_part_and_the_coding_change_the_entity_tag() {
        let plain = stamp(Instant(5, 6), Instant(7, 8));
        let mut tags = vec![
            plain.etag(None),
            plain.etag(Some(Coding::Gzip)),
            plain.etag(Some(Coding::Brotli)),
            Validator { inode: 9, ..plain }.etag(None),
            Validator { size: 9, ..plain }.etag(None),
            Validator { modified: Instant(9, 6), ..plain }.etag(None),
            Validator { modified: Instant(5, 9), ..plain }.etag(None),
        ];
        assert_eq!(plain.etag(None), stamp(Instant(5, 6), Instant(0, 0)).etag(None));
        assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"')));
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 7);
    }

    #[test]
    fn times_that_no_date_can_tell_are_moved_to_ones_that_can() {
        for seconds in [i64::MIN, -1, 0, i64::MAX] {
            let time = Instant(seconds, u32::MAX).to_time();
            let date = httpdate::fmt_http_date(time);
            assert!(httpdate::parse_http_date(&date).is_ok(), "{date}");
        }
    }

    #[test]
    fn a_stamp_is_settled_once_the_clock_has_moved_on() {
        let at = |seconds, nanoseconds| Instant(seconds, nanoseconds).to_time();
        let fine = stamp(Instant(1, 1), Instant(100, 500));
        assert!(!fine.is_settled(at(100, 500)));
        assert!(!fine.is_settled(at(99, 0)));
        assert!(fine.is_settled(at(100, 30_000_000)));
        let coarse = stamp(Instant(1, 1), Instant(100, 0));
        assert!(!coarse.is_settled(at(102, 0)));
        assert!(coarse.is_settled(at(102, 1)));
    }
}
