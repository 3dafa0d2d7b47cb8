//! The labels of the duration series: one table for all processes, so that a path is the same series
//! everywhere and all processes together are held to one bound.
//!
//! ```text
//!   Free ──a process wants the entry──▶ Claimed ──it has written the labels──▶ Published
//! ```
//!
//! An entry never leaves `Published`. One whose process died in `Claimed` stays unused.

use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::{LABEL_CELLS, PATH_BYTES, SERIES};

/// The methods that are shown by name, and the rest.
const METHODS: [&str; 9] =
    ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "OTHER"];

/// The path of series that found no place under their own.
const OTHER_PATH: &str = "other";

/// Series that show a path; the rest of the table is for `other`.
const PATHS: usize = SERIES - 64;

/// Those of them that clients can make by asking for what is not there.
const CLIENT_FAULTS: usize = PATHS / 4;

/// The series for what does not even fit into an `other`.
pub(super) const OVERFLOW: usize = SERIES - 1;

const FREE: u64 = 0;
const CLAIMED: u64 = 1;
const PUBLISHED: u64 = 1 << 63;

/// A process between claim and publication needs less time than this many looks take.
const LOOKS: usize = 1000;

/// The labels of a series.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Series {
    pub path: String,
    pub method: &'static str,
    /// None for what did not fit anywhere.
    pub status: Option<u16>,
}

/// The labels of a series as bytes: method, status, path.
#[derive(Clone, Copy, Debug)]
pub(super) struct LabelKey<'a>(pub &'a [u8]);

/// What is in an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Entry {
    /// Nothing, nor in those behind it.
    Free,
    /// Nothing that can be read; its process is slow or dead.
    Claimed,
    /// Labels, which are now in the caller's buffer.
    Published,
}

/// The number of a method.
pub(super) fn method(name: &str) -> u8 {
    METHODS.iter().position(|method| *method == name).unwrap_or(METHODS.len() - 1) as u8
}

/// Begins a key; the path is to be appended.
pub(super) fn begin_key(method: u8, status: u16, key: &mut Vec<u8>) {
    key.clear();
    key.push(method);
    key.extend_from_slice(&status.to_be_bytes());
}

/// Appends the path that stands for all the others.
pub(super) fn append_other(key: &mut Vec<u8>) {
    key.extend_from_slice(OTHER_PATH.as_bytes());
}

impl<'a> LabelKey<'a> {
    const HEAD: usize = 3;

    /// Entries that may be filled before one of this kind is refused.
    pub fn limit(self) -> usize {
        if self.path() == OTHER_PATH.as_bytes() { OVERFLOW } else { PATHS }
    }

    /// Whether one of a client's faults was answered.
    pub fn is_client_fault(self) -> bool {
        (400..500).contains(&self.status()) && self.path() != OTHER_PATH.as_bytes()
    }

    fn status(self) -> u16 {
        u16::from_be_bytes([self.0[1], self.0[2]])
    }

    fn path(self) -> &'a [u8] {
        &self.0[Self::HEAD..]
    }
}

/// Whether series of this kind already have what they may take.
pub(super) fn is_exhausted(key: LabelKey<'_>, client_faults: usize) -> bool {
    key.is_client_fault() && client_faults >= CLIENT_FAULTS
}

/// Writes labels into a free entry. False when it is not free.
pub(super) fn publish(entry: &[AtomicU64], key: LabelKey<'_>) -> bool {
    let claim = entry[0].compare_exchange(FREE, CLAIMED, Ordering::Relaxed, Ordering::Relaxed);
    if claim.is_err() {
        return false;
    }
    let path = key.path();
    for (cell, bytes) in entry[1..].iter().zip(path.chunks(8)) {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        cell.store(u64::from_le_bytes(word), Ordering::Relaxed);
    }
    let length = (path.len() as u64) << 24;
    let head = u64::from(key.0[0]) | u64::from(key.status()) << 8 | length;
    entry[0].store(PUBLISHED | head, Ordering::Release);
    true
}

/// Reads an entry's labels into `key`.
pub(super) fn read(entry: &[AtomicU64], key: &mut Vec<u8>) -> Entry {
    let mut head = entry[0].load(Ordering::Acquire);
    for _ in 0..LOOKS {
        if head != CLAIMED {
            break;
        }
        std::hint::spin_loop();
        head = entry[0].load(Ordering::Acquire);
    }
    match head {
        FREE => return Entry::Free,
        CLAIMED => return Entry::Claimed,
        _ => begin_key(head as u8, (head >> 8) as u16, key),
    }
    let length = (head >> 24 & 0xff) as usize;
    let words = entry[1..].iter().map(|cell| cell.load(Ordering::Relaxed).to_le_bytes());
    key.extend(words.flatten().take(length));
    Entry::Published
}

/// The entry of a series.
pub(super) fn entry(table: &[AtomicU64], series: usize) -> &[AtomicU64] {
    &table[series * LABEL_CELLS..(series + 1) * LABEL_CELLS]
}

/// All series that have labels, with their numbers, and the one that needs none.
pub(super) fn all(table: &[AtomicU64]) -> Vec<(Series, usize)> {
    let mut key = Vec::with_capacity(LabelKey::HEAD + PATH_BYTES);
    let mut found = Vec::new();
    for series in 0..OVERFLOW {
        match read(entry(table, series), &mut key) {
            Entry::Free => break,
            Entry::Claimed => {}
            Entry::Published => found.push((Series::of(LabelKey(&key)), series)),
        }
    }
    let method = METHODS[METHODS.len() - 1];
    found.push((Series { path: OTHER_PATH.to_owned(), method, status: None }, OVERFLOW));
    found
}

impl Series {
    fn of(key: LabelKey<'_>) -> Self {
        Self {
            path: String::from_utf8_lossy(key.path()).into_owned(),
            method: METHODS[usize::from(key.0[0]).min(METHODS.len() - 1)],
            status: Some(key.status()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Vec<AtomicU64> {
        (0..SERIES * LABEL_CELLS).map(|_| AtomicU64::new(0)).collect()
    }

    fn key(path: &str) -> Vec<u8> {
        let mut key = Vec::new();
        begin_key(method("GET"), 404, &mut key);
        key.extend_from_slice(path.as_bytes());
        key
    }

    #[test]
    fn labels_come_out_as_they_went_in() {
        let table = table();
        for length in [0, 1, 7, 8, 9, PATH_BYTES] {
            let path = "x".repeat(length);
            let series = length % SERIES;
            assert!(publish(entry(&table, series), LabelKey(&key(&path))));
            let mut read_back = Vec::new();
            assert_eq!(read(entry(&table, series), &mut read_back), Entry::Published);
            assert_eq!(read_back, key(&path));
            let expected = Series { path, method: "GET", status: Some(404) };
            assert_eq!(Series::of(LabelKey(&read_back)), expected);
        }
    }

    #[test]
    fn an_entry_is_taken_once() {
        let table = table();
        assert!(publish(entry(&table, 0), LabelKey(&key("/a"))));
        assert!(!publish(entry(&table, 0), LabelKey(&key("/b"))));
        assert_eq!(all(&table)[0].0.path, "/a");
    }

    #[test]
    fn an_entry_whose_process_died_while_writing_is_passed_over() {
        let table = table();
        publish(entry(&table, 0), LabelKey(&key("/a")));
        entry(&table, 1)[0].store(CLAIMED, Ordering::Relaxed);
        publish(entry(&table, 2), LabelKey(&key("/c")));
        let paths: Vec<_> = all(&table).into_iter().map(|(series, _)| series.path).collect();
        assert_eq!(paths, ["/a", "/c", OTHER_PATH]);
    }

    #[test]
    fn only_known_methods_have_a_name() {
        assert_eq!(METHODS[usize::from(method("PURGE"))], "OTHER");
        assert_eq!(METHODS[usize::from(method("get"))], "OTHER");
        for name in METHODS {
            assert_eq!(METHODS[usize::from(method(name))], name);
        }
    }
}
