//! Malformed messages: RFC 9113, sections 8.1 to 8.6. None of them becomes a request.

use crate::cases::{Case, Outcome::*, check};
use crate::support::*;
use crate::wire::*;

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/");
const AUTHORITY: (&str, &str) = (":authority", "a");

/// Each header block, as a request without body and as the head of one, is a stream error, and the
/// application sees nothing.
fn assert_malformed(blocks: Vec<(&str, Vec<u8>)>) {
    assert_refused(blocks, |peer| peer.reset_code(1) == Some(PROTOCOL_ERROR) && peer.is_alive());
}

/// As [`assert_malformed`], but what makes the field itself unreadable may end the connection: a
/// stream error may be treated as one of the connection (RFC 9113, section 5.4.1).
fn assert_unreadable(blocks: Vec<(&str, Vec<u8>)>) {
    assert_refused(blocks, |peer| match peer.goaways().last() {
        Some((_, code)) => *code == PROTOCOL_ERROR && !peer.is_open(),
        None => peer.reset_code(1) == Some(PROTOCOL_ERROR) && peer.is_alive(),
    });
}

fn assert_refused(blocks: Vec<(&str, Vec<u8>)>, is_refused: fn(&mut Peer) -> bool) {
    let mut faults = Vec::new();
    for (name, block) in blocks {
        for flags in [END_STREAM, 0] {
            let mut peer = Peer::new();
            peer.send(headers(1, flags, &block)).read();
            if !peer.requests().is_empty() || !is_refused(&mut peer) {
                faults.push(format!("{name:?} (flags {flags}): {}", peer.history()));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn with(name: &'static str, value: &str) -> (&'static str, Vec<u8>) {
    (name, request("GET", "/", &[(name, value)]))
}

#[test]
fn d8_field_names_are_lower_case_tokens() {
    assert_malformed(vec![
        with("X-Test", "y"),
        with("x test", "y"),
        with("", "y"),
        with("x:y", "y"),
        with("x\u{e9}", "y"),
        with("x\0", "y"),
        with("x\r\n", "y"),
        with("x\x7f", "y"),
        with(":x", "y"),
    ]);
}

#[test]
fn d8_field_values_have_no_control_characters() {
    let values = ["a\0b", "a\rb", "a\nb", "a\r\nx: y", "a\x01b", "a\x7fb"];
    assert_unreadable(values.map(|value| (value, request("GET", "/", &[("x", value)]))).into());
}

#[test]
fn d8_field_values_have_no_white_space_around_them() {
    let values = [" a", "a ", "\ta", "a\t", " ", "\t"];
    assert_malformed(values.map(|value| (value, request("GET", "/", &[("x", value)]))).into());
}

#[test]
fn d8_connection_specific_fields() {
    assert_malformed(vec![
        with("connection", "keep-alive"),
        with("proxy-connection", "keep-alive"),
        with("keep-alive", "timeout=5"),
        with("transfer-encoding", "chunked"),
        with("upgrade", "websocket"),
        with("te", "gzip"),
        with("te", "trailers, deflate;q=0.5"),
    ]);
}

#[test]
fn d8_pseudo_fields_are_complete_single_and_in_front() {
    let name = |block: &[(&'static str, &'static str)]| block.to_vec();
    let lists = vec![
        ("no :method", name(&[SCHEME, PATH, AUTHORITY])),
        ("no :scheme", name(&[METHOD, PATH, AUTHORITY])),
        ("no :path", name(&[METHOD, SCHEME, AUTHORITY])),
        ("two :method", name(&[METHOD, METHOD, SCHEME, PATH, AUTHORITY])),
        ("two :scheme", name(&[METHOD, SCHEME, SCHEME, PATH, AUTHORITY])),
        ("two :path", name(&[METHOD, SCHEME, PATH, PATH, AUTHORITY])),
        ("two :authority", name(&[METHOD, SCHEME, PATH, AUTHORITY, AUTHORITY])),
        ("an unknown one", name(&[METHOD, SCHEME, PATH, AUTHORITY, (":test", "x")])),
        ("one of a response", name(&[METHOD, SCHEME, PATH, AUTHORITY, (":status", "200")])),
        ("behind a field", name(&[METHOD, SCHEME, PATH, ("x", "y"), AUTHORITY])),
    ];
    assert_malformed(lists.iter().map(|(name, list)| (*name, block(list))).collect());
}

#[test]
fn d8_pseudo_fields_have_proper_values() {
    let name = |block: &[(&'static str, &'static str)]| block.to_vec();
    let lists = vec![
        ("a :scheme with a space", name(&[METHOD, (":scheme", "ht tp"), PATH, AUTHORITY])),
        ("an empty :path", name(&[METHOD, SCHEME, (":path", ""), AUTHORITY])),
        ("a :path without slash", name(&[METHOD, SCHEME, (":path", "x"), AUTHORITY])),
        ("an absolute :path", name(&[METHOD, SCHEME, (":path", "http://a/"), AUTHORITY])),
        ("a :path with a space", name(&[METHOD, SCHEME, (":path", "/ HTTP/1.1"), AUTHORITY])),
        ("a :path with CRLF", name(&[METHOD, SCHEME, (":path", "/\r\nx: y"), AUTHORITY])),
        ("a GET of *", name(&[METHOD, SCHEME, (":path", "*"), AUTHORITY])),
        ("an :authority with user", name(&[METHOD, SCHEME, PATH, (":authority", "me@a")])),
        ("an :authority with a space", name(&[METHOD, SCHEME, PATH, (":authority", "a b")])),
        ("an :authority with a path", name(&[METHOD, SCHEME, PATH, (":authority", "a/b")])),
        ("an empty :authority", name(&[METHOD, SCHEME, PATH, (":authority", "")])),
        ("a port that is none", name(&[METHOD, SCHEME, PATH, (":authority", "a:x")])),
        ("no authority at all", name(&[METHOD, SCHEME, PATH])),
        ("an empty host", name(&[METHOD, SCHEME, PATH, ("host", "")])),
    ];
    assert_malformed(lists.iter().map(|(name, list)| (*name, block(list))).collect());
}

#[test]
fn d8_a_scheme_is_not_empty() {
    let list = block(&[METHOD, (":scheme", ""), PATH, AUTHORITY]);
    assert_malformed(vec![("an empty :scheme", list)]);
}

#[test]
fn d8_pseudo_fields_that_cannot_be_read() {
    assert_unreadable(vec![
        ("an empty :method", block(&[(":method", ""), SCHEME, PATH, AUTHORITY])),
        ("a :method with a space", block(&[(":method", "GE T"), SCHEME, PATH, AUTHORITY])),
    ]);
}

#[test]
fn d8_host_and_authority_agree() {
    assert_malformed(vec![
        with("host", "b"),
        ("two hosts", block(&[METHOD, SCHEME, PATH, ("host", "a"), ("host", "a")])),
        ("two hosts that differ", block(&[METHOD, SCHEME, PATH, ("host", "a"), ("host", "b")])),
        ("the second differs", request("GET", "/", &[("host", "a"), ("host", "b")])),
    ]);
}

#[test]
fn d8_content_length_is_one_number() {
    assert_malformed(vec![
        with("content-length", "x"),
        with("content-length", "-1"),
        with("content-length", "+1"),
        with("content-length", "1, 1"),
        with("content-length", "99999999999999999999"),
        ("twice", request("POST", "/", &[("content-length", "5"), ("content-length", "6")])),
    ]);
}

#[test]
fn d8_content_length_is_the_length_of_the_data() {
    const MALFORMED: crate::cases::Outcome = Stream(1, &[PROTOCOL_ERROR]);
    check(&[
        Case(
            "but there is none",
            |peer| {
                let block = request("POST", "/", &[("content-length", "1")]);
                peer.send(headers(1, END_STREAM, block))
            },
            MALFORMED,
        ),
        Case(
            "less",
            |peer| peer.send(post_of(1, "5")).send(data(1, END_STREAM, "four")),
            MALFORMED,
        ),
        Case(
            "more",
            |peer| peer.send(post_of(1, "3")).send(data(1, END_STREAM, "four")),
            MALFORMED,
        ),
        Case(
            "more, in parts",
            |peer| peer.send(post_of(1, "3")).send(data(1, 0, "fo")).send(data(1, 0, "ur")),
            MALFORMED,
        ),
        Case(
            "less, with trailers",
            |peer| {
                peer.send(post_of(1, "5")).send(data(1, 0, "four"));
                peer.send(headers(1, END_STREAM, block(&[("x", "y")])))
            },
            MALFORMED,
        ),
        Case(
            "exactly",
            |peer| peer.send(post_of(1, "4")).send(padded_data(1, END_STREAM, b"four", 9)),
            Fine,
        ),
        Case(
            "zero without data",
            |peer| {
                peer.send(headers(1, END_STREAM, request("POST", "/", &[("content-length", "0")])))
            },
            Fine,
        ),
    ]);
}

#[test]
fn s8_1_trailers() {
    const MALFORMED: crate::cases::Outcome = Stream(1, &[PROTOCOL_ERROR]);
    check(&[
        Case(
            "with fields",
            |peer| {
                peer.send(post(1)).send(data(1, 0, "x")).send(headers(
                    1,
                    END_STREAM,
                    block(&[("x", "y")]),
                ))
            },
            Fine,
        ),
        Case(
            "without data",
            |peer| peer.send(post(1)).send(headers(1, END_STREAM, block(&[("x", "y")]))),
            Fine,
        ),
        Case(
            "that do not end the stream",
            |peer| {
                peer.send(post(1)).send(data(1, 0, "x")).send(headers(1, 0, block(&[("x", "y")])))
            },
            Either(1, &[PROTOCOL_ERROR]),
        ),
        Case(
            "with an upper case name",
            |peer| peer.send(post(1)).send(headers(1, END_STREAM, block(&[("X", "y")]))),
            MALFORMED,
        ),
        Case(
            "with a connection-specific field",
            |peer| {
                peer.send(post(1)).send(headers(1, END_STREAM, block(&[("connection", "close")])))
            },
            MALFORMED,
        ),
        Case(
            "with CRLF in a value",
            |peer| peer.send(post(1)).send(headers(1, END_STREAM, block(&[("x", "a\r\nb")]))),
            Either(1, &[PROTOCOL_ERROR]),
        ),
    ]);
}

#[test]
fn s8_1_trailers_have_no_pseudo_fields_wherever_they_stand() {
    const MALFORMED: crate::cases::Outcome = Stream(1, &[PROTOCOL_ERROR]);
    fn bad() -> Vec<u8> {
        block(&[(":method", "GET"), ("x", "y")])
    }
    fn after(peer: &mut Peer, frames: Vec<u8>) -> &mut Peer {
        peer.send(post(1)).send(data(1, 0, "x")).send(frames)
    }
    fn alone() -> Vec<u8> {
        block(&[(":path", "/")])
    }
    check(&[
        Case("in front", |peer| after(peer, headers(1, END_STREAM, bad())), MALFORMED),
        Case("alone", |peer| after(peer, headers(1, END_STREAM, alone())), MALFORMED),
        Case(
            "behind a change of the table's size",
            |peer| {
                let block = [table_size(0), table_size(4096), bad()].concat();
                after(peer, headers(1, END_STREAM, block))
            },
            MALFORMED,
        ),
        Case(
            "in a padded frame",
            |peer| after(peer, headers(1, END_STREAM | PADDED, padded(&bad(), 7))),
            MALFORMED,
        ),
        Case(
            "in one with a priority and padding",
            |peer| {
                let payload = [&[7, 0, 0, 0, 0, 1][..], &bad(), &[0; 7]].concat();
                after(peer, headers(1, END_STREAM | PADDED | PRIORITIZED, payload))
            },
            MALFORMED,
        ),
        Case(
            "in a continuation",
            |peer| {
                let begun = frame(HEADERS, END_STREAM, 1, []);
                after(peer, [begun, continuation(1, END_HEADERS, bad())].concat())
            },
            MALFORMED,
        ),
        Case(
            "of an earlier stream",
            |peer| peer.send(post(1)).send(get(3)).send(headers(1, END_STREAM, bad())),
            MALFORMED,
        ),
    ]);
}

#[test]
fn s8_1_proper_trailers_arrive_whatever_their_frames_are_like() {
    let fields = || block(&[("x", "y")]);
    let split = [frame(HEADERS, END_STREAM, 1, []), continuation(1, END_HEADERS, fields())];
    let sized = [table_size(0), table_size(4096), fields()].concat();
    for frames in [
        headers(1, END_STREAM, fields()),
        headers(1, END_STREAM | PADDED, padded(&fields(), 7)),
        headers(1, END_STREAM, sized),
        split.concat(),
    ] {
        for drips in [false, true] {
            let mut peer = Peer::new();
            peer.drips = drips;
            peer.send(post(1)).send(&frames).read();
            let seen = peer.trailers(1).expect("the end").expect("trailers");
            assert_eq!(seen.iter().collect::<Vec<_>>(), [(&b"x"[..], &b"y"[..])]);
        }
    }
    let mut peer = Peer::new();
    peer.send(post(1)).send(headers(1, END_STREAM, [])).read();
    assert!(peer.trailers(1).expect("the end").is_none(), "{}", peer.history());
}

#[test]
fn s8_1_an_application_hears_that_its_request_turned_out_malformed() {
    let mut peer = Peer::new();
    peer.send(post_of(1, "9")).send(data(1, END_STREAM, "four")).read();
    assert!(peer.aborted(1) && !peer.ended(1), "{}", peer.history());
}

#[test]
fn d12_connect_is_refused() {
    let blocks = [
        block(&[(":method", "CONNECT"), (":authority", "a:443")]),
        block(&[(":method", "CONNECT"), (":authority", "a:443"), SCHEME, PATH]),
        request("CONNECT", "/", &[]),
    ];
    for block in blocks {
        let mut peer = Peer::new();
        peer.send(headers(1, 0, block)).read();
        assert!(peer.requests().is_empty(), "{}", peer.history());
        let status = peer.answer(1).status();
        assert!(
            status == Some(501) || peer.reset_code(1) == Some(PROTOCOL_ERROR),
            "{}",
            peer.history()
        );
        peer.assert_alive();
    }
}

#[test]
fn d12_extended_connect_is_refused() {
    let peer = Peer::new();
    assert!(peer.setting(8).is_none_or(|enabled| enabled == 0), "no tunnels are offered");
    assert_malformed(vec![
        (
            "with :protocol",
            [request("CONNECT", "/", &[]), block(&[(":protocol", "websocket")])].concat(),
        ),
        (
            "a GET with :protocol",
            [request("GET", "/", &[]), block(&[(":protocol", "websocket")])].concat(),
        ),
    ]);
}
