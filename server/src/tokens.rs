//! The one mint: access and ID tokens for every surface and grant.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwks::{
    Algorithm, Time,
    claims::{
        ACCESS_TOKEN_TYPE, AccessClaims, Audience, ID_TOKEN_TYPE, IdClaims, LOGOUT_EVENT,
        LOGOUT_TOKEN_TYPE, LogoutClaims,
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    auth::error::{AuthError, AuthResult},
    clock::new_id,
    domain::{client::Client, session::Session, user::User},
};

/// What tokens are to be made for.
pub struct Grant<'g> {
    /// The person as they are now: roles, name and address are read anew at every mint.
    pub user: &'g User,
    /// The session.
    pub session: &'g Session,
    /// Where the access token will be good.
    pub audience: String,
    /// The surface or client it is issued to.
    pub client_id: &'g str,
    /// Scopes, space-separated.
    pub scope: &'g str,
    /// The client's nonce, for the ID token.
    pub nonce: Option<String>,
    /// What the ID token is signed with, once a key of that algorithm signs.
    pub id_algorithm: Algorithm,
}

/// What came of it.
#[derive(Clone)]
pub struct Minted {
    /// The access token (RFC 9068).
    pub access_token: String,
    /// The ID token (OpenID Connect Core 1.0 section 2).
    pub id_token: String,
    /// Life of the access token, seconds.
    pub expires_in: u64,
}

/// Mints an access and an ID token at `now`.
///
/// # Errors
/// [`AuthError::Busy`] while no key signs, or the keys cannot be read, [`AuthError::Internal`]
/// when signing fails.
pub async fn mint(app: &App, grant: &Grant<'_>, now: Time) -> AuthResult<Minted> {
    let tokens = &app.config.tokens;
    let Grant { user, session, .. } = grant;
    let proof = &session.proof;
    // No token outlives its session.
    let left = session.expires_at.since(now);
    let life = |ttl: u64| Duration::from_secs(ttl).min(left);
    let access_life = life(tokens.access_ttl);
    let access = AccessClaims {
        iss: app.issuer.clone(),
        sub: user.id.to_string(),
        aud: Audience::One(grant.audience.clone()),
        exp: now.plus(access_life).secs(),
        iat: now.secs(),
        nbf: None,
        jti: new_id(now).to_string(),
        client_id: grant.client_id.to_owned(),
        scope: grant.scope.to_owned(),
        auth_time: Some(proof.auth_time.secs()),
        acr: Some(proof.acr.acr().to_owned()),
        amr: proof.amr.clone(),
        device_time: proof.device_at.map(Time::secs),
        sid: Some(session.sid.to_string()),
        grant_id: None,
        tenant_id: Some(session.tenant_id.clone()),
        roles: user.roles.clone(),
        email: Some(user.email.clone()),
        name: (!user.name.is_empty()).then(|| user.name.clone()),
        userinfo_claims: String::new(),
    };
    let access_token = sign(app, tokens.algorithm, ACCESS_TOKEN_TYPE, &access, now).await?;
    let id = IdClaims {
        iss: app.issuer.clone(),
        sub: user.id.to_string(),
        aud: grant.client_id.to_owned(),
        exp: now.plus(life(tokens.id_ttl)).secs(),
        iat: now.secs(),
        auth_time: proof.auth_time.secs(),
        nonce: grant.nonce.clone(),
        acr: proof.acr.acr().to_owned(),
        amr: proof.amr.clone(),
        sid: session.sid.to_string(),
        at_hash: Some(at_hash(&access_token)),
        more: serde_json::Map::new(),
    };
    let id_token = sign(app, grant.id_algorithm, ID_TOKEN_TYPE, &id, now).await?;
    Ok(Minted { access_token, id_token, expires_in: access_life.as_secs() })
}

/// How long a logout token lives (OpenID Connect Back-Channel Logout 1.0 section 2.4 recommends two
/// minutes).
const LOGOUT_TTL: Duration = Duration::from_secs(120);

/// Mints the token that tells a client of the end of a session.
///
/// # Errors
/// As [`mint`].
pub async fn mint_logout(
    app: &App,
    client: &Client,
    user_id: Uuid,
    sid: Uuid,
    now: Time,
) -> AuthResult<String> {
    let claims = LogoutClaims {
        iss: app.issuer.clone(),
        sub: user_id.to_string(),
        aud: client.client_id.clone(),
        iat: now.secs(),
        exp: now.plus(LOGOUT_TTL).secs(),
        jti: new_id(now).to_string(),
        events: json!({ LOGOUT_EVENT: {} }),
        sid: sid.to_string(),
    };
    sign(app, client.id_token_algorithm(), LOGOUT_TOKEN_TYPE, &claims, now).await
}

async fn sign<T: serde::Serialize>(
    app: &App,
    algorithm: Algorithm,
    typ: &str,
    claims: &T,
    now: Time,
) -> AuthResult<String> {
    let key = app.signing_key(algorithm, now).await.map_err(|error| {
        tracing::error!(%error, "no key to sign with");
        AuthError::Busy
    })?;
    key.sign(typ, claims).map_err(|error| AuthError::Internal(error.to_string()))
}

/// Left half of the SHA-256 of an access token, base64url (OpenID Connect Core 1.0 section
/// 3.1.3.6; every algorithm of ours goes with SHA-256 there).
fn at_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}
