//! A reactor that sleeps while executors work: each answer wakes it.

#[path = "support/plan.rs"]
mod plan;
mod support;

use std::time::Duration;

use hyperion_sim::{Answer, Faults, Random, World};
use plan::plan;
use support::{assert_nothing_is_left, config, parse};

const SEEDS: u64 = 500;

#[test]
fn whatever_is_answered_while_the_reactor_sleeps_wakes_it() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let faults = Faults { reset_per_10000: 0, ..Faults::random(&mut random) };
        let answer = [Answer::Full, Answer::Stream][random.below(2)];
        let mut world = World::new(config(), answer, 100, faults, seed);
        world.sleep(seed);
        let clients: Vec<_> = (0..1 + random.below(4))
            .map(|number| (world.connect(), plan(&mut random, number)))
            .collect();
        for (peer, plan) in &clients {
            for piece in plan.bytes.chunks(1 + random.below(100)) {
                world.send(*peer, piece);
                if random.percent(50) {
                    world.settle();
                }
            }
        }
        world.settle();
        for (peer, plan) in &clients {
            let (responses, _) = parse(&world.received(*peer));
            assert_eq!(responses.len(), plan.answers.len(), "seed {seed}: before any timer");
        }
        clients.iter().for_each(|(peer, _)| world.end(*peer));
        world.pass(Duration::from_secs(600));
        assert_nothing_is_left(&world, clients.iter().map(|(peer, _)| *peer), seed);
    }
}
