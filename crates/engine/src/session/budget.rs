use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

/// Bodies and heads above this size count against the budget; smaller ones are no more than what else a request
/// costs.
pub(crate) const COUNTED_BYTES: usize = 4 * 1024;

/// Memory that bodies on their way to their readers may take in one process; the same again for pieces of
/// those that are streamed, for large heads, and for bodies that arrive.
pub(crate) const MEMORY_BYTES: usize = 32 * 1024 * 1024;

/// Changes of less are not told.
const WAITING_STEP: usize = 1024 * 1024;

/// Behind a high tide, so that all that went with it is free, too.
const TRIM_DELAY: Duration = Duration::from_secs(1);

/// How much memory response bodies take until they have left. What does not fit waits in a file, so that
/// slow readers cost disk instead of memory, and quick ones neither.
#[derive(Debug, Default)]
pub(crate) struct MemoryBudget {
    taken: AtomicUsize,
    waiting: AtomicUsize,
    received: AtomicUsize,
    /// So much was taken that the allocator has much to give back.
    was_high: AtomicBool,
}

/// Bytes in memory that wait for their peers. Exact within a turn, in which a client may ask for much.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Of streamed responses.
    pub pieces: Cell<u64>,
    /// Of large heads, which cannot wait on a disk.
    pub heads: Cell<u64>,
}

/// What an incomplete request body takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

/// Bytes that give their share back when the last reference to them is dropped.
struct Counted {
    bytes: Bytes,
    budget: Arc<MemoryBudget>,
}

impl MemoryBudget {
    /// The bytes as they may be kept in memory; `None` when they must not.
    pub fn admit(self: &Arc<Self>, bytes: &Bytes) -> Option<Bytes> {
        if bytes.len() <= COUNTED_BYTES {
            return Some(bytes.clone());
        }
        let before = self.taken.fetch_add(bytes.len(), Ordering::Relaxed);
        self.note_high(before + bytes.len());
        let counted = Counted { bytes: bytes.clone(), budget: self.clone() };
        (before + bytes.len() <= MEMORY_BYTES).then(|| Bytes::from_owner(counted))
    }

    fn note_high(&self, taken: usize) {
        if taken > MEMORY_BYTES / 2 && !self.was_high.load(Ordering::Relaxed) {
            self.was_high.store(true, Ordering::Relaxed);
        }
    }

    /// What was taken is free again; a thread of its own gives it back, if one can be had.
    fn note_low(&self, taken: usize) {
        if taken < MEMORY_BYTES / 16 && self.was_high.load(Ordering::Relaxed) {
            self.was_high.store(false, Ordering::Relaxed);
            let _ = std::thread::Builder::new().spawn(|| {
                std::thread::sleep(TRIM_DELAY);
                hyperion_io::process::trim_memory();
            });
        }
    }

    /// Pieces of streamed responses, and large heads, take so much in all. Who counts them tells it now and then:
    /// executors look at it for each piece.
    pub fn tell_waiting(&self, bytes: usize) {
        let before = self.waiting.load(Ordering::Relaxed);
        if before.abs_diff(bytes) >= WAITING_STEP || (bytes == 0 && before > 0) {
            self.waiting.store(bytes, Ordering::Relaxed);
            self.note_high(bytes);
            self.note_low(bytes);
        }
    }

    /// Whether pieces of streams may be kept in memory.
    pub fn has_room_for_pieces(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < MEMORY_BYTES
    }

    /// For a body that arrives.
    pub fn share(self: &Arc<Self>) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }

    /// Whether no more bodies are kept in memory.
    pub fn is_exhausted(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= MEMORY_BYTES * 3 / 4 || !self.has_room_for_pieces()
    }
}

impl Waiting {
    /// Bodies that wait take no room from heads: with slow readers about, others still get their requests through.
    pub fn has_room_for_heads(&self) -> bool {
        self.heads.get() < MEMORY_BYTES as u64
    }

    /// Bytes of both.
    pub fn total(&self) -> u64 {
        self.pieces.get() + self.heads.get()
    }
}

impl Share {
    /// Whether the body may have grown to `length` in memory.
    pub fn grow(&mut self, length: usize) -> bool {
        if length <= COUNTED_BYTES {
            return true;
        }
        let more = length - std::mem::replace(&mut self.bytes, length);
        let before = self.budget.received.fetch_add(more, Ordering::Relaxed);
        self.budget.note_high(before + more);
        before + more <= MEMORY_BYTES
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let before = self.budget.received.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.note_low(before - self.bytes);
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.budget.taken.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        self.budget.note_low(before - self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_take_turns_in_memory_and_small_ones_always_fit() {
        let budget = Arc::new(MemoryBudget::default());
        let half = Bytes::from(vec![b'x'; MEMORY_BYTES / 2]);
        let kept: Vec<_> = (0..2).filter_map(|_| budget.admit(&half)).collect();
        assert_eq!(kept.len(), 2);
        assert!(budget.admit(&half).is_none());
        assert_eq!(budget.admit(&Bytes::from_static(b"small")).unwrap(), "small");
        drop(kept);
        assert_eq!(budget.admit(&half).unwrap(), half);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }
}
