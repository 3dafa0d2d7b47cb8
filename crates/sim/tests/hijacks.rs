//! What becomes of exchanges whose connection goes elsewhere.

#![allow(clippy::unwrap_used)]

mod support;

use std::num::NonZeroUsize;

use hyperion_sim::{Answer, Faults, World};
use support::{config, get};

#[test]
fn h3_requests_behind_one_that_takes_the_socket_are_told_that_it_is_gone() {
    let mut config = config();
    config.protocol.limits.in_flight = NonZeroUsize::new(8).unwrap();
    let mut world = World::new(config, Answer::Hijack, 8, Faults::default(), 11);
    let peer = world.connect();
    world.send(peer, &get("/socket").repeat(3));
    world.settle();
    let abandoned = world.app.abandoned();
    assert!(abandoned.len() > 1, "one request at a time");
    assert!(!abandoned[0] && abandoned[1..].iter().all(|gone| *gone), "{abandoned:?}");
}

#[test]
fn h3_a_client_that_leaves_while_its_socket_is_taken_leaves_nothing_behind() {
    let mut world = World::new(config(), Answer::Hijack, 8, Faults::default(), 11);
    let peer = world.connect();
    world.send(peer, &get("/socket"));
    world.settle_engine();
    world.work_off();
    world.reset(peer);
    world.settle();
    assert_eq!(world.app.abandoned(), [true]);
    assert!(world.is_closed(peer));
    assert_eq!(world.stats.connections_active.value(), 0);
}
