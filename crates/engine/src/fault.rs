//! Faults of the server itself: a panic is contained, and told as an error.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::stats::Stats;

/// What `work` gives; none where it panicked, which is counted.
pub(crate) fn contain<R>(stats: &Stats, work: impl FnOnce() -> R) -> Option<R> {
    #[cfg(feature = "faults")]
    let work = || injected::around(work);
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

/// Panics on demand, for tests of what they cost.
#[cfg(feature = "faults")]
pub mod injected {
    use std::cell::Cell;

    thread_local! {
        /// Until the panic, points in front of and behind what may panic; none when there is to be none.
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Has this thread panic at one such point, behind so many others.
    pub fn after(points: Option<usize>) {
        LEFT.set(points);
    }

    pub(super) fn around<R>(work: impl FnOnce() -> R) -> R {
        pass();
        let result = work();
        pass();
        result
    }

    fn pass() {
        let left = LEFT.get();
        LEFT.set(left.and_then(|left| left.checked_sub(1)));
        assert_ne!(left, Some(0), "an injected fault");
    }
}
