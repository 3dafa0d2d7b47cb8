//! A fault of the server costs the connection that meets it, wherever that is, and nobody else.

mod support;

use std::time::Duration;

use hyperion_sim::{Answer, Faults, World};
use support::{config, get, parse, post};

/// More calls than the story below has.
const CALLS: usize = 60;

/// Clients that ask, leave and drain, and a fault in one of the calls that come of it; returns the panics.
fn tell_with_fault_after(calls: usize) -> u64 {
    let mut world = World::new(config(), Answer::Stream, 4, Faults::default(), 7);
    world.app.panic_after(calls);
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
    let unharmed = peers[1..].iter().filter(|&&peer| parse(&world.received(peer)).0.len() == 3);
    assert!(unharmed.count() >= 2, "a fault after {calls} calls cost several connections");

    world.app.panic_after(usize::MAX);
    let next = world.connect();
    world.send(next, &get("/next"));
    world.settle();
    assert_eq!(parse(&world.received(next)).0[0].body, "GET /next", "after {calls} calls");
    world.drain();
    world.pass(Duration::from_secs(120));
    assert!(world.is_closed(next), "after {calls} calls");
    let (asked, finished) = world.app.completions();
    assert!(finished.len() + 1 >= asked.len(), "ends of responses are not told of");
    world.stats.engine_panics.value()
}

#[test]
fn h3_a_fault_in_any_call_to_the_service_costs_one_connection() {
    let panics: u64 = (0..CALLS).map(tell_with_fault_after).sum();
    assert!(panics > 20, "{panics} faults were met");
}
