//! The certificates of the edge's own listeners, chosen by the name that is asked for, and read
//! anew when their files change.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use pingora::listeners::tls::Acceptor;
use rustls::{
    ServerConfig,
    client::verify_server_name,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The PEM files of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a certificate cannot be used: the file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", .path.display())]
pub struct CertificateError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong; never what it holds.
    pub what: String,
}

/// Reads a certificate and its key.
///
/// # Errors
/// A file cannot be read or holds none, or the two do not belong together.
pub fn load(files: &CertificateFiles) -> Result<Arc<CertifiedKey>, CertificateError> {
    let wrong = |path: &Path, what: &dyn std::fmt::Display| CertificateError {
        path: path.to_owned(),
        what: what.to_string(),
    };
    let of_certificate = |what: &dyn std::fmt::Display| wrong(&files.certificate, what);
    let of_key = |what: &dyn std::fmt::Display| wrong(&files.key, what);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| of_certificate(&error))?;
    let Some(own) = chain.first() else {
        return Err(of_certificate(&"holds no certificate"));
    };
    ParsedCertificate::try_from(own).map_err(|error| of_certificate(&error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| of_key(&error))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map(Arc::new).map_err(|error| of_key(&error))
}

/// The certificates in use.
#[derive(Debug)]
pub struct Certificates {
    files: Vec<CertificateFiles>,
    held: ArcSwap<Vec<Arc<CertifiedKey>>>,
    seen: Mutex<Vec<Option<Stamp>>>,
}

/// What tells that a file is another one: when it was written, its length, its number.
type Stamp = [(SystemTime, u64, u64); 2];

impl Certificates {
    /// Reads all of `files`.
    ///
    /// # Errors
    /// [`CertificateError`] for the first that cannot be used.
    pub fn read(files: Vec<CertificateFiles>) -> Result<Self, CertificateError> {
        let seen = files.iter().map(|files| stamp(files).ok()).collect();
        let held = files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { files, held: ArcSwap::from_pointee(held), seen: Mutex::new(seen) })
    }

    /// Reads for ever what changes. What is broken then stays the one before.
    pub async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let this = self.clone();
            // A look that panicked is followed by the next.
            let _ = tokio::task::spawn_blocking(move || this.look()).await;
        }
    }

    /// Reads what has changed since the last look.
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, files) in self.files.iter().enumerate() {
            let Ok(now) = stamp(files) else {
                continue;
            };
            if seen[at] == Some(now) {
                continue;
            }
            // Said once for each change: a pair that is half replaced changes again.
            seen[at] = Some(now);
            let path = files.certificate.display();
            match load(files) {
                Ok(key) => {
                    let mut held = Vec::clone(&self.held.load());
                    held[at] = key;
                    self.held.store(Arc::new(held));
                    tracing::info!(%path, "a certificate was read anew");
                }
                Err(error) => {
                    tracing::warn!(%path, %error, "a certificate stays the one before");
                }
            }
        }
    }

    /// The first certificate that is good for `name`; the first of all where none is, or none is
    /// asked for: the caller is told by the handshake, or by a 421.
    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let held = self.held.load();
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let is_good = |key: &&Arc<CertifiedKey>| {
            let (Some(own), Some(name)) = (key.cert.first(), &name) else {
                return false;
            };
            ParsedCertificate::try_from(own)
                .is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
        };
        held.iter().find(is_good).or_else(|| held.first()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

/// What makes TLS connections of plain ones (TLS 1.2 and 1.3; HTTP/2 and HTTP/1.1).
///
/// # Errors
/// Only where the library of ciphers knows none of TLS.
pub fn acceptor(certificates: Arc<Certificates>) -> Result<Acceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Acceptor::from_server_config(Arc::new(config)))
}

fn stamp(files: &CertificateFiles) -> io::Result<Stamp> {
    let of = |path: &Path| {
        let found = fs::metadata(path)?;
        io::Result::Ok((found.modified()?, found.len(), found.ino()))
    };
    Ok([of(&files.certificate)?, of(&files.key)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new() -> Self {
            let dir = std::env::temp_dir().join(crate::ids::decision_id());
            fs::create_dir(&dir).unwrap();
            Self(dir)
        }

        fn files(&self, name: &str) -> CertificateFiles {
            CertificateFiles {
                certificate: self.0.join(format!("{name}.crt")),
                key: self.0.join(format!("{name}.key")),
            }
        }

        fn issue(&self, name: &str, hosts: &[&str]) -> CertificateFiles {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            let made = rcgen::generate_simple_self_signed(hosts).unwrap();
            let files = self.files(name);
            fs::write(&files.certificate, made.cert.pem()).unwrap();
            fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
            files
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn certificate(key: &Option<Arc<CertifiedKey>>) -> CertificateDer<'static> {
        key.as_ref().unwrap().cert[0].clone()
    }

    #[test]
    fn a_certificate_is_chosen_by_name_and_the_first_serves_the_rest() {
        let dir = Dir::new();
        let files = vec![dir.issue("a", &["a.test", "*.wild.test"]), dir.issue("b", &["b.test"])];
        let all = Certificates::read(files).unwrap();
        let chosen = |name| certificate(&all.choose(name));
        let (a, b) = (chosen(Some("a.test")), chosen(Some("b.test")));
        assert_ne!(a, b);
        assert_eq!(chosen(Some("x.wild.test")), a);
        for other in [Some("x.y.wild.test"), Some("other.test"), Some("not a name"), None] {
            assert_eq!(chosen(other), a, "{other:?}");
        }
    }

    #[test]
    fn what_changes_is_read_anew_and_what_is_broken_changes_nothing() {
        let dir = Dir::new();
        let all = Certificates::read(vec![dir.issue("a", &["a.test"])]).unwrap();
        let chosen = || certificate(&all.choose(None));
        let first = chosen();
        all.look();
        assert_eq!(chosen(), first);
        // Half of a new pair: the certificate without its key.
        let old_key = fs::read(dir.files("a").key).unwrap();
        dir.issue("a", &["a.test"]);
        let new_certificate = fs::read(dir.files("a").certificate).unwrap();
        let new_key = fs::read(dir.files("a").key).unwrap();
        fs::write(dir.files("a").key, old_key).unwrap();
        all.look();
        assert_eq!(chosen(), first);
        fs::write(dir.files("a").certificate, "no certificate").unwrap();
        all.look();
        assert_eq!(chosen(), first);
        fs::remove_file(dir.files("a").certificate).unwrap();
        all.look();
        assert_eq!(chosen(), first);
        // Then the whole pair.
        fs::write(dir.files("a").certificate, new_certificate).unwrap();
        fs::write(dir.files("a").key, new_key).unwrap();
        all.look();
        assert_ne!(chosen(), first);
    }

    #[test]
    fn what_cannot_be_used_is_said_by_file() {
        let dir = Dir::new();
        let (one, other) = (dir.issue("a", &["a.test"]), dir.issue("b", &["b.test"]));
        let mixed = CertificateFiles { certificate: one.certificate.clone(), key: other.key };
        assert_eq!(load(&mixed).unwrap_err().path, mixed.key);
        let absent = dir.files("c");
        assert_eq!(load(&absent).unwrap_err().path, absent.certificate);
        fs::write(&one.certificate, "").unwrap();
        assert_eq!(load(&one).unwrap_err().path, one.certificate);
    }
}
