//! Requests as the application sees them.

use hyperion_proto::{BodyLength, Config, Event, Version};

use crate::support::*;
use crate::wire::*;

fn requested(block: &[u8]) -> Peer {
    let mut peer = Peer::new();
    peer.send(headers(1, END_STREAM, block));
    peer
}

#[test]
fn a_request_has_method_target_and_version() {
    let peer = requested(&request("PATCH", "/a%20b/c?d=e?f", &[("x-one", "1"), ("x-two", "")]));
    let request = peer.request(1);
    assert_eq!(request.version(), Version::Http2);
    assert_eq!((request.method(), request.target()), ("PATCH", "/a%20b/c?d=e?f"));
    assert_eq!((request.path(), request.query()), ("/a%20b/c", Some("d=e?f")));
    assert_eq!(request.header("x-one"), Some(&b"1"[..]));
    assert_eq!(request.header("x-two"), Some(&b""[..]));
    assert!(request.headers().all(|(name, _)| !name.starts_with(b":")));
    assert_eq!(request.body(), BodyLength::None);
}

#[test]
fn a_path_may_have_no_query_or_an_empty_one() {
    assert_eq!(requested(&request("GET", "/x", &[])).request(1).query(), None);
    assert_eq!(requested(&request("GET", "/x?", &[])).request(1).query(), Some(""));
    assert_eq!(requested(&request("GET", "//x//y", &[])).request(1).path(), "//x//y");
}

#[test]
fn options_may_ask_for_the_whole_server() {
    assert_eq!(requested(&request("OPTIONS", "*", &[])).request(1).path(), "*");
}

#[test]
fn authority_becomes_host() {
    let blocks = [
        request("GET", "/", &[]),
        request("GET", "/", &[("host", "a")]),
        block(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "a")]),
    ];
    for block in blocks {
        let peer = requested(&block);
        let request = peer.request(1);
        assert_eq!(request.host(), Some("a"));
        let hosts: Vec<_> = request.headers().filter(|(name, _)| *name == b"host").collect();
        assert_eq!(hosts, [(&b"host"[..], &b"a"[..])]);
    }
    let pseudo = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    for authority in ["example.com:8080", "[::1]:80", "127.0.0.1"] {
        let peer = requested(&[block(&pseudo), block(&[(":authority", authority)])].concat());
        assert_eq!(peer.request(1).host(), Some(authority));
    }
}

#[test]
fn w22_cookie_crumbs_are_joined() {
    let crumbs = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3; d=4")];
    let peer = requested(&request("GET", "/", &crumbs));
    let request = peer.request(1);
    let cookies: Vec<_> = request.headers().filter(|(name, _)| *name == b"cookie").collect();
    assert_eq!(cookies, [(&b"cookie"[..], &b"a=1; b=2; c=3; d=4"[..])]);
    assert_eq!(request.header("x"), Some(&b"y"[..]));
}

#[test]
fn other_fields_are_kept_apart_and_in_their_order() {
    let fields = [("x", "1"), ("y", "2"), ("x", "3"), ("te", "trailers")];
    let peer = requested(&request("GET", "/", &fields));
    for (name, values) in [("x", &["1", "3"][..]), ("y", &["2"]), ("te", &["trailers"])] {
        let of_name = peer.request(1).headers().filter(|(of, _)| *of == name.as_bytes());
        let kept: Vec<_> = of_name.map(|(_, value)| std::str::from_utf8(value).unwrap()).collect();
        assert_eq!(kept, values, "{name}");
    }
}

#[test]
fn names_with_an_underscore_are_left_out_and_counted() {
    let peer = requested(&request("GET", "/", &[("x_forwarded_for", "1.2.3.4"), ("x", "y")]));
    assert_eq!(peer.request(1).dropped_underscore_headers(), 1);
    assert_eq!(peer.request(1).header("x_forwarded_for"), None);
    assert_eq!(peer.request(1).header("x"), Some(&b"y"[..]));
}

#[test]
fn values_keep_their_bytes() {
    let field = literal("x", [b'a', 0xff, b'\t', 0xc3]);
    let peer = requested(&[plain_block(), field].concat());
    assert_eq!(peer.request(1).header("x"), Some(&[b'a', 0xff, b'\t', 0xc3][..]));
}

#[test]
fn a_body_arrives_in_parts_and_ends() {
    let mut peer = Peer::new();
    peer.send(post(1));
    assert!(!matches!(peer.request(1).body(), BodyLength::None | BodyLength::Known(_)));
    peer.send(data(1, 0, "one ")).send(padded_data(1, 0, b"two ", 200)).send(data(1, 0, ""));
    assert_eq!(peer.body(1), b"one two ", "it does not wait for the end");
    assert!(!peer.ended(1));
    peer.send(data(1, END_STREAM, "three"));
    assert_eq!(peer.body(1), b"one two three");
    assert_eq!(peer.trailers(1).map(|trailers| trailers.is_none()), Some(true));
    let no_empty_part =
        |event: &Event| !matches!(event, Event::Data { bytes, .. } if bytes.is_empty());
    assert!(peer.events.iter().all(no_empty_part));
}

#[test]
fn a_body_of_known_length_says_so() {
    let mut peer = Peer::new();
    peer.send(post_of(1, "4")).send(data(1, END_STREAM, "four"));
    assert_eq!(peer.request(1).body(), BodyLength::Known(4));
    assert_eq!((peer.body(1), peer.ended(1)), (b"four".to_vec(), true));
}

#[test]
fn a_request_without_body_ends_at_once() {
    let mut peer = Peer::new();
    peer.send(get(1)).send(post_of(3, "0")).send(data(3, END_STREAM, ""));
    assert!(peer.ended(1) && peer.ended(3) && peer.body(3).is_empty());
}

#[test]
fn trailers_come_with_the_end() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(data(1, 0, "x"));
    peer.send(headers(1, END_STREAM, block(&[("x-sum", "7"), ("content-length", "9")])));
    let trailers = peer.trailers(1).unwrap().expect("there are some");
    assert_eq!(trailers.find("x-sum"), Some(&b"7"[..]));
    assert_eq!(trailers.find("content-length"), None, "as over HTTP/1.1");
}

#[test]
fn a_client_that_waits_for_100_gets_it_when_the_application_asks() {
    let mut peer = Peer::new();
    peer.send(headers(1, 0, request("POST", "/", &[("expect", "100-continue")]))).read();
    assert!(peer.request(1).expects_continue() && peer.answer(1).interim.is_empty());
    peer.connection.send_continue(hyperion_proto::StreamId(1));
    peer.read();
    assert_eq!(peer.answer(1).interim, [[(":status".to_owned(), "100".to_owned())]]);
    peer.send(data(1, END_STREAM, "x")).respond(1, full("ok")).read();
    assert_eq!(peer.answer(1).status(), Some(200));
}

#[test]
fn a_cancelled_request_is_aborted_and_its_answer_ignored() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(get(3)).send(data(1, 0, "x")).send(rst_stream(1, CANCEL));
    assert!(peer.aborted(1) && !peer.ended(1));
    peer.respond(1, full("late"))
        .body_part(1, "x")
        .finish(1, None)
        .respond(3, full("three"))
        .read();
    assert!(peer.answer(1).fields.is_empty() && peer.answer(3).body == b"three");
}

#[test]
fn a_client_that_leaves_aborts_what_is_open() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(get(3));
    peer.connection.handle_disconnect();
    peer.poll();
    assert!(peer.aborted(1) && peer.aborted(3), "{}", peer.history());
}

#[test]
fn http1_is_spoken_where_the_preface_is_not() {
    for bytes in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "PRINT /x HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let mut peer = Peer::silent(Config::default());
        peer.drips = true;
        peer.send(bytes);
        assert_eq!(peer.requests()[0].1.version(), Version::Http11);
        let id = peer.requests()[0].0;
        peer.respond(id, full("one")).take(u64::MAX);
        assert!(peer.unread.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

fn call() -> Peer {
    let mut config = Config::default();
    config.limits.body_bytes = 1000;
    let mut peer = Peer::with(config);
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    peer.send(headers(1, 0, request("POST", "/a.B/C", &fields)));
    assert!(peer.request(1).is_grpc());
    peer
}

#[test]
fn f6_a_grpc_call_may_be_long_and_quiet_once_its_answer_has_begun() {
    let mut peer = call();
    peer.pass_s(29).respond(1, stream()).read();
    for _ in 0..4 {
        peer.send(data(1, 0, vec![b'm'; 500])).pass_s(100).read();
    }
    peer.send(data(1, END_STREAM, ""));
    assert!(peer.body(1).len() == 2000 && peer.ended(1), "{}", peer.history());
}

#[test]
fn f6_a_grpc_call_that_nobody_has_answered_may_be_long_but_not_quiet() {
    let mut peer = call();
    for _ in 0..10 {
        peer.send(data(1, 0, vec![b'm'; 500])).pass_s(29).read();
    }
    assert_eq!(peer.body(1).len(), 5000);
    peer.pass_s(2).read();
    let answer = peer.answer(1);
    assert_eq!((answer.status(), answer.field("grpc-status")), (Some(408), Some("4")));
    assert!(peer.aborted(1) && answer.ended, "{}", peer.history());
    peer.assert_alive();
}
