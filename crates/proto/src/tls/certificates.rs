//! Certificates with their keys, as they are read, chosen and shown.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use x509_cert::Certificate as X509;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, EncodePem};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate with its chain and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    parsed: X509,
}

/// Why a certificate cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CertificateError {
    /// There is none in the text.
    #[error("no certificate in PEM form in it")]
    NoCertificate,
    /// The text is broken.
    #[error("malformed PEM: {0}")]
    MalformedPem(String),
    /// A certificate that cannot be read.
    #[error("malformed certificate: {0}")]
    MalformedCertificate(String),
    /// There is no key in the text.
    #[error("no private key in PEM form in it")]
    NoKey,
    /// The key needs a passphrase.
    #[error(
        "the private key is encrypted; decrypt it first, as by `openssl pkey -in KEY -out NEW`"
    )]
    EncryptedKey,
    /// The key is of a kind that is not supported.
    #[error("the private key cannot be used: {0}")]
    UnusableKey(String),
    /// The key is that of another certificate.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
}

impl Certificate {
    /// Reads a chain, the server's certificate first, and its key, both in PEM.
    ///
    /// # Errors
    /// [`CertificateError::MalformedPem`] and the like; those about the key are told apart by
    /// [`CertificateError::is_about_key`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = read_chain(chain)?;
        let key = read_key(key)?;
        Self::new(chain, key)
    }

    /// Makes one that is signed by itself, for these names or addresses, for development.
    ///
    /// # Errors
    /// [`CertificateError::MalformedCertificate`] when a name cannot be in a certificate.
    pub fn self_signed(names: &[String]) -> Result<Self, CertificateError> {
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|cause| CertificateError::MalformedCertificate(cause.to_string()))?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .map_err(|cause| CertificateError::UnusableKey(cause.to_string()))?;
        Self::new(vec![made.cert.into()], key)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let parsed = parse(first)?;
        let key =
            CertifiedKey::from_der(chain, key, &default_provider()).map_err(
                |cause| match cause {
                    rustls::Error::InconsistentKeys(_) => CertificateError::OtherKey,
                    cause => CertificateError::UnusableKey(cause.to_string()),
                },
            )?;
        Ok(Self { key: Arc::new(key), parsed })
    }

    /// What it is for: its first name, or its subject.
    pub fn name(&self) -> String {
        let names = self.parsed.tbs_certificate.get::<SubjectAltName>();
        let first = names.ok().flatten().and_then(|(_, names)| {
            names.0.iter().find_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.to_string()),
                _ => None,
            })
        });
        first.unwrap_or_else(|| self.parsed.tbs_certificate.subject.to_string())
    }

    /// When it expires.
    pub fn expires_at(&self) -> SystemTime {
        self.parsed.tbs_certificate.validity.not_after.to_system_time()
    }
}

/// Whether the certificate of `key` has this name.
pub(super) fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
}

impl CertificateError {
    /// Whether it is the file of the key that is wrong.
    pub fn is_about_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::EncryptedKey | Self::UnusableKey(_) | Self::OtherKey)
    }
}

/// A certificate that a client has shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientCertificate {
    /// Whose it is, as RFC 4514 writes it.
    pub subject: String,
    /// All of it.
    pub pem: String,
}

impl ClientCertificate {
    /// Reads it; none where it cannot be read, which the handshake has seen to.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let parsed = X509::from_der(der).ok()?;
        let subject = parsed.tbs_certificate.subject.to_string();
        Some(Self { subject, pem: parsed.to_pem(LineEnding::LF).ok()? })
    }
}

pub(super) fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|cause| CertificateError::MalformedPem(cause.to_string()))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    chain.iter().try_for_each(|certificate| parse(certificate).map(drop))?;
    Ok(chain)
}

fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let contains = |text: &[u8]| memchr::memmem::find(pem, text).is_some();
    if contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::EncryptedKey);
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|cause| match cause {
        rustls::pki_types::pem::Error::NoItemsFound => CertificateError::NoKey,
        cause => CertificateError::UnusableKey(cause.to_string()),
    })
}

fn parse(certificate: &CertificateDer<'_>) -> Result<X509, CertificateError> {
    X509::from_der(certificate)
        .map_err(|cause| CertificateError::MalformedCertificate(cause.to_string()))
}

/// Chooses by the name that the client asks for (RFC 6066, section 3) and by the signatures that it
/// understands; the first certificate is for all others.
#[derive(Debug)]
pub(super) struct CertResolver(pub Vec<Certificate>);

impl CertResolver {
    /// Whether a certificate is for the name that the client asks for, if it asks for one.
    pub fn knows_name(&self, hello: &ClientHello<'_>) -> bool {
        let Some(name) = hello.server_name() else { return true };
        ServerName::try_from(name)
            .is_ok_and(|name| self.0.iter().any(|one| is_for(&one.key, &name)))
    }
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let schemes = hello.signature_schemes();
        let usable = |one: &&Certificate| one.key.key.choose_scheme(schemes).is_some();
        let named =
            name.and_then(|name| self.0.iter().filter(usable).find(|one| is_for(&one.key, &name)));
        let chosen = named.or_else(|| self.0.iter().find(usable)).or(self.0.first())?;
        Some(chosen.key.clone())
    }
}
