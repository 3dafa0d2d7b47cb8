//! Executors that drive the reactor while they are idle, over real sockets.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyperion_engine::{
    Completion, Consumer, Engine, Fields, IoChoice, Job, JobQueue, Kind, Reply, Response,
    ResponseBody, Waited, Work,
};

/// More requests than the thread wants to see alone before it parks.
const REQUESTS: usize = 200;

/// The same, even if an executor was late once.
const MANY_REQUESTS: usize = 6000;

struct Server {
    engine: Arc<Engine>,
    queue: Arc<JobQueue>,
    address: SocketAddr,
    executors: Vec<JoinHandle<()>>,
    /// Ends of responses of which executors were told.
    finished: Arc<AtomicUsize>,
}

impl Server {
    fn start(executors: usize, answer: impl Fn(&Job) + Clone + Send + 'static) -> Self {
        let queue = Arc::new(JobQueue::new(100));
        let config = support::config(IoChoice::Epoll);
        let (engine, address) = support::start(config, queue.clone(), Arc::default());
        let engine = Arc::new(engine);
        let finished = Arc::new(AtomicUsize::new(0));
        let executors = (0..executors)
            .map(|_| {
                let (engine, queue, answer) = (engine.clone(), queue.clone(), answer.clone());
                let finished = finished.clone();
                std::thread::spawn(move || execute(&engine, queue, &answer, &finished))
            })
            .collect();
        Self { engine, queue, address, executors, finished }
    }

    fn stop(self) {
        self.queue.close();
        self.engine.stop();
        self.executors.into_iter().for_each(|executor| executor.join().unwrap());
    }
}

fn execute(engine: &Engine, queue: Arc<JobQueue>, answer: &dyn Fn(&Job), finished: &AtomicUsize) {
    let executor = Consumer::new(queue);
    let mut work = None;
    loop {
        match work.take() {
            Some(Work::Request(job)) => {
                answer(&job);
                work = executor.done_try_pop(Kind::Request);
            }
            Some(Work::Finished { .. }) => {
                finished.fetch_add(1, Ordering::SeqCst);
                work = executor.done_try_pop(Kind::News);
            }
            Some(Work::Observed(_)) => work = executor.done_try_pop(Kind::News),
            None => match engine.wait(&executor) {
                Waited::Available => work = executor.take_after_wait(),
                Waited::Interrupted => {}
                Waited::Closed => return,
            },
        }
    }
}

fn greet(job: &Job) {
    support::answer(job, job.request.path());
}

fn send(client: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
}

fn ask(client: &mut TcpStream, path: &str) -> String {
    send(client, path);
    let mut response = String::new();
    while !response.ends_with(path) {
        let mut bytes = [0; 1024];
        let count = client.read(&mut bytes).unwrap();
        assert!(count > 0, "the server hung up: {response}");
        response.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    response
}

fn warm_up(server: &Server) -> TcpStream {
    warm_up_by(server, REQUESTS)
}

fn warm_up_by(server: &Server, requests: usize) -> TcpStream {
    let mut client = TcpStream::connect(server.address).unwrap();
    (0..requests).for_each(|number| drop(ask(&mut client, &format!("/{number}"))));
    client
}

#[test]
fn a_lone_client_and_then_many_are_all_answered() {
    let server = Server::start(3, greet);
    let mut lone = warm_up(&server);
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let address = server.address;
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                (0..REQUESTS)
                    .for_each(|number| drop(ask(&mut stream, &format!("/{client}/{number}"))));
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    (0..REQUESTS).for_each(|number| drop(ask(&mut lone, &format!("/again/{number}"))));
    server.stop();
}

#[test]
fn others_are_heard_while_the_only_executor_hangs() {
    let (hung, free) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let barriers = (hung.clone(), free.clone());
    let server = Server::start(1, move |job| {
        if job.request.path() == "/hang" {
            barriers.0.wait();
            barriers.1.wait();
        }
        greet(job);
    });
    let mut client = warm_up(&server);
    send(&mut client, "/hang");
    hung.wait();
    let mut other = TcpStream::connect(server.address).unwrap();
    other.write_all(b"nonsense\r\n\r\n").unwrap();
    let mut refusal = String::new();
    other.read_to_string(&mut refusal).unwrap();
    assert!(refusal.starts_with("HTTP/1.1 400 "), "{refusal}");
    free.wait();
    assert!(ask(&mut client, "/after").contains("/hang"));
    server.stop();
}

#[test]
fn an_executor_that_drives_can_be_interrupted_and_its_place_is_taken() {
    let server = Server::start(1, greet);
    let mut client = warm_up(&server);
    let consumer = Arc::new(Consumer::new(server.queue.clone()));
    let (engine, its) = (server.engine.clone(), consumer.clone());
    let waiter = std::thread::spawn(move || engine.wait(&its));
    server.engine.interrupt(&consumer);
    assert_eq!(waiter.join().unwrap(), Waited::Interrupted);
    drop(consumer);
    ask(&mut client, "/still-there");
    server.stop();
}

#[test]
fn a_server_that_is_driven_by_an_executor_drains_and_stops() {
    let server = Server::start(2, greet);
    let mut client = warm_up(&server);
    server.engine.drain();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    while !server.engine.is_drained() {
        std::thread::yield_now();
    }
    assert!(TcpStream::connect(server.address).is_err());
    server.stop();
}

#[test]
fn an_executor_that_drives_hears_of_the_end_of_a_response_at_once() {
    let server = Server::start(1, |job| {
        let body = ResponseBody::Full(Bytes::from(job.request.path().to_owned()));
        let response = Response { status: 200, fields: Fields::new(), body };
        let completion = (job.request.path() == "/last").then_some(Completion::for_anyone(1));
        job.reply.send(Reply { response, completion });
    });
    // Its deadline comes first, so that nothing else ends the sleep of who drives.
    let _older = warm_up(&server);
    let mut client = warm_up_by(&server, MANY_REQUESTS);
    ask(&mut client, "/last");
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.finished.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline, "nobody was told of it");
        std::thread::yield_now();
    }
    server.stop();
}

#[test]
fn an_executor_that_drives_takes_the_request_behind_a_large_response_at_once() {
    const LARGE: usize = 300_000;
    let server = Server::start(1, |job| match job.request.path() {
        "/large" => {
            let body = ResponseBody::Full(Bytes::from(vec![b'x'; LARGE]));
            let response = Response { status: 200, fields: Fields::new(), body };
            job.reply.send(Reply { response, completion: None });
        }
        _ => greet(job),
    });
    let mut client = warm_up_by(&server, MANY_REQUESTS);
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..20 {
        let requests = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3);
        client.write_all(requests.as_bytes()).unwrap();
        let mut bytes = vec![0; 3 * LARGE];
        client.read_exact(&mut bytes).expect("all three are answered");
        ask(&mut client, "/behind");
    }
    server.stop();
}
