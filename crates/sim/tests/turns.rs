//! What one turn does at most.

mod support;

use std::time::Duration;

use hyperion_sim::{Answer, Faults, PeerId, World};
use support::{config, get, parse};

/// More of everything than a turn takes.
const MANY: usize = 600;

fn world(answer: Answer) -> World {
    World::new(config(), answer, MANY, Faults::default(), 11)
}

fn connect_many(world: &mut World) -> Vec<PeerId> {
    (0..MANY).map(|_| world.connect()).collect()
}

fn answered(world: &World, peers: &[PeerId]) -> usize {
    peers.iter().filter(|&&peer| parse(&world.received(peer)).0.len() == 1).count()
}

#[test]
fn i7_connections_that_come_at_once_are_accepted_in_several_turns() {
    let mut world = world(Answer::Full);
    let peers = connect_many(&mut world);
    world.turn();
    let accepted = world.stats.connections_accepted.value();
    assert!((1..MANY as u64).contains(&accepted), "{accepted} in a turn");
    peers.iter().for_each(|&peer| world.send(peer, &get("/native")));
    world.settle();
    assert_eq!(answered(&world, &peers), MANY);
}

#[test]
fn i7_answers_that_come_at_once_leave_in_several_turns() {
    let mut world = world(Answer::Stream);
    let peers = connect_many(&mut world);
    peers.iter().for_each(|&peer| world.send(peer, &get("/app")));
    world.settle_engine();
    assert_eq!(world.app.waiting(), MANY);
    world.work_off();
    (0..2).for_each(|_| world.turn());
    let first = answered(&world, &peers);
    assert!((1..MANY).contains(&first), "{first} at once");
    world.settle();
    assert_eq!(answered(&world, &peers), MANY);
}

#[test]
fn i7_connections_whose_time_is_over_at_once_close_in_several_turns() {
    let mut world = world(Answer::Full);
    let peers = connect_many(&mut world);
    world.settle();
    let closed = |world: &World| peers.iter().filter(|&&peer| world.is_ended(peer)).count();
    world.clock.advance_to(world.clock.now() + Duration::from_secs(3600));
    world.turn();
    let first = closed(&world);
    assert!((1..MANY).contains(&first), "{first} at once");
    world.settle();
    assert_eq!(closed(&world), MANY);
}

#[test]
fn i2_a_stall_in_a_drain_loses_nobody_however_large_the_backlog_is() {
    let mut world = world(Answer::Full);
    let peers = connect_many(&mut world);
    peers.iter().for_each(|&peer| world.send(peer, &get("/native")));
    world.drain();
    while world.stats.connections_accepted.value() < MANY as u64 {
        world.turn();
        world.clock.advance_to(world.clock.now() + Duration::from_millis(500));
    }
    world.settle();
    assert_eq!(answered(&world, &peers), MANY);
}
