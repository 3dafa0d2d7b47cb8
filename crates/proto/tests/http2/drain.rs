//! Ends of connections: D10 (drain), D11 (what is spoken, and when), idle connections.

use std::sync::Arc;
use std::time::Duration;

use hyperion_proto::{Closing, Config, Connection, Version};

use crate::support::*;
use crate::wire::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn d10_drain_is_announced_in_two_steps_and_loses_nothing() {
    let mut peer = Peer::new();
    peer.send(get(1)).send(post(3));
    peer.drain();
    peer.read();
    assert_eq!(peer.goaways(), [(0x7fff_ffff, NO_ERROR)]);
    let pings = peer.frames_of(PING, 0);
    assert!(pings.len() == 1 && !pings[0].has(ACK), "{}", peer.history());
    let payload = pings[0].payload.clone();
    // Sent before the client could know.
    peer.send(get(5)).read();
    assert_eq!(peer.requests().len(), 3, "a request that was under way is taken");
    peer.send(pong(&payload)).read();
    assert_eq!(peer.goaways()[1..], [(5, NO_ERROR)]);
    peer.send(get(7)).read();
    assert_eq!(peer.requests().len(), 3, "a client that saw the second GOAWAY can try elsewhere");
    assert!(peer.is_open(), "there are answers to give");
    peer.send(data(3, END_STREAM, "body")).respond_to_all().read();
    for id in [1, 3, 5] {
        assert!(peer.answer(id).body == b"ok" && peer.answer(id).ended, "{}", peer.history());
    }
    assert_eq!(peer.finished().len(), 3);
    assert!(peer.answer(7).fields.is_empty());
    assert_ne!(peer.connection.closing(), Closing::Open);
    peer.end();
    assert_eq!(peer.connection.closing(), Closing::Close);
}

#[test]
fn d10_drain_of_an_idle_connection_is_brief() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, full("ok")).read();
    peer.drain();
    peer.read();
    let Some(ping) = peer.frames_of(PING, 0).last().map(|frame| frame.payload.clone()) else {
        assert!(!peer.is_open(), "no ping, then no stay: {}", peer.history());
        return;
    };
    peer.send(pong(&ping)).read();
    assert_eq!(peer.goaways().last(), Some(&(1, NO_ERROR)));
    assert!(!peer.is_open(), "{}", peer.history());
}

#[test]
fn d10_a_client_that_does_not_answer_the_ping_is_not_waited_for_without_end() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, full("ok")).read();
    peer.drain();
    peer.read().pass_s(100).read();
    assert!(!peer.is_open(), "{}", peer.history());
}

#[test]
fn d10_a_client_that_still_takes_what_the_socket_holds_is_waited_for() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, full("ok")).read();
    peer.drain();
    peer.read();
    for held in (1..100).rev() {
        peer.backlog = held * 10_000;
        peer.pass_s(2).read();
        assert_ne!(peer.connection.closing(), Closing::Close, "{held}");
    }
    peer.backlog = 0;
    peer.pass_s(10).read().pass_s(10);
    assert_eq!(peer.connection.closing(), Closing::Close);
}

#[test]
fn d10_drain_twice_is_drain() {
    let mut peer = Peer::new();
    peer.send(get(1));
    peer.drain();
    peer.poll();
    peer.drain();
    peer.read();
    assert_eq!(peer.goaways().len(), 1, "{}", peer.history());
    peer.respond(1, full("ok")).read();
    assert_eq!(peer.answer(1).body, b"ok");
}

#[test]
fn d10_a_stream_goes_on_while_the_connection_drains() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, stream()).body_part(1, "one ").read();
    peer.drain();
    peer.read();
    let ping = peer.frames_of(PING, 0)[0].payload.clone();
    peer.send(pong(&ping)).read().pass_s(20);
    peer.body_part(1, "two").finish(1, None).read();
    assert!(peer.answer(1).body == b"one two" && peer.answer(1).ended, "{}", peer.history());
    assert!(!peer.is_open());
}

#[test]
fn a_last_call_ends_the_connection_behind_a_request_at_the_latest() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, full("ok")).read();
    peer.last_call();
    peer.read().send(get(3)).respond(3, full("last")).read();
    assert_eq!(peer.answer(3).body, b"last");
    let ping = peer.frames_of(PING, 0).last().map(|frame| frame.payload.clone());
    if let Some(ping) = ping {
        peer.send(pong(&ping)).read();
    }
    assert!(peer.goaways().iter().all(|(_, code)| *code == NO_ERROR));
    peer.send(get(5)).read();
    assert!(peer.requests().len() == 2 && !peer.is_open(), "{}", peer.history());
}

#[test]
fn a_bound_on_all_streams_of_a_connection_ends_it_gently() {
    let mut config = Config::default();
    config.limits.h2_total_streams = Some(3);
    let mut peer = Peer::with(config);
    for id in [1, 3, 5] {
        peer.send(get(id)).respond(id, full("ok")).read();
        assert_eq!(peer.answer(id).body, b"ok");
    }
    assert!(peer.goaways().iter().all(|(_, code)| *code == NO_ERROR));
    assert!(!peer.goaways().is_empty(), "{}", peer.history());
    if let Some(ping) = peer.frames_of(PING, 0).last().map(|frame| frame.payload.clone()) {
        peer.send(pong(&ping)).read();
    }
    assert!(!peer.is_open(), "{}", peer.history());
}

#[test]
fn an_idle_connection_is_closed_with_notice() {
    let idle = Config::default().timeouts.idle;
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, full("ok")).read();
    peer.pass(idle - SECOND).read();
    assert!(peer.is_open() && peer.goaways().is_empty(), "{}", peer.history());
    peer.send(get(3)).read().pass(idle * 2);
    assert!(peer.is_open(), "an open stream is work: {}", peer.history());
    peer.respond(3, full("ok")).read().pass(idle + SECOND).read();
    assert_eq!(peer.goaways().last(), Some(&(3, NO_ERROR)), "{}", peer.history());
    assert!(!peer.is_open());
}

#[test]
fn a_connection_without_any_request_is_idle() {
    let mut peer = Peer::new();
    peer.pass(Config::default().timeouts.idle + SECOND).read();
    assert!(!peer.is_open(), "{}", peer.history());
    assert!(peer.goaways().iter().all(|(_, code)| *code == NO_ERROR));
}

#[test]
fn pings_do_not_keep_a_connection_open() {
    let idle = Config::default().timeouts.idle;
    let mut peer = Peer::new();
    for _ in 0..8 {
        if peer.is_open() {
            peer.pass(idle / 4).send(ping([1; 8])).read();
        }
    }
    peer.read();
    assert!(!peer.is_open(), "{}", peer.history());
}

#[test]
fn d11_http2_is_found_by_its_first_bytes_however_they_come() {
    for drips in [false, true] {
        let mut peer = Peer::silent(Config::default());
        peer.drips = drips;
        peer.send([PREFACE, &settings(&[]), &get(1)].concat()).read();
        assert_eq!(peer.request(1).version(), Version::Http2);
    }
}

#[test]
fn d11_a_preface_that_does_not_end_is_timed() {
    let read = Config::default().timeouts.read;
    for length in [1, 5, 18, 23, 24, 28] {
        let bytes = [PREFACE, &settings(&[(INITIAL_WINDOW_SIZE, 9)])].concat();
        let mut peer = Peer::silent(Config::default());
        peer.send(&bytes[..length]).pass(read * 3).take(u64::MAX);
        assert!(!peer.is_open(), "{length} bytes");
        assert!(peer.requests().is_empty());
    }
}

#[test]
fn d11_a_preface_that_drips_is_timed() {
    let mut peer = Peer::silent(Config::default());
    for byte in PREFACE {
        if peer.is_open() {
            peer.send([*byte]).pass_s(4);
        }
    }
    peer.take(u64::MAX);
    assert!(!peer.is_open());
}

#[test]
fn d11_a_header_block_that_does_not_end_is_timed() {
    let mut peer = Peer::new();
    peer.send(frame(HEADERS, END_STREAM, 1, plain_block())).read();
    peer.pass(Config::default().timeouts.read * 3).read();
    assert!(!peer.is_open(), "{}", peer.history());
}

#[test]
fn d11_a_header_block_that_drips_is_timed() {
    let mut peer = Peer::new();
    peer.send(frame(HEADERS, END_STREAM, 1, []));
    for byte in plain_block() {
        if peer.is_open() {
            peer.send(continuation(1, 0, [byte])).pass_s(20).read();
        }
    }
    assert!(!peer.is_open() && peer.requests().is_empty(), "{}", peer.history());
}

#[test]
fn d11_a_connection_above_the_number_allowed_takes_no_request() {
    let now = std::time::Instant::now();
    let refused = Connection::refused(Arc::new(Config::default()), None, now);
    let mut peer = Peer::silent(Config::default());
    peer.connection = refused;
    peer.take(u64::MAX).send(PREFACE).send(settings(&[])).send(get(1)).take(u64::MAX);
    assert!(peer.requests().is_empty() && !peer.is_open(), "{}", peer.history());
    assert_eq!(peer.rejections(), [503]);
}

#[test]
fn d11_half_a_frame_is_timed() {
    let whole = get(1);
    for length in [1, 8, 9, whole.len() - 1] {
        let mut peer = Peer::new();
        peer.send(&whole[..length]).read().pass(Config::default().timeouts.idle * 2).read();
        assert!(!peer.is_open(), "{length}: {}", peer.history());
        assert!(peer.requests().is_empty());
    }
}

#[test]
fn d11_http1_behind_a_preface_is_an_error() {
    let mut peer = Peer::new();
    peer.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").read();
    assert!(peer.requests().is_empty() && !peer.is_open(), "{}", peer.history());
    assert!(peer.goaways().last().is_some_and(|(_, code)| *code != NO_ERROR));
}

#[test]
fn d11_a_preface_behind_http1_is_an_error() {
    let mut peer = Peer::silent(Config::default());
    peer.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let id = peer.requests()[0].0;
    peer.respond(id, full("one")).send(PREFACE).send(settings(&[])).send(get(1)).take(u64::MAX);
    assert_eq!(peer.requests().len(), 1);
    assert!(!peer.is_open());
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answers() {
    let mut peer = Peer::new();
    peer.send(get(1)).end().respond(1, full("ok")).read();
    // A client that shuts its side cannot take part in HTTP/2 any more; what it asked for is
    // answered or aborted, and the connection closes.
    assert!(peer.answer(1).ended || peer.aborted(1), "{}", peer.history());
    assert_eq!(peer.connection.closing(), Closing::Close);
}
