//! Which duration series a response belongs to, as one process knows it.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use super::labels::{self, Entry, LabelKey};
use super::layout::PATH_BYTES;
use super::template;

/// Paths remembered with their series, as they came; a power of two.
const RECENT: usize = 512;

/// Longer paths are looked up anew each time, so that nobody fills the memory with them.
const RECENT_PATH_BYTES: usize = 256;

/// A process's knowledge of the labels that all processes share.
#[derive(Debug)]
pub(super) struct SeriesCache {
    recent: Box<[Recent]>,
    known: HashMap<Box<[u8]>, u16>,
    /// Entries of the shared table that are known or useless.
    mirrored: usize,
    /// Those of them that clients made.
    client_faults: usize,
    key: Vec<u8>,
    entry: Vec<u8>,
}

/// A path that was met before.
#[derive(Clone, Debug, Default)]
struct Recent {
    /// Method and status; 0 for none.
    kind: u32,
    path: String,
    series: u16,
}

impl SeriesCache {
    pub fn new() -> Self {
        Self {
            recent: vec![Recent::default(); RECENT].into(),
            known: HashMap::new(),
            mirrored: 0,
            client_faults: 0,
            key: Vec::new(),
            entry: Vec::new(),
        }
    }

    /// The number of the series; `table` holds the labels of all.
    pub fn find(&mut self, table: &[AtomicU64], method: &str, path: &str, status: u16) -> usize {
        let method = labels::method(method);
        let kind = u32::from(status) << 8 | u32::from(method) | KIND;
        let place = hash(kind, path.as_bytes()) as usize % RECENT;
        let recent = &self.recent[place];
        if recent.kind == kind && recent.path == path {
            return recent.series.into();
        }
        let series = self.find_template(table, method, path, status);
        if path.len() <= RECENT_PATH_BYTES {
            let recent = &mut self.recent[place];
            (recent.kind, recent.series) = (kind, series as u16);
            recent.path.clear();
            recent.path.push_str(path);
        }
        series
    }

    fn find_template(&mut self, table: &[AtomicU64], method: u8, path: &str, status: u16) -> usize {
        labels::begin_key(method, status, &mut self.key);
        if template::append(path, PATH_BYTES, &mut self.key)
            && let Some(series) = self.find_key(table)
        {
            return series;
        }
        labels::begin_key(method, status, &mut self.key);
        labels::append_other(&mut self.key);
        self.find_key(table).unwrap_or(labels::OVERFLOW)
    }

    /// The series of `self.key`, which becomes one now if there is room.
    fn find_key(&mut self, table: &[AtomicU64]) -> Option<usize> {
        if let Some(series) = self.known.get(&self.key[..]) {
            return Some((*series).into());
        }
        self.mirror(table);
        loop {
            if let Some(series) = self.known.get(&self.key[..]) {
                return Some((*series).into());
            }
            let key = LabelKey(&self.key);
            if self.mirrored >= key.limit() || labels::is_exhausted(key, self.client_faults) {
                return None;
            }
            // Published by this process or by a quicker one, the entry is there to be read now.
            labels::publish(labels::entry(table, self.mirrored), key);
            self.mirror(table);
        }
    }

    /// Learns what other processes have published.
    fn mirror(&mut self, table: &[AtomicU64]) {
        while self.mirrored < labels::OVERFLOW {
            match labels::read(labels::entry(table, self.mirrored), &mut self.entry) {
                Entry::Free => return,
                Entry::Claimed => {}
                Entry::Published => {
                    let is_fault = LabelKey(&self.entry).is_client_fault();
                    self.client_faults += usize::from(is_fault);
                    self.known.insert(self.entry[..].into(), self.mirrored as u16);
                }
            }
            self.mirrored += 1;
        }
    }
}

/// Tells a kind from none.
const KIND: u32 = 1 << 31;

/// Spreads what servers see. Whoever makes paths collide makes them cost a little more, no more.
fn hash(kind: u32, path: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = u64::from(kind) ^ (path.len() as u64) << 32;
    for bytes in path.chunks(8) {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR).rotate_left(29);
    }
    hash.wrapping_mul(FACTOR) >> 32
}
