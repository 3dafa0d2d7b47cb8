//! Streams of one HTTP/2 connection, whose peer is made of bytes.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hyperion_engine::{
    Config, Engine, IoChoice, Job, JobQueue, Level, LogConfig, LogFormat, ProtocolConfig, Wait,
    Waited, Work,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_HEADERS: u8 = 4;

struct Server {
    engine: Engine,
    queue: Arc<JobQueue>,
    client: TcpStream,
}

impl Server {
    /// With one client.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let queue = Arc::new(JobQueue::new(100));
        let protocol = ProtocolConfig::default();
        let config = Config {
            protocol,
            routes: Arc::default(),
            siblings: None,
            admin: Arc::default(),
            io: IoChoice::Epoll,
            max_connections: 100,
            handshakes_per_second: None,
            streams_request_bodies: true,
            spool_threshold_bytes: 1024,
            log: LogConfig {
                level: Level::Error,
                format: LogFormat::Json,
                requests: false,
                file: None,
            },
        };
        let listeners = vec![(OwnedFd::from(listener), None)];
        let engine = Engine::start(config, listeners, queue.clone(), Arc::default()).unwrap();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut server = Self { engine, queue, client };
        server.send(SETTINGS, 0, 0, b"");
        server
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.client.write_all(&frame).unwrap();
    }

    fn post(&mut self, stream: u32) {
        self.send(HEADERS, END_HEADERS, stream, b"\x83\x84\x86\x41\x01a");
    }

    /// Reads up to a frame of this kind on this stream.
    fn await_frame(&mut self, kind: u8, stream: u32) -> Vec<u8> {
        loop {
            let mut head = [0; 9];
            self.client.read_exact(&mut head).unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            self.client.read_exact(&mut payload).unwrap();
            if (head[3], &head[5..]) == (kind, &stream.to_be_bytes()[..]) {
                return payload;
            }
        }
    }

    /// All that was sent was dealt with.
    fn settle(&mut self) {
        self.send(PING, 0, 0, b"settled?");
        self.await_frame(PING, 0);
    }

    /// What an executor works on from now on.
    fn job(&self) -> Box<Job> {
        let calm = AtomicBool::new(false);
        loop {
            assert_eq!(self.engine.wait(&self.queue, &calm), Waited::Available);
            if let Some(Work::Request(job)) = self.queue.take_after_wait() {
                return job;
            }
        }
    }

    fn stop(self) {
        self.queue.close();
        self.engine.stop();
    }
}

#[test]
fn small_pieces_of_a_body_that_nobody_reads_are_joined() {
    let mut server = Server::start();
    server.post(1);
    let job = server.job();
    for _ in 0..1000 {
        server.send(DATA, 0, 1, b"x");
    }
    server.settle();
    assert_eq!(job.reply.wait_input(&job.reply.interrupt(), None), Wait::Ready);
    assert_eq!(job.reply.take_input().unwrap(), "x".repeat(1000));
    assert_eq!(job.reply.take_input(), None);
    server.stop();
}
