//! The edge of a running system over TLS, with certificates that the command makes.

use std::{fs, path::Path, time::Duration};

use reqwest::{Certificate, Client, Version};
use tests::{
    command::{binary, run},
    process::{Process, until},
    world::{free_port, scratch},
};

fn trusting(authority: &Path, port: u16) -> Client {
    let authority = Certificate::from_pem(&fs::read(authority).unwrap()).unwrap();
    Client::builder()
        .tls_certs_only([authority])
        .resolve("demo.localhost", ([127, 0, 0, 1], port).into())
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_edge_speaks_tls_with_what_the_command_made_and_takes_over_what_it_makes_anew() {
    let folder = scratch("edge-tls");
    let data = folder.join("data");
    let made = |hosts: &[&str]| {
        let mut args = vec!["tls", "local", "--data", data.to_str().unwrap()];
        for host in hosts {
            args.extend(["--host", host]);
        }
        let ran = run(&args, &[], "");
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    };
    let first = made(&[]);
    assert!(first.contains("new authority") && first.contains("demo.localhost"), "{first}");
    assert!(first.contains("[[edge.certificates]]"), "{first}");

    let (listen, plain, tls) = (free_port(), free_port(), free_port());
    let on = |port: u16| format!("127.0.0.1:{port}");
    let file = |name: &str| data.join("tls").join(name);
    let pair =
        format!("[{{ certificate = {:?}, key = {:?} }}]", file("local.crt"), file("local.key"));
    let env = [
        ("SIGNALBOX__EDGE__TLS_LISTEN".to_owned(), format!("{:?}", on(tls))),
        ("SIGNALBOX__EDGE__CERTIFICATES".to_owned(), pair),
        ("SIGNALBOX__EDGE__ADMIN_LISTEN".to_owned(), format!("{:?}", on(free_port()))),
    ];
    let args = [
        "up",
        "--data",
        data.to_str().unwrap(),
        "--listen",
        &on(listen),
        "--edge-listen",
        &on(plain),
    ]
    .map(str::to_owned);
    let _system = Process::start(&binary(), &args, &env, &folder, &folder.join("log"));
    let client = trusting(&file("authority.crt"), tls);
    let answer = until("the edge answers over TLS", Duration::from_secs(60), async || {
        let answer = client.get(format!("https://demo.localhost:{tls}/")).send().await.ok()?;
        (answer.status() == 401).then_some(answer)
    })
    .await;
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert!(answer.headers().contains_key("x-signalbox-decision"));

    // A site that was put behind the running edge is in the next certificate.
    let protect = ["protect", "http://127.0.0.1:1", "--host", "wiki.localhost", "--data"];
    let ran = run(&[&protect[..], &[data.to_str().unwrap()]].concat(), &env, "");
    assert_eq!(ran.json()["open"], format!("https://wiki.localhost:{tls}"), "{ran:?}");
    let again = made(&[]);
    assert!(!again.contains("new authority") && again.contains("wiki.localhost"), "{again}");
    until("the edge takes over the new certificate", Duration::from_secs(20), async || {
        let authority = Certificate::from_pem(&fs::read(file("authority.crt")).unwrap()).unwrap();
        let client = Client::builder()
            .tls_certs_only([authority])
            .resolve("wiki.localhost", ([127, 0, 0, 1], tls).into())
            .build()
            .unwrap();
        let answer = client.get(format!("https://wiki.localhost:{tls}/")).send().await.ok()?;
        (answer.status() == 401).then_some(())
    })
    .await;
    drop(fs::remove_dir_all(&folder));
}

#[tokio::test]
async fn certificates_that_cannot_be_used_keep_the_edge_from_starting() {
    let folder = scratch("edge-tls-wrong");
    let (cert, key) = (folder.join("a.crt"), folder.join("a.key"));
    fs::write(&cert, "none").unwrap();
    fs::write(&key, "none").unwrap();
    let pair = format!("[{{ certificate = {cert:?}, key = {key:?} }}]");
    for (env, setting) in [
        (("SIGNALBOX__EDGE__TLS_LISTEN", "\"127.0.0.1:8443\"".to_owned()), "edge.certificates"),
        (("SIGNALBOX__EDGE__CERTIFICATES", pair), "edge.certificates[0]"),
        (
            ("SIGNALBOX__EDGE__REDIRECT_LISTEN", "\"127.0.0.1:8000\"".to_owned()),
            "edge.redirect_listen",
        ),
    ] {
        let ran = run(&["check-config"], &[(env.0.to_owned(), env.1)], "");
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains(setting), "{ran:?}");
    }
    drop(fs::remove_dir_all(&folder));
}
