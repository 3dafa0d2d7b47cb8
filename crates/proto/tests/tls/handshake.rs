//! How sessions begin, or do not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperion_proto::{Closing, Config, Connection, Violation};
use proptest::prelude::*;
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::support::*;

fn tls13() -> (hyperion_proto::TlsConfig, Arc<rustls::ClientConfig>) {
    let authority = Authority::new();
    let tls = tls_of(settings(&[&authority.issue("localhost")]));
    (tls, client_of(&authority, &[&TLS13], &["h2", "http/1.1"], None))
}

#[test]
fn both_versions_are_spoken_however_the_bytes_come() {
    let authority = Authority::new();
    let tls = tls_of(settings(&[&authority.issue("localhost")]));
    for (version, said) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let client = client_of(&authority, &[version], &["http/1.1"], None);
        for drips in [false, true] {
            let mut pair = Pair::new(&tls, &client, "localhost");
            pair.drips = drips;
            pair.run().say("GET /a HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!(pair.client.protocol_version(), Some(said));
            assert_eq!(pair.requests().len(), 1, "{:?}", pair.events);
            pair.respond(pair.requests()[0], ok("hello")).run();
            assert!(pair.received.ends_with(b"\r\n\r\nhello"));
            assert_eq!(pair.finished(), [true]);
            assert!(pair.connection.is_secure() && !pair.connection.is_portable());
        }
    }
}

#[test]
fn the_client_chooses_the_protocol() {
    let authority = Authority::new();
    let tls = tls_of(settings(&[&authority.issue("localhost")]));
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let client = client_of(&authority, &[&TLS13], offered, None);
        let mut pair = Pair::new(&tls, &client, "localhost");
        pair.run();
        assert_eq!(pair.client.alpn_protocol(), chosen);
    }
    let client = client_of(&authority, &[&TLS13], &["spdy"], None);
    let mut pair = Pair::new(&tls, &client, "localhost");
    pair.run();
    assert!(pair.failure.is_some());
    assert_eq!(pair.rejections(), [(Violation::TlsHandshakeFailed, 0)]);
}

#[test]
fn the_oldest_version_can_be_raised() {
    let authority = Authority::new();
    let mut settings = settings(&[&authority.issue("localhost")]);
    settings.allows_tls12 = false;
    let tls = tls_of(settings);
    let mut pair =
        Pair::new(&tls, &client_of(&authority, &[&TLS12], &["http/1.1"], None), "localhost");
    pair.run();
    assert!(pair.failure.is_some(), "an alert, not silence");
    assert_eq!(pair.rejections(), [(Violation::TlsHandshakeFailed, 0)]);
}

#[test]
fn http_that_comes_without_tls_is_answered() {
    let (tls, client) = tls13();
    for request in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut pair = Pair::new(&tls, &client, "localhost");
        pair.hand_over(request.as_bytes());
        let answer = String::from_utf8(pair.take_output(u64::MAX)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("HTTPS"), "{answer}");
        assert_eq!(pair.rejections(), [(Violation::HttpOnTlsPort, 400)]);
        assert_eq!(pair.connection.closing(), Closing::ShutdownWrite);
        pair.pass(Duration::from_secs(60));
        assert!(pair.is_closed());
    }
}

#[test]
fn a_handshake_that_stalls_is_timed() {
    let (tls, client) = tls13();
    let timeout = Config::default().timeouts.tls_handshake;
    let mut whole = Pair::new(&tls, &client, "localhost");
    let hello = whole.client_output();
    for length in [0, 1, 5, 6, hello.len() - 1, hello.len()] {
        let mut pair = Pair::new(&tls, &client, "localhost");
        pair.hand_over(&hello[..length]);
        pair.take_output(u64::MAX);
        pair.pass(timeout - Duration::from_millis(1));
        assert!(!pair.is_closed(), "{length}");
        pair.pass(Duration::from_millis(2));
        assert!(pair.is_closed(), "{length}");
        assert_eq!(pair.rejections(), [(Violation::TlsHandshakeTimeout, 0)]);
    }
}

#[test]
fn a_handshake_that_drips_is_timed_as_a_whole() {
    let (tls, client) = tls13();
    let mut pair = Pair::new(&tls, &client, "localhost");
    for byte in pair.client_output() {
        if !pair.is_closed() {
            pair.hand_over(&[byte]);
            pair.pass(Duration::from_secs(1));
        }
    }
    assert!(pair.is_closed());
}

#[test]
fn a_client_that_leaves_during_the_handshake_is_forgotten() {
    let (tls, client) = tls13();
    let mut pair = Pair::new(&tls, &client, "localhost");
    let hello = pair.client_output();
    pair.hand_over(&hello);
    pair.receive_eof();
    pair.pass(Duration::from_secs(60));
    assert!(pair.is_closed());
}

#[test]
fn garbage_gets_an_alert_and_the_end() {
    let (tls, client) = tls13();
    for garbage in [&[0x16, 3, 1, 0, 4, 99, 0, 0, 0][..], &[0; 64], &[0x16, 3, 1, 0xff, 0xff, 0]] {
        let mut pair = Pair::new(&tls, &client, "localhost");
        pair.hand_over(garbage);
        let output = pair.take_output(u64::MAX);
        assert_eq!(output.first(), Some(&0x15), "an alert record for {garbage:?}");
        assert_eq!(pair.rejections(), [(Violation::TlsHandshakeFailed, 0)]);
        assert_eq!(pair.connection.closing(), Closing::ShutdownWrite);
        pair.pass(Duration::from_secs(60));
        assert!(pair.is_closed());
    }
}

#[test]
fn a_connection_that_is_too_much_is_told_behind_its_handshake() {
    let authority = Authority::new();
    let tls = tls_of(settings(&[&authority.issue("localhost")]));
    for (alpn, says) in [("http/1.1", true), ("h2", false)] {
        let now = Instant::now();
        let refused = Connection::refused(Arc::new(Config::default()), Some(&tls), now);
        let client = client_of(&authority, &[&TLS13], &[alpn], None);
        let mut pair = Pair::around(refused, &client, "localhost", now);
        pair.run();
        let text = String::from_utf8_lossy(&pair.received).into_owned();
        assert_eq!(text.starts_with("HTTP/1.1 503 "), says, "{text}");
        pair.pass(Duration::from_secs(60));
        assert!(pair.is_closed() && pair.requests().is_empty());
    }
}

#[test]
fn a_drain_ends_what_has_not_begun() {
    let (tls, client) = tls13();
    let mut pair = Pair::new(&tls, &client, "localhost");
    pair.drain();
    pair.run();
    pair.pass(Duration::from_secs(60));
    assert!(pair.is_closed() && pair.requests().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 1usize..50) {
        let (tls, client) = tls13();
        let mut pair = Pair::new(&tls, &client, "localhost");
        for part in bytes.chunks(cut) {
            pair.hand_over(part);
        }
        pair.take_output(u64::MAX);
        pair.pass(Duration::from_secs(100));
        prop_assert!(pair.is_closed() && pair.requests().is_empty());
    }

    #[test]
    fn any_change_of_a_byte_is_survived(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let (tls, client) = tls13();
        let mut pair = Pair::new(&tls, &client, "localhost");
        let mut hello = pair.client_output();
        let at = at.index(hello.len());
        hello[at] ^= flip;
        pair.hand_over(&hello);
        let answer = pair.take_output(u64::MAX);
        pair.client_input(&answer);
        pair.pass(Duration::from_secs(100));
        prop_assert!(pair.is_closed());
    }
}
