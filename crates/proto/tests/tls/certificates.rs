//! Who shows which certificate, and what is known of clients.

use std::time::{Duration, SystemTime};

use hyperion_proto::{Certificate, CertificateError, ClientAuth, Event, TlsConfig, Violation};
use rustls::AlertDescription;
use rustls::version::{TLS12, TLS13};

use crate::support::*;

#[test]
fn the_name_asked_for_chooses_the_certificate() {
    let authority = Authority::new();
    let (one, other, wild) = (
        authority.issue("one.test"),
        authority.issue("other.test"),
        authority.issue("*.wild.test"),
    );
    let tls = tls_of(settings(&[&one, &other, &wild]));
    let client = client_of(&authority, &[&TLS13], &["http/1.1"], None);
    for (name, shown) in
        [("one.test", &one), ("other.test", &other), ("a.wild.test", &wild), ("none.test", &one)]
    {
        let mut pair = Pair::new(&tls, &client, name);
        pair.run();
        match pair.client.peer_certificates() {
            Some(chain) => assert!(chain[0] == shown.der && chain.len() == 2, "{name}"),
            // The client refuses the first certificate for a name that is not in it.
            None => assert!(name == "none.test" && pair.failure.is_some(), "{name}"),
        }
    }
}

fn strict(issued: &[&Issued]) -> TlsConfig {
    let mut settings = settings(issued);
    settings.strict_sni = true;
    tls_of(settings)
}

/// Asks on one connection for each host in turn; which of them are misdirected.
fn misdirected(pair: &mut Pair, hosts: &[&str]) -> Vec<bool> {
    let judge = |host: &&str| {
        pair.say(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        let asked = pair.events.drain(..).find_map(|event| match event {
            Event::Request { id, request } => Some((id.0, request)),
            _ => None,
        });
        let (id, request) = asked.unwrap();
        let found = pair.connection.is_misdirected(&request);
        pair.respond(id, ok("")).run();
        found
    };
    hosts.iter().map(judge).collect()
}

#[test]
fn a_name_that_no_certificate_has_is_refused_where_names_are_strict() {
    let authority = Authority::new();
    let (one, wild) = (authority.issue("one.test"), authority.issue("*.wild.test"));
    for (version, name, is_known) in [
        (&TLS13, "none.test", false),
        (&TLS12, "none.test", false),
        (&TLS13, "wild.test", false),
        (&TLS13, "one.test", true),
        (&TLS12, "a.wild.test", true),
    ] {
        let client = client_of(&authority, &[version], &["http/1.1"], None);
        let mut pair = Pair::new(&strict(&[&one, &wild]), &client, name);
        pair.run();
        if is_known {
            assert!(pair.failure.is_none() && pair.rejections().is_empty(), "{name}");
        } else {
            let alert = rustls::Error::AlertReceived(AlertDescription::UnrecognisedName);
            assert_eq!(pair.failure, Some(alert), "{name}");
            assert_eq!(pair.rejections(), [(Violation::TlsHandshakeFailed, 0)]);
        }
    }
}

#[test]
fn a_request_for_a_host_outside_the_certificate_is_misdirected_where_names_are_strict() {
    let authority = Authority::new();
    let (one, other, wild) = (
        authority.issue("one.test"),
        authority.issue("other.test"),
        authority.issue("*.wild.test"),
    );
    let issued = [&one, &other, &wild];
    let hosts = ["one.test", "ONE.test:81", "other.test", "one.test", "a.wild.test", "127.0.0.1"];
    for version in [&TLS12, &TLS13] {
        let client = client_of(&authority, &[version], &["http/1.1"], None);
        let mut pair = Pair::new(&strict(&issued), &client, "one.test");
        assert_eq!(
            misdirected(&mut pair, &hosts),
            [false, false, true, false, true, true],
            "the other certificates of the address are not those of the connection"
        );
        let mut pair = Pair::new(&strict(&issued), &client, "b.wild.test");
        let found = misdirected(&mut pair, &["a.wild.test", "wild.test", "a.b.wild.test"]);
        assert_eq!(found, [false, true, true]);
        let mut pair = Pair::new(&tls_of(settings(&issued)), &client, "one.test");
        assert_eq!(misdirected(&mut pair, &hosts), [false; 6]);
    }
}

#[test]
fn a_resumed_session_is_for_the_same_names() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one.test"), authority.issue("other.test"));
    let tls = strict(&[&one, &other]);
    for version in [&TLS12, &TLS13] {
        let client = client_of(&authority, &[version], &["http/1.1"], None);
        for is_resumed in [false, true] {
            let mut pair = Pair::new(&tls, &client, "other.test");
            let found = misdirected(&mut pair, &["one.test", "other.test"]);
            assert_eq!((pair.is_resumed(), found), (is_resumed, vec![true, false]));
        }
    }
}

#[test]
fn addresses_are_names_too_and_who_asks_for_none_gets_the_first_certificate() {
    let authority = Authority::new();
    let client = client_of(&authority, &[&TLS13], &["http/1.1"], None);
    for (own, with_port, name) in
        [("127.0.0.1", "127.0.0.1:443", "127.0.0.1"), ("::1", "[0:0::1]:443", "::1")]
    {
        let issued = [&authority.issue(own), &authority.issue("one.test")];
        let mut pair = Pair::new(&strict(&issued), &client, name);
        let found = misdirected(&mut pair, &[with_port, "127.0.0.2", "[::2]", "one.test"]);
        assert_eq!(found, [false, true, true, true]);
    }
}

#[test]
fn a_request_for_nobody_is_misdirected_where_names_are_strict() {
    let authority = Authority::new();
    let client = client_of(&authority, &[&TLS13], &["http/1.1"], None);
    let mut pair = Pair::new(&strict(&[&authority.issue("one.test")]), &client, "one.test");
    pair.say("GET / HTTP/1.0\r\n\r\n");
    let Event::Request { request, .. } = pair.events.remove(0) else { panic!("no request") };
    assert!(pair.connection.is_misdirected(&request));
}

#[test]
fn clients_may_or_must_show_who_they_are() {
    let authority = Authority::new();
    let issued = authority.issue("localhost");
    let own = authority.issue("somebody");
    let stranger = Authority::new().issue("stranger");
    let roots = authority.certificate.pem().into_bytes();
    let demands = [ClientAuth::Optional(roots.clone()), ClientAuth::Required(roots)];
    for (demand, shown, subject, passes) in [
        (&demands[0], None, None, true),
        (&demands[0], Some(&own), Some("somebody"), true),
        (&demands[0], Some(&stranger), None, false),
        (&demands[1], None, None, false),
        (&demands[1], Some(&own), Some("somebody"), true),
        (&demands[1], Some(&stranger), None, false),
    ] {
        for version in [&TLS12, &TLS13] {
            let mut settings = settings(&[&issued]);
            settings.client_auth = demand.clone();
            let client = client_of(&authority, &[version], &["http/1.1"], shown);
            let mut pair = Pair::new(&tls_of(settings), &client, "localhost");
            pair.run();
            let known = pair.connection.peer_certificate();
            if passes {
                pair.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
                assert_eq!(pair.requests().len(), 1);
                assert_eq!(known.is_some(), subject.is_some());
            } else {
                assert_eq!(pair.rejections(), [(Violation::TlsHandshakeFailed, 0)]);
            }
            if let (Some(known), Some(subject)) = (known, subject) {
                assert!(known.subject.contains(&format!("CN={subject}")), "{}", known.subject);
                assert!(known.pem.starts_with("-----BEGIN CERTIFICATE-----"));
            }
        }
    }
}

#[test]
fn certificates_of_clients_expire() {
    let authority = Authority::new();
    let own = authority.issue("somebody");
    let mut settings = settings(&[&authority.issue("localhost")]);
    settings.client_auth = ClientAuth::Required(authority.certificate.pem().into_bytes());
    settings.clock = || SystemTime::now() + Duration::from_secs(10_000 * 365 * 86_400);
    let client = client_of(&authority, &[&TLS13], &["http/1.1"], Some(&own));
    let mut pair = Pair::new(&tls_of(settings), &client, "localhost");
    pair.run();
    assert_eq!(pair.rejections(), [(Violation::TlsHandshakeFailed, 0)]);
}

#[test]
fn a_pair_that_does_not_fit_is_told_apart() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one.test"), authority.issue("other.test"));
    let read = |chain: &str, key: &str| {
        Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err()
    };
    assert_eq!(read(&one.chain, &other.key), CertificateError::OtherKey);
    assert_eq!(read("", &one.key), CertificateError::NoCertificate);
    assert_eq!(read(&one.key, &one.key), CertificateError::NoCertificate);
    assert_eq!(read(&one.chain, ""), CertificateError::NoKey);
    assert_eq!(read(&one.chain, &one.chain), CertificateError::NoKey);
    let encrypted = one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(read(&one.chain, &encrypted), CertificateError::EncryptedKey);
}
