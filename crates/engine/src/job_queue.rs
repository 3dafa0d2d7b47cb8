use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::job::Job;
use crate::reply::Completion;

/// Where the reactor hands over complete requests. Ruby implements it with a [`JobQueue`], a test
/// with a closure's worth of code.
pub trait Service: Send + Sync {
    /// Takes a job, or gives it back when there is no room.
    ///
    /// # Errors
    /// The job itself, unchanged.
    fn submit(&self, job: Box<Job>) -> Result<(), Box<Job>>;

    /// The response that carried `completion` has left (`complete`) or was cut.
    fn finished(&self, completion: Completion, complete: bool);

    /// Whether at most one request waits or is worked on.
    fn is_lone(&self) -> bool;
}

/// What an executor takes from the queue.
#[derive(Debug)]
pub enum Work {
    /// A request to answer.
    Request(Box<Job>),
    /// A response that asked for it has ended.
    Finished {
        /// The number given with the reply.
        completion: Completion,
        /// Whether all of it reached the socket.
        complete: bool,
    },
}

/// Why an executor's wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waited {
    /// There was work a moment ago: call [`JobQueue::take_after_wait`].
    Available,
    /// The wait was interrupted.
    Interrupted,
    /// The queue is closed and empty.
    Closed,
}

/// The bounded queue between the reactor and its executors, first in first out.
///
/// Waking a thread costs more than a small request, so a push wakes a sleeper only when no other
/// woken executor is still on its way to the queue; that one wakes the next if work is left.
#[derive(Debug)]
pub struct JobQueue {
    capacity: usize,
    inner: Mutex<Inner>,
    available: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    work: VecDeque<Work>,
    requests: usize,
    sleeping: usize,
    /// An executor was woken and has not yet come for its work.
    searching: bool,
    busy: usize,
    closed: bool,
}

impl JobQueue {
    /// A queue that holds at most `capacity` requests.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, inner: Mutex::default(), available: Condvar::new() }
    }

    /// Requests waiting.
    pub fn len(&self) -> usize {
        self.lock().requests
    }

    /// Whether no request waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Executors between [`try_pop`](Self::try_pop) and [`done`](Self::done).
    pub fn busy(&self) -> usize {
        self.lock().busy
    }

    /// Whether nothing waits and no executor works.
    pub fn is_quiet(&self) -> bool {
        let inner = self.lock();
        inner.work.is_empty() && inner.busy == 0
    }

    /// Takes work without waiting; the executor counts as busy until [`done`](Self::done).
    pub fn try_pop(&self) -> Option<Work> {
        let mut inner = self.lock();
        self.take(&mut inner)
    }

    /// The executor has ended the work it took.
    pub fn done(&self) {
        self.lock().busy -= 1;
    }

    /// [`done`](Self::done) and [`try_pop`](Self::try_pop) in one step.
    pub fn done_try_pop(&self) -> Option<Work> {
        let mut inner = self.lock();
        inner.busy -= 1;
        self.take(&mut inner)
    }

    /// Waits for work, for `interrupted` to become true (see [`interrupt`](Self::interrupt)), or for
    /// the queue to be closed. Nothing is taken yet: an executor that must still wait for the
    /// interpreter's lock would hold its work from one that has it.
    pub fn wait(&self, interrupted: &AtomicBool) -> Waited {
        let mut inner = self.lock();
        loop {
            if !inner.work.is_empty() {
                inner.searching = true;
                return Waited::Available;
            }
            inner.searching = false;
            if inner.closed {
                return Waited::Closed;
            }
            if interrupted.swap(false, Ordering::SeqCst) {
                return Waited::Interrupted;
            }
            inner.sleeping += 1;
            inner = self.available.wait(inner).unwrap_or_else(PoisonError::into_inner);
            inner.sleeping -= 1;
        }
    }

    /// [`try_pop`](Self::try_pop) for an executor whose wait ended with [`Waited::Available`], which
    /// must call it before anything that may not return.
    pub fn take_after_wait(&self) -> Option<Work> {
        let mut inner = self.lock();
        inner.searching = false;
        self.take(&mut inner)
    }

    /// Whether an executor has a reason to end its wait, interrupts aside.
    pub(crate) fn has_news(&self) -> bool {
        let inner = self.lock();
        !inner.work.is_empty() || inner.closed
    }

    /// The calling executor comes for the next work by itself, so that nobody needs to be woken;
    /// to be followed by [`wait`](Self::wait).
    pub(crate) fn begin_search(&self) {
        self.lock().searching = true;
    }

    /// Makes the executor that waits with this flag return.
    pub fn interrupt(&self, interrupted: &AtomicBool) {
        interrupted.store(true, Ordering::SeqCst);
        let _inner = self.lock();
        self.available.notify_all();
    }

    /// No more work is taken in; executors leave when the queue is empty.
    pub fn close(&self) {
        self.lock().closed = true;
        self.available.notify_all();
    }

    /// Drops the requests that wait, each answered by its handle's drop.
    pub fn clear(&self) {
        let dropped = {
            let mut inner = self.lock();
            inner.requests = 0;
            std::mem::take(&mut inner.work)
        };
        drop(dropped);
    }

    fn take(&self, inner: &mut Inner) -> Option<Work> {
        let work = inner.work.pop_front()?;
        inner.requests -= usize::from(matches!(work, Work::Request(_)));
        inner.busy += 1;
        if !inner.work.is_empty() {
            self.wake_one(inner);
        }
        Some(work)
    }

    fn push(&self, inner: &mut Inner, work: Work) {
        inner.work.push_back(work);
        self.wake_one(inner);
    }

    fn wake_one(&self, inner: &mut Inner) {
        if inner.sleeping > 0 && !inner.searching {
            inner.searching = true;
            self.available.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for JobQueue {
    fn submit(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let mut inner = self.lock();
        if inner.requests >= self.capacity || inner.closed {
            return Err(job);
        }
        inner.requests += 1;
        self.push(&mut inner, Work::Request(job));
        Ok(())
    }

    fn finished(&self, completion: Completion, complete: bool) {
        let mut inner = self.lock();
        self.push(&mut inner, Work::Finished { completion, complete });
    }

    fn is_lone(&self) -> bool {
        let inner = self.lock();
        inner.work.len() + inner.busy <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    fn finished(number: u64) -> Completion {
        Completion(number)
    }

    #[test]
    fn work_comes_out_in_the_order_it_went_in() {
        let queue = JobQueue::new(1);
        (0..3).for_each(|number| queue.finished(finished(number), true));
        let order: Vec<u64> = std::iter::from_fn(|| match queue.try_pop() {
            Some(Work::Finished { completion, .. }) => Some(completion.0),
            _ => None,
        })
        .collect();
        assert_eq!(order, [0, 1, 2]);
        assert_eq!(queue.busy(), 3);
    }

    #[test]
    fn every_sleeper_gets_work_though_only_one_is_woken_at_a_time() {
        let queue = Arc::new(JobQueue::new(1));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let calm = AtomicBool::new(false);
                    loop {
                        assert_eq!(queue.wait(&calm), Waited::Available);
                        if queue.take_after_wait().is_some() {
                            return;
                        }
                    }
                })
            })
            .collect();
        (0..4).for_each(|number| queue.finished(finished(number), true));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(queue.busy(), 4);
    }

    #[test]
    fn an_interrupt_ends_a_wait_even_when_it_comes_first() {
        let queue = JobQueue::new(1);
        let raised = AtomicBool::new(false);
        queue.interrupt(&raised);
        assert_eq!(queue.wait(&raised), Waited::Interrupted);
        queue.close();
        assert_eq!(queue.wait(&raised), Waited::Closed);
    }
}
