use std::sync::{Arc, PoisonError};

use hyperion_io::Waker;

use super::{Executor, Inner, JobQueue, Kind, Work};
use crate::dispatch::completion::Completion;
use crate::sync::Condvar;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Why an executor's wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waited {
    /// There was work a moment ago: call [`Consumer::take_after_wait`].
    Available,
    /// The wait was interrupted.
    Interrupted,
    /// The queue is closed, and nothing is left for this executor.
    Closed,
}

/// One executor's side of a [`JobQueue`]. What was for it alone goes to the others when it is dropped.
#[derive(Debug)]
pub struct Consumer {
    queue: Arc<JobQueue>,
    pub(super) number: usize,
    woken: Arc<Condvar>,
    interrupted: AtomicBool,
    has_left: AtomicBool,
}

impl Consumer {
    /// One more executor of that queue.
    pub fn new(queue: Arc<JobQueue>) -> Self {
        let (number, woken) = queue.lock().join();
        Self {
            queue,
            number,
            woken,
            interrupted: AtomicBool::new(false),
            has_left: AtomicBool::new(false),
        }
    }

    /// The queue.
    pub fn queue(&self) -> &JobQueue {
        &self.queue
    }

    /// Names the end of a response that this executor hands over, to be told to it.
    pub fn completion(&self, number: u64) -> Completion {
        Completion { number, executor: Some(self.number) }
    }

    /// The executor works no more: what was for it alone goes to the others. It must have ended all work that it took.
    pub fn leave(&self) {
        if !self.has_left.swap(true, Ordering::Relaxed) {
            self.queue.lock().remove(self.number);
        }
    }

    /// Takes work without waiting; the executor counts as busy until [`done`](Self::done).
    pub fn try_pop(&self) -> Option<Work> {
        let mut inner = self.queue.lock();
        self.take(&mut inner)
    }

    /// The executor has ended work that it took.
    pub fn done(&self, kind: Kind) {
        let mut inner = self.queue.lock();
        inner.end_work(self.number, kind);
        self.queue.count(&inner);
    }

    /// [`done`](Self::done) and [`try_pop`](Self::try_pop) in one step.
    pub fn done_try_pop(&self, kind: Kind) -> Option<Work> {
        let mut inner = self.queue.lock();
        inner.end_work(self.number, kind);
        self.take(&mut inner).or_else(|| {
            self.queue.count(&inner);
            None
        })
    }

    /// Waits for work, for [`interrupt`](Self::interrupt), or for the queue to be closed. Nothing is taken
    /// yet: an executor that must still wait for the interpreter's lock would hold its work from one that
    /// has it.
    pub fn wait(&self) -> Waited {
        let mut inner = self.queue.lock();
        loop {
            if inner.has_work(self.number) {
                inner.searching = Some(self.number);
                return Waited::Available;
            }
            inner.end_search(self.number);
            if inner.closed {
                return Waited::Closed;
            }
            if self.interrupted.swap(false, Ordering::SeqCst) {
                return Waited::Interrupted;
            }
            inner.sleepers.push(self.number);
            inner = self.woken.wait(inner).unwrap_or_else(PoisonError::into_inner);
            // Who was woken for a reason is no longer among them.
            inner.sleepers.retain(|&sleeper| sleeper != self.number);
        }
    }

    /// [`try_pop`](Self::try_pop) for an executor whose wait ended with [`Waited::Available`], which
    /// must call it before anything that may not return.
    pub fn take_after_wait(&self) -> Option<Work> {
        let mut inner = self.queue.lock();
        inner.end_search(self.number);
        self.take(&mut inner)
    }

    /// Makes the [`wait`](Self::wait) that goes on, or else the next one, return.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
        let _inner = self.queue.lock();
        self.woken.notify_one();
    }

    /// Whether [`interrupt`](Self::interrupt) was called for a wait.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// Begins to sleep elsewhere than in [`wait`](Self::wait): `waker` is called once when there is work, or the queue is closed. To be followed by
    /// [`end_sleep`](Self::end_sleep), and by a look at [`has_news`](Self::has_news) before anybody sleeps.
    pub fn begin_sleep(&self, waker: Waker) {
        let mut inner = self.queue.lock();
        inner.end_search(self.number);
        if let Some(Some(own)) = inner.executors.get_mut(self.number) {
            own.waker = Some(waker);
            inner.sleepers.push(self.number);
        }
    }

    /// Ends what [`begin_sleep`](Self::begin_sleep) began. Where this was woken, it must take what there is.
    pub fn end_sleep(&self) {
        let mut inner = self.queue.lock();
        inner.sleepers.retain(|&sleeper| sleeper != self.number);
        inner.executors[self.number].as_mut().into_iter().for_each(|own| own.waker = None);
    }

    /// Whether no more work comes.
    pub fn is_closed(&self) -> bool {
        let inner = self.queue.lock();
        inner.closed && !inner.has_work(self.number)
    }

    /// Whether this executor has a reason to end its wait, interrupts aside.
    pub fn has_news(&self) -> bool {
        let inner = self.queue.lock();
        inner.has_work(self.number) || inner.closed
    }

    /// This executor comes for the next work by itself, so that nobody needs to be woken; to be followed
    /// by [`wait`](Self::wait).
    pub(crate) fn begin_search(&self) {
        self.queue.lock().searching = Some(self.number);
    }

    fn take(&self, inner: &mut Inner) -> Option<Work> {
        let work = inner.next(self.number)?;
        inner.busy += 1;
        inner.taken += 1;
        self.queue.count(inner);
        if !inner.work.is_empty() {
            inner.wake_one();
        }
        Some(work)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Inner {
    fn join(&mut self) -> (usize, Arc<Condvar>) {
        let executor = Executor::default();
        let woken = executor.woken.clone();
        let number = self.executors.iter().position(Option::is_none);
        let number = number.unwrap_or_else(|| {
            self.executors.push(None);
            self.executors.len() - 1
        });
        self.executors[number] = Some(executor);
        (number, woken)
    }

    fn remove(&mut self, number: usize) {
        let left = self.executors[number].take();
        self.work.extend(left.into_iter().flat_map(|mut executor| executor.give_up_ends()));
        self.end_search(number);
        if !self.work.is_empty() {
            self.wake_one();
        }
    }

    fn has_work(&self, number: usize) -> bool {
        !self.work.is_empty() || self.executor(number).is_some_and(|own| !own.finished.is_empty())
    }

    fn next(&mut self, number: usize) -> Option<Work> {
        let own = self.executors.get_mut(number).and_then(Option::as_mut);
        if let Some((completion, complete)) = own.and_then(|own| own.finished.pop_front()) {
            return Some(Work::Finished { completion, complete });
        }
        let mut work = self.work.pop_front()?;
        if let Work::Observed(batch) = &mut work {
            *batch = std::mem::take(&mut self.observed);
            self.observed_bytes = 0;
        }
        if matches!(work, Work::Request(_)) {
            self.requests -= 1;
            self.executors.get_mut(number).into_iter().flatten().for_each(|own| own.serving += 1);
        }
        Some(work)
    }

    fn end_work(&mut self, number: usize, kind: Kind) {
        self.busy -= 1;
        if kind == Kind::Request {
            self.executors.get_mut(number).into_iter().flatten().for_each(|own| own.serving -= 1);
        }
    }

    fn executor(&self, number: usize) -> Option<&Executor> {
        self.executors.get(number).and_then(Option::as_ref)
    }

    fn end_search(&mut self, number: usize) {
        if self.searching == Some(number) {
            self.searching = None;
        }
    }
}
