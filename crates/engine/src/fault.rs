//! Faults of the server itself: a panic is contained, and told as an error.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::stats::Stats;

/// What `work` gives; none where it panicked, which is counted.
pub(crate) fn contain<R>(stats: &Stats, work: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(work)).inspect_err(|_| stats.engine_panics.add(1)).ok()
}

/// What `work` gives; a panic in it is an error.
///
/// # Errors
/// Those of `work`, and [`fault`].
pub(crate) fn catch<R>(work: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(fault()))
}

/// What is told of a panic.
pub(crate) fn fault() -> io::Error {
    io::Error::other("a fault of the server; its panic stands in standard error")
}
