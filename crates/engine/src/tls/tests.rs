use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn pair(&self, name: &str) -> KeyPair {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        KeyPair {
            certificate: self.write("cert.pem", &made.cert.pem()),
            key: self.write("key.pem", &made.signing_key.serialize_pem()),
        }
    }
}

fn source(pair: KeyPair) -> TlsSource {
    TlsSource {
        certificates: vec![pair],
        self_signed: None,
        allows_tls12: true,
        strict_sni: false,
        clients: ClientCertificates::None,
    }
}

#[test]
fn files_are_read_again_when_they_change() {
    let folder = Folder::new();
    let tls = Tls::load(source(folder.pair("one.example"))).unwrap();
    assert_eq!(tls.names(), ["one.example"]);
    assert!(!tls.is_stale());
    folder.pair("other.example");
    assert!(tls.is_stale());
    tls.reload().unwrap();
    assert_eq!(tls.names(), ["other.example"]);
    assert!(!tls.is_stale());
}

#[test]
fn what_was_read_stays_when_the_new_is_no_good() {
    let folder = Folder::new();
    let tls = Tls::load(source(folder.pair("one.example"))).unwrap();
    let path = folder.write("cert.pem", "nonsense");
    let error = tls.reload().unwrap_err().to_string();
    assert_eq!(error, format!("{}: no certificate in PEM form in it", path.display()));
    assert_eq!(tls.names(), ["one.example"]);
    assert!(!tls.is_stale(), "a failure is told once per change");
}

#[test]
fn errors_name_the_file_that_is_wrong() {
    let folder = Folder::new();
    let good = folder.pair("one.example");
    let other = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let told = |name: &str, text: &str| {
        let pair = KeyPair { certificate: good.certificate.clone(), key: folder.write(name, text) };
        Tls::load(source(pair)).unwrap_err().to_string()
    };
    let cases = [
        ("other", other.signing_key.serialize_pem(), "does not belong to the certificate"),
        ("empty", String::new(), "no private key"),
        ("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_owned(), "openssl pkey"),
    ];
    for (name, text, phrase) in cases {
        let error = told(name, &text);
        assert!(error.contains(name) && error.contains(phrase), "{error}");
    }
    let none = KeyPair { certificate: "/nowhere/cert.pem".into(), key: good.key };
    let error = Tls::load(source(none)).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/cert.pem: "), "{error}");
}

#[test]
fn a_certificate_for_development_is_made_in_memory() {
    let mut source = source(Folder::new().pair("x"));
    source.certificates.clear();
    assert!(Tls::load(source.clone()).is_err());
    source.self_signed = Some(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let tls = Tls::load(source).unwrap();
    assert_eq!(tls.names(), ["localhost"]);
    assert!(tls.expires_at().unwrap() > SystemTime::now());
}
