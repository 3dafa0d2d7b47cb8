//! The leadership between the reactor's thread and executors, with clients that wait for their responses: they would wait
//! for ever where nobody drives the reactor, or where nobody comes for their requests.

use std::cell::Cell;
use std::sync::Arc;

use hyperion_proto::{Fields, Response, ResponseBody};
use shuttle::sync::Barrier;
use shuttle::thread::{JoinHandle, spawn};

use super::network::{Failure, Network, NetworkDriver};
use super::{check, join, threads};
use crate::dispatch::job::Job;
use crate::dispatch::queue::{Consumer, JobQueue, Kind, Service, Waited, Work};
use crate::dispatch::reply::Reply;
use crate::fault;
use crate::reactor::inbox::Inbox;
use crate::reactor::leader::{Lead, Leadership, interrupt, wait};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

/// What the reactor answers by itself.
const NO_REQUEST: &[u8] = b"GET\r\n\r\n";

/// After so many the thread has parked.
const LONE_REQUESTS: usize = 3;

/// An engine without sockets.
struct Server {
    network: Network,
    queue: Arc<JobQueue>,
    inbox: Arc<Inbox>,
    leadership: Arc<Leadership<NetworkDriver>>,
    thread: JoinHandle<()>,
}

/// Works until the queue is closed or the wait is interrupted.
fn execute(leadership: &dyn Lead, executor: &Consumer, answer: impl Fn(&Job)) {
    let mut work = executor.try_pop();
    loop {
        match work.take() {
            Some(Work::Request(job)) => {
                answer(&job);
                work = executor.done_try_pop(Kind::Request);
            }
            Some(_) => work = executor.done_try_pop(Kind::News),
            None => match wait(Some(leadership), executor) {
                Waited::Available => work = executor.take_after_wait(),
                Waited::Interrupted | Waited::Closed => return,
            },
        }
    }
}

fn greet(job: &Job) {
    let response = Response { status: 200, fields: Fields::new(), body: ResponseBody::Empty };
    job.reply.send(Reply { response, completion: None });
}

impl Server {
    fn start() -> Self {
        let (network, queue) = (Network::default(), Arc::new(JobQueue::new(8)));
        let (reactor, inbox) = network.reactor(&queue);
        let leadership = Arc::new(Leadership::new(reactor));
        let (runs, fails) = (leadership.clone(), queue.clone());
        let thread = spawn(move || {
            if fault::catch(|| runs.run()).is_err() {
                fails.fail();
            }
            runs.close();
        });
        Self { network, queue, inbox, leadership, thread }
    }

    fn executors(&self, count: usize) -> Vec<JoinHandle<()>> {
        let (leadership, queue) = (self.leadership.clone(), self.queue.clone());
        threads(count, move |_| execute(&*leadership, &Consumer::new(queue.clone()), greet))
    }

    /// A client that asks so often, one after the other.
    fn client(&self, requests: usize) -> JoinHandle<()> {
        let network = self.network.clone();
        spawn(move || {
            let client = network.connect();
            (0..requests).for_each(|_| network.ask(client, REQUEST));
        })
    }

    fn stop(self, executors: impl IntoIterator<Item = JoinHandle<()>>) {
        self.queue.close();
        self.inbox.stop();
        join([self.thread]);
        join(executors);
    }
}

#[test]
fn a_lone_client_is_served_whoever_drives() {
    check(|| {
        let server = Server::start();
        let executors = server.executors(1);
        join([server.client(LONE_REQUESTS + 3)]);
        server.stop(executors);
    });
}

#[test]
fn many_clients_are_served_by_many_executors_after_one_that_was_alone() {
    check(|| {
        let server = Server::start();
        let executors = server.executors(2);
        join([server.client(LONE_REQUESTS)]);
        join([server.client(2), server.client(2)]);
        server.stop(executors);
    });
}

/// The executor that may have driven begins a request, and answers it only when another client has been answered.
#[test]
fn an_executor_that_is_busy_leaves_nobody_without_a_reactor() {
    check(|| {
        let server = Server::start();
        let (leadership, queue) = (server.leadership.clone(), server.queue.clone());
        let answered = Arc::new(Barrier::new(2));
        let other = answered.clone();
        let executor = spawn(move || {
            let lone = Cell::new(LONE_REQUESTS);
            execute(&*leadership, &Consumer::new(queue), |job| {
                match lone.get().checked_sub(1) {
                    Some(left) => lone.set(left),
                    None => drop(other.wait()),
                }
                greet(job);
            });
        });
        join([server.client(LONE_REQUESTS)]);
        let network = server.network.clone();
        let quick = spawn(move || {
            let client = network.connect();
            network.ask(client, NO_REQUEST);
            answered.wait();
        });
        join([server.client(1), quick]);
        server.stop([executor]);
    });
}

#[test]
fn an_executor_that_is_interrupted_returns_and_leaves_the_reactor_to_others() {
    check(|| {
        let server = Server::start();
        let consumer = Arc::new(Consumer::new(server.queue.clone()));
        let (leadership, its) = (server.leadership.clone(), consumer.clone());
        let leaver = spawn(move || execute(&*leadership, &its, greet));
        let stayers = server.executors(1);
        let client = server.client(LONE_REQUESTS + 2);
        interrupt(&consumer, &server.inbox);
        join([leaver, client]);
        server.stop(stayers);
    });
}

#[test]
fn a_reactor_that_fails_ends_its_thread_and_sends_executors_home_whoever_drove() {
    for failure in [Failure::Panic, Failure::Error] {
        check(move || fail(failure));
    }

    fn fail(failure: Failure) {
        let server = Server::start();
        let executors = server.executors(2);
        join([server.client(LONE_REQUESTS)]);
        server.network.fail(failure);
        join(executors.into_iter().chain([server.thread]));
        let consumer = Consumer::new(server.queue.clone());
        assert!(!server.leadership.lead(&consumer), "there is nothing left to drive");
    }
}

#[test]
fn a_stop_ends_the_thread_and_executors_whoever_drives() {
    check(|| {
        let server = Server::start();
        let executors = server.executors(2);
        join([server.client(LONE_REQUESTS)]);
        let (inbox, queue) = (server.inbox.clone(), server.queue.clone());
        let closes = spawn(move || queue.close());
        inbox.stop();
        join(executors.into_iter().chain([closes, server.thread]));
    });
}
