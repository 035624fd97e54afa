//! `signalbox up`: everything in one process.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    path::Path,
};

use edge::EdgeHandle;
use server::{
    admin::{self, AdminCommand},
    config::Config,
    data_dir::DataDir,
    demo,
    http::listener,
};
use tokio::net::TcpListener;
use url::Url;

use super::{
    GRACE, Outcome,
    edge::{end_edge, start_edge},
    ending::Ending,
    failure::Failure,
    local_address, say,
    server::Server,
};

pub async fn up(mut config: Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    let ending = Ending::listen().map_err(Failure::failed)?;
    if config.edge.listen.port() == 0 {
        config.edge.listen = free_port(config.edge.listen).map_err(Failure::failed)?;
    }
    say(format!("data    {}", data.path().display()))?;
    let server = Server::start(config, &data, ending.clone()).await?;
    tokio::select! {
        () = ending.clone().asked() => return Ok(()),
        ready = server.become_ready() => ready?,
    }
    let demo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::failed)?;
    let upstream = format!("http://{}", demo.local_addr().map_err(Failure::failed)?);
    let demo =
        tokio::spawn(listener::serve(demo, None, demo::router(), ending.clone().asked(), GRACE));

    let app = &server.app;
    let site = admin::put_demo_site(app, &upstream).await.map_err(Failure::failed)?;
    let section = &app.config.edge;
    let credential = match &section.credential {
        Some(credential) => credential.clone(),
        None => {
            let token = admin::renew_edge(app, "up").await.map_err(Failure::failed)?;
            token.as_str().to_owned()
        }
    };
    let server_url = match &section.server_url {
        Some(url) => url.clone(),
        // Its certificate is for the name that everybody calls it by.
        None if app.config.server.tls_cert.is_some() => app.config.public_url(),
        None => inside_address(app.config.server.listen)?,
    };
    let edge = start_edge(&app.config, &data, server_url, credential)?;
    wait_for(&edge, &ending).await;

    say(format!("server  {}", app.issuer))?;
    say(format!("edge    {}", local_address(section.listen)))?;
    say(format!("demo    {}   (policy: {})", site.base_url, site.policy.require))?;
    if app.captures() {
        say(format!("outbox  {}", app.link("/dev/outbox")))?;
    }
    if let Ok(link) = admin::execute(app, AdminCommand::SetupLink).await {
        let url = link["url"].as_str().unwrap_or_default();
        say(format!("admin   {url}   (valid 30 minutes; again: signalbox admin setup-link)"))?;
    }

    ending.asked().await;
    end_edge(edge).await;
    drop(tokio::join!(server.end(), demo));
    Ok(())
}

/// An address on which nobody listens at this moment.
pub fn free_port(address: SocketAddr) -> io::Result<SocketAddr> {
    StdListener::bind(address)?.local_addr()
}

/// Where a process on this machine reaches a listener.
pub fn inside_address(listen: SocketAddr) -> Result<Url, Failure> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Url::parse(&format!("http://{}", SocketAddr::new(ip, listen.port()))).map_err(Failure::failed)
}

/// Waits until the edge knows its sites as they are now (the demo site has moved since the last
/// run), or the process is asked to end.
pub async fn wait_for(edge: &EdgeHandle, ending: &Ending) {
    tokio::select! {
        () = edge.current() => {}
        () = ending.clone().asked() => {}
    }
}
