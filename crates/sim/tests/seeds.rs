//! Thousands of random worlds: whatever clients, network and application do, nothing is lost,
//! doubled, reordered or left behind.

#[path = "support/plan.rs"]
mod plan;
mod support;
#[path = "support/tls.rs"]
mod tls;

use std::num::NonZeroUsize;
use std::time::Duration;

use hyperion_sim::{Answer, Faults, PeerId, Random, World};
use plan::{Plan, plan};
use support::{assert_nothing_is_left, config, parse};
use tls::{Secure, Session};

const SEEDS: u64 = 3000;

/// Handshakes take their time.
const SECURE_SEEDS: u64 = 200;

/// A client, and how far it is.
struct Client {
    peer: PeerId,
    plan: Plan,
    sent: usize,
    /// Where it speaks TLS.
    session: Option<Session>,
}

impl Client {
    /// With `secure`, some speak TLS to an address of its own, beside those that do not.
    fn connect(
        world: &mut World,
        random: &mut Random,
        number: usize,
        secure: Option<(&Secure, usize)>,
    ) -> Self {
        let session = secure
            .filter(|_| random.percent(70))
            .map(|(secure, listener)| secure.connect(world, listener));
        let peer = session.as_ref().map_or_else(|| world.connect(), |session| session.peer);
        Self { peer, plan: plan(random, number), sent: 0, session }
    }

    fn send(&mut self, world: &mut World, most: usize) {
        let count = most.min(self.plan.bytes.len() - self.sent);
        let bytes = &self.plan.bytes[self.sent..self.sent + count];
        match &mut self.session {
            Some(session) => session.send(world, bytes),
            None => world.send(self.peer, bytes),
        }
        self.sent += count;
    }

    fn end(&mut self, world: &mut World) {
        match &mut self.session {
            Some(session) => session.end(world),
            None => world.end(self.peer),
        }
    }

    fn exchange(&mut self, world: &mut World) -> bool {
        self.session.as_mut().is_some_and(|session| session.exchange(world))
    }

    fn received(&self, world: &World) -> Vec<u8> {
        match &self.session {
            Some(session) => session.received.clone(),
            None => world.received(self.peer),
        }
    }
}

fn play(
    world: &mut World,
    random: &mut Random,
    count: usize,
    secure: Option<&Secure>,
) -> Vec<Client> {
    let secure = secure.map(|secure| (secure, secure.listen(world)));
    let mut clients: Vec<_> =
        (0..count).map(|number| Client::connect(world, random, number, secure)).collect();
    while clients.iter().any(|client| client.sent < client.plan.bytes.len()) {
        clients[random.below(count)].send(world, 1 + random.below(80));
        match random.below(3) {
            0 => world.settle(),
            1 => world.settle_engine(),
            _ => {}
        }
    }
    clients
}

fn finish(world: &mut World, clients: &mut [Client]) {
    let mut goes_on = true;
    while goes_on {
        world.settle();
        goes_on = false;
        for client in clients.iter_mut() {
            goes_on |= client.exchange(world);
        }
    }
    clients.iter_mut().for_each(|client| client.end(world));
    world.pass(Duration::from_secs(600));
    clients.iter_mut().for_each(|client| _ = client.exchange(world));
}

fn tell_without_resets(seeds: u64, secure: Option<&Secure>) {
    for seed in 0..seeds {
        let mut random = Random::new(seed);
        let faults = Faults { reset_per_10000: 0, ..Faults::random(&mut random) };
        let answer = [Answer::Full, Answer::Stream][random.below(2)];
        let mut config = config();
        config.protocol.limits.in_flight = NonZeroUsize::MIN.saturating_add(random.below(4));
        let mut world = World::new(config, answer, 100, faults, seed);
        let count = 1 + random.below(4);
        let mut clients = play(&mut world, &mut random, count, secure);
        finish(&mut world, &mut clients);
        assert_nothing_is_left(&world, clients.iter().map(|client| client.peer), seed);
        for client in &clients {
            let (responses, rest) = parse(&client.received(&world));
            assert!(rest.is_empty(), "seed {seed}");
            let bodies: Vec<_> = responses.iter().map(|seen| seen.body.clone()).collect();
            assert_eq!(bodies, client.plan.answers, "seed {seed}");
        }
    }
}

fn tell_with_resets(seeds: u64, secure: Option<&Secure>) {
    for seed in 0..seeds {
        let mut random = Random::new(seed ^ 0xdead);
        let faults = Faults { reset_per_10000: 50, ..Faults::random(&mut random) };
        let mut world = World::new(config(), Answer::Random, 2, faults, seed);
        let count = 1 + random.below(6);
        let mut clients = play(&mut world, &mut random, count, secure);
        if random.percent(30) {
            world.limit_window(clients[0].peer, random.below(100));
        }
        if random.percent(30) {
            world.drain();
        }
        finish(&mut world, &mut clients);
        assert_nothing_is_left(&world, clients.iter().map(|client| client.peer), seed);
        for client in &clients {
            let (responses, _) = parse(&client.received(&world));
            for (seen, answer) in responses.iter().zip(&client.plan.answers) {
                if seen.status == 200 {
                    assert_eq!(&seen.body, answer, "seed {seed}");
                }
            }
            assert!(responses.len() <= client.plan.answers.len() + 1, "seed {seed}");
        }
    }
}

#[test]
fn without_resets_every_request_gets_its_answer_in_order() {
    tell_without_resets(SEEDS, None);
}

#[test]
fn without_resets_every_request_gets_its_answer_in_order_by_tls_as_well() {
    tell_without_resets(SECURE_SEEDS, Some(&Secure::new()));
}

#[test]
fn with_resets_and_failing_apps_answers_are_a_prefix_and_nothing_is_left() {
    tell_with_resets(SEEDS, None);
}

#[test]
fn with_resets_and_failing_apps_answers_by_tls_are_a_prefix_and_nothing_is_left() {
    tell_with_resets(SECURE_SEEDS, Some(&Secure::new()));
}
