//! Forward-auth: the edge behind proxies that ask it, by the files of the guide.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod world;

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use jwks::{
    cutoff::CutOffKind,
    policy::{Allow, Require, Rule},
    site::Site,
};
use world::{HOST, PATIENCE, World, exchange, status, values};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/forward-auth");

fn rules(site: &mut Site) {
    site.policy.require = Require::TwoFactor;
    site.policy.rules = vec![
        Rule { prefix: Some("/open".into()), require: Some(Require::Public), ..Rule::default() },
        Rule {
            prefix: Some("/admin".into()),
            allow: Some(Allow { roles: vec!["root".into()], ..Allow::default() }),
            ..Rule::default()
        },
        Rule {
            prefix: Some("/pay".into()),
            methods: vec!["POST".into()],
            require: Some(Require::PhishingResistant),
            max_auth_age: Some(300),
            ..Rule::default()
        },
    ];
}

async fn world() -> World {
    World::with(rules, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await
}

/// What the edge says to a proxy that asks about `method` and `uri` with these fields.
async fn asked(world: &World, method: &str, uri: &str, fields: &[(&str, &str)]) -> String {
    let described = [
        ("X-Forwarded-Method", method),
        ("X-Forwarded-Host", HOST),
        ("X-Forwarded-Uri", uri),
        ("X-Forwarded-For", "198.51.100.7"),
    ];
    world.get("/.signalbox/auth", &[&described, fields].concat()).await
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn a_proxy_is_told_who_the_caller_is_or_why_not() {
    let world = world().await;
    let token = bearer(&world.issuer.good());
    let shown = [("Authorization", token.as_str())];
    let yes = asked(&world, "GET", "/page?x=1", &shown).await;
    assert_eq!(status(&yes), 200, "{yes}");
    for (name, value) in [
        ("x-auth-user", "user-1"),
        ("x-auth-email", "ann@example.test"),
        ("x-auth-roles", "staff,ops"),
        ("x-auth-acr", "urn:signalbox:2fa"),
        ("x-auth-method", "bearer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(values(&yes, name), [value], "{name} in {yes}");
    }
    assert_eq!(values(&yes, "x-auth-assertion")[0].split('.').count(), 3);
    // The path and the method that the proxy names are judged, and not those of its question.
    assert_eq!(status(&asked(&world, "GET", "/admin", &shown).await), 403);
    assert_eq!(status(&asked(&world, "GET", "/pay", &shown).await), 200);
    let weak = asked(&world, "POST", "/pay", &shown).await;
    assert_eq!(status(&weak), 401);
    assert!(values(&weak, "www-authenticate")[0].contains("urn:signalbox:phr"), "{weak}");
    assert_eq!(values(&weak, "location"), [""; 0], "a program signs in otherwise");
    // A browser shows its session instead, and is told where to go on.
    let mut claims = world.issuer.claims();
    claims.client_id = jwks::site_session::CLIENT_ID.into();
    let cookie = format!("a=1; __Host-sb_site={}", world.issuer.token(&claims));
    let session = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "same-origin")];
    let yes = asked(&world, "GET", "/page", &session).await;
    assert_eq!(values(&yes, "x-auth-method"), ["session"], "{yes}");
    let weak = asked(&world, "POST", "/pay", &session).await;
    assert_eq!(status(&weak), 401);
    assert!(values(&weak, "location")[0].contains("acr_values=urn%3Asignalbox%3Aphr&max_age=300"));
    // What another site's page sends is not the person's doing, a WebSocket included.
    let foreign = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(status(&asked(&world, "GET", "/page", &foreign).await), 200);
    assert_eq!(status(&asked(&world, "POST", "/page", &foreign).await), 401);
    let socket = [&foreign[..], &[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]].concat();
    assert_eq!(status(&asked(&world, "GET", "/page", &socket).await), 401);
    let nobody = asked(&world, "GET", "/page?x=1", &[]).await;
    assert_eq!(status(&nobody), 401);
    let sign_in = "https://app.test/.signalbox/sign-in?return=%2Fpage%3Fx%3D1";
    assert_eq!(values(&nobody, "location"), [sign_in]);
    assert_eq!(values(&nobody, "x-signalbox-decision").len(), 1);
    // Nobody is somebody where nobody need be.
    let open = asked(&world, "GET", "/open", &[]).await;
    assert_eq!(status(&open), 200);
    assert!(!open.to_lowercase().contains("x-auth-"), "{open}");
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn the_other_way_to_describe_a_request_is_as_good_and_both_are_none() {
    let world = world().await;
    let token = bearer(&world.issuer.good());
    let original =
        |url| [("X-Original-Method", "GET"), ("X-Original-URL", url), ("Authorization", &token)];
    let ask = async |fields: &[(&str, &str)]| status(&world.get("/.signalbox/auth", fields).await);
    assert_eq!(ask(&original("https://app.test/page")).await, 200);
    assert_eq!(ask(&original("https://app.test/admin")).await, 403);
    let both = asked(&world, "GET", "/admin", &original("https://app.test/open")).await;
    assert_eq!(status(&both), 403);
    assert_eq!(ask(&[("Authorization", &token)]).await, 403);
}

#[tokio::test]
async fn only_a_trusted_proxy_is_told_anything() {
    let world = World::with(rules, |_| {}).await;
    let token = bearer(&world.issuer.good());
    for uri in ["/open", "/page"] {
        let answer = asked(&world, "GET", uri, &[("Authorization", token.as_str())]).await;
        assert_eq!(status(&answer), 403, "{answer}");
        assert!(!answer.to_lowercase().contains("x-auth-"), "{answer}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_a_proxy_is_told_no() {
    let world = world().await;
    let token = bearer(&world.issuer.good());
    let fields = [("Authorization", token.as_str())];
    // 400 and 421 elsewhere: proxies would take them for a failure of their own.
    assert_eq!(status(&asked(&world, "GET", "/a/../open", &fields).await), 403);
    let elsewhere = [
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Host", "other.test"),
        ("X-Forwarded-Uri", "/open"),
        ("Authorization", token.as_str()),
    ];
    assert_eq!(status(&world.get("/.signalbox/auth", &elsewhere).await), 403);
    let posted =
        format!("POST /.signalbox/auth HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&world.raw(posted).await), 403);
}

#[tokio::test]
async fn a_browser_is_redirected_where_the_proxy_asks_for_that() {
    let world = world().await;
    let described =
        [("X-Forwarded-Method", "GET"), ("X-Forwarded-Host", HOST), ("X-Forwarded-Uri", "/page")];
    let page = [&described[..], &[("Accept", "text/html")]].concat();
    assert_eq!(status(&world.get("/.signalbox/auth?redirect", &page).await), 302);
    assert_eq!(status(&world.get("/.signalbox/auth?redirect", &described).await), 401);
    assert_eq!(status(&world.get("/.signalbox/auth", &page).await), 401);
}

// ---- behind real proxies ------------------------------------------------------------------------

/// A proxy that asks the edge of a world, and passes on to its upstream.
struct Proxy {
    process: Child,
    address: SocketAddr,
    dir: PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = places.map(|place| place.join(program)).find(|file| file.is_file());
    if found.is_none() {
        eprintln!("left out: there is no {program} here (tests/run installs it)");
    }
    found
}

/// Starts `program` with the files of the guide, put to the addresses of `world`.
async fn proxy(
    world: &World,
    program: &str,
    files: &[&str],
    args: impl Fn(&Path) -> Vec<String>,
) -> Option<Proxy> {
    let program = find(program)?;
    let dir = std::env::temp_dir().join(format!("forward-auth-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&dir).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for file in files {
        let text = fs::read_to_string(Path::new(GUIDE).join(file)).unwrap();
        let text = text
            .replace("127.0.0.1:8000", &world.address().to_string())
            .replace("127.0.0.1:3000", &world.upstream.address.to_string())
            .replace("http://app.example.com:8080", &format!("http://{HOST}:{}", address.port()))
            .replace("127.0.0.1:8080", &address.to_string())
            .replace("app.example.com", HOST)
            .replace("/run/nginx.pid", dir.join("pid").to_str().unwrap())
            .replace("/etc/haproxy", dir.to_str().unwrap());
        fs::write(dir.join(file), text).unwrap();
    }
    let log = fs::File::create(dir.join("log")).unwrap();
    let process = Command::new(program)
        .args(args(&dir))
        .env("HOME", &dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut proxy = Proxy { process, address, dir };
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        let ended = proxy.process.try_wait().unwrap();
        let said = || fs::read_to_string(proxy.dir.join("log")).unwrap();
        assert!(ended.is_none() && Instant::now() < deadline, "{}", said());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Some(proxy)
}

async fn through(proxy: &Proxy, method: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let fields: String =
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {HOST}:{}\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n",
        proxy.address.port()
    );
    exchange(proxy.address, request.as_bytes()).await
}

/// What holds behind every proxy of the guide.
async fn is_kept(world: &World, proxy: &Proxy) {
    let token = bearer(&world.issuer.good());
    let shown = ("Authorization", token.as_str());
    let spoofed = [
        ("X-Auth-User", "mallory"),
        ("x-auth-user", "mallory"),
        ("X_Auth_User", "mallory"),
        ("X.Auth.User", "mallory"),
        ("X-Auth-Tenant", "mallory"),
        ("X-Auth-Roles", "mallory"),
        ("X-Auth-Assertion", "mallory"),
    ];
    // What the edge says arrives, and what callers claim does not.
    let passed = through(proxy, "GET", "/page?x=1", &[&spoofed[..], &[shown]].concat()).await;
    assert_eq!(status(&passed), 200, "{passed}");
    let seen = world.upstream.newest();
    assert!(seen.starts_with("GET /page?x=1 HTTP/1."), "{seen}");
    assert!(!seen.contains("mallory"), "{seen}");
    assert_eq!(values(&seen, "x-auth-user"), ["user-1"], "{seen}");
    assert_eq!(values(&seen, "x-auth-roles"), ["staff,ops"], "{seen}");
    assert!(values(&seen, "x-auth-tenant").is_empty(), "{seen}");
    assert_eq!(values(&seen, "x-auth-assertion")[0].split('.').count(), 3, "{seen}");
    assert!(values(&seen, "authorization").is_empty(), "{seen}");
    // Nor does it where nobody need be anybody.
    let open = through(proxy, "GET", "/open", &spoofed).await;
    assert_eq!(status(&open), 200, "{open}");
    let seen = world.upstream.newest();
    assert!(seen.starts_with("GET /open ") && !seen.contains("mallory"), "{seen}");
    assert!(!seen.to_lowercase().contains("x-auth"), "{seen}");

    let before = world.upstream.heads().len();
    // Nobody describes another request than the one that is held.
    for claimed in [
        ("X-Forwarded-Uri", "/open"),
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Host", "other.test"),
        ("X-Original-URL", "https://app.test/open"),
        ("X-Original-Method", "GET"),
        ("X-Forwarded-For", "127.0.0.1"),
    ] {
        let denied = through(proxy, "GET", "/admin", &[shown, claimed]).await;
        assert_eq!(status(&denied), 403, "{claimed:?}: {denied}");
        let nobody = through(proxy, "GET", "/page", &[claimed]).await;
        assert!(matches!(status(&nobody), 401 | 403), "{claimed:?}: {nobody}");
    }
    let denied = through(proxy, "GET", "/admin", &[shown]).await;
    assert_eq!(status(&denied), 403);
    assert!(values(&denied, "x-signalbox-decision")[0].starts_with("d_"), "{denied}");
    // Programs are told, browsers are sent.
    let told = through(proxy, "GET", "/page", &[]).await;
    assert_eq!(status(&told), 401, "{told}");
    assert!(values(&told, "www-authenticate")[0].starts_with("Bearer"), "{told}");
    let sent = through(proxy, "GET", "/page", &[("Accept", "text/html")]).await;
    assert_eq!(status(&sent), 302, "{sent}");
    let sign_in = "https://app.test/.signalbox/sign-in?return=%2Fpage";
    assert_eq!(values(&sent, "location"), [sign_in], "{sent}");
    // A stronger proof is asked for where the held request needs one.
    let weak = through(proxy, "POST", "/pay", &[shown]).await;
    assert_eq!(status(&weak), 401, "{weak}");
    assert!(values(&weak, "www-authenticate")[0].contains("urn:signalbox:phr"), "{weak}");
    // What proxies ask is nobody else's to ask, however it is written.
    for written in ["/.signalbox/auth", "/.signalbox/%61uth", "/%2esignalbox/auth"] {
        let claimed = [shown, ("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/page")];
        let inner = through(proxy, "GET", written, &claimed).await;
        assert!(status(&inner) >= 400, "{written}: {inner}");
        assert!(!inner.to_lowercase().contains("x-auth-"), "{written}: {inner}");
    }
    // Nor is a key that opened the site shown to the app.
    let _ = through(proxy, "GET", "/open", &[("X-API-Key", "sbk_x")]).await;
    assert!(!world.upstream.heads().iter().any(|head| head.contains("sbk_x")));
    // An address with two meanings is refused here too.
    assert!(status(&through(proxy, "GET", "/open/..%2fpage", &[]).await) >= 400);
    // An ending ends it.
    let now = world.clock.now();
    world.feed.end(CutOffKind::Session, "session-1", now);
    let ended = async { while status(&through(proxy, "GET", "/page", &[shown]).await) != 401 {} };
    let passed_meanwhile = async {
        tokio::time::timeout(PATIENCE, ended).await.expect("the ending reaches the proxy");
    };
    passed_meanwhile.await;
    let after = world.upstream.heads();
    assert!(after[before..].iter().all(|head| head.starts_with("GET /page ")), "{after:?}");
}

#[tokio::test]
async fn nginx_asks_about_every_request() {
    let world = world().await;
    let args = |dir: &Path| {
        let file = dir.join("nginx.conf").display().to_string();
        let own = ["daemon off; master_process off; error_log stderr;".to_owned()];
        ["-c".to_owned(), file, "-g".to_owned()].into_iter().chain(own).collect()
    };
    let Some(nginx) = proxy(&world, "nginx", &["nginx.conf"], args).await else { return };
    is_kept(&world, &nginx).await;
}

#[tokio::test]
async fn haproxy_asks_about_every_request() {
    let world = world().await;
    let args = |dir: &Path| {
        vec!["-db".to_owned(), "-f".to_owned(), dir.join("haproxy.cfg").display().to_string()]
    };
    let files = ["haproxy.cfg", "signalbox.lua"];
    let Some(haproxy) = proxy(&world, "haproxy", &files, args).await else { return };
    is_kept(&world, &haproxy).await;
}

#[tokio::test]
async fn caddy_asks_about_every_request() {
    let world = world().await;
    let args = |dir: &Path| {
        let file = dir.join("Caddyfile").display().to_string();
        ["run", "--adapter", "caddyfile", "--config", &file].map(str::to_owned).to_vec()
    };
    let Some(caddy) = proxy(&world, "caddy", &["Caddyfile"], args).await else { return };
    is_kept(&world, &caddy).await;
}
