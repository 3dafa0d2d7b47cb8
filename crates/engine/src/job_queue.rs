use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::job::{Job, Observed};
use crate::reply::Completion;
use crate::stats::Stats;

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
    observes: AtomicBool,
    unobserved: AtomicU64,
    stats: Option<Arc<Stats>>,
    inner: Mutex<Inner>,
    available: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    work: VecDeque<Work>,
    /// The batch whose place in `work` is taken by an empty one.
    observed: Vec<Observed>,
    observed_bytes: usize,
    requests: usize,
    sleeping: usize,
    /// An executor was woken and has not yet come for its work.
    searching: bool,
    busy: usize,
    taken: u64,
    closed: bool,
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
            available: Condvar::new(),
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

    /// Executors between [`try_pop`](Self::try_pop) and [`done`](Self::done).
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
        inner.work.is_empty() && inner.busy == 0
    }

    /// Says whether requests that need no executor are to be reported as [`Work::Observed`].
    pub fn set_observes(&self, observes: bool) {
        self.observes.store(observes, Ordering::Relaxed);
    }

    /// Reports that were dropped because too many waited.
    pub fn unobserved(&self) -> u64 {
        self.unobserved.load(Ordering::Relaxed)
    }

    /// Takes work without waiting; the executor counts as busy until [`done`](Self::done).
    pub fn try_pop(&self) -> Option<Work> {
        let mut inner = self.lock();
        self.take(&mut inner)
    }

    /// The executor has ended the work it took.
    pub fn done(&self) {
        let mut inner = self.lock();
        inner.busy -= 1;
        self.count(&inner);
    }

    /// [`done`](Self::done) and [`try_pop`](Self::try_pop) in one step.
    pub fn done_try_pop(&self) -> Option<Work> {
        let mut inner = self.lock();
        inner.busy -= 1;
        self.take(&mut inner).or_else(|| {
            self.count(&inner);
            None
        })
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

    /// Refuses the requests that wait, and drops all other work.
    pub fn clear(&self) {
        let dropped = {
            let mut inner = self.lock();
            inner.requests = 0;
            self.count(&inner);
            inner.observed.clear();
            inner.observed_bytes = 0;
            std::mem::take(&mut inner.work)
        };
        for work in dropped {
            if let Work::Request(job) = work {
                job.reply.refuse();
            }
        }
    }

    fn take(&self, inner: &mut Inner) -> Option<Work> {
        let mut work = inner.work.pop_front()?;
        if let Work::Observed(batch) = &mut work {
            *batch = std::mem::take(&mut inner.observed);
            inner.observed_bytes = 0;
        }
        inner.requests -= usize::from(matches!(work, Work::Request(_)));
        inner.busy += 1;
        inner.taken += 1;
        self.count(inner);
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

impl Service for JobQueue {
    fn submit(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let mut inner = self.lock();
        if inner.requests >= self.capacity || inner.closed {
            return Err(job);
        }
        inner.requests += 1;
        self.count(&inner);
        self.push(&mut inner, Work::Request(job));
        Ok(())
    }

    fn finished(&self, completion: Completion, complete: bool) {
        let mut inner = self.lock();
        self.push(&mut inner, Work::Finished { completion, complete });
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
        inner.work.len() + inner.busy <= 1
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
            self.push(&mut inner, Work::Observed(Vec::new()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{ConnectionInfo, Listener};
    use crate::routes::Target;
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

    fn observed(target_bytes: usize) -> Observed {
        let mut config = hyperion_proto::Config::default();
        config.limits.head_bytes = 2 * target_bytes + 100;
        let head = format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "a".repeat(target_bytes));
        Observed {
            request: Arc::new(
                hyperion_proto::Request::from_head(head.as_bytes(), &config).unwrap(),
            ),
            connection: Arc::new(ConnectionInfo {
                certificate: std::sync::OnceLock::new(),
                remote_addr: String::new(),
                remote_port: 0,
                listener: Arc::new(Listener::Unix),
            }),
            status: 200,
            fields: Box::default(),
            target: Target::App,
        }
    }

    #[test]
    fn reports_are_bounded_by_number_and_by_bytes() {
        for (target_bytes, kept) in [(1, OBSERVED_MAX), (6000, OBSERVED_BYTES_MAX / 6030)] {
            let queue = JobQueue::new(1);
            (0..OBSERVED_MAX + 10).for_each(|_| queue.observe(observed(target_bytes)));
            let Some(Work::Observed(batch)) = queue.try_pop() else { panic!("a batch") };
            assert!(batch.len().abs_diff(kept) < 50, "{} of {kept}", batch.len());
            assert_eq!(batch.len() as u64 + queue.unobserved(), OBSERVED_MAX as u64 + 10);
            queue.observe(observed(target_bytes));
            assert!(matches!(queue.try_pop(), Some(Work::Observed(batch)) if batch.len() == 1));
        }
    }

    #[test]
    fn what_waits_and_who_works_is_counted() {
        let stats = Arc::new(Stats::default());
        let queue = JobQueue::counting(1, stats.clone());
        (0..2).for_each(|number| queue.finished(finished(number), true));
        let work = [queue.try_pop(), queue.try_pop()];
        assert!(work.iter().all(Option::is_some));
        assert_eq!(stats.executors_busy.value(), 2);
        assert!(queue.done_try_pop().is_none());
        queue.done();
        assert_eq!(stats.executors_busy.value(), 0);
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
