use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyperion_buf::SendQueue;
use hyperion_io::{Completion, Driver, Key, Peer, Sink, Waker};

use crate::network::{Faults, Link};
use crate::random::Random;
use crate::socket::{Backlog, Network, ServerEnd, SimSocket, lock};

/// A driver whose sockets are links of the network. A wait reports what can happen now; it lasts only where somebody works
/// meanwhile, who is to wake it.
pub struct SimDriver {
    network: Arc<Mutex<Network>>,
    backlog: Arc<Backlog>,
    sockets: HashMap<Key, SimState>,
    accepting: bool,
    /// By number, whether a listener is open.
    listeners: Vec<bool>,
    /// The next wait takes what is in the backlog, and ends listening.
    closing: bool,
    woken: Arc<AtomicBool>,
    meanwhile: Option<Meanwhile>,
}

/// One step of whoever works while the driver sleeps; false when there is nothing to do.
pub(crate) type Meanwhile = Box<dyn FnMut() -> bool + Send>;

#[derive(Debug)]
struct SimState {
    end: ServerEnd,
    output: SendQueue,
    paused: bool,
    shutdown: bool,
    detaching: bool,
}

impl SimDriver {
    pub(crate) fn new(network: Arc<Mutex<Network>>, backlog: Arc<Backlog>) -> Self {
        Self {
            network,
            backlog,
            sockets: HashMap::new(),
            accepting: true,
            listeners: Vec::new(),
            closing: false,
            woken: Arc::default(),
            meanwhile: None,
        }
    }

    /// Has waits that find nothing last until this wakes them.
    pub(crate) fn sleep_beside(&mut self, meanwhile: Meanwhile) {
        self.meanwhile = Some(meanwhile);
    }

    /// Sleeps until somebody wakes this driver or has nothing to do any more.
    fn sleep(&mut self) {
        let Some(meanwhile) = &mut self.meanwhile else { return };
        while !self.woken.swap(false, Ordering::SeqCst) {
            if !meanwhile() {
                return;
            }
            assert!(self.woken.load(Ordering::SeqCst), "what was answered has woken nobody");
        }
    }

    /// Whether a wait would report nothing: everything waits for a client, a job or the clock.
    pub fn is_quiet(&self) -> bool {
        let network = lock(&self.network);
        let acceptable =
            self.accepting && lock(&self.backlog).iter().any(|(to, _)| self.hears(*to));
        !acceptable
            && !network.links.values().any(Link::can_deliver)
            && self.sockets.values().all(|state| {
                let Some(link) = network.links.get(&state.end.peer) else { return true };
                !state.can_progress(link, &network.faults)
            })
    }

    fn accept<S: Sink<SimSocket>>(&mut self, sink: &mut S) {
        if !self.accepting && !self.closing {
            return;
        }
        let connected = std::mem::take(&mut *lock(&self.backlog));
        for (listener, peer) in connected {
            if !self.hears(listener) {
                lock(&self.backlog).push((listener, peer));
                continue;
            }
            let address = ([127, 0, 0, 1], 40_000).into();
            let socket = SimSocket::Connected(ServerEnd::new(peer, self.network.clone()));
            sink.complete(Completion::Accepted { listener, socket, peer: Peer::Tcp(address) });
        }
    }

    fn hears(&self, listener: usize) -> bool {
        self.listeners.get(listener).is_some_and(|is_open| *is_open)
    }

    /// Clients take what sockets hold for them, those of closed sockets as well.
    fn deliver(&mut self) {
        let network = &mut *lock(&self.network);
        let Network { links, faults, random, .. } = network;
        for link in links.values_mut().filter(|link| link.can_deliver()) {
            if !faults.stalls(random) {
                link.deliver(faults, random);
            }
        }
    }

    fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.sockets.keys().copied().collect();
        keys.sort_by_key(|key| (key.index, key.generation));
        keys
    }

    fn progress<S: Sink<SimSocket>>(&mut self, key: Key, sink: &mut S) {
        let network = self.network.clone();
        let mut network = lock(&network);
        let network = &mut *network;
        let Some(state) = self.sockets.get_mut(&key) else { return };
        let Some(link) = network.links.get_mut(&state.end.peer) else { return };
        if network.faults.stalls(&mut network.random) {
            return;
        }
        link.reset |= network.faults.resets(&mut network.random);
        if link.reset {
            link.held.clear();
            if !std::mem::replace(&mut link.reset_delivered, true) {
                let error = io::ErrorKind::ConnectionReset.into();
                sink.complete(Completion::Failed { key, error });
            }
            return;
        }
        state.receive(key, link, &network.faults, &mut network.random, sink);
        state.send(key, link, &network.faults, &mut network.random, sink);
        link.detached = state.detaching && state.output.is_empty();
    }

    fn give_away<S: Sink<SimSocket>>(&mut self, key: Key, sink: &mut S) {
        let Some(state) = self.sockets.get(&key) else { return };
        let is_detached = lock(&self.network).links[&state.end.peer].detached;
        if is_detached && let Some(state) = self.sockets.remove(&key) {
            let socket = SimSocket::Connected(state.end);
            sink.complete(Completion::Detached { key, socket });
        }
    }
}

impl SimState {
    fn can_progress(&self, link: &Link, faults: &Faults) -> bool {
        if link.reset {
            return !link.reset_delivered;
        }
        let receives = !self.paused
            && (!link.to_server.is_empty() || link.client_ended && !link.end_delivered);
        let sends = !self.output.is_empty() && link.room(faults) > 0;
        receives || sends || self.detaching && self.output.is_empty()
    }

    fn receive<S: Sink<SimSocket>>(
        &mut self,
        key: Key,
        link: &mut Link,
        faults: &Faults,
        random: &mut Random,
        sink: &mut S,
    ) {
        if self.paused {
            return;
        }
        if !link.to_server.is_empty() {
            let count = faults.piece(faults.receive_bytes, link.to_server.len(), random);
            let bytes: Vec<u8> = link.to_server.drain(..count).collect();
            sink.complete(Completion::Received { key, bytes: &bytes });
        } else if link.client_ended && !std::mem::replace(&mut link.end_delivered, true) {
            sink.complete(Completion::ReceivedEof { key });
        }
    }

    fn send<S: Sink<SimSocket>>(
        &mut self,
        key: Key,
        link: &mut Link,
        faults: &Faults,
        random: &mut Random,
        sink: &mut S,
    ) {
        let available = (self.output.len() as usize).min(link.room(faults));
        if available > 0 {
            let count = faults.piece(faults.send_bytes, available, random);
            let sent = take(&mut self.output, count, &mut link.held);
            if faults.socket_bytes == 0 {
                link.deliver(faults, random);
            }
            sink.complete(Completion::Sent { key, bytes: sent as u64 });
        }
        link.finished |= self.shutdown && self.output.is_empty();
    }
}

impl Driver for SimDriver {
    type Socket = SimSocket;

    fn name(&self) -> &'static str {
        "sim"
    }

    fn waker(&self) -> Waker {
        let woken = self.woken.clone();
        Waker::new(Arc::new(move || woken.store(true, Ordering::SeqCst)))
    }

    fn listen(&mut self, _socket: SimSocket) -> io::Result<usize> {
        self.listeners.push(true);
        Ok(self.listeners.len() - 1)
    }

    fn pause_accept(&mut self) {
        self.accepting = false;
    }

    fn resume_accept(&mut self) {
        self.accepting = true;
    }

    fn listen_beside(&mut self, socket: SimSocket) -> io::Result<usize> {
        self.listen(socket)
    }

    fn unlisten(&mut self, number: usize) {
        if let Some(is_open) = self.listeners.get_mut(number) {
            *is_open = false;
        }
    }

    fn refuse_clients(&mut self) {}

    fn close_listeners(&mut self) {
        self.closing = true;
    }

    fn is_listening(&self) -> bool {
        self.listeners.contains(&true)
    }

    fn attach(&mut self, key: Key, socket: SimSocket) -> io::Result<()> {
        let SimSocket::Connected(end) = socket else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let output = SendQueue::new();
        let state = SimState { end, output, paused: false, shutdown: false, detaching: false };
        self.sockets.insert(key, state);
        Ok(())
    }

    fn pause_receive(&mut self, key: Key) {
        if let Some(state) = self.sockets.get_mut(&key) {
            state.paused = true;
        }
    }

    fn resume_receive(&mut self, key: Key) {
        if let Some(state) = self.sockets.get_mut(&key) {
            state.paused = false;
        }
    }

    fn send(&mut self, key: Key, output: &mut SendQueue) {
        match self.sockets.get_mut(&key) {
            Some(state) => state.output.append(output),
            None => output.clear(),
        }
    }

    fn backlog(&mut self, key: Key) -> u64 {
        let Some(state) = self.sockets.get(&key) else { return 0 };
        lock(&self.network).links.get(&state.end.peer).map_or(0, |link| link.held.len() as u64)
    }

    fn has_unread(&mut self, key: Key) -> bool {
        let Some(state) = self.sockets.get(&key) else { return false };
        lock(&self.network)
            .links
            .get(&state.end.peer)
            .is_some_and(|link| !link.to_server.is_empty())
    }

    fn shutdown_write(&mut self, key: Key) {
        let Some(state) = self.sockets.get_mut(&key) else { return };
        state.shutdown = true;
        if state.output.is_empty()
            && let Some(link) = lock(&self.network).links.get_mut(&state.end.peer)
        {
            link.finished = true;
        }
    }

    fn close(&mut self, key: Key) {
        self.sockets.remove(&key);
    }

    fn reset(&mut self, key: Key) {
        if let Some(state) = self.sockets.get(&key)
            && let Some(link) = lock(&self.network).links.get_mut(&state.end.peer)
        {
            link.broken = true;
            link.held.clear();
        }
        self.close(key);
    }

    fn detach(&mut self, key: Key) {
        if let Some(state) = self.sockets.get_mut(&key) {
            state.detaching = true;
        }
    }

    fn wait<S: Sink<SimSocket>>(
        &mut self,
        timeout: Option<Duration>,
        sink: &mut S,
    ) -> io::Result<()> {
        if timeout != Some(Duration::ZERO) && self.is_quiet() && !self.closing {
            self.sleep();
        }
        self.accept(sink);
        if std::mem::take(&mut self.closing) {
            self.listeners.fill(false);
        }
        self.deliver();
        for key in self.keys() {
            self.progress(key, sink);
            self.give_away(key, sink);
        }
        Ok(())
    }
}

/// Moves up to `count` bytes from the front of `output`; returns how many moved.
fn take(output: &mut SendQueue, count: usize, target: &mut VecDeque<u8>) -> usize {
    let mut left = count;
    while left > 0 && !output.is_empty() {
        let moved = take_front(output, left, target);
        output.advance(moved as u64);
        left -= moved;
    }
    count - left
}

fn take_front(output: &SendQueue, most: usize, target: &mut VecDeque<u8>) -> usize {
    if let Some(range) = output.front_file() {
        let length = range.length.min(most as u64) as usize;
        let mut bytes = vec![0; length];
        range.file.read_exact_at(&mut bytes, range.offset).expect("the file is whole");
        target.extend(bytes);
        return length;
    }
    let mut slices = [IoSlice::new(&[])];
    output.io_slices(&mut slices);
    let length = slices[0].len().min(most);
    target.extend(&slices[0][..length]);
    length
}
