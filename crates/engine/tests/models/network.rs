//! A driver whose clients are threads of the model. It sleeps as the real ones do: a wake-up that comes before the
//! sleep ends it at once, and no deadline is so near that it would.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use hyperion_buf::SendQueue;
use hyperion_io::{Completion, Driver, Key, Peer, Sink, Waker};
use shuttle::sync::{Condvar, Mutex, MutexGuard};

use crate::dispatch::queue::JobQueue;
use crate::reactor::Reactor;
use crate::reactor::inbox::Inbox;
use crate::reactor::tests::{file, listening};

/// The clients of one reactor.
#[derive(Clone, Debug, Default)]
pub(super) struct Network(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// For the driver that sleeps.
    arrived: Condvar,
    /// For clients.
    answered: Condvar,
}

#[derive(Debug, Default)]
struct State {
    woken: bool,
    failure: Option<Failure>,
    connecting: usize,
    clients: Vec<Client>,
}

/// How a driver fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// By a fault of ours, in the middle of a turn.
    Panic,
    /// For good.
    Error,
}

#[derive(Debug, Default)]
struct Client {
    key: Option<Key>,
    requests: VecDeque<&'static [u8]>,
    responses: usize,
    sent: u64,
}

pub(super) struct NetworkDriver {
    network: Network,
    listens: bool,
}

impl Network {
    /// A reactor that listens to these clients.
    pub fn reactor(&self, queue: &Arc<JobQueue>) -> (Reactor<NetworkDriver>, Arc<Inbox>) {
        let driver = NetworkDriver { network: self.clone(), listens: true };
        listening(driver, queue.clone())
    }

    /// Connects.
    pub fn connect(&self) -> usize {
        let mut state = self.lock();
        state.clients.push(Client::default());
        state.connecting += 1;
        self.0.arrived.notify_all();
        state.clients.len() - 1
    }

    /// Sends a request and waits until its response is there.
    pub fn ask(&self, client: usize, request: &'static [u8]) {
        let mut state = self.lock();
        let before = state.clients[client].responses;
        state.clients[client].requests.push_back(request);
        self.0.arrived.notify_all();
        while state.clients[client].responses == before {
            state = self.0.answered.wait(state).unwrap();
        }
    }

    /// The driver's next wait fails.
    pub fn fail(&self, failure: Failure) {
        self.lock().failure = Some(failure);
        self.0.arrived.notify_all();
    }

    fn wake(&self) {
        self.lock().woken = true;
        self.0.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl State {
    fn find(&mut self, key: Key) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.key == Some(key))
    }

    fn is_quiet(&self) -> bool {
        let has_news = |client: &Client| {
            client.key.is_some() && !client.requests.is_empty() || client.sent > 0
        };
        !self.woken
            && self.failure.is_none()
            && self.connecting == 0
            && !self.clients.iter().any(has_news)
    }

    fn deliver(&mut self, sink: &mut impl Sink) {
        if std::mem::take(&mut self.woken) {
            sink.complete(Completion::Woken);
        }
        for _ in 0..std::mem::take(&mut self.connecting) {
            sink.complete(Completion::Accepted { listener: 0, socket: file(), peer: Peer::Unix });
        }
        for client in &mut self.clients {
            let Some(key) = client.key else { continue };
            if client.sent > 0 {
                sink.complete(Completion::Sent { key, bytes: std::mem::take(&mut client.sent) });
            }
            for bytes in client.requests.drain(..) {
                sink.complete(Completion::Received { key, bytes });
            }
        }
    }
}

impl Driver for NetworkDriver {
    type Socket = OwnedFd;

    fn name(&self) -> &'static str {
        "network"
    }

    fn waker(&self) -> Waker {
        let network = self.network.clone();
        Waker::new(Arc::new(move || network.wake()))
    }

    fn listen(&mut self, _socket: OwnedFd) -> io::Result<usize> {
        Ok(0)
    }

    fn listen_beside(&mut self, socket: OwnedFd) -> io::Result<usize> {
        self.listen(socket)
    }

    fn is_listening(&self) -> bool {
        self.listens
    }

    fn close_listeners(&mut self) {
        self.listens = false;
    }

    /// Clients are accepted in the order in which they connect.
    fn attach(&mut self, key: Key, _socket: OwnedFd) -> io::Result<()> {
        let mut state = self.network.lock();
        let client = state.clients.iter_mut().find(|client| client.key.is_none());
        client.expect("somebody has connected").key = Some(key);
        Ok(())
    }

    /// A response is there with the end of its head; those of the models have no body that matters.
    fn send(&mut self, key: Key, output: &mut SendQueue) {
        let mut slices = [io::IoSlice::new(&[]); 16];
        let count = output.io_slices(&mut slices);
        let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        let heads = bytes.windows(4).filter(|end| end == b"\r\n\r\n").count();
        output.advance(bytes.len() as u64);
        assert!(output.is_empty(), "responses of the models are small");
        let mut state = self.network.lock();
        let client = state.find(key).expect("attached");
        client.sent += bytes.len() as u64;
        client.responses += heads;
        self.network.0.answered.notify_all();
    }

    fn wait<S: Sink>(&mut self, timeout: Option<Duration>, sink: &mut S) -> io::Result<()> {
        let mut state = self.network.lock();
        let may_sleep = timeout != Some(Duration::ZERO) && !sink.has_work();
        while may_sleep && state.is_quiet() {
            state = self.network.0.arrived.wait(state).unwrap();
        }
        match state.failure {
            Some(Failure::Panic) => {
                state.failure = None;
                drop(state);
                // The checker takes a panic that is told for the end of the run.
                resume_unwind(Box::new("as a fault of ours would"));
            }
            Some(Failure::Error) => return Err(io::Error::other("the driver does not work")),
            None => {}
        }
        state.deliver(sink);
        Ok(())
    }

    fn backlog(&mut self, _key: Key) -> u64 {
        0
    }

    fn has_unread(&mut self, _key: Key) -> bool {
        false
    }

    fn close(&mut self, key: Key) {
        if let Some(client) = self.network.lock().find(key) {
            client.requests.clear();
            client.sent = 0;
        }
    }

    fn reset(&mut self, key: Key) {
        self.close(key);
    }

    fn pause_accept(&mut self) {}
    fn resume_accept(&mut self) {}
    fn unlisten(&mut self, _number: usize) {}
    fn refuse_clients(&mut self) {}
    fn pause_receive(&mut self, _key: Key) {}
    fn resume_receive(&mut self, _key: Key) {}
    fn shutdown_write(&mut self, _key: Key) {}
    fn detach(&mut self, _key: Key) {}
}
