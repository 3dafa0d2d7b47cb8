//! Requests and chunked bodies with faults in them: read the same however they are cut, and to no surprise.

use hyperion_proto::Unchunker;
use proptest::prelude::*;

use crate::fuzz::{mutated, settings};
use crate::properties::{converse, sorted};
use crate::support::*;

pub const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /a%20b?c=d&e=%7f HTTP/1.1\r\nHost: a.example:8080\r\nAccept: */*\r\nCookie: a=b; c=d\r\nCookie: e=f\r\n\r\n",
    b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n",
    b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"HEAD http://a.example/abs HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nX-Empty:\r\nX-Space: \t b \t\r\n\r\n",
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, keep-alive\r\n\r\n",
];

pub const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b": ",
    b" ",
    b"\t",
    b"\0",
    b"#",
    b"%",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"Content-Length: 5\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Host: b\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"-1",
    b"+5",
    b"0x5",
    b"\xff",
];

const CHUNKED: &[&[u8]] = &[
    b"5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nx-sum: 6\r\n\r\n",
    b"0\r\n\r\n",
    b"A\r\n0123456789\r\n0000\r\n\r\n",
    b"1 ; name=\"quoted \\\" text\"\r\nx\r\n0\r\n\r\n",
];

/// What a body that an application has chunked comes to, in pieces of `length`; none where it is malformed.
fn unchunked(bytes: &[u8], length: usize) -> Option<(Vec<u8>, String)> {
    let mut unchunker = Unchunker::default();
    let mut payload = Vec::new();
    for piece in bytes.chunks(length) {
        payload.extend_from_slice(&unchunker.decode(piece).ok()?);
    }
    let trailers = unchunker.finish().ok()?;
    Some((payload, format!("{trailers:?}")))
}

/// Of several faults in a head, the one that is seen first is told, and that may be another one.
fn without_reasons(mut seen: Vec<String>) -> Vec<String> {
    seen.iter_mut().filter(|line| line.starts_with("rejected")).for_each(|line| line.truncate(8));
    seen
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn requests_with_faults_mean_the_same_however_they_are_cut(
        bytes in mutated(REQUESTS, WORDS),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let (whole, output) = converse(&bytes, &[], 1);
        let every: Vec<usize> = (0..bytes.len()).collect();
        for cuts in [&cuts, &every] {
            let (pieces, same_output) = converse(&bytes, cuts, 1);
            prop_assert_eq!(sorted(&without_reasons(whole.clone())), sorted(&without_reasons(pieces)));
            prop_assert_eq!(&output, &same_output);
        }
    }

    #[test]
    fn requests_with_faults_are_refused_or_have_one_host_and_one_length(
        bytes in mutated(REQUESTS, WORDS),
    ) {
        let mut peer = Peer::new();
        peer.send(&bytes);
        for event in &peer.events {
            let hyperion_proto::Event::Request { request, .. } = event else { continue };
            let count = |name: &[u8]| request.headers().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
            prop_assert!(count(b"host") <= 1);
            prop_assert!(count(b"content-length") == 0 || count(b"transfer-encoding") == 0);
            for (name, value) in request.headers() {
                prop_assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':'));
                prop_assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')));
            }
        }
    }

    #[test]
    fn chunked_bodies_with_faults_come_to_the_same_however_they_are_cut(
        bytes in mutated(CHUNKED, WORDS),
        length in 1usize..9,
    ) {
        prop_assert_eq!(unchunked(&bytes, length), unchunked(&bytes, bytes.len().max(1)));
    }
}
