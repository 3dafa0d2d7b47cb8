//! What is counted for a request counts no more when the request has ended, in whatever way: a reactor without
//! connections that still counts something fails in each of its turns.

mod support;

use std::time::Duration;

use hyperion_sim::{Answer, Faults, PeerId, World};
use support::{config, parse};

/// More than the smallest head that is counted.
const LONG: usize = 10_000;

fn request(method: &str, fields: &str) -> Vec<u8> {
    let long = "a".repeat(LONG);
    format!("{method} / HTTP/1.1\r\nHost: sim\r\nX-Long: {long}\r\n{fields}\r\n").into_bytes()
}

/// Plays a story with one client, who leaves then.
fn tell(answer: Answer, story: impl Fn(&mut World, PeerId)) -> Vec<u16> {
    let mut config = config();
    config.protocol.limits.body_bytes = 1000;
    let mut world = World::new(config, answer, 4, Faults::default(), 1);
    let peer = world.connect();
    story(&mut world, peer);
    world.settle();
    world.end(peer);
    world.pass(Duration::from_secs(600));
    assert_eq!(world.stats.connections_active.value(), 0);
    assert_eq!(world.stats.engine_panics.value(), 0);
    parse(&world.received(peer)).0.iter().map(|seen| seen.status).collect()
}

#[test]
fn i4_large_heads_count_no_more_behind_their_requests() {
    let get = request("GET", "");
    let whole = |world: &mut World, peer| world.send(peer, &[get.clone(), get.clone()].concat());
    for answer in [Answer::Full, Answer::Stream] {
        assert_eq!(tell(answer, whole), [200, 200]);
    }
    tell(Answer::Hijack, whole);
}

#[test]
fn i4_large_heads_of_requests_that_are_refused_count_no_more() {
    let too_large = request("POST", "Content-Length: 2000\r\n");
    assert_eq!(tell(Answer::Full, |world, peer| world.send(peer, &too_large)), [413]);
    let malformed = request("POST", "Transfer-Encoding: chunked\r\n");
    let story = |world: &mut World, peer| {
        world.send(peer, &malformed);
        world.settle();
        world.send(peer, b"nonsense\r\n");
    };
    assert_eq!(tell(Answer::Full, story), [400]);
    let endless = |world: &mut World, peer| {
        world.send(peer, &malformed);
        for _ in 0..20 {
            world.send(peer, &[b"80\r\n".to_vec(), vec![b'x'; 128], b"\r\n".to_vec()].concat());
        }
    };
    tell(Answer::Full, endless);
}

#[test]
fn i4_large_heads_of_clients_that_leave_count_no_more() {
    let unfinished = request("POST", "Content-Length: 500\r\n");
    tell(Answer::Full, |world, peer| world.send(peer, &unfinished));
    tell(Answer::Full, |world, peer| {
        world.send(peer, &unfinished);
        world.settle_engine();
        world.reset(peer);
    });
    let slow = |world: &mut World, peer| {
        world.send(peer, &unfinished);
        world.pass(Duration::from_secs(300));
    };
    tell(Answer::Full, slow);
    tell(Answer::Stream, |world, peer| {
        world.limit_window(peer, 10);
        world.send(peer, &request("GET", ""));
    });
}
