//! Where everything is in a segment: a header, the labels of the duration series, then blocks that
//! are all alike. Whoever maps the segment is forked from one process, so nothing of this is a format.

use super::histogram;

/// Number of the header: when the segment was made, in milliseconds since 1970.
pub(super) const STARTED_AT_MS: usize = 0;
/// Number of the header: the process that made it.
pub(super) const MASTER_PID: usize = 1;
/// Number of the header: the [`Phase`](super::Phase) of the server.
pub(super) const PHASE: usize = 2;
/// Number of the header: how often a worker began none of the requests that waited.
pub(super) const STALLS: usize = 3;
/// Numbers of the header: restarts by reason.
pub(super) const RESTARTS: usize = 8;
const HEADER_CELLS: usize = 32;

/// Duration series at most, with the one that takes what finds no other.
pub(super) const SERIES: usize = 512;
/// Longest path of a series, in bytes.
pub(super) const PATH_BYTES: usize = 128;
/// Numbers that hold the labels of one series.
pub(super) const LABEL_CELLS: usize = 1 + PATH_BYTES / 8;
/// Where the labels begin.
pub(super) const LABELS: usize = HEADER_CELLS;

const BLOCKS: usize = aligned(LABELS + SERIES * LABEL_CELLS);

/// Number of a block: how many processes have owned it.
pub(super) const OWNER_COUNT: usize = 0;
/// Number of a block: how many of them have ended.
pub(super) const ENDED: usize = 1;
/// Number of a block: whether the master has given it to a process.
pub(super) const CLAIMED: usize = 2;
/// Numbers of a block: its last owners, a ring.
pub(super) const RING: usize = 8;
/// Owners in the ring.
pub(super) const RING_LENGTH: usize = 34;
/// Numbers that hold one of them.
pub(super) const OWNER_CELLS: usize = 5;
/// Numbers of a block: one for each [`Scalar`].
pub(super) const SCALARS: usize = aligned(RING + RING_LENGTH * OWNER_CELLS);
/// Numbers of a block: dispatched requests by driver and mode.
pub(super) const MODES: usize = aligned(SCALARS + Scalar::ALL.len());
/// Numbers of a block: rejections by reason.
pub(super) const REJECTIONS: usize = aligned(MODES + DRIVERS.len() * MODE_COUNT);
/// Reasons at most.
pub(super) const REASONS: usize = 64;
/// Numbers of a block: time between arrival and dispatch.
pub(super) const QUEUED: usize = REJECTIONS + REASONS;
/// Numbers of a block: responses by status.
pub(super) const STATUSES: usize = aligned(QUEUED + histogram::CELLS);
/// One more than the largest status.
pub(super) const STATUS_COUNT: usize = 1000;
/// Numbers of a block: durations by series.
pub(super) const DURATIONS: usize = STATUSES + STATUS_COUNT;
/// Numbers of a block.
pub(super) const BLOCK_CELLS: usize = aligned(DURATIONS + SERIES * histogram::CELLS);

/// Modes of answering; see [`Mode`](crate::Mode).
pub(super) const MODE_COUNT: usize = 4;

/// What may drive sockets, in the order of its numbers.
pub(crate) const DRIVERS: [&str; 2] = ["epoll", "io_uring"];

/// A number of its own in each block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scalar {
    Adopting,
    Arriving,
    BytesRead,
    BytesWritten,
    CancelledBeforeDispatch,
    ConnectionsAccepted,
    ConnectionsActive,
    ConnectionsPassed,
    EnginePanics,
    ExecutorsBusy,
    FiberHolds,
    IoUringActive,
    LogLinesDropped,
    PerConnRejections,
    QueueDepth,
    Requests,
    RequestsPassed,
    Responses,
    SpooledBytes,
    UnderscoreHeadersDropped,
}

impl Scalar {
    pub const ALL: [Self; 20] = [
        Self::Adopting,
        Self::Arriving,
        Self::BytesRead,
        Self::BytesWritten,
        Self::CancelledBeforeDispatch,
        Self::ConnectionsAccepted,
        Self::ConnectionsActive,
        Self::ConnectionsPassed,
        Self::EnginePanics,
        Self::ExecutorsBusy,
        Self::FiberHolds,
        Self::IoUringActive,
        Self::LogLinesDropped,
        Self::PerConnRejections,
        Self::QueueDepth,
        Self::Requests,
        Self::RequestsPassed,
        Self::Responses,
        Self::SpooledBytes,
        Self::UnderscoreHeadersDropped,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Adopting => "adopting",
            Self::Arriving => "arriving",
            Self::BytesRead => "bytes_read",
            Self::BytesWritten => "bytes_written",
            Self::CancelledBeforeDispatch => "cancelled_before_dispatch",
            Self::ConnectionsAccepted => "connections_accepted",
            Self::ConnectionsActive => "connections_active",
            Self::ConnectionsPassed => "connections_passed",
            Self::EnginePanics => "engine_panics",
            Self::ExecutorsBusy => "executors_busy",
            Self::FiberHolds => "fiber_holds",
            Self::IoUringActive => "io_uring_active",
            Self::LogLinesDropped => "log_lines_dropped",
            Self::PerConnRejections => "per_conn_rejections",
            Self::QueueDepth => "queue_depth",
            Self::Requests => "requests",
            Self::RequestsPassed => "requests_passed",
            Self::Responses => "responses",
            Self::SpooledBytes => "spooled_bytes",
            Self::UnderscoreHeadersDropped => "underscore_headers_dropped",
        }
    }

    /// Whether the number means nothing once its process is gone.
    pub fn is_gauge(self) -> bool {
        matches!(
            self,
            Self::Adopting
                | Self::Arriving
                | Self::ConnectionsActive
                | Self::ExecutorsBusy
                | Self::IoUringActive
                | Self::QueueDepth
                | Self::SpooledBytes
        )
    }
}

/// Numbers of a segment of so many blocks.
pub(super) fn length(blocks: usize) -> usize {
    block(blocks)
}

/// Where a block begins.
pub(super) fn block(index: usize) -> usize {
    BLOCKS + index * BLOCK_CELLS
}

/// The next number that begins a line of the processor's cache, so that two writers share none.
const fn aligned(cell: usize) -> usize {
    cell.next_multiple_of(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scalar_is_listed_at_its_place_under_a_name_of_its_own() {
        for (index, scalar) in Scalar::ALL.into_iter().enumerate() {
            assert_eq!(scalar as usize, index);
        }
        assert!(Scalar::ALL.map(Scalar::name).is_sorted_by(|one, next| one < next));
    }
}
