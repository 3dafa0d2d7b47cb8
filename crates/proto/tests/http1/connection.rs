//! The life of a connection: order, drain, end.

use hyperion_proto::{Closing, Event, StreamId};

use crate::support::*;

#[test]
fn requests_follow_each_other() {
    let mut peer = Peer::new();
    for id in 0..3 {
        peer.send(get("/", "")).respond(id, text("ok"));
        assert!(peer.read().ends_with("\r\n\r\nok"));
        assert!(peer.connection.is_idle());
    }
    assert_eq!(peer.finished(), [(0, 2, true), (1, 2, true), (2, 2, true)]);
}

#[test]
fn pipelined_answers_leave_in_order() {
    let mut peer = Peer::parallel(3);
    peer.send(get("/", "").repeat(3));
    peer.respond(2, text("third")).respond(1, stream()).body_part(1, "second").finish(1, None);
    assert_eq!(peer.read(), "");
    peer.respond(0, text("first"));
    let answers = peer.read();
    let places: Vec<_> =
        ["first", "second", "third"].iter().map(|part| answers.find(part).unwrap()).collect();
    assert!(places.is_sorted());
    assert_eq!(peer.finished().iter().map(|end| end.0).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn unsafe_methods_run_alone() {
    let mut peer = Peer::parallel(8);
    peer.send(format!("{}{}{}", get("/", ""), post("content-length: 0\r\n", ""), get("/", "")));
    assert_eq!(peer.requests().len(), 1);
    peer.respond(0, text(""));
    assert_eq!(peer.requests().len(), 2);
    peer.respond(1, text(""));
    assert_eq!(peer.requests().len(), 3);
}

#[test]
fn nothing_behind_the_last_response_is_served() {
    let mut peer = Peer::parallel(8);
    peer.send(get("/", "").repeat(3));
    let close = response(200, &[("connection", "close")], full("x"));
    peer.respond(0, text("a")).respond(1, close);
    assert!(peer.aborted(2) && !peer.aborted(0));
    assert_eq!(peer.read().matches("HTTP/1.1").count(), 2);
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
    let mut peer = Peer::new();
    peer.send(get("/", "connection: close\r\n")).send(get("/evil", "")).respond(0, text("a"));
    peer.read();
    assert_eq!((peer.requests().len(), peer.closing()), (1, Closing::ShutdownWrite));
}

#[test]
fn a_client_that_stops_sending_still_gets_its_answers() {
    let mut peer = Peer::new();
    peer.send(get("/", "").repeat(2)).send("GET / HT").end();
    assert!(!peer.connection.wants_input());
    peer.respond(0, text("one"));
    assert!(peer.read().ends_with("one"));
    assert_eq!(peer.closing(), Closing::Open);
    peer.respond(1, text("two"));
    assert!(peer.read().ends_with("two"));
    assert_eq!(peer.closing(), Closing::Close);
    assert!(!peer.aborted(0) && !peer.aborted(1));
}

#[test]
fn a_socket_that_fails_ends_everything_at_once() {
    let mut peer = Peer::parallel(4);
    peer.send(get("/", "").repeat(3)).respond(0, text("hello")).take(20);
    peer.connection.handle_disconnect();
    peer.poll();
    assert_eq!(peer.finished(), [(0, 0, false)]);
    assert!(peer.aborted(1) && peer.aborted(2) && !peer.aborted(0));
    assert_eq!((peer.closing(), peer.connection.poll_deadline()), (Closing::Close, None));
    peer.respond(1, text("late"));
    assert!(peer.events.iter().all(|event| !matches!(event, Event::Rejected { .. })));
}

#[test]
fn draining_closes_what_is_idle() {
    let mut peer = Peer::new();
    peer.drain();
    assert_eq!(peer.closing(), Closing::Close);
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, text(""));
    peer.read();
    peer.drain();
    assert_eq!(peer.closing(), Closing::Close);
}

#[test]
fn draining_answers_what_was_taken_and_announces_the_end() {
    let mut peer = Peer::parallel(2);
    peer.send(get("/", "").repeat(3));
    peer.drain();
    peer.respond(0, text("one")).respond(1, text("two"));
    let answers = peer.read();
    let close = answers.find("connection: close").unwrap();
    assert!(answers.find("one").unwrap() < close && answers.ends_with("two"));
    assert_eq!((peer.requests().len(), peer.closing()), (2, Closing::ShutdownWrite));
}

#[test]
fn draining_lets_an_arriving_request_complete() {
    let mut peer = Peer::new();
    peer.send("GET / HTTP/1.1\r\n");
    peer.drain();
    peer.send("host: a\r\n\r\n").respond(0, text("x"));
    assert!(peer.read().contains("connection: close\r\n"));
    assert_ne!(peer.closing(), Closing::Open);
}

#[test]
fn draining_ends_a_stream_that_was_begun() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, stream());
    peer.drain();
    peer.body_part(0, "x").finish(0, None);
    assert!(peer.read().ends_with("0\r\n\r\n"));
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
}

#[test]
fn a_last_call_is_announced_by_the_response_to_the_next_request() {
    for requests_before in [0, 2] {
        let mut peer = Peer::new();
        for id in 0..requests_before {
            peer.send(get("/", "")).respond(id, text("ok"));
        }
        peer.read();
        peer.last_call();
        peer.last_call();
        assert_eq!(peer.closing(), Closing::Open);
        peer.send(get("/", "").repeat(2)).respond(requests_before, text("last"));
        assert!(peer.read().contains("connection: close\r\n"));
        assert_eq!(
            (peer.requests().len() as u32, peer.closing()),
            (requests_before + 1, Closing::ShutdownWrite)
        );
    }
}

#[test]
fn a_last_call_is_announced_by_a_response_in_flight() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    peer.last_call();
    assert!(peer.respond(0, text("x")).read().contains("connection: close\r\n"));
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
}

#[test]
fn a_last_call_behind_the_head_of_a_response_leaves_one_more_request() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, stream());
    peer.last_call();
    peer.body_part(0, "x").finish(0, None);
    assert!(!peer.read().contains("connection: close"));
    assert_eq!(peer.closing(), Closing::Open);
    peer.send(get("/", "")).respond(1, text("x"));
    assert!(peer.read().contains("connection: close\r\n"));
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
}

#[test]
fn a_drain_behind_a_last_call_closes_what_is_idle() {
    let mut peer = Peer::new();
    peer.last_call();
    peer.drain();
    assert_eq!(peer.closing(), Closing::Close);
}

#[test]
fn unknown_exchanges_are_ignored() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    for id in [1, 7, u32::MAX] {
        peer.respond(id, text("x")).body_part(id, "x").finish(id, None);
        peer.cancel(id);
        peer.connection.send_continue(StreamId(id));
        peer.connection.inform(StreamId(id), 103, &fields(&[]));
    }
    assert_eq!(peer.read(), "");
    peer.respond(0, text("a")).respond(0, text("b"));
    assert_eq!(peer.read().matches("HTTP/1.1").count(), 1);
}

#[test]
fn finished_is_told_when_the_last_byte_has_left() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, text("hello"));
    let length = peer.queue.len();
    peer.take(length - 1);
    assert_eq!(peer.finished(), []);
    peer.take(1);
    assert_eq!(peer.finished(), [(0, 5, true)]);
}
