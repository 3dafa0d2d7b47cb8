//! Preface, framing and header compression: RFC 9113, sections 3.4 and 4.

use hyperion_proto::Config;

use crate::cases::{Case, Outcome::*, check};
use crate::support::*;
use crate::wire::*;

#[test]
fn s3_4_a_client_that_says_both_prefaces_is_answered() {
    let mut peer = Peer::silent(Config::default());
    peer.send(PREFACE).send(settings(&[])).read();
    assert!(peer.frames[0].kind == SETTINGS && !peer.frames[0].has(ACK), "{:?}", peer.frames);
    assert_eq!(peer.frames_of(SETTINGS, 0).iter().filter(|frame| frame.has(ACK)).count(), 1);
    assert!(peer.setting(ENABLE_PUSH).is_none_or(|enabled| enabled == 0), "section 6.5.2");
    peer.assert_alive();
}

#[test]
fn s3_4_a_preface_that_breaks_off_is_no_request() {
    for wrong in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
        let mut peer = Peer::silent(Config::default());
        peer.send(wrong).send(settings(&[])).take(u64::MAX);
        let answer = String::from_utf8_lossy(&peer.unread).into_owned();
        assert!(
            answer.starts_with("HTTP/1.1 505 ") || answer.starts_with("HTTP/1.1 400 "),
            "{answer}"
        );
        assert!(peer.requests().is_empty() && !peer.is_open());
    }
}

#[test]
fn s3_4_settings_come_first() {
    for frame in [get(1), ping([0; 8]), settings_ack(), window_update(0, 1)] {
        let mut peer = Peer::silent(Config::default());
        peer.send(PREFACE).send(&frame).read();
        assert_eq!(peer.frames.first().map(|frame| frame.kind), Some(SETTINGS));
        let code = peer.goaways().last().map(|(_, code)| *code);
        assert_eq!(code, Some(PROTOCOL_ERROR), "{}", peer.history());
        assert!(peer.unread.is_empty() && peer.requests().is_empty() && !peer.is_open());
    }
}

#[test]
fn s4_1_frame_format() {
    check(&[
        Case("unknown frame type", |peer| peer.send(frame(0x16, 0, 0, [0; 8])), Fine),
        Case(
            "unknown frame type on an open stream",
            |peer| {
                peer.send(post(1)).send(frame(0xff, 0xff, 1, [0; 8])).send(data(1, END_STREAM, "x"))
            },
            Fine,
        ),
        Case("undefined flags", |peer| peer.send(frame(PING, 0x16, 0, [0; 8])), Fine),
        Case(
            "reserved bit of the stream id",
            |peer| peer.send(frame(PING, 0, 0x8000_0000, [0; 8])),
            Fine,
        ),
        Case(
            "unknown frame type within a header block",
            |peer| {
                peer.send(frame(HEADERS, END_STREAM, 1, plain_block()))
                    .send(frame(0x16, 0, 1, [0; 8]))
            },
            Connection(&[PROTOCOL_ERROR]),
        ),
    ]);
}

#[test]
fn s4_2_frame_size() {
    check(&[
        Case(
            "DATA of the largest size",
            |peer| peer.send(post(1)).send(data(1, END_STREAM, [0; 16_384])),
            Fine,
        ),
        Case(
            "DATA above the largest size",
            |peer| peer.send(post(1)).send(data(1, END_STREAM, [0; 16_385])),
            Either(1, &[FRAME_SIZE_ERROR]),
        ),
        Case(
            "HEADERS above the largest size",
            |peer| peer.send(headers(1, END_STREAM, [0; 16_385])),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        Case(
            "a frame of 16 MiB that never comes",
            |peer| peer.send([0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]),
            Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        ),
    ]);
}

#[test]
fn s4_3_header_compression() {
    check(&[
        Case(
            "an index behind both tables",
            |peer| peer.send(headers(1, END_STREAM, [plain_block(), indexed(70)].concat())),
            Connection(&[COMPRESSION_ERROR]),
        ),
        Case(
            "PRIORITY within a header block",
            |peer| {
                peer.send(frame(HEADERS, END_STREAM, 1, plain_block())).send(priority(1, 0));
                peer.send(continuation(1, END_HEADERS, block(&[("x", "y")])))
            },
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "HEADERS of another stream within a header block",
            |peer| peer.send(frame(HEADERS, END_STREAM, 1, plain_block())).send(get(3)),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case(
            "a block that ends within a field",
            |peer| {
                let block = request("GET", "/", &[("x", "y")]);
                peer.send(headers(1, END_STREAM, &block[..block.len() - 1]))
            },
            Connection(&[COMPRESSION_ERROR]),
        ),
    ]);
}
