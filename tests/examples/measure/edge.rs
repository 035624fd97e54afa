//! CPU time of a request at the edge: a bearer seen before, a bearer never seen, and the same
//! proxy with the check taken out, in turn.

use std::{
    path::PathBuf,
    process::{Child, Command},
    sync::Arc,
};

use serde_json::json;
use tests::{command::binary, world::World};

use crate::{
    load::{requests, upstream},
    process::{cpu_micros, resident_mib},
    shown,
};

const ROUNDS: usize = 7;
const REQUESTS: usize = 30_000;
const CONNECTIONS: usize = 16;
const TOKENS: usize = 1_000;
pub const HOST: &str = "measured.localhost";

struct Target {
    name: &'static str,
    pid: u32,
    port: u16,
    figures: Vec<f64>,
}

/// The same proxy with the check taken out, one thread.
pub struct PlainProxy {
    process: Child,
    pub port: u16,
}

impl PlainProxy {
    pub async fn start(upstream: u16) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = std::env::var_os("PLAIN_PROXY")
            .map_or_else(|| binary().with_file_name("examples").join("plain_proxy"), PathBuf::from);
        let process = Command::new(program)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--upstream", &format!("127.0.0.1:{upstream}"), "--threads", "1"])
            .spawn()
            .unwrap();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Self { process, port }
    }
}

impl Drop for PlainProxy {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

pub async fn measure() {
    let upstream = upstream().await;
    let mut hot = world(100_000, upstream).await;
    // A cache far smaller than the tokens in use never knows one.
    let mut cold = world(64, upstream).await;
    let hot_tokens = tokens(&hot).await;
    let cold_tokens = tokens(&cold).await;

    let plain = PlainProxy::start(upstream).await;

    let target = |name, pid, port| Target { name, pid, port, figures: Vec::new() };
    let mut targets = [
        target("the check taken out", plain.process.id(), plain.port),
        target("bearer seen before", hot.edge_node().process().id(), hot.edge().port()),
        target("bearer never seen", cold.edge_node().process().id(), cold.edge().port()),
    ];
    let lists = [hot_tokens.clone(), hot_tokens, cold_tokens];
    for round in 0..=ROUNDS {
        for (target, list) in targets.iter_mut().zip(&lists) {
            let before = cpu_micros(target.pid);
            requests(target.port, HOST, list.clone(), REQUESTS, CONNECTIONS).await;
            // The first round warms up.
            if round > 0 {
                let spent = cpu_micros(target.pid) - before;
                target.figures.push(spent / f64::from(u32::try_from(REQUESTS).unwrap()));
            }
        }
    }
    println!("edge, one thread, {ROUNDS} rounds of {REQUESTS} requests, {TOKENS} tokens (ES256)");
    let base = targets[0].figures.clone();
    for target in &mut targets {
        let mut ratios: Vec<f64> =
            target.figures.iter().zip(&base).map(|(one, base)| one / base * 100.0).collect();
        println!(
            "  {:22} {:>22} us CPU a request   {:>24} % of the first   {:.1} MiB",
            target.name,
            shown(&mut target.figures),
            shown(&mut ratios),
            resident_mib(target.pid),
        );
    }
}

pub async fn world(token_cache: usize, upstream: u16) -> World {
    let plan = World::plan().apart().set("edge.threads", 1).set("edge.token_cache", token_cache);
    let world = plan.start().await;
    let port = world.edge().port();
    world
        .create_site(&json!({
            "site_key": "measured",
            "base_url": format!("http://{HOST}:{port}"),
            "hosts": [HOST],
            "upstreams": [format!("http://127.0.0.1:{upstream}")],
            "policy": { "require": "signed_in" },
        }))
        .await;
    world
}

/// Access tokens of one session, all different.
pub async fn tokens(world: &World) -> Arc<Vec<String>> {
    let person = world.person().await;
    let rail = world.rail();
    let session = world.sign_in_for(&person, "measured").await;
    let mut refresh = session.refresh;
    let mut tokens = vec![session.access];
    while tokens.len() < TOKENS {
        let body = json!({ "refreshToken": refresh, "siteKey": "measured" });
        let data = rail.post("/refresh", body).await.data(200);
        tokens.push(data["accessToken"].as_str().unwrap().to_owned());
        refresh = data["refreshToken"].as_str().unwrap().to_owned();
    }
    Arc::new(tokens)
}
