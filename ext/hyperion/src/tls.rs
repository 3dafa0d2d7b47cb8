//! `Hyperion::Tls`: the certificates of an address, made before the fork and read again in each process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use hyperion_engine::{ClientCertificates, KeyPair, Tls as Certificates, TlsLoadError, TlsSource};
use magnus::prelude::*;
use magnus::{Error, RArray, RHash, Ruby, TryConvert, TypedData, function, method};

use crate::vm::class;
use crate::vm::error::{self, HYPERION, contain};

/// One per address where TLS is spoken.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Tls", size, free_immediately)]
pub struct Tls {
    certificates: Arc<Certificates>,
}

impl magnus::DataTypeFunctions for Tls {}

impl Tls {
    /// For an engine.
    pub fn shared(&self) -> Arc<Certificates> {
        self.certificates.clone()
    }

    /// `new(settings)`: a Hash with `:certificates` (an Array of Hashes with the paths `:cert` and
    /// `:key`), `:self_signed` (nil or names), `:min_version` ("1.2" or "1.3"), `:strict_sni` (true or
    /// false), `:client_auth` ("none", "optional" or "required") and `:client_ca` (nil or a path).
    fn new(ruby: &Ruby, settings: RHash) -> Result<Self, Error> {
        contain(ruby, || {
            let source = read(ruby, settings)?;
            let certificates = Certificates::load(source).map_err(|cause| failed(ruby, &cause))?;
            Ok(Self { certificates: Arc::new(certificates) })
        })
    }

    /// `reload`: reads the files again; what was read before stays where that fails.
    fn reload(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        contain(ruby, || this.certificates.reload().map_err(|cause| failed(ruby, &cause)))
    }

    /// `stale?`: whether a file has changed since it was last read.
    fn is_stale(&self) -> bool {
        self.certificates.is_stale()
    }

    /// `subjects`: a name of each certificate.
    fn subjects(&self) -> Vec<String> {
        self.certificates.names()
    }

    /// `expires_at`: seconds since 1970 when the first certificate expires.
    fn expires_at(&self) -> Option<f64> {
        let since = self.certificates.expires_at()?.duration_since(UNIX_EPOCH);
        Some(since.map_or(0.0, |since| since.as_secs_f64()))
    }
}

fn read(ruby: &Ruby, settings: RHash) -> Result<TlsSource, Error> {
    let pairs: RArray = fetch(ruby, settings, "certificates")?;
    let pairs = pairs.into_iter().map(|pair| {
        let pair = RHash::try_convert(pair)?;
        let (certificate, key) = (fetch(ruby, pair, "cert")?, fetch(ruby, pair, "key")?);
        Ok(KeyPair { certificate, key })
    });
    let certificates = pairs.collect::<Result<_, Error>>()?;
    let client_auth: String = fetch(ruby, settings, "client_auth")?;
    let roots: Option<PathBuf> = fetch(ruby, settings, "client_ca")?;
    let clients = match (&*client_auth, roots) {
        ("none", _) => ClientCertificates::None,
        ("optional", Some(roots)) => ClientCertificates::Optional(roots),
        ("required", Some(roots)) => ClientCertificates::Required(roots),
        _ => return Err(error::error(ruby, "tls_client_auth needs tls_client_ca")),
    };
    let self_signed: Option<Vec<String>> = fetch(ruby, settings, "self_signed")?;
    let min_version: String = fetch(ruby, settings, "min_version")?;
    let allows_tls12 = min_version == "1.2";
    let strict_sni = fetch(ruby, settings, "strict_sni")?;
    Ok(TlsSource { certificates, self_signed, allows_tls12, strict_sni, clients })
}

fn fetch<T: TryConvert>(ruby: &Ruby, settings: RHash, name: &str) -> Result<T, Error> {
    settings.fetch(ruby.to_symbol(name))
}

fn failed(ruby: &Ruby, cause: &TlsLoadError) -> Error {
    error::error(ruby, cause.to_string())
}

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class = class::define::<Tls>(ruby, ruby.get_inner(&HYPERION), "Tls")?;
    class.define_singleton_method("new", function!(Tls::new, 1))?;
    class.define_method("reload", method!(Tls::reload, 0))?;
    class.define_method("stale?", method!(Tls::is_stale, 0))?;
    class.define_method("subjects", method!(Tls::subjects, 0))?;
    class.define_method("expires_at", method!(Tls::expires_at, 0))
}
