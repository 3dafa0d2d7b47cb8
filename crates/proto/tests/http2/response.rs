//! Responses as the client sees them.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use hyperion_buf::{DiskFile, FileRange, Segment};
use hyperion_proto::{Event, Prepared, Response, ResponseBody, StreamId};

use crate::support::*;
use crate::wire::*;

fn answered(block: &[u8], response: Response) -> Peer {
    let mut peer = Peer::new();
    peer.send(headers(1, END_STREAM, block)).respond(1, response).read();
    peer
}

fn to_get(response: Response) -> Answer {
    answered(&plain_block(), response).answer(1)
}

#[test]
fn a_full_body_has_its_length_and_a_date() {
    let fields = [("X-Name", "Value"), ("content-type", "text/plain")];
    let body = ResponseBody::Full(Bytes::from_static(b"hello"));
    let peer = answered(&plain_block(), response(201, &fields, body));
    let answer = peer.answer(1);
    assert_eq!(
        (answer.status(), answer.body.as_slice(), answer.ended),
        (Some(201), &b"hello"[..], true)
    );
    assert_eq!(answer.field("x-name"), Some("Value"), "names are sent in lower case");
    assert_eq!(answer.field("content-length"), Some("5"));
    assert_eq!(answer.field("date"), Some(DATE));
    assert_eq!(peer.finished(), [(1, true)]);
}

#[test]
fn the_application_s_date_wins() {
    let answer = to_get(response(200, &[("Date", "mine")], ResponseBody::Empty));
    assert_eq!(answer.fields.iter().filter(|(name, _)| name == "date").count(), 1);
    assert_eq!(answer.field("date"), Some("mine"));
}

#[test]
fn connection_specific_fields_stay_here() {
    let fields = [
        ("Connection", "close, x-hop"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("Transfer-Encoding", "chunked"),
        ("upgrade", "h2c"),
        ("x-kept", "yes"),
    ];
    let peer = answered(&plain_block(), response(200, &fields, ResponseBody::Empty));
    let answer = peer.answer(1);
    let names = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
    for name in names {
        assert_eq!(answer.field(name), None, "{name}");
    }
    assert_eq!((answer.status(), answer.field("x-kept")), (Some(200), Some("yes")));
    assert!(peer.is_open() && peer.goaways().is_empty());
}

#[test]
fn repeated_fields_are_sent_one_by_one() {
    let fields = [("Set-Cookie", "a=1"), ("x", ""), ("set-cookie", "b=2")];
    let answer = to_get(response(200, &fields, ResponseBody::Empty));
    let cookies: Vec<_> = answer
        .fields
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.field("x"), Some(""));
}

#[test]
fn a_head_request_gets_no_body() {
    let head = request("HEAD", "/", &[]);
    let answer = answered(&head, full("hello")).answer(1);
    assert_eq!(
        (answer.field("content-length"), answer.body.len(), answer.ended),
        (Some("5"), 0, true)
    );
    let mut peer = answered(&head, stream());
    peer.body_part(1, "ignored").finish(1, None).read();
    assert!(peer.answer(1).body.is_empty() && peer.answer(1).ended);
    assert_eq!(peer.finished(), [(1, true)]);
}

#[test]
fn some_statuses_have_no_body() {
    for status in [204, 304] {
        let body = ResponseBody::Full(Bytes::from_static(b"no"));
        let answer = to_get(response(status, &[], body));
        assert_eq!((answer.status(), answer.body.len(), answer.ended), (Some(status), 0, true));
    }
    let answer = to_get(response(204, &[("content-length", "2")], ResponseBody::Empty));
    assert_eq!(answer.field("content-length"), None);
}

#[test]
fn a_status_that_is_not_final_is_500() {
    for status in [0, 99, 101, 103, 1000] {
        let peer = answered(&plain_block(), response(status, &[], ResponseBody::Empty));
        assert_eq!(peer.answer(1).status(), Some(500), "{status}");
    }
}

#[test]
fn large_heads_go_out_in_continuations() {
    let long = "v".repeat(40_000);
    let fields = [("x-long", long.as_str()), ("x-last", "yes")];
    let mut peer = answered(&plain_block(), response(200, &fields, ResponseBody::Empty));
    assert_eq!(peer.answer(1).field("x-long").map(str::len), Some(40_000));
    assert_eq!(peer.answer(1).field("x-last"), Some("yes"));
    assert!(peer.frames.iter().all(|frame| frame.payload.len() <= 16_384));
    peer.assert_alive();
}

#[test]
fn an_empty_body_ends_with_the_head() {
    let peer = answered(&plain_block(), response(200, &[], ResponseBody::Empty));
    assert!(peer.answer(1).ended && peer.frames_of(DATA, 1).is_empty(), "{}", peer.history());
}

#[test]
fn informational_responses_come_first() {
    let mut peer = Peer::new();
    peer.send(get(1));
    peer.connection.inform(StreamId(1), 103, &fields(&[("Link", "</a>"), ("connection", "x")]));
    peer.read();
    let expected =
        [(":status", "103"), ("link", "</a>")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(peer.answer(1).interim, [expected]);
    peer.respond(1, full("ok")).read();
    assert_eq!(peer.answer(1).status(), Some(200));
    peer.connection.inform(StreamId(1), 103, &fields(&[]));
    assert_eq!(peer.read().answer(1).interim.len(), 1, "none behind the final one");
}

#[test]
fn trailers_end_the_stream() {
    let mut peer = Peer::new();
    peer.send(headers(1, END_STREAM, request("GET", "/", &[("te", "trailers")])));
    peer.respond(1, stream()).body_part(1, "hello");
    peer.finish(1, Some(&fields(&[("Grpc-Status", "0"), ("transfer-encoding", "x")]))).read();
    let answer = peer.answer(1);
    assert_eq!((answer.body.as_slice(), answer.ended), (&b"hello"[..], true));
    assert_eq!(answer.trailers, [("grpc-status".to_owned(), "0".to_owned())]);
    let last = peer.frames.last().unwrap();
    assert!(last.kind == HEADERS && last.has(END_STREAM) && last.has(END_HEADERS), "{last:?}");
    assert_eq!(peer.finished(), [(1, true)]);
}

#[test]
fn trailers_may_be_all_there_is() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, stream()).finish(1, Some(&fields(&[("grpc-status", "5")]))).read();
    let answer = peer.answer(1);
    assert!(answer.body.is_empty() && answer.ended);
    assert_eq!(answer.trailers, [("grpc-status".to_owned(), "5".to_owned())]);
}

#[test]
fn a_stream_leaves_part_by_part() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, stream()).read();
    assert_eq!(peer.answer(1).status(), Some(200), "the head does not wait for the body");
    peer.body_part(1, "one").read();
    assert_eq!(peer.answer(1).body, b"one");
    peer.body_part(1, "").body_part(1, "two").read();
    assert!(peer.answer(1).body == b"onetwo" && !peer.answer(1).ended);
    peer.finish(1, None).read();
    assert!(peer.answer(1).ended && peer.answer(1).trailers.is_empty());
    assert_eq!((peer.answer(1).field("content-length"), peer.finished()), (None, vec![(1, true)]));
}

#[test]
fn a_stream_of_known_length_says_so() {
    let mut peer = Peer::new();
    let body = ResponseBody::Stream { length: Some(4) };
    peer.send(get(1)).respond(1, response(200, &[], body)).body_part(1, "four").finish(1, None);
    let answer = peer.read().answer(1);
    assert_eq!((answer.field("content-length"), answer.body.as_slice()), (Some("4"), &b"four"[..]));
    assert!(answer.ended);
}

#[test]
fn a_stream_that_breaks_its_length_is_no_clean_end() {
    for (parts, length) in [("four", 5), ("four", 3)] {
        let mut peer = Peer::new();
        let body = ResponseBody::Stream { length: Some(length) };
        peer.send(get(1)).respond(1, response(200, &[], body)).body_part(1, parts).finish(1, None);
        let answer = peer.read().answer(1);
        let cut = answer.body.len() as u64 == length && answer.ended;
        assert!(cut || peer.reset_code(1).is_some(), "{length}: {}", peer.history());
        assert!(answer.body.len() as u64 <= length);
        peer.assert_alive();
    }
}

#[test]
fn a20_an_application_that_fails_within_a_body_resets_the_stream_alone() {
    let mut peer = Peer::new();
    peer.send(get(1)).send(get(3)).respond(1, stream()).body_part(1, "part").read();
    peer.cancel(1);
    peer.read();
    assert!(peer.reset_code(1).is_some_and(|code| code != NO_ERROR), "{}", peer.history());
    assert!(!peer.answer(1).ended);
    assert_eq!(peer.finished(), [(1, false)]);
    peer.respond(3, full("three")).read();
    assert_eq!(peer.answer(3).body, b"three");
}

#[test]
fn an_application_that_fails_before_its_head_is_answered_500() {
    let mut peer = Peer::new();
    peer.send(get(1));
    peer.cancel(1);
    peer.read();
    assert_eq!((peer.answer(1).status(), peer.answer(1).ended), (Some(500), true));
    peer.assert_alive();
}

#[test]
fn a_rejected_request_gets_a_plain_text() {
    let mut peer = Peer::new();
    peer.send(get(1));
    peer.reject(1, 503, Some(2));
    let answer = peer.read().answer(1);
    assert_eq!((answer.status(), answer.field("retry-after")), (Some(503), Some("2")));
    assert!(answer.field("content-type").unwrap().starts_with("text/plain") && answer.ended);
    peer.assert_alive();
}

#[test]
fn an_answer_before_the_end_of_the_body_is_complete() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(data(1, 0, "x")).respond(1, full("enough")).read();
    assert!(peer.answer(1).ended && peer.answer(1).body == b"enough");
    // RFC 9113, section 8.1: a server asks by NO_ERROR that the rest is not sent.
    assert!(matches!(peer.reset_code(1), None | Some(NO_ERROR)), "{}", peer.history());
    peer.send(data(1, END_STREAM, "y")).read();
    peer.assert_alive();
}

#[test]
fn a_prepared_response_is_the_same_over_http2() {
    let prepared = Prepared::new(200, fields(&[("X-A", "b")]), Bytes::from_static(b"ready"));
    let mut peer = Peer::new();
    for (id, method) in [(1, "GET"), (3, "HEAD")] {
        peer.send(headers(id, END_STREAM, request(method, "/", &[])));
        let now = peer.now;
        peer.connection.respond_prepared(now, StreamId(id), &prepared, DATE);
        let answer = peer.read().answer(id);
        assert_eq!((answer.field("x-a"), answer.field("content-length")), (Some("b"), Some("5")));
        assert_eq!((answer.field("date"), answer.ended), (Some(DATE), true));
        assert_eq!(answer.body, if method == "GET" { &b"ready"[..] } else { b"" });
    }
}

#[test]
fn files_are_sent_in_frames() {
    let bytes: Vec<u8> = (0..200_000u32).map(|index| (index % 251) as u8).collect();
    let file = file_of(&bytes);
    let range = FileRange { file: file.clone(), offset: 1000, length: 150_000 };
    let mut peer = Peer::new();
    peer.send(window_update(0, 1 << 20)).send(settings(&[(INITIAL_WINDOW_SIZE, 1 << 20)]));
    peer.send(get(1)).respond(1, response(200, &[], ResponseBody::File(range))).read();
    let answer = peer.answer(1);
    assert_eq!(answer.field("content-length"), Some("150000"));
    assert!(answer.body == bytes[1000..151_000] && answer.ended, "{} bytes", answer.body.len());
    let part = FileRange { file, offset: 5, length: 3 };
    let parts = vec![
        Segment::Shared(Bytes::from_static(b"<")),
        Segment::File(part.clone()),
        Segment::Shared(Bytes::from_static(b">")),
    ];
    peer.send(get(3)).respond(3, response(206, &[], ResponseBody::Parts(parts))).read();
    assert_eq!(peer.answer(3).body, b"<\x05\x06\x07>");
    peer.send(get(5)).respond(5, stream());
    peer.connection.send_file(StreamId(5), part);
    peer.finish(5, None).read();
    assert_eq!(
        (peer.answer(5).body.as_slice(), peer.answer(5).ended),
        (&b"\x05\x06\x07"[..], true)
    );
}

#[test]
fn files_wait_for_the_window() {
    let bytes = vec![b'f'; 100_000];
    let range = FileRange { file: file_of(&bytes), offset: 0, length: 100_000 };
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, response(200, &[], ResponseBody::File(range))).read();
    assert_eq!(peer.answer(1).body.len(), 65_535);
    peer.send(window_update(1, 50_000)).send(window_update(0, 50_000)).read();
    assert_eq!((peer.answer(1).body, peer.finished()), (bytes, vec![(1, true)]));
}

#[test]
fn a_file_that_shrank_is_no_clean_end() {
    let range = FileRange { file: file_of(b"short"), offset: 0, length: 9 };
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, response(200, &[], ResponseBody::File(range))).read();
    assert!(!peer.answer(1).ended && peer.reset_code(1).is_some(), "{}", peer.history());
    assert_eq!(peer.finished(), [(1, false)]);
    peer.assert_alive();
}

fn file_of(bytes: &[u8]) -> Arc<DiskFile> {
    let path = std::env::temp_dir().join(format!("hyperion-h2-{:p}-{}", bytes, std::process::id()));
    let mut file =
        File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    file.write_all(bytes).unwrap();
    std::fs::remove_file(path).unwrap();
    Arc::new(file.into())
}

#[test]
fn a_tunnel_hears_that_the_request_has_ended() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, response(200, &[], ResponseBody::Tunnel));
    let ends =
        |peer: &Peer| peer.events.iter().filter(|event| matches!(event, Event::End { .. })).count();
    assert_eq!(ends(&peer), 2, "once as a request, once as a tunnel: {}", peer.history());
    peer.send(post(3)).respond(3, response(200, &[], ResponseBody::Tunnel));
    assert_eq!(ends(&peer), 2);
    peer.send(data(3, END_STREAM, "bye"));
    assert_eq!((ends(&peer), peer.body(3)), (3, b"bye".to_vec()));
}

#[test]
fn a_response_that_is_known_to_be_empty_ends_with_its_head() {
    for body in [ResponseBody::Empty, ResponseBody::Full(Bytes::new()), ResponseBody::Parts(vec![])]
    {
        let peer = answered(&request("GET", "/", &[]), response(200, &[], body));
        assert!(peer.answer(1).ended && peer.frames_of(DATA, 1).is_empty(), "{}", peer.history());
    }
}

#[test]
fn values_have_no_white_space_around_them() {
    let sent = [("a", " inner space\t"), ("b", " "), ("c", "plain")];
    let mut peer = answered(&plain_block(), response(200, &sent, ResponseBody::Empty));
    let answer = peer.answer(1);
    let values = ["a", "b", "c"].map(|name| answer.field(name).unwrap().to_owned());
    assert_eq!(values, ["inner space", "", "plain"]);
    peer.send(get(3)).respond(3, stream());
    peer.finish(3, Some(&fields(&[("a", "\tx ")]))).read();
    assert_eq!(peer.answer(3).trailers, [("a".to_owned(), "x".to_owned())]);
}
