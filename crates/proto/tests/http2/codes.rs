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
