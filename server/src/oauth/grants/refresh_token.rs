//! Refresh tokens of clients (RFC 6749 section 6; rules 14 and 15).

use std::time::Duration;

use serde_json::json;

use super::{
    Issued, TokenRequest, opening,
    remaining::{Remaining, remaining},
};
use crate::{
    auth::{
        refresh_token::{self, FamilyName},
        sessions::{end_stale, standing},
    },
    domain::{
        audit::{Action, Event},
        authorization::Granted,
        session::{FoundRefresh, Rotated, Rotation},
    },
    oauth::{OAuthError, OAuthResult, audience, engine, grant_end},
    tokens::{self, lifetime},
};

/// Its `grant_type`.
pub const TYPE: &str = "refresh_token";

/// Exchanges a refresh token for new tokens of the same grant. The proof stays what it was; all else
/// about the person is read anew.
///
/// # Errors
/// [`OAuthError::InvalidGrant`] for every token that is not the live one of its family (but for the
/// bounded retry), and for those of a grant, session or person that was ended; a spent one ends the
/// grant. Where the client may have too little of the grant any more, nothing is spent, nor with
/// [`OAuthError::InvalidScope`] and [`OAuthError::InvalidTarget`].
pub async fn issue(request: &TokenRequest<'_>) -> OAuthResult<Issued> {
    let TokenRequest { app, origin, client, params, now } = request;
    let (app, now) = (*app, *now);
    let said = params.get("refresh_token");
    let said = said.ok_or_else(|| OAuthError::request("refresh_token is missing"))?;
    let unknown = || OAuthError::grant("the refresh token is unknown, spent, expired or revoked");
    let (presented, family) = refresh_token::read(app, said).ok_or_else(unknown)?;
    let FamilyName { user_id, sid, family_id } = family;
    tokens::await_keys(app, client, now).await?;
    let settings = &app.config.tokens;
    let retry_window = Duration::from_secs(settings.refresh_retry);
    // What it is good for now is judged before anything is spent: a site that is switched off for
    // a while ends no grant.
    let hash = presented.hash();
    let found = app.sessions.find_refresh(user_id, sid, family_id, &hash, now).await?;
    // One that comes too late is a theft, whatever it asks for.
    let is_good = |found: &FoundRefresh| {
        found.client_id == client.client_id
            && found.spent_at.is_none_or(|spent_at| now < spent_at.plus(retry_window))
    };
    let good_for = match found.filter(is_good) {
        Some(FoundRefresh { scope, granted: Some(granted), .. }) => {
            Some(narrowed(request, &scope, &granted).await?)
        }
        _ => None,
    };
    let successor = family.new_token(app);
    let rotation = Rotation {
        user_id,
        sid,
        family_id,
        client_id: client.client_id.clone(),
        presented: hash,
        successor: successor.hash(),
        ttl: lifetime(client.metadata.refresh_token_ttl, settings.refresh_ttl),
        retry_window,
    };
    // The token is a one-time value: it is gathered by consuming it.
    let refreshed = match app.sessions.rotate_refresh(&rotation, now).await? {
        Rotated::Fresh(refreshed) | Rotated::Retried(refreshed) => refreshed,
        Rotated::Reused => {
            tracing::warn!(%user_id, %family_id, "a spent refresh token came back; its grant is over");
            let details = json!({ "grant_id": family_id });
            // Named by the family: a replay of the replay adds no second row.
            let event = Event {
                actor: None,
                ..origin.event_of(family_id, Action::RefreshReused, Some(user_id), now, details)
            };
            grant_end::end(app, user_id, sid, family_id, &event, now).await?;
            return Err(unknown());
        }
        Rotated::WrongClient | Rotated::Unknown => return Err(unknown()),
    };
    let session = refreshed.session;
    let granted = refreshed.granted.ok_or_else(unknown)?;
    let (scope, audience) = good_for.ok_or_else(unknown)?;
    // Read after the rotation: whoever ends something commits that first and closes afterwards what
    // rests on it, so either this read sees the ending, or the closing takes the new token with it.
    let endings = grant_end::endings(&client.client_id, granted.grant_id);
    let subject = app.identity.find_subject_and_ends(user_id, sid, &endings).await?;
    let user = subject.as_ref().and_then(|it| standing(it, &session, session.created_at));
    let Some(user) = user else {
        end_stale(app, origin, user_id, sid, now).await?;
        return Err(unknown());
    };
    if subject.is_some_and(|subject| grant_end::is_over(granted.grant_id, &subject.ended)) {
        grant_end::close(app, user_id, sid, family_id).await?;
        return Err(unknown());
    }
    let person = opening::Person { user: &user, session, granted: &granted };
    // OpenID Connect Core section 12.2: an ID token of a refresh says no nonce.
    let minted = opening::issue(request, person, audience, &scope, None).await?;
    Ok(Issued {
        access_token: minted.access_token,
        expires_in: minted.expires_in,
        scope,
        refresh_token: Some(successor.as_str().to_owned()),
        id_token: minted.id_token,
    })
}

/// What the new access token is good for, and where: of what was granted what the client may still
/// have, and of that what it asks for.
async fn narrowed(
    request: &TokenRequest<'_>,
    scope: &str,
    granted: &Granted,
) -> OAuthResult<(String, Vec<String>)> {
    let TokenRequest { app, client, params, .. } = request;
    let left = remaining(&app.issuer, client, scope, &granted.resource);
    let Remaining { scope, resource } = left.ok_or_else(opening::too_little)?;
    let scope = engine::token::refresh(params, client, &scope)?;
    let asked = audience::of(&resource, params)?;
    Ok((scope, audience::switched_on(app, &asked, audience::is_named(params)).await?))
}
