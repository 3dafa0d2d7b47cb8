use std::io::{Read, Write};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyperion_proto::{
    Certificate, ClientAuth, Closing, Config, Connection, Event, Fields, Response, ResponseBody,
    StreamId, TicketSecret, TlsConfig, TlsSettings, Violation,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, SupportedProtocolVersion,
};

use crate::driven::Driven;

/// An authority, and what it signs.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub certificate: rcgen::Certificate,
}

/// A certificate behind the chain to its authority, and its key, both in PEM.
pub struct Issued {
    pub chain: String,
    pub key: String,
    pub der: CertificateDer<'static>,
    pub key_der: Vec<u8>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: rcgen::Issuer::new(params, key), certificate }
    }

    pub fn issue(&self, name: &str) -> Issued {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            chain: certificate.pem() + &self.certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
            key_der: key.serialize_der(),
        }
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        roots
    }
}

/// What a server speaks for one certificate.
pub fn settings(issued: &[&Issued]) -> TlsSettings {
    let read =
        |one: &&Issued| Certificate::from_pem(one.chain.as_bytes(), one.key.as_bytes()).unwrap();
    TlsSettings {
        certificates: issued.iter().map(read).collect(),
        allows_tls12: true,
        strict_sni: false,
        client_auth: ClientAuth::None,
        tickets: TicketSecret::generate().unwrap(),
        clock: SystemTime::now,
    }
}

pub fn tls_of(settings: TlsSettings) -> TlsConfig {
    TlsConfig::new(settings).unwrap()
}

/// A client that believes `authority`, speaks these versions and protocols, and shows `own`.
pub fn client_of(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
    own: Option<&Issued>,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(authority.roots());
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::try_from(own.key_der.clone()).unwrap();
            builder.with_client_auth_cert(vec![own.der.clone()], key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Both ends of a connection.
pub struct Pair {
    driven: Driven,
    pub client: ClientConnection,
    /// What the client has read.
    pub received: Vec<u8>,
    /// Hands over everything byte by byte.
    pub drips: bool,
    pub failure: Option<rustls::Error>,
    /// The client has seen the end of the session.
    pub has_ended: bool,
}

impl Deref for Pair {
    type Target = Driven;

    fn deref(&self) -> &Driven {
        &self.driven
    }
}

impl DerefMut for Pair {
    fn deref_mut(&mut self) -> &mut Driven {
        &mut self.driven
    }
}

impl Pair {
    pub fn new(tls: &TlsConfig, client: &Arc<ClientConfig>, name: &'static str) -> Self {
        let now = Instant::now();
        Self::around(Connection::secure(Arc::new(Config::default()), tls, now), client, name, now)
    }

    pub fn around(
        server: Connection,
        client: &Arc<ClientConfig>,
        name: &'static str,
        now: Instant,
    ) -> Self {
        Self {
            driven: Driven::new(server, now),
            client: ClientConnection::new(client.clone(), name.try_into().unwrap()).unwrap(),
            received: Vec::new(),
            drips: false,
            failure: None,
            has_ended: false,
        }
    }

    /// Lets both talk until neither has anything to say.
    pub fn run(&mut self) -> &mut Self {
        loop {
            let said = self.client_output();
            self.hand_over(&said);
            let heard = self.take_output(u64::MAX);
            self.client_input(&heard);
            if said.is_empty() && heard.is_empty() {
                return self;
            }
        }
    }

    pub fn say(&mut self, plain: impl AsRef<[u8]>) -> &mut Self {
        self.client.writer().write_all(plain.as_ref()).unwrap();
        self.run()
    }

    /// Gives the server bytes as they are.
    pub fn hand_over(&mut self, bytes: &[u8]) {
        match self.drips {
            true => self.receive_by_drips(bytes),
            false => self.receive(bytes),
        }
    }

    pub fn client_output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    pub fn client_input(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.failure.is_none() {
            self.client.read_tls(&mut bytes).unwrap();
            match self.client.process_new_packets() {
                Ok(state) => {
                    let mut plain = vec![0; state.plaintext_bytes_to_read()];
                    self.client.reader().read_exact(&mut plain).unwrap();
                    self.received.extend(plain);
                    self.has_ended |= state.peer_has_closed();
                }
                Err(error) => self.failure = Some(error),
            }
        }
    }

    pub fn pass(&mut self, time: Duration) -> &mut Self {
        self.advance(time);
        self
    }

    pub fn respond(&mut self, id: u32, response: Response) -> &mut Self {
        let now = self.now;
        self.connection.respond(now, StreamId(id), response, "");
        self.poll();
        self
    }

    /// The ids of the requests so far.
    pub fn requests(&self) -> Vec<u32> {
        let id = |event: &Event| match event {
            Event::Request { id, .. } => Some(id.0),
            _ => None,
        };
        self.events.iter().filter_map(id).collect()
    }

    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for event in &self.events {
            if let Event::Data { bytes, .. } = event {
                body.extend_from_slice(bytes);
            }
        }
        body
    }

    /// The ends of responses: whether they were complete.
    pub fn finished(&self) -> Vec<bool> {
        let complete = |event: &Event| match event {
            Event::Finished { complete, .. } => Some(*complete),
            _ => None,
        };
        self.events.iter().filter_map(complete).collect()
    }

    pub fn rejections(&self) -> Vec<(Violation, u16)> {
        let rejection = |event: &Event| match event {
            Event::Rejected { violation, status, .. } => Some((*violation, *status)),
            _ => None,
        };
        self.events.iter().filter_map(rejection).collect()
    }

    pub fn is_closed(&self) -> bool {
        self.connection.closing() == Closing::Close
    }

    /// Whether the session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.client.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// A 200 with this body.
pub fn ok(body: impl Into<bytes::Bytes>) -> Response {
    Response { status: 200, fields: Fields::new(), body: ResponseBody::Full(body.into()) }
}
