//! Group C of the attack table: slow, big, many; and every timer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyperion_proto::Violation::*;
use hyperion_proto::{Closing, Config, Connection, Event, ResponseBody, StreamId};

use crate::support::*;

#[test]
fn c1_a_head_that_drips_ends_at_the_deadline() {
    let mut peer = Peer::new();
    peer.pass_s(10);
    for byte in get("/", "").bytes().take(6) {
        peer.send([byte]).pass_s(4);
    }
    assert_eq!(peer.rejections(), [HeadTimeout]);
    peer.assert_refused(408, HeadTimeout);
}

#[test]
fn a_connection_without_a_byte_is_closed_in_silence() {
    let mut peer = Peer::new();
    peer.pass_s(29);
    assert_eq!(peer.closing(), Closing::Open);
    peer.pass_s(1);
    assert_eq!((peer.closing(), peer.read().len()), (Closing::Close, 0));
}

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, text("x"));
    peer.read();
    peer.pass_s(74);
    assert!(peer.connection.is_idle() && peer.closing() == Closing::Open);
    peer.pass_s(1);
    assert_eq!(peer.closing(), Closing::Close);
    assert_eq!(peer.rejections(), []);
}

#[test]
fn a_slow_application_is_no_fault_of_the_client() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).pass_s(100_000);
    assert_eq!(peer.connection.poll_deadline(), None);
    peer.respond(0, text("at last"));
    assert!(peer.read().ends_with("at last"));
}

#[test]
fn the_head_of_the_next_request_is_timed_from_its_first_byte() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, text("x"));
    peer.read();
    peer.pass_s(70).send("GET").pass_s(29);
    assert_eq!(peer.closing(), Closing::Open);
    peer.pass_s(1);
    peer.assert_refused(408, HeadTimeout);
}

#[test]
fn c2_a_body_below_the_minimum_rate_is_cut_off() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 100000\r\n", ""));
    let mut seconds = 0;
    while peer.rejections().is_empty() && seconds < 1000 {
        peer.send("x").pass_s(1);
        seconds += 1;
    }
    assert_eq!((seconds, peer.aborted(0)), (61, true));
    peer.assert_refused(408, RequestTimeout);
}

#[test]
fn c2_a_body_above_the_minimum_rate_may_take_its_time() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 100000\r\n", ""));
    for _ in 0..166 {
        peer.send([b'x'; 600]).pass_s(1);
    }
    assert_eq!(peer.rejections(), []);
}

#[test]
fn c2_a_body_that_stalls_near_its_end_is_cut_off() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 100000\r\n", "")).send([b'x'; 99_999]).pass_s(29);
    assert_eq!(peer.rejections(), []);
    peer.pass_s(1);
    assert!(peer.aborted(0) && !peer.ended(0));
    peer.assert_refused(408, BodyTimeout);
}

#[test]
fn c2_a_timeout_may_be_switched_off() {
    let mut config = Config::default();
    config.timeouts.request_read = None;
    let mut peer = Peer::with(config);
    peer.send(post("content-length: 100000\r\n", ""));
    for _ in 0..200 {
        peer.send("x").pass_s(29);
    }
    assert_eq!(peer.rejections(), []);
}

#[test]
fn a_body_that_we_pause_is_not_timed() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 10\r\n", "x"));
    peer.connection.pause_body(StreamId(0));
    assert!(!peer.connection.wants_input());
    peer.send("hell").pass_s(1000);
    assert_eq!((peer.body(0), peer.rejections()), (b"x".to_vec(), vec![]));
    peer.connection.resume_body(StreamId(0));
    peer.pass_s(1);
    assert_eq!((peer.body(0), peer.rejections()), (b"xhell".to_vec(), vec![]));
    peer.pass_s(29);
    assert_eq!(peer.rejections(), [BodyTimeout]);
}

#[test]
fn a_body_that_is_not_asked_for_is_not_timed() {
    let mut peer = Peer::new();
    peer.send(post("expect: 100-continue\r\ncontent-length: 10\r\n", "")).pass_s(1000);
    peer.connection.send_continue(StreamId(0));
    peer.pass_s(29);
    assert_eq!(peer.rejections(), []);
    peer.pass_s(2);
    assert_eq!(peer.rejections(), [BodyTimeout]);
}

#[test]
fn c3_a_reader_that_takes_nothing_is_cut_off() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    let body = vec![b'x'; 1 << 20];
    peer.respond(0, response(200, &[], ResponseBody::Full(body.into()))).take(5000).pass_s(29);
    assert_eq!(peer.closing(), Closing::Open);
    peer.pass_s(31);
    assert!(peer.closing() == Closing::Close && peer.connection.is_cut());
    let [(0, bytes, false)] = peer.finished()[..] else { panic!("{:?}", peer.finished()) };
    assert!((4000..5000).contains(&bytes));
}

#[test]
fn c3_a_reader_that_takes_enough_may_take_its_time() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    let body = vec![b'x'; 1 << 20];
    peer.respond(0, response(200, &[], ResponseBody::Full(body.into())));
    for _ in 0..60 {
        peer.take(15_000).pass_s(30);
    }
    assert_eq!(peer.closing(), Closing::Open);
    peer.take(100).pass_s(30);
    peer.pass_s(30);
    assert_eq!(peer.closing(), Closing::Close);
}

#[test]
fn c3_a_reader_is_measured_by_what_it_takes_out_of_the_socket() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    let body = vec![b'x'; 2 << 20];
    peer.respond(0, response(200, &[], ResponseBody::Full(body.into())));
    peer.take(1 << 20);
    for held in (0..50).rev() {
        peer.backlog = (1 << 20) - 1_000_000 + held * 20_000;
        peer.pass_s(30);
        assert_eq!(peer.closing(), Closing::Open, "{held}");
    }
    peer.pass_s(30);
    assert!(peer.closing() == Closing::Close && peer.connection.is_cut());
}

#[test]
fn c3_a_stream_that_pauses_for_long_is_not_the_reader_s_fault() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, stream());
    peer.read();
    peer.now += Duration::from_secs(1000);
    peer.body_part(0, "event");
    peer.pass_s(29);
    assert_eq!(peer.closing(), Closing::Open);
    peer.read();
    peer.pass_s(1000);
    assert_eq!(peer.closing(), Closing::Open);
}

#[test]
fn c3_a_producer_sees_how_much_waits() {
    let mut peer = Peer::parallel(4);
    peer.send(get("/", "").repeat(2)).respond(0, stream()).respond(1, stream());
    peer.read();
    assert_eq!(peer.connection.buffered(StreamId(0)), 0);
    peer.connection.send_body(StreamId(0), vec![b'x'; 100_000].into());
    peer.connection.send_body(StreamId(1), vec![b'x'; 300_000].into());
    peer.poll();
    assert!((100_000..100_100).contains(&peer.connection.buffered(StreamId(0))));
    assert!((300_000..300_400).contains(&peer.connection.buffered(StreamId(1))));
    assert_eq!(peer.connection.buffered(StreamId(7)), 0);
    peer.take(50_000);
    assert!((50_000..50_100).contains(&peer.connection.buffered(StreamId(0))));
}

#[test]
fn c4_requests_beyond_the_bound_are_not_read() {
    let mut peer = Peer::parallel(3);
    peer.send(get("/", "").repeat(10));
    assert_eq!(peer.requests().len(), 3);
    assert!(!peer.connection.wants_input());
    peer.respond(0, text("x"));
    peer.read();
    assert_eq!(peer.requests().len(), 4);
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    assert!(peer.connection.wants_input(), "to see the client leave");
    peer.send(get("/", ""));
    assert!(!peer.connection.wants_input());
    peer.respond(0, text("x"));
    assert!(peer.requests().len() == 2 && peer.connection.wants_input());
}

#[test]
fn c4_a_client_that_takes_no_response_gets_no_more() {
    let mut peer = Peer::new();
    peer.send(get("/", "").repeat(100));
    for id in 0..100 {
        peer.respond(id, response(200, &[], ResponseBody::Full(vec![b'x'; 100_000].into())));
    }
    assert_eq!(peer.requests().len(), 3);
    peer.read();
    assert_eq!(peer.requests().len(), 4);
}

#[test]
fn c5_heads_that_are_too_large() {
    let long = "x".repeat(1 << 20);
    assert_refused(get("/", &format!("x: {long}\r\n")), 431, HeadTooLarge);
    assert_refused(get("/", &format!("{long}: x\r\n")), 431, HeadTooLarge);
    assert_refused(get("/", &"a: b\r\n".repeat(10_000)), 431, TooManyFields);
    let line = format!("a: {}\r\n", "b".repeat(1020));
    assert_refused(get("/", &line.repeat(112)), 431, HeadTooLarge);
    assert_refused(get(&format!("/{}", "a".repeat(64 * 1024)), ""), 414, TargetTooLong);
    let mut peer = Peer::new();
    peer.send(get("/", &"a: b\r\n".repeat(999)));
    assert_eq!(peer.request().headers().count(), 1000);
    assert_refused(get("/", &"a: b\r\n".repeat(1000)), 431, TooManyFields);
    let mut peer = Peer::new();
    peer.send(get("/", &format!("connection: {}\r\n", "x".repeat(8193))));
    assert!(peer.request().keep_alive());
}

#[test]
fn c5_a_head_may_be_exactly_as_large_as_allowed() {
    let limit = Config::default().limits.head_bytes;
    let rest = limit - get("/", "x: \r\n").len();
    let head = get("/", &format!("x: {}\r\n", "y".repeat(rest)));
    assert_eq!(head.len(), limit);
    for cut in [0, 1, limit - 1] {
        let mut peer = Peer::new();
        peer.send(&head[..cut]).send(&head[cut..]);
        assert_eq!(peer.requests().len(), 1);
    }
    assert_refused(get("/", &format!("x: {}\r\n", "y".repeat(rest + 1))), 431, HeadTooLarge);
}

#[test]
fn c6_bodies_that_are_too_large() {
    let over = Config::default().limits.body_bytes + 1;
    for length in [over, 1_000_000_000_000_000_000] {
        assert_refused(post(&format!("content-length: {length}\r\n"), ""), 413, BodyTooLarge);
    }
    let mut peer = Peer::new();
    peer.send(chunked(&format!("{over:x}\r\n")));
    assert!(peer.aborted(0));
    peer.assert_refused(413, BodyTooLarge);
    let mut peer = Peer::new();
    peer.send(chunked("800000\r\n")).send(vec![b'x'; 8 << 20]).send("\r\n800001\r\n");
    assert!(peer.body(0).len() == 8 << 20 && peer.aborted(0));
    peer.assert_refused(413, BodyTooLarge);
}

#[test]
fn c6_the_limit_itself_is_allowed() {
    let mut config = Config::default();
    config.limits.body_bytes = 5;
    let mut peer = Peer::with(config);
    peer.send(post("content-length: 5\r\n", "hello")).respond(0, text(""));
    peer.send(chunked("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"));
    assert!(peer.body(0) == b"hello" && peer.body(1) == b"hello" && peer.ended(1));
}

#[test]
fn a_connection_above_the_bound_is_told_so() {
    let now = Instant::now();
    let config = Config { date_origin: Some((now, SystemTime::UNIX_EPOCH)), ..Config::default() };
    let mut peer = Peer::of(Connection::refused(Arc::new(config), None, now), now);
    assert_eq!(
        peer.read(),
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 1\r\n\
         date: Thu, 01 Jan 1970 00:00:00 GMT\r\ncontent-length: 20\r\nconnection: close\r\n\r\n\
         Service Unavailable\n"
    );
    assert_eq!(peer.rejections(), [TooManyConnections]);
    peer.send(get("/evil", "")).pass_s(1);
    assert_eq!((peer.closing(), peer.requests().len()), (Closing::ShutdownWrite, 0));
    peer.pass_s(2);
    assert_eq!(peer.closing(), Closing::Close);
}

#[test]
fn lingering_is_bounded_in_time_and_bytes() {
    let mut peer = Peer::new();
    peer.send("\n");
    peer.read();
    peer.pass_s(1).send([b'x'; 1000]).pass_s(2);
    assert_eq!(peer.closing(), Closing::Close, "too slow");
    let mut peer = Peer::new();
    peer.send("\n");
    peer.read();
    for _ in 0..255 {
        assert!(peer.connection.wants_input());
        peer.send(vec![b'x'; 256 * 1024]).pass_s(1);
        assert_eq!(peer.closing(), Closing::ShutdownWrite, "a client that sends on");
    }
    peer.send(vec![b'x'; 256 * 1024]);
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
    peer.send("x");
    assert_eq!(peer.closing(), Closing::Close, "too much");
}

#[test]
fn h6_lingering_lasts_while_the_peer_takes_what_the_socket_holds() {
    let mut peer = Peer::new();
    peer.send("\n");
    peer.read();
    for held in (1..100).rev() {
        peer.backlog = held * 10_000;
        peer.pass_s(2);
        assert_eq!(peer.closing(), Closing::ShutdownWrite, "{held}");
    }
    peer.pass_s(2);
    assert_eq!(peer.closing(), Closing::Close);
}

#[test]
fn a_rejection_remembers_the_start_of_the_request_line() {
    let mut peer = Peer::new();
    peer.send(format!("GET /{} HTTP/9.9\r\n\r\n", "a".repeat(1000)));
    let [Event::Rejected { id: None, status: 505, line, .. }] = &peer.events[..] else {
        panic!("{:?}", peer.events)
    };
    assert!(line.len() == 256 && line.starts_with(b"GET /aaa"));
    let mut peer = Peer::new();
    peer.send(chunked("x"));
    let Some(Event::Rejected { id: Some(StreamId(0)), line, .. }) = peer.events.last() else {
        panic!("{:?}", peer.events)
    };
    assert_eq!(line, "POST / HTTP/1.1");
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection>() <= 1024, "{}", size_of::<Connection>());
    assert!(size_of::<Event>() <= 64, "{}", size_of::<Event>());
}
