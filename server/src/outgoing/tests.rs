use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn outgoing(allowed: &[&str]) -> Outgoing {
    let allow_private = allowed.iter().map(|network| network.parse().unwrap()).collect();
    Outgoing::new(&OutgoingSection { extra_ca: Vec::new(), allow_private }).unwrap()
}

#[test]
fn no_network_of_somebodys_own_is_public() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a01:203",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "3fff::1",
        "3fff:fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(ip(address)), "{address}");
    }
}

#[test]
fn what_anybody_can_reach_is_public() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "169.253.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00:1450::1",
        "3fff:1000::1",
    ] {
        assert!(is_public(ip(address)), "{address}");
    }
}

#[tokio::test]
async fn an_address_that_is_written_out_is_judged_as_it_is_meant() {
    let outgoing = outgoing(&[]);
    for url in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "http://8.8.8.8/",
    ] {
        assert_eq!(outgoing.get(url).await, Err(OutgoingError::NotPublic), "{url}");
        assert_eq!(outgoing.post_form(url, &[]).await, Err(OutgoingError::NotPublic), "{url}");
    }
    for url in [
        "",
        "nonsense",
        "ftp://example.com/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "https://user:secret@8.8.8.8/",
        "https://",
        "unix:/run/x.sock",
    ] {
        assert_eq!(outgoing.get(url).await, Err(OutgoingError::NotAnAddress), "{url}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    for scheme in ["https", "http"] {
        let url = format!("{scheme}://localhost:9/");
        assert_eq!(outgoing(&[]).get(&url).await, Err(OutgoingError::NotPublic), "{url}");
        let listed = outgoing(&["10.0.0.0/8"]).get(&url).await;
        assert_eq!(listed, Err(OutgoingError::NotPublic), "{url}");
    }
}

/// Answers every connection with `answer`, and counts them.
async fn answering(answer: impl Into<Vec<u8>>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (answer, count) = (answer.into(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            assert!(read > 0);
            // Whoever has read enough hangs up.
            drop(stream.write_all(&answer).await);
            drop(stream.shutdown().await);
        }
    });
    (port, count)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn what_an_operator_lists_is_fetched_and_by_plain_http_too() {
    let outgoing = outgoing(&["127.0.0.0/8"]);
    let (port, _) = answering(ok("{\"keys\":[]}")).await;
    for host in ["127.0.0.1", "localhost"] {
        let body = outgoing.get(&format!("http://{host}:{port}/jwks")).await.unwrap();
        assert_eq!(body, "{\"keys\":[]}");
    }
    let (port, _) = answering("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{port}/logout");
    let status = outgoing.post_form(&url, &[("logout_token", "a+b&c")]).await;
    assert_eq!(status, Ok(StatusCode::BAD_REQUEST));
    assert_eq!(outgoing.get(&url).await, Err(OutgoingError::Status(400)));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let outgoing = outgoing(&["127.0.0.0/8"]);
    let (target, reached) = answering(ok("secret")).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n"
    );
    let (port, _) = answering(redirect).await;
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(outgoing.get(&url).await, Err(OutgoingError::Status(302)));
    assert_eq!(outgoing.post_form(&url, &[]).await, Ok(StatusCode::FOUND));
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_more_than_64_kib_are_read() {
    let outgoing = outgoing(&["127.0.0.0/8"]);
    let (port, _) = answering(ok(&"a".repeat(SIZE))).await;
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(outgoing.get(&url).await.unwrap().len(), SIZE);
    for head in ["Content-Length: 10000000\r\n", ""] {
        let body = "a".repeat(SIZE + 1);
        let (port, _) = answering(format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")).await;
        let url = format!("http://127.0.0.1:{port}/");
        assert_eq!(outgoing.get(&url).await, Err(OutgoingError::TooLarge), "{head:?}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_given_up_after_five_seconds() {
    let outgoing = outgoing(&["127.0.0.0/8"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let begun = std::time::Instant::now();
    let got = outgoing.get(&url).await;
    assert!(matches!(got, Err(OutgoingError::Unreachable(_))), "{got:?}");
    assert!((4..9).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn an_authority_that_cannot_be_read_is_named() {
    let missing =
        OutgoingSection { extra_ca: vec!["/nowhere/ca.pem".into()], allow_private: Vec::new() };
    let error = Outgoing::new(&missing).err().unwrap();
    assert!(error.starts_with("outgoing.extra_ca: /nowhere/ca.pem"), "{error}");
}

/// Serves `answer` by TLS with a certificate that `authority` signed for localhost.
async fn serving_tls(answer: String) -> (u16, String) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&authority_key).unwrap().pem();
    let authority = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = own.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever does not trust the authority hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    (port, pem)
}

#[tokio::test]
async fn an_authority_of_the_operators_own_is_believed_and_no_other() {
    let (port, authority) = serving_tls(ok("here")).await;
    let url = format!("https://localhost:{port}/");
    let got = outgoing(&["127.0.0.0/8"]).get(&url).await;
    assert!(matches!(got, Err(OutgoingError::Unreachable(_))), "{got:?}");
    let scratch = crate::data_dir::tests::Scratch::new();
    fs::create_dir_all(&scratch.0).unwrap();
    let file = scratch.0.join("ca.pem");
    fs::write(&file, authority).unwrap();
    let own = |allowed: &str| {
        let allow_private = vec![allowed.parse().unwrap()];
        Outgoing::new(&OutgoingSection { extra_ca: vec![file.clone()], allow_private }).unwrap()
    };
    assert_eq!(own("127.0.0.0/8").get(&url).await.unwrap(), "here");
    // Who can show a certificate is not let into a network for it.
    assert_eq!(own("10.0.0.0/8").get(&url).await, Err(OutgoingError::NotPublic));
    // The certificate is for the name.
    let other = own("127.0.0.0/8").get(&format!("https://127.0.0.1:{port}/")).await;
    assert!(matches!(other, Err(OutgoingError::Unreachable(_))), "{other:?}");
}

proptest! {
    #[test]
    fn every_way_to_write_an_ipv4_address_is_judged_alike(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from(bits);
        let public = is_public(v4.into());
        prop_assert_eq!(is_public(v4.to_ipv6_mapped().into()), public);
        let nat64 = Ipv6Addr::from((0x64_ff9b_u128 << 96) | u128::from(bits));
        prop_assert_eq!(is_public(nat64.into()), public);
        // What may stand for anything stands for nothing.
        prop_assert!(!is_public(Ipv6Addr::from(u128::from(bits)).into()));
        let six_to_four = Ipv6Addr::from((0x2002_u128 << 112) | (u128::from(bits) << 80));
        prop_assert!(!is_public(six_to_four.into()));
        // The standard library's own words, where it has them.
        if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
            || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified()
        {
            prop_assert!(!public, "{}", v4);
        }
    }

    #[test]
    fn outside_2000_3_nothing_of_ipv6_is_public(bits in any::<u128>()) {
        let ip = Ipv6Addr::from(bits);
        if is_public(ip.into()) {
            let mapped = ip.to_ipv4_mapped().is_some();
            prop_assert!(mapped || bits >> 125 == 1 || bits >> 32 == 0x64_ff9b_u128 << 64, "{}", ip);
        }
        if ip.is_multicast() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback() {
            prop_assert!(!is_public(ip.into()));
        }
    }

    #[test]
    fn an_allow_list_admits_its_networks_and_no_other(bits in any::<u32>(), len in 8u8..=32) {
        let ip = Ipv4Addr::from(bits);
        let allowed: [IpNet; 1] = ["10.20.0.0/16".parse().unwrap()];
        let inside = bits >> 16 == 0x0a14;
        for one in [IpAddr::V4(ip), IpAddr::V6(ip.to_ipv6_mapped())] {
            prop_assert_eq!(may_call(one, &allowed, false), inside);
            prop_assert_eq!(may_call(one, &allowed, true), inside || is_public(one));
        }
        let own = [IpNet::new(ip.into(), len).unwrap().trunc()];
        prop_assert!(may_call(ip.to_ipv6_mapped().into(), &own, false));
    }
}
