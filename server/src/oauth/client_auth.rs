//! Which client is calling (RFC 6749 section 2.3, RFC 7523 section 2.2; rule 16).

use std::{borrow::Cow, sync::Arc, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jwks::{
    Time,
    claims::Audience,
    verify::{LEEWAY, TokenError},
};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{OAuthError, OAuthResult, client_keys, client_secret, clients, params::Params};
use crate::{
    app::App,
    auth::origin::Origin,
    domain::{
        client::{Client, ClientAuthMethod},
        secret::{OpaqueToken, SecretHash, TokenKind},
    },
    store::sessions::Marked,
};

/// `client_assertion_type` (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What `typ` of an assertion may be, where it has one.
const ASSERTION_TYPES: &[&str] = &["JWT", "client-authentication+jwt"];
/// The longest life of an assertion.
const ASSERTION_TTL: Duration = Duration::from_secs(300);
/// The longest `jti`.
const JTI_LIMIT: usize = 256;

/// What a request shows of its client.
enum Shown<'r> {
    Nothing,
    Basic { client_id: String, secret: String },
    Post { secret: &'r str },
    Assertion(&'r str),
}

impl Shown<'_> {
    const fn method(&self) -> ClientAuthMethod {
        match self {
            Self::Nothing => ClientAuthMethod::None,
            Self::Basic { .. } => ClientAuthMethod::ClientSecretBasic,
            Self::Post { .. } => ClientAuthMethod::ClientSecretPost,
            Self::Assertion(_) => ClientAuthMethod::PrivateKeyJwt,
        }
    }
}

/// The claims of a client's assertion (RFC 7523 section 3). Times are seconds, fractions allowed.
#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    jti: String,
}

/// Authenticates the client of a request to `endpoint` (its path, such as `/token`), by exactly one
/// method, the registered one. A public client says its `client_id` and has nothing else to show.
///
/// `authorization`: the value of the `Authorization` header, if it came.
///
/// # Errors
/// [`super::OAuthError::InvalidClient`], [`super::OAuthError::InvalidRequest`] for two methods at
/// once.
pub async fn authenticate(
    app: &App,
    origin: &Origin,
    authorization: Option<&str>,
    params: &Params,
    endpoint: &str,
) -> OAuthResult<Arc<Client>> {
    let now = app.clock.now();
    if let Some(name) = params.repeated() {
        // Which of two would count is not for us to choose.
        return Err(OAuthError::request(format!("{} came twice", clip(name))));
    }
    let refused = |text: &'static str| OAuthError::InvalidClient(text.into());
    let shown = read(authorization, params)?;
    let said = params.get("client_id");
    let client_id: Cow<'_, str> = match (&shown, said) {
        (Shown::Basic { client_id, .. }, Some(said)) if said != client_id => {
            return Err(OAuthError::request("client_id differs from that of the header"));
        }
        (Shown::Basic { client_id, .. }, _) => client_id.as_str().into(),
        (_, Some(said)) => said.into(),
        (Shown::Assertion(assertion), None) => {
            let subject = subject(assertion);
            subject.ok_or_else(|| refused("the assertion cannot be read"))?.into()
        }
        (_, None) => return Err(refused("no client authentication came")),
    };
    let known = clients::find(app, &client_id).await?;
    // One text for whoever is not there and whoever shows the wrong thing; the log tells them apart.
    let wrong = |cause: &str| {
        tracing::info!(client_id = named(&client_id), cause, "a client was refused");
        refused("the client is not known, or did not show what it is registered with")
    };
    let client = known.ok_or_else(|| wrong("unknown"))?;
    if shown.method() != client.metadata.token_endpoint_auth_method {
        return Err(wrong("another method"));
    }
    let is_shown = match &shown {
        Shown::Nothing => true,
        Shown::Basic { secret, .. } => {
            client_secret::verify(app, origin, &client, secret, now).await?
        }
        Shown::Post { secret } => client_secret::verify(app, origin, &client, secret, now).await?,
        Shown::Assertion(assertion) => {
            if let Err(text) = judge_assertion(app, &client, assertion, endpoint, now).await? {
                tracing::info!(client_id = client.client_id, text, "an assertion was refused");
                return Err(refused(text));
            }
            true
        }
    };
    if is_shown { Ok(client) } else { Err(wrong("wrong secret")) }
}

/// What the request shows: one thing, or nothing.
fn read<'r>(authorization: Option<&str>, params: &'r Params) -> OAuthResult<Shown<'r>> {
    let header = match authorization {
        None => None,
        Some(value) => Some(basic(value).ok_or_else(|| {
            let text = "the Authorization header is not HTTP Basic of a client";
            OAuthError::InvalidClient(text.into())
        })?),
    };
    let secret = params.get("client_secret");
    let assertion = params.get("client_assertion");
    let assertion_type = params.get("client_assertion_type");
    if assertion.is_some() != assertion_type.is_some() {
        return Err(OAuthError::request(
            "client_assertion and client_assertion_type come together",
        ));
    }
    if assertion_type.is_some_and(|said| said != ASSERTION_TYPE) {
        return Err(OAuthError::request("client_assertion_type is not known here"));
    }
    match (header, secret, assertion) {
        (None, None, None) => Ok(Shown::Nothing),
        (Some((client_id, secret)), None, None) => Ok(Shown::Basic { client_id, secret }),
        (None, Some(secret), None) => Ok(Shown::Post { secret }),
        (None, None, Some(assertion)) => Ok(Shown::Assertion(assertion)),
        _ => Err(OAuthError::request("the client authenticates in more than one way")),
    }
}

/// Name and secret of `Basic` credentials, each form-encoded (RFC 6749 section 2.3.1).
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (client_id, secret) = credentials.split_once(':')?;
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
    };
    let (client_id, secret) = (decode(client_id)?, decode(secret)?);
    let has_nul = client_id.contains('\0') || secret.contains('\0');
    (!client_id.is_empty() && !has_nul).then_some((client_id, secret))
}

/// Whom an assertion names, which nobody has to believe yet.
fn subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        sub: String,
    }
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    let named: Named = serde_json::from_slice(&claims).ok()?;
    (!named.sub.contains('\0')).then_some(named.sub)
}

/// Whether `assertion` is the client's, meant for here, and comes for the first time; else why not.
async fn judge_assertion(
    app: &App,
    client: &Client,
    assertion: &str,
    endpoint: &str,
    now: Time,
) -> OAuthResult<Result<(), &'static str>> {
    let only = client.metadata.token_endpoint_auth_signing_alg;
    let verify = async |anew| {
        let keys = client_keys::find(app, client, anew, now).await.ok_or(TokenError::UnknownKey)?;
        keys.verify::<Assertion>(ASSERTION_TYPES, only, assertion)
    };
    let verified = match verify(false).await {
        Err(TokenError::UnknownKey) => verify(true).await,
        verdict => verdict,
    };
    let claims = match verified {
        Ok(claims) => claims,
        Err(error) => return Ok(Err(error.as_str())),
    };
    let mut audiences = vec![app.issuer.clone()];
    if !client.metadata.require_issuer_audience {
        audiences.extend([app.link("/token"), app.link(endpoint)]);
    }
    let times = match judge(&claims, &client.client_id, &audiences, now) {
        Ok(times) => times,
        Err(text) => return Ok(Err(text)),
    };
    // Across replicas: in the store they share.
    let key = SecretHash::of(&format!("assertion\n{}\n{}", client.client_id, claims.jti));
    let until = times.expires_at.plus(LEEWAY);
    match app.sessions.mark_once(&key, times.issued_at, until, now).await? {
        Marked::First => Ok(Ok(())),
        Marked::Again | Marked::BeforeMemory => Ok(Err("the assertion came before")),
    }
}

/// When an assertion was made and when it is over.
#[derive(Debug, PartialEq)]
struct Times {
    issued_at: Time,
    expires_at: Time,
}

/// PURE: whether the claims of an assertion are those of this client, for one of these audiences, at
/// `now` (RFC 7523 section 3).
fn judge(
    claims: &Assertion,
    client_id: &str,
    audiences: &[String],
    now: Time,
) -> Result<Times, &'static str> {
    if claims.iss != client_id || claims.sub != client_id {
        return Err("iss and sub of the assertion are not the client");
    }
    // One that is meant for others too could be used here by any of them.
    if !claims.aud.is_within(audiences) {
        return Err(if audiences.len() > 1 {
            "aud of the assertion must be the issuer alone, or the token endpoint"
        } else {
            "aud of the assertion must be the issuer alone; for the token endpoint register the \
             client with require_issuer_audience = false"
        });
    }
    if claims.jti.is_empty() || claims.jti.len() > JTI_LIMIT {
        return Err("jti of the assertion is missing or too long");
    }
    let exp = instant(claims.exp);
    if now >= exp.plus(LEEWAY) {
        return Err("the assertion is expired");
    }
    if exp > now.plus(ASSERTION_TTL).plus(LEEWAY) {
        return Err("the assertion lives longer than five minutes");
    }
    let from = [claims.nbf, claims.iat].into_iter().flatten().map(instant);
    if from.max().is_some_and(|from| from > now.plus(LEEWAY)) {
        return Err("the assertion is not valid yet");
    }
    // One that does not say when it was made was made no earlier than its end allows.
    let issued_at = claims.iat.map_or(exp.minus(ASSERTION_TTL), instant);
    Ok(Times { issued_at, expires_at: exp })
}

#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and no such time counts")]
fn instant(seconds: f64) -> Time {
    Time::from_millis((seconds * 1000.0) as i64)
}

/// What the log calls a client. Whoever puts its secret in the place of its name is not named.
fn named(client_id: &str) -> String {
    let is_secret = OpaqueToken::parse(TokenKind::ClientSecret, client_id).is_some();
    if is_secret { "a secret".to_owned() } else { clip(client_id) }
}

/// Names come from the caller: shown, but not at any length.
fn clip(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
