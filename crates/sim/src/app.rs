use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyperion_engine::{
    Body, Completion, Fields, Job, Observed, Reply, Response, ResponseBody, Service, Stats,
};

use crate::random::Random;

/// How the simulated application answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Every request in one piece.
    Full,
    /// Every request in three streamed pieces.
    Stream,
    /// The first request takes the socket; the others are streamed and never finished.
    Hijack,
    /// As drawn: whole, streamed, failed before or in the middle of the response, or forgotten.
    Random,
}

/// A service whose executors work when the simulation lets them. It answers a request with its
/// method, its path and its body.
#[derive(Debug)]
pub struct App {
    answer: Answer,
    capacity: usize,
    inner: Mutex<Inner>,
    pub(crate) stats: Arc<Stats>,
    /// Calls of the engine that are still to come before one panics.
    calls_left: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: VecDeque<Box<Job>>,
    next_completion: u64,
    asked: Vec<u64>,
    finished: Vec<(u64, bool)>,
    seen: Vec<String>,
    hijackers: Vec<Job>,
}

impl App {
    /// An application with room for `capacity` waiting requests.
    pub fn new(answer: Answer, capacity: usize, stats: Arc<Stats>) -> Self {
        let calls_left = AtomicUsize::new(usize::MAX);
        Self { answer, capacity, inner: Mutex::default(), stats, calls_left }
    }

    /// Panics once, when the engine has called it so often, whatever for.
    pub fn panic_after(&self, calls: usize) {
        self.calls_left.store(calls, Ordering::SeqCst);
    }

    fn meet_fault(&self) {
        let before = self.calls_left.fetch_sub(1, Ordering::SeqCst);
        assert_ne!(before, 0, "as a fault of the server would");
    }

    /// `METHOD path` of every request that was dispatched, in order.
    pub fn seen(&self) -> Vec<String> {
        self.lock().seen.clone()
    }

    /// Requests that wait for an executor.
    pub fn waiting(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Numbers of the completions asked for and of those reported.
    pub fn completions(&self) -> (Vec<u64>, Vec<(u64, bool)>) {
        let inner = self.lock();
        (inner.asked.clone(), inner.finished.clone())
    }

    /// Answers one waiting request; false when none waits.
    pub fn work(&self, random: &mut Random) -> bool {
        let Some(job) = self.change_jobs(VecDeque::pop_front) else { return false };
        if let Body::OnDemand = job.body {
            job.reply.request_body();
        }
        let answer = match self.answer {
            Answer::Random => [Answer::Full, Answer::Stream, Answer::Random][random.below(3)],
            answer => answer,
        };
        match answer {
            Answer::Full => self.answer_full(*job),
            Answer::Stream => self.answer_stream(*job, false),
            Answer::Hijack => self.hijack(*job),
            Answer::Random if random.percent(50) => self.answer_stream(*job, true),
            Answer::Random => drop(job),
        }
        true
    }

    /// Siblings see how many wait.
    fn change_jobs<R>(&self, change: impl FnOnce(&mut VecDeque<Box<Job>>) -> R) -> R {
        let mut inner = self.lock();
        let result = change(&mut inner.jobs);
        self.stats.queue_depth.set(inner.jobs.len() as u64);
        result
    }

    fn hijack(&self, job: Job) {
        let mut inner = self.lock();
        if inner.hijackers.is_empty() {
            job.reply.hijack().expect("nothing has answered");
        } else {
            let body = ResponseBody::Stream { length: None };
            job.reply.send(Reply { response: response(body), completion: None });
        }
        inner.hijackers.push(job);
    }

    /// For each request that was taken up under [`Answer::Hijack`], whether its client is known to be gone
    /// for it.
    pub fn abandoned(&self) -> Vec<bool> {
        self.lock().hijackers.iter().map(|job| job.reply.is_abandoned()).collect()
    }

    fn answer_full(&self, job: Job) {
        let body = Bytes::from(text(&job));
        job.reply.send(Reply {
            response: response(ResponseBody::Full(body)),
            completion: Some(self.ask()),
        });
    }

    fn answer_stream(&self, job: Job, fails: bool) {
        let body = Bytes::from(text(&job));
        let third = body.len() / 3;
        job.reply.send(Reply {
            response: response(ResponseBody::Stream { length: None }),
            completion: Some(self.ask()),
        });
        let pieces = [body.slice(..third), body.slice(third..2 * third), body.slice(2 * third..)];
        for piece in pieces {
            if job.reply.write(piece).is_err() {
                return;
            }
        }
        if !fails {
            job.reply.finish(None);
        }
    }

    fn ask(&self) -> Completion {
        let mut inner = self.lock();
        inner.next_completion += 1;
        let number = inner.next_completion;
        inner.asked.push(number);
        Completion::for_anyone(number)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for App {
    fn submit(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        self.meet_fault();
        let mut inner = self.lock();
        if inner.jobs.len() >= self.capacity {
            return Err(job);
        }
        inner.seen.push(format!("{} {}", job.request.method(), job.request.path()));
        drop(inner);
        self.change_jobs(|jobs| jobs.push_back(job));
        Ok(())
    }

    fn reclaim(&self, choose: &mut dyn FnMut(&Job) -> bool) -> Option<Box<Job>> {
        self.meet_fault();
        self.change_jobs(|jobs| {
            let index = jobs.iter().position(|job| choose(job))?;
            jobs.remove(index)
        })
    }

    fn is_lone(&self) -> bool {
        self.waiting() <= 1
    }

    fn observes(&self) -> bool {
        self.meet_fault();
        true
    }

    fn observe(&self, _observed: Observed) {
        self.meet_fault();
    }

    fn finished(&self, completion: Completion, complete: bool) {
        self.meet_fault();
        self.lock().finished.push((completion.number, complete));
    }
}

fn response(body: ResponseBody) -> Response {
    let mut fields = Fields::new();
    fields.push(b"content-type", b"text/plain").expect("a valid field");
    Response { status: 200, fields, body }
}

fn text(job: &Job) -> String {
    let mut text = format!("{} {}", job.request.method(), job.request.path());
    if let Body::Memory(bytes) = &job.body {
        text.push(' ');
        text.push_str(&String::from_utf8_lossy(bytes));
    }
    text
}
