//! Thousands of random worlds: whatever clients, network and application do, nothing is lost,
//! doubled, reordered or left behind.

mod support;

use std::num::NonZeroUsize;
use std::time::Duration;

use hyperion_sim::{Answer, Faults, PeerId, Random, World};
use support::{assert_nothing_is_left, config, get, parse, post, post_chunked};

const SEEDS: u64 = 3000;

/// A client's plan: what it sends, and the answers that belong to it.
struct Plan {
    bytes: Vec<u8>,
    answers: Vec<String>,
}

fn plan(random: &mut Random, client: usize) -> Plan {
    let mut plan = Plan { bytes: Vec::new(), answers: Vec::new() };
    for number in 0..1 + random.below(4) {
        let path = format!("/{client}/{number}");
        let body = "b".repeat(1 + random.below(60));
        let (bytes, answer) = match random.below(5) {
            3 => (get("/native"), "native GET".to_owned()),
            4 => (post("/native", &body), "native POST".to_owned()),
            0 => (get(&path), format!("GET {path}")),
            1 => (post(&path, &body), format!("POST {path} {body}")),
            _ => {
                let size = 1 + random.below(20);
                (post_chunked(&path, &body, size), format!("POST {path} {body}"))
            }
        };
        plan.bytes.extend(bytes);
        plan.answers.push(answer);
    }
    plan
}

fn play(world: &mut World, random: &mut Random, clients: usize) -> Vec<(PeerId, Plan)> {
    let mut open: Vec<(PeerId, Plan, usize)> =
        (0..clients).map(|client| (world.connect(), plan(random, client), 0)).collect();
    while open.iter().any(|(_, plan, sent)| *sent < plan.bytes.len()) {
        let (peer, plan, sent) = &mut open[random.below(clients)];
        let count = (1 + random.below(80)).min(plan.bytes.len() - *sent);
        world.send(*peer, &plan.bytes[*sent..*sent + count]);
        *sent += count;
        match random.below(3) {
            0 => world.settle(),
            1 => world.settle_engine(),
            _ => {}
        }
    }
    open.into_iter().map(|(peer, plan, _)| (peer, plan)).collect()
}

fn finish(world: &mut World, clients: &[(PeerId, Plan)]) {
    world.settle();
    for (peer, _) in clients {
        world.end(*peer);
    }
    world.pass(Duration::from_secs(600));
}

#[test]
fn without_resets_every_request_gets_its_answer_in_order() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let faults = Faults { reset_per_10000: 0, ..Faults::random(&mut random) };
        let answer = [Answer::Full, Answer::Stream][random.below(2)];
        let mut config = config();
        config.protocol.limits.in_flight = NonZeroUsize::MIN.saturating_add(random.below(4));
        let mut world = World::new(config, answer, 100, faults, seed);
        let count = 1 + random.below(4);
        let clients = play(&mut world, &mut random, count);
        finish(&mut world, &clients);
        assert_nothing_is_left(&world, clients.iter().map(|(peer, _)| *peer), seed);
        for (peer, plan) in &clients {
            let (responses, rest) = parse(&world.received(*peer));
            assert!(rest.is_empty(), "seed {seed}");
            let bodies: Vec<_> = responses.iter().map(|seen| seen.body.clone()).collect();
            assert_eq!(bodies, plan.answers, "seed {seed}");
        }
    }
}

#[test]
fn with_resets_and_failing_apps_answers_are_a_prefix_and_nothing_is_left() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed ^ 0xdead);
        let faults = Faults { reset_per_10000: 50, ..Faults::random(&mut random) };
        let mut world = World::new(config(), Answer::Random, 2, faults, seed);
        let count = 1 + random.below(6);
        let clients = play(&mut world, &mut random, count);
        if random.percent(30) {
            world.limit_window(clients[0].0, random.below(100));
        }
        if random.percent(30) {
            world.drain();
        }
        finish(&mut world, &clients);
        assert_nothing_is_left(&world, clients.iter().map(|(peer, _)| *peer), seed);
        for (peer, plan) in &clients {
            let (responses, _) = parse(&world.received(*peer));
            for (seen, answer) in responses.iter().zip(&plan.answers) {
                if seen.status == 200 {
                    assert_eq!(&seen.body, answer, "seed {seed}");
                }
            }
            assert!(responses.len() <= plan.answers.len() + 1, "seed {seed}");
        }
    }
}
