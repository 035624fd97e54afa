//! TLS at the edge: which certificate, which protocol, when it is renewed, and who is sent to it.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use jwks::policy::Require;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{HOST, PATIENCE, World, exchange, secure, status, values};

async fn read(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: String) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn protocol_and_certificate_are_those_that_are_asked_for() {
    let world = World::with(
        |_| {},
        |config| {
            secure::with_tls(config);
            let other = secure::issue(&config.data_dir, "other", &["other.test"]);
            config.certificates.push(other);
        },
    )
    .await;
    let address = world.edge().tls_listen()[0];
    let named = |name: &str| secure::certificate(&world.data_dir.join(format!("{name}.crt")));
    for (protocols, expected) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = secure::connect(address, HOST, protocols, &named("app")).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), expected);
    }
    let other = secure::connect(address, "other.test", &["h2"], &named("other")).await.unwrap();
    assert_eq!(other.get_ref().1.peer_certificates().unwrap()[0], named("other"));
    secure::connect(address, "other.test", &["h2"], &named("app")).await.unwrap_err();
    // The plain listener beside it does not speak TLS.
    secure::connect(world.address(), HOST, &["h2"], &named("app")).await.unwrap_err();
}

#[tokio::test]
async fn a_request_over_tls_is_judged_as_any_other_and_told_to_stay_with_tls() {
    let world = World::with(
        |_| {},
        |config| {
            secure::with_tls(config);
            config.hsts = 1000;
        },
    )
    .await;
    let address = world.edge().tls_listen()[0];
    let certificate = secure::certificate(&world.data_dir.join("app.crt"));
    let token = world.issuer.good();
    for (path, token, expected) in [
        ("/", token.as_str(), 200),
        ("/", "x", 401),
        // The first answer that a browser gets of a site leads away from it.
        ("/.signalbox/sign-in", "x", 302),
        ("/.signalbox/callback", "x", 400),
        ("/.signalbox/jwks.json", "x", 200),
    ] {
        let stream = secure::connect(address, HOST, &["http/1.1"], &certificate).await.unwrap();
        let answer = read(
            stream,
            format!(
                "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            ),
        )
        .await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert_eq!(values(&answer, "strict-transport-security"), ["max-age=1000"]);
    }
    assert_eq!(values(&world.upstream.newest(), "x-forwarded-proto"), ["https"]);
    let plain = world.get_as("/", &token).await;
    assert_eq!(status(&plain), 200);
    assert!(values(&plain, "strict-transport-security").is_empty());
    assert_eq!(values(&world.upstream.newest(), "x-forwarded-proto"), ["http"]);
}

#[tokio::test]
async fn a_certificate_is_renewed_while_requests_come_and_a_broken_one_changes_nothing() {
    let world = World::with(|site| site.policy.require = Require::Public, secure::with_tls).await;
    let address = world.edge().tls_listen()[0];
    let file = world.data_dir.join("app.crt");
    let first = secure::certificate(&file);
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    // It is looked at every second: for longer than that the old one serves.
    let until = tokio::time::Instant::now() + Duration::from_millis(2500);
    while tokio::time::Instant::now() < until {
        secure::connect(address, HOST, &["h2"], &first).await.unwrap();
    }
    secure::issue(&world.data_dir, "app", &[HOST]);
    let second = secure::certificate(&file);
    let renewed =
        async { while secure::connect(address, HOST, &["h2"], &second).await.is_err() {} };
    tokio::time::timeout(PATIENCE, renewed).await.expect("the new certificate is served");
    secure::connect(address, HOST, &["h2"], &first).await.unwrap_err();
}

#[tokio::test]
async fn callers_without_tls_are_sent_to_the_same_address_with_it() {
    let world = World::with(
        |site| {
            site.base_url = "https://app.test:8443".into();
            site.hosts.push("other.test".into());
        },
        |config| config.redirect_listen = vec!["127.0.0.1:0".parse().unwrap()],
    )
    .await;
    let address = world.edge().redirect_listen()[0];
    let ask = async |method: &str, target: &str, host: &str| {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        exchange(address, request.as_bytes()).await
    };
    for (target, host, expected) in [
        ("/a?b=c", "app.test", "https://app.test:8443/a?b=c"),
        ("/%61", "APP.test:80", "https://app.test:8443/a"),
        ("http://other.test/x", "other.test", "https://other.test:8443/x"),
    ] {
        let answer = ask("GET", target, host).await;
        assert_eq!(status(&answer), 308, "{answer}");
        assert_eq!(values(&answer, "location"), [expected]);
    }
    assert_eq!(status(&ask("POST", "/", "app.test").await), 308);
    for (target, host, expected) in [
        ("/", "evil.test", 421),
        ("//evil.test/", "app.test", 400),
        ("/..//evil.test", "app.test", 400),
        ("/\\evil.test", "app.test", 400),
    ] {
        let answer = ask("GET", target, host).await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(values(&answer, "location").is_empty(), "{answer}");
    }
    // With a credential too nothing is served there.
    let token = world.issuer.good();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(status(&exchange(address, request.as_bytes()).await), 308);
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn an_upstream_over_tls_is_believed_by_the_authorities_that_are_named() {
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{
            ServerConfig,
            pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        },
    };
    secure::choose_provider();
    let dir = std::env::temp_dir().join(format!("edge-test-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&dir).unwrap();
    let files = secure::issue(&dir, "upstream", &["localhost"]);
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&files.certificate).unwrap()],
            PrivateKeyDer::from_pem_file(&files.key).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut answer))) = connection.accept().await {
                    let head = http::Response::builder().status(204).body(()).unwrap();
                    answer.send_response(head, true).unwrap();
                }
            });
        }
    });
    let upstreams = vec![format!("https://localhost:{port}")];
    let authority = files.certificate.clone();
    let trusting = World::with(
        |site| site.upstreams = upstreams.clone(),
        |config| config.upstream_ca = Some(authority),
    )
    .await;
    let answer = trusting.get_as("/", &trusting.issuer.good()).await;
    assert_eq!(status(&answer), 204, "{answer}");
    let doubting = World::with_site(|site| site.upstreams = upstreams).await;
    let answer = doubting.get_as("/", &doubting.issuer.good()).await;
    assert!([502, 503].contains(&status(&answer)), "{answer}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_cut_off() {
    let world = World::with(
        |_| {},
        |config| {
            secure::with_tls(config);
            config.limits.head = Duration::from_secs(1);
        },
    )
    .await;
    let address = world.edge().tls_listen()[0];
    let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut half = tokio::net::TcpStream::connect(address).await.unwrap();
    half.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    let certificate = secure::certificate(&world.data_dir.join("app.crt"));
    // The handshake is done, and then no preface comes.
    let mut quiet = secure::connect(address, HOST, &["h2"], &certificate).await.unwrap();
    let mut buffer = Vec::new();
    for stream in [&mut silent, &mut half] {
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut buffer)).await;
        assert!(closed.is_ok(), "closed after a second");
    }
    let closed = tokio::time::timeout(PATIENCE, quiet.read_to_end(&mut buffer)).await;
    assert!(closed.is_ok(), "closed after a second");
}
