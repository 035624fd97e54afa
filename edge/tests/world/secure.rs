//! TLS towards an edge: certificates, and callers who speak HTTP/2 or nothing in particular.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use edge::{CertificateFiles, EdgeConfig};
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::HOST;

/// The process's provider of TLS, as its `main` would choose it.
pub fn choose_provider() {
    // Another test may have done so.
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Makes a certificate for `hosts`, called `name`, in `dir`.
pub fn issue(dir: &Path, name: &str, hosts: &[&str]) -> CertificateFiles {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(hosts).unwrap();
    let files = CertificateFiles {
        certificate: dir.join(format!("{name}.crt")),
        key: dir.join(format!("{name}.key")),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

/// Makes an edge listen for TLS, with a certificate for the standard host.
pub fn with_tls(config: &mut EdgeConfig) {
    std::fs::create_dir_all(&config.data_dir).unwrap();
    config.tls_listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.certificates = vec![issue(&config.data_dir, "app", &[HOST])];
}

/// The certificate in the PEM file `path`.
pub fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// TLS with `address`, asking for `name` and one of `protocols`, trusting `certificate` alone.
pub async fn connect(
    address: SocketAddr,
    name: &str,
    protocols: &[&str],
    certificate: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    choose_provider();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// HTTP/2 with the edge.
pub async fn h2(address: SocketAddr, certificate: &CertificateDer<'static>) -> SendRequest<Bytes> {
    let stream = connect(address, HOST, &["h2"], certificate).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.ready().await.unwrap()
}
