//! Counting and the admin surface over real sockets, by both drivers.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::files::{Mount, MountConfig};
use hyperion_engine::{
    Admin, Config, Consumer, Engine, Fields, IoChoice, Job, JobQueue, Kind, Routes, Segment,
    StaticResponse, Stats, Target,
};

const TOKEN: &str = "open sesame";

struct Server {
    engine: Engine,
    executor: Consumer,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    fn start(io: IoChoice, routes: Routes, token: Option<&str>, stats: Arc<Stats>) -> Self {
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let own_address = own.local_addr().unwrap();
        let admin = Admin::new(token.map(str::as_bytes), false);
        admin.listen(own.into());
        let (routes, admin) = (Arc::new(routes), Arc::new(admin));
        let config = Config { routes, admin, ..support::config(io) };
        let queue = Arc::new(JobQueue::counting(100, stats.clone()));
        let (engine, address) = support::start(config, queue.clone(), stats);
        Self { engine, executor: Consumer::new(queue), address, admin: own_address }
    }

    fn get(&self, target: &str) -> String {
        talk(self.address, &request("GET", target, ""))
    }

    fn scrape(&self) -> String {
        talk(self.admin, &request("GET", "/-/metrics", ""))
    }

    /// Asks the application, and answers for it.
    fn ask_by_executor(&self, target: &str) {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.write_all(request("GET", target, "").as_bytes()).unwrap();
        let job = self.job();
        job.reply.record_dispatch(job.received_at.elapsed());
        support::answer(&job, "app");
        self.executor.done(Kind::Request);
        client.shutdown(Shutdown::Write).unwrap();
        assert!(read(client).ends_with("app"));
    }

    fn job(&self) -> Box<Job> {
        support::next_job(&self.engine, &self.executor)
    }

    fn stop(self) {
        self.executor.queue().close();
        self.engine.stop();
    }
}

fn on_both_drivers(test: impl Fn(IoChoice)) {
    [IoChoice::Epoll, IoChoice::IoUring].into_iter().for_each(test);
}

fn request(method: &str, target: &str, lines: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{lines}\r\n")
}

fn talk(address: SocketAddr, bytes: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(bytes.as_bytes()).unwrap();
    read(client)
}

fn read(mut client: TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

fn value(text: &str, sample: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

fn routes(folder: &tempfile::TempDir) -> Routes {
    let mut routes = Routes::default();
    let body = Bytes::from_static(b"hello");
    let hello = StaticResponse::new(200, Fields::new(), body).unwrap();
    routes.add("GET", "/hello", Target::Static(Arc::new(hello)));
    routes.add("GET", "/block", Target::Block(0));
    std::fs::write(folder.path().join("file"), "file").unwrap();
    let config = MountConfig {
        prefix: "/files".into(),
        root: folder.path().into(),
        ..MountConfig::default()
    };
    routes.mount(Arc::new(Mount::open(config, Arc::default()).unwrap()));
    routes
}

#[test]
fn every_path_ticks_once_for_each_request() {
    on_both_drivers(|io| {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(io, routes(&folder), None, Arc::default());
        for _ in 0..3 {
            assert_eq!(status(&server.get("/hello")), "200");
        }
        assert_eq!(status(&server.get("/files/file")), "200");
        server.ask_by_executor("/block");
        server.ask_by_executor("/users/7");
        server.ask_by_executor("/users/8");
        assert_eq!(status(&talk(server.address, "NONSENSE\r\n\r\n")), "400");
        let text = server.scrape();
        let driver = server.engine.driver_name();
        let mode = |mode| {
            value(
                &text,
                &format!("hyperion_dispatch_mode_total{{mode=\"{mode}\",driver=\"{driver}\"}}"),
            )
        };
        // The scrape itself is counted once it is answered.
        assert_eq!(["native", "file", "block", "rack"].map(mode), [3, 1, 1, 2], "{text}");
        let own = format!("{{worker_id=\"{}\"}}", std::process::id());
        assert_eq!(value(&text, &format!("hyperion_requests_dispatch_total{own}")), 7);
        assert_eq!(value(&text, &format!("hyperion_executors_busy{own}")), 0);
        assert_eq!(value(&text, "hyperion_responses_status_total{status=\"200\"}"), 7);
        assert_eq!(value(&text, "hyperion_responses_status_total{status=\"400\"}"), 1);
        assert_eq!(value(&text, "hyperion_queue_seconds_count"), 3);
        assert_eq!(value(&text, "hyperion_connections_accepted_total"), 9);
        let users = "{method=\"GET\",path=\"/users/:id\",status=\"200\"}";
        let count = format!("hyperion_request_duration_seconds_count{users}");
        assert_eq!(value(&text, &count), 2, "{text}");
        let files = "{method=\"GET\",path=\"/files/*\",status=\"200\"}";
        let count = format!("hyperion_request_duration_seconds_count{files}");
        assert_eq!(value(&text, &count), 1, "{text}");
        server.stop();
    });
}

#[test]
fn metrics_are_there_while_every_executor_hangs() {
    on_both_drivers(|io| {
        let server = Server::start(io, Routes::default(), None, Arc::default());
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut client = TcpStream::connect(server.address).unwrap();
            client.write_all(request("GET", "/slow", "").as_bytes()).unwrap();
            clients.push(client);
        }
        let hung = server.job();
        let own = format!("{{worker_id=\"{}\"}}", std::process::id());
        let depth = format!("hyperion_threadpool_queue_depth{own}");
        let text = std::iter::repeat_with(|| server.scrape())
            .find(|text| value(text, &depth) == 2)
            .expect("the others wait sooner or later");
        assert_eq!(value(&text, &format!("hyperion_executors_busy{own}")), 1);
        assert_eq!(status(&talk(server.address, &request("GET", "/-/health", ""))), "200");
        drop(hung);
        server.stop();
    });
}

#[test]
fn w15_any_worker_answers_for_all() {
    let segment = Segment::new(2).unwrap();
    let servers = [0, 1].map(|block| {
        segment.begin(block, block, 4_000_000 + block as u32);
        let stats = Arc::new(segment.stats(block));
        Server::start(IoChoice::Epoll, Routes::default(), None, stats)
    });
    for server in &servers {
        server.ask_by_executor("/");
        server.ask_by_executor("/");
    }
    let text = servers[0].scrape();
    for (pid, count) in [(4_000_000, 2), (4_000_001, 2)] {
        let sample = format!("hyperion_requests_dispatch_total{{worker_id=\"{pid}\"}}");
        assert_eq!(value(&text, &sample), count, "{text}");
    }
    servers.into_iter().for_each(Server::stop);
    segment.release(0);
    segment.begin(0, 0, 4_000_002);
    let stats = Arc::new(segment.stats(0));
    let successor = Server::start(IoChoice::Epoll, Routes::default(), None, stats);
    let text = successor.scrape();
    // The first scrape counts by now.
    assert_eq!(value(&text, "hyperion_requests_dispatch_total{worker_id=\"4000000\"}"), 3);
    assert_eq!(value(&text, "hyperion_requests_dispatch_total{worker_id=\"4000002\"}"), 0);
    assert_eq!(value(&text, "hyperion_executors_busy{worker_id=\"4000000\"}"), 0);
    successor.stop();
}

#[test]
fn a_token_opens_the_surface_on_every_listener() {
    on_both_drivers(|io| {
        let server = Server::start(io, Routes::default(), Some(TOKEN), Arc::default());
        let token = format!("X-Hyperion-Admin-Token: {TOKEN}\r\n");
        for address in [server.address, server.admin] {
            for page in ["/-/metrics", "/-/stats"] {
                assert_eq!(status(&talk(address, &request("GET", page, ""))), "401");
                assert_eq!(status(&talk(address, &request("GET", page, &token))), "200");
            }
        }
        let head = talk(server.address, &request("HEAD", "/-/health", ""));
        assert!(head.contains("content-length: 2\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        server.stop();
    });
}

#[test]
fn the_admin_listener_serves_nothing_else() {
    on_both_drivers(|io| {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(io, routes(&folder), None, Arc::default());
        for target in ["/hello", "/files/file", "/block", "/", "/-/nothing"] {
            let answer = talk(server.admin, &request("GET", target, ""));
            assert_eq!(status(&answer), "404", "{target}");
        }
        let post = request("POST", "/", "content-length: 4\r\n") + "body";
        assert_eq!(status(&talk(server.admin, &post)), "404");
        server.stop();
    });
}
