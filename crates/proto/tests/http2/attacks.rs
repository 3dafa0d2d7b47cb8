//! D4, D5 and D9: header lists that unfold, and frames where they do not belong.

use std::time::Duration;

use hyperion_proto::Config;

use crate::support::*;
use crate::wire::*;

/// Sends a header block of any size in as many frames as it takes.
fn send_block(peer: &mut Peer, stream: u32, block: &[u8]) {
    let mut parts = block.chunks(16_384).peekable();
    let mut kind = HEADERS;
    while let Some(part) = parts.next() {
        let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
        let end = if kind == HEADERS { END_STREAM } else { 0 };
        if peer.is_open() {
            peer.send(frame(kind, last | end, stream, part));
        }
        kind = CONTINUATION;
    }
}

/// The list is refused: 431, a reset or the end of the connection, and no request.
fn assert_too_large(peer: &mut Peer, stream: u32) {
    peer.read();
    assert!(peer.requests().iter().all(|(id, _)| *id != stream), "{}", peer.history());
    let refused = peer.answer(stream).status() == Some(431)
        || peer.reset_code(stream).is_some()
        || peer.goaways().last().is_some_and(|(_, code)| *code == ENHANCE_YOUR_CALM);
    assert!(refused, "{}", peer.history());
}

#[test]
fn d4_a_bomb_of_indexed_fields() {
    let mut peer = Peer::new();
    let entry = remembered("x", "y".repeat(4000));
    let bomb = [plain_block(), entry, indexed(62).repeat(16_000)].concat();
    send_block(&mut peer, 1, &bomb);
    assert_too_large(&mut peer, 1);
}

#[test]
fn d4_a_bomb_that_fits_but_for_the_overhead_of_each_field() {
    // The names and values are few bytes; 32 for each field make it large (RFC 9113, 10.5.1).
    let mut peer = Peer::new();
    let bomb = [plain_block(), remembered("x", ""), indexed(62).repeat(5000)].concat();
    send_block(&mut peer, 1, &bomb);
    assert_too_large(&mut peer, 1);
}

#[test]
fn d4_a_cookie_in_ten_thousand_crumbs() {
    let mut peer = Peer::new();
    let crumbs: Vec<u8> = literal("cookie", "a=b").repeat(10_000);
    send_block(&mut peer, 1, &[plain_block(), crumbs].concat());
    assert_too_large(&mut peer, 1);
}

#[test]
fn d4_too_many_fields() {
    let mut config = Config::default();
    config.limits.field_count = 20;
    let mut peer = Peer::with(config);
    let field = |index: usize| literal(format!("x-{index}"), "");
    let fields: Vec<u8> = (0..21).flat_map(field).collect();
    peer.send(headers(1, END_STREAM, [plain_block(), fields].concat()));
    assert_too_large(&mut peer, 1);
    let fields: Vec<u8> = (0..15).flat_map(field).collect();
    peer.send(headers(3, END_STREAM, [plain_block(), fields].concat()));
    assert!(peer.request(3).header("x-14").is_some());
}

#[test]
fn d4_a_list_above_the_limit_is_answered_431() {
    let config = Config::default();
    let limit = config.limits.head_bytes;
    let mut peer = Peer::new();
    assert!(peer.setting(MAX_HEADER_LIST_SIZE).is_some_and(|size| size as usize <= 2 * limit));
    let long = "y".repeat(limit);
    send_block(&mut peer, 1, &request("GET", "/", &[("x", &long)]));
    peer.read();
    assert_eq!(peer.answer(1).status(), Some(431), "{}", peer.history());
    assert!(peer.requests().is_empty());
    peer.assert_alive();
}

#[test]
fn f6_a_call_with_too_much_metadata_is_told_so_in_terms_of_grpc() {
    let mut peer = Peer::new();
    let many: Vec<u8> = (0..1000).flat_map(|index| literal(format!("x-{index}"), "v")).collect();
    let call = request("POST", "/a.B/C", &[("content-type", "application/grpc+proto")]);
    send_block(&mut peer, 1, &[call, many].concat());
    peer.read();
    let answer = peer.answer(1);
    assert_eq!((answer.status(), answer.field("grpc-status")), (Some(431), Some("8")));
    assert_eq!(answer.field("content-type"), Some("application/grpc"));
    assert!(answer.body.is_empty() && answer.ended, "{}", peer.history());
    peer.assert_alive();
}

#[test]
fn d4_large_but_allowed_lists_pass() {
    let mut peer = Peer::new();
    let long = "y".repeat(40_000);
    send_block(&mut peer, 1, &request("GET", "/", &[("x", &long)]));
    assert_eq!(peer.request(1).header("x").map(<[u8]>::len), Some(40_000));
}

#[test]
fn d4_a_target_above_the_limit_is_answered_414() {
    let mut config = Config::default();
    config.limits.target_bytes = 100;
    let mut peer = Peer::with(config);
    let path = format!("/{}", "x".repeat(100));
    peer.send(headers(1, END_STREAM, request("GET", &path, &[]))).read();
    assert_eq!((peer.answer(1).status(), peer.rejections()), (Some(414), vec![414]));
    assert!(peer.requests().is_empty());
    peer.assert_alive();
}

#[test]
fn d4_trailers_above_the_limits_are_no_clean_end() {
    let field = |index: usize| literal(format!("x-{index}"), "y");
    let many: Vec<u8> = (0..65).flat_map(field).collect();
    let long = literal("x", "y".repeat(8192));
    for trailers in [many, long] {
        let mut peer = Peer::new();
        peer.send(post(1)).send(data(1, 0, "x")).send(headers(1, END_STREAM, trailers)).read();
        assert!(!peer.ended(1) && peer.aborted(1), "{}", peer.history());
        peer.assert_alive();
    }
}

#[test]
fn d4_trailers_within_the_limits_pass() {
    let mut peer = Peer::new();
    let field = |index: usize| literal(format!("x-{index}"), "y");
    let trailers: Vec<u8> = (0..64).flat_map(field).collect();
    peer.send(post(1)).send(data(1, 0, "x")).send(headers(1, END_STREAM, trailers));
    assert_eq!(peer.trailers(1).unwrap().map(hyperion_proto::Fields::len), Some(64));
}

#[test]
fn d5_large_lists_on_streams_that_never_end_are_reaped() {
    let config = Config::default();
    let bound = config.limits.output_bytes;
    let timeout = config.timeouts.read.max(config.timeouts.write);
    let mut peer = Peer::greeting(config, &[(INITIAL_WINDOW_SIZE, 0)]);
    let entry = remembered("x", "y".repeat(3900));
    peer.send(headers(1, 0, [request("POST", "/", &[]), entry].concat()));
    for id in (3..257).step_by(2) {
        let block = [request("POST", "/", &[]), indexed(62).repeat(10)].concat();
        peer.send(headers(id, 0, block)).read();
    }
    assert!(peer.queue.len() <= bound);
    assert!(peer.requests().len() <= 128);
    let held: usize = peer.requests().iter().map(|(_, request)| request.head().len()).sum();
    assert!(held <= 128 * Config::default().limits.head_bytes);
    // The application answers half of them, and the client takes nothing.
    for id in (1..129).step_by(2) {
        peer.respond(id, large(10_000));
    }
    peer.read().pass(timeout * 3 + Duration::from_secs(1)).read();
    let left = (1..257)
        .step_by(2)
        .filter(|&id| !peer.aborted(id) && !peer.finished().iter().any(|(of, _)| *of == id));
    assert_eq!(left.count(), 0, "{}", peer.history());
}

#[test]
fn d9_errors_of_streams_and_identifiers() {
    use crate::cases::{Case, Outcome::*, check};
    check(&[
        Case(
            "DATA after END_STREAM",
            |peer| peer.send(get(1)).send(data(1, 0, "x")),
            Either(1, &[STREAM_CLOSED]),
        ),
        Case(
            "HEADERS on a closed stream",
            |peer| peer.send(get(1)).respond(1, full("")).read().send(get(1)),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        Case("an even identifier", |peer| peer.send(get(4)), Connection(&[PROTOCOL_ERROR])),
        Case(
            "a falling identifier",
            |peer| peer.send(get(9)).send(get(7)),
            Connection(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        Case(
            "a frame above the largest size",
            |peer| peer.send(post(1)).send(data(1, 0, [0; 20_000])),
            Either(1, &[FRAME_SIZE_ERROR]),
        ),
        Case(
            "padding beyond the frame",
            |peer| peer.send(post(1)).send(data(1, PADDED, [9, 0])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "SETTINGS on stream 1",
            |peer| peer.send(frame(SETTINGS, 0, 1, [])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "a window above 2^31-1",
            |peer| peer.send(window_update(0, 0x7fff_ffff)),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
    ]);
}
