//! What holds for any input, any way to cut it, and any order of calls.

use std::time::Duration;

use bytes::Bytes;
use hyperion_proto::{Closing, Event, ResponseBody, StreamId};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::*;

/// What the application and the log see, with the parts of bodies joined.
fn observations(peer: &Peer) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut body: Option<(u32, Vec<u8>)> = None;
    for event in &peer.events {
        if let Event::Data { id, bytes } = event {
            let (_, joined) = body.get_or_insert((id.0, Vec::new()));
            joined.extend_from_slice(bytes);
            continue;
        }
        seen.extend(body.take().map(|(id, bytes)| format!("{id} body {}", bytes.escape_ascii())));
        seen.push(match event {
            Event::Request { id, request } => format!(
                "{} request {:?} {:?}",
                id.0,
                request,
                request
                    .headers()
                    .map(|(name, value)| format!(
                        "{}={}",
                        name.escape_ascii(),
                        value.escape_ascii()
                    ))
                    .collect::<Vec<_>>()
            ),
            Event::End { id, trailers } => format!("{} end {trailers:?}", id.0),
            Event::Rejected { id, violation, .. } => format!("rejected {id:?} {violation:?}"),
            event => format!("{event:?}"),
        });
    }
    seen.extend(body.map(|(id, bytes)| format!("{id} body {}", bytes.escape_ascii())));
    // How much of a body arrives before it fails is a matter of chance.
    let aborted = |line: &String| {
        (0..9).any(|id| peer.aborted(id) && line.starts_with(&format!("{id} body")))
    };
    seen.retain(|line| !aborted(line));
    seen
}

/// Hands over `bytes` cut at `cuts` and answers each complete request at once.
pub fn converse(bytes: &[u8], cuts: &[usize], in_flight: usize) -> (Vec<String>, String) {
    let mut peer = Peer::parallel(in_flight);
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    let mut answered = 0;
    for pair in places.windows(2) {
        peer.send(&bytes[pair[0]..pair[1]]);
        while peer.ended(answered) {
            peer.respond(answered, text("ok"));
            answered += 1;
        }
    }
    let output = peer.read();
    (observations(&peer), output)
}

fn request() -> impl Strategy<Value = String> {
    let body = "[a-z]{0,20}";
    prop_oneof![
        "/[a-z]{0,9}".prop_map(|path| get(&path, "")),
        body.prop_map(|body| post(&format!("Content-Length: {}\r\n", body.len()), &body)),
        prop::collection::vec("[a-z]{1,20}", 0..5).prop_map(|chunks| {
            let mut body = String::new();
            for chunk in chunks {
                body += &format!("{:X};x=\"y\"\r\n{chunk}\r\n", chunk.len());
            }
            chunked(&(body + "0\r\nx-sum: 1\r\n\r\n"))
        }),
        Just("\r\nHEAD / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned()),
        Just(get("/", "connection: close\r\n")),
        select(vec![
            "GET / HTTP/1.1\n",
            "GET /#x HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\n\r\n",
            "{",
            "GET / HTTP/3.0\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_cut_of_the_input_means_the_same(
        requests in prop::collection::vec(request(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        in_flight in 1usize..4,
    ) {
        let bytes = requests.concat();
        let (whole, output) = converse(bytes.as_bytes(), &[], in_flight);
        let every: Vec<usize> = (0..bytes.len()).collect();
        for cuts in [&cuts, &every] {
            let (pieces, same_output) = converse(bytes.as_bytes(), cuts, in_flight);
            // Answers given in between let later requests in earlier; only that may differ.
            prop_assert_eq!(sorted(&whole), sorted(&pieces));
            prop_assert_eq!(&output, &same_output);
        }
    }

    #[test]
    fn any_chunking_of_a_body_is_undone(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut bytes = chunked("").into_bytes();
        for chunk in &chunks {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        let mut peer = Peer::new();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut % bytes.len()).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        for pair in places.windows(2) {
            peer.send(&bytes[pair[0]..pair[1]]);
        }
        prop_assert_eq!(peer.body(0), chunks.concat());
        prop_assert!(peer.ended(0));
    }

    #[test]
    fn random_bytes_are_survived(
        start in select(vec![
            "",
            "GET / HTTP/1.1\r\nhost: a\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        ]),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let mut peer = Peer::parallel(2);
        peer.send(start);
        for piece in pieces {
            peer.send(piece);
        }
        peer.end().pass_s(1000);
        peer.take(u64::MAX);
    }

    #[test]
    fn any_order_of_calls_is_survived(
        steps in prop::collection::vec(step(), 0..60),
        in_flight in 1usize..4,
    ) {
        let mut peer = Peer::parallel(in_flight);
        for step in &steps {
            step.apply(&mut peer);
            peer.poll();
        }
        peer.drain();
        peer.end();
        for id in 0..64 {
            peer.connection.resume_body(StreamId(id));
            peer.cancel(id);
            peer.take(u64::MAX);
        }
        peer.pass_s(1000);
        prop_assert_eq!(peer.closing(), Closing::Close, "after {:?}", steps);
        prop_assert_eq!(peer.connection.poll_deadline(), None);
        for event in &peer.events {
            if let Event::Request { id, .. } = event {
                let ends = usize::from(peer.aborted(id.0))
                    + peer.finished().iter().filter(|end| end.0 == id.0).count();
                prop_assert_eq!(ends, 1, "{:?} ends once", id);
            }
        }
    }
}

pub fn sorted(lines: &[String]) -> Vec<String> {
    let mut lines: Vec<String> =
        lines.iter().filter(|line| !line.starts_with("Finished")).cloned().collect();
    lines.sort();
    lines
}

#[derive(Clone, Debug)]
enum Step {
    Send(String),
    Take(u64),
    Pass(u64),
    Respond(u32, u8),
    Body(u32, usize),
    Finish(u32),
    Reset(u32),
    Reject(u32),
    Inform(u32),
    Continue(u32),
    Pause(u32),
    Resume(u32),
    LastCall,
    Drain,
    End,
    Disconnect,
}

impl Step {
    fn apply(&self, peer: &mut Peer) {
        let now = peer.now;
        let connection = &mut peer.connection;
        match self {
            Self::Send(bytes) => connection.handle_input(now, bytes.as_bytes()),
            Self::Take(limit) => drop(peer.take(*limit)),
            Self::Pass(seconds) => drop(peer.pass(Duration::from_secs(*seconds))),
            Self::Respond(id, kind) => connection.respond(now, StreamId(*id), answer(*kind), DATE),
            Self::Body(id, length) => {
                connection.send_body(StreamId(*id), Bytes::from(vec![b'x'; *length]))
            }
            Self::Finish(id) => connection.finish(now, StreamId(*id), Some(&fields(&[("x", "y")]))),
            Self::Reset(id) => connection.reset(now, StreamId(*id)),
            Self::Reject(id) => connection.reject(now, StreamId(*id), 503, Some(1)),
            Self::Inform(id) => connection.inform(StreamId(*id), 103, &fields(&[])),
            Self::Continue(id) => connection.send_continue(StreamId(*id)),
            Self::Pause(id) => connection.pause_body(StreamId(*id)),
            Self::Resume(id) => connection.resume_body(StreamId(*id)),
            Self::LastCall => connection.last_call(now),
            Self::Drain => connection.drain(now),
            Self::End => connection.handle_eof(now),
            Self::Disconnect => connection.handle_disconnect(),
        }
    }
}

fn answer(kind: u8) -> hyperion_proto::Response {
    match kind {
        0 => text("hello"),
        1 => stream(),
        2 => response(200, &[("content-length", "7")], ResponseBody::Stream { length: None }),
        3 => response(101, &[], ResponseBody::Tunnel),
        4 => response(200, &[("connection", "close")], full("x")),
        5 => response(204, &[], full("x")),
        _ => response(200, &[], ResponseBody::Full(vec![b'x'; 300_000].into())),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0u32..6;
    prop_oneof![
        6 => request().prop_map(Step::Send),
        2 => "[a-zG /:\r\n0-9]{0,20}".prop_map(Step::Send),
        4 => (0u64..2000).prop_map(Step::Take),
        2 => (0u64..40).prop_map(Step::Pass),
        6 => (id.clone(), 0u8..7).prop_map(|(id, kind)| Step::Respond(id, kind)),
        4 => (id.clone(), 0usize..6000).prop_map(|(id, length)| Step::Body(id, length)),
        3 => id.clone().prop_map(Step::Finish),
        1 => id.clone().prop_map(Step::Reset),
        1 => id.clone().prop_map(Step::Reject),
        1 => id.clone().prop_map(Step::Inform),
        1 => id.clone().prop_map(Step::Continue),
        1 => id.clone().prop_map(Step::Pause),
        1 => id.prop_map(Step::Resume),
        1 => prop_oneof![Just(Step::LastCall), Just(Step::Drain), Just(Step::End), Just(Step::Disconnect)],
    ]
}
