//! The work that the fibers of one thread have begun. What must not be lost with a fiber is kept here: one whose thread
//! is ended never goes on, and drops nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyperion_engine::{Consumer, InFlightGuard, JobQueue, Kind, Waker};

use crate::reply::SharedReply;

/// Work under way; each has a number. Only threads with the interpreter's lock look at it, and for no call.
pub struct FiberWork {
    /// Where it comes from.
    pub consumer: Arc<Consumer>,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    last: u64,
    by_number: HashMap<u64, Begun>,
    /// Wakes the loop, which has as many fibers as it may.
    room: Option<Waker>,
}

struct Begun {
    kind: Kind,
    client: Option<(Arc<SharedReply>, InFlightGuard)>,
}

impl FiberWork {
    /// None yet, of this queue.
    pub fn new(queue: Arc<JobQueue>) -> Self {
        Self { consumer: Arc::new(Consumer::new(queue)), under_way: Mutex::default() }
    }

    /// How much is under way.
    pub fn count(&self) -> usize {
        self.lock().by_number.len()
    }

    /// Begins; the number.
    pub fn begin(&self, kind: Kind) -> u64 {
        let mut under_way = self.lock();
        under_way.last += 1;
        let number = under_way.last;
        under_way.by_number.insert(number, Begun { kind, client: None });
        number
    }

    /// Keeps what a request must not lose.
    pub fn keep(&self, number: u64, client: Arc<SharedReply>, guard: InFlightGuard) {
        if let Some(begun) = self.lock().by_number.get_mut(&number) {
            begun.client = Some((client, guard));
        }
    }

    /// Has ended.
    pub fn end(&self, number: u64) {
        let mut under_way = self.lock();
        let begun = under_way.by_number.remove(&number);
        let room = under_way.room.take();
        drop(under_way);
        if let Some(begun) = begun {
            self.consumer.done(begun.kind);
        }
        room.into_iter().for_each(|waker| waker.wake());
    }

    /// Whom to wake when something has ended.
    pub fn wake_when_less(&self, waker: Waker) {
        self.lock().room = Some(waker);
    }

    /// Cuts all that fibers have begun which never go on.
    pub fn cut(&self) {
        let left = std::mem::take(&mut self.lock().by_number);
        for begun in left.into_values() {
            if let Some((client, _)) = begun.client.filter(|(client, _)| client.is_in_own_process())
            {
                client.abort();
            }
            self.consumer.done(begun.kind);
        }
        // Ruby may hold fibers, and by them the consumer, until it collects.
        self.consumer.leave();
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
