//! A driver with a sink that remembers, and real sockets at the other end.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use hyperion_buf::SendQueue;
use hyperion_io::{Completion, Driver, Key, Peer, Sink};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that a driver has reported.
#[derive(Default)]
pub struct Journal {
    pub accepted: Vec<(usize, OwnedFd, Peer)>,
    pub accept_failures: Vec<io::Error>,
    pub received: HashMap<Key, Vec<u8>>,
    pub largest_receive: usize,
    pub ended: Vec<Key>,
    pub sent: HashMap<Key, u64>,
    pub failed: Vec<(Key, io::Error)>,
    pub detached: Vec<(Key, OwnedFd)>,
    pub woken: usize,
    /// All completions about connections, so that a test sees that there were none.
    pub completions: usize,
    pub has_work: bool,
    /// Whether this wait has reported something, so that there is something to look at.
    fresh: bool,
}

impl Journal {
    pub fn received(&self, key: Key) -> &[u8] {
        self.received.get(&key).map_or(&[], Vec::as_slice)
    }

    pub fn sent(&self, key: Key) -> u64 {
        self.sent.get(&key).copied().unwrap_or(0)
    }

    pub fn has_failed(&self, key: Key) -> bool {
        self.failed.iter().any(|(failed, _)| *failed == key)
    }
}

impl Sink for Journal {
    fn complete(&mut self, completion: Completion<'_>) {
        self.completions += 1;
        self.fresh = true;
        match completion {
            Completion::Accepted { listener, socket, peer } => {
                self.accepted.push((listener, socket, peer));
            }
            Completion::AcceptFailed { error, .. } => self.accept_failures.push(error),
            Completion::Received { key, bytes } => {
                assert!(!bytes.is_empty(), "nothing is not received");
                self.largest_receive = self.largest_receive.max(bytes.len());
                self.received.entry(key).or_default().extend_from_slice(bytes);
            }
            Completion::ReceivedEof { key } => self.ended.push(key),
            Completion::Sent { key, bytes } => {
                assert!(bytes > 0, "no progress is not reported");
                *self.sent.entry(key).or_default() += bytes;
            }
            Completion::Failed { key, error } => self.failed.push((key, error)),
            Completion::Detached { key, socket } => self.detached.push((key, socket)),
            Completion::Woken => self.woken += 1,
        }
    }

    fn has_work(&self) -> bool {
        self.has_work || self.fresh
    }
}

/// A driver under test.
pub struct Harness<D> {
    pub driver: D,
    pub journal: Journal,
}

impl<D: Driver<Socket = OwnedFd>> Harness<D> {
    pub fn new(driver: D) -> Self {
        Self { driver, journal: Journal::default() }
    }

    /// Turns the driver until `done` says so.
    pub fn until(&mut self, what: &str, done: impl Fn(&Journal) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(&self.journal) {
            assert!(Instant::now() < deadline, "still waiting for: {what}");
            self.wait(Duration::from_millis(500));
        }
    }

    /// Waits once.
    pub fn wait(&mut self, timeout: Duration) {
        self.journal.fresh = false;
        self.driver.wait(Some(timeout), &mut self.journal).unwrap();
    }

    /// Waits once, without a timeout.
    pub fn wait_for_ever(&mut self) {
        self.journal.fresh = false;
        self.driver.wait(None, &mut self.journal).unwrap();
    }

    /// Waits until nothing has happened for a while, so that "nothing more comes" can be said.
    pub fn settle(&mut self) {
        let mut before = usize::MAX;
        while before != self.journal.completions {
            before = self.journal.completions;
            self.wait(Duration::from_millis(20));
        }
    }

    pub fn send(&mut self, key: Key, bytes: &[u8]) {
        let mut queue = SendQueue::new();
        queue.extend(bytes);
        self.driver.send(key, &mut queue);
        assert!(queue.is_empty());
    }

    /// A connection of the driver; its other end blocks.
    pub fn connect_unix(&mut self, key: Key) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_read_timeout(Some(PATIENCE)).unwrap();
        self.driver.attach(key, ours.into()).unwrap();
        theirs
    }

    /// A TCP connection of the driver; its other end blocks.
    pub fn connect_tcp(&mut self, key: Key) -> TcpStream {
        let (ours, theirs) = tcp_pair();
        self.driver.attach(key, ours.into()).unwrap();
        theirs
    }
}

pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    (ours, theirs)
}

pub fn key(index: u32) -> Key {
    Key { index, generation: 1 }
}

/// Bytes whose order shows.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// Reads in the background what a driver sends, slowly if told so.
pub fn read_in_background(
    mut peer: impl Read + Send + 'static,
    length: usize,
    chunk: usize,
) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; chunk];
        while bytes.len() < length {
            match peer.read(&mut buffer).unwrap() {
                0 => break,
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
        bytes
    })
}

/// Sends until neither socket takes more, not even what the kernel tries behind a fifth of a second; what is sent
/// then waits for `PATIENCE` at most.
pub fn fill(mut peer: &TcpStream) {
    peer.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    while peer.write(&[b'x'; 65536]).is_ok() {}
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
}

/// Whether this process has the socket open.
pub fn holds_socket(inode: u64) -> bool {
    let target = format!("socket:[{inode}]");
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    descriptors
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .any(|link| link.as_os_str() == &*target)
}

/// Closes with a reset instead of an end of stream.
pub fn reset(peer: TcpStream) {
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
}

/// Runs each test with each driver. A test takes a harness and is generic over its driver.
#[macro_export]
macro_rules! on_each_driver {
    ($(fn $name:ident($harness:ident) $body:block)*) => {
        mod bodies {
            #[allow(unused_imports, reason = "not all tests need what is imported")]
            use super::*;
            $(pub fn $name<D: hyperion_io::Driver<Socket = std::os::fd::OwnedFd>>(
                mut $harness: $crate::support::Harness<D>,
            ) $body)*
        }

        mod epoll {
            $(#[test]
            fn $name() {
                let driver = hyperion_io::EpollDriver::new().unwrap();
                super::bodies::$name($crate::support::Harness::new(driver));
            })*
        }

        mod io_uring {
            $(#[test]
            fn $name() {
                let driver = hyperion_io::UringDriver::new().unwrap();
                super::bodies::$name($crate::support::Harness::new(driver));
            })*
        }
    };
}
