//! The server speaks TLS itself, with the certificate that its files hold now.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use reqwest::{Certificate, Client};
use tests::{
    command::binary,
    process::{Process, until},
    smtp::issue,
    world::{free_port, scratch},
};

fn trusting(authority: &Path) -> Client {
    let authority = Certificate::from_pem(&fs::read(authority).unwrap()).unwrap();
    Client::builder().tls_certs_only([authority]).build().unwrap()
}

#[tokio::test]
async fn a_server_with_a_certificate_answers_https_and_nothing_else() {
    let folder = scratch("tls");
    let path = |name: &str| folder.join(name);
    let (authority, cert, key) = (path("authority.pem"), path("cert.pem"), path("key.pem"));
    issue(&authority, &cert, &key);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let port = free_port();
    let args = ["serve", "--listen", &format!("127.0.0.1:{port}")].map(str::to_owned);
    let env = [("TLS_CERT", &cert), ("TLS_KEY", &key)]
        .map(|(name, file)| (format!("SIGNALBOX__SERVER__{name}"), file.display().to_string()));
    let _server = Process::start(&binary(), &args, &env, &folder, &path("log"));
    let client = trusting(&authority);
    let url = format!("https://localhost:{port}/.well-known/openid-configuration");
    let found = until("the server answers", Duration::from_secs(30), async || {
        client.get(&url).send().await.ok()?.json::<serde_json::Value>().await.ok()
    })
    .await;
    assert_eq!(found["issuer"], format!("https://localhost:{port}"));
    let plain = Client::new().get(format!("http://localhost:{port}/health/live")).send().await;
    assert!(plain.is_err());
    drop(fs::remove_dir_all(&folder));
}
