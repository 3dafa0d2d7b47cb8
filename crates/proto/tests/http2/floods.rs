//! D1 to D3 and D6: cheap frames in great number. Each flood ends in GOAWAY within a budget, and
//! neither events nor output grow with it.

use hyperion_proto::{Config, StreamId};

use crate::support::*;
use crate::wire::*;

/// More rounds than any budget that deserves the name.
const FLOOD: u32 = 50_000;
/// What may wait for a client that does not read.
const OUTPUT_MAX: u64 = 512 * 1024;

/// Sends rounds until the connection ends; returns how many it took.
fn flood(peer: &mut Peer, reads: bool, mut round: impl FnMut(u32) -> Vec<u8>) -> u32 {
    for index in 0..FLOOD {
        peer.send(round(index));
        assert!(
            peer.queue.len() <= OUTPUT_MAX,
            "{} bytes of output in round {index}",
            peer.queue.len()
        );
        if reads {
            peer.read();
        }
        if !peer.is_open() || peer.goaways().iter().any(|(_, code)| *code != NO_ERROR) {
            return index;
        }
        if !reads && index % 1000 == 999 && !peer.connection.wants_input() {
            return index;
        }
    }
    panic!("{FLOOD} rounds and still open: {}", peer.history());
}

/// The flood ends in ENHANCE_YOUR_CALM, whether its answers are read or not.
fn assert_calmed(open: impl Fn(&mut Peer), round: impl Fn(u32) -> Vec<u8>) {
    for reads in [true, false] {
        let mut peer = Peer::new();
        open(&mut peer);
        let rounds = flood(&mut peer, reads, &round);
        peer.read();
        assert!(!peer.is_open() || !reads, "{}", peer.history());
        if let Some((_, code)) = peer.goaways().last() {
            assert_eq!(*code, ENHANCE_YOUR_CALM, "{}", peer.history());
        } else {
            assert!(!reads, "no GOAWAY after {rounds} rounds: {}", peer.history());
        }
        assert!(peer.requests().len() <= 2000, "{} requests", peer.requests().len());
    }
}

fn nothing(_: &mut Peer) {}

fn upload(peer: &mut Peer) {
    peer.send(post(1));
}

#[test]
fn d1_rapid_resets() {
    assert_calmed(nothing, |index| {
        [get(2 * index + 1), rst_stream(2 * index + 1, CANCEL)].concat()
    });
}

#[test]
fn d1_requests_in_flight_stay_below_the_bound_even_when_they_are_reset() {
    // The application is busy: it has not yet heard of any reset.
    let mut peer = Peer::new();
    let rounds = flood(&mut peer, true, |index| {
        [get(2 * index + 1), rst_stream(2 * index + 1, CANCEL)].concat()
    });
    let begun = peer.requests().len();
    let aborted = peer.requests().iter().filter(|(id, _)| peer.aborted(*id)).count();
    assert_eq!(begun, aborted, "each one is called off");
    assert!(begun <= rounds as usize + 1 && begun <= 1000, "{begun} jobs for a cancelled nothing");
}

#[test]
fn d1_resets_within_one_read_never_reach_the_application() {
    let mut peer = Peer::new();
    let pairs: Vec<u8> = (0..100)
        .flat_map(|index| [get(2 * index + 1), rst_stream(2 * index + 1, CANCEL)].concat())
        .collect();
    peer.send(pairs).read();
    let open = peer.requests().iter().filter(|(id, _)| !peer.aborted(*id)).count();
    assert_eq!(open, 0, "{}", peer.history());
    assert!(peer.is_open(), "a hundred are no flood: {}", peer.history());
}

#[test]
fn d1_a_browser_that_cancels_now_and_then_is_served() {
    let mut peer = Peer::new();
    for index in 0..5000 {
        let id = 4 * index + 1;
        peer.send(get(id))
            .send(rst_stream(id, CANCEL))
            .send(get(id + 2))
            .respond(id + 2, full("ok"));
        peer.send(window_update(0, 2)).pass(std::time::Duration::from_millis(50)).read();
        assert!(peer.is_open() && peer.goaways().is_empty(), "{index}: {}", peer.history());
        peer.events.clear();
        peer.frames.clear();
    }
}

#[test]
fn d2_uploads_that_are_answered_early_are_no_flood() {
    let mut peer = Peer::new();
    for index in 0..1000 {
        let id = 2 * index + 1;
        peer.send(post(id)).respond(id, full("no")).read();
        // What was on its way when the answer was.
        for _ in 0..7 {
            peer.send(data(id, 0, [0; 16_384]));
        }
        peer.read();
        assert!(peer.is_open() && peer.goaways().is_empty(), "{index}: {}", peer.history());
        peer.events.clear();
        peer.frames.clear();
    }
}

#[test]
fn d2_prods_at_a_stream_that_was_answered_early_are_one() {
    assert_calmed(
        |peer| {
            peer.send(post(1)).respond(1, full("no")).read();
        },
        |_| data(1, 0, [0; 16]),
    );
}

#[test]
fn d2_resets_that_the_server_is_made_to_send() {
    let overflows =
        |index: u32| [post(2 * index + 1), window_update(2 * index + 1, 0x7fff_ffff)].concat();
    let malformed =
        |index: u32| headers(2 * index + 1, END_STREAM, request("GET", "/", &[("te", "gzip")]));
    let wrong_lengths =
        |index: u32| [post_of(2 * index + 1, "1"), data(2 * index + 1, END_STREAM, "two")].concat();
    let rounds: [&dyn Fn(u32) -> Vec<u8>; 3] = [&overflows, &malformed, &wrong_lengths];
    for round in rounds {
        assert_calmed(nothing, round);
    }
}

#[test]
fn d2_requests_that_are_malformed_in_meaning() {
    for (path, host) in [("/", "other"), ("*", "a"), ("x", "a")] {
        assert_calmed(nothing, |index| {
            let block = request("GET", path, &[("host", host)]);
            headers(2 * index + 1, END_STREAM, block)
        });
    }
}

#[test]
fn d2_requests_that_the_server_answers_with_an_error() {
    let mut config = Config::default();
    config.limits.body_bytes = 1;
    let mut peer = Peer::with(config);
    flood(&mut peer, true, |index| [post(2 * index + 1), data(2 * index + 1, 0, "two")].concat());
    assert_eq!(peer.goaways().last().unwrap().1, ENHANCE_YOUR_CALM);
}

#[test]
fn d2_streams_above_the_number_allowed() {
    let mut config = Config::default();
    config.limits.h2_concurrent_streams = 1;
    let mut peer = Peer::with(config);
    peer.send(post(1));
    flood(&mut peer, true, |index| get(2 * index + 3));
    assert_eq!(peer.goaways().last().unwrap().1, ENHANCE_YOUR_CALM, "{}", peer.history());
    assert_eq!(peer.requests().len(), 1);
}

#[test]
fn d3_endless_continuations() {
    for part in [vec![], literal("x-long-name", "y".repeat(1000))] {
        let mut peer = Peer::new();
        peer.send(frame(HEADERS, END_STREAM, 1, plain_block()));
        let rounds = flood(&mut peer, true, |_| continuation(1, 0, &part));
        assert!(peer.goaways().last().is_some(), "{}", peer.history());
        assert!(rounds <= 5000, "{rounds} frames of one block");
        assert!(peer.requests().is_empty());
    }
}

#[test]
fn d3_endless_continuations_with_a_field_that_never_ends() {
    let mut peer = Peer::new();
    let open = [plain_block(), vec![0], string("x"), integer(0, 7, 100_000_000)].concat();
    peer.send(frame(HEADERS, END_STREAM, 1, open));
    let rounds = flood(&mut peer, true, |_| continuation(1, 0, vec![b'y'; 16_384]));
    assert!(rounds <= 100 && peer.requests().is_empty(), "{rounds} frames: {}", peer.history());
}

#[test]
fn d6_pings() {
    assert_calmed(nothing, |_| ping([0; 8]));
}

#[test]
fn d6_settings() {
    assert_calmed(nothing, |_| settings(&[(INITIAL_WINDOW_SIZE, 1000)]));
    assert_calmed(nothing, |_| settings(&[]));
}

#[test]
fn d6_settings_that_move_every_stream() {
    assert_calmed(
        |peer| {
            for index in 0..100 {
                peer.send(get(2 * index + 1)).respond(2 * index + 1, large(1000));
            }
        },
        |index| settings(&[(INITIAL_WINDOW_SIZE, index % 2)]),
    );
}

#[test]
fn d6_priorities() {
    assert_calmed(nothing, |index| priority(2 * index + 1, 0));
}

#[test]
fn d6_window_updates() {
    assert_calmed(nothing, |_| window_update(0, 1));
    assert_calmed(upload, |_| window_update(1, 1));
}

#[test]
fn d6_empty_data() {
    assert_calmed(upload, |_| data(1, 0, ""));
}

#[test]
fn d6_data_of_nothing_but_padding() {
    assert_calmed(upload, |_| padded_data(1, 0, b"", 0));
    assert_calmed(upload, |_| padded_data(1, 0, b"", 10));
}

#[test]
fn d6_unknown_frames() {
    assert_calmed(nothing, |_| frame(0xbe, 0, 0, [0; 8]));
}

#[test]
fn d6_acknowledgements_of_nothing() {
    assert_calmed(nothing, |_| pong(&[1; 8]));
    let mut peer = Peer::new();
    flood(&mut peer, true, |_| settings_ack());
    assert!(!peer.is_open(), "{}", peer.history());
}

#[test]
fn d6_a_ping_a_second_is_no_flood() {
    let mut peer = Peer::new();
    peer.send(post(1));
    peer.connection.pause_body(StreamId(1));
    for index in 0..20_000u32 {
        peer.send(ping([index as u8; 8])).send(window_update(0, 1)).pass_s(1).read();
        assert!(peer.is_open() && peer.goaways().is_empty(), "{index}: {}", peer.history());
        peer.frames.clear();
    }
}

#[test]
fn d6_uploads_in_small_parts_are_no_flood() {
    let mut peer = Peer::new();
    peer.send(post(1));
    for _ in 0..20_000 {
        peer.send(data(1, 0, "x"));
    }
    peer.read();
    assert!(peer.is_open() && peer.body(1).len() == 20_000, "{}", peer.history());
}

#[test]
fn d6_downloads_in_small_windows_are_no_flood() {
    // A client that grants its window frame by frame, as real ones do for each DATA they read.
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, large(10_000_000)).read();
    let mut counted = 0;
    while peer.is_open()
        && !peer.frames.iter().any(|frame| frame.has(END_STREAM) && frame.kind == DATA)
    {
        let sizes: Vec<u32> =
            peer.frames_of(DATA, 1).iter().map(|frame| frame.payload.len() as u32).collect();
        peer.frames.clear();
        assert!(!sizes.is_empty(), "it stands still: {}", peer.history());
        for size in sizes {
            counted += size;
            peer.send(window_update(0, size)).send(window_update(1, size));
        }
        peer.read();
    }
    assert!(peer.is_open() && counted > 9_000_000, "{}", peer.history());
}

/// A response that goes on, whose reader answers each piece by `credit`.
fn assert_goes_on(pieces: usize, length: usize, credit: impl Fn(u32) -> Vec<u8>) {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, stream()).read();
    for _ in 0..pieces {
        peer.frames.clear();
        peer.body_part(1, vec![b'x'; length]).read();
        let taken: usize = peer.frames_of(DATA, 1).iter().map(|frame| frame.payload.len()).sum();
        assert_eq!(taken, length, "{}", peer.history());
        peer.send(credit(length as u32));
        assert!(peer.is_open() && peer.goaways().is_empty(), "{}", peer.history());
    }
}

#[test]
fn d6_credit_for_each_frame_of_a_long_download_is_no_flood() {
    assert_goes_on(6000, 16_384, |taken| {
        [window_update(1, taken), window_update(0, taken)].concat()
    });
}

#[test]
fn d6_credit_and_a_ping_for_each_message_of_a_call_is_no_flood() {
    assert_goes_on(6000, 7, |taken| {
        [window_update(0, taken), window_update(1, taken), ping([7; 8])].concat()
    });
}
