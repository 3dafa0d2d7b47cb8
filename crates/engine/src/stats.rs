//! What the processes of a server count, in memory that all of them see.
//!
//! ```text
//!   Segment ── labels of the duration series, one table for all
//!      │
//!      ├─ block 0 ◀── Stats of one process ◀── Recorder of its reactor
//!      ├─ block 1 ◀── Stats of another
//!      └─ ...             any process reads all blocks: Snapshot, metrics
//! ```
//!
//! A block's numbers outlive its process, and the next process in the block adds to them, so that no
//! counter ever goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::layout::Scalar;

pub use self::number::{Counter, Gauge, Tally};
pub use self::reasons::Restart;
pub use self::segment::{Phase, Segment};
pub use self::snapshot::{Snapshot, Worker};

pub(crate) use self::recorder::{Recorder, Responded};
pub(crate) use self::segment::scalar_of;
pub(crate) use self::worker_load::WorkerLoad;

mod cells;
mod histogram;
mod labels;
mod layout;
mod number;
mod owners;
mod reasons;
mod recorder;
mod segment;
mod series;
mod snapshot;
mod template;
mod worker_load;

pub(crate) mod read {
    //! What a reader of all blocks works with.
    pub(crate) use super::histogram::{BOUNDS_NS, Histogram};
    pub(crate) use super::layout::{DRIVERS, Scalar};
    pub(crate) use super::owners::{Owner, Served};
}

/// What one process counts. Counters only grow; gauges follow the present.
#[derive(Debug)]
pub struct Stats {
    segment: Arc<Segment>,
    block: usize,
    /// What former processes of the block have counted.
    inherited: [u64; Scalar::ALL.len()],
    /// 1 while connections are taken from siblings.
    pub adopting: Gauge,
    /// Connections open now.
    pub connections_active: Gauge,
    /// Connections accepted.
    pub connections_accepted: Tally,
    /// Connections accepted here and given to a sibling that had fewer.
    pub connections_passed: Tally,
    /// Request heads received.
    pub requests: Tally,
    /// Requests that waited here, given to a sibling with an idle executor.
    pub requests_passed: Tally,
    /// Responses that ended, complete or cut.
    pub responses: Tally,
    /// Bytes read from sockets.
    pub bytes_read: Tally,
    /// Bytes written to sockets.
    pub bytes_written: Tally,
    /// Request fields dropped because their names hold an underscore.
    pub underscore_headers_dropped: Tally,
    /// Lines of the log dropped because too many waited.
    pub log_lines_dropped: Tally,
    /// Requests turned away because their connection had too many open.
    pub per_conn_rejections: Tally,
    /// Requests whose client left before an executor took them.
    pub cancelled_before_dispatch: Counter,
    /// Panics that were contained.
    pub engine_panics: Counter,
    /// Times that a fiber has kept the others of its thread waiting for long.
    pub fiber_holds: Counter,
    /// Requests that wait for an executor; written by the queue.
    pub queue_depth: Gauge,
    /// Threads, or fibers, that work at a request or at what is told of one; written by the queue.
    pub executors_busy: Gauge,
    /// 1 where sockets are driven by io_uring.
    pub io_uring_active: Gauge,
    /// What request bodies take on disk.
    pub spooled_bytes: Gauge,
}

impl Default for Stats {
    /// Counters of this process alone.
    fn default() -> Self {
        let segment = Segment::new(1).expect("there is memory for the counters");
        segment.begin(0, 0, std::process::id());
        segment.set_phase(Phase::Serving);
        segment.stats(0)
    }
}

impl Stats {
    pub(crate) fn new(segment: Arc<Segment>, block: usize) -> Self {
        let at = |scalar: Scalar| number::NumberCell::new(&segment, block, scalar);
        Self {
            adopting: Gauge(at(Scalar::Adopting)),
            connections_active: Gauge(at(Scalar::ConnectionsActive)),
            connections_accepted: Tally(at(Scalar::ConnectionsAccepted)),
            connections_passed: Tally(at(Scalar::ConnectionsPassed)),
            requests: Tally(at(Scalar::Requests)),
            requests_passed: Tally(at(Scalar::RequestsPassed)),
            responses: Tally(at(Scalar::Responses)),
            bytes_read: Tally(at(Scalar::BytesRead)),
            bytes_written: Tally(at(Scalar::BytesWritten)),
            underscore_headers_dropped: Tally(at(Scalar::UnderscoreHeadersDropped)),
            log_lines_dropped: Tally(at(Scalar::LogLinesDropped)),
            per_conn_rejections: Tally(at(Scalar::PerConnRejections)),
            cancelled_before_dispatch: Counter(at(Scalar::CancelledBeforeDispatch)),
            engine_panics: Counter(at(Scalar::EnginePanics)),
            fiber_holds: Counter(at(Scalar::FiberHolds)),
            queue_depth: Gauge(at(Scalar::QueueDepth)),
            executors_busy: Gauge(at(Scalar::ExecutorsBusy)),
            io_uring_active: Gauge(at(Scalar::IoUringActive)),
            spooled_bytes: Gauge(at(Scalar::SpooledBytes)),
            inherited: Scalar::ALL.map(|scalar| scalar_of(segment.block(block), scalar)),
            segment,
            block,
        }
    }

    /// Counts a request or connection that was turned away for `reason`.
    pub fn reject(&self, reason: &str) {
        let index = reasons::index(reason);
        self.cells()[layout::REJECTIONS + index].fetch_add(1, Ordering::Relaxed);
    }

    /// What request bodies of all processes take on disk.
    pub(crate) fn spooled_by_all(&self) -> u64 {
        self.segment.total(Scalar::SpooledBytes)
    }

    /// The numbers of all processes now.
    pub fn snapshot(&self) -> Snapshot {
        self.segment.snapshot()
    }

    /// Name and value of the numbers of this process alone.
    pub fn of_this_process(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Scalar::ALL.into_iter().map(|scalar| {
            let value = scalar_of(self.cells(), scalar);
            let inherited = self.inherited[scalar as usize];
            (scalar.name(), if scalar.is_gauge() { value } else { value.wrapping_sub(inherited) })
        })
    }

    /// The memory that all processes share.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    pub(crate) fn block(&self) -> usize {
        self.block
    }

    pub(crate) fn cells(&self) -> &[AtomicU64] {
        self.segment.block(self.block)
    }
}
