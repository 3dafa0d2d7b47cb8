//! What holds for any input, any way to cut it, and any order of calls.

use std::time::Duration;

use hyperion_proto::{Closing, Config, Event, StreamId};
use proptest::prelude::*;

use crate::support::*;
use crate::wire::*;

/// What the application sees, stream by stream, with the parts of bodies joined. A request that is
/// called off before it was looked at may not be announced at all, so these are left out.
fn observations(peer: &Peer) -> Vec<String> {
    let mut seen = Vec::new();
    for (id, request) in peer.requests().into_iter().filter(|(id, _)| !peer.aborted(*id)) {
        let fields: Vec<_> = request
            .headers()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        let body = peer.body(id).escape_ascii().to_string();
        let end = peer.trailers(id).map(|trailers| format!("{trailers:?}"));
        seen.push(format!("{id} {request:?} {fields:?} {body} {end:?}"));
    }
    seen
}

/// Hands over `bytes` behind the prefaces, cut at `cuts`.
pub fn converse(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Option<(u32, u32)>) {
    let mut peer = Peer::new();
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    for pair in places.windows(2) {
        peer.send(&bytes[pair[0]..pair[1]]);
    }
    peer.read();
    (observations(&peer), peer.goaways().last().copied())
}

/// The frames of one exchange; the stream is chosen later.
fn exchange() -> impl Strategy<Value = Vec<(u8, u8, Vec<u8>)>> {
    let pairs = prop::collection::vec(("x-[a-z]{1,9}", "([a-z][a-z ]{0,8})?z"), 0..4);
    let parts = prop::collection::vec(("[a-z]{0,20}", any::<bool>()), 0..4);
    (pairs, parts, any::<bool>()).prop_map(|(pairs, parts, trailers)| {
        let fields: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let head = request("POST", "/", &fields);
        let middle = head.len() / 2;
        let mut frames = vec![
            (HEADERS, 0, head[..middle].to_vec()),
            (CONTINUATION, END_HEADERS, head[middle..].to_vec()),
        ];
        for (part, padding) in parts {
            frames.push(if padding {
                (DATA, PADDED, padded(part.as_bytes(), 3))
            } else {
                (DATA, 0, part.into_bytes())
            });
        }
        frames.push(if trailers {
            (HEADERS, END_STREAM | END_HEADERS, literal("x-sum", "7"))
        } else {
            (DATA, END_STREAM, vec![])
        });
        frames
    })
}

/// One of many frames that may be right or wrong.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop_oneof![Just(0u32), Just(1), Just(3), Just(5), 0u32..20, any::<u32>()];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(plain_block()),
        Just(request("POST", "/", &[("content-length", "3")])),
        prop::collection::vec(any::<u8>(), 8..9),
        prop::collection::vec(any::<u8>(), 4..5),
    ];
    (0u8..11, any::<u8>(), stream, payload)
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, payload))
}

/// A call of the application, right or wrong.
fn act(peer: &mut Peer, call: u8, id: u32) {
    match call % 10 {
        0 => {
            peer.respond(id, full("ok"));
        }
        1 => {
            peer.respond(id, stream());
        }
        2 => {
            peer.body_part(id, "part");
        }
        3 => {
            peer.finish(id, None);
        }
        4 => {
            peer.finish(id, Some(&fields(&[("x", "y")])));
        }
        5 => peer.cancel(id),
        6 => peer.reject(id, 503, None),
        7 => peer.connection.pause_body(StreamId(id)),
        8 => peer.connection.resume_body(StreamId(id)),
        _ => peer.connection.inform(StreamId(id), 103, &fields(&[("link", "x")])),
    }
    peer.poll();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_cut_of_the_input_means_the_same(
        exchanges in prop::collection::vec(exchange(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        more in prop::option::of(noise()),
    ) {
        let mut bytes = Vec::new();
        for (index, frames) in exchanges.iter().enumerate() {
            let id = 2 * index as u32 + 1;
            bytes.extend(frames.iter().flat_map(|(kind, flags, payload)| frame(*kind, *flags, id, payload)));
        }
        bytes.extend(more.into_iter().flatten());
        let whole = converse(&bytes, &[]);
        let every: Vec<usize> = (0..bytes.len()).collect();
        for cuts in [&cuts, &every] {
            prop_assert_eq!(&whole, &converse(&bytes, cuts));
        }
    }

    #[test]
    fn any_bytes_behind_the_preface_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        greets in any::<bool>(),
    ) {
        let mut peer = if greets { Peer::new() } else { Peer::silent(Config::default()) };
        if !greets {
            peer.send(PREFACE);
        }
        peer.send(bytes).read();
        peer.end().pass(Duration::from_secs(1000)).read();
        prop_assert_eq!(peer.connection.closing(), Closing::Close);
        for (id, _) in peer.requests() {
            prop_assert!(peer.aborted(id) || peer.ended(id));
        }
    }

    #[test]
    fn any_frames_and_any_calls_are_survived(
        steps in prop::collection::vec(
            prop_oneof![
                noise().prop_map(Ok),
                (any::<u8>(), 0u32..8).prop_map(Err),
            ],
            0..60,
        ),
        taken in 0u64..100,
    ) {
        let mut peer = Peer::new();
        for step in steps {
            match step {
                Ok(frame) => { peer.send(frame); }
                Err((call, id)) => act(&mut peer, call, id),
            }
            peer.take(taken);
        }
        peer.read();
        prop_assert!(peer.unread.is_empty(), "whole frames only");
        peer.connection.handle_disconnect();
        peer.poll();
        for (id, _) in peer.requests() {
            let ends = |event: &&Event| matches!(event,
                Event::Aborted { id: of } | Event::Finished { id: of, .. } if of.0 == id);
            let ends = peer.events.iter().filter(ends).count();
            prop_assert_eq!(ends, 1, "ends of stream {}: {}", id, peer.history());
            let is_end = |event: &Event| matches!(event, Event::Aborted { id: of } if of.0 == id);
            let mut behind = peer.events.iter().skip_while(|event| !is_end(event)).skip(1);
            let more = |event: &Event| matches!(event,
                Event::Data { id: of, .. } | Event::End { id: of, .. } if of.0 == id);
            prop_assert!(!behind.any(more), "more behind the end of {}: {}", id, peer.history());
        }
    }
}
