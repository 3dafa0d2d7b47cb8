//! Clients that take their answers slowly: output waits, first in the socket and then in the engine.

mod support;

use std::num::NonZeroUsize;
use std::time::Duration;

use hyperion_sim::{Answer, Faults, PeerId, Random, World};
use support::{assert_nothing_is_left, config, get, parse};

const SEEDS: u64 = 150;

/// What the slowest reader that is left alone takes in a second, and a little more.
const PACE: usize = 600;

struct Reader {
    peer: PeerId,
    answers: Vec<String>,
}

/// Sends several requests at once, whose answers are as long as their paths.
fn ask(world: &mut World, random: &mut Random, number: usize) -> Reader {
    let peer = world.connect();
    world.limit_window(peer, random.below(100));
    let paths: Vec<_> = (0..1 + random.below(6))
        .map(|index| format!("/{number}/{index}/{}", "l".repeat(random.below(3000))))
        .collect();
    world.send(peer, &paths.iter().flat_map(|path| get(path)).collect::<Vec<_>>());
    Reader { peer, answers: paths.iter().map(|path| format!("GET {path}")).collect() }
}

fn bodies(world: &World, peer: PeerId) -> Vec<String> {
    let (responses, rest) = parse(&world.received(peer));
    assert!(rest.is_empty(), "{peer:?}: {}", String::from_utf8_lossy(&rest));
    responses.into_iter().map(|seen| seen.body).collect()
}

#[test]
fn readers_that_keep_pace_get_every_answer_in_order_however_little_the_socket_holds() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let faults = Faults { reset_per_10000: 0, ..Faults::random(&mut random) };
        let answer = [Answer::Full, Answer::Stream][random.below(2)];
        let mut config = config();
        config.protocol.limits.in_flight = NonZeroUsize::MIN.saturating_add(random.below(4));
        let mut world = World::new(config, answer, 100, faults, seed);
        let readers: Vec<_> = (0..3).map(|number| ask(&mut world, &mut random, number)).collect();
        // The longest story is twenty kilobytes long.
        for _ in 0..50 {
            world.pass(Duration::from_secs(1));
            for reader in &readers {
                world.give_room(reader.peer, PACE + random.below(400));
            }
        }
        readers.iter().for_each(|reader| world.end(reader.peer));
        world.pass(Duration::from_secs(600));
        assert_nothing_is_left(&world, readers.iter().map(|reader| reader.peer), seed);
        for reader in &readers {
            assert_eq!(bodies(&world, reader.peer), reader.answers, "seed {seed}");
        }
    }
}

/// A client that is told the end behind a long answer, all of which its socket holds, and whose next request
/// stays unanswered.
fn told_the_end() -> (World, PeerId) {
    let faults = Faults { socket_bytes: 100_000, ..Faults::default() };
    let mut world = World::new(config(), Answer::Full, 4, faults, 1);
    let peer = world.connect();
    world.limit_window(peer, 0);
    let path = "l".repeat(6000);
    let request = format!("GET /{path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n");
    world.send(peer, &[request.into_bytes(), get("/behind")].concat());
    world.settle();
    (world, peer)
}

#[test]
fn a_reader_that_was_told_the_end_may_take_the_rest_at_its_pace() {
    let (mut world, peer) = told_the_end();
    for second in 0..6 {
        assert!(!world.is_closed(peer), "in second {second}");
        world.give_room(peer, 900);
        world.pass(Duration::from_secs(1));
    }
    world.lift_window(peer);
    world.pass(Duration::from_secs(5));
    assert!(world.is_closed(peer) && world.is_ended(peer));
    assert_eq!(bodies(&world, peer)[0].len(), "GET /".len() + 6000);
}

#[test]
fn a_reader_that_was_told_the_end_and_takes_nothing_is_left_to_the_kernel() {
    let (mut world, peer) = told_the_end();
    world.pass(Duration::from_secs(10));
    assert!(world.is_closed(peer) && !world.is_ended(peer));
    world.lift_window(peer);
    world.settle();
    assert!(world.is_ended(peer));
    assert_eq!(bodies(&world, peer)[0].len(), "GET /".len() + 6000);
}

#[test]
fn what_the_socket_holds_does_not_hide_a_reader_that_takes_nothing() {
    let faults = Faults { socket_bytes: 100, ..Faults::default() };
    let mut world = World::new(config(), Answer::Full, 4, faults, 1);
    let peer = world.connect();
    world.limit_window(peer, 0);
    world.send(peer, &get(&format!("/{}", "l".repeat(3000))));
    world.pass(Duration::from_secs(29));
    assert!(!world.is_closed(peer));
    world.pass(Duration::from_secs(3));
    assert!(world.is_closed(peer) && world.is_broken(peer));
    assert!(world.received(peer).is_empty(), "a reset discards what the socket holds");
}
