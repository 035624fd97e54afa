//! The one mint: every token that is signed here, for every surface and grant.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwks::{
    Algorithm, Time,
    claims::{
        ACCESS_TOKEN_TYPE, AccessClaims, Audience, ID_TOKEN_TYPE, IdClaims, LOGOUT_EVENT,
        LOGOUT_TOKEN_TYPE, LogoutClaims,
    },
    signing_key::SigningKey,
    site::Site,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    app::App,
    auth::error::{AuthError, AuthResult},
    clock::new_id,
    domain::{
        client::Client,
        session::{Proof, Session},
        user::User,
    },
    keyring::KeyError,
};

/// How long a logout token may be under way (OpenID Connect Back-Channel Logout 1.0 section 4).
const LOGOUT_TOKEN_TTL: Duration = Duration::from_secs(120);

/// What the tokens of a person are to be made for.
pub struct Grant<'g> {
    /// The person as they are now: roles, name and address are read anew at every mint.
    pub user: &'g User,
    /// The session that the access token belongs to.
    pub session: &'g Session,
    /// What the person had proved when this was granted, and has still.
    pub proof: &'g Proof,
    /// Where the access token will be good; at least one.
    pub audience: Vec<String>,
    /// Who gets them.
    pub holder: Holder<'g>,
}

/// Who gets tokens.
pub enum Holder<'g> {
    /// A JSON surface of this server, by its name. Its ID token is signed with the same key.
    Surface(&'g str),
    /// An OAuth client.
    Client(ClientGrant<'g>),
}

/// What a client was granted.
pub struct ClientGrant<'g> {
    /// The client.
    pub client: &'g Client,
    /// Scopes, space-separated.
    pub scope: &'g str,
    /// Names the grant.
    pub grant_id: Uuid,
    /// What userinfo is to say beyond the scopes: names of claims, space-separated.
    pub userinfo_claims: String,
    /// The ID token, where one is to be made.
    pub id: Option<IdGrant>,
}

/// What an ID token of a client says besides.
pub struct IdGrant {
    /// The session it names: the one whose end the client hears of.
    pub sid: Uuid,
    /// The client's nonce.
    pub nonce: Option<String>,
    /// Claims that were asked for by name.
    pub more: Map<String, Value>,
}

/// What came of it.
#[derive(Clone)]
pub struct Minted {
    /// The access token (RFC 9068).
    pub access_token: String,
    /// The ID token (OpenID Connect Core 1.0 section 2), where there is one.
    pub id_token: Option<String>,
    /// Life of the access token, seconds.
    pub expires_in: u64,
}

/// Mints the tokens of a person at `now`.
///
/// # Errors
/// [`AuthError::Busy`] while no key signs (of the client's registered algorithm, for its ID token),
/// or the keys cannot be read, [`AuthError::Internal`] when signing fails.
pub async fn mint(app: &App, grant: &Grant<'_>, now: Time) -> AuthResult<Minted> {
    let tokens = &app.config.tokens;
    let Grant { user, session, proof, .. } = grant;
    let client = match &grant.holder {
        Holder::Surface(_) => None,
        Holder::Client(granted) => Some(granted),
    };
    let own = |ttl: fn(&Client) -> Option<u64>| client.and_then(|granted| ttl(granted.client));
    // No token outlives its session.
    let left = session.expires_at.since(now);
    let life = |own: Option<u64>, most: u64| lifetime(own, most).min(left);
    let access_life = life(own(|client| client.metadata.access_token_ttl), tokens.access_ttl);
    // A surface of ours shows people to themselves; a client sees what it has scopes for.
    let tells = |scope| client.is_none_or(|granted| has_scope(granted.scope, scope));
    // What resource servers decide by (RFC 9068 section 2.2.3) is for them, and for whoever is told
    // of the person anyway. Not for somebody's app that just signs people in.
    let shows_roles = tells("profile")
        || client.is_some_and(|granted| granted.client.metadata.first_party)
        || grant.audience.iter().any(|place| *place != app.issuer);
    let access = AccessClaims {
        sub: user.id.to_string(),
        client_id: grant.holder.client_id().to_owned(),
        scope: client.map(|granted| granted.scope.to_owned()).unwrap_or_default(),
        auth_time: Some(proof.auth_time.secs()),
        acr: Some(proof.acr.acr().to_owned()),
        amr: proof.amr.clone(),
        device_time: proof.device_at.map(Time::secs),
        model: shown_model(app, grant).await?.map(|model| model.to_string()),
        sid: Some(session.sid.to_string()),
        grant_id: client.map(|granted| granted.grant_id.to_string()),
        tenant_id: shows_roles.then(|| session.tenant_id.clone()),
        roles: if shows_roles { user.roles.clone() } else { Vec::new() },
        email: tells("email").then(|| user.email.clone()),
        name: (tells("profile") && !user.name.is_empty()).then(|| user.name.clone()),
        userinfo_claims: client.map(|granted| granted.userinfo_claims.clone()).unwrap_or_default(),
        ..bare(app, &grant.audience, access_life, now)
    };
    let access_key = app.access_key(now).await.map_err(no_key)?;
    let access_token = sign(&access_key, ACCESS_TOKEN_TYPE, &access)?;
    let (id_key, id_grant) = match &grant.holder {
        Holder::Surface(_) => (access_key, None),
        Holder::Client(granted) => match &granted.id {
            None => return Ok(Minted::of(access_token, None, access_life)),
            Some(id) => {
                let algorithm = granted.client.id_token_algorithm();
                (app.key_of(algorithm, now).await.map_err(no_key)?, Some(id))
            }
        },
    };
    let id_life = life(own(|client| client.metadata.id_token_ttl), tokens.id_ttl);
    let id = IdClaims {
        iss: app.issuer.clone(),
        sub: user.id.to_string(),
        aud: grant.holder.client_id().to_owned(),
        exp: now.plus(id_life).secs(),
        iat: now.secs(),
        auth_time: proof.auth_time.secs(),
        nonce: id_grant.and_then(|id| id.nonce.clone()),
        acr: proof.acr.acr().to_owned(),
        amr: proof.amr.clone(),
        sid: id_grant.map_or(session.sid, |id| id.sid).to_string(),
        at_hash: Some(half_hash(id_key.algorithm(), &access_token)),
        more: id_grant.map(|id| id.more.clone()).unwrap_or_default(),
    };
    let id_token = sign(&id_key, ID_TOKEN_TYPE, &id)?;
    Ok(Minted::of(access_token, Some(id_token), access_life))
}

/// The model of the passkey that was proved, where one of the sites that the token opens lists models:
/// what its edge decides by. Nobody else is told what somebody's passkey is.
async fn shown_model(app: &App, grant: &Grant<'_>) -> AuthResult<Option<Uuid>> {
    let Some(model) = grant.proof.model else { return Ok(None) };
    let names = |place: &str| grant.audience.iter().any(|named| named == place);
    let is_own = matches!(grant.holder, Holder::Surface(_)) && names(&app.issuer);
    let judges = |site: &Site| {
        let opens = names(&site.base_url) || is_own && site.policy.first_party;
        opens && !site.policy.webauthn.models.is_empty()
    };
    Ok(app.identity.list_sites().await?.iter().any(judges).then_some(model))
}

/// Mints the access token of a client that speaks for itself (RFC 6749 section 4.4): its `sub` is
/// the client (RFC 9068 section 2.2), and it knows neither a session nor a level.
///
/// # Errors
/// As [`mint`].
pub async fn mint_for_client(
    app: &App,
    client: &Client,
    scope: &str,
    audience: &[String],
    now: Time,
) -> AuthResult<Minted> {
    let life = lifetime(client.metadata.access_token_ttl, app.config.tokens.access_ttl);
    let access = AccessClaims {
        sub: client.client_id.clone(),
        client_id: client.client_id.clone(),
        scope: scope.to_owned(),
        ..bare(app, audience, life, now)
    };
    let key = app.access_key(now).await.map_err(no_key)?;
    Ok(Minted::of(sign(&key, ACCESS_TOKEN_TYPE, &access)?, None, life))
}

/// Mints a logout token: tells `client` that the session it knows as `sid` of the person `sub` is
/// over (OpenID Connect Back-Channel Logout 1.0 section 2.4).
///
/// # Errors
/// As [`mint`].
pub async fn mint_logout(
    app: &App,
    client: &Client,
    sub: Uuid,
    sid: Uuid,
    now: Time,
) -> AuthResult<String> {
    let claims = LogoutClaims {
        iss: app.issuer.clone(),
        sub: sub.to_string(),
        aud: client.client_id.clone(),
        iat: now.secs(),
        exp: now.plus(LOGOUT_TOKEN_TTL).secs(),
        jti: new_id(now).to_string(),
        events: json!({ LOGOUT_EVENT: {} }),
        sid: sid.to_string(),
    };
    let key = app.key_of(client.id_token_algorithm(), now).await.map_err(no_key)?;
    sign(&key, LOGOUT_TOKEN_TYPE, &claims)
}

/// Signs what userinfo says to `client`, with `iss` and `aud` (OpenID Connect Core 1.0 section
/// 5.3.2).
///
/// # Errors
/// As [`mint`].
pub async fn mint_userinfo(
    app: &App,
    client: &Client,
    algorithm: Algorithm,
    mut claims: Map<String, Value>,
    now: Time,
) -> AuthResult<String> {
    claims.insert("iss".to_owned(), app.issuer.clone().into());
    claims.insert("aud".to_owned(), client.client_id.clone().into());
    let key = app.key_of(algorithm, now).await.map_err(no_key)?;
    sign(&key, ID_TOKEN_TYPE, &claims)
}

/// Waits until there is a key for what `client` will be given: whoever spends something for tokens
/// does not lose it for want of one.
///
/// # Errors
/// As [`mint`].
pub async fn await_keys(app: &App, client: &Client, now: Time) -> AuthResult<()> {
    app.access_key(now).await.map_err(no_key)?;
    app.key_of(client.id_token_algorithm(), now).await.map(drop).map_err(no_key)
}

impl Holder<'_> {
    fn client_id(&self) -> &str {
        match self {
            Self::Surface(name) => name,
            Self::Client(granted) => &granted.client.client_id,
        }
    }
}

impl Minted {
    fn of(access_token: String, id_token: Option<String>, life: Duration) -> Self {
        Self { access_token, id_token, expires_in: life.as_secs() }
    }
}

/// An access token of nobody.
fn bare(app: &App, audience: &[String], life: Duration, now: Time) -> AccessClaims {
    AccessClaims {
        iss: app.issuer.clone(),
        sub: String::new(),
        aud: match audience {
            [one] => Audience::One(one.clone()),
            several => Audience::Many(several.to_vec()),
        },
        exp: now.plus(life).secs(),
        iat: now.secs(),
        nbf: None,
        jti: new_id(now).to_string(),
        client_id: String::new(),
        scope: String::new(),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        device_time: None,
        model: None,
        sid: None,
        grant_id: None,
        tenant_id: None,
        roles: Vec::new(),
        email: None,
        name: None,
        userinfo_claims: String::new(),
    }
}

/// The life of a client's own, seconds, but never longer than the installation's.
#[must_use]
pub fn lifetime(own: Option<u64>, most: u64) -> Duration {
    Duration::from_secs(own.unwrap_or(most).min(most))
}

fn has_scope(scope: &str, wanted: &str) -> bool {
    scope.split(' ').any(|one| one == wanted)
}

fn no_key(error: KeyError) -> AuthError {
    tracing::error!(%error, "no key to sign with");
    AuthError::Busy
}

fn sign<T: Serialize>(key: &SigningKey, typ: &str, claims: &T) -> AuthResult<String> {
    key.sign(typ, claims).map_err(|error| AuthError::Internal(error.to_string()))
}

/// Left half of the digest of a token, base64url, by the hash that goes with the algorithm of the
/// ID token that says it (OpenID Connect Core 1.0 section 3.1.3.6). Ed25519 hashes with SHA-512 (RFC
/// 8032 section 5.1), and so it is understood here too.
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = match algorithm {
        Algorithm::ES256 | Algorithm::RS256 | Algorithm::PS256 => &digest::SHA256,
        Algorithm::EdDSA => &digest::SHA512,
    };
    let digest = digest::digest(hash, token.as_bytes());
    let digest = digest.as_ref();
    URL_SAFE_NO_PAD.encode(&digest[..digest.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_hash_is_the_left_half_of_the_hash_that_goes_with_the_algorithm() {
        // OpenID Connect Core 1.0 appendix A.3: the access token and its at_hash under RS256.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256] {
            assert_eq!(half_hash(algorithm, token), "77QmUPtjPfzWtF2AnpK9RQ");
        }
        // 256 bits.
        assert_eq!(half_hash(Algorithm::EdDSA, token).len(), 43);
    }

    #[test]
    fn a_life_of_a_clients_own_is_never_longer_than_that_of_the_installation() {
        assert_eq!(lifetime(None, 60).as_secs(), 60);
        assert_eq!(lifetime(Some(30), 60).as_secs(), 30);
        assert_eq!(lifetime(Some(90), 60).as_secs(), 60);
    }
}
