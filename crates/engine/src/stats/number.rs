//! A number of a block, by who may write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cells::add;
use super::layout::{self, Scalar};
use super::segment::Segment;

/// Grows; any thread may add to it.
#[derive(Debug)]
pub struct Counter(pub(super) NumberCell);

/// Grows; only whoever drives the reactor adds to it, which costs less than a [`Counter`]. A second
/// writer would lose counts.
#[derive(Debug)]
pub struct Tally(pub(super) NumberCell);

/// Follows the present; the last writer is right.
#[derive(Debug)]
pub struct Gauge(pub(super) NumberCell);

/// Where a number is.
#[derive(Debug)]
pub(super) struct NumberCell {
    segment: Arc<Segment>,
    cell: usize,
}

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.cell().fetch_add(count, Ordering::Relaxed);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.cell().load(Ordering::Relaxed)
    }
}

impl Tally {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        add(self.0.cell(), count);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.cell().load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: u64) {
        self.0.cell().store(value, Ordering::Relaxed);
    }

    /// Adds `count`, for a while: any thread may, where nobody [`set`](Self::set)s the value.
    pub fn add(&self, count: u64) {
        self.0.cell().fetch_add(count, Ordering::Relaxed);
    }

    /// Takes `count` back.
    pub fn take_back(&self, count: u64) {
        self.0.cell().fetch_sub(count, Ordering::Relaxed);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.cell().load(Ordering::Relaxed)
    }
}

impl NumberCell {
    pub fn new(segment: &Arc<Segment>, block: usize, scalar: Scalar) -> Self {
        let cell = layout::block(block) + layout::SCALARS + scalar as usize;
        Self { segment: segment.clone(), cell }
    }

    fn cell(&self) -> &AtomicU64 {
        &self.segment.cells()[self.cell]
    }
}
