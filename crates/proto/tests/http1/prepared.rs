//! Responses that were rendered before.

use bytes::Bytes;
use hyperion_buf::{FileRange, Segment};
use hyperion_proto::{Closing, Prepared, ResponseBody};

use crate::support::*;

fn prepared(status: u16, pairs: &[(&str, &str)], body: &'static str) -> Prepared {
    Prepared::new(status, fields(pairs), Bytes::from_static(body.as_bytes()))
}

/// Lines of the head in a settled order, and what follows them.
fn parts(answer: &str) -> (Vec<&str>, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.split("\r\n").collect();
    lines[1..].sort_unstable();
    (lines, body)
}

#[test]
fn a_prepared_response_has_date_length_and_body() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond_prepared(0, &prepared(200, &[("x", "y")], "hello"));
    let expected =
        format!("HTTP/1.1 200 OK\r\ndate: {DATE}\r\nx: y\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(peer.read(), expected);
    assert_eq!((peer.finished(), peer.closing()), (vec![(0, 5, true)], Closing::Open));
}

#[test]
fn it_says_the_same_as_one_that_is_rendered_on_the_way() {
    let requests = [
        get("/", ""),
        get("/", "connection: close\r\n"),
        "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned(),
        "HEAD / HTTP/1.0\r\n\r\n".to_owned(),
    ];
    let heads: [(u16, &[(&str, &str)]); 6] = [
        (200, &[("a", "1"), ("b", "2")]),
        (404, &[("date", "mine")]),
        (204, &[]),
        (304, &[("etag", "\"x\"")]),
        (205, &[]),
        (200, &[("connection", "close"), ("keep-alive", "1"), ("transfer-encoding", "x")]),
    ];
    for (request, (status, pairs)) in
        requests.iter().flat_map(|request| heads.map(|head| (request, head)))
    {
        let (mut ready, mut fresh) = (Peer::new(), Peer::new());
        ready.send(request).respond_prepared(0, &prepared(status, pairs, "text"));
        fresh.send(request).respond(0, response(status, pairs, full("text")));
        assert_eq!(parts(&ready.read()), parts(&fresh.read()), "{request} {status} {pairs:?}");
        assert_eq!(ready.closing(), fresh.closing(), "{request} {status} {pairs:?}");
        assert_eq!(ready.finished(), fresh.finished(), "{request} {status} {pairs:?}");
    }
}

#[test]
fn the_length_is_that_of_the_body_whatever_the_fields_say() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond_prepared(0, &prepared(200, &[("content-length", "77")], "ok"));
    let answer = peer.read();
    assert!(answer.contains("content-length: 2\r\n") && !answer.contains("77"), "{answer}");
    assert_eq!(peer.closing(), Closing::Open);
}

#[test]
fn it_waits_for_its_turn_in_a_pipeline() {
    let mut peer = Peer::parallel(2);
    peer.send(get("/slow", "")).send(get("/quick", ""));
    peer.respond_prepared(1, &prepared(200, &[], "second"));
    assert_eq!(peer.read(), "");
    peer.respond(0, text("first"));
    let answers = peer.read();
    assert!(answers.find("first").unwrap() < answers.find("second").unwrap(), "{answers}");
    assert_eq!(peer.finished(), [(0, 5, true), (1, 6, true)]);
}

#[test]
fn a_large_body_is_sent_without_a_copy_and_a_second_answer_is_ignored() {
    let body = Bytes::from(vec![b'x'; 100_000]);
    let large = Prepared::new(200, fields(&[]), body.clone());
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond_prepared(0, &large).respond_prepared(0, &large);
    let mut slices = [std::io::IoSlice::new(&[]); 3];
    assert_eq!(peer.queue.io_slices(&mut slices), 2);
    assert_eq!(slices[1].as_ptr(), body.as_ptr());
    assert_eq!(peer.take(u64::MAX).finished(), [(0, 100_000, true)]);
}

#[test]
fn a_body_that_still_arrives_is_read_to_its_end() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 5\r\n", "12")).respond_prepared(0, &prepared(200, &[], "ok"));
    peer.send("345");
    assert!(peer.read().starts_with("HTTP/1.1 200 OK\r\n"));
    peer.send(get("/", ""));
    assert_eq!(peer.requests().len(), 2);
}

#[test]
fn parts_are_sent_in_order_with_their_length() {
    let file = file_of_f();
    let parts = vec![
        Segment::Shared(Bytes::from_static(b"--a\r\n")),
        Segment::File(FileRange { file, offset: 7, length: 3 }),
        Segment::Owned(b"\r\n--a--".to_vec()),
    ];
    for (method, body) in [("GET", "--a\r\nFFF\r\n--a--"), ("HEAD", "")] {
        let mut peer = Peer::new();
        peer.send(format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n"));
        peer.respond(0, response(206, &[], ResponseBody::Parts(parts.clone())));
        let answer = peer.read();
        assert!(answer.contains("content-length: 15\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        assert_eq!(peer.closing(), Closing::Open);
    }
}
