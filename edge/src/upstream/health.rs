//! Asks upstreams from time to time whether they are well.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client, ClientBuilder, header, redirect};
use tokio::{net::TcpStream, time::timeout};

use super::{Pool, Wire, pool::Member};
use crate::holding::Held;

/// How often it is looked which checks are due.
const LOOK: Duration = Duration::from_millis(250);
/// An upstream that is out is asked as often.
const DEAD: Duration = Duration::from_secs(1);

/// Checks the upstreams of all sites that are held.
pub struct Health {
    held: Arc<Held>,
    client: Client,
    h2c: Client,
    origin: Instant,
}

impl Health {
    /// A checker of what `held` holds, which trusts `ca` (PEM) instead of the system's authorities.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(held: Arc<Held>, ca: Option<&[Certificate]>) -> Result<Self, reqwest::Error> {
        let client = || -> ClientBuilder {
            let client = Client::builder()
                .redirect(redirect::Policy::none())
                .no_proxy()
                .pool_max_idle_per_host(0)
                .user_agent("signalbox-health");
            match ca {
                Some(ca) => client.tls_certs_only(ca.iter().cloned()),
                None => client,
            }
        };
        Ok(Self {
            held,
            client: client().build()?,
            h2c: client().http2_prior_knowledge().build()?,
            origin: Instant::now(),
        })
    }

    /// Checks for ever.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let holding = this.held.load_full();
            for pool in holding.iter().flat_map(|holding| holding.pools()) {
                for at in 0..pool.members().len() {
                    if this.is_due(pool, &pool.members()[at]) {
                        tokio::spawn(this.clone().check(pool.clone(), at));
                    }
                }
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether it is time to check `member`; it is then noted as being checked.
    fn is_due(&self, pool: &Pool, member: &Member) -> bool {
        let interval = if member.is_alive() { pool.forwarding.health_interval() } else { DEAD };
        let checked_at = member.checked_at.load(Ordering::Relaxed);
        let since = Duration::from_millis(self.now().saturating_sub(checked_at));
        (checked_at == 0 || since >= interval) && !member.checking.swap(true, Ordering::Relaxed)
    }

    async fn check(self: Arc<Self>, pool: Arc<Pool>, at: usize) {
        let member = &pool.members()[at];
        let patience = pool.forwarding.connect_timeout();
        let is_well = timeout(patience, self.is_well(&pool, member)).await.unwrap_or(false);
        pool.note(at, is_well);
        member.checked_at.store(self.now().max(1), Ordering::Relaxed);
        member.checking.store(false, Ordering::Relaxed);
    }

    async fn is_well(&self, pool: &Pool, member: &Member) -> bool {
        let upstream = &member.upstream;
        let Some(path) = &pool.forwarding.health_path else {
            let Ok(address) = upstream.address().await else {
                return false;
            };
            return TcpStream::connect(address).await.is_ok();
        };
        let (client, scheme) = match upstream.wire {
            Wire::Plain => (&self.client, "http"),
            Wire::Tls => (&self.client, "https"),
            Wire::H2c => (&self.h2c, "http"),
        };
        let url = format!("{scheme}://{}:{}{path}", upstream.name, upstream.port);
        let mut request = client.get(url);
        // Where HTTP/2 may be spoken the host is the authority, and that is the upstream's own.
        if upstream.wire == Wire::Plain {
            request = request.header(header::HOST, pool.host());
        }
        request
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success() || answer.status().is_redirection())
    }
}

/// The certificates in the PEM file `path`.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn read_authorities(path: &Path) -> std::io::Result<Vec<Certificate>> {
    let pem = std::fs::read(path)?;
    let found = Certificate::from_pem_bundle(&pem).map_err(std::io::Error::other)?;
    if found.is_empty() {
        return Err(std::io::Error::other("no certificate in it"));
    }
    Ok(found)
}
