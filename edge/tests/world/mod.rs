#![allow(dead_code, clippy::unwrap_used, missing_docs)]
//! An edge with everything around it: a server's feed, an upstream that records what it gets,
//! keys, and a clock in the test's hand.

pub mod secure;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use edge::{EdgeConfig, EdgeHandle, Limits};
use jwks::{
    Algorithm, Time,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims, Audience},
    cutoff::{CutOff, CutOffKind},
    feed::{Change, Entry, Message, Snapshot},
    policy::{Level, Policy, Require},
    signing_key::SigningKey,
    site::Site,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
};
use uuid::Uuid;

pub const ISSUER: &str = "https://issuer.test";
pub const CREDENTIAL: &str = "edge-credential";
pub const HOST: &str = "app.test";
pub const BASE_URL: &str = "https://app.test";

/// Longer than anything here should take, shorter than a test's patience.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A clock that runs with the real one, put forward as the test likes.
#[derive(Clone, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn now(&self) -> Time {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        Time::from_millis(i64::try_from(real).unwrap() + self.0.load(Ordering::SeqCst))
    }

    pub fn go_back(&self, span: Duration) {
        self.0.fetch_sub(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// The server's side of the feed, as far as an edge can see it.
pub struct Feed {
    pub address: SocketAddr,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    refused: watch::Sender<u32>,
    /// What edges asked for, newest last.
    pub asked: Mutex<Vec<String>>,
    pub acked: AtomicU64,
    /// What edges have told of: refusals, oldest first, and keys.
    pub told: Mutex<Vec<jwks::record::Refused>>,
    pub keys: Mutex<Vec<serde_json::Value>>,
    /// What edges are told of API keys that they ask for, and how often they asked.
    pub holders: Mutex<Vec<jwks::api_key::KeyHolder>>,
    pub lookups: AtomicU64,
    /// What edges said of API keys, newest last.
    pub uses: Mutex<Vec<serde_json::Value>>,
}

struct State {
    snapshot: Snapshot,
    entries: Vec<Entry>,
    /// Whether connections are taken at all.
    is_up: bool,
    credential: &'static str,
}

impl Feed {
    async fn start(snapshot: Snapshot) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let feed = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            state: Mutex::new(State {
                snapshot,
                entries: vec![],
                is_up: true,
                credential: CREDENTIAL,
            }),
            changed: watch::Sender::new(0),
            refused: watch::Sender::new(0),
            asked: Mutex::default(),
            acked: AtomicU64::new(0),
            told: Mutex::default(),
            keys: Mutex::default(),
            holders: Mutex::default(),
            lookups: AtomicU64::new(0),
            uses: Mutex::default(),
        });
        let serving = feed.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        feed
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some((head, body)) = read_request(&mut stream).await {
            let (is_up, credential) = {
                let state = self.state.lock().unwrap();
                (state.is_up, state.credential)
            };
            if !is_up {
                if head.starts_with("GET /feed") {
                    self.refused.send_modify(|count| *count += 1);
                }
                return;
            }
            if head.starts_with("POST /token ") {
                // A server that is busy with something else.
                return std::future::pending().await;
            }
            if head.starts_with("POST /revoke ") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
                continue;
            }
            if !head.to_lowercase().contains(&format!("authorization: bearer {credential}\r\n")) {
                let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
                let _ = stream.write_all(refusal).await;
                continue;
            }
            if head.starts_with("POST /feed/ack ") {
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                self.acked.store(body["seq"].as_u64().unwrap(), Ordering::SeqCst);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                continue;
            }
            if head.starts_with("POST /feed/refusals ") {
                let batch: Vec<jwks::record::Refused> = serde_json::from_slice(&body).unwrap();
                self.told.lock().unwrap().extend(batch);
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                continue;
            }
            if head.starts_with("POST /feed/keys ") {
                let keys = {
                    let mut keys = self.keys.lock().unwrap();
                    keys.push(serde_json::from_slice(&body).unwrap());
                    serde_json::json!({ "keys": *keys }).to_string()
                };
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{keys}", keys.len());
                let _ = stream.write_all(answer.as_bytes()).await;
                continue;
            }
            if head.starts_with("POST /feed/key ") {
                self.lookups.fetch_add(1, Ordering::SeqCst);
                let asked: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let key: uuid::Uuid = serde_json::from_value(asked["key"].clone()).unwrap();
                let holders = self.holders.lock().unwrap().clone();
                let found = holders.iter().find(|it| it.keys.iter().any(|record| record.id == key));
                let answer = match found {
                    Some(holder) => {
                        let text = serde_json::to_string(holder).unwrap();
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
                    }
                    None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                continue;
            }
            if head.starts_with("POST /feed/key-uses ") {
                self.uses.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                continue;
            }
            let target = head.split(' ').nth(1).unwrap().to_owned();
            self.asked.lock().unwrap().push(target.clone());
            let _ = self.stream(&mut stream, &target).await;
            return;
        }
    }

    async fn stream(&self, stream: &mut BufReader<TcpStream>, target: &str) -> std::io::Result<()> {
        let answer =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).await?;
        let after = target.split("after=").nth(1).unwrap().split('&').next().unwrap();
        let mut sent: u64 = after.parse().unwrap();
        let mut changed = self.changed.subscribe();
        if !target.contains("epoch=one") {
            let snapshot = self.state.lock().unwrap().snapshot.clone();
            sent = snapshot.seq;
            write_line(stream, &Message::Snapshot(Box::new(snapshot))).await?;
        }
        loop {
            let (entries, is_up) = {
                let state = self.state.lock().unwrap();
                let new = state.entries.iter().filter(|entry| entry.seq > sent).cloned();
                (new.collect::<Vec<_>>(), state.is_up)
            };
            if !is_up {
                return Ok(());
            }
            for entry in entries {
                sent = entry.seq;
                write_line(stream, &Message::Entry(entry)).await?;
            }
            write_line(stream, &Message::Heartbeat { seq: sent, at: Time::from_millis(0) }).await?;
            let _ = tokio::time::timeout(Duration::from_millis(200), changed.changed()).await;
        }
    }

    /// Adds a change; gives its sequence number.
    pub fn push(&self, change: Change) -> u64 {
        let seq = self.newest() + 1;
        self.push_at(seq, change);
        seq
    }

    /// Adds a change at a place of the test's choice.
    pub fn push_at(&self, seq: u64, change: Change) {
        self.state.lock().unwrap().entries.push(Entry { seq, at: Time::from_millis(0), change });
        self.changed.send_modify(|count| *count += 1);
    }

    /// What edges begin with.
    pub fn snapshot(&self) -> Snapshot {
        self.state.lock().unwrap().snapshot.clone()
    }

    /// Takes back changes from `seq` on.
    pub fn forget_from(&self, seq: u64) {
        self.state.lock().unwrap().entries.retain(|entry| entry.seq < seq);
    }

    fn newest(&self) -> u64 {
        let state = self.state.lock().unwrap();
        state.entries.last().map_or(state.snapshot.seq, |entry| entry.seq)
    }

    pub fn end(&self, kind: CutOffKind, id: &str, at: Time) -> u64 {
        let until = at.plus(Duration::from_secs(3600));
        self.push(Change::CutOff(CutOff { kind, id: id.into(), at, until }))
    }

    pub fn set_up(&self, is_up: bool) {
        self.state.lock().unwrap().is_up = is_up;
        self.changed.send_modify(|count| *count += 1);
    }

    /// Goes down, and waits until the edge has noticed: what it had received before no longer
    /// confirms anything.
    pub async fn go_down(&self) {
        let mut refused = self.refused.subscribe();
        self.set_up(false);
        refused.changed().await.unwrap();
    }

    pub fn expect_credential(&self, credential: &'static str) {
        self.state.lock().unwrap().credential = credential;
    }
}

async fn write_line(stream: &mut BufReader<TcpStream>, message: &Message) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message).unwrap();
    line.push(b'\n');
    stream.write_all(&line).await
}

/// A request's head and body; `None` when the caller is gone. Chunked bodies come as they are on
/// the wire.
async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        head.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let lower = head.to_lowercase();
    let mut body = Vec::new();
    if let Some(length) = lower.split("content-length: ").nth(1) {
        body.resize(length.lines().next().unwrap().parse().unwrap(), 0);
        stream.read_exact(&mut body).await.ok()?;
    } else if lower.contains("transfer-encoding: chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            body.push(stream.read_u8().await.ok()?);
        }
    }
    Some((head, body))
}

/// An app behind the edge, which remembers every byte it gets.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Mutex<Vec<(String, Vec<u8>)>>,
    /// Requests for `/slow` are answered when this is notified.
    pub go_on: Notify,
}

impl Upstream {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            seen: Mutex::default(),
            go_on: Notify::new(),
        });
        let serving = upstream.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        upstream
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut start = [0; 7];
        while stream.peek(&mut start).await.is_ok_and(|read| read > 0 && read < start.len()) {
            tokio::task::yield_now().await;
        }
        if &start == b"GET /ws" {
            return echo(stream).await;
        }
        let mut stream = BufReader::new(stream);
        while let Some((head, body)) = read_request(&mut stream).await {
            let target = head.split(' ').nth(1).unwrap().to_owned();
            self.seen.lock().unwrap().push((head, body));
            let answer: &[u8] = match target.as_str() {
                "/sse" => {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
                        .await;
                    self.go_on.notified().await;
                    let _ = stream.write_all(b"data: two\n\n").await;
                    return;
                }
                "/drip" => {
                    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                    let _ = stream.write_all(head).await;
                    while stream.write_all(b"4\r\ndrop\r\n").await.is_ok() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    return;
                }
                "/hang" => {
                    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
                    let _ = stream.write_all(head).await;
                    // Nobody on the way holds so much back.
                    let _ = stream.write_all(&[b'x'; 200_000]).await;
                    self.go_on.notified().await;
                    return;
                }
                "/slow" => {
                    self.go_on.notified().await;
                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"
                }
                "/spoof" => {
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Signalbox-Decision: d_forged\r\n\r\n"
                }
                _ => b"HTTP/1.1 200 OK\r\nServer: app\r\nContent-Length: 2\r\n\r\nok",
            };
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }

    /// Everything of the newest request, as one text.
    pub fn newest(&self) -> String {
        let seen = self.seen.lock().unwrap();
        let (head, body) = seen.last().expect("the upstream was asked");
        format!("{head}{}", String::from_utf8_lossy(body))
    }
}

async fn echo(stream: TcpStream) {
    use futures_util::{SinkExt, StreamExt};
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// The values of one header field in raw text, in order.
pub fn values<'t>(head: &'t str, name: &str) -> Vec<&'t str> {
    head.split("\r\n\r\n")
        .next()
        .unwrap()
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// An edge and its world.
pub struct World {
    edge: Option<EdgeHandle>,
    pub feed: Arc<Feed>,
    pub upstream: Arc<Upstream>,
    pub issuer: Issuer,
    pub clock: Clock,
    pub data_dir: PathBuf,
}

/// The issuer's key and what it puts into tokens.
pub struct Issuer {
    key: SigningKey,
    clock: Clock,
}

impl Issuer {
    /// Claims of a person with a second factor, good at the standard site for an hour.
    pub fn claims(&self) -> AccessClaims {
        let now = self.clock.now();
        AccessClaims {
            iss: ISSUER.into(),
            sub: "user-1".into(),
            aud: Audience::One(BASE_URL.into()),
            exp: now.secs() + 3600,
            iat: now.secs(),
            nbf: None,
            jti: Uuid::now_v7().to_string(),
            client_id: "rail".into(),
            scope: String::new(),
            auth_time: Some(now.secs()),
            acr: Some(Level::TwoFactor.acr().into()),
            amr: vec!["pwd".into(), "otp".into()],
            device_time: None,
            model: None,
            sid: Some("session-1".into()),
            grant_id: None,
            tenant_id: None,
            roles: vec!["staff".into(), "ops".into()],
            email: Some("ann@example.test".into()),
            name: Some("Ann Örn".into()),
            userinfo_claims: String::new(),
        }
    }

    pub fn token(&self, claims: &AccessClaims) -> String {
        self.key.sign(ACCESS_TOKEN_TYPE, claims).unwrap()
    }

    /// A token of [`Issuer::claims`].
    pub fn good(&self) -> String {
        self.token(&self.claims())
    }
}

/// The standard site, before a test changes it.
pub fn site(upstream: SocketAddr) -> Site {
    Site {
        site_key: "app".into(),
        name: "The App".into(),
        base_url: BASE_URL.into(),
        hosts: vec![HOST.into()],
        upstreams: vec![format!("http://{upstream}")],
        status: jwks::site::SiteStatus::Active,
        branding: jwks::site::Branding::default(),
        policy: Policy { require: Require::SignedIn, ..Policy::default() },
        version: 1,
        forwarding: jwks::forwarding::Forwarding::default(),
        forward_credentials: false,
    }
}

impl World {
    pub async fn start() -> Self {
        Self::with_site(|_| {}).await
    }

    pub async fn with_site(change: impl FnOnce(&mut Site)) -> Self {
        Self::with(change, |_| {}).await
    }

    /// A world whose site and edge the test has changed.
    pub async fn with(
        change: impl FnOnce(&mut Site),
        configure: impl FnOnce(&mut EdgeConfig),
    ) -> Self {
        Self::told(change, |_| {}, configure).await
    }

    /// The same, where the test has changed what the edge is told at first, too.
    pub async fn told(
        change: impl FnOnce(&mut Site),
        tell: impl FnOnce(&mut Snapshot),
        configure: impl FnOnce(&mut EdgeConfig),
    ) -> Self {
        let clock = Clock::default();
        let upstream = Upstream::start().await;
        let issuer =
            Issuer { key: SigningKey::generate(Algorithm::ES256).unwrap(), clock: clock.clone() };
        let mut site = site(upstream.address);
        change(&mut site);
        let keys = serde_json::json!({ "keys": [issuer.key.public_jwk()] });
        let mut snapshot = Snapshot {
            seq: 10,
            epoch: "one".into(),
            issuer: ISSUER.into(),
            keys: serde_json::from_value(keys).unwrap(),
            sites: vec![site],
            cut_offs: vec![],
            key_holders: vec![],
            more_keys: false,
        };
        tell(&mut snapshot);
        let feed = Feed::start(snapshot).await;
        let data_dir = std::env::temp_dir().join(format!("edge-test-{}", Uuid::new_v4()));
        let mut config = config(feed.address, &clock, &data_dir);
        configure(&mut config);
        let edge = edge::start(config).unwrap();
        tokio::time::timeout(PATIENCE, edge.ready()).await.expect("the view comes");
        Self { edge: Some(edge), feed, upstream, issuer, clock, data_dir }
    }

    pub fn edge(&self) -> &EdgeHandle {
        self.edge.as_ref().expect("the edge runs")
    }

    pub fn address(&self) -> SocketAddr {
        self.edge().listen()[0]
    }

    /// Shuts the edge down; the rest stays.
    pub async fn stop(mut self) -> Self {
        if let Some(edge) = self.edge.take() {
            edge.shutdown().await;
        }
        self
    }

    /// Another edge with the same server and data folder, in place of the first.
    pub async fn restart(self) -> Self {
        let mut world = self.stop().await;
        world.edge = Some(start_edge(world.feed.address, &world.clock, &world.data_dir));
        world
    }

    /// Sends `request` as it is and reads the answer to its end.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> String {
        exchange(self.address(), request.as_ref()).await
    }

    /// A plain GET with these fields besides `Host` and `Connection: close`.
    pub async fn get(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let fields: String =
            fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.raw(format!(
            "GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Connection: close\r\n\r\n"
        ))
        .await
    }

    /// A GET with a bearer token.
    pub async fn get_as(&self, path: &str, token: &str) -> String {
        self.get(path, &[("Authorization", &format!("Bearer {token}"))]).await
    }

    /// Asks until `wanted` likes the answer.
    pub async fn until(&self, token: &str, wanted: impl Fn(&str) -> bool) -> String {
        let asking = async {
            loop {
                let answer = self.get_as("/", token).await;
                if wanted(&answer) {
                    return answer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the answer changes")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.data_dir);
    }
}

pub fn start_edge(feed: SocketAddr, clock: &Clock, data_dir: &std::path::Path) -> EdgeHandle {
    edge::start(config(feed, clock, data_dir)).unwrap()
}

pub fn config(feed: SocketAddr, clock: &Clock, data_dir: &std::path::Path) -> EdgeConfig {
    let clock = clock.clone();
    EdgeConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        tls_listen: vec![],
        redirect_listen: vec![],
        certificates: vec![],
        hsts: 0,
        upstream_ca: None,
        limits: Limits::default(),
        admin_listen: Some("127.0.0.1:0".parse().unwrap()),
        server_url: format!("http://{feed}").parse().unwrap(),
        credential: CREDENTIAL.into(),
        data_dir: data_dir.to_owned(),
        threads: 1,
        trusted_proxies: vec![],
        token_cache: 100,
        access_log: false,
        clock: Arc::new(move || clock.now()),
        figures: Arc::new(|| "figures 1\n".into()),
    }
}

/// Sends `request` and reads until the connection closes.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let talk = async {
        // An edge that refuses early may close while the rest is still being sent.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("the edge answers and closes")
}

/// The status of a raw answer.
pub fn status(answer: &str) -> u16 {
    answer
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// Waits until `is_so`.
pub async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}
