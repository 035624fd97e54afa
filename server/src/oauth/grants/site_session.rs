//! Sessions of browsers at sites: an edge has the token renewed that it put into a cookie.
//!
//! Nothing is spent by it. Two tabs, or two edges, that ask at the same time get a token each, and
//! both are good; so no race signs anybody out. What holds the session together is the sign-on
//! session that all its tokens name.

use std::time::Duration;

use jwks::{
    site_session::{self, GRANT_TYPE, RENEWABLE_FOR},
    verify::{LEEWAY, VerifiedToken, read_access_token},
};
use serde_json::Map;

use super::{Issued, TokenRequest};
use crate::{
    auth::{devices, mfa::evidence::is_of_wrong_model},
    domain::session::{Proof, Session},
    oauth::{OAuthError, OAuthResult, liveness, site_client},
    tokens::{ClientGrant, Grant, Holder, IdGrant, mint},
};

/// Its `grant_type`.
pub const TYPE: &str = GRANT_TYPE;

/// Renews the `token` of a site's session, which may have expired lately: the same person, site and
/// proof. All else is read anew (rule 15).
///
/// # Errors
/// [`OAuthError::InvalidGrant`] when it is none, when it, the sign-on session, the person or the site
/// has ended, or when the session has rested or lasted longer than the site allows.
pub async fn issue(request: &TokenRequest<'_>) -> OAuthResult<Issued> {
    let TokenRequest { app, client, params, now, .. } = request;
    let (app, now) = (*app, *now);
    if !site_client::is(client) {
        let text = "this grant is for edges alone";
        return Err(OAuthError::UnauthorizedClient(text.into()));
    }
    let over = || OAuthError::grant("the session at the site is over");
    let token = params.get("token").ok_or_else(|| OAuthError::request("token is missing"))?;
    let token = read_access_token(&app.keys.published(), &app.issuer, token).map_err(|_| over())?;
    let is_in_time =
        token.issued_at() <= now.plus(LEEWAY) && now < token.expires_at().plus(RENEWABLE_FOR);
    if !site_session::is_of_session(&token) || token.is_client() || !is_in_time {
        return Err(over());
    }
    let site = site_client::site_of(app, |place| token.has_audience(place)).await?;
    let site = site.ok_or_else(over)?;
    let rests_for = now.since(token.issued_at());
    if site.policy.session_idle.is_some_and(|most| rests_for > Duration::from_secs(most)) {
        return Err(over());
    }
    let alive = liveness::bearer(app, &token).await?;
    let Some(liveness::Bearer::Person(held)) = alive else { return Err(over()) };
    let (user, session) = *held;
    let proof = proof_of(&token, &session).ok_or_else(over)?;
    if is_of_wrong_model(&site.policy.without_rules(), &proof) {
        return Err(over());
    }
    let client = site_client::for_session(client, &site.policy, &proof, now).ok_or_else(over)?;
    let grant_id = token.grant_id().and_then(|id| id.parse().ok()).ok_or_else(over)?;
    // Whoever ends the session meanwhile wrote that down first, as of an instant that no token minted
    // here is younger than.
    if !app.sessions.touch_session(user.id, session.sid, now).await? {
        return Err(over());
    }
    let sid = session.sid;
    let resting = Session { proof, ..session };
    let resting = devices::judge_anew(app, resting, &user, now).await?;
    let grant = Grant {
        user: &user,
        session: &resting,
        proof: &resting.proof,
        audience: vec![site.base_url],
        holder: Holder::Client(ClientGrant {
            client: &client,
            scope: token.scope(),
            grant_id,
            userinfo_claims: String::new(),
            id: Some(IdGrant { sid, nonce: None, more: Map::new() }),
        }),
    };
    let minted = mint(app, &grant, now).await?;
    Ok(Issued {
        access_token: minted.access_token,
        expires_in: minted.expires_in,
        scope: token.scope().to_owned(),
        refresh_token: None,
        id_token: minted.id_token,
    })
}

/// PURE: the proof that a token says, and no higher one (rule 3). What tokens do not say of it, the
/// session knows as long as it rests on the same.
fn proof_of(token: &VerifiedToken, session: &Session) -> Option<Proof> {
    let held = &session.proof;
    let device_at = held.device_at.map(|at| at.secs());
    let is_same = token.level() == Some(held.acr)
        && token.auth_time().is_some_and(|at| at.secs() == held.auth_time.secs())
        && token.amr().eq(held.amr.iter().map(String::as_str))
        && token.device_time().map(|at| at.secs()) == device_at;
    if is_same {
        return Some(held.clone());
    }
    Some(Proof {
        acr: token.level()?,
        amr: token.amr().map(ToOwned::to_owned).collect(),
        auth_time: token.auth_time()?,
        device_at: None,
        model: None,
    })
}
