//! `signalbox edge`.

use std::{path::Path, sync::Arc, time::Duration};

use edge::{CertificateFiles, EdgeConfig, EdgeError, EdgeHandle, Limits};
use jwks::site::Site;
use server::{
    admin::AdminCommand,
    clock::Clock,
    config::{
        Certificate, Config, EdgeLimits,
        check::{self, Part},
    },
    control::Answer,
    data_dir::DataDir,
    figures, local_authority,
    store::embedded::Embedded,
};
use tokio::time::timeout;
use url::Url;

use super::{
    Outcome, data::carry_out, ending::Ending, failure::Failure, local_address, say,
    stores::is_embedded,
};

/// How long requests through the edge may take when it is asked to end.
const EDGE_GRACE: Duration = Duration::from_secs(4);

pub async fn edge_alone(config: Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    let ending = Ending::listen().map_err(Failure::failed)?;
    figures::install().map_err(Failure::failed)?;
    tokio::spawn(figures::keep_up());
    let (Some(server_url), Some(credential)) =
        (config.edge.server_url.clone(), config.edge.credential.clone())
    else {
        return Err(check::judge(&config, Part::Edge).into());
    };
    let edge = start_edge(&config, &data, server_url, credential)?;
    say(format!("edge    {}", local_address(config.edge.listen)))?;
    ending.asked().await;
    end_edge(edge).await;
    Ok(())
}

pub fn start_edge(
    config: &Config,
    data: &DataDir,
    server_url: Url,
    credential: String,
) -> Result<EdgeHandle, Failure> {
    let section = &config.edge;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let clock = Clock::system();
    edge::start(EdgeConfig {
        listen: vec![section.listen],
        tls_listen: section.tls_listen.into_iter().collect(),
        redirect_listen: section.redirect_listen.into_iter().collect(),
        certificates: section.certificates.iter().map(files).collect(),
        hsts: section.hsts,
        upstream_ca: section.upstream_ca.clone(),
        limits: limits(&section.limits),
        admin_listen: section.admin_listen,
        server_url,
        credential,
        data_dir: data.path().to_owned(),
        threads: if section.threads == 0 { cores } else { section.threads },
        trusted_proxies: section.trusted_proxies.clone(),
        token_cache: section.token_cache,
        access_log: section.access_log,
        clock: Arc::new(move || clock.now()),
        figures: Arc::new(figures::render),
    })
    .map_err(|error| {
        let is_listen = matches!(error, EdgeError::Listen { setting: "edge.listen", .. });
        let remedy = if is_listen { " (choose another with --edge-listen)" } else { "" };
        Failure::failed(format!("{error}{remedy}"))
    })
}

/// `signalbox tls local`.
pub async fn issue_locally(config: Config, data: &Path, more: Vec<String>) -> Outcome {
    let data = DataDir::open(data)?;
    let tls_listen = config.edge.tls_listen.unwrap_or_else(|| ([127, 0, 0, 1], 8443).into());
    let described: Vec<String> = config.sites.iter().flat_map(|site| site.hosts.clone()).collect();
    let stored = hosts_of_sites(config, &data).await?;
    let always = ["localhost", "demo.localhost"].map(String::from);
    let mut hosts: Vec<String> = Vec::new();
    for host in described.into_iter().chain(stored).chain(more).chain(always) {
        // An address stands in a certificate without the brackets of a URL.
        let host = host.trim_matches(['[', ']']).to_owned();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let now = Clock::system().now();
    let made =
        local_authority::issue(&data.path().join("tls"), &hosts, now).map_err(Failure::failed)?;
    if made.is_new {
        say("A new authority for this machine. Have browsers and other callers trust it:")?;
    } else {
        say("The authority of this machine:")?;
    }
    say(format!("  {}", made.authority.display()))?;
    say(format!("A certificate for {}. In the settings:", hosts.join(", ")))?;
    say(format!(
        "\n[edge]\ntls_listen = \"{tls_listen}\"\n\n[[edge.certificates]]\ncertificate = {:?}\nkey = {:?}",
        made.certificate, made.key
    ))
}

/// The hosts of the sites that were made before, here or at the running server.
async fn hosts_of_sites(config: Config, data: &DataDir) -> Result<Vec<String>, Failure> {
    // No store is made to look into it.
    if is_embedded(&config) && !Embedded::is_in(data.path()) {
        return Ok(Vec::new());
    }
    match carry_out(config, data, AdminCommand::ListSites).await? {
        Answer::Done(sites) => {
            let sites: Vec<Site> = serde_json::from_value(sites).map_err(Failure::failed)?;
            Ok(sites.into_iter().flat_map(|site| site.hosts).collect())
        }
        Answer::Refused { message, .. } => Err(Failure::Failed(message)),
    }
}

fn files(pair: &Certificate) -> CertificateFiles {
    CertificateFiles { certificate: pair.certificate.clone(), key: pair.key.clone() }
}

fn limits(section: &EdgeLimits) -> Limits {
    Limits {
        head: Duration::from_secs(section.head_timeout),
        idle: Duration::from_secs(section.idle_timeout),
        write: Duration::from_secs(section.write_timeout),
        body_rate: section.body_rate,
        connections: section.connections_per_address,
        streams: section.http2_streams,
        frames: section.http2_frames,
        ..Limits::default()
    }
}

/// Lets requests under way end, within what a process has to end.
pub async fn end_edge(edge: EdgeHandle) {
    drop(timeout(EDGE_GRACE, edge.shutdown()).await);
}
