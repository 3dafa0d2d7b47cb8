//! The TLS of an address: read from files, and read again when they change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hyperion_proto::{
    Certificate, CertificateError, ClientAuth, TicketSecret, TlsConfig, TlsSettings,
};
use thiserror::Error;

/// Where the TLS of an address is described.
#[derive(Clone, Debug)]
pub struct TlsSource {
    /// Chains and keys, in PEM; the first is for clients that name no other.
    pub certificates: Vec<KeyPair>,
    /// A certificate made in memory for these names and addresses, behind the others.
    pub self_signed: Option<Vec<String>>,
    /// TLS 1.2 is spoken, too.
    pub allows_tls12: bool,
    /// Names that no certificate has are refused, those of requests with 421.
    pub strict_sni: bool,
    /// Whether clients show a certificate.
    pub clients: ClientCertificates,
}

/// The files of one certificate.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The certificate, and those that lead from it to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Whether clients have to show a certificate; with the file of those who sign them.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// They are not asked.
    None,
    /// They may.
    Optional(PathBuf),
    /// They must.
    Required(PathBuf),
}

/// Why TLS cannot be spoken. The text names the file and what helps.
#[derive(Debug, Error)]
pub enum TlsLoadError {
    /// A file that cannot be read.
    #[error("{}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{}: {cause}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: CertificateError,
    },
    /// All else.
    #[error("TLS: {0}")]
    Unusable(String),
}

/// The TLS of one address. It is made before workers are forked, so that their session tickets follow
/// from the same secret; each of them reads the files anew by itself.
#[derive(Debug)]
pub struct Tls {
    source: TlsSource,
    tickets: TicketSecret,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    loaded: Arc<Loaded>,
    /// The files when they were last read.
    versions: Vec<Option<FileVersion>>,
}

#[derive(Debug)]
struct Loaded {
    config: TlsConfig,
    names: Vec<String>,
    expires_at: Option<SystemTime>,
}

#[derive(Debug, Eq, PartialEq)]
struct FileVersion {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsLoadError`].
    pub fn load(source: TlsSource) -> Result<Self, TlsLoadError> {
        let tickets = TicketSecret::generate()
            .map_err(|_| TlsLoadError::Unusable("the system has no randomness".to_owned()))?;
        let versions = source.versions();
        let loaded = Arc::new(source.load(&tickets)?);
        Ok(Self { source, tickets, state: Mutex::new(State { loaded, versions }) })
    }

    /// Reads the files again, for connections to come.
    ///
    /// # Errors
    /// [`TlsLoadError`]; what was read before stays in use then.
    pub fn reload(&self) -> Result<(), TlsLoadError> {
        let versions = self.source.versions();
        let loaded = self.source.load(&self.tickets);
        let mut state = self.lock();
        state.versions = versions;
        state.loaded = Arc::new(loaded?);
        Ok(())
    }

    /// Whether a file has changed since it was last read.
    pub fn is_stale(&self) -> bool {
        self.source.versions() != self.lock().versions
    }

    /// What the certificates are for, one name each.
    pub fn names(&self) -> Vec<String> {
        self.lock().loaded.names.clone()
    }

    /// When the first of the certificates expires.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.lock().loaded.expires_at
    }

    /// Whether clients are asked for a certificate.
    pub fn asks_clients(&self) -> bool {
        !matches!(self.source.clients, ClientCertificates::None)
    }

    /// For one connection.
    pub(crate) fn config(&self) -> TlsConfig {
        self.lock().loaded.config.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TlsSource {
    fn load(&self, tickets: &TicketSecret) -> Result<Loaded, TlsLoadError> {
        let mut certificates =
            self.certificates.iter().map(KeyPair::load).collect::<Result<Vec<_>, _>>()?;
        if let Some(names) = &self.self_signed {
            let made = Certificate::self_signed(names).map_err(unusable)?;
            certificates.push(made);
        }
        let names = certificates.iter().map(Certificate::name).collect();
        let expires_at = certificates.iter().map(Certificate::expires_at).min();
        let client_auth = match &self.clients {
            ClientCertificates::None => ClientAuth::None,
            ClientCertificates::Optional(path) => ClientAuth::Optional(read(path)?),
            ClientCertificates::Required(path) => ClientAuth::Required(read(path)?),
        };
        let settings = TlsSettings {
            certificates,
            allows_tls12: self.allows_tls12,
            strict_sni: self.strict_sni,
            client_auth,
            tickets: tickets.clone(),
            clock: SystemTime::now,
        };
        let config = TlsConfig::new(settings).map_err(unusable)?;
        Ok(Loaded { config, names, expires_at })
    }

    fn versions(&self) -> Vec<Option<FileVersion>> {
        let pairs = self.certificates.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        let roots = match &self.clients {
            ClientCertificates::None => None,
            ClientCertificates::Optional(path) | ClientCertificates::Required(path) => Some(path),
        };
        pairs.chain(roots).map(|path| FileVersion::of(path)).collect()
    }
}

impl KeyPair {
    fn load(&self) -> Result<Certificate, TlsLoadError> {
        let (chain, key) = (read(&self.certificate)?, read(&self.key)?);
        Certificate::from_pem(&chain, &key).map_err(|cause| {
            let path = if cause.is_about_key() { &self.key } else { &self.certificate };
            TlsLoadError::Certificate { path: path.clone(), cause }
        })
    }
}

impl FileVersion {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let modified = (found.mtime(), found.mtime_nsec());
        Some(Self { inode: found.ino(), size: found.size(), modified })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsLoadError> {
    fs::read(path).map_err(|cause| TlsLoadError::Unreadable { path: path.to_owned(), cause })
}

fn unusable(cause: impl std::fmt::Display) -> TlsLoadError {
    TlsLoadError::Unusable(cause.to_string())
}

#[cfg(test)]
mod tests;
