//! The bounded queue between the reactor and its executors.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use hyperion_io::Waker;

pub use consumer::{Consumer, Waited};

use crate::dispatch::completion::Completion;
use crate::dispatch::job::{Job, Observed};
use crate::stats::Stats;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

mod consumer;
#[cfg(test)]
mod tests;

/// Reports of requests that needed no executor, waiting for one; what comes on top is dropped and
/// counted.
const OBSERVED_MAX: usize = 16 * 1024;
/// The same for the bytes of their heads.
const OBSERVED_BYTES_MAX: usize = 16 * 1024 * 1024;

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

    /// Gives back the first request that waits for an executor and that `choose` takes.
    fn reclaim(&self, _choose: &mut dyn FnMut(&Job) -> bool) -> Option<Box<Job>> {
        None
    }

    /// The reactor has failed: nothing comes any more.
    fn fail(&self) {}

    /// Whether at most one request waits or is worked on.
    fn is_lone(&self) -> bool;

    /// Whether somebody wants to hear of requests that were answered without an executor.
    fn observes(&self) -> bool {
        false
    }

    /// Takes note of a request that was answered while [`observes`](Self::observes) was true.
    fn observe(&self, _observed: Observed) {}
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
    /// Requests that were answered without an executor, in the order of their answers.
    Observed(Vec<Observed>),
}

/// What work is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A request.
    Request,
    /// What is told of requests.
    News,
}

impl Work {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Request(_) => Kind::Request,
            Self::Finished { .. } | Self::Observed(_) => Kind::News,
        }
    }
}

/// The bounded queue between the reactor and its executors, each of which has a [`Consumer`] of it. First
/// in, first out, but for the ends of responses: those go to the executor that answered, before anything else.
///
/// Waking a thread costs more than a small request, so a push wakes a sleeper only when no other
/// woken executor is still on its way to the queue; that one wakes the next if work is left.
#[derive(Debug)]
pub struct JobQueue {
    capacity: usize,
    observes: AtomicBool,
    unobserved: AtomicU64,
    stats: Option<Arc<Stats>>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    work: VecDeque<Work>,
    /// The batch whose place in `work` is taken by an empty one.
    observed: Vec<Observed>,
    observed_bytes: usize,
    requests: usize,
    /// By the number of their consumer; those that have left leave a gap for the next.
    executors: Vec<Option<Executor>>,
    /// Those that wait; the last to come is the first to be woken.
    sleepers: Vec<usize>,
    /// An executor was woken and has not yet come for its work.
    searching: Option<usize>,
    busy: usize,
    taken: u64,
    /// No request is taken in any more.
    refuses: bool,
    closed: bool,
}

/// What is for one executor.
#[derive(Debug, Default)]
struct Executor {
    woken: Arc<Condvar>,
    /// Who is told besides, where it sleeps elsewhere.
    waker: Option<Waker>,
    /// Responses of it that have ended, and whether all of them has left.
    finished: VecDeque<(Completion, bool)>,
    /// Requests at which it is at work.
    serving: usize,
}

impl JobQueue {
    /// A queue that holds at most `capacity` requests.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            observes: AtomicBool::new(false),
            unobserved: AtomicU64::new(0),
            stats: None,
            inner: Mutex::default(),
        }
    }

    /// The same, for a queue whose length and busy executors are shown in `stats`.
    pub fn counting(capacity: usize, stats: Arc<Stats>) -> Self {
        Self { stats: Some(stats), ..Self::new(capacity) }
    }

    /// Requests waiting.
    pub fn len(&self) -> usize {
        self.lock().requests
    }

    /// Whether no request waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Executors between [`Consumer::try_pop`] and [`Consumer::done`].
    pub fn busy(&self) -> usize {
        self.lock().busy
    }

    /// How often an executor took work, ever: the sign that they make progress.
    pub fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Whether nothing waits and no executor works.
    pub fn is_quiet(&self) -> bool {
        let inner = self.lock();
        inner.pending() == 0 && inner.busy == 0
    }

    /// Says whether requests that need no executor are to be reported as [`Work::Observed`].
    pub fn set_observes(&self, observes: bool) {
        self.observes.store(observes, Ordering::Relaxed);
    }

    /// Reports that were dropped because too many waited.
    pub fn unobserved(&self) -> u64 {
        self.unobserved.load(Ordering::Relaxed)
    }

    /// No more work is taken in; executors leave when the queue is empty.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        while inner.wake_last() {}
    }

    /// The end is near: refuses the requests that wait and all that come, and drops reports. The ends of
    /// responses are told; those for an executor at work on a request, which may never come back, by others.
    pub fn refuse(&self) {
        let dropped = {
            let mut inner = self.lock();
            inner.refuses = true;
            inner.requests = 0;
            self.count(&inner);
            inner.observed.clear();
            inner.observed_bytes = 0;
            inner.keep_only_ends()
        };
        for work in dropped {
            if let Work::Request(job) = work {
                job.reply.refuse();
            }
        }
    }

    /// Whether the end of no response is being told, or waits for an executor that has no request at hand.
    pub fn has_told_ends(&self) -> bool {
        let inner = self.lock();
        let executors = || inner.executors.iter().flatten();
        let serving = executors().map(|executor| executor.serving).sum::<usize>();
        executors().all(Executor::serves) || inner.pending() == 0 && inner.busy == serving
    }

    fn push(inner: &mut Inner, work: Work) {
        inner.work.push_back(work);
        inner.wake_one();
    }

    /// Under the lock, so that the last word is right.
    fn count(&self, inner: &Inner) {
        if let Some(stats) = &self.stats {
            stats.queue_depth.set(inner.requests as u64);
            stats.executors_busy.set(inner.busy as u64);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Gives back all work but the ends of responses.
    fn keep_only_ends(&mut self) -> VecDeque<Work> {
        let work = std::mem::take(&mut self.work).into_iter();
        let (ends, dropped) = work.partition(|work| matches!(work, Work::Finished { .. }));
        self.work = ends;
        let serving = self.executors.iter_mut().flatten().filter(|executor| executor.serves());
        self.work.extend(serving.flat_map(Executor::give_up_ends));
        if !self.work.is_empty() {
            self.wake_one();
        }
        dropped
    }

    /// Whatever waits for an executor.
    fn pending(&self) -> usize {
        let finished = self.executors.iter().flatten().map(|executor| executor.finished.len());
        self.work.len() + finished.sum::<usize>()
    }

    fn wake_one(&mut self) {
        if self.searching.is_none() {
            self.searching = self.sleepers.last().copied();
            self.wake_last();
        }
    }

    /// False when nobody sleeps.
    fn wake_last(&mut self) -> bool {
        let Some(number) = self.sleepers.pop() else { return false };
        if let Some(Some(executor)) = self.executors.get_mut(number) {
            executor.woken.notify_one();
            executor.waker.take().into_iter().for_each(|waker| waker.wake());
        }
        true
    }

    /// Wakes this one, if it sleeps.
    fn wake(&mut self, number: usize) {
        if let Some(place) = self.sleepers.iter().position(|&sleeper| sleeper == number) {
            let last = self.sleepers.len() - 1;
            self.sleepers.swap(place, last);
            self.wake_last();
        }
    }
}

impl Executor {
    fn serves(&self) -> bool {
        self.serving > 0
    }

    /// What others are to tell.
    fn give_up_ends(&mut self) -> impl Iterator<Item = Work> + use<> {
        let ends = std::mem::take(&mut self.finished).into_iter();
        ends.map(|(completion, complete)| Work::Finished { completion, complete })
    }
}

impl Service for JobQueue {
    fn submit(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let mut inner = self.lock();
        if inner.requests >= self.capacity || inner.refuses || inner.closed {
            return Err(job);
        }
        inner.requests += 1;
        self.count(&inner);
        Self::push(&mut inner, Work::Request(job));
        Ok(())
    }

    fn finished(&self, completion: Completion, complete: bool) {
        let mut inner = self.lock();
        let (named, refuses) = (completion.executor, inner.refuses);
        match named.and_then(|number| Some((number, inner.executors.get_mut(number)?.as_mut()?))) {
            Some((number, executor)) if !(refuses && executor.serves()) => {
                executor.finished.push_back((completion, complete));
                inner.wake(number);
            }
            _ => Self::push(&mut inner, Work::Finished { completion, complete }),
        }
    }

    fn reclaim(&self, choose: &mut dyn FnMut(&Job) -> bool) -> Option<Box<Job>> {
        let mut inner = self.lock();
        let index = inner.work.iter().position(|work| match work {
            Work::Request(job) => choose(job),
            _ => false,
        })?;
        let Some(Work::Request(job)) = inner.work.remove(index) else { return None };
        inner.requests -= 1;
        self.count(&inner);
        Some(job)
    }

    fn fail(&self) {
        self.close();
    }

    fn is_lone(&self) -> bool {
        let inner = self.lock();
        inner.pending() + inner.busy <= 1
    }

    fn observes(&self) -> bool {
        self.observes.load(Ordering::Relaxed)
    }

    fn observe(&self, observed: Observed) {
        let mut inner = self.lock();
        let bytes = inner.observed_bytes + observed.request.head().len();
        if inner.observed.len() >= OBSERVED_MAX || bytes > OBSERVED_BYTES_MAX {
            self.unobserved.fetch_add(1, Ordering::Relaxed);
            return;
        }
        inner.observed_bytes = bytes;
        inner.observed.push(observed);
        if inner.observed.len() == 1 {
            Self::push(&mut inner, Work::Observed(Vec::new()));
        }
    }
}
