//! A client of TLS, in memory. What it draws for its keys no seed decides: records may differ by a byte between runs.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::sync::Arc;

use hyperion_engine::{ClientCertificates, KeyPair, Listener, Tls, TlsSource};
use hyperion_sim::{PeerId, World};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

const NAME: &str = "sim";

/// What an address speaks, and what clients have to know of it.
pub struct Secure {
    server: Arc<Tls>,
    client: Arc<ClientConfig>,
}

impl Secure {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let [certificate, key] = ["certificate", "key"].map(|name| folder.path().join(name));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let source = TlsSource {
            certificates: vec![KeyPair { certificate, key }],
            self_signed: None,
            allows_tls12: true,
            strict_sni: false,
            clients: ClientCertificates::None,
        };
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { server: Arc::new(Tls::load(source).unwrap()), client: Arc::new(client) }
    }

    /// Has a world listen at an address that speaks it.
    pub fn listen(&self, world: &mut World) -> usize {
        world.listen(Listener::Tls(([127, 0, 0, 1], 9393).into(), self.server.clone()))
    }

    pub fn connect(&self, world: &mut World, listener: usize) -> Session {
        let peer = world.connect_to(listener);
        let session = ClientConnection::new(self.client.clone(), NAME.try_into().unwrap()).unwrap();
        Session { peer, session, seen: 0, received: Vec::new() }
    }
}

/// The client's side of one connection.
pub struct Session {
    pub peer: PeerId,
    session: ClientConnection,
    /// Of what was received, so much was looked at.
    seen: usize,
    /// What the server said.
    pub received: Vec<u8>,
}

impl Session {
    /// Says something, behind the handshake.
    pub fn send(&mut self, world: &mut World, bytes: &[u8]) {
        self.session.writer().write_all(bytes).unwrap();
        self.exchange(world);
    }

    /// Says the end.
    pub fn end(&mut self, world: &mut World) {
        self.session.send_close_notify();
        self.exchange(world);
        world.end(self.peer);
    }

    /// Takes what has come, and says what that leads to. False when nothing moved.
    pub fn exchange(&mut self, world: &mut World) -> bool {
        let received = world.received(self.peer);
        let mut news = &received[self.seen..];
        let moved = !news.is_empty();
        self.seen = received.len();
        while !news.is_empty() {
            self.session.read_tls(&mut news).unwrap();
            self.session.process_new_packets().expect("the server speaks TLS");
            // It fails where more is to come.
            let _ = self.session.reader().read_to_end(&mut self.received);
        }
        let mut output = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut output).unwrap();
        }
        world.send(self.peer, &output);
        moved || !output.is_empty()
    }
}
