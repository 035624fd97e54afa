//! What the server fetches from, or posts to, an address that somebody else named: keys, logos,
//! logout calls (rule 17). Whoever registers a client chooses these addresses, and must not reach
//! through this server what only this server can reach. An address in the settings is the
//! operator's own, and leads wherever the operator says: see [`Outgoing::call`].
//!
//! A name is resolved here, once for each connection; what is not public is struck out, and the
//! connection goes to an address that was left, so that no second answer of the name's server
//! counts. No redirect is followed, and no proxy of the environment asked.

use std::{
    error::Error,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::{
    Certificate, Client, ClientBuilder, RequestBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use tokio::sync::Semaphore;
use url::{Host, Url};

use crate::config::OutgoingSection;

/// How long a call may take, from the name to the last byte.
const TIME: Duration = Duration::from_secs(5);
/// The same for a call to an address of the operator's: whoever is given up after sending may have to
/// be sent the same again.
const NAMED_TIME: Duration = Duration::from_secs(20);
/// The most that is read of an answer.
pub const SIZE: usize = 64 * 1024;
/// How long a connection is kept for the next call.
const IDLE: Duration = Duration::from_secs(10);
/// How many calls may be under way.
const CALLS: usize = 256;

/// Why a call came to nothing. Nothing of the answer is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// It is no address that can be called: not `https`, without a host, or with a password.
    #[error("is not an https address")]
    NotAnAddress,
    /// It leads into a network that is not public and not listed in `outgoing.allow_private`.
    #[error("leads to no public address")]
    NotPublic,
    /// It answered with another status than 200; a redirect is one.
    #[error("answered {0}")]
    Status(u16),
    /// The answer is larger than [`SIZE`].
    #[error("answered more than 64 KiB")]
    TooLarge,
    /// It did not answer in time, or not at all.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
}

/// Makes the calls.
pub struct Outgoing {
    allowed: Arc<[IpNet]>,
    /// Calls by https what is public or allowed.
    secure: Client,
    /// Calls by plain http what is allowed.
    plain: Client,
    /// Calls by https what the operator names, wherever it is.
    named: Client,
    /// Calls by plain http what the operator names on this machine.
    near: Client,
    calls: Semaphore,
}

impl Outgoing {
    /// As the settings say.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(settings: &OutgoingSection) -> Result<Self, String> {
        let mut authorities = Vec::new();
        for file in &settings.extra_ca {
            let read = self::authorities(file);
            authorities.extend(read.map_err(|what| format!("outgoing.extra_ca: {what}"))?);
        }
        let allowed: Arc<[IpNet]> = settings.allow_private.as_slice().into();
        let anywhere: Arc<[IpNet]> =
            [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())].into();
        let loopback: Arc<[IpNet]> = [
            IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8)),
            IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        ]
        .into();
        let client = |allowed: &Arc<[IpNet]>, publicly: bool| {
            client(Judge { allowed: allowed.clone(), publicly })
        };
        let failed = |error: reqwest::Error| format!("outgoing.extra_ca: {}", causes(&error));
        let secure = |allowed: &Arc<[IpNet]>| {
            let secure = || client(allowed, true).https_only(true);
            match secure().tls_certs_merge(authorities.clone()).build() {
                // A system without authorities of its own is no reason not to start.
                Err(error) if authorities.is_empty() => {
                    tracing::warn!(cause = causes(&error), "the system names no authorities");
                    secure().tls_certs_only([]).build()
                }
                built => built,
            }
        };
        let plain = |allowed: &Arc<[IpNet]>| client(allowed, false).tls_certs_only([]).build();
        Ok(Self {
            secure: secure(&allowed).map_err(failed)?,
            plain: plain(&allowed).map_err(failed)?,
            named: secure(&anywhere).map_err(failed)?,
            near: plain(&loopback).map_err(failed)?,
            allowed,
            calls: Semaphore::new(CALLS),
        })
    }

    /// What is at `url`, if it answers 200.
    ///
    /// # Errors
    /// [`OutgoingError`].
    pub async fn get(&self, url: &str) -> Result<Bytes, OutgoingError> {
        let (client, url) = self.admit(url)?;
        self.within(TIME, async {
            let response = send(client.get(url)).await?;
            if response.status() != StatusCode::OK {
                return Err(OutgoingError::Status(response.status().as_u16()));
            }
            read(response).await
        })
        .await
    }

    /// Makes a call to an address that stands in the settings: what is answered, whatever the status.
    /// Nobody but the operator chose it, so it may be in a network of theirs without being listed;
    /// its certificate proves it, and plain http is for this machine alone. As for every other call,
    /// no redirect is followed.
    ///
    /// # Errors
    /// [`OutgoingError`], but for a status.
    pub async fn call(
        &self,
        request: Request<String>,
    ) -> Result<(StatusCode, Bytes), OutgoingError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| OutgoingError::NotAnAddress)?;
        let client = match (url.scheme(), url.host()) {
            ("https", Some(_)) => &self.named,
            ("http", Some(Host::Domain(_))) => &self.near,
            ("http", Some(Host::Ipv4(ip))) if ip.is_loopback() => &self.near,
            ("http", Some(Host::Ipv6(ip))) if ip.is_loopback() => &self.near,
            ("http", Some(_)) => return Err(OutgoingError::NotPublic),
            _ => return Err(OutgoingError::NotAnAddress),
        };
        let request = client.request(parts.method, url).headers(parts.headers).body(body);
        let request = request.timeout(NAMED_TIME);
        self.within(NAMED_TIME, async {
            let response = send(request).await?;
            let status = response.status();
            Ok((status, read(response).await?))
        })
        .await
    }

    /// Posts a form to `url`; what it answered, whatever it is. The body of the answer is not read.
    ///
    /// # Errors
    /// [`OutgoingError`], but for a status.
    pub async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<StatusCode, OutgoingError> {
        let (client, url) = self.admit(url)?;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = client
            .post(url)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        self.within(TIME, async { Ok(send(request).await?.status()) }).await
    }

    /// The client that may call `url`, as far as the address itself says. What it resolves to is
    /// judged by the client.
    fn admit(&self, url: &str) -> Result<(&Client, Url), OutgoingError> {
        let url = Url::parse(url).map_err(|_| OutgoingError::NotAnAddress)?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let (client, publicly) = match url.scheme() {
            "https" => (&self.secure, true),
            "http" => (&self.plain, false),
            _ => return Err(OutgoingError::NotAnAddress),
        };
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err(OutgoingError::NotAnAddress),
        };
        if has_credentials {
            return Err(OutgoingError::NotAnAddress);
        }
        // An address that is written out is connected to without asking the resolver.
        if literal.is_some_and(|ip| !may_call(ip, &self.allowed, publicly)) {
            return Err(OutgoingError::NotPublic);
        }
        Ok((client, url))
    }

    async fn within<T>(
        &self,
        time: Duration,
        call: impl Future<Output = Result<T, OutgoingError>>,
    ) -> Result<T, OutgoingError> {
        let late = || OutgoingError::Unreachable("it took too long".to_owned());
        let call = async {
            // Never closed.
            let _permit = self.calls.acquire().await.map_err(|_| late())?;
            call.await
        };
        tokio::time::timeout(time, call).await.unwrap_or_else(|_| Err(late()))
    }
}

/// The authorities in a PEM file.
///
/// # Errors
/// What is wrong with it.
pub fn authorities(file: &Path) -> Result<Vec<Certificate>, String> {
    let name = file.display();
    let text = fs::read(file).map_err(|error| format!("{name}: {error}"))?;
    match Certificate::from_pem_bundle(&text) {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("{name} holds no certificate")),
        Err(error) => Err(format!("{name}: {}", causes(&error))),
    }
}

fn client(judge: Judge) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .http1_only()
        .timeout(TIME)
        .pool_idle_timeout(IDLE)
        .user_agent("signalbox")
        .dns_resolver(Arc::new(judge))
}

/// The body of an answer.
async fn read(mut response: reqwest::Response) -> Result<Bytes, OutgoingError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > SIZE {
            return Err(OutgoingError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn send(request: RequestBuilder) -> Result<reqwest::Response, OutgoingError> {
    request.send().await.map_err(failure)
}

fn failure(error: reqwest::Error) -> OutgoingError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return OutgoingError::NotPublic;
        }
        cause = error.source();
    }
    OutgoingError::Unreachable(causes(&error.without_url()))
}

/// An error with what caused it: the library's own words are in the last of them.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// None of a name's addresses may be called.
#[derive(Debug, thiserror::Error)]
#[error("no public address")]
struct NotPublic;

/// Resolves names, and leaves of their addresses what may be called.
struct Judge {
    allowed: Arc<[IpNet]>,
    /// Whether public addresses may be.
    publicly: bool,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, publicly) = (self.allowed.clone(), self.publicly);
        Box::pin(async move {
            // The port is the caller's to put in.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let left: Vec<SocketAddr> =
                found.filter(|address| may_call(address.ip(), &allowed, publicly)).collect();
            if left.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(left.into_iter()) as Addrs)
        })
    }
}

fn may_call(ip: IpAddr, allowed: &[IpNet], publicly: bool) -> bool {
    let ip = ip.to_canonical();
    allowed.iter().any(|network| network.contains(&ip)) || publicly && is_public(ip)
}

/// Whether `ip` is one of the internet at large, and of nobody's own network. An IPv6 address that
/// stands for one of IPv4 is judged as that.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// The IANA registry of special addresses (RFC 6890), the multicast and the reserved ones.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !matches!(
        (a, b, c),
        // This network; private; loopback; link-local; multicast and reserved.
        (0 | 10 | 127 | 224.., _, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            // Of providers towards their own customers.
            | (100, 64..=127, _)
            // Protocol assignments; documentation; the relays of 6to4.
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 51, 100)
            | (203, 0, 113)
            // Benchmarks.
            | (198, 18 | 19, _)
    )
}

/// Of IPv6 only 2000::/3 was ever given out (RFC 4291 section 2.4): without what in it is special.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    match segments {
        // NAT64 (RFC 6052): how an IPv6 network reaches the IPv4 address in the last 32 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments, Teredo among them; documentation; 6to4, which holds any IPv4 one.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
