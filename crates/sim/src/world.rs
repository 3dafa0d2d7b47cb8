use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyperion_engine::{Channels, Config, Inbox, Listener, Log, Reactor, Stats};
use hyperion_io::Driver;

use crate::app::{Answer, App};
use crate::clock::VirtualClock;
use crate::driver::SimDriver;
use crate::network::{Faults, Link, PeerId};
use crate::random::Random;
use crate::socket::{Backlog, Network, SimSocket, lock};

/// Turns without progress after which a simulation is taken for stuck.
pub(crate) const TURNS_MAX: usize = 1_000_000;

const LISTENS: &str = "simulated listeners work";

/// A reactor, its application, its clients and the time they live in.
pub struct World {
    /// The application.
    pub app: Arc<App>,
    /// The engine's counters.
    pub stats: Arc<Stats>,
    /// The time.
    pub clock: VirtualClock,
    reactor: Reactor<SimDriver>,
    inbox: Arc<Inbox>,
    network: Arc<Mutex<Network>>,
    backlog: Arc<Backlog>,
    random: Random,
    listeners: usize,
    sleeps: bool,
}

/// What several workers have in common.
pub(crate) struct SharedSimulation {
    pub network: Arc<Mutex<Network>>,
    pub clock: VirtualClock,
}

impl SharedSimulation {
    pub fn new(faults: Faults, seed: u64) -> Self {
        let network = Network { links: BTreeMap::new(), faults, random: Random::new(seed) };
        Self { network: Arc::new(Mutex::new(network)), clock: VirtualClock::default() }
    }
}

impl World {
    /// A world whose accidents follow from `seed`.
    pub fn new(config: Config, answer: Answer, capacity: usize, faults: Faults, seed: u64) -> Self {
        let app = App::new(answer, capacity, Arc::default());
        Self::within(&SharedSimulation::new(faults, seed), config, app, seed)
    }

    /// One of several workers.
    pub(crate) fn within(around: &SharedSimulation, config: Config, app: App, seed: u64) -> Self {
        let (network, clock) = (around.network.clone(), around.clock.clone());
        let backlog = Arc::<Backlog>::default();
        let driver = SimDriver::new(network.clone(), backlog.clone());
        let stats = app.stats.clone();
        let app = Arc::new(app);
        let inbox = Arc::new(Inbox::new(driver.waker()));
        let log = Arc::new(Log::new(config.log.clone()));
        let mut reactor = Reactor::new(
            driver,
            config,
            inbox.clone(),
            app.clone(),
            stats.clone(),
            log,
            Box::new(clock.clone()),
        );
        let address = Listener::Tcp(([127, 0, 0, 1], 9292).into());
        reactor.listen(SimSocket::Listener, address).expect(LISTENS);
        Self {
            app,
            stats,
            clock,
            reactor,
            inbox,
            network,
            backlog,
            random: Random::new(!seed),
            listeners: 1,
            sleeps: false,
        }
    }

    /// Listens at one more address; returns its number, which is 0 for the one that is always there.
    pub fn listen(&mut self, address: Listener) -> usize {
        self.reactor.listen(SimSocket::Listener, address).expect(LISTENS);
        self.listeners += 1;
        self.listeners - 1
    }

    /// A client connects to the address that is always there.
    pub fn connect(&mut self) -> PeerId {
        self.connect_to(0)
    }

    /// A client connects.
    pub fn connect_to(&mut self, listener: usize) -> PeerId {
        let mut network = lock(&self.network);
        let peer = PeerId(network.links.len());
        network.links.insert(peer, Link::default());
        lock(&self.backlog).push((listener, peer));
        peer
    }

    /// The client sends bytes.
    pub fn send(&mut self, peer: PeerId, bytes: &[u8]) {
        self.with_link(peer, |link| link.send(bytes));
    }

    /// The client will take only `bytes` more.
    pub fn limit_window(&mut self, peer: PeerId, bytes: usize) {
        self.with_link(peer, |link| link.window = Some(bytes));
    }

    /// The client has room for `bytes` more than before.
    pub fn give_room(&mut self, peer: PeerId, bytes: usize) {
        self.with_link(peer, |link| {
            link.window = link.window.map(|window| window.saturating_add(bytes));
        });
    }

    /// The client will take all that comes.
    pub fn lift_window(&mut self, peer: PeerId) {
        self.with_link(peer, |link| link.window = None);
    }

    /// The client sends no more.
    pub fn end(&mut self, peer: PeerId) {
        self.with_link(peer, |link| link.client_ended = true);
    }

    /// The connection breaks.
    pub fn reset(&mut self, peer: PeerId) {
        self.with_link(peer, |link| link.reset = true);
    }

    /// What the client has received.
    pub fn received(&self, peer: PeerId) -> Vec<u8> {
        lock(&self.network).links[&peer].to_client.clone()
    }

    /// Whether the server's last word has reached the client.
    pub fn is_ended(&self, peer: PeerId) -> bool {
        lock(&self.network).links[&peer].is_ended()
    }

    /// Whether the server has closed the client's socket.
    pub fn is_closed(&self, peer: PeerId) -> bool {
        lock(&self.network).links[&peer].closed
    }

    /// Whether the server broke the client's connection instead of ending it.
    pub fn is_broken(&self, peer: PeerId) -> bool {
        lock(&self.network).links[&peer].broken
    }

    /// The server is asked to let each connection bring one more request.
    pub fn last_call(&mut self) {
        self.inbox.last_call();
    }

    /// The server is asked to drain.
    pub fn drain(&mut self) {
        self.inbox.drain();
    }

    /// Lets everything happen that can happen now, the application's work included.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn();
            if !self.work() && self.is_quiet() {
                self.turn();
                if self.app.waiting() == 0 && self.is_quiet() {
                    return;
                }
            }
        }
        panic!("the simulation does not come to rest");
    }

    /// Lets everything happen but the application's work.
    pub fn settle_engine(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn();
            if self.is_quiet() {
                return self.turn();
            }
        }
        panic!("the simulation does not come to rest");
    }

    /// Lets `time` pass, stopping at every deadline on the way.
    pub fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        self.settle();
        while let Some(at) = self.reactor.next_deadline().filter(|at| *at <= end) {
            self.clock.advance_to(at);
            self.settle();
        }
        self.clock.advance_to(end);
        self.settle();
    }

    /// The application works off all requests that wait, while the reactor does not turn.
    pub fn work_off(&mut self) {
        while self.app.work(&mut self.random) {}
    }

    /// Has the reactor sleep when it has nothing to do, and the application work while it does: whatever that
    /// gives the reactor has to wake it.
    pub fn sleep(&mut self, seed: u64) {
        let (app, mut random) = (self.app.clone(), Random::new(seed));
        self.reactor.driver_mut().sleep_beside(Box::new(move || app.work(&mut random)));
        self.sleeps = true;
    }

    /// One turn of the reactor.
    pub fn turn(&mut self) {
        self.reactor.turn(self.sleeps).expect("the simulated driver does not fail");
    }

    /// Shares its work with other workers.
    pub(crate) fn join(&mut self, channels: Channels) {
        self.reactor.join(Arc::new(channels)).expect("siblings can be met");
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.reactor.next_deadline()
    }

    /// The application answers one request that waits; false when none does.
    pub(crate) fn work(&mut self) -> bool {
        !self.sleeps && self.app.work(&mut self.random)
    }

    pub(crate) fn is_quiet(&mut self) -> bool {
        !self.reactor.has_pending_work() && self.reactor.driver_mut().is_quiet()
    }

    fn with_link(&mut self, peer: PeerId, change: impl FnOnce(&mut Link)) {
        change(lock(&self.network).links.get_mut(&peer).expect("the peer has connected"));
    }
}
