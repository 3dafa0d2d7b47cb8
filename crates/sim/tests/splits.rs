//! The same conversation cut at every byte must end the same way.

mod support;

use hyperion_sim::{Answer, Faults, World};
use support::{Seen, config, get, parse, post, post_chunked};

fn conversations() -> Vec<Vec<u8>> {
    let evil = b"GET /evil HTTP/1.1\r\nHost: sim\r\n\r\n";
    let broken: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: sim\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\nHost: sim\n\n",
        b"GET / HTTP/1.1\r\nHost: sim\r\nHost: other\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\nabcde\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : sim\r\n\r\n",
    ];
    let mut conversations = vec![
        get("/one"),
        [get("/one"), get("/two?x=1"), get("/three")].concat(),
        [post("/form", "a=1&b=2"), get("/after")].concat(),
        [post_chunked("/chunks", "hello chunked world", 4), get("/after")].concat(),
        [post_chunked("/large", &"x".repeat(200), 30), get("/after")].concat(),
        b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /last HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n".to_vec(),
        b"POST /wait HTTP/1.1\r\nHost: sim\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabcGET /after HTTP/1.1\r\nHost: sim\r\n\r\n".to_vec(),
    ];
    conversations.extend(broken.iter().map(|bytes| [*bytes, evil].concat()));
    conversations
}

fn final_responses(received: &[u8]) -> Vec<Seen> {
    let (mut responses, rest) = parse(received);
    assert!(rest.is_empty(), "unfinished: {:?}", String::from_utf8_lossy(&rest));
    // Whether 100 Continue is worth sending depends on how much of the body is there already.
    responses.retain(|seen| seen.status >= 200);
    responses
}

fn run(pieces: &[&[u8]], answer: Answer, faults: Faults) -> (Vec<Seen>, Vec<String>) {
    let mut world = World::new(config(), answer, 100, faults, 1);
    let peer = world.connect();
    for piece in pieces {
        world.send(peer, piece);
        world.settle();
    }
    assert_eq!(world.stats.engine_panics.value(), 0);
    (final_responses(&world.received(peer)), world.app.seen())
}

#[test]
fn every_cut_of_the_input_gives_the_same_answers() {
    for conversation in conversations() {
        let whole = run(&[&conversation], Answer::Full, Faults::default());
        assert!(!whole.0.is_empty());
        assert!(!whole.1.iter().any(|seen| seen.contains("evil")), "{:?}", whole.1);
        for cut in 1..conversation.len() {
            let (first, second) = conversation.split_at(cut);
            let parts = run(&[first, second], Answer::Full, Faults::default());
            assert_eq!(
                parts,
                whole,
                "cut at {cut} of {:?}",
                String::from_utf8_lossy(&conversation)
            );
        }
    }
}

#[test]
fn single_bytes_both_ways_give_the_same_answers() {
    for answer in [Answer::Full, Answer::Stream] {
        for conversation in conversations() {
            let whole = run(&[&conversation], answer, Faults::default());
            let faults = Faults { receive_bytes: 1, send_bytes: 1, ..Faults::default() };
            assert_eq!(run(&[&conversation], answer, faults), whole);
        }
    }
}
