//! Group A of the attack table, from A14 on: requests and responses that could get out of step.

use std::time::Duration;

use hyperion_proto::Violation::*;
use hyperion_proto::{Closing, ResponseBody, StreamId};

use crate::support::*;

const EVIL: &str = "GET /evil HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn a14_bodies_of_methods_that_seldom_have_one() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let mut peer = Peer::new();
        let length = EVIL.len();
        peer.send(format!(
            "{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{EVIL}"
        ));
        assert_eq!(peer.requests().len(), 1);
        assert_eq!(peer.body(0), EVIL.as_bytes());
        peer.respond(0, text("")).send(get("/next", ""));
        peer.read();
        assert_eq!(peer.requests()[1].path(), "/next");
    }
}

#[test]
fn a14_a_body_nobody_reads_is_not_taken_for_a_request() {
    let mut peer = Peer::new();
    let length = format!("content-length: {}\r\n", EVIL.len() + 1);
    peer.send(post(&length, "x")).respond(0, text("early"));
    peer.read();
    peer.send(EVIL).send(get("/next", ""));
    assert_eq!(peer.requests().last().unwrap().path(), "/next");
    assert_eq!(peer.requests().len(), 2);
    assert!(peer.body(0) == b"x" && !peer.ended(0));
}

#[test]
fn a15_expected_body_that_is_never_read_closes() {
    let mut peer = Peer::new();
    peer.send(post("Expect: 100-Continue\r\ncontent-length: 31\r\n", ""));
    assert!(peer.request().expects_continue());
    peer.respond(0, text("no, thanks"));
    let answer = peer.read();
    assert!(answer.contains("connection: close\r\n") && !answer.contains("100 Continue"));
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
    peer.send(EVIL);
    assert_eq!(peer.requests().len(), 1);
}

#[test]
fn a15_expected_body_is_asked_for_once_and_only_if_still_held_back() {
    let mut peer = Peer::new();
    peer.send(post("expect: 100-continue\r\ncontent-length: 5\r\n", ""));
    peer.connection.send_continue(StreamId(0));
    peer.connection.send_continue(StreamId(0));
    assert_eq!(peer.read(), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("hello").respond(0, text("ok"));
    assert!(!peer.read().contains("close"));
    peer.send(post("expect: 100-continue\r\ncontent-length: 5\r\n", "hello"));
    peer.connection.send_continue(StreamId(1));
    assert!(peer.ended(1) && peer.read().is_empty());
}

#[test]
fn a15_expected_body_on_its_way_is_drained() {
    let mut peer = Peer::new();
    let lines = format!("expect: 100-continue\r\ncontent-length: {}\r\n", EVIL.len() + 1);
    peer.send(post(&lines, "x")).respond(0, text("ok"));
    assert!(!peer.read().contains("close"));
    peer.send(EVIL).send(get("/next", ""));
    assert_eq!(peer.requests().last().unwrap().path(), "/next");
}

#[test]
fn a15_other_expectations() {
    assert_refused(post("expect: junk\r\ncontent-length: 5\r\n", "hello"), 417, UnknownExpectation);
    assert_refused(
        post("expect: 100-continue\r\nexpect: x\r\ncontent-length: 5\r\n", ""),
        417,
        UnknownExpectation,
    );
    let mut peer = Peer::new();
    peer.send(get("/", "expect: 100-continue\r\n"));
    assert!(!peer.request().expects_continue() && peer.ended(0));
    let mut peer = Peer::new();
    peer.send(get("/", "expect: 100-continue\r\ncontent-length: 2\r\n"));
    assert!(peer.request().expects_continue() && !peer.ended(0));
}

#[test]
fn a16_bytes_behind_an_upgrade_wait_for_its_answer() {
    for in_flight in [1, 8] {
        let mut peer = Peer::parallel(in_flight);
        let upgrade = get("/ws", "connection: upgrade\r\nupgrade: websocket\r\n");
        peer.send(format!("{upgrade}{}", get("/next", "")));
        assert_eq!(peer.requests().len(), 1);
        assert_eq!(peer.body(0), b"");
        peer.respond(0, response(403, &[], ResponseBody::Empty));
        peer.read();
        assert_eq!(peer.requests()[1].path(), "/next");
        let mut peer = Peer::parallel(in_flight);
        peer.send(format!("{upgrade}frames"));
        let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
        peer.respond(0, response(101, &headers, ResponseBody::Tunnel));
        assert_eq!(peer.body(0), b"frames");
        let answer = peer.read();
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"));
    }
}

#[test]
fn a16_upgrade_with_a_body_and_upgrade_to_h2c() {
    let mut peer = Peer::new();
    let lines = "connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n";
    peer.send(post(lines, &format!("hello{}", get("/next", ""))));
    assert_eq!(peer.body(0), b"hello");
    peer.respond(0, text("still http/1"));
    assert!(peer.read().starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(peer.requests()[1].path(), "/next");
}

#[test]
fn a17_an_error_in_a_pipeline_waits_for_its_turn_and_is_the_last() {
    let mut peer = Peer::parallel(8);
    peer.send(format!("{}{}GET / HTTP/9.9\r\n\r\n{EVIL}", get("/1", ""), get("/2", "")));
    assert_eq!(peer.rejections(), [UnsupportedVersion]);
    assert_eq!(peer.read(), "");
    peer.respond(1, text("second"));
    assert_eq!(peer.read(), "");
    peer.respond(0, text("first"));
    let answers = peer.read();
    let places: Vec<_> =
        ["first", "second", "505"].iter().map(|part| answers.find(part).unwrap()).collect();
    assert!(places.is_sorted(), "{answers}");
    assert_eq!(peer.requests().len(), 2);
    assert_eq!(peer.finished(), [(0, 5, true), (1, 6, true)]);
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
}

#[test]
fn a18_responses_without_a_body_do_not_shift_the_next() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 304)] {
        let mut peer = Peer::new();
        peer.send(format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n"));
        peer.respond(0, response(status, &[("content-length", "4")], full("body")));
        let answer = peer.read();
        assert!(answer.ends_with("\r\n\r\n") && !answer.contains("close"), "{answer}");
        assert_eq!(answer.contains("content-length: 4"), status == 200, "{answer}");
        assert!(!answer.contains("transfer-encoding"));
        peer.send(get("/next", "")).respond(1, text("next"));
        assert!(peer.read().starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(peer.finished(), [(0, 0, true), (1, 4, true)]);
    }
}

#[test]
fn a18_streams_for_head_are_swallowed() {
    let mut peer = Peer::new();
    peer.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    peer.respond(0, stream()).body_part(0, "body").finish(0, None);
    assert!(peer.read().ends_with("\r\n\r\n"));
    peer.send(get("/", ""));
    assert_eq!(peer.requests().len(), 2);
}

#[test]
fn a18_informational_responses_are_no_answers() {
    for status in [100, 102, 103, 101, 199, 99, 1000] {
        let mut peer = Peer::new();
        peer.send(get("/", "")).respond(0, response(status, &[], ResponseBody::Empty));
        assert!(peer.read().starts_with("HTTP/1.1 500 "), "{status}");
    }
}

#[test]
fn a18_http_1_0_is_never_switched() {
    let mut peer = Peer::new();
    peer.send("GET / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    peer.respond(0, response(101, &[("upgrade", "x")], ResponseBody::Tunnel));
    peer.body_part(0, "raw").finish(0, None);
    let answer = peer.read();
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("raw"), "{answer}");
}

#[test]
fn a19_a_declared_length_that_is_wrong_ends_the_connection() {
    for (length, sent) in [("3", "abc"), ("9", "abcdef")] {
        for streamed in [false, true] {
            let mut peer = Peer::new();
            peer.send(get("/", ""));
            let headers = [("content-length", length)];
            match streamed {
                false => peer.respond(0, response(200, &headers, full("abcdef"))),
                true => peer
                    .respond(0, response(200, &headers, ResponseBody::Stream { length: None }))
                    .body_part(0, "abc")
                    .body_part(0, "def")
                    .finish(0, None),
            };
            let answer = peer.read();
            assert!(answer.ends_with(&format!("\r\n\r\n{sent}")), "{answer}");
            assert!(answer.contains(&format!("content-length: {length}\r\n")));
            assert_ne!(peer.closing(), Closing::Open);
            peer.send(EVIL);
            assert_eq!(peer.requests().len(), 1);
        }
    }
}

#[test]
fn a19_the_application_does_not_frame() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    let headers =
        [("Transfer-Encoding", "chunked"), ("keep-alive", "timeout=5"), ("content-length", "2")];
    peer.respond(0, response(200, &headers, full("ok")));
    let answer = peer.read();
    assert!(!answer.to_lowercase().contains("transfer-encoding") && !answer.contains("timeout"));
    assert!(answer.contains("content-length: 2\r\n") && answer.ends_with("\r\n\r\nok"));
    for headers in
        [[("content-length", "x"), ("a", "b")], [("content-length", "1"), ("content-length", "2")]]
    {
        let mut peer = Peer::new();
        peer.send(get("/", "")).respond(0, response(200, &headers, full("body")));
        let answer = peer.read();
        assert_eq!(answer.matches("content-length").count(), 1);
        assert!(answer.contains("content-length: 4\r\n") && peer.closing() == Closing::Open);
    }
}

#[test]
fn a20_a_failed_stream_has_no_clean_end() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, stream()).body_part(0, "part");
    peer.cancel(0);
    let answer = peer.read();
    assert!(answer.ends_with("4\r\npart\r\n"), "{answer}");
    assert_eq!(peer.finished(), [(0, 9, false)]);
    assert_ne!(peer.closing(), Closing::Open);
    assert!(!peer.connection.is_cut());
    let mut peer = Peer::new();
    peer.send("GET / HTTP/1.0\r\n\r\n").respond(0, stream()).body_part(0, "part");
    peer.cancel(0);
    peer.read();
    assert!(peer.closing() == Closing::Close && peer.connection.is_cut());
}

#[test]
fn a20_a_failure_before_the_response_is_an_error() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    peer.cancel(0);
    let answer = peer.read();
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    assert!(answer.ends_with("\r\n\r\nInternal Server Error\n") && !answer.contains("close"));
    peer.pass(Duration::from_secs(1)).send(get("/", ""));
    assert_eq!(peer.requests().len(), 2);
}
