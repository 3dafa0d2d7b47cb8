//! What a number of a block is made of.

use std::sync::atomic::{AtomicU64, Ordering};

/// Adds to a number with one writer, without locking the bus.
pub(super) fn add(cell: &AtomicU64, count: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}
