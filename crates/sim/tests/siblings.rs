//! Random worlds of several workers: whoever accepts, works and leaves, no request is lost, doubled or reordered.

#[path = "support/plan.rs"]
mod plan;
mod support;

use std::time::Duration;

use hyperion_sim::{Answer, Cluster, Faults, PeerId, Random};
use plan::{Plan, plan};
use support::{assert_nothing_is_left, config, parse};

/// The end of each takes its time, since siblings await each other.
const SEEDS: u64 = 60;
const WORKERS: usize = 3;

/// A client, who it connects to, and how far it is.
struct Client {
    worker: usize,
    peer: PeerId,
    plan: Plan,
    sent: usize,
}

fn connect(cluster: &mut Cluster, random: &mut Random, number: usize) -> Client {
    // Most meet one worker, so that there is something to share.
    let worker = if random.percent(80) { 0 } else { random.below(WORKERS) };
    let peer = cluster.workers[worker].connect();
    Client { worker, peer, plan: plan(random, number), sent: 0 }
}

impl Client {
    fn send(&mut self, cluster: &mut Cluster, most: usize) {
        let count = most.min(self.plan.bytes.len() - self.sent);
        let bytes = &self.plan.bytes[self.sent..self.sent + count];
        cluster.workers[self.worker].send(self.peer, bytes);
        self.sent += count;
    }

    fn bodies(&self, cluster: &Cluster, seed: u64) -> Vec<String> {
        let (responses, rest) = parse(&cluster.workers[self.worker].received(self.peer));
        assert!(rest.is_empty(), "seed {seed}");
        responses.iter().map(|seen| seen.body.clone()).collect()
    }
}

/// Clients that send in pieces, while workers take their time.
fn play(cluster: &mut Cluster, random: &mut Random) -> Vec<Client> {
    let mut clients: Vec<_> =
        (0..2 + random.below(6)).map(|number| connect(cluster, random, number)).collect();
    while clients.iter().any(|client| client.sent < client.plan.bytes.len()) {
        let next = random.below(clients.len());
        clients[next].send(cluster, 1 + random.below(80));
        match random.below(3) {
            0 => cluster.settle(),
            1 => cluster.pass_engine(Duration::from_millis(random.below(5) as u64)),
            _ => {}
        }
    }
    clients
}

fn finish(cluster: &mut Cluster, clients: &[Client], seed: u64) {
    cluster.settle();
    for client in clients {
        cluster.workers[client.worker].end(client.peer);
    }
    cluster.pass(Duration::from_secs(600));
    for world in &cluster.workers {
        assert_nothing_is_left(world, clients.iter().map(|client| client.peer), seed);
    }
}

fn faults(random: &mut Random) -> Faults {
    Faults { reset_per_10000: 0, ..Faults::random(random) }
}

#[test]
fn requests_are_answered_in_order_wherever_they_go() {
    let (mut connections, mut requests) = (0, 0);
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let faults = faults(&mut random);
        let answer = [Answer::Full, Answer::Stream][random.below(2)];
        let mut cluster = Cluster::new(WORKERS, &config(), answer, faults, seed);
        let clients = play(&mut cluster, &mut random);
        finish(&mut cluster, &clients, seed);
        for client in &clients {
            assert_eq!(client.bodies(&cluster, seed), client.plan.answers, "seed {seed}");
        }
        connections += cluster.total("connections_passed");
        requests += cluster.total("requests_passed");
    }
    assert!(connections > SEEDS && requests > SEEDS, "{connections} and {requests} were passed");
}

#[test]
fn a_worker_that_leaves_loses_no_request_that_it_has_read() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed ^ 0xdead);
        let faults = faults(&mut random);
        let mut cluster = Cluster::new(WORKERS, &config(), Answer::Full, faults, seed);
        let clients = play(&mut cluster, &mut random);
        cluster.workers[0].drain();
        finish(&mut cluster, &clients, seed);
        for client in &clients {
            let bodies = client.bodies(&cluster, seed);
            assert!(client.plan.answers.starts_with(&bodies), "seed {seed}: {bodies:?}");
            assert!(!bodies.is_empty(), "seed {seed}: a client got no answer at all");
        }
    }
}
