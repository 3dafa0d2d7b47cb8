//! Errors whose code is exactly the one that the RFC names, where `cases` also takes the unspecific one.

use crate::support::*;
use crate::wire::*;

/// The end of the connection names exactly this code.
fn assert_codes(code: u32, rows: Vec<(&str, Vec<u8>)>) {
    let mut faults = Vec::new();
    for (name, frames) in rows {
        let mut peer = Peer::new();
        peer.send(frames).read();
        let said = peer.goaways().last().map(|(_, code)| *code).or(peer.reset_code(1));
        if said != Some(code) {
            faults.push(format!("{name}: {said:?}"));
        }
    }
    assert!(faults.is_empty(), "expected {code}: {}", faults.join(", "));
}

#[test]
fn frames_of_the_wrong_size() {
    assert_codes(
        FRAME_SIZE_ERROR,
        vec![
            ("PING of 6 bytes", frame(PING, 0, 0, [0; 6])),
            ("PING of 9 bytes", frame(PING, 0, 0, [0; 9])),
            ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, [0; 5])),
            ("SETTINGS with ACK and a payload", frame(SETTINGS, ACK, 0, [0; 6])),
            ("WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, [0, 0, 1])),
            ("RST_STREAM of 3 bytes", [post(1), frame(RST_STREAM, 0, 1, [0, 0, 8])].concat()),
            ("PRIORITY of 4 bytes", [post(1), frame(PRIORITY, 0, 1, [0; 4])].concat()),
            ("GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, [0; 7])),
            ("DATA above the largest size", [post(1), data(1, 0, [0; 16_385])].concat()),
        ],
    );
}

#[test]
fn streams_that_the_client_has_ended() {
    let trailers = || headers(1, END_STREAM, block(&[("x", "y")]));
    assert_codes(
        STREAM_CLOSED,
        vec![
            ("DATA behind a request without body", [get(1), data(1, 0, "x")].concat()),
            ("DATA behind the last", [post(1), data(1, END_STREAM, "x"), data(1, 0, "x")].concat()),
            ("DATA behind trailers", [post(1), trailers(), data(1, 0, "x")].concat()),
            ("HEADERS behind a request", [get(1), get(1)].concat()),
            ("HEADERS behind trailers", [post(1), trailers(), trailers()].concat()),
            ("HEADERS behind a reset", [post(1), rst_stream(1, CANCEL), trailers()].concat()),
        ],
    );
}

#[test]
fn windows_that_are_too_large() {
    let setting = |value| settings(&[(MAX_FRAME_SIZE, 16_384), (INITIAL_WINDOW_SIZE, value)]);
    assert_codes(
        FLOW_CONTROL_ERROR,
        vec![
            ("an initial one of 2^31", setting(1 << 31)),
            ("an initial one of 2^32 - 1", setting(u32::MAX)),
        ],
    );
}
