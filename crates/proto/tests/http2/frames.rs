//! Each frame: RFC 9113, section 6.

use crate::cases::{Case, Outcome::*, check};
use crate::support::*;
use crate::wire::*;

#[test]
fn s6_1_data() {
    check(&[
        Case(
            "on stream 0",
            |peer| peer.send(data(0, END_STREAM, "x")),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "with padding",
            |peer| peer.send(post(1)).send(padded_data(1, END_STREAM, b"body", 255)),
            Fine,
        ),
        Case(
            "of nothing but padding",
            |peer| peer.send(post(1)).send(padded_data(1, END_STREAM, b"", 7)),
            Fine,
        ),
        Case(
            "with as much padding as payload",
            |peer| peer.send(post(1)).send(data(1, END_STREAM | PADDED, [3, 0, 0])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "with a padding length but no room for it",
            |peer| peer.send(post(1)).send(data(1, END_STREAM | PADDED, [])),
            Connection(&[PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
        ),
        Case(
            "empty, with END_STREAM",
            |peer| peer.send(post(1)).send(data(1, END_STREAM, "")),
            Fine,
        ),
    ]);
}

#[test]
fn s6_2_headers() {
    check(&[
        Case("on stream 0", |peer| peer.send(get(0)), Connection(&[PROTOCOL_ERROR])),
        Case(
            "with padding and priority",
            |peer| {
                let block = [dependency(0), plain_block()].concat();
                peer.send(headers(1, END_STREAM | PADDED | PRIORITIZED, padded(&block, 9)))
            },
            Fine,
        ),
        Case(
            "with more padding than payload",
            |peer| {
                let payload = [&[200][..], &plain_block()].concat();
                peer.send(headers(1, END_STREAM | PADDED, payload))
            },
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "too short for its priority",
            |peer| peer.send(headers(1, END_STREAM | PRIORITIZED, [0, 0])),
            Connection(&[PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
        ),
        Case(
            "an empty block",
            |peer| peer.send(headers(1, END_STREAM, [])),
            Stream(1, &[PROTOCOL_ERROR]),
        ),
    ]);
}

#[test]
fn s6_3_priority() {
    check(&[
        Case("on stream 0", |peer| peer.send(priority(0, 1)), Connection(&[PROTOCOL_ERROR])),
        Case(
            "of the wrong length",
            |peer| peer.send(post(1)).send(frame(PRIORITY, 0, 1, [0, 0, 0, 1])),
            Either(1, &[FRAME_SIZE_ERROR]),
        ),
        Case("on an idle stream", |peer| peer.send(priority(9, 1)).send(get(1)), Fine),
    ]);
}

#[test]
fn s6_4_rst_stream() {
    check(&[
        Case("on stream 0", |peer| peer.send(rst_stream(0, CANCEL)), Connection(&[PROTOCOL_ERROR])),
        Case(
            "on an idle stream",
            |peer| peer.send(rst_stream(1, CANCEL)),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "of the wrong length",
            |peer| peer.send(post(1)).send(frame(RST_STREAM, 0, 1, [0, 0, 8])),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        Case("with an unknown code", |peer| peer.send(post(1)).send(rst_stream(1, 0xffff)), Fine),
    ]);
}

#[test]
fn s6_5_settings() {
    check(&[
        Case(
            "an ACK with a payload",
            |peer| peer.send(frame(SETTINGS, ACK, 0, [0; 6])),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        Case(
            "on stream 1",
            |peer| peer.send(frame(SETTINGS, 0, 1, [])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "of a length that six does not divide",
            |peer| peer.send(frame(SETTINGS, 0, 0, [0, 3, 0])),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        Case("an unknown setting", |peer| peer.send(settings(&[(0xff, 1), (0xf0f0, 0)])), Fine),
    ]);
}

#[test]
fn s6_5_2_values_of_settings() {
    check(&[
        Case(
            "ENABLE_PUSH of 2",
            |peer| peer.send(settings(&[(ENABLE_PUSH, 2)])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "INITIAL_WINDOW_SIZE of 2^31",
            |peer| peer.send(settings(&[(INITIAL_WINDOW_SIZE, 1 << 31)])),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        Case(
            "MAX_FRAME_SIZE below 2^14",
            |peer| peer.send(settings(&[(MAX_FRAME_SIZE, 16_383)])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "MAX_FRAME_SIZE above 2^24-1",
            |peer| peer.send(settings(&[(MAX_FRAME_SIZE, 1 << 24)])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "every setting, twice",
            |peer| {
                for value in [1, 0] {
                    peer.send(settings(&[
                        (HEADER_TABLE_SIZE, value * 100),
                        (ENABLE_PUSH, value),
                        (MAX_CONCURRENT_STREAMS, value),
                        (INITIAL_WINDOW_SIZE, 65_535),
                        (MAX_FRAME_SIZE, 16_384),
                        (MAX_HEADER_LIST_SIZE, 1000),
                    ]));
                }
                peer.send(get(1))
            },
            Fine,
        ),
    ]);
}

#[test]
fn s6_5_3_each_settings_frame_is_acknowledged_once() {
    let mut peer = Peer::new();
    for value in [200, 300, 400] {
        peer.send(settings(&[(INITIAL_WINDOW_SIZE, value)])).read();
    }
    let acks = peer.frames_of(SETTINGS, 0).iter().filter(|frame| frame.has(ACK)).count();
    assert_eq!(acks, 4, "one for the preface, three for these");
}

#[test]
fn s6_6_push_promise() {
    check(&[
        Case(
            "from a client",
            |peer| {
                let promise = [&2u32.to_be_bytes()[..], &plain_block()].concat();
                peer.send(post(1)).send(frame(PUSH_PROMISE, END_HEADERS, 1, promise))
            },
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "on stream 0",
            |peer| peer.send(frame(PUSH_PROMISE, END_HEADERS, 0, [0, 0, 0, 2])),
            Connection(&[PROTOCOL_ERROR]),
        ),
    ]);
}

#[test]
fn s6_7_ping() {
    check(&[
        Case("an answer to nothing", |peer| peer.send(pong(&[7; 8])), Fine),
        Case(
            "on stream 1",
            |peer| peer.send(frame(PING, 0, 1, [0; 8])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "of 6 bytes",
            |peer| peer.send(frame(PING, 0, 0, [0; 6])),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        Case(
            "of 9 bytes",
            |peer| peer.send(frame(PING, 0, 0, [0; 9])),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
    ]);
}

#[test]
fn s6_7_a_ping_is_answered_with_its_payload() {
    let mut peer = Peer::new();
    peer.send(ping(*b"abcdefgh")).read();
    let pongs = peer.frames_of(PING, 0);
    assert!(pongs.len() == 1 && pongs[0].has(ACK) && pongs[0].payload == b"abcdefgh", "{pongs:?}");
}

#[test]
fn s6_8_goaway() {
    check(&[
        Case(
            "on stream 1",
            |peer| peer.send(frame(GOAWAY, 0, 1, [0; 8])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "of 7 bytes",
            |peer| peer.send(frame(GOAWAY, 0, 0, [0; 7])),
            Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        ),
    ]);
}

#[test]
fn s6_8_a_client_that_goes_away_gets_its_answers() {
    let mut peer = Peer::new();
    peer.send(get(1)).send(get(3)).send(goaway(0, NO_ERROR)).respond(3, full("three"));
    peer.respond(1, full("one")).read();
    assert_eq!((peer.answer(1).body, peer.answer(3).body), (b"one".to_vec(), b"three".to_vec()));
    assert!(peer.answer(1).ended && peer.answer(3).ended);
    assert_eq!(peer.finished().len(), 2);
}

#[test]
fn s6_9_window_update() {
    check(&[
        Case(
            "of 0 on the connection",
            |peer| peer.send(window_update(0, 0)),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "of 0 on a stream",
            |peer| peer.send(post(1)).send(window_update(1, 0)),
            Either(1, &[PROTOCOL_ERROR]),
        ),
        Case(
            "of 3 bytes",
            |peer| peer.send(frame(WINDOW_UPDATE, 0, 0, [0, 0, 1])),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        Case(
            "with the reserved bit",
            |peer| peer.send(window_update(0, 0x8000_0001)).send(get(1)),
            Fine,
        ),
        Case(
            "up to 2^31-1 on the connection",
            |peer| peer.send(window_update(0, 0x7fff_ffff - 65_535)).send(get(1)),
            Fine,
        ),
        Case(
            "above 2^31-1 on the connection",
            |peer| peer.send(window_update(0, 0x7fff_ffff)).send(window_update(0, 0x7fff_ffff)),
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
        Case(
            "above 2^31-1 on a stream",
            |peer| peer.send(post(1)).send(window_update(1, 0x7fff_ffff)),
            Stream(1, &[FLOW_CONTROL_ERROR]),
        ),
        Case(
            "a setting that lifts a stream above 2^31-1",
            |peer| {
                peer.send(post(1)).send(window_update(1, 0x7fff_ffff - 65_535));
                peer.send(settings(&[(INITIAL_WINDOW_SIZE, 65_536)]))
            },
            Connection(&[FLOW_CONTROL_ERROR]),
        ),
    ]);
}

#[test]
fn s6_9_more_data_than_the_window_is_an_error() {
    let mut peer = Peer::new();
    peer.connection.pause_body(hyperion_proto::StreamId(1));
    peer.send(post(1));
    peer.connection.pause_body(hyperion_proto::StreamId(1));
    let room = peer.windows.initial.min(peer.windows.connection) as usize;
    for _ in 0..room / 16_384 + 2 {
        if peer.is_open() {
            peer.send(data(1, 0, [0; 16_384])).read();
        }
    }
    let code = peer.reset_code(1).or(peer.goaways().last().map(|(_, code)| *code));
    assert_eq!(code, Some(FLOW_CONTROL_ERROR), "{}", peer.history());
}

#[test]
fn s6_10_continuation() {
    check(&[
        Case(
            "a block in parts, some empty",
            |peer| {
                let block = plain_block();
                peer.send(frame(HEADERS, END_STREAM, 1, [])).send(continuation(1, 0, &block[..2]));
                peer.send(continuation(1, 0, [])).send(continuation(1, 0, &block[2..]));
                peer.send(continuation(1, END_HEADERS, []))
            },
            Fine,
        ),
        Case(
            "behind END_HEADERS",
            |peer| peer.send(get(1)).send(continuation(1, END_HEADERS, block(&[("x", "y")]))),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "on stream 0",
            |peer| {
                let begun = frame(HEADERS, END_STREAM, 1, plain_block());
                peer.send(begun).send(continuation(0, END_HEADERS, []))
            },
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "on another stream",
            |peer| {
                let begun = frame(HEADERS, END_STREAM, 1, plain_block());
                peer.send(begun).send(continuation(3, END_HEADERS, []))
            },
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "behind DATA",
            |peer| peer.send(post(1)).send(data(1, 0, "x")).send(continuation(1, END_HEADERS, [])),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "first of all",
            |peer| peer.send(continuation(1, END_HEADERS, plain_block())),
            Connection(&[PROTOCOL_ERROR]),
        ),
    ]);
}
