//! A fault of the server costs the connection that meets it, wherever that is, and nobody else.

mod support;

use std::time::Duration;

use hyperion_engine::faults;
use hyperion_sim::{Answer, Faults, PeerId, World};
use support::{config, get, parse, post};

/// More calls to the service than the story below has, and more points around calls into its sessions.
const CALLS: usize = 60;
const POINTS: usize = 400;

/// Clients that ask, leave and drain, and a fault that comes when the story has begun; returns the panics.
fn tell(answer: Answer, calls: usize, begin: impl Fn(&World), end: impl Fn(&World)) -> u64 {
    let mut world = World::new(config(), answer, 4, Faults::default(), 7);
    begin(&world);
    let peers: Vec<_> = (0..4).map(|_| world.connect()).collect();
    for &peer in &peers {
        world.send(peer, &[get("/native"), post("/a", "body"), get("/b")].concat());
    }
    world.settle_engine();
    world.reset(peers[0]);
    world.settle_engine();
    world.end(peers[1]);
    world.settle();
    world.pass(Duration::from_secs(1));
    let is_answered = |peer: PeerId| parse(&world.received(peer)).0.len() == 3;
    let unharmed = peers[1..].iter().filter(|&&peer| is_answered(peer));
    assert!(unharmed.count() >= 2, "a fault after {calls} calls cost several connections");
    for &peer in &peers[1..] {
        assert!(is_answered(peer) || world.is_closed(peer), "after {calls} calls {peer:?} hangs");
    }

    end(&world);
    let next = world.connect();
    world.send(next, &get("/next"));
    world.settle();
    assert_eq!(parse(&world.received(next)).0[0].body, "GET /next", "after {calls} calls");
    world.drain();
    world.pass(Duration::from_secs(120));
    assert!(world.is_closed(next), "after {calls} calls");
    assert_eq!(world.stats.connections_active.value(), 0, "after {calls} calls");
    let (asked, finished) = world.app.completions();
    assert!(finished.len() + 1 >= asked.len(), "ends of responses are not told of");
    world.stats.engine_panics.value()
}

#[test]
fn h3_a_fault_in_any_call_to_the_service_costs_one_connection() {
    let tell = |calls| {
        let begin = |world: &World| world.app.panic_after(calls);
        tell(Answer::Stream, calls, begin, |world| world.app.panic_after(usize::MAX))
    };
    let panics: u64 = (0..CALLS).map(tell).sum();
    assert!(panics > 20, "{panics} faults were met");
}

#[test]
fn h3_a_fault_around_any_call_into_a_session_costs_one_connection() {
    for answer in [Answer::Full, Answer::Stream] {
        let tell =
            |points| tell(answer, points, |_| faults::after(Some(points)), |_| faults::after(None));
        let panics: u64 = (0..POINTS).map(tell).sum();
        assert!((100..POINTS as u64).contains(&panics), "{panics} faults were met");
    }
}
