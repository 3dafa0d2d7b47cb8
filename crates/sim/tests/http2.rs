//! Random worlds of HTTP/2: streams share a connection and its windows, and whatever clients, network and
//! application do, nothing is lost, doubled or left behind.

#[path = "support/http2.rs"]
mod client;
mod support;

use std::time::Duration;

use client::Client;
use hyperion_sim::{Answer, Faults, Random, World};
use support::{assert_nothing_is_left, config};

const SEEDS: u64 = 300;

/// A client, and what its streams are to bring.
struct Story {
    client: Client,
    answers: Vec<(u32, String)>,
}

impl Story {
    fn begin(world: &mut World, random: &mut Random, number: usize) -> Self {
        let window = [1, 40, 700, 65_535][random.below(4)];
        let client = Client::connect(world, window);
        let mut story = Self { client, answers: Vec::new() };
        for index in 0..1 + random.below(6) {
            let (stream, path) = (1 + 2 * index as u32, format!("/{number}/{index}"));
            let body = "b".repeat(random.below(60));
            let (method, answer) = match body.is_empty() {
                true => ("GET", format!("GET {path}")),
                false => ("POST", format!("POST {path} {body}")),
            };
            story.client.request(stream, method, &path, body.as_bytes());
            story.answers.push((stream, answer));
        }
        story
    }

    fn receive(&mut self, world: &World, random: &mut Random) {
        self.client.receive(world);
        if random.percent(50) {
            self.client.give_room();
        }
    }
}

fn play(world: &mut World, random: &mut Random, count: usize, cancels: bool) -> Vec<Story> {
    let mut stories: Vec<_> =
        (0..count).map(|number| Story::begin(world, random, number)).collect();
    while stories.iter().any(|story| !story.client.is_quiet()) {
        let story = &mut stories[random.below(count)];
        story.client.send(world, 1 + random.below(200));
        if cancels && random.percent(10) {
            story.client.cancel(1 + 2 * random.below(3) as u32);
        }
        match random.below(3) {
            0 => world.settle(),
            1 => world.settle_engine(),
            _ => {}
        }
        story.receive(world, random);
    }
    stories
}

/// Everybody takes what comes until nothing does, and leaves.
fn finish(world: &mut World, stories: &mut [Story]) {
    loop {
        world.settle();
        let mut goes_on = false;
        for story in stories.iter_mut() {
            story.client.receive(world);
            goes_on |= story.client.give_room() || !story.client.is_quiet();
            story.client.send(world, usize::MAX);
        }
        if !goes_on {
            break;
        }
    }
    for story in stories.iter() {
        world.end(story.client.peer);
    }
    world.pass(Duration::from_secs(600));
}

#[test]
fn without_resets_every_stream_gets_all_of_its_answer_however_little_room_there_is() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let faults = Faults { reset_per_10000: 0, ..Faults::random(&mut random) };
        let answer = [Answer::Full, Answer::Stream][random.below(2)];
        let mut world = World::new(config(), answer, 100, faults, seed);
        let count = 1 + random.below(3);
        let mut stories = play(&mut world, &mut random, count, false);
        finish(&mut world, &mut stories);
        assert_nothing_is_left(&world, stories.iter().map(|story| story.client.peer), seed);
        for story in &stories {
            for (stream, answer) in &story.answers {
                let seen = story.client.answers.get(stream);
                let seen = seen.unwrap_or_else(|| {
                    panic!(
                        "seed {seed}: nothing on {stream} {:?}",
                        world.received(story.client.peer)
                    )
                });
                assert!(
                    seen.is_complete && !seen.is_reset,
                    "seed {seed}, stream {stream}: {seen:?}"
                );
                assert_eq!(String::from_utf8_lossy(&seen.body), *answer, "seed {seed}");
            }
        }
    }
}

#[test]
fn with_resets_and_failing_apps_answers_are_prefixes_and_nothing_is_left() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed ^ 0xbeef);
        let faults = Faults { reset_per_10000: 30, ..Faults::random(&mut random) };
        let mut world = World::new(config(), Answer::Random, 3, faults, seed);
        let count = 1 + random.below(4);
        let mut stories = play(&mut world, &mut random, count, true);
        if random.percent(30) {
            world.limit_window(stories[0].client.peer, random.below(200));
        }
        if random.percent(30) {
            world.drain();
        }
        finish(&mut world, &mut stories);
        assert_nothing_is_left(&world, stories.iter().map(|story| story.client.peer), seed);
        for story in &stories {
            for (stream, answer) in &story.answers {
                let Some(seen) = story.client.answers.get(stream) else { continue };
                let text = String::from_utf8_lossy(&seen.body);
                assert!(!seen.is_ok || answer.starts_with(&*text), "seed {seed}: {text}");
            }
        }
    }
}

/// Clients that ask, cancel, leave and stay, and a fault in one of the calls that come of it; returns the panics.
fn tell_with_fault_after(calls: usize) -> u64 {
    let mut world = World::new(config(), Answer::Stream, 4, Faults::default(), 7);
    world.app.panic_after(calls);
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(&mut world, 65_535)).collect();
    for client in &mut clients {
        client.request(1, "POST", "/a", b"body");
        client.request(3, "GET", "/b", b"");
        client.send(&mut world, usize::MAX);
    }
    world.settle_engine();
    clients[0].cancel(3);
    clients[0].send(&mut world, usize::MAX);
    world.settle_engine();
    world.reset(clients[0].peer);
    world.settle();
    world.pass(Duration::from_secs(1));
    clients.iter_mut().for_each(|client| client.receive(&world));
    let is_whole =
        |client: &Client| client.answers.values().filter(|answer| answer.is_complete).count() == 2;
    assert!(clients[1..].iter().any(is_whole), "a fault after {calls} calls cost both");

    world.app.panic_after(usize::MAX);
    let mut next = Client::connect(&mut world, 65_535);
    next.request(1, "GET", "/next", b"");
    next.send(&mut world, usize::MAX);
    world.settle();
    next.receive(&world);
    assert_eq!(next.answers[&1].body, b"GET /next", "after {calls} calls");
    world.drain();
    world.pass(Duration::from_secs(120));
    assert!(world.is_closed(next.peer), "after {calls} calls");
    world.stats.engine_panics.value()
}

#[test]
fn h3_a_fault_in_any_call_to_the_service_costs_one_connection() {
    let panics: u64 = (0..40).map(tell_with_fault_after).sum();
    assert!(panics > 5, "{panics} faults were met");
}
