//! Deadlines in virtual time.

mod support;

use std::time::Duration;

use hyperion_sim::{Answer, Faults, PeerId, World};
use support::{config, get, parse};

fn world() -> World {
    World::new(config(), Answer::Full, 100, Faults::default(), 7)
}

fn statuses(world: &World, peer: PeerId) -> Vec<u16> {
    parse(&world.received(peer)).0.iter().map(|seen| seen.status).collect()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn c1_a_head_that_drips_is_cut_off_at_its_total_time() {
    let mut world = world();
    let peer = world.connect();
    for byte in get("/never-complete").iter().take(30) {
        world.send(peer, &[*byte]);
        world.pass(seconds(5));
    }
    assert_eq!(statuses(&world, peer), [408]);
    assert!(world.is_closed(peer));
    assert!(world.app.seen().is_empty());
}

#[test]
fn c1_a_thousand_slow_heads_do_not_stop_others() {
    let mut world = world();
    let slow: Vec<_> = (0..900).map(|_| world.connect()).collect();
    for second in 0..6 {
        for peer in &slow {
            world.send(*peer, b"G");
        }
        let quick = world.connect();
        world.send(quick, &get("/quick"));
        world.settle();
        assert_eq!(statuses(&world, quick), [200], "second {second}");
        world.end(quick);
        world.pass(seconds(5));
    }
    world.pass(seconds(60));
    assert!(slow.iter().all(|peer| world.is_closed(*peer)));
}

#[test]
fn a_silent_connection_is_closed_without_a_word() {
    let mut world = world();
    let peer = world.connect();
    world.pass(seconds(29));
    assert!(!world.is_ended(peer));
    world.pass(seconds(2));
    assert!(world.is_ended(peer));
    assert!(world.received(peer).is_empty());
}

#[test]
fn w24_a_kept_connection_may_rest_for_its_idle_time() {
    let mut world = world();
    let peer = world.connect();
    world.send(peer, &get("/one"));
    world.pass(seconds(70));
    world.send(peer, &get("/two"));
    world.pass(seconds(70));
    assert_eq!(statuses(&world, peer), [200, 200]);
    assert!(!world.is_ended(peer));
    world.pass(seconds(6));
    assert!(world.is_ended(peer));
}

#[test]
fn w16_the_idle_time_counts_even_when_it_is_shorter_than_all_others() {
    let mut config = config();
    config.protocol.timeouts.idle = seconds(1);
    let mut world = World::new(config, Answer::Full, 100, Faults::default(), 7);
    let peer = world.connect();
    world.send(peer, &get("/one"));
    world.settle();
    assert!(!world.is_ended(peer));
    world.pass(seconds(1));
    assert!(world.is_ended(peer));
}

#[test]
fn c2_a_body_at_one_byte_a_second_is_cut_off() {
    let mut world = world();
    let peer = world.connect();
    world.send(peer, b"POST / HTTP/1.1\r\nHost: sim\r\nContent-Length: 1000\r\n\r\n");
    for _ in 0..100 {
        world.send(peer, b"x");
        world.pass(seconds(1));
    }
    assert_eq!(statuses(&world, peer), [408]);
    assert!(world.is_closed(peer));
}

#[test]
fn c2_a_body_that_stalls_near_its_end_is_cut_off() {
    let mut world = world();
    let peer = world.connect();
    world.send(peer, b"POST / HTTP/1.1\r\nHost: sim\r\nContent-Length: 100\r\n\r\n");
    world.send(peer, &[b'x'; 99]);
    world.pass(seconds(31));
    assert_eq!(statuses(&world, peer), [408]);
    assert!(world.app.seen().is_empty());
}

#[test]
fn c3_a_reader_that_takes_nothing_is_cut_off_and_its_socket_freed() {
    let mut world = world();
    let peer = world.connect();
    world.limit_window(peer, 10);
    world.send(peer, &get("/slow-reader"));
    world.pass(seconds(29));
    assert!(!world.is_closed(peer));
    world.pass(seconds(3));
    assert!(world.is_closed(peer), "a second behind its time");
    assert!(world.is_broken(peer), "the client could take the part for the whole");
    assert_eq!(world.app.completions().1, [(1, false)]);
}

#[test]
fn c4_a_client_that_pipelines_forever_does_not_starve_another() {
    let mut world = world();
    let greedy = world.connect();
    world.send(greedy, &get("/greedy").repeat(500));
    world.settle_engine();
    let modest = world.connect();
    world.send(modest, &get("/modest"));
    world.settle();
    let seen = world.app.seen();
    let turn = seen.iter().position(|seen| seen == "GET /modest").unwrap();
    assert!(turn <= 2, "the modest client came after {turn} requests");
    assert_eq!(seen.len(), 501);
}

#[test]
fn i7_a_client_that_pipelines_native_requests_does_not_hold_up_another() {
    const REQUESTS: usize = 10_000;
    let mut world = world();
    let greedy = world.connect();
    world.send(greedy, &get("/native").repeat(REQUESTS));
    world.turn();
    let modest = world.connect();
    world.send(modest, &get("/native"));
    (0..3).for_each(|_| world.turn());
    assert_eq!(parse(&world.received(modest)).0.len(), 1);
    let answered = parse(&world.received(greedy)).0.len();
    assert!((64..1000).contains(&answered), "{answered} of the greedy one's were before it");
    world.settle();
    assert_eq!(parse(&world.received(greedy)).0.len(), REQUESTS);
}

#[test]
fn a_drained_server_closes_idle_connections_soon_and_busy_ones_behind_their_answer() {
    let mut world = world();
    let (idle, busy) = (world.connect(), world.connect());
    world.send(busy, &get("/busy"));
    world.settle_engine();
    world.drain();
    world.settle_engine();
    assert!(!world.is_ended(idle), "its request may be on its way");
    world.settle();
    let (responses, _) = parse(&world.received(busy));
    assert!(responses[0].closes);
    assert!(world.is_ended(busy) && !world.is_ended(idle));
    world.pass(Duration::from_millis(400));
    assert!(world.is_ended(idle));
}

#[test]
fn i2_requests_on_connections_that_are_new_or_in_the_backlog_at_a_drain_are_answered() {
    let mut world = world();
    let accepted = world.connect();
    let kept = world.connect();
    world.send(kept, &get("/before"));
    world.settle();
    let waiting: Vec<_> = (0..50).map(|_| world.connect()).collect();
    world.send(waiting[0], &get("/waiting"));
    world.drain();
    world.settle();
    let refused = world.connect();
    for peer in [accepted, kept].into_iter().chain(waiting[1..].iter().copied()) {
        world.send(peer, &get("/late"));
        world.settle();
    }
    for &peer in waiting.iter().chain([&accepted, &kept]) {
        let (responses, _) = parse(&world.received(peer));
        let last = responses.last().unwrap();
        assert_eq!((last.status, last.closes), (200, true));
        assert!(world.is_ended(peer));
    }
    assert!(world.received(refused).is_empty());
}

#[test]
fn behind_a_last_call_each_connection_has_one_more_request() {
    let mut world = world();
    let (used, new) = (world.connect(), world.connect());
    world.send(used, &get("/before"));
    world.settle();
    world.last_call();
    world.settle_engine();
    assert!(!world.is_ended(used) && !world.is_ended(new));
    for peer in [used, new] {
        world.send(peer, &get("/last"));
    }
    world.settle();
    for peer in [used, new] {
        let (responses, _) = parse(&world.received(peer));
        assert!(responses.last().unwrap().closes);
        assert!(world.is_ended(peer));
    }
}

#[test]
fn a_drain_behind_a_last_call_closes_what_is_idle() {
    let mut world = world();
    let idle = world.connect();
    world.settle();
    world.last_call();
    world.pass(Duration::from_secs(5));
    assert!(!world.is_ended(idle));
    world.drain();
    world.settle();
    assert!(world.is_ended(idle));
}

#[test]
fn a_full_queue_answers_503_and_the_connection_goes_on() {
    let mut world = World::new(config(), Answer::Full, 1, Faults::default(), 7);
    let (first, second) = (world.connect(), world.connect());
    world.send(first, &get("/first"));
    world.settle_engine();
    world.send(second, &get("/second"));
    world.settle_engine();
    assert_eq!(statuses(&world, second), [503]);
    world.settle();
    world.send(second, &get("/again"));
    world.settle();
    assert_eq!(statuses(&world, second), [503, 200]);
}

#[test]
fn a_client_over_the_connection_limit_is_told_so() {
    let mut config = config();
    config.max_connections = 1;
    let mut world = World::new(config, Answer::Full, 1, Faults::default(), 7);
    let (first, second) = (world.connect(), world.connect());
    world.send(second, &get("/second"));
    world.settle();
    assert_eq!(statuses(&world, second), [503]);
    world.send(first, &get("/first"));
    world.settle();
    assert_eq!(statuses(&world, first), [200]);
    world.end(second);
    world.settle();
    assert!(world.is_closed(second));
}
