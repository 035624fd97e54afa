//! `X-Auth-Assertion`: what the edge knows of a caller, signed for one site, so that an app need not
//! trust the network between them.
//!
//! The key is the edge's own. It is made at the first start, lies in the data folder and leaves it
//! never; its public half is told to the server, which keeps the set of all edges' keys.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::HeaderValue;
use jwks::{
    Algorithm, Time, decide::Permit, key_set::JwkSet, signing_key::SigningKey, site::Site, who::Who,
};
use serde::Serialize;

use crate::{
    headers::{self, Identity},
    whole_file,
};

/// `typ` of an assertion.
pub const TYPE: &str = "site-assertion+jwt";

const FILE: &str = "assertion-key.der";
/// Signs fast, and every language verifies it without reading ASN.1.
const ALGORITHM: Algorithm = Algorithm::EdDSA;
/// How long an assertion is good.
const LIFE: Duration = Duration::from_secs(60);
/// How long the same one is sent again.
const FRESH: Duration = Duration::from_secs(30);
/// How many are kept for each thread.
const KEPT: usize = 16 * 1024;

/// What an assertion says (RFC 7519 section 4, and the claims of our access tokens).
#[derive(Serialize)]
struct Claims<'c> {
    iss: &'c str,
    aud: &'c str,
    sub: &'c str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<&'c str>,
    roles: Vec<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'static str>,
    amr: Vec<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'c str>,
    method: &'static str,
}

/// Makes assertions.
pub struct Assertions {
    key: SigningKey,
    /// The set that is published, as it is sent.
    published: ArcSwap<Bytes>,
}

/// One that was made, and what for. Holding both keeps their addresses theirs.
struct Made {
    _who: Who,
    _site: Arc<Site>,
    at: Time,
    identity: Identity,
}

thread_local! {
    /// By the addresses of caller and site: a request is served by one thread, so nobody waits.
    static MADE: RefCell<HashMap<(usize, usize), Made>> = RefCell::default();
}

impl Assertions {
    /// With the key in `data_dir`, which is made if there is none.
    ///
    /// # Errors
    /// The key cannot be read, made or kept.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let key = match fs::read(&path) {
            Ok(der) => SigningKey::from_der(ALGORITHM, &der)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path)?,
            Err(error) => return Err(error),
        };
        let own = JwkSet { keys: vec![key.public_jwk().clone()] };
        let published = ArcSwap::from_pointee(Bytes::from(serde_json::to_vec(&own)?));
        Ok(Self { key, published })
    }

    /// The public half of the key (RFC 7517).
    #[must_use]
    pub fn public_jwk(&self) -> serde_json::Value {
        serde_json::to_value(self.key.public_jwk()).unwrap_or_default()
    }

    /// The keys of all edges, as far as they are known here: this one's at least.
    #[must_use]
    pub fn published(&self) -> Bytes {
        Bytes::clone(&self.published.load())
    }

    /// Takes over what the server says they are.
    pub fn publish(&self, mut keys: JwkSet) {
        let own = self.key.public_jwk();
        if !keys.keys.iter().any(|key| key.common.key_id == own.common.key_id) {
            keys.keys.push(own.clone());
        }
        if let Ok(text) = serde_json::to_vec(&keys) {
            self.published.store(Arc::new(text.into()));
        }
    }

    /// What is said to the site of `permit` of its caller, with the assertion as its last field. Where it
    /// cannot be signed it is left out, and an app that asks for it lets nobody in. `None`: nobody signed
    /// in.
    #[must_use]
    pub fn of(&self, issuer: &str, permit: &Permit, now: Time) -> Option<Identity> {
        let (site, who) = (permit.site(), permit.who()?);
        let place = (address(who), Arc::as_ptr(site).addr());
        MADE.with_borrow_mut(|kept| {
            let held = kept.get(&place).filter(|made| made.is_fresh(now));
            if let Some(made) = held {
                return Some(made.identity.clone());
            }
            let identity = headers::identity(who, self.make(issuer, site, who, now));
            if kept.len() >= KEPT {
                kept.retain(|_, made| made.is_fresh(now));
                if kept.len() >= KEPT {
                    kept.clear();
                }
            }
            let (_who, _site) = (who.clone(), site.clone());
            kept.insert(place, Made { _who, _site, at: now, identity: identity.clone() });
            Some(identity)
        })
    }

    fn make(&self, issuer: &str, site: &Site, who: &Who, now: Time) -> Option<HeaderValue> {
        let claims = Claims {
            iss: issuer,
            aud: &site.base_url,
            sub: &who.sub(),
            iat: now.secs(),
            exp: now.plus(LIFE).secs(),
            sid: who.sid(),
            tenant_id: who.tenant_id(),
            roles: who.roles().collect(),
            acr: who.level().map(jwks::policy::Level::acr),
            amr: who.amr().collect(),
            auth_time: who.auth_time().map(Time::secs),
            email: who.email(),
            name: who.name(),
            method: who.method(),
        };
        let signed = self.key.sign(TYPE, &claims);
        signed.ok().and_then(|signed| HeaderValue::try_from(signed).ok())
    }
}

/// Where what is known of a caller lies: another place for everybody.
fn address(who: &Who) -> usize {
    match who {
        Who::Bearer(token) | Who::Session(token) => Arc::as_ptr(token).addr(),
        Who::ApiKey(key) => Arc::as_ptr(key.holder()).addr(),
    }
}

impl Made {
    /// A clock that was put back makes none fresh again for longer.
    fn is_fresh(&self, now: Time) -> bool {
        now >= self.at && now.since(self.at) < FRESH
    }
}

fn make(path: &Path) -> io::Result<SigningKey> {
    let key = SigningKey::generate(ALGORITHM).map_err(io::Error::other)?;
    whole_file::write(path, |file| file.write_all(key.to_der()))?;
    Ok(key)
}
