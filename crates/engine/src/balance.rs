//! Work that goes from one worker to another. A connection that was accepted where there are more
//! than elsewhere goes to the sibling with the fewest; one whose request waits while a sibling has an
//! idle executor goes there, with the request.
//!
//! ```text
//!   reactor ──HandoffMessage, socket──▶ channel of slot 2 ═══▶ receiver thread ──Message──▶ reactor
//!   of slot 0                                                  of the process in slot 2
//! ```
//!
//! The sockets outlive the processes: what a worker leaves in its channel is taken by its successor, or by those
//! who stand in for it.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyperion_io::passing::{Control, Receiver, pass};

use self::handoff_message::HandoffMessage;
use self::receiver_thread::ReceiverThread;
use crate::log::Log;
use crate::reactor::inbox::Inbox;
use crate::stats::{Stats, WorkerLoad};

pub(crate) mod handoff_message;
mod receiver_thread;

/// A sibling with this many handoffs in transit may be stopped; after [`CONGESTION_TIMEOUT`] it gets no more.
const IN_TRANSIT_MAX: u64 = 32;

/// A sibling that works has adopted that many by then.
const CONGESTION_TIMEOUT: Duration = Duration::from_millis(100);

/// How often to choose a sibling anew when another worker takes the chosen place first.
const ATTEMPTS: usize = 4;

/// The channel of each slot, by which the others send to its worker; made before the first fork.
#[derive(Debug)]
pub struct Channels {
    executors: u64,
    senders: Vec<OwnedFd>,
    receivers: Vec<OwnedFd>,
}

impl Channels {
    /// For a worker with so many executors, as its siblings have: by slot, the ends of the channels that send to it,
    /// and those that it receives from. All are unix sockets that keep the boundaries of messages.
    pub fn new(executors: usize, senders: Vec<OwnedFd>, receivers: Vec<OwnedFd>) -> Self {
        Self { executors: executors as u64, senders, receivers }
    }

    fn receiver(&self, slot: usize) -> io::Result<OwnedFd> {
        self.receivers.get(slot).ok_or(io::ErrorKind::NotFound)?.try_clone()
    }
}

/// The siblings of one reactor, and the thread that takes in what they send.
#[derive(Debug)]
pub(crate) struct Siblings {
    channels: Arc<Channels>,
    stats: Arc<Stats>,
    /// By block, since when [`IN_TRANSIT_MAX`] handoffs are in transit there.
    congested_since: Box<[Cell<Option<Instant>>]>,
    lifetimes: Lifetimes,
    /// Slots whose worker does not serve, though it may seem so.
    excluded: RefCell<HashSet<usize>>,
    control: Control,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A connection that is announced to a sibling, which counts on it until it arrives or is cancelled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reservation {
    block: usize,
    slot: usize,
}

impl Siblings {
    /// Takes connections from now on.
    ///
    /// # Errors
    /// When there are no descriptors left, or no thread.
    pub fn start(
        channels: Arc<Channels>,
        stats: Arc<Stats>,
        inbox: Arc<Inbox>,
        log: Arc<Log>,
    ) -> io::Result<Self> {
        let slot = stats.segment().load_of(stats.block()).slot;
        let receiver = Receiver::new(slot, channels.receiver(slot)?)?;
        let control = receiver.control();
        let ended = Arc::new(AtomicBool::new(false));
        let thread =
            ReceiverThread { receiver, inbox, stats: stats.clone(), log, ended: ended.clone() };
        let thread =
            std::thread::Builder::new().name("hyperion-siblings".into()).spawn(|| thread.run())?;
        stats.adopting.set(1);
        let congested_since = (0..stats.segment().block_count()).map(|_| Cell::default()).collect();
        let (lifetimes, excluded) = (Lifetimes::default(), RefCell::default());
        let thread = Some(thread);
        Ok(Self { channels, stats, congested_since, lifetimes, excluded, control, ended, thread })
    }

    /// Takes no more connections, but for those under way.
    pub fn stop_adopting(&self) {
        self.stats.adopting.set(0);
        self.control.end();
    }

    /// Gives nothing to the worker of that slot, and takes what others have given it.
    ///
    /// # Errors
    /// When there is no descriptor left: then nothing is taken.
    pub fn cover(&self, slot: usize) -> io::Result<()> {
        self.excluded.borrow_mut().insert(slot);
        self.control.add(slot, self.channels.receiver(slot)?);
        Ok(())
    }

    /// The worker of that slot serves again.
    pub fn uncover(&self, slot: usize) {
        self.excluded.borrow_mut().remove(&slot);
        self.control.remove(slot);
    }

    /// Whether nothing can come any more.
    pub fn has_stopped(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Announces a connection to whoever has fewer than this process.
    pub fn reserve_for_connection(&self) -> Option<Reservation> {
        self.reserve(|siblings, own| {
            let least = siblings.min_by_key(WorkerLoad::expected_connections)?;
            let tolerance = self.lifetimes.tolerance(own.expected_connections());
            (least.expected_connections() + tolerance < own.expected_connections()).then_some(least)
        })
    }

    /// A connection has ended that was open for so long.
    pub fn note_lifetime(&self, life: Duration) {
        self.lifetimes.note(life);
    }

    /// Announces the connection of a request to whoever has an executor to spare, or to the idlest of all where this
    /// process `is_shutting_down`.
    pub fn reserve_for_request(&self, is_shutting_down: bool) -> Option<Reservation> {
        let executors = self.channels.executors;
        self.reserve(|siblings, _| {
            let idlest = siblings.min_by_key(|sibling| {
                (Reverse(sibling.idle(executors)), sibling.queued + sibling.arriving)
            })?;
            (is_shutting_down || idlest.idle(executors) > 0).then_some(idlest)
        })
    }

    fn reserve(
        &self,
        choose: impl Fn(&mut dyn Iterator<Item = WorkerLoad>, WorkerLoad) -> Option<WorkerLoad>,
    ) -> Option<Reservation> {
        let (segment, block) = (self.stats.segment(), self.stats.block());
        for _ in 0..ATTEMPTS {
            let mut able = segment.siblings_of(block).filter(|sibling| {
                sibling.slot < self.channels.senders.len()
                    && !self.excluded.borrow().contains(&sibling.slot)
                    && !self.is_stuck(sibling)
            });
            let chosen = choose(&mut able, segment.load_of(block))?;
            if segment.announce(&chosen) {
                return Some(Reservation { block: chosen.block, slot: chosen.slot });
            }
        }
        None
    }

    /// Whether a sibling does not take what it is sent.
    fn is_stuck(&self, sibling: &WorkerLoad) -> bool {
        let since = &self.congested_since[sibling.block];
        if sibling.arriving < IN_TRANSIT_MAX {
            since.set(None);
            return false;
        }
        let begin = since.get().unwrap_or_else(Instant::now);
        since.set(Some(begin));
        begin.elapsed() >= CONGESTION_TIMEOUT
    }

    /// The announced connection does not come.
    pub fn cancel(&self, reservation: Reservation) {
        self.stats.segment().arrived(reservation.block);
    }

    /// What was announced to whoever has that slot has arrived here.
    pub fn arrived(&self, slot: usize) {
        self.stats.segment().arrived_for(slot, self.stats.block());
    }

    /// Sends a socket there; the caller still has it, and must close it where this succeeds.
    ///
    /// # Errors
    /// When the channel is full, or the handoff too large for it. The reservation is cancelled.
    pub fn send(
        &self,
        reservation: Reservation,
        socket: impl AsFd,
        handoff: &HandoffMessage,
    ) -> io::Result<()> {
        let sent = pass(&self.channels.senders[reservation.slot], socket, &handoff.to_bytes());
        if sent.is_err() {
            self.cancel(reservation);
        }
        sent
    }
}

impl Drop for Siblings {
    fn drop(&mut self) {
        self.stop_adopting();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How long connections live here. Handing over one that ends at once costs more than it evens out.
#[derive(Debug, Default)]
struct Lifetimes {
    /// The share of brief ones among the latest, out of [`ALL`](Self::ALL).
    brief: Cell<u32>,
}

impl Lifetimes {
    const BRIEF: Duration = Duration::from_secs(1);
    const ALL: u32 = 1 << 16;
    /// The weight of one among the latest.
    const WEIGHT: u32 = 32;

    fn note(&self, life: Duration) {
        let latest = if life < Self::BRIEF { Self::ALL } else { 0 };
        let brief = self.brief.get();
        self.brief.set(brief - brief / Self::WEIGHT + latest / Self::WEIGHT);
    }

    /// How many connections more than another a process with `load` of them may have.
    fn tolerance(&self, load: u64) -> u64 {
        match self.brief.get() > Self::ALL / 2 {
            true => 8 + load / 4,
            false => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brief_connections_stay_where_they_are_unless_that_is_very_uneven() {
        let lifetimes = Lifetimes::default();
        assert_eq!(lifetimes.tolerance(100), 0);
        (0..200).for_each(|_| lifetimes.note(Duration::from_millis(1)));
        assert_eq!(lifetimes.tolerance(100), 33);
        (0..200).for_each(|_| lifetimes.note(Duration::from_secs(5)));
        assert_eq!(lifetimes.tolerance(100), 0);
    }
}
