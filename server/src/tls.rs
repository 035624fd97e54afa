//! TLS of the server's own listener: one certificate, read anew when its files change.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Why there is no certificate.
#[derive(Debug)]
pub struct TlsProblem {
    /// The setting that names the file.
    pub setting: &'static str,
    /// What is wrong with it; never what it holds.
    pub what: String,
}

/// Reads a certificate with those that vouch for it, and its private key.
///
/// # Errors
/// When a file cannot be read or holds none, or the two do not belong together.
pub fn load(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsProblem> {
    let problem = |setting, file: &Path, what: &dyn fmt::Display| TlsProblem {
        setting,
        what: format!("{}: {what}", file.display()),
    };
    let of_cert = |what: &dyn fmt::Display| problem("server.tls_cert", cert, what);
    let of_key = |what: &dyn fmt::Display| problem("server.tls_key", key, what);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| of_cert(&error))?;
    if chain.is_empty() {
        return Err(of_cert(&"holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| of_key(&error))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map(Arc::new).map_err(|error| of_key(&error))
}

/// The certificate in use.
#[derive(Debug)]
struct Held(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Held {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// What makes TLS connections of plain ones with the certificate in these files, for as long as it
/// lives with the newest they held (RFC 8446; TLS 1.2 and 1.3, HTTP/1.1).
///
/// # Errors
/// As [`load`].
pub fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsProblem> {
    let held = Arc::new(Held(ArcSwap::new(load(cert, key)?)));
    tokio::spawn(follow(held.clone(), cert.to_owned(), key.to_owned()));
    let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(held);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn follow(held: Arc<Held>, cert: PathBuf, key: PathBuf) {
    let mut seen = written(&cert, &key).ok();
    loop {
        sleep(LOOK).await;
        let now = written(&cert, &key).ok();
        if now.is_none() || now == seen {
            continue;
        }
        // A pair that is half replaced does not belong together; the next look finds it whole.
        match load(&cert, &key) {
            Ok(pair) => {
                held.0.store(pair);
                seen = now;
                tracing::info!("the certificate was read anew");
            }
            Err(TlsProblem { setting, what }) => {
                tracing::warn!(setting, what, "the certificate stays the one before");
            }
        }
    }
}

fn written(cert: &Path, key: &Path) -> io::Result<(SystemTime, SystemTime)> {
    Ok((cert.metadata()?.modified()?, key.metadata()?.modified()?))
}
