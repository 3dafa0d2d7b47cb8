//! A reactor whose driver only does what a test says, and faults of the server where no service is called.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hyperion_buf::SendQueue;
use hyperion_io::{Completion, Peer, Sink, Waker};

use super::*;
use crate::config::IoChoice;
use crate::dispatch::queue::JobQueue;
use crate::log::Level;
use crate::log::config::{LogConfig, LogFormat};
use crate::reactor::clock::SystemClock;
use crate::session::Session;

/// What the next waits do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Connect,
    Panic,
}

/// Goes by its steps; its sockets are numbers of files that are never read.
#[derive(Debug, Default)]
pub(crate) struct ScriptedDriver {
    steps: VecDeque<Step>,
    /// Connections that were broken.
    pub broken: Vec<Key>,
}

impl Driver for ScriptedDriver {
    type Socket = OwnedFd;

    fn name(&self) -> &'static str {
        "scripted"
    }

    fn waker(&self) -> Waker {
        Waker::new(Arc::new(|| {}))
    }

    fn listen(&mut self, _socket: OwnedFd) -> io::Result<usize> {
        Ok(0)
    }

    fn listen_beside(&mut self, socket: OwnedFd) -> io::Result<usize> {
        self.listen(socket)
    }

    fn attach(&mut self, _key: Key, _socket: OwnedFd) -> io::Result<()> {
        Ok(())
    }

    fn send(&mut self, _key: Key, output: &mut SendQueue) {
        output.clear();
    }

    fn is_listening(&self) -> bool {
        false
    }

    fn backlog(&mut self, _key: Key) -> u64 {
        0
    }

    fn has_unread(&mut self, _key: Key) -> bool {
        false
    }

    fn reset(&mut self, key: Key) {
        self.broken.push(key);
    }

    fn pause_accept(&mut self) {}
    fn resume_accept(&mut self) {}
    fn unlisten(&mut self, _number: usize) {}
    fn refuse_clients(&mut self) {}
    fn close_listeners(&mut self) {}
    fn pause_receive(&mut self, _key: Key) {}
    fn resume_receive(&mut self, _key: Key) {}
    fn shutdown_write(&mut self, _key: Key) {}
    fn close(&mut self, _key: Key) {}
    fn detach(&mut self, _key: Key) {}

    fn wait<S: Sink>(&mut self, _timeout: Option<Duration>, sink: &mut S) -> io::Result<()> {
        match self.steps.pop_front() {
            Some(Step::Connect) => {
                let socket = file();
                sink.complete(Completion::Accepted { listener: 0, socket, peer: Peer::Unix });
            }
            Some(Step::Panic) => panic!("as a fault of ours would"),
            None => {}
        }
        Ok(())
    }
}

/// What stands for a socket.
pub(crate) fn file() -> OwnedFd {
    std::fs::File::open("/dev/null").unwrap().into()
}

/// A reactor that listens, whose driver goes by these steps.
pub(crate) fn scripted(steps: &[Step], queue: Arc<JobQueue>) -> Reactor<ScriptedDriver> {
    let driver = ScriptedDriver { steps: steps.iter().copied().collect(), broken: Vec::new() };
    listening(driver, queue).0
}

/// A reactor that listens by this driver, with its inbox.
pub(crate) fn listening<D: Driver<Socket = OwnedFd>>(
    driver: D,
    queue: Arc<JobQueue>,
) -> (Reactor<D>, Arc<Inbox>) {
    let log =
        LogConfig { level: Level::Error, format: LogFormat::Json, requests: false, file: None };
    let config = Config {
        protocol: hyperion_proto::Config::default(),
        routes: Arc::default(),
        channels: None,
        admin: Arc::default(),
        io: IoChoice::Auto,
        max_connections: 10,
        handshakes_per_second: None,
        streams_request_bodies: false,
        spool_threshold_bytes: 1024,
        max_spool_bytes: None,
        log: log.clone(),
    };
    let inbox = Arc::new(Inbox::new(driver.waker()));
    let (log, clock) = (Arc::new(Log::new(log)), Box::new(SystemClock));
    let mut reactor =
        Reactor::new(driver, config, inbox.clone(), queue, Arc::default(), log, clock);
    reactor.listen(file(), Listener::Unix).unwrap();
    (reactor, inbox)
}

fn panic_in(_session: &mut Session, _context: &Context) {
    panic!("as a fault of ours would");
}

#[test]
fn h3_a_fault_in_a_call_into_a_session_closes_it_whatever_the_call_is_for() {
    let mut reactor = scripted(&[Step::Connect, Step::Connect], Arc::new(JobQueue::new(1)));
    (0..2).for_each(|_| reactor.turn(false).unwrap());
    let keys: Vec<_> = reactor.sessions.slab.iter().map(|(_, session)| session.key).collect();
    // Such a call as looks for a deadline, or for a request to give away, which asks for no flush by itself.
    assert_eq!(reactor.sessions.call(keys[0], panic_in), None);
    reactor.turn(false).unwrap();
    assert_eq!(reactor.driver.broken, keys[..1]);
    assert!(reactor.sessions.find(keys[0]).is_none() && reactor.sessions.find(keys[1]).is_some());
    assert_eq!(reactor.sessions.context.stats.engine_panics.value(), 1);
}
