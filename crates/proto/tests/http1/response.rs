//! How responses are framed.

use bytes::Bytes;
use hyperion_buf::FileRange;
use hyperion_proto::{Closing, ResponseBody, StreamId};

use crate::support::*;

fn answer(request: &str, response: hyperion_proto::Response) -> (String, Closing) {
    let mut peer = Peer::new();
    peer.send(request).respond(0, response);
    (peer.read(), peer.closing())
}

#[test]
fn a_full_body_has_its_length() {
    let (answer, closing) = answer(&get("/", ""), response(200, &[("x", "y")], full("hello")));
    let expected =
        format!("HTTP/1.1 200 OK\r\nx: y\r\ndate: {DATE}\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!((answer, closing), (expected, Closing::Open));
}

#[test]
fn status_lines_have_a_reason_where_one_is_known() {
    for (status, line) in [(404, "404 Not Found"), (299, "299 "), (999, "999 ")] {
        let (answer, _) = answer(&get("/", ""), response(status, &[], ResponseBody::Empty));
        assert!(answer.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{answer}");
        assert!(answer.contains("content-length: 0\r\n"));
    }
}

#[test]
fn the_application_s_date_wins() {
    let (answer, _) = answer(&get("/", ""), response(200, &[("Date", "mine")], full("")));
    assert!(answer.contains("Date: mine\r\n") && !answer.contains(DATE));
}

#[test]
fn large_bodies_are_sent_without_a_copy() {
    let body = Bytes::from(vec![b'x'; 100_000]);
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, response(200, &[], ResponseBody::Full(body.clone())));
    let mut slices = [std::io::IoSlice::new(&[]); 2];
    assert_eq!(peer.queue.io_slices(&mut slices), 2);
    assert_eq!(slices[1].as_ptr(), body.as_ptr());
    assert!(peer.read().ends_with("xxx"));
    assert_eq!(peer.finished(), [(0, 100_000, true)]);
}

#[test]
fn streams_are_chunked_and_may_have_trailers() {
    let trailers = fields(&[("x-sum", "7")]);
    for (lines, ending) in [("te: trailers\r\n", "0\r\nx-sum: 7\r\n\r\n"), ("", "0\r\n\r\n")] {
        let mut peer = Peer::new();
        peer.send(get("/", lines)).respond(0, stream()).body_part(0, "hello, chunked");
        peer.body_part(0, "").body_part(0, "!").finish(0, Some(&trailers));
        let answer = peer.read();
        assert!(
            answer.contains("transfer-encoding: chunked\r\n") && !answer.contains("content-length")
        );
        let body = format!("\r\n\r\ne\r\nhello, chunked\r\n1\r\n!\r\n{ending}");
        assert!(answer.ends_with(&body), "{answer}");
        assert_eq!(peer.closing(), Closing::Open);
    }
}

#[test]
fn streams_of_known_length_are_not_chunked() {
    let mut peer = Peer::new();
    let body = ResponseBody::Stream { length: Some(4) };
    peer.send(get("/", "")).respond(0, response(200, &[], body)).body_part(0, "ab");
    peer.body_part(0, "cd").finish(0, None);
    let answer = peer.read();
    assert!(answer.contains("content-length: 4\r\n") && answer.ends_with("\r\n\r\nabcd"));
    assert_eq!((peer.closing(), peer.finished()), (Closing::Open, vec![(0, 4, true)]));
}

#[test]
fn http10_gets_no_chunks() {
    let mut peer = Peer::new();
    peer.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    peer.respond(0, stream()).body_part(0, "hello").finish(0, None);
    let answer = peer.read();
    assert!(
        answer.contains("connection: close\r\n") && answer.ends_with("\r\n\r\nhello"),
        "{answer}"
    );
    assert!(!answer.contains("chunked") && peer.closing() != Closing::Open);
}

#[test]
fn http10_stays_only_if_asked() {
    let (kept, closing) = answer("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", text("x"));
    assert!(kept.contains("connection: keep-alive\r\n") && closing == Closing::Open);
    let (ended, closing) = answer("GET / HTTP/1.0\r\n\r\n", text("x"));
    assert!(ended.contains("connection: close\r\n") && closing == Closing::Close);
}

#[test]
fn close_is_announced_whoever_wants_it() {
    let (by_client, closing) = answer(&get("/", "connection: close\r\n"), text("x"));
    assert!(by_client.contains("connection: close\r\n") && closing == Closing::Close);
    let (by_app, closing) =
        answer(&get("/", ""), response(200, &[("Connection", "Close")], full("x")));
    assert_eq!(by_app.to_lowercase().matches("connection: close\r\n").count(), 1);
    assert_eq!(closing, Closing::ShutdownWrite);
    let (kept, closing) = answer(
        &get("/", ""),
        response(426, &[("connection", "upgrade"), ("upgrade", "x")], full("")),
    );
    assert!(kept.contains("connection: upgrade\r\nupgrade: x\r\n") && closing == Closing::Open);
}

#[test]
fn reset_content_has_no_content() {
    let (answer, closing) =
        answer(&get("/", ""), response(205, &[("content-length", "3")], full("abc")));
    assert!(answer.contains("content-length: 0\r\n") && answer.ends_with("\r\n\r\n"));
    assert_eq!(closing, Closing::Open);
}

#[test]
fn head_shows_the_length_of_what_get_would_send() {
    let head = "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n";
    assert!(answer(head, text("hello")).0.contains("content-length: 5\r\n"));
    assert!(!answer(head, response(200, &[], ResponseBody::Empty)).0.contains("content-length"));
    let declared = response(200, &[("content-length", "9")], ResponseBody::Empty);
    let (answer, closing) = answer(head, declared);
    assert!(answer.contains("content-length: 9\r\n") && closing == Closing::Open);
}

#[test]
fn files_are_sent_as_ranges() {
    let range = |length| FileRange { file: file_of_f(), offset: 3, length };
    let (whole, _) = answer(&get("/", ""), response(200, &[], ResponseBody::File(range(5))));
    assert!(whole.contains("content-length: 5\r\n") && whole.ends_with("\r\n\r\nFFFFF"));
    let (cut, closing) = answer(
        &get("/", ""),
        response(200, &[("content-length", "2")], ResponseBody::File(range(5))),
    );
    assert!(cut.ends_with("\r\n\r\nFF") && closing != Closing::Open);
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, stream());
    peer.connection.send_file(StreamId(0), range(20));
    peer.finish(0, None);
    assert!(peer.read().ends_with(&format!("14\r\n{}\r\n0\r\n\r\n", "F".repeat(20))));
}

#[test]
fn informational_responses_precede_the_answer() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    for status in [103, 101, 200, 99] {
        peer.connection.inform(StreamId(0), status, &fields(&[("link", "x")]));
    }
    peer.respond(0, text("x"));
    peer.connection.inform(StreamId(0), 103, &fields(&[]));
    let answer = peer.read();
    assert!(answer.starts_with("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert_eq!(answer.matches("HTTP/1.1").count(), 2);
    let mut peer = Peer::new();
    peer.send("GET / HTTP/1.0\r\n\r\n");
    peer.connection.inform(StreamId(0), 103, &fields(&[("link", "x")]));
    assert_eq!(peer.read(), "");
}

#[test]
fn rejections_by_the_engine_keep_the_connection_if_nothing_is_unread() {
    let mut peer = Peer::new();
    peer.send(get("/", ""));
    peer.reject(0, 503, Some(1));
    let answer = peer.read();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    assert!(answer.contains("retry-after: 1\r\n") && peer.closing() == Closing::Open);
    peer.send(post("content-length: 9\r\n", "x"));
    peer.reject(1, 413, None);
    assert!(peer.read().contains("connection: close\r\n"));
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
    assert_eq!(peer.finished(), [(0, 20, true), (1, 18, true)]);
}

#[test]
fn a_long_body_is_not_drained_after_an_early_answer() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 9999999\r\n", "x")).respond(0, text("early"));
    assert!(peer.read().contains("connection: close\r\n"));
    let mut peer = Peer::new();
    peer.send(chunked("100000\r\n")).respond(0, text("early"));
    assert!(!peer.read().contains("close"));
    peer.send(vec![b'x'; 257 * 1024]);
    peer.read();
    assert_eq!(peer.closing(), Closing::ShutdownWrite);
}

#[test]
fn a_response_may_begin_while_the_body_arrives() {
    let mut peer = Peer::new();
    peer.send(post("content-length: 2\r\n", "a")).respond(0, stream()).body_part(0, "A").send("b");
    assert!(peer.body(0) == b"ab" && peer.ended(0));
    peer.body_part(0, "B").finish(0, None);
    assert!(peer.read().ends_with("1\r\nA\r\n1\r\nB\r\n0\r\n\r\n"));
    assert!(peer.closing() == Closing::Open && peer.connection.is_idle());
}

#[test]
fn a_tunnel_that_no_response_opens_passes_bytes_of_the_application_only() {
    let mut peer = Peer::new();
    let now = peer.now;
    peer.send(get("/", "")).send("first ");
    assert!(peer.connection.tunnel(now, StreamId(0)));
    assert!(!peer.connection.tunnel(now, StreamId(0)), "it is one");
    peer.send("up").body_part(0, "down");
    assert_eq!(peer.body(0), b"first up");
    peer.finish(0, None);
    assert_eq!(peer.read(), "down");
    assert_eq!(peer.finished(), [(0, 4, true)]);
}

#[test]
fn a_tunnel_passes_bytes_both_ways_to_its_end() {
    let mut peer = Peer::new();
    peer.send(get("/", "")).respond(0, response(200, &[("x", "y")], ResponseBody::Tunnel));
    peer.body_part(0, "down");
    let answer = peer.read();
    assert!(
        answer.contains("connection: close\r\n") && answer.ends_with("\r\n\r\ndown"),
        "{answer}"
    );
    assert!(!answer.contains("chunked") && !answer.contains("content-length"));
    peer.send("up").pass_s(10_000);
    assert_eq!(peer.body(0), b"up");
    peer.connection.pause_body(StreamId(0));
    assert!(!peer.connection.wants_input());
    peer.send("more");
    peer.connection.resume_body(StreamId(0));
    peer.end();
    assert_eq!(peer.body(0), b"upmore");
    let ends = |event: &&hyperion_proto::Event| matches!(event, hyperion_proto::Event::End { .. });
    assert_eq!(peer.events.iter().filter(ends).count(), 2, "of the request and of the tunnel");
    peer.body_part(0, "last").finish(0, None);
    assert_eq!((peer.read().as_str(), peer.closing()), ("last", Closing::Close));
    assert_eq!(peer.finished(), [(0, 8, true)]);
}

#[test]
fn a_tunnel_may_keep_the_application_s_length() {
    let headers = [("content-length", "4"), ("connection", "keep-alive")];
    let (answer, _) = answer(&get("/", ""), response(200, &headers, ResponseBody::Tunnel));
    assert!(answer.contains("content-length: 4\r\n") && answer.contains("connection: close\r\n"));
    assert!(!answer.contains("keep-alive"));
}

#[test]
fn a_tunnel_waits_for_its_turn() {
    let mut peer = Peer::parallel(4);
    peer.send(get("/", "").repeat(2)).send("raw");
    peer.respond(1, response(200, &[], ResponseBody::Tunnel)).body_part(1, "down");
    assert_eq!((peer.read(), peer.body(1).len()), (String::new(), 0));
    peer.respond(0, text("first"));
    assert!(peer.read().ends_with("down"));
    assert_eq!(peer.body(1), b"raw");
}

#[test]
fn unread_bytes_go_to_whoever_takes_the_socket() {
    let mut peer = Peer::new();
    peer.send(format!("{}raw", get("/", "connection: close\r\n")));
    peer.send(" bytes");
    assert_eq!(&peer.connection.take_unread()[..], b"raw bytes");
}

#[test]
fn a_stream_that_ends_without_another_byte_finishes_after_its_head_has_left() {
    let mut peer = Peer::new();
    peer.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").respond(0, stream());
    peer.read();
    assert!(peer.finished().is_empty());
    peer.finish(0, None);
    assert_eq!(peer.finished(), [(0, 0, true)]);
    peer.send(get("/next", "")).respond(1, text("next"));
    assert!(peer.read().ends_with("next"));
}
