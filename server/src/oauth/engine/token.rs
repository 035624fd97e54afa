//! The token endpoint's side: codes, refresh tokens, clients that speak for themselves. The client
//! has been authenticated before; the machines hear that it was.

use std::{borrow::Cow, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use jwks::Time;
use oxide_auth::{
    code_grant::{
        accesstoken::{self, AccessToken, Authorization},
        client_credentials::{self, ClientCredentials},
        extensions::Pkce,
        refresh::{self, Refresh},
    },
    primitives::{
        grant::{Extensions, Grant, Value},
        registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl},
        scope::Scope,
    },
};
use url::Url;

use super::{astray, refusal};
use crate::{
    domain::{authorization::Code, client::Client},
    oauth::{OAuthError, OAuthResult, params::Params},
};

/// Where a grant has no redirect URI: no machine that is given this looks at it.
const NOWHERE: &str = "about:blank";

/// A token request of a client that has shown who it is.
struct Asked<'a> {
    params: &'a Params,
    client_id: &'a str,
    /// What the request says, else what it need not say.
    redirect_uri: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params.get(name).map(Cow::Borrowed)
    }
}

impl accesstoken::Request for Asked<'_> {
    fn valid(&self) -> bool {
        self.params.repeated().is_none()
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.param("code")
    }

    /// A header beside `client_id` would count as two attempts, though both say the same.
    fn authorization(&self) -> Authorization<'_> {
        Authorization::None
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(self.client_id.into())
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.redirect_uri.map(Cow::Borrowed)
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.param("grant_type")
    }

    fn extension(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param(name)
    }
}

impl refresh::Request for Asked<'_> {
    fn valid(&self) -> bool {
        self.params.repeated().is_none()
    }

    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        self.param("refresh_token")
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        self.param("scope")
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.param("grant_type")
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id.into(), Cow::Borrowed(&[])))
    }

    fn extension(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param(name)
    }
}

impl client_credentials::Request for Asked<'_> {
    fn valid(&self) -> bool {
        self.params.repeated().is_none()
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id.into(), Cow::Borrowed(&[])))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        self.param("scope")
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.param("grant_type")
    }

    /// The credentials were judged, wherever they stood.
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// PURE: whether `client` may have what `code` stands for (RFC 6749 section 4.1.3, RFC 7636 section
/// 4.6, RFC 9700 section 2.1.1): it is the client's own, not expired, was sent where the request
/// says, and the verifier fits the challenge; neither comes without the other.
///
/// # Errors
/// [`OAuthError::InvalidGrant`], and [`OAuthError::InvalidRequest`] where a parameter is missing.
pub fn redeem(params: &Params, client: &Client, code: &Code, now: Time) -> OAuthResult<()> {
    let redirect_uri = match params.get("redirect_uri") {
        // Byte for byte; the machine compares what they mean.
        Some(said) if said != code.redirect_uri => {
            return Err(OAuthError::grant("redirect_uri is not the one the code was sent to"));
        }
        None if code.names_redirect_uri => {
            return Err(OAuthError::request("redirect_uri is missing"));
        }
        _ => Some(code.redirect_uri.as_str()),
    };
    let asked = Asked { params, client_id: &client.client_id, redirect_uri };
    let pkce = if client.must_use_pkce() { Pkce::required() } else { Pkce::optional() };
    let mut extensions = Extensions::new();
    if let Some(kept) = &code.pkce {
        extensions.set(&pkce, Value::private(Some(kept.clone())));
    }
    let grant = Grant {
        owner_id: code.user_id.to_string(),
        client_id: code.client_id.clone(),
        scope: parse(&code.scope)?,
        redirect_uri: Url::parse(&code.redirect_uri).map_err(|_| astray())?,
        until: on_its_clock(code.expires_at, now),
        extensions,
    };
    let mut grant = Some(Box::new(grant));
    let mut machine = AccessToken::new(&asked);
    let mut input = accesstoken::Input::None;
    loop {
        input = match machine.advance(input) {
            accesstoken::Output::Authenticate { .. } => accesstoken::Input::Authenticated,
            accesstoken::Output::Recover { .. } => accesstoken::Input::Recovered(grant.take()),
            accesstoken::Output::Extend { extensions } => {
                let kept = extensions.remove(&pkce);
                verify(&pkce, kept, params.get("code_verifier"))?;
                // Only our own extension is kept with a code: given back, it says it was judged.
                accesstoken::Input::Extended { access_extensions: Extensions::new() }
            }
            accesstoken::Output::Issue { .. } => return Ok(()),
            accesstoken::Output::Ok(_) => return Err(astray()),
            accesstoken::Output::Err(mut error) => {
                return Err(error.description().map_or_else(astray, |error| refusal(error.kind())));
            }
        };
    }
}

/// Judges the verifier by what was kept of the challenge.
fn verify(pkce: &Pkce, kept: Option<Value>, verifier: Option<&str>) -> OAuthResult<()> {
    // The engine lets a verifier without a challenge pass (RFC 9700 section 2.1.1: refuse it).
    if kept.is_none() && verifier.is_some() {
        return Err(OAuthError::grant("code_verifier came, but no code_challenge before it"));
    }
    if verifier.is_some_and(|verifier| !is_verifier(verifier)) {
        return Err(OAuthError::grant("code_verifier is not 43 to 128 unreserved characters"));
    }
    pkce.verify(kept, verifier.map(Cow::Borrowed))
        .map_err(|()| OAuthError::grant("code_verifier is missing or does not fit the challenge"))
}

/// RFC 7636 section 4.1.
fn is_verifier(text: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved)
}

/// PURE: the scope that a refresh gives, of a family that has `granted`: what is asked for, or all
/// of it (RFC 6749 section 6).
///
/// # Errors
/// [`OAuthError::InvalidScope`] where more is asked for than was granted.
pub fn refresh(params: &Params, client: &Client, granted: &str) -> OAuthResult<String> {
    let asked = Asked { params, client_id: &client.client_id, redirect_uri: None };
    let grant = Grant {
        owner_id: String::new(),
        client_id: client.client_id.clone(),
        scope: parse(granted)?,
        redirect_uri: Url::parse(NOWHERE).map_err(|_| astray())?,
        // Whether it is alive the store has said.
        until: Utc::now() + TimeDelta::days(1),
        extensions: Extensions::new(),
    };
    let scope = params.get("scope").map(Cow::Borrowed);
    let mut grant = Some(Box::new(grant));
    let mut machine = Refresh::new(&asked);
    let mut input = refresh::Input::None;
    loop {
        input = match machine.advance(input) {
            refresh::Output::Unauthenticated { .. } => {
                refresh::Input::Authenticated { scope: scope.clone() }
            }
            refresh::Output::RecoverRefresh { .. } => {
                refresh::Input::Recovered { scope: scope.clone(), grant: grant.take() }
            }
            refresh::Output::Refresh { grant, .. } => return Ok(in_order(granted, &grant.scope)),
            refresh::Output::Ok(_) => return Err(astray()),
            refresh::Output::Err(mut error) => {
                return Err(error.description().map_or_else(astray, |error| refusal(error.kind())));
            }
        };
    }
}

/// PURE: the scope that a client gets for itself, of those it `may` have: what it asks for, or all
/// of them (RFC 6749 sections 3.3 and 4.4.2).
///
/// # Errors
/// [`OAuthError::InvalidScope`] where it asks for another.
pub fn client_credentials(params: &Params, client: &Client, may: &str) -> OAuthResult<String> {
    let asked = Asked { params, client_id: &client.client_id, redirect_uri: None };
    let allowed = parse(may)?;
    let redirect_uri = ExactUrl::new(NOWHERE.to_owned()).map_err(|_| astray())?;
    let mut machine = ClientCredentials::new(&asked);
    let mut input = client_credentials::Input::None;
    loop {
        input = match machine.advance(input) {
            client_credentials::Output::Authenticate { .. } => {
                client_credentials::Input::Authenticated
            }
            client_credentials::Output::Binding { client_id } => client_credentials::Input::Bound {
                bound_client: BoundClient {
                    client_id: client_id.to_owned().into(),
                    redirect_uri: Cow::Owned(RegisteredUrl::Exact(redirect_uri.clone())),
                },
            },
            client_credentials::Output::Extend => {
                client_credentials::Input::Extended { extensions: Extensions::new() }
            }
            client_credentials::Output::Negotiate { bound_client, scope } => {
                let scope = scope.unwrap_or_else(|| allowed.clone());
                if !allowed.priviledged_to(&scope) {
                    return Err(OAuthError::InvalidScope(
                        "the client may not have this scope for itself".into(),
                    ));
                }
                client_credentials::Input::Negotiated {
                    pre_grant: PreGrant {
                        client_id: bound_client.client_id.clone().into_owned(),
                        redirect_uri: bound_client.redirect_uri.clone().into_owned(),
                        scope,
                    },
                }
            }
            client_credentials::Output::Ok { pre_grant, .. } => {
                return Ok(in_order(may, &pre_grant.scope));
            }
            client_credentials::Output::Err(mut error) => {
                return Err(error.description().map_or_else(astray, |error| refusal(error.kind())));
            }
        };
    }
}

fn parse(scope: &str) -> OAuthResult<Scope> {
    scope.parse().map_err(|_| OAuthError::InvalidScope("the scope is malformed".into()))
}

/// The engine keeps scopes in no order; they are said in that of `all`.
fn in_order(all: &str, some: &Scope) -> String {
    let is_in = |scope: &&str| some.iter().any(|one| one == *scope);
    all.split(' ').filter(is_in).collect::<Vec<_>>().join(" ")
}

/// The engine looks at a clock of its own: as far ahead there as `end` is of `now` here.
fn on_its_clock(end: Time, now: Time) -> DateTime<Utc> {
    let left = if end > now { end.since(now) } else { Duration::ZERO };
    let left = TimeDelta::from_std(left).unwrap_or(TimeDelta::zero());
    // What is over is over by more than the moment that passes in between.
    if left.is_zero() { Utc::now() - TimeDelta::seconds(1) } else { Utc::now() + left }
}

#[cfg(test)]
mod tests;
