use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::UnixTime;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;

use super::certificates::{CertResolver, Certificate, CertificateError, read_chain};
use super::strict_sni::RecordingCertResolver;
use super::tickets::{Clock, TicketSecret, Tickets};

/// How one address speaks TLS.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// The first is for clients that name no other; at least one.
    pub certificates: Vec<Certificate>,
    /// TLS 1.2 is spoken, too.
    pub allows_tls12: bool,
    /// Names that no certificate has are refused: of a handshake, and of requests that name another
    /// host than the certificate that was shown.
    pub strict_sni: bool,
    /// Whether clients have to show a certificate.
    pub client_auth: ClientAuth,
    /// What tickets follow from.
    pub tickets: TicketSecret,
    /// By which tickets and the certificates of clients are dated.
    pub clock: Clock,
}

#[derive(Debug)]
struct Present(Clock);

impl TimeProvider for Present {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch((self.0)().duration_since(UNIX_EPOCH).ok()?))
    }
}

/// Whether clients have to show a certificate; with those who sign them, in PEM.
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They may; what they show must be good.
    Optional(Vec<u8>),
    /// They must.
    Required(Vec<u8>),
}

impl ClientAuth {
    /// All that decides about a client.
    fn rules(&self) -> [&[u8]; 2] {
        match self {
            Self::None => [b"none", b""],
            Self::Optional(roots) => [b"optional", roots],
            Self::Required(roots) => [b"required", roots],
        }
    }
}

/// Why TLS cannot be spoken with these settings.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificates that sign those of clients.
    #[error("the certificates for client authentication: {0}")]
    ClientCa(#[from] CertificateError),
    /// There is no certificate.
    #[error("TLS needs a certificate")]
    NoCertificate,
    /// All else.
    #[error("{0}")]
    Unusable(String),
}

/// [`TlsSettings`] that were found good; shared by all connections of an address.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    server: Arc<ServerConfig>,
    /// Where names are taken strictly.
    strict: Option<Arc<CertResolver>>,
}

impl TlsConfig {
    /// Puts them to use.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(settings: TlsSettings) -> Result<Self, TlsError> {
        let TlsSettings {
            certificates,
            allows_tls12,
            strict_sni,
            client_auth,
            tickets: secret,
            clock,
        } = settings;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let secret = secret.under(&client_auth.rules()).map_err(unusable)?;
        let versions: &[_] = if allows_tls12 { &[&TLS13, &TLS12] } else { &[&TLS13] };
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_details(provider, Arc::new(Present(clock)))
            .with_protocol_versions(versions)
            .map_err(unusable)?;
        let builder = match client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            ClientAuth::Optional(roots) => {
                let verifier = verifier(&roots)?.allow_unauthenticated();
                builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
            }
            ClientAuth::Required(roots) => {
                builder.with_client_cert_verifier(verifier(&roots)?.build().map_err(unusable)?)
            }
        };
        let chooser = Arc::new(CertResolver(certificates));
        let mut server = builder.with_cert_resolver(chooser.clone());
        server.alpn_protocols = [&b"h2"[..], b"http/1.1", b"http/1.0"].map(<[u8]>::to_vec).to_vec();
        server.ticketer = Arc::new(Tickets { secret, clock });
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 2;
        Ok(Self { server: Arc::new(server), strict: strict_sni.then_some(chooser) })
    }

    /// For one connection; with what will know its certificate, where names are taken strictly.
    pub(super) fn server(&self) -> (Arc<ServerConfig>, Option<Arc<RecordingCertResolver>>) {
        let Some(chooser) = &self.strict else { return (self.server.clone(), None) };
        let witness = Arc::new(RecordingCertResolver::new(chooser.clone()));
        let mut server = (*self.server).clone();
        server.cert_resolver = witness.clone();
        (Arc::new(server), Some(witness))
    }
}

fn verifier(roots: &[u8]) -> Result<rustls::server::ClientCertVerifierBuilder, TlsError> {
    let mut store = RootCertStore::empty();
    for root in read_chain(roots)? {
        store.add(root).map_err(unusable)?;
    }
    Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::new(default_provider())))
}

fn unusable(cause: impl std::fmt::Display) -> TlsError {
    TlsError::Unusable(cause.to_string())
}
