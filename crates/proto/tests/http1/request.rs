//! What a request says, and how its body arrives.

use hyperion_proto::{BodyLength, Config, Request, StreamId, Version};

use crate::support::*;

#[test]
fn a_request_shows_its_parts() {
    let mut peer = Peer::new();
    peer.send(
        "POST /a/b?c=d&e HTTP/1.1\r\nHost: example.com:81\r\nX-Empty:\r\nAccept:  a/b \t\r\n\r\n",
    );
    let request = peer.request();
    assert_eq!((request.method(), request.target()), ("POST", "/a/b?c=d&e"));
    assert_eq!((request.path(), request.query()), ("/a/b", Some("c=d&e")));
    assert_eq!((request.version(), request.body()), (Version::Http11, BodyLength::None));
    assert_eq!(request.host(), Some("example.com:81"));
    assert_eq!(request.header("accept"), Some(&b"a/b"[..]));
    assert_eq!(request.header("x-empty"), Some(&b""[..]));
    assert_eq!(request.headers().next(), Some((&b"Host"[..], &b"example.com:81"[..])));
    assert!(request.keep_alive() && !request.expects_continue() && peer.ended(0));
}

#[test]
fn w26_connection_is_a_list_over_several_lines() {
    let keep_alive =
        |head: &str| Request::from_head(head.as_bytes(), &Config::default()).unwrap().keep_alive();
    assert!(keep_alive(&get("/", "")));
    assert!(keep_alive(&get("/", "connection: keep-alive\r\n")));
    assert!(!keep_alive(&get("/", "Connection: Upgrade , Close\r\n")));
    assert!(!keep_alive(&get("/", "connection: x\r\nconnection: y,close\r\n")));
    assert!(keep_alive(&get("/", "connection: closed, xclose\r\n")));
    assert!(!keep_alive("GET / HTTP/1.0\r\n\r\n"));
    assert!(keep_alive("GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n"));
    assert!(!keep_alive("GET / HTTP/1.0\r\nconnection: keep-alive, close\r\n\r\n"));
}

#[test]
fn a_body_arrives_in_parts() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 11\r\n", "hello")).send(" wor").send("ldGET");
    assert!(peer.body(0) == b"hello world" && peer.ended(0));
    peer.respond(0, text("")).send(" / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(peer.requests().len(), 2);
}

#[test]
fn a_chunked_body_arrives_in_parts() {
    let mut peer = Peer::new();
    peer.drip(chunked("5\r\nhello\r\nA;x=y\r\n, chunked!\r\n0\r\n\r\n"));
    assert!(peer.body(0) == b"hello, chunked!" && peer.ended(0));
    assert_eq!(peer.request().body(), BodyLength::Chunked);
}

#[test]
fn a_length_of_zero_is_known_and_complete() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 0\r\n", ""));
    assert!(peer.request().body() == BodyLength::Known(0) && peer.ended(0));
}

#[test]
fn a_client_that_leaves_in_mid_body_aborts() {
    for bytes in [post("content-length: 9\r\n", "x"), chunked("9\r\nx"), chunked("1\r\nx\r\n0\r\n")]
    {
        let mut peer = Peer::new();
        peer.send(bytes).end();
        assert!(peer.aborted(0) && !peer.ended(0));
        assert_eq!(peer.closing(), hyperion_proto::Closing::Close);
        peer.respond(0, text("too late"));
        assert!(peer.read().is_empty() && peer.finished().is_empty());
    }
}

#[test]
fn a_client_that_leaves_in_mid_head_is_let_go_in_silence() {
    for bytes in ["", "GET", "GET / HTTP/1.1\r\nhost: a\r\n"] {
        let mut peer = Peer::new();
        peer.send(bytes).end();
        assert_eq!(peer.closing(), hyperion_proto::Closing::Close);
        assert!(peer.events.is_empty() && peer.read().is_empty());
    }
}

#[test]
fn paused_bodies_wait_and_resume() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 5\r\n", ""));
    peer.connection.pause_body(StreamId(0));
    peer.send("hel").send("lo").end();
    assert_eq!(peer.body(0), b"");
    peer.connection.resume_body(StreamId(0));
    peer.poll();
    assert!(peer.body(0) == b"hello" && peer.ended(0) && !peer.aborted(0));
}

#[test]
fn a_paused_body_is_dropped_once_the_response_is_complete() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 5\r\n", ""));
    peer.connection.pause_body(StreamId(0));
    peer.send(format!("hello{}", get("/next", ""))).respond(0, text("done"));
    assert_eq!(peer.requests()[1].path(), "/next");
    assert!(peer.body(0).is_empty());
}
