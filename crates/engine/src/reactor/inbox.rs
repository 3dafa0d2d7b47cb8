use std::sync::{Arc, PoisonError};

use hyperion_io::Waker;

use crate::bridge::Bridges;
use crate::reactor::message::Message;
use crate::session::budget::MemoryBudget;
use crate::session::spool::SharedSpool;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
struct Waiting {
    messages: Vec<Message>,
    /// Grows with what executors give and take: pieces of responses, and of requests that still arrive.
    progress: u64,
}

impl Waiting {
    fn push(&mut self, message: Message) {
        self.progress += u64::from(message.session().is_some());
        self.messages.push(message);
    }
}

/// Messages to the reactor: many senders, one receiver, and a wake-up only while it sleeps.
#[derive(Debug)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    sleeping: AtomicBool,
    drained: AtomicBool,
    /// Somebody wants to see that the reactor turns.
    beat_wanted: AtomicBool,
    beats: AtomicU64,
    /// Shared by all answers that go this way.
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) spool: SharedSpool,
    pub(crate) bridges: Bridges,
    waker: Waker,
}

impl Inbox {
    /// An empty inbox whose reactor is woken by `waker`.
    pub fn new(waker: Waker) -> Self {
        Self {
            waiting: Mutex::default(),
            sleeping: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            beat_wanted: AtomicBool::new(false),
            beats: AtomicU64::new(0),
            budget: Arc::default(),
            spool: SharedSpool::default(),
            bridges: Bridges::default(),
            waker,
        }
    }

    /// Asks the reactor to let nobody connect any more to its listening sockets, whatever other processes hold
    /// them. To be called first where they are closed for good: then nobody who has connected is reset.
    pub fn refuse_clients(&self) {
        self.push(Message::RefuseClients);
    }

    /// Asks the reactor to stop accepting and to announce the end of each connection with the next
    /// response on it.
    pub fn last_call(&self) {
        self.push(Message::LastCall);
    }

    /// Asks the reactor to drain: stop accepting, answer what is in flight, close what is idle.
    pub fn drain(&self) {
        self.push(Message::Drain);
    }

    /// Asks the reactor to close everything and end.
    pub fn stop(&self) {
        self.push(Message::Stop);
    }

    /// Ends the reactor's sleep, whoever drives it.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// How often the reactor has answered this call, which asks it to do so in its next turn: a sign of
    /// life that no other thread can give for it.
    pub(crate) fn ask_for_beat(&self) -> u64 {
        self.beat_wanted.store(true, Ordering::SeqCst);
        if self.sleeping.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
        self.beats.load(Ordering::Relaxed)
    }

    /// How much executors have given and taken.
    pub(crate) fn progress(&self) -> u64 {
        self.lock().progress
    }

    /// The reactor turns.
    pub(crate) fn beat(&self) {
        if self.beat_wanted.load(Ordering::Relaxed) {
            self.beat_wanted.store(false, Ordering::Relaxed);
            self.beats.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the reactor has drained, by a last call too: it accepts no more and no connection is left.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }

    pub(crate) fn report_drained(&self, drained: bool) {
        self.drained.store(drained, Ordering::Release);
    }

    pub(crate) fn push(&self, message: Message) {
        self.lock().push(message);
        if self.sleeping.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// Announces that the reactor is about to sleep; false when messages are waiting already.
    pub(crate) fn prepare_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        let empty = self.lock().messages.is_empty() && !self.beat_wanted.load(Ordering::SeqCst);
        if !empty {
            self.end_sleep();
        }
        empty
    }

    /// Announces that the reactor is awake, so that senders need not wake it.
    pub(crate) fn end_sleep(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    /// Swaps the waiting messages with `batch`, which must be empty.
    pub(crate) fn take(&self, batch: &mut Vec<Message>) {
        debug_assert!(batch.is_empty());
        std::mem::swap(&mut self.lock().messages, batch);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
