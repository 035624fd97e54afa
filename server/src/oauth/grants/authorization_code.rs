//! Authorization codes (RFC 6749 section 4.1.3).

use std::time::Duration;

use serde_json::json;

use super::{
    Issued, TokenRequest,
    opening::{self, Opening},
};
use crate::{
    domain::{
        audit::{Action, Event},
        authorization::{Code, Redeemed},
        secret::{OpaqueToken, SecretHash, TokenKind},
    },
    oauth::{OAuthError, OAuthResult, engine, grant_end, scope, site_client},
    tokens,
};

/// Its `grant_type`.
pub const TYPE: &str = "authorization_code";

/// Redeems a code. It is spent by that, whatever comes of it: who has a code and not what goes with it
/// does not get to try again.
///
/// # Errors
/// [`OAuthError::InvalidGrant`] for every code that is not this client's, alive and unspent, with what
/// goes with it; a second redemption ends everything that came of the first (section 4.1.2).
pub async fn issue(request: &TokenRequest<'_>) -> OAuthResult<Issued> {
    let TokenRequest { app, client, params, now, .. } = request;
    let presented = params.get("code").ok_or_else(|| OAuthError::request("code is missing"))?;
    let unknown = || OAuthError::grant("the code is unknown, spent or expired");
    let code = OpaqueToken::parse(TokenKind::Code, presented).ok_or_else(unknown)?;
    // A code is not to be lost for want of a key.
    tokens::await_keys(app, client, *now).await?;
    // Whoever stole and spent it has tokens for as long as this; the owner comes within a minute.
    let remembered_until = now.plus(Duration::from_secs(app.config.tokens.access_ttl));
    let code = match app.sessions.redeem_code(&code.hash(), remembered_until, *now).await? {
        Redeemed::Redeemed(code) => *code,
        Redeemed::Spent(spent) => {
            end(request, &code.hash(), &spent).await?;
            return Err(unknown());
        }
        Redeemed::Unknown => return Err(unknown()),
    };
    if let Err(refused) = engine::token::redeem(params, client, &code, *now) {
        let (issued_to, by) = (&code.client_id, &client.client_id);
        tracing::warn!(issued_to, by, %refused, "a code was spent without what goes with it");
        return Err(refused);
    }
    let at_site = at_site(request, &code).await?;
    let request = at_site.as_ref().unwrap_or(request);
    let opening = Opening {
        user_id: code.user_id,
        sid: code.sid,
        scope: code.scope,
        nonce: code.nonce,
        granted: code.granted,
        issued_at: code.issued_at,
    };
    opening::open(request, opening).await
}

/// The same request where it is for the session of a browser at a site, which goes on for no longer
/// than that allows; `None`: it is for anything else.
async fn at_site<'r>(
    request: &TokenRequest<'r>,
    code: &Code,
) -> OAuthResult<Option<TokenRequest<'r>>> {
    let TokenRequest { app, origin, client, params, now } = request;
    if !site_client::is(client) {
        return Ok(None);
    }
    let place = |place: &str| code.granted.resource.iter().any(|one| one == place);
    let site = site_client::site_of(app, place).await?;
    let own = site
        .and_then(|site| site_client::for_session(client, &site.policy, &code.granted.proof, *now));
    let client = own.ok_or_else(|| OAuthError::grant("the session at the site is over"))?;
    Ok(Some(TokenRequest { app, origin: origin.clone(), client, params, now: *now }))
}

/// Ends what came of a code that was presented again.
async fn end(request: &TokenRequest<'_>, hash: &SecretHash, spent: &Code) -> OAuthResult<()> {
    let TokenRequest { app, origin, now, .. } = request;
    let grant_id = spent.granted.grant_id;
    let user_id = spent.user_id;
    tracing::warn!(%user_id, %grant_id, "a spent code came back; what came of it is over");
    let details = json!({ "grant_id": grant_id, "issued_to": spent.client_id });
    // Named by the code: a replay of the replay adds no second row.
    let event = Event {
        actor: None,
        ..origin.event_of(hash.to_id(), Action::CodeReused, Some(user_id), *now, details)
    };
    let offline = spent.scope.split(' ').any(|one| one == scope::OFFLINE_ACCESS);
    let sid = if offline { grant_id } else { spent.sid };
    Ok(grant_end::end(app, user_id, sid, grant_id, &event, *now).await?)
}
