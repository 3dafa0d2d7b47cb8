use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Bodies above this size count against the budget.
pub(crate) const LARGE_BODY_BYTES: usize = 256 * 1024;

/// Memory that large bodies on their way to their readers may take in one process.
const MEMORY_BYTES: usize = 32 * 1024 * 1024;

/// How much memory large response bodies take until they have left. What does not fit waits in a
/// file, so that slow readers cost disk instead of memory, and quick ones neither.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    taken: AtomicUsize,
}

/// Bytes that give their share back when the last reference to them is dropped.
struct Counted {
    bytes: Bytes,
    budget: Arc<Budget>,
}

impl Budget {
    /// The bytes as they may be kept in memory; `None` when they must not.
    pub fn admit(self: &Arc<Self>, bytes: &Bytes) -> Option<Bytes> {
        if bytes.len() <= LARGE_BODY_BYTES {
            return Some(bytes.clone());
        }
        let before = self.taken.fetch_add(bytes.len(), Ordering::Relaxed);
        let counted = Counted { bytes: bytes.clone(), budget: self.clone() };
        (before + bytes.len() <= MEMORY_BYTES).then(|| Bytes::from_owner(counted))
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_take_turns_in_memory_and_small_ones_always_fit() {
        let budget = Arc::new(Budget::default());
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
