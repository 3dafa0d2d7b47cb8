//! States and identifiers of streams, and how many there may be: RFC 9113, sections 5.1 to 5.4.

use hyperion_proto::{Config, Event, StreamId};

use crate::cases::{Case, Outcome::*, check};
use crate::support::*;
use crate::wire::*;

#[test]
fn s5_1_idle() {
    check(&[
        Case("DATA", |peer| peer.send(data(1, END_STREAM, "x")), Connection(&[PROTOCOL_ERROR])),
        Case(
            "WINDOW_UPDATE",
            |peer| peer.send(window_update(1, 100)),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case("RST_STREAM", |peer| peer.send(rst_stream(1, CANCEL)), Connection(&[PROTOCOL_ERROR])),
        Case(
            "CONTINUATION",
            |peer| peer.send(continuation(1, END_HEADERS, "")),
            Connection(&[PROTOCOL_ERROR]),
        ),
        Case("PRIORITY", |peer| peer.send(priority(1, 0)).send(get(1)), Fine),
    ]);
}

#[test]
fn s5_1_half_closed() {
    check(&[
        Case(
            "DATA",
            |peer| peer.send(get(1)).send(data(1, END_STREAM, "x")),
            Either(1, &[STREAM_CLOSED]),
        ),
        Case(
            "DATA behind DATA with END_STREAM",
            |peer| peer.send(post(1)).send(data(1, END_STREAM, "x")).send(data(1, 0, "y")),
            Either(1, &[STREAM_CLOSED]),
        ),
        Case("HEADERS", |peer| peer.send(get(1)).send(get(1)), Either(1, &[STREAM_CLOSED])),
        Case(
            "CONTINUATION",
            |peer| peer.send(get(1)).send(continuation(1, END_HEADERS, "")),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        Case("WINDOW_UPDATE", |peer| peer.send(get(1)).send(window_update(1, 100)), Fine),
        Case("PRIORITY", |peer| peer.send(get(1)).send(priority(1, 0)), Fine),
        Case("RST_STREAM", |peer| peer.send(get(1)).send(rst_stream(1, CANCEL)), Fine),
    ]);
}

#[test]
fn s5_1_closed() {
    const CLOSED: &[u32] = &[STREAM_CLOSED];
    check(&[
        Case(
            "DATA behind RST_STREAM",
            |peer| cancelled(peer).send(data(1, END_STREAM, "x")),
            Either(1, CLOSED),
        ),
        // A used identifier is also an error of the identifier (section 5.1.1).
        Case(
            "HEADERS behind RST_STREAM",
            |peer| cancelled(peer).send(get(1)),
            Either(1, &[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        Case(
            "CONTINUATION behind RST_STREAM",
            |peer| cancelled(peer).send(continuation(1, END_HEADERS, "")),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        Case("PRIORITY behind RST_STREAM", |peer| cancelled(peer).send(priority(1, 0)), Fine),
        Case(
            "WINDOW_UPDATE behind RST_STREAM",
            |peer| cancelled(peer).send(window_update(1, 1)),
            Fine,
        ),
        Case("RST_STREAM twice", |peer| cancelled(peer).send(rst_stream(1, CANCEL)), Fine),
        Case(
            "DATA behind the answer",
            |peer| answered(peer).send(data(1, END_STREAM, "x")),
            Either(1, CLOSED),
        ),
        Case(
            "HEADERS behind the answer",
            |peer| answered(peer).send(get(1)),
            Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        Case(
            "WINDOW_UPDATE behind the answer",
            |peer| answered(peer).send(window_update(1, 1)),
            Fine,
        ),
        Case(
            "RST_STREAM behind the answer",
            |peer| answered(peer).send(rst_stream(1, CANCEL)),
            Fine,
        ),
        Case("PRIORITY behind the answer", |peer| answered(peer).send(priority(1, 0)), Fine),
    ]);
}

#[test]
fn s5_1_frames_behind_a_reset_of_the_server_are_ignored() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(post(3));
    peer.cancel(1);
    peer.read()
        .send(data(1, 0, "x"))
        .send(window_update(1, 5))
        .send(data(1, END_STREAM, "x"))
        .read();
    let end = |event: &Event| matches!(event, Event::Finished { id: StreamId(1), .. });
    let mut events = peer.events.iter().skip_while(|event| !end(event));
    let is_data = |event: &Event| matches!(event, Event::Data { id: StreamId(1), .. });
    assert!(events.next().is_some() && !events.any(is_data), "{}", peer.history());
    peer.assert_alive();
}

#[test]
fn s5_1_1_identifiers() {
    check(&[
        Case("an even one", |peer| peer.send(get(2)), Connection(&[PROTOCOL_ERROR])),
        Case(
            "a lower one",
            |peer| peer.send(get(5)).send(get(3)),
            Connection(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        Case("leaps", |peer| peer.send(get(1)).send(get(9)).send(get(1001)), Fine),
    ]);
}

#[test]
fn s5_1_1_the_last_identifier_is_usable() {
    let mut peer = Peer::new();
    peer.send(get(0x7fff_ffff)).respond(0x7fff_ffff, full("last")).read();
    assert_eq!(peer.answer(0x7fff_ffff).body, b"last");
}

#[test]
fn s5_1_2_streams_above_the_announced_number_are_refused() {
    let mut config = Config::default();
    config.limits.h2_concurrent_streams = 3;
    let mut peer = Peer::with(config);
    assert_eq!(peer.setting(MAX_CONCURRENT_STREAMS), Some(3));
    for id in [1, 3, 5, 7] {
        peer.send(post(id));
    }
    peer.read();
    assert_eq!(peer.requests().len(), 3);
    assert!(
        matches!(peer.reset_code(7), Some(REFUSED_STREAM | PROTOCOL_ERROR)),
        "{}",
        peer.history()
    );
    peer.send(data(3, END_STREAM, "x")).respond(3, full("three")).read();
    peer.send(post(9)).read();
    assert_eq!(peer.requests().last().unwrap().0, 9, "there is room again");
}

#[test]
fn s5_1_2_the_default_is_128_streams() {
    let mut peer = Peer::new();
    assert_eq!(peer.setting(MAX_CONCURRENT_STREAMS), Some(128));
    for index in 0..128 {
        peer.send(get(2 * index + 1));
    }
    assert_eq!(peer.requests().len(), 128);
    peer.respond_to_all().read();
    assert!(peer.finished().len() == 128 && peer.finished().iter().all(|(_, complete)| *complete));
}

#[test]
fn s5_3_priority_is_read_and_ignored() {
    // RFC 9113 deprecates priorities; of RFC 7540 a stream that depends on itself may still be
    // an error.
    for frames in [
        priority(1, 1),
        headers(1, END_STREAM | PRIORITIZED, [dependency(1), plain_block()].concat()),
    ] {
        let mut peer = Peer::new();
        peer.send(frames).read();
        let code = peer.reset_code(1).or(peer.goaways().last().map(|(_, code)| *code));
        assert!(matches!(code, None | Some(PROTOCOL_ERROR)), "{}", peer.history());
        if code.is_none() {
            peer.assert_alive();
        }
    }
}

#[test]
fn s5_4_1_an_error_names_the_last_stream_that_was_taken() {
    let mut peer = Peer::new();
    peer.send(get(1)).send(get(7)).send(frame(PING, 0, 0, [0; 3])).read();
    assert_eq!(peer.goaways().iter().map(|(last, _)| *last).collect::<Vec<_>>(), [7]);
    assert!(peer.aborted(1) && peer.aborted(7), "{}", peer.history());
    peer.end();
    assert_eq!(peer.connection.closing(), hyperion_proto::Closing::Close);
}

#[test]
fn s5_4_2_a_reset_is_not_answered_by_a_reset() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(rst_stream(1, CANCEL)).read();
    assert!(peer.aborted(1) && peer.reset_code(1).is_none(), "{}", peer.history());
    peer.respond(1, full("too late")).read();
    assert!(peer.answer(1).fields.is_empty());
    peer.assert_alive();
}

#[test]
fn s5_4_2_a_reset_is_told_before_what_was_sent_behind_it() {
    let mut peer = Peer::new();
    peer.send(get(1)).send([rst_stream(1, CANCEL), get(3), rst_stream(3, CANCEL), get(5)].concat());
    let told: Vec<_> = peer
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Request { id, .. } => Some(("request", id.0)),
            Event::Aborted { id } => Some(("aborted", id.0)),
            _ => None,
        })
        .collect();
    let order = [("request", 1), ("aborted", 1), ("request", 3), ("aborted", 3), ("request", 5)];
    assert_eq!(told, order, "{}", peer.history());
}

fn cancelled(peer: &mut Peer) -> &mut Peer {
    peer.send(post(1)).send(rst_stream(1, CANCEL))
}

fn answered(peer: &mut Peer) -> &mut Peer {
    peer.send(get(1)).respond(1, full("done")).read()
}
