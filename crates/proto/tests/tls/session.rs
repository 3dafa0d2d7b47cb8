//! What passes once both sides have agreed.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use hyperion_buf::FileRange;
use hyperion_proto::{Closing, Config, Event, Fields, Response, ResponseBody, StreamId};
use rustls::version::TLS13;

use crate::support::*;

fn pair() -> Pair {
    let authority = Authority::new();
    let tls = tls_of(settings(&[&authority.issue("localhost")]));
    let client = client_of(&authority, &[&TLS13], &["http/1.1"], None);
    let mut pair = Pair::new(&tls, &client, "localhost");
    pair.run();
    pair
}

fn numbers(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

fn body_of(received: &[u8]) -> &[u8] {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &received[end + 4..]
}

#[test]
fn large_bodies_pass_both_ways() {
    let mut pair = pair();
    let body = numbers(1_000_000);
    pair.say(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len()));
    for part in body.chunks(10_000) {
        pair.say(part);
    }
    assert!(pair.body() == body);
    pair.respond(pair.requests()[0], ok(body.clone())).run();
    assert!(body_of(&pair.received) == body);
    assert_eq!(pair.finished(), [true]);
}

#[test]
fn a_response_is_finished_when_its_last_byte_has_left() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    pair.respond(pair.requests()[0], ok(numbers(100_000)));
    let bound = 2 * Config::default().limits.output_bytes;
    while pair.finished().is_empty() {
        assert!(pair.queue.len() <= bound);
        let bytes = pair.take_output(777);
        assert!(!bytes.is_empty(), "an end without all bytes");
        pair.client_input(&bytes);
    }
    assert!(pair.queue.is_empty());
    assert!(body_of(&pair.received) == numbers(100_000));
}

#[test]
fn little_is_encrypted_ahead_of_a_slow_reader() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    pair.respond(pair.requests()[0], ok(vec![7; 50 << 20]));
    let bound = Config::default().limits.output_bytes + 64 * 1024;
    for _ in 0..100 {
        pair.take_output(10_000);
        assert!(pair.queue.len() <= bound, "{} bytes", pair.queue.len());
    }
    assert!(pair.finished().is_empty());
}

#[test]
fn files_are_sent_by_their_contents() {
    let mut pair = pair();
    let contents = numbers(300_000);
    let mut file = tempfile();
    file.write_all(&contents).unwrap();
    let range = FileRange { file: Arc::new(file.into()), offset: 1000, length: 200_000 };
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let response = Response { status: 200, fields: Fields::new(), body: ResponseBody::File(range) };
    pair.respond(pair.requests()[0], response).run();
    assert!(body_of(&pair.received) == &contents[1000..201_000]);
    assert_eq!(pair.finished(), [true]);
}

#[test]
fn a_file_that_has_shrunk_ends_the_connection_unclean() {
    let mut pair = pair();
    let mut file = tempfile();
    file.write_all(b"short").unwrap();
    let range = FileRange { file: Arc::new(file.into()), offset: 0, length: 200_000 };
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let response = Response { status: 200, fields: Fields::new(), body: ResponseBody::File(range) };
    pair.respond(pair.requests()[0], response).run();
    assert!(!pair.has_ended, "the client must not take the part for the whole");
    assert_eq!(pair.finished(), [false]);
    assert!(pair.connection.is_cut() && pair.is_closed());
}

#[test]
fn the_end_of_a_session_is_told_and_awaited() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    pair.respond(pair.requests()[0], ok("bye")).run();
    assert!(pair.has_ended, "close_notify");
    assert_eq!(pair.connection.closing(), Closing::ShutdownWrite);
    pair.receive_eof();
    pair.run();
    assert!(pair.is_closed());
}

/// A client that takes `bytes` a second of a large response, through a socket that holds more than a piece
/// that is encrypted at once; whether it is still served after two minutes.
fn is_served_at(bytes: usize) -> bool {
    const SOCKET: usize = 100_000;
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    pair.respond(pair.requests()[0], ok(numbers(1_000_000)));
    let mut socket = Vec::new();
    for _ in 0..120 {
        socket.extend(pair.take_output((SOCKET - socket.len()) as u64));
        let taken: Vec<_> = socket.drain(..bytes).collect();
        pair.client_input(&taken);
        pair.backlog = socket.len() as u64;
        pair.pass(Duration::from_secs(1));
    }
    !pair.is_closed()
}

#[test]
fn c3_a_reader_is_judged_by_what_it_takes_not_by_what_is_encrypted_at_once() {
    let pace = Config::default().limits.body_bytes_per_second as usize;
    assert!(is_served_at(4 * pace));
    assert!(is_served_at(pace + pace / 4));
    assert!(!is_served_at(pace / 2));
    assert!(!is_served_at(0));
}

#[test]
fn a_client_that_never_ends_its_side_is_left() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    pair.respond(pair.requests()[0], ok("bye")).run();
    pair.pass(Duration::from_secs(60));
    assert!(pair.is_closed());
}

#[test]
fn h6_a_client_that_still_takes_what_the_socket_holds_is_waited_for() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    pair.respond(pair.requests()[0], ok("bye")).run();
    for held in (1..100).rev() {
        pair.backlog = held * 10_000;
        pair.pass(Duration::from_secs(2));
        assert!(!pair.is_closed(), "{held}");
    }
    pair.pass(Duration::from_secs(2));
    assert!(pair.is_closed());
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answer() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    pair.client.send_close_notify();
    pair.run();
    pair.respond(pair.requests()[0], ok("late")).run();
    assert!(pair.received.ends_with(b"late") && pair.has_ended);
}

#[test]
fn an_idle_session_ends_in_order() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    pair.respond(pair.requests()[0], ok("one")).run();
    pair.pass(Config::default().timeouts.idle + Duration::from_secs(1));
    pair.run();
    assert!(pair.has_ended, "close_notify");
    pair.pass(Duration::from_secs(60));
    assert!(pair.is_closed());
}

#[test]
fn records_that_are_changed_end_the_session() {
    let mut pair = pair();
    pair.client.writer().write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut record = pair.client_output();
    *record.last_mut().unwrap() ^= 1;
    pair.hand_over(&record);
    pair.take_output(u64::MAX);
    assert!(pair.requests().is_empty());
    pair.pass(Duration::from_secs(60));
    assert!(pair.is_closed());
}

#[test]
fn an_exchange_that_is_cut_is_told() {
    let mut pair = pair();
    pair.say("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nfour");
    pair.connection.handle_disconnect();
    pair.run();
    assert!(pair.events.iter().any(|event| matches!(event, Event::Aborted { .. })));
    assert!(pair.is_closed());
}

#[test]
fn renegotiation_of_keys_goes_on_unnoticed() {
    let mut pair = pair();
    pair.client.refresh_traffic_keys().unwrap();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    pair.respond(pair.requests()[0], ok("fine")).run();
    assert!(pair.received.ends_with(b"fine"));
}

#[test]
fn a_streamed_response_leaves_piece_by_piece() {
    let mut pair = pair();
    pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let id = pair.requests()[0];
    let body = ResponseBody::Stream { length: None };
    pair.respond(id, Response { status: 200, fields: Fields::new(), body });
    for piece in ["one", "two"] {
        pair.connection.send_body(StreamId(id), piece.into());
        pair.run();
        assert!(pair.received.ends_with(format!("{piece}\r\n").as_bytes()));
    }
}

fn tempfile() -> std::fs::File {
    tempfile::tempfile().unwrap()
}
