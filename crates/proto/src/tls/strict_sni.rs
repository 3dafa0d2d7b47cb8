//! What a connection may be used for, where names are taken strictly: requests for the names of the
//! certificate that was shown on it (RFC 9110, section 7.4).

use std::sync::{Arc, OnceLock};

use rustls::pki_types::{IpAddr, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificates::{CertResolver, is_for};

/// Chooses for one connection and remembers what it chose; nothing for a name that no certificate has.
#[derive(Debug)]
pub(super) struct RecordingCertResolver {
    chooser: Arc<CertResolver>,
    shown: OnceLock<Option<Arc<CertifiedKey>>>,
}

impl RecordingCertResolver {
    pub fn new(chooser: Arc<CertResolver>) -> Self {
        Self { chooser, shown: OnceLock::new() }
    }
}

impl ResolvesServerCert for RecordingCertResolver {
    /// A client that has to say hello again is shown the same.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let choose =
            || self.chooser.knows_name(&hello).then(|| self.chooser.resolve(hello)).flatten();
        self.shown.get_or_init(choose).clone()
    }
}

/// The authorities of one connection.
#[derive(Debug)]
pub(super) struct Authorities {
    witness: Arc<RecordingCertResolver>,
    /// The last one that was found good, since clients ask for the same again and again.
    good: Option<Box<str>>,
}

impl Authorities {
    pub fn new(witness: Arc<RecordingCertResolver>) -> Self {
        Self { witness, good: None }
    }

    /// Whether the client has asked for a name that no certificate has.
    pub fn is_name_unknown(&self) -> bool {
        matches!(self.witness.shown.get(), Some(None))
    }

    /// Whether the certificate is for this authority, as a request names it.
    pub fn includes(&mut self, authority: &str) -> bool {
        if self.good.as_deref() == Some(authority) {
            return true;
        }
        let shown = self.witness.shown.get().and_then(Option::as_ref);
        let is_good =
            shown.zip(host_of(authority)).is_some_and(|(shown, host)| is_for(shown, &host));
        if is_good {
            self.good = Some(authority.into());
        }
        is_good
    }
}

/// The authority without its port.
fn host_of(authority: &str) -> Option<ServerName<'_>> {
    let Some(rest) = authority.strip_prefix('[') else {
        let host = authority.split_once(':').map_or(authority, |(host, _)| host);
        return ServerName::try_from(host).ok();
    };
    let (address, port) = rest.split_once(']')?;
    let is_whole = port.is_empty() || port.starts_with(':');
    let address = ServerName::try_from(address).ok().filter(|_| is_whole)?;
    matches!(address, ServerName::IpAddress(IpAddr::V6(_))).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_no_part_of_a_name() {
        for (authority, host) in [
            ("a.test", "a.test"),
            ("a.test:8443", "a.test"),
            ("a.test:", "a.test"),
            ("10.0.0.1:443", "10.0.0.1"),
            ("[::1]", "::1"),
            ("[::1]:443", "::1"),
        ] {
            assert_eq!(host_of(authority), ServerName::try_from(host).ok(), "{authority}");
            assert!(host_of(authority).is_some(), "{authority}");
        }
    }

    #[test]
    fn what_is_no_authority_has_no_host() {
        for text in [
            "",
            ":443",
            "::1",
            "[::1",
            "[::1]x",
            "[a.test]",
            "[10.0.0.1]",
            "*.test",
            "me@a.test",
            "a b",
        ] {
            assert_eq!(host_of(text), None, "{text}");
        }
    }
}
