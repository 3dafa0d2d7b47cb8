//! Conversations with faults in them: read the same however they are cut.

use proptest::prelude::*;

use crate::fuzz::{Fault, fault, settings};
use crate::properties::converse;
use crate::wire::*;

/// Frames of all kinds but GOAWAY and RST_STREAM, behind which it depends on the moment what is still heard, and
/// what stands in them.
const WORDS: &[&[u8]] = &[
    b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01",
    b"\0\0\0\x04\0\0\0\0\0",
    b"\0\0\x08\x06\0\0\0\0\0pingpong",
    b"\0\0\x05\x02\0\0\0\0\x03\0\0\0\0\x10",
    b"\0\0\x02\x0a\0\0\0\0\x01??",
    b"\x82",
    b"\x20",
    b"\x3f\xe1\x1f",
    b"\x7f\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff",
];

/// Frames that belong together, before anything is wrong with them.
fn conversation() -> Vec<Vec<u8>> {
    let post = request("POST", "/upload", &[("content-length", "5"), ("x-long", "abcdefgh")]);
    vec![
        frame(HEADERS, END_STREAM | END_HEADERS, 1, plain_block()),
        frame(HEADERS, 0, 3, &post[..4]),
        frame(CONTINUATION, END_HEADERS, 3, &post[4..]),
        frame(DATA, PADDED, 3, padded(b"hel", 2)),
        frame(DATA, 0, 3, b"lo"),
        frame(HEADERS, END_STREAM | END_HEADERS, 3, literal("x-sum", "7")),
        frame(HEADERS, END_HEADERS, 5, request("PUT", "/x?y=z", &[("cookie", "a=b")])),
        frame(DATA, END_STREAM, 5, vec![b'x'; 40]),
        frame(HEADERS, END_STREAM | END_HEADERS, 7, plain_block()),
    ]
}

/// Exchanges of two frames, and faults in the bytes of one, by the number of the frame.
type Faults = (Vec<(usize, usize)>, Vec<(usize, Fault)>);

fn faults() -> impl Strategy<Value = Faults> {
    let exchanges = prop::collection::vec((0usize..9, 0usize..9), 0..3);
    let within = prop::collection::vec((0usize..9, fault(WORDS)), 0..4);
    (exchanges, within)
}

fn with_faults((exchanges, within): &Faults) -> Vec<u8> {
    let mut frames = conversation();
    for &(one, other) in exchanges {
        frames.swap(one, other);
    }
    for (frame, fault) in within {
        fault.apply(&mut frames[*frame]);
    }
    frames.concat()
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn frames_with_faults_mean_the_same_however_they_are_cut(
        faults in faults(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let bytes = with_faults(&faults);
        let whole = converse(&bytes, &[]);
        let every: Vec<usize> = (0..bytes.len()).collect();
        for cuts in [&cuts, &every] {
            prop_assert_eq!(&whole, &converse(&bytes, cuts));
        }
    }
}
