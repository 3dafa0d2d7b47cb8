//! Sessions that go on from earlier ones, whichever worker they come to.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyperion_proto::{ClientAuth, TicketSecret, TlsConfig, TlsSettings, Violation};
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};

use crate::support::*;

/// A worker's view of one server at a time.
fn worker(issued: &Issued, tickets: &TicketSecret, clock: fn() -> SystemTime) -> TlsConfig {
    let mut settings = settings(&[issued]);
    settings.tickets = tickets.clone();
    settings.clock = clock;
    tls_of(settings)
}

/// Whether a session with `tls` was resumed. It gets far enough to receive tickets.
fn meets(tls: &TlsConfig, client: &Arc<ClientConfig>) -> bool {
    let mut pair = Pair::new(tls, client, "localhost");
    pair.run().say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    pair.respond(pair.requests()[0], ok("hello")).run();
    assert!(pair.received.ends_with(b"hello"));
    pair.is_resumed()
}

#[test]
fn any_worker_resumes_what_another_began() {
    let authority = Authority::new();
    let issued = authority.issue("localhost");
    for version in [&TLS12, &TLS13] {
        let tickets = TicketSecret::generate().unwrap();
        let client = client_of(&authority, &[version], &["http/1.1"], None);
        assert!(!meets(&worker(&issued, &tickets, SystemTime::now), &client));
        for _ in 0..20 {
            assert!(meets(&worker(&issued, &tickets, SystemTime::now), &client), "{version:?}");
        }
        let other = TicketSecret::generate().unwrap();
        assert!(!meets(&worker(&issued, &other, SystemTime::now), &client), "{version:?}");
    }
}

#[test]
fn keys_of_tickets_grow_old() {
    let authority = Authority::new();
    let issued = authority.issue("localhost");
    let tickets = TicketSecret::generate().unwrap();
    for (clock, resumed) in [
        ((|| SystemTime::now() + Duration::from_secs(6 * 3600)) as fn() -> SystemTime, true),
        (|| SystemTime::now() + Duration::from_secs(12 * 3600), false),
    ] {
        let client = client_of(&authority, &[&TLS12], &["http/1.1"], None);
        assert!(!meets(&worker(&issued, &tickets, SystemTime::now), &client));
        assert_eq!(meets(&worker(&issued, &tickets, clock), &client), resumed);
    }
}

#[test]
fn who_signs_clients_decides_what_is_resumed() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (issued, own) = (authority.issue("localhost"), authority.issue("alice"));
    let tickets = TicketSecret::generate().unwrap();
    let asking = |client_auth: ClientAuth| {
        let tickets = tickets.clone();
        tls_of(TlsSettings { client_auth, tickets, ..settings(&[&issued]) })
    };
    let pem = |one: &Authority| one.certificate.pem().into_bytes();
    let required = || asking(ClientAuth::Required(pem(&authority)));
    for version in [&TLS12, &TLS13] {
        let client = client_of(&authority, &[version], &["http/1.1"], Some(&own));
        assert!(!meets(&required(), &client));
        assert!(meets(&required(), &client), "nothing has changed");
        let others = asking(ClientAuth::Required(pem(&other)));
        let mut pair = Pair::new(&others, &client, "localhost");
        let failed = (Violation::TlsHandshakeFailed, 0);
        assert_eq!(pair.run().rejections(), [failed], "{version:?}");
    }
    let client = client_of(&authority, &[&TLS13], &["http/1.1"], Some(&own));
    assert!(!meets(&asking(ClientAuth::None), &client));
    assert!(!meets(&asking(ClientAuth::Optional(pem(&authority))), &client));
    assert!(!meets(&required(), &client));
}
