//! The queue between its reactor and executors that come, wait, are interrupted and leave.

use std::sync::Arc;

use hyperion_io::{Key, Waker};
use hyperion_proto::StreamId;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::sync::{Barrier, Mutex};
use shuttle::thread::{JoinHandle, spawn};

use super::{check, join, threads};
use crate::connection_info::{ConnectionInfo, Listener};
use crate::dispatch::body::Body;
use crate::dispatch::completion::Completion;
use crate::dispatch::flow::{Flow, InFlightGuard};
use crate::dispatch::job::Job;
use crate::dispatch::queue::{Consumer, JobQueue, Kind, Service, Waited, Work};
use crate::dispatch::reply::ReplyHandle;
use crate::reactor::inbox::Inbox;
use crate::reactor::message::{Message, ReplyKey};
use crate::routes::Target;

/// Waits as an executor does, until there is work. False when the queue is closed or the wait was interrupted.
fn take(executor: &Consumer) -> Option<Work> {
    loop {
        match executor.wait() {
            Waited::Available => {
                if let Some(work) = executor.take_after_wait() {
                    return Some(work);
                }
            }
            Waited::Interrupted | Waited::Closed => return None,
        }
    }
}

fn push(queue: &JobQueue) {
    queue.finished(Completion::for_anyone(0), true);
}

/// A request of a client that nobody serves; what becomes of it is told to the inbox.
fn job(inbox: &Arc<Inbox>) -> Box<Job> {
    let head = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    let request = hyperion_proto::Request::from_head(head, &hyperion_proto::Config::default());
    let flow = Flow::new(0);
    let session = Key { index: 0, generation: 0 };
    let key = ReplyKey { session, stream: StreamId(1) };
    Box::new(Job {
        request: Arc::new(request.unwrap()),
        target: Target::App,
        body: Body::Empty,
        connection: Arc::new(ConnectionInfo {
            remote_addr: String::new(),
            remote_port: 0,
            listener: Arc::new(Listener::Unix),
            certificate: std::sync::OnceLock::new(),
        }),
        reply: ReplyHandle::new(inbox.clone(), key, flow.clone()),
        received_at: std::time::Instant::now(),
        in_flight: InFlightGuard::new(flow),
    })
}

fn inbox() -> Arc<Inbox> {
    Arc::new(Inbox::new(Waker::new(Arc::new(|| {}))))
}

/// What was said about requests.
fn said(inbox: &Inbox) -> Vec<Message> {
    let mut said = Vec::new();
    inbox.take(&mut said);
    said
}

/// Each executor keeps its work until all have some: they would wait for one another for ever if one slept.
#[test]
fn no_work_waits_while_an_executor_is_idle() {
    check(|| {
        let queue = Arc::new(JobQueue::new(1));
        let all_work = Arc::new(Barrier::new(3));
        let taking = queue.clone();
        let executors = threads(3, move |_| {
            let executor = Consumer::new(taking.clone());
            assert!(take(&executor).is_some());
            all_work.wait();
            executor.done(Kind::News);
        });
        (0..3).for_each(|_| push(&queue));
        join(executors);
        assert!(queue.is_quiet());
    });
}

/// Sleeps elsewhere until there is work, as a loop of fibers does.
fn take_asleep_elsewhere(executor: &Consumer) -> Work {
    let woken = Arc::new(AtomicBool::new(false));
    loop {
        let wakes = woken.clone();
        executor.begin_sleep(Waker::new(Arc::new(move || wakes.store(true, Ordering::SeqCst))));
        if !executor.has_news() {
            while !woken.swap(false, Ordering::SeqCst) {
                shuttle::thread::yield_now();
            }
        }
        executor.end_sleep();
        if let Some(work) = executor.take_after_wait() {
            return work;
        }
    }
}

/// One sleeps in the queue, the other elsewhere.
#[test]
fn no_work_waits_while_an_executor_sleeps_elsewhere() {
    check(|| {
        let queue = Arc::new(JobQueue::new(1));
        let all_work = Arc::new(Barrier::new(2));
        let (other, other_work) = (Consumer::new(queue.clone()), all_work.clone());
        let lying = spawn(move || {
            take_asleep_elsewhere(&other);
            other_work.wait();
            other.done(Kind::News);
        });
        let executor = Consumer::new(queue.clone());
        let waiting = spawn(move || {
            assert!(take(&executor).is_some());
            all_work.wait();
            executor.done(Kind::News);
        });
        (0..2).for_each(|_| push(&queue));
        join([lying, waiting]);
        assert!(queue.is_quiet());
    });
}

/// Work comes in two rounds, so that executors also come back from work and go to sleep meanwhile.
#[test]
fn executors_that_come_back_from_work_get_more_and_leave_when_the_queue_is_closed() {
    check(|| {
        let queue = Arc::new(JobQueue::new(1));
        let all_work = Arc::new(Barrier::new(3));
        let (taking, begun) = (queue.clone(), all_work.clone());
        let executors = threads(2, move |_| {
            let executor = Consumer::new(taking.clone());
            let mut work = executor.try_pop();
            while let Some(_at_hand) = work.take().or_else(|| take(&executor)) {
                begun.wait();
                work = executor.done_try_pop(Kind::News);
            }
        });
        for _ in 0..2 {
            (0..2).for_each(|_| push(&queue));
            all_work.wait();
        }
        queue.close();
        join(executors);
        assert_eq!((queue.taken(), queue.is_quiet()), (4, true));
    });
}

#[test]
fn work_is_taken_by_who_stays_when_another_is_interrupted() {
    check(|| {
        let queue = Arc::new(JobQueue::new(1));
        let [leaving, staying] = [(); 2].map(|()| Arc::new(Consumer::new(queue.clone())));
        let its = leaving.clone();
        let leaver = spawn(move || while take(&its).is_some() {});
        let stayer = spawn(move || while take(&staying).is_some() {});
        let pushing = queue.clone();
        let pusher = spawn(move || push(&pushing));
        leaving.interrupt();
        join([leaver, pusher]);
        while queue.taken() == 0 {
            shuttle::thread::yield_now();
        }
        queue.close();
        join([stayer]);
    });
}

#[test]
fn a_failed_reactor_sends_all_executors_home() {
    check(|| {
        let queue = Arc::new(JobQueue::new(1));
        let waiting = queue.clone();
        let executors = threads(3, move |_| {
            let executor = Consumer::new(waiting.clone());
            while take(&executor).is_some() {
                executor.done(Kind::News);
            }
        });
        push(&queue);
        queue.fail();
        join(executors);
        assert!(queue.is_quiet());
    });
}

/// Executors that end each request they begin.
fn executors(queue: &Arc<JobQueue>) -> Vec<JoinHandle<()>> {
    let queue = queue.clone();
    threads(2, move |_| {
        let executor = Consumer::new(queue.clone());
        while let Some(Work::Request(job)) = take(&executor) {
            job.reply.abort();
            executor.done(Kind::Request);
        }
    })
}

/// As the reactor does; tells how many found room.
fn submit(queue: &JobQueue, inbox: &Arc<Inbox>, count: usize) -> usize {
    let refused = (0..count).filter_map(|_| queue.submit(job(inbox)).err());
    count - refused.inspect(|job| job.reply.disarm()).count()
}

#[test]
fn a_request_is_begun_or_reclaimed() {
    check(|| {
        let (queue, inbox) = (Arc::new(JobQueue::new(2)), inbox());
        let (executors, reclaiming) = (executors(&queue), queue.clone());
        let reclaimer = spawn(move || {
            if let Some(job) = reclaiming.reclaim(&mut |_| true) {
                job.reply.refuse();
            }
        });
        let taken_in = submit(&queue, &inbox, 3);
        queue.close();
        join(executors.into_iter().chain([reclaimer]));
        assert_eq!((said(&inbox).len(), queue.len(), queue.is_quiet()), (taken_in, 0, true));
    });
}

#[test]
fn a_request_is_begun_or_refused_when_the_end_is_near() {
    check(|| {
        let (queue, inbox) = (Arc::new(JobQueue::new(2)), inbox());
        let (executors, asked, tells) = (executors(&queue), queue.clone(), inbox.clone());
        let reactor = spawn(move || submit(&asked, &tells, 3));
        queue.refuse();
        let taken_in = reactor.join().unwrap();
        queue.close();
        join(executors);
        let (said, begun) = (said(&inbox), queue.taken() as usize);
        let refused = said.iter().filter(|message| matches!(message, Message::Refuse(_))).count();
        assert_eq!((said.len(), refused), (taken_in, taken_in - begun));
        assert_eq!((queue.len(), queue.is_quiet()), (0, true));
    });
}

/// The end of a response is told to its executor, who works, waits or has left for good.
#[test]
fn the_end_of_a_response_is_told_once_and_to_its_executor_while_it_is_there() {
    check(|| {
        let queue = Arc::new(JobQueue::new(1));
        let [leaving, staying] = [(); 2].map(|()| Consumer::new(queue.clone()));
        let ends = [leaving.completion(1), staying.completion(2)];
        let ending = queue.clone();
        let reactor = spawn(move || ends.into_iter().for_each(|end| ending.finished(end, true)));
        let told = Arc::new(Mutex::new(Vec::new()));
        let (first, second) = (told.clone(), told.clone());
        let leaver = spawn(move || {
            if let Some(work) = leaving.try_pop() {
                first.lock().unwrap().push((1, number(&work)));
                leaving.done(Kind::News);
            }
        });
        let stayer = spawn(move || {
            while let Some(work) = take(&staying) {
                second.lock().unwrap().push((2, number(&work)));
                staying.done(Kind::News);
            }
        });
        join([reactor, leaver]);
        while queue.taken() < 2 {
            shuttle::thread::yield_now();
        }
        queue.close();
        join([stayer]);
        let told = told.lock().unwrap();
        let mut numbers: Vec<u64> = told.iter().map(|&(_, number)| number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
        assert!(told.contains(&(2, 2)), "{told:?}");
    });
}

fn number(work: &Work) -> u64 {
    match work {
        Work::Finished { completion, .. } => completion.number,
        other => panic!("{other:?}"),
    }
}
