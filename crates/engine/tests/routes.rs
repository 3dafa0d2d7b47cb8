//! Native routes over real sockets, by both drivers, with executors only where a test brings one.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::files::{Mount, MountConfig};
use hyperion_engine::{
    Body, Config, Consumer, Engine, Fields, IoChoice, Job, JobQueue, Mode, Reply, Routes,
    StaticResponse, Target, Waited, Work,
};

struct Server {
    engine: Engine,
    executor: Consumer,
    address: SocketAddr,
}

fn on_both_drivers(routes: impl Fn() -> Routes, test: impl Fn(&Server)) {
    for io in [IoChoice::Epoll, IoChoice::IoUring] {
        let server = Server::start(io, routes());
        test(&server);
        server.executor.queue().close();
        server.engine.stop();
    }
}

impl Server {
    fn start(io: IoChoice, routes: Routes) -> Self {
        let config = Config { routes: Arc::new(routes), ..support::config(io) };
        let queue = Arc::new(JobQueue::new(100));
        let (engine, address) = support::start(config, queue.clone(), Arc::default());
        Self { engine, executor: Consumer::new(queue), address }
    }

    /// Sends all of `bytes` and reads to the end.
    fn talk(&self, bytes: &str) -> String {
        let mut client = self.connect();
        client.write_all(bytes.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// What an executor would take next.
    fn work(&self) -> Work {
        loop {
            assert_eq!(self.engine.wait(&self.executor), Waited::Available);
            if let Some(work) = self.executor.take_after_wait() {
                self.executor.done(work.kind());
                return work;
            }
        }
    }

    fn job(&self) -> Box<Job> {
        match self.work() {
            Work::Request(job) => job,
            other => panic!("a request was expected, not {other:?}"),
        }
    }
}

fn fixed(body: &'static str) -> Target {
    let body = Bytes::from_static(body.as_bytes());
    Target::Static(Arc::new(StaticResponse::new(200, Fields::new(), body).unwrap()))
}

fn routes() -> Routes {
    let mut routes = Routes::default();
    routes.add("GET", "/hello", fixed("hello"));
    routes.add("POST", "/hello", fixed("posted"));
    routes.add("PUT", "/block", Target::Block(7));
    routes.add("GET", "/get-block", Target::Block(8));
    routes
}

fn request(method: &str, target: &str, lines: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: a\r\n{lines}\r\n")
}

fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    let mut bytes = [0; 1024];
    while !answer.ends_with(end) {
        let count = client.read(&mut bytes).unwrap();
        assert!(count > 0, "the server hung up: {answer}");
        answer.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    answer
}

#[test]
fn static_routes_need_no_executor() {
    on_both_drivers(routes, |server| {
        let requests = [
            request("GET", "/hello", ""),
            request("GET", "/hello?query=is+ignored", ""),
            request("HEAD", "/hello", ""),
            request("POST", "/hello", "content-length: 3\r\n") + "abc",
            request("POST", "/hello", "transfer-encoding: chunked\r\n") + "2\r\nab\r\n0\r\n\r\n",
            request("GET", "http://a/hello", ""),
        ];
        let answers = server.talk(&requests.concat());
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 6, "{answers}");
        assert_eq!(answers.matches("\r\n\r\nhello").count(), 3, "{answers}");
        assert_eq!(answers.matches("\r\n\r\nposted").count(), 2, "{answers}");
        assert_eq!(answers.matches("date: ").count(), 6, "{answers}");
        assert!(server.executor.queue().is_empty());
    });
}

#[test]
fn a_route_is_matched_by_method_and_whole_path() {
    on_both_drivers(routes, |server| {
        let others = ["DELETE /hello", "GET /hello/", "GET /Hello", "GET /hell", "HEAD /get-block"];
        for line in others {
            let mut client = server.connect();
            let (method, path) = line.split_once(' ').unwrap();
            client.write_all(request(method, path, "").as_bytes()).unwrap();
            let job = server.job();
            assert_eq!((job.request.path(), job.target.mode()), (path, Some(Mode::Rack)));
        }
        let mut client = server.connect();
        client.write_all(request("PUT", "/block", "content-length: 0\r\n").as_bytes()).unwrap();
        assert!(matches!(server.job().target, Target::Block(7)));
    });
}

#[test]
fn conditional_requests_get_304_and_412() {
    on_both_drivers(routes, |server| {
        let first = server.talk(&request("GET", "/hello", ""));
        let line = first.lines().find(|line| line.starts_with("etag: ")).unwrap();
        let etag = line.strip_prefix("etag: ").unwrap();
        for (method, field, status, body) in [
            ("GET", format!("if-none-match: \"x\", W/{etag}"), "304 Not Modified", ""),
            ("HEAD", format!("if-none-match: {etag}"), "304 Not Modified", ""),
            ("GET", "if-none-match: *".to_owned(), "304 Not Modified", ""),
            ("GET", "if-none-match: \"x\"".to_owned(), "200 OK", "hello"),
            ("GET", "if-match: \"x\"".to_owned(), "412 Precondition Failed", ""),
            ("GET", format!("if-match: {etag}"), "200 OK", "hello"),
        ] {
            let answer = server.talk(&request(method, "/hello", &format!("{field}\r\n")));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{field}: {answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{field}: {answer}");
            assert_eq!(answer.contains(line), !status.starts_with("412"), "{field}: {answer}");
        }
    });
}

#[test]
fn old_clients_and_those_that_leave_are_told_how_the_connection_goes_on() {
    on_both_drivers(routes, |server| {
        let old = server.talk("GET /hello HTTP/1.0\r\n\r\nGET /hello HTTP/1.0\r\n\r\n");
        assert!(old.contains("\r\nconnection: close\r\n"), "{old}");
        assert_eq!(old.matches("hello").count(), 1, "{old}");
        let mut client = server.connect();
        client.write_all(b"GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").unwrap();
        let kept = read_until(&mut client, "hello");
        assert!(kept.contains("\r\nconnection: keep-alive\r\n"), "{kept}");
        let left = request("GET", "/hello", "connection: close\r\n");
        assert!(server.talk(&left).contains("\r\nconnection: close\r\n"));
    });
}

#[test]
fn answers_keep_the_order_of_their_requests() {
    on_both_drivers(routes, |server| {
        let mut client = server.connect();
        let pipeline = [("GET", "/app"), ("GET", "/hello"), ("GET", "/get-block"), ("GET", "/app")];
        let requests = pipeline.map(|(method, path)| request(method, path, ""));
        client.write_all(requests.concat().as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        for body in ["first", "third", "fourth"] {
            support::answer(&server.job(), body);
        }
        let mut answers = String::new();
        client.read_to_string(&mut answers).unwrap();
        let bodies: Vec<_> = answers.split("HTTP/1.1 ").skip(1).collect();
        let ends = ["first", "hello", "third", "fourth"];
        assert_eq!(bodies.len(), ends.len(), "{answers}");
        assert!(bodies.iter().zip(ends).all(|(body, end)| body.ends_with(end)), "{answers}");
    });
}

#[test]
fn an_executor_answers_where_native_routes_are_off() {
    let routes = || {
        let mut routes = Routes::new(false);
        routes.add("GET", "/hello", fixed("hello"));
        routes
    };
    on_both_drivers(routes, |server| {
        let mut client = server.connect();
        let lines = "if-none-match: *\r\nconnection: close\r\n";
        client.write_all(request("GET", "/hello", lines).as_bytes()).unwrap();
        let job = server.job();
        assert_eq!(job.target.mode(), Some(Mode::Native));
        let response = job.target.answer(&job.request).unwrap();
        job.reply.send(Reply { response, completion: None });
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 304 Not Modified\r\n"), "{answer}");
    });
}

/// A file system that may be on another machine, as far as the engine knows.
fn elsewhere() -> Routes {
    let config = MountConfig { root: "/proc/self".into(), ..MountConfig::default() };
    let mut routes = Routes::default();
    routes.mount(Arc::new(Mount::open(config, Arc::default()).unwrap()));
    routes
}

#[test]
fn i7_files_that_may_have_to_be_waited_for_are_served_without_an_executor() {
    on_both_drivers(elsewhere, |server| {
        let pipeline = ["/status", "/fd/", "/status"].map(|path| request("HEAD", path, ""));
        let mut client = server.connect();
        client.write_all(pipeline.concat().as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let job = server.job();
        assert_eq!((job.request.path(), job.target.mode()), ("/fd/", Some(Mode::Rack)));
        support::answer(&job, "");
        let mut answers = String::new();
        client.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{answers}");
        assert_eq!(answers.matches("etag: ").count(), 2, "{answers}");
        assert!(server.executor.queue().is_empty());
    });
}

#[test]
fn i7_what_is_no_file_goes_to_the_application_with_its_body() {
    on_both_drivers(elsewhere, |server| {
        let mut client = server.connect();
        let head = request("GET", "/none", "content-length: 4\r\n");
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(b"body").unwrap();
        let job = server.job();
        assert!(matches!(&job.body, Body::Memory(bytes) if bytes == "body"), "{:?}", job.body);
        support::answer(&job, "fine");
        assert!(read_until(&mut client, "fine").starts_with("HTTP/1.1 200 OK\r\n"));
    });
}

#[test]
fn routes_can_be_replaced_while_the_engine_runs() {
    on_both_drivers(routes, |server| {
        let mut routes = Routes::default();
        routes.add("GET", "/hello", fixed("other"));
        server.engine.replace_routes(Arc::new(routes));
        while !server.talk(&request("GET", "/hello", "")).ends_with("other") {}
    });
}

#[test]
fn whoever_wants_to_hear_of_native_answers_hears_of_each_in_order() {
    on_both_drivers(routes, |server| {
        server.talk(&request("GET", "/hello", ""));
        assert!(server.executor.queue().is_quiet(), "nobody asked");
        server.executor.queue().set_observes(true);
        let pipeline = ["/hello?1", "/hello?2", "/hello?3"];
        server.talk(&pipeline.map(|path| request("GET", path, "")).concat());
        let mut queries = Vec::new();
        while queries.len() < pipeline.len() {
            let Work::Observed(batch) = server.work() else { panic!("no report") };
            for observed in batch {
                assert_eq!((observed.status, observed.target.mode()), (200, Some(Mode::Native)));
                assert!(observed.fields.find("etag").is_some());
                assert_eq!(observed.connection.remote_addr, "127.0.0.1");
                queries.push(observed.request.query().unwrap().to_owned());
            }
        }
        assert_eq!(queries, ["1", "2", "3"]);
        assert_eq!(server.executor.queue().unobserved(), 0);
    });
}
