//! Flow control both ways, and D7: clients that do not take what they asked for.

use std::time::Duration;

use hyperion_proto::{Config, StreamId};

use crate::support::*;
use crate::wire::*;

/// A client whose streams begin with this window.
fn narrow(window: u32) -> Peer {
    Peer::greeting(Config::default(), &[(INITIAL_WINDOW_SIZE, window)])
}

#[test]
fn a_window_of_zero_lets_the_head_through() {
    let mut peer = narrow(0);
    peer.send(get(1)).respond(1, full("hello")).read();
    assert_eq!((peer.answer(1).status(), peer.answer(1).body.len()), (Some(200), 0));
    for (index, letter) in b"hello".iter().enumerate() {
        peer.send(window_update(1, 1)).read();
        assert_eq!(peer.answer(1).body.len(), index + 1);
        assert_eq!(peer.answer(1).body.last(), Some(letter));
    }
    assert!(peer.answer(1).ended && peer.finished() == [(1, true)]);
}

#[test]
fn a_setting_opens_the_windows_of_open_streams() {
    let mut peer = narrow(0);
    peer.send(get(1)).respond(1, full("hello")).read();
    peer.send(settings(&[(INITIAL_WINDOW_SIZE, 1)])).read();
    assert_eq!(peer.answer(1).body, b"h");
    peer.send(settings(&[(INITIAL_WINDOW_SIZE, 0)])).send(window_update(1, 1)).read();
    assert_eq!(peer.answer(1).body, b"h", "the window was below zero");
    peer.send(window_update(1, 2)).read();
    assert_eq!(peer.answer(1).body, b"hel");
}

#[test]
fn the_window_of_the_connection_bounds_all_streams_together() {
    let mut peer = Peer::new();
    peer.send(get(1)).send(get(3)).respond(1, large(50_000)).respond(3, large(50_000)).read();
    let taken = |peer: &Peer| peer.answer(1).body.len() + peer.answer(3).body.len();
    assert_eq!(taken(&peer), 65_535);
    peer.send(window_update(0, 10)).read();
    assert_eq!(taken(&peer), 65_545);
    peer.send(window_update(0, 1 << 20)).read();
    assert!(peer.answer(1).ended && peer.answer(3).ended);
}

#[test]
fn frames_are_no_larger_than_the_client_takes() {
    let mut peer = Peer::new();
    peer.send(window_update(0, 1 << 20)).send(settings(&[(INITIAL_WINDOW_SIZE, 1 << 20)]));
    peer.send(get(1)).respond(1, large(300_000)).read();
    assert!(peer.frames_of(DATA, 1).iter().all(|frame| frame.payload.len() <= 16_384));
    assert_eq!(peer.answer(1).body.len(), 300_000);
}

#[test]
fn buffered_tells_a_producer_to_wait() {
    let mut peer = narrow(0);
    peer.send(get(1)).respond(1, stream()).read();
    let idle = peer.connection.buffered(StreamId(1));
    for part in 1..=10u64 {
        peer.body_part(1, vec![b'x'; 1000]);
        let waiting = peer.connection.buffered(StreamId(1)) - idle;
        assert!((part * 1000..=part * 1000 + 100).contains(&waiting), "{waiting}");
    }
    peer.read();
    assert!(peer.connection.buffered(StreamId(1)) >= 10_000, "the window is shut");
    peer.send(window_update(1, 4000)).read();
    let left = peer.connection.buffered(StreamId(1));
    assert!((6000..6100).contains(&left), "{left}");
    peer.send(window_update(1, 6000)).read();
    assert_eq!(peer.connection.buffered(StreamId(1)), 0);
    assert_eq!(peer.answer(1).body.len(), 10_000);
}

#[test]
fn a_slow_stream_does_not_hold_up_others() {
    let mut peer = narrow(0);
    peer.send(get(1)).respond(1, large(1 << 20)).read();
    for id in (3..203).step_by(2) {
        peer.send(get(id)).send(window_update(id, 10)).respond(id, full("quick")).read();
        assert!(peer.answer(id).body == b"quick" && peer.answer(id).ended, "{}", peer.history());
    }
    assert!(peer.answer(1).body.is_empty());
}

#[test]
fn a_driver_that_takes_little_gets_all_in_order() {
    let mut peer = Peer::new();
    peer.send(get(1)).respond(1, large(30_000)).send(get(3)).respond(3, full("three"));
    while !peer.queue.is_empty() {
        peer.take(7);
    }
    peer.read();
    assert_eq!((peer.answer(1).body.len(), peer.answer(3).body.len()), (30_000, 5));
    assert_eq!(peer.finished().len(), 2);
}

#[test]
fn an_upload_larger_than_the_window_arrives() {
    let mut peer = Peer::new();
    peer.send(post(1));
    assert_eq!(peer.upload(1, 5 << 20), 5 << 20);
    assert_eq!((peer.body(1).len(), peer.ended(1)), (5 << 20, true));
    assert!(peer.credit(1) > 0 && peer.credit(0) > 0);
}

#[test]
fn padding_gives_its_window_back() {
    let mut peer = Peer::new();
    peer.send(post(1)).read();
    let rounds = 3 * peer.windows.initial as usize / 257;
    for _ in 0..rounds {
        peer.send(padded_data(1, 0, b"x", 255)).read();
    }
    assert!(peer.is_open() && peer.reset_code(1).is_none(), "{}", peer.history());
    assert_eq!(peer.body(1).len(), rounds);
}

#[test]
fn a_paused_body_gets_no_credit() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(post(3));
    peer.connection.pause_body(StreamId(1));
    peer.read();
    let room = peer.windows.initial as usize;
    let sent = peer.upload(1, 8 << 20);
    assert!(sent <= room, "{sent} of {room}");
    assert_eq!(peer.credit(1), 0);
    let sent_3 = peer.upload(3, 100_000);
    assert_eq!(sent_3, 100_000, "another stream goes on");
    peer.connection.resume_body(StreamId(1));
    let more = peer.upload(1, (8 << 20) - sent);
    assert_eq!(sent + more, 8 << 20);
    assert_eq!((peer.body(1).len(), peer.ended(1)), (8 << 20, true));
}

#[test]
fn many_paused_bodies_leave_room_for_others() {
    let mut peer = Peer::new();
    for id in [1, 3, 5] {
        peer.send(post(id));
        peer.connection.pause_body(StreamId(id));
        peer.upload(id, 100_000);
    }
    peer.send(post(7));
    let sent = peer.upload(7, 100_000);
    assert!(sent == 100_000 || peer.windows.connection <= 0);
    assert!(sent > 0, "three paused bodies use up the connection's window: {}", peer.history());
}

#[test]
fn a_body_that_nobody_reads_gives_its_window_back() {
    let mut peer = Peer::new();
    for round in 0..100 {
        let id = 2 * round + 1;
        peer.send(post(id));
        peer.connection.pause_body(StreamId(id));
        peer.upload(id, 60_000);
        peer.send(rst_stream(id, CANCEL)).read();
    }
    peer.send(post(1001));
    assert_eq!(peer.upload(1001, 100_000), 100_000, "{}", peer.history());
}

#[test]
fn bodies_that_are_refused_or_ignored_give_their_window_back() {
    assert_early_answers_cost_nothing(|peer, id| {
        peer.upload(id, 100_000);
    });
}

#[test]
fn bodies_that_are_under_way_when_they_are_answered_are_no_offence() {
    assert_early_answers_cost_nothing(|peer, id| {
        peer.send(data(id, 0, vec![b'u'; 10_000]).repeat(4));
    });
}

/// Three hundred uploads, one a second, that are answered before their end; `upload` sends of each
/// what a client with its window could.
fn assert_early_answers_cost_nothing(upload: fn(&mut Peer, u32)) {
    let mut config = Config::default();
    config.limits.body_bytes = 200_000;
    for refused in [true, false] {
        let mut peer = Peer::with(config.clone());
        for index in 0..300 {
            let id = 2 * index + 1;
            peer.send(if refused { post_of(id, "200001") } else { post(id) });
            peer.connection.pause_body(StreamId(id));
            peer.respond(id, full("enough"));
            upload(&mut peer, id);
            peer.send(window_update(0, 100)).pass_s(1).read();
            assert!(peer.answer(id).ended && peer.is_open(), "{index}: {}", peer.history());
        }
        let mut fresh = Peer::with(config.clone());
        fresh.read();
        let granted = 65_535 + peer.credit(0);
        let spent = granted - peer.windows.connection as u64;
        assert!(2 * peer.windows.connection > fresh.windows.connection, "{spent} of {granted}");
    }
}

#[test]
fn a_hundred_thousand_requests_succeed_on_one_connection() {
    let mut peer = Peer::new();
    let mut answered = 0u32;
    for index in 0..100_000u32 {
        let id = 2 * index + 1;
        peer.send(get(id)).respond(id, full("ok"));
        if index % 50 == 49 {
            peer.send(window_update(0, 100)).read();
            assert!(peer.is_open() && peer.goaways().is_empty(), "{index}: {}", peer.history());
            answered += peer
                .frames
                .iter()
                .filter(|frame| frame.kind == DATA && frame.has(END_STREAM))
                .count() as u32;
            peer.frames.clear();
            peer.events.clear();
            peer.now += Duration::from_millis(1);
        }
    }
    assert_eq!(answered, 100_000);
}

#[test]
fn d7_readers_without_window_hold_little_and_are_reset() {
    assert_reset_for_no_window(|peer, id| {
        peer.respond(id, large(100_000));
    });
}

#[test]
fn d7_streams_without_window_hold_little_and_are_reset() {
    assert_reset_for_no_window(|peer, id| {
        peer.respond(id, stream()).body_part(id, vec![b'x'; 100_000]);
    });
}

fn assert_reset_for_no_window(respond: fn(&mut Peer, u32)) {
    let config = Config::default();
    let bound = config.limits.output_bytes;
    let write = config.timeouts.write;
    let mut peer = Peer::greeting(config, &[(INITIAL_WINDOW_SIZE, 0)]);
    for id in (1..200).step_by(2) {
        peer.send(get(id));
        respond(&mut peer, id);
        peer.read();
    }
    assert_eq!(peer.frames.iter().filter(|frame| frame.kind == HEADERS).count(), 100);
    assert!(peer.queue.len() <= bound);
    peer.pass(write + Duration::from_secs(2)).read();
    for id in (1..200).step_by(2) {
        assert!(peer.reset_code(id).is_some() || !peer.is_open(), "{id}: {}", peer.history());
        assert!(peer.finished().contains(&(id, false)), "{id}: {}", peer.history());
        assert_eq!(peer.connection.buffered(StreamId(id)), 0, "what it held is gone");
    }
}

#[test]
fn d7_readers_of_one_byte_at_a_time_are_too_slow() {
    let config = Config::default();
    let write = config.timeouts.write;
    let mut peer = Peer::greeting(config, &[(INITIAL_WINDOW_SIZE, 0)]);
    for id in (1..200).step_by(2) {
        peer.send(get(id)).respond(id, large(100_000)).read();
    }
    for _ in 0..12 {
        for id in (1..200).step_by(2) {
            if peer.is_open() && peer.reset_code(id).is_none() {
                peer.send(window_update(id, 1));
            }
        }
        peer.pass(write / 4).read();
    }
    assert_eq!(peer.finished().len(), 100, "{}", peer.history());
    assert!(peer.finished().iter().all(|(_, complete)| !complete));
}

#[test]
fn d7_a_client_that_reads_nothing_at_all_is_left() {
    let mut peer = Peer::new();
    peer.send(window_update(0, 1 << 30)).send(settings(&[(INITIAL_WINDOW_SIZE, 1 << 30)])).read();
    let bound = Config::default().limits.output_bytes;
    for id in (1..200).step_by(2) {
        peer.send(get(id)).respond(id, large(1 << 20));
    }
    assert!(peer.queue.len() <= 2 * bound, "{} bytes in the driver", peer.queue.len());
    peer.pass(Config::default().timeouts.write + Duration::from_secs(2));
    assert!(!peer.is_open(), "{}", peer.history());
}

#[test]
fn a_reader_at_a_fair_pace_is_not_reset() {
    let config = Config::default();
    let pace = 2 * config.limits.body_bytes_per_second as u32;
    let mut peer = Peer::greeting(config, &[(INITIAL_WINDOW_SIZE, 0)]);
    peer.send(get(1)).respond(1, large(120 * pace as usize)).read();
    for _ in 0..120 {
        peer.pass_s(1).send(window_update(1, pace)).send(window_update(0, pace)).read();
    }
    assert!(peer.finished() == [(1, true)] && peer.reset_code(1).is_none(), "{}", peer.history());
}

#[test]
fn an_upload_at_a_fair_pace_goes_on_however_it_is_cut() {
    // Each part ends within a frame, as it does where frames are larger than segments.
    let mut peer = Peer::new();
    let rate = 4 * Config::default().limits.body_bytes_per_second as usize;
    peer.send(post(1));
    let frames = data(1, 0, vec![b'u'; 16_384]).repeat(16);
    for part in frames.chunks(rate) {
        peer.send(part).pass_s(1).read();
        assert!(peer.is_open() && !peer.aborted(1), "{}", peer.history());
    }
    assert_eq!(peer.body(1).len(), 16 * 16_384);
}

#[test]
fn a_large_response_shares_the_connection() {
    let mut peer = Peer::greeting(Config::default(), &[(INITIAL_WINDOW_SIZE, 1 << 30)]);
    peer.send(window_update(0, 1 << 30)).send(get(1)).respond(1, large(10 << 20));
    peer.take(100_000).send(get(3)).respond(3, full("quick")).send(get(5));
    peer.respond(5, large(500_000));
    while !peer.answer(3).ended {
        assert!(peer.answer(1).body.len() < 2 << 20, "the large one goes first");
        peer.sip(50_000);
    }
    while !peer.answer(5).ended {
        assert!(!peer.answer(1).ended, "the large one goes first");
        peer.sip(50_000);
    }
}
