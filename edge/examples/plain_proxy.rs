//! The edge with the check taken out: what measurements compare the edge with.
//!
//! `plain_proxy --listen 127.0.0.1:8001 --upstream 127.0.0.1:3000 [--threads 1]`

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use pingora::{
    modules::http::HttpModules,
    proxy::{ProxyHttp, Session, http_proxy_service},
    server::{RunArgs, Server, configuration::ServerConf},
    upstreams::peer::HttpPeer,
};

struct Plain {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Plain {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut (),
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

fn argument<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::args().skip_while(|argument| argument != name).nth(1)?.parse().ok()
}

fn main() -> Result<(), String> {
    let listen: SocketAddr = argument("--listen").ok_or("--listen IP:PORT is missing")?;
    let upstream = argument("--upstream").ok_or("--upstream IP:PORT is missing")?;
    let conf = || ServerConf {
        threads: argument("--threads").unwrap_or(1),
        work_stealing: false,
        upstream_keepalive_pool_size: 512,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf());
    let mut service = http_proxy_service(&Arc::new(conf()), Plain { upstream });
    service.add_tcp(&listen.to_string());
    server.add_service(service);
    server.run(RunArgs::default());
    Ok(())
}
