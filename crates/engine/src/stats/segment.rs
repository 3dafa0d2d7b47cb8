use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use hyperion_io::SharedMemory;

use super::Stats;
use super::histogram::{self, Histogram};
use super::labels::{self, Series};
use super::layout::{self, DRIVERS, MODE_COUNT, Scalar};
use super::owners::{self, Owners};
use super::reasons::{self, Restart};

/// The memory in which all processes of a server count. The master makes it before it forks, with
/// more blocks than workers, so that a worker and its successor may overlap:
///
/// ```text
///   Free ──claim──▶ Claimed ──begin, in the new process──▶ Counting
///    ▲                                                      │
///    └─────────────── release, behind its end ──────────────┘
/// ```
#[derive(Debug)]
pub struct Segment {
    memory: SharedMemory,
    blocks: usize,
}

/// How far a server has come in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Not all of it serves yet.
    Booting,
    /// It serves.
    Serving,
    /// It is about to take no more clients, or takes none.
    Draining,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Booting, Self::Serving, Self::Draining];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Serving => "serving",
            Self::Draining => "draining",
        }
    }

    /// The phase of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

impl Segment {
    /// A segment of so many blocks, made by the process that will fork the others.
    ///
    /// # Errors
    /// When the memory cannot be had.
    pub fn new(blocks: usize) -> io::Result<Arc<Self>> {
        let memory = SharedMemory::new(layout::length(blocks))?;
        let segment = Self { memory, blocks };
        segment.store(layout::STARTED_AT_MS, now_ms());
        segment.store(layout::MASTER_PID, std::process::id().into());
        Ok(Arc::new(segment))
    }

    /// A free block for a process that is to be forked; only the master calls this.
    pub fn claim(&self) -> Option<usize> {
        let free =
            (0..self.blocks).find(|index| self.claimed(*index).load(Ordering::Relaxed) == 0)?;
        self.claimed(free).store(1, Ordering::Relaxed);
        Some(free)
    }

    /// The process of the block is dead, or was never made; only the master calls this.
    ///
    /// # Panics
    /// When there is no such block.
    pub fn release(&self, block: usize) {
        owners::end(self.block(block));
        self.claimed(block).store(0, Ordering::Relaxed);
    }

    /// This process, worker number `slot`, counts in the block from now on.
    ///
    /// # Panics
    /// When there is no such block.
    pub fn begin(&self, block: usize, slot: usize, pid: u32) {
        owners::begin(self.block(block), slot as u64, pid.into(), now_ms());
    }

    /// The counters of the process that owns the block.
    ///
    /// # Panics
    /// When there is no such block.
    pub fn stats(self: &Arc<Self>, block: usize) -> Stats {
        assert!(block < self.blocks, "block {block} of {}", self.blocks);
        Stats::new(self.clone(), block)
    }

    /// A worker is replaced; only the master calls this.
    pub fn restarted(&self, reason: Restart) {
        self.cells()[layout::RESTARTS + reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often workers were replaced for `reason`.
    pub fn restarts(&self, reason: Restart) -> u64 {
        self.load(layout::RESTARTS + reason as usize)
    }

    /// A worker begins none of the requests that wait; only the master calls this.
    pub fn stalled(&self) {
        self.cells()[layout::STALLS].fetch_add(1, Ordering::Relaxed);
    }

    /// How often a worker began none of the requests that waited.
    pub fn stalls(&self) -> u64 {
        self.load(layout::STALLS)
    }

    /// The whole server has come so far.
    pub fn set_phase(&self, phase: Phase) {
        self.store(layout::PHASE, phase as u64);
    }

    /// How far the whole server has come.
    pub fn phase(&self) -> Phase {
        let phase = self.load(layout::PHASE);
        Phase::ALL.into_iter().find(|known| *known as u64 == phase).unwrap_or(Phase::Draining)
    }

    /// The process that made the segment.
    pub fn master_pid(&self) -> u32 {
        self.load(layout::MASTER_PID) as u32
    }

    /// When the segment was made, in milliseconds since 1970.
    pub fn started_at_ms(&self) -> u64 {
        self.load(layout::STARTED_AT_MS)
    }

    /// How long ago the segment was made, by the clock on the wall.
    pub fn uptime(&self) -> Duration {
        since(self.started_at_ms())
    }

    /// One number of all blocks together; a gauge of those whose process lives.
    pub(crate) fn total(&self, scalar: Scalar) -> u64 {
        let counts = |block: &&[AtomicU64]| !scalar.is_gauge() || owners::is_owned(block);
        self.blocks().filter(counts).map(|block| scalar_of(block, scalar)).sum()
    }

    /// Dispatched requests by driver, then by mode.
    pub(crate) fn dispatched(&self) -> [[u64; MODE_COUNT]; DRIVERS.len()] {
        std::array::from_fn(|driver| {
            std::array::from_fn(|mode| self.sum(layout::MODES + driver * MODE_COUNT + mode))
        })
    }

    /// Responses by status, as far as there were any.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        let counted = |status: u16| (status, self.sum(layout::STATUSES + usize::from(status)));
        (0..layout::STATUS_COUNT as u16).map(counted).filter(|(_, count)| *count > 0)
    }

    /// Time between arrival and dispatch.
    pub(crate) fn queued(&self) -> Histogram {
        self.histogram(layout::QUEUED)
    }

    /// Time to respond, by series; in order, and as far as there was any.
    pub(crate) fn durations(&self) -> Vec<(Series, Histogram)> {
        let mut durations: Vec<(Series, Histogram)> = labels::all(self.labels())
            .into_iter()
            .map(|(series, index)| {
                (series, self.histogram(layout::DURATIONS + index * histogram::CELLS))
            })
            .filter(|(_, histogram)| histogram.count() > 0)
            .collect();
        durations.sort_by(|(one, _), (next, _)| one.cmp(next));
        // Two processes may have made the same series where a third died between them.
        durations.dedup_by(|(next, from), (kept, into)| {
            let same = next == kept;
            if same {
                into.merge(from);
            }
            same
        });
        durations
    }

    /// Every reason for a rejection, with the times it was given in all blocks.
    pub(crate) fn rejections(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        reasons::names()
            .enumerate()
            .map(|(index, name)| (name, self.sum(layout::REJECTIONS + index)))
    }

    /// Who owns the blocks and who owned them, with the gauges of those that live.
    pub(crate) fn owners(&self) -> impl Iterator<Item = (&[AtomicU64], Owners)> {
        self.blocks().map(|block| (block, owners::read(block)))
    }

    /// The blocks that were ever used.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &[AtomicU64]> {
        (0..self.blocks).map(|index| self.block(index)).filter(|block| owners::is_used(block))
    }

    /// Processes that can count at once.
    pub(crate) fn block_count(&self) -> usize {
        self.blocks
    }

    pub(super) fn block(&self, index: usize) -> &[AtomicU64] {
        let start = layout::block(index);
        &self.cells()[start..start + layout::BLOCK_CELLS]
    }

    pub(super) fn labels(&self) -> &[AtomicU64] {
        &self.cells()[layout::LABELS..layout::LABELS + layout::SERIES * layout::LABEL_CELLS]
    }

    pub(super) fn cells(&self) -> &[AtomicU64] {
        self.memory.cells()
    }

    fn histogram(&self, at: usize) -> Histogram {
        let mut histogram = Histogram::default();
        self.blocks().for_each(|block| histogram.read(&block[at..at + histogram::CELLS]));
        histogram
    }

    fn sum(&self, at: usize) -> u64 {
        self.blocks().map(|block| block[at].load(Ordering::Relaxed)).sum()
    }

    fn claimed(&self, block: usize) -> &AtomicU64 {
        &self.block(block)[layout::CLAIMED]
    }

    fn load(&self, at: usize) -> u64 {
        self.cells()[at].load(Ordering::Relaxed)
    }

    fn store(&self, at: usize, value: u64) {
        self.cells()[at].store(value, Ordering::Relaxed);
    }
}

/// A number of one block.
pub(crate) fn scalar_of(block: &[AtomicU64], scalar: Scalar) -> u64 {
    block[layout::SCALARS + scalar as usize].load(Ordering::Relaxed)
}

/// Since a time in milliseconds since 1970. A clock that was set back makes no negative time.
pub(super) fn since(time_ms: u64) -> Duration {
    Duration::from_millis(now_ms().saturating_sub(time_ms))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_from_hand_to_hand_and_keep_their_totals() {
        let segment = Segment::new(2).unwrap();
        assert_eq!([segment.claim(), segment.claim(), segment.claim()], [Some(0), Some(1), None]);
        segment.begin(0, 0, 10);
        segment.stats(0).requests.add(3);
        segment.stats(0).connections_active.set(2);
        assert_eq!(segment.total(Scalar::ConnectionsActive), 2);
        segment.release(0);
        assert_eq!(segment.total(Scalar::ConnectionsActive), 0, "a dead process has none");
        assert_eq!(segment.claim(), Some(0));
        segment.begin(0, 0, 11);
        let stats = segment.stats(0);
        stats.requests.add(4);
        stats.connections_active.set(1);
        assert_eq!(segment.total(Scalar::Requests), 7);
        let own: std::collections::BTreeMap<_, _> = stats.of_this_process().collect();
        assert_eq!((own["requests"], own["connections_active"]), (4, 1), "not the former ones");
    }

    #[test]
    fn a_process_that_never_began_leaves_no_trace() {
        let segment = Segment::new(1).unwrap();
        let block = segment.claim().unwrap();
        segment.release(block);
        assert_eq!(segment.claim(), Some(block));
        assert!(segment.snapshot().workers().is_empty());
    }

    #[test]
    fn restarts_are_counted_by_reason() {
        let segment = Segment::new(1).unwrap();
        segment.restarted(Restart::MaxRss);
        segment.restarted(Restart::MaxRss);
        assert_eq!(segment.restarts(Restart::MaxRss), 2);
        assert_eq!(segment.restarts(Restart::Exit), 0);
    }
}
