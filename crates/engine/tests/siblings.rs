//! Workers that share connections and requests, over real sockets and by both drivers. The two workers
//! are engines of one process: nothing they share but a segment and sockets.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyperion_engine::{
    Body, Channels, Config, Consumer, Engine, Fields, IoChoice, Job, JobQueue, Kind, Routes,
    Segment, StaticResponse, Stats, Target, Work,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

const DRIVERS: [IoChoice; 2] = [IoChoice::Epoll, IoChoice::IoUring];
const PATIENCE: Duration = Duration::from_secs(10);

struct Worker {
    engine: Engine,
    executor: Consumer,
    address: SocketAddr,
}

/// Where a worker stands, before it begins.
struct Slot {
    channels: Channels,
    stats: Arc<Stats>,
}

/// Two workers, each with one executor and a port of its own.
struct Cluster {
    workers: [Worker; 2],
    segment: Arc<Segment>,
}

impl Cluster {
    fn start(io: IoChoice) -> Self {
        let (segment, slots) = slots();
        Self { workers: slots.map(|slot| Worker::start(io, slot)), segment }
    }

    /// A number of each worker.
    fn numbers(&self, name: &str) -> Vec<u64> {
        let snapshot = self.segment.snapshot();
        let find =
            |numbers: &[(&str, u64)]| numbers.iter().find(|(one, _)| *one == name).unwrap().1;
        snapshot.workers().iter().map(|worker| find(&worker.numbers)).collect()
    }

    fn total(&self, name: &str) -> u64 {
        self.segment.snapshot().totals().find(|(one, _)| *one == name).unwrap().1
    }

    fn wait_for(&self, what: &str, is: impl Fn(&Self) -> bool) {
        wait_for(what, || is(self));
    }
}

impl Worker {
    fn start(io: IoChoice, Slot { channels, stats }: Slot) -> Self {
        let queue = Arc::new(JobQueue::counting(100, stats.clone()));
        let mut routes = Routes::new(true);
        let body = Bytes::from_static(b"native");
        let route = StaticResponse::new(200, Fields::new(), body).unwrap();
        routes.add("GET", "/native", Target::Static(Arc::new(route)));
        let config = Config {
            routes: Arc::new(routes),
            channels: Some(Arc::new(channels)),
            max_connections: 10_000,
            spool_threshold_bytes: 256 * 1024,
            ..support::config(io)
        };
        let (engine, address) = support::start(config, queue.clone(), stats);
        Self { engine, executor: Consumer::new(queue), address }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// The next request, which its executor begins to answer.
    fn take(&self) -> Box<Job> {
        let mut taken = None;
        wait_for("a request", || {
            taken = self.executor.try_pop();
            taken.is_some()
        });
        match taken {
            Some(Work::Request(job)) => job,
            other => panic!("{other:?}"),
        }
    }

    /// Gives back the request's body, or says that this is the application.
    fn answer(&self, job: &Job) {
        match &job.body {
            Body::Memory(bytes) => support::answer(job, std::str::from_utf8(bytes).unwrap()),
            _ => support::answer(job, "app"),
        }
        self.executor.done(Kind::Request);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.workers.iter().for_each(|worker| worker.engine.stop());
    }
}

fn slots() -> (Arc<Segment>, [Slot; 2]) {
    let segment = Segment::new(2).unwrap();
    let pairs: Vec<_> = (0..2).map(|_| pair()).collect();
    let slots = [0, 1].map(|slot| {
        let senders = pairs.iter().map(|(sender, _)| sender.try_clone().unwrap()).collect();
        let receivers = pairs.iter().map(|(_, receiver)| receiver.try_clone().unwrap()).collect();
        segment.claim();
        segment.begin(slot, slot, 100 + slot as u32);
        Slot {
            channels: Channels::new(1, senders, receivers),
            stats: Arc::new(segment.stats(slot)),
        }
    });
    (segment, slots)
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn ask(client: &mut TcpStream, request: &str) {
    client.write_all(request.as_bytes()).unwrap();
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: h\r\n\r\n")
}

/// One response, whose body has this length.
fn response(client: &mut TcpStream, length: usize) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).unwrap();
        text.extend_from_slice(&byte);
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn connections_go_to_whoever_has_fewer() {
    for io in DRIVERS {
        let cluster = Cluster::start(io);
        let mut clients: Vec<_> = (0..20).map(|_| cluster.workers[0].connect()).collect();
        for client in &mut clients {
            ask(client, &get("/native"));
            assert_eq!(response(client, 6), "native");
        }
        // One that is just changing hands may be counted twice.
        cluster.wait_for("ten each, or almost", |cluster| {
            let numbers = cluster.numbers("connections_active");
            numbers.iter().sum::<u64>() == 20
                && numbers.iter().all(|number| (9..=11).contains(number))
        });
        assert_eq!(cluster.total("connections_accepted"), 20);
        let passed = cluster.numbers("connections_active")[1];
        assert_eq!(cluster.total("connections_passed"), passed);
        assert_eq!(cluster.total("requests"), 20);
        assert_eq!(cluster.numbers("dispatched"), [20 - passed, passed]);
        assert_eq!(cluster.numbers("arriving"), [0, 0]);
        drop(clients);
        cluster.wait_for("none", |cluster| cluster.numbers("connections_active") == [0, 0]);
    }
}

#[test]
fn a_request_that_waits_goes_to_an_idle_sibling() {
    for io in DRIVERS {
        let cluster = Cluster::start(io);
        let [full, free] = &cluster.workers;
        // In turns, they stay and go to the sibling; the first and the third stay.
        let mut clients: Vec<_> = (0..4).map(|_| full.connect()).collect();
        ask(&mut clients[0], &get("/slow"));
        let slow = full.take();
        let body = "b".repeat(10_000);
        let post = format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10000\r\n\r\n{body}");
        for client in &mut clients[1..] {
            ask(client, &(post.clone() + &get("/native")));
            let job = free.take();
            assert_eq!(job.connection.remote_port, client.local_addr().unwrap().port());
            free.answer(&job);
            assert_eq!(response(client, 10_000), body);
            assert_eq!(response(client, 6), "native");
        }
        full.answer(&slow);
        assert_eq!(response(&mut clients[0], 3), "app");
        assert!(cluster.total("requests_passed") >= 1);
        assert_eq!(cluster.total("requests"), 1 + 3 * 2);
        assert_eq!(cluster.numbers("dispatched").iter().sum::<u64>(), 1 + 3 * 2);
        assert_eq!(cluster.total("cancelled_before_dispatch"), 0);
    }
}

#[test]
fn a_request_stays_where_it_waits_while_no_sibling_is_idle() {
    for io in DRIVERS {
        let cluster = Cluster::start(io);
        let mut clients: Vec<_> = (0..4).map(|_| cluster.workers[0].connect()).collect();
        clients.iter_mut().for_each(|client| ask(client, &get("/")));
        let held = cluster.workers.each_ref().map(|worker| worker.take());
        cluster.wait_for("two wait", |cluster| {
            cluster.numbers("queue_depth").iter().sum::<u64>() == 2
        });
        for (worker, job) in cluster.workers.iter().zip(&held) {
            worker.answer(job);
        }
        // Two are free now, and two requests are left, wherever they are.
        let mut left = 2;
        wait_for("the others", || {
            for worker in &cluster.workers {
                if let Some(Work::Request(job)) = worker.executor.try_pop() {
                    worker.answer(&job);
                    left -= 1;
                }
            }
            left == 0
        });
        for client in &mut clients {
            assert_eq!(response(client, 3), "app");
        }
    }
}

#[test]
fn a_client_that_leaves_while_its_request_moves_is_forgotten() {
    for io in DRIVERS {
        let cluster = Cluster::start(io);
        let mut clients: Vec<_> = (0..40).map(|_| cluster.workers[0].connect()).collect();
        let mut first = cluster.workers[0].connect();
        ask(&mut first, &get("/"));
        for client in &mut clients {
            ask(client, &get("/"));
            client.shutdown(Shutdown::Both).unwrap();
        }
        drop(clients);
        let mut answered = false;
        wait_for("an answer", || {
            for worker in &cluster.workers {
                if let Some(Work::Request(job)) = worker.executor.try_pop() {
                    answered |= job.connection.remote_port == first.local_addr().unwrap().port();
                    worker.answer(&job);
                }
            }
            answered
        });
        assert_eq!(response(&mut first, 3), "app");
        drop(first);
        cluster.wait_for("nobody is left", |cluster| {
            for worker in &cluster.workers {
                if let Some(Work::Request(job)) = worker.executor.try_pop() {
                    worker.answer(&job);
                }
            }
            cluster.numbers("connections_active") == [0, 0] && cluster.numbers("arriving") == [0, 0]
        });
    }
}

#[test]
fn who_leaves_takes_no_more_and_loses_nothing() {
    for io in DRIVERS {
        let cluster = Cluster::start(io);
        let [serving, leaving] = &cluster.workers;
        let mut held: Vec<_> = (0..4).map(|_| serving.connect()).collect();
        cluster.wait_for("both have some", |cluster| {
            let numbers = cluster.numbers("connections_active");
            numbers.iter().sum::<u64>() == 4 && !numbers.contains(&0)
        });
        leaving.engine.last_call();
        cluster.wait_for("it says so", |cluster| cluster.numbers("adopting") == [1, 0]);
        let mut late: Vec<_> = (0..10).map(|_| serving.connect()).collect();
        for client in held.iter_mut().chain(&mut late) {
            ask(client, &get("/native"));
            assert_eq!(response(client, 6), "native");
        }
        drop(held);
        wait_for("it has left", || leaving.engine.is_drained());
        cluster.wait_for("late ones are the other's", |cluster| {
            cluster.numbers("connections_active") == [10, 0]
        });
        assert!(!serving.engine.is_drained());
    }
}

#[test]
fn what_a_dead_worker_has_not_taken_its_successor_finds() {
    for io in DRIVERS {
        let (segment, [slot, dead]) = slots();
        // As one that was stopped or killed, and nobody knows yet.
        dead.stats.adopting.set(1);
        let worker = Worker::start(io, slot);
        let mut clients: Vec<_> = (0..4).map(|_| worker.connect()).collect();
        clients.iter_mut().for_each(|client| ask(client, &get("/native")));
        wait_for("two wait for it", || {
            segment.snapshot().totals().any(|total| total == ("connections_passed", 2))
        });
        let successor = Worker::start(io, dead);
        clients.iter_mut().for_each(|client| assert_eq!(response(client, 6), "native"));
        let cluster = Cluster { workers: [worker, successor], segment };
        cluster.wait_for("all are there", |cluster| {
            cluster.numbers("connections_active").iter().sum::<u64>() == 4
        });
    }
}

#[test]
fn one_that_takes_nothing_soon_gets_no_more() {
    let (segment, [slot, stopped]) = slots();
    stopped.stats.adopting.set(1);
    let worker = Worker::start(IoChoice::Epoll, slot);
    let passed = || {
        let snapshot = segment.snapshot();
        let passed = snapshot.totals().find(|(name, _)| *name == "connections_passed");
        passed.unwrap().1
    };
    let mut clients = Vec::new();
    let mut kept = 0;
    wait_for("one that is stopped is found out", || {
        let before = passed();
        let mut client = worker.connect();
        ask(&mut client, &get("/native"));
        let is_kept = loop {
            client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            match client.peek(&mut [0]) {
                Ok(_) => break true,
                Err(_) if passed() > before => break false,
                Err(_) => {}
            }
        };
        kept = if is_kept { kept + 1 } else { 0 };
        clients.push(client);
        // One in two would go to a sibling that works.
        kept == 10
    });
    assert!(passed() >= 32);
    worker.engine.stop();
}
