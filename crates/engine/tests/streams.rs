//! Streams of one HTTP/2 connection, whose peer is made of bytes, and the jobs that they become.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use hyperion_engine::{Config, Consumer, Engine, IoChoice, Job, JobQueue, Stats, Wait};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

struct Server {
    engine: Engine,
    executor: Consumer,
    stats: Arc<Stats>,
    client: TcpStream,
}

impl Server {
    /// With one client, which may have two streams.
    fn start() -> Self {
        let mut config =
            Config { streams_request_bodies: true, ..support::config(IoChoice::Epoll) };
        config.protocol.limits.h2_concurrent_streams = 2;
        let (queue, stats) = (Arc::new(JobQueue::new(100)), Arc::<Stats>::default());
        let (engine, address) = support::start(config, queue.clone(), stats.clone());
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut server = Self { engine, executor: Consumer::new(queue), stats, client };
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

    fn get(&mut self, stream: u32) {
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, b"\x82\x84\x86\x41\x01a");
    }

    fn post(&mut self, stream: u32) {
        self.send(HEADERS, END_HEADERS, stream, b"\x83\x84\x86\x41\x01a");
    }

    fn cancel(&mut self, stream: u32) {
        self.send(RST_STREAM, 0, stream, &8u32.to_be_bytes());
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
        support::next_job(&self.engine, &self.executor)
    }

    fn stop(self) {
        self.executor.queue().close();
        self.engine.stop();
    }
}

#[test]
fn d1_a_job_that_waits_leaves_with_its_stream() {
    let mut server = Server::start();
    for stream in [1, 3, 5, 7] {
        server.get(stream);
        server.settle();
        assert_eq!(server.executor.queue().len(), 1);
        server.cancel(stream);
        server.settle();
        assert!(server.executor.queue().is_empty(), "stream {stream}");
    }
    assert_eq!(server.stats.cancelled_before_dispatch.value(), 4);
    server.get(9);
    assert!(!server.job().reply.is_abandoned());
    server.stop();
}

#[test]
fn d1_jobs_of_streams_that_were_reset_count_until_they_are_over() {
    let mut server = Server::start();
    let mut jobs = Vec::new();
    for stream in [1, 3] {
        server.get(stream);
        jobs.push(server.job());
        server.cancel(stream);
    }
    server.get(5);
    assert_eq!(server.await_frame(RST_STREAM, 5), 7u32.to_be_bytes(), "refused");
    assert!(server.executor.queue().is_empty());
    jobs.pop();
    server.get(7);
    server.settle();
    assert_eq!(server.executor.queue().len(), 1);
    server.get(9);
    assert_eq!(server.await_frame(RST_STREAM, 9), 7u32.to_be_bytes(), "refused");
    server.stop();
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
