//! Who shows which certificate, and what is known of clients.

use std::time::{Duration, SystemTime};

use hyperion_proto::{Certificate, CertificateError, ClientAuth, Violation};
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
            let known = pair.server.peer_certificate();
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
