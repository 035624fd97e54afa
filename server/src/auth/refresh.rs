//! Refreshing: rotation, reuse, and everything read anew (rules 14 and 15).

use std::time::Duration;

use jwks::policy::Level;
use serde_json::json;

use super::{
    bearer::FRESH,
    devices,
    error::{AuthError, AuthResult},
    login::{TokenSet, find_open_site, mint_for, policy_for},
    mfa::evidence::is_of_wrong_model,
    origin::Origin,
    refresh_token::{self, FamilyName},
    sessions::{end_stale, session_end, standing},
};
use crate::{
    app::App,
    domain::{
        audit::{Action, Event},
        session::{Rotated, Rotation},
    },
};

/// Exchanges a refresh token for new tokens of the same session. The proof stays what it was.
///
/// # Errors
/// [`AuthError::Forbidden`] when `tenant_id` is given and not the session's, and
/// [`AuthError::StepUpRequired`] for a session that rests on a trusted device, where the policy of
/// the site counts none such, or on a passkey of a model that does not count there: nothing is spent.
/// [`AuthError::InvalidToken`] for every token that is not the live one of its family (but for
/// the bounded retry), and for the tokens of a person or session that was ended.
pub async fn refresh(
    app: &App,
    origin: &Origin,
    presented: &str,
    site_key: Option<&str>,
    tenant_id: Option<&str>,
) -> AuthResult<TokenSet> {
    let now = app.clock.now();
    let (presented, family) = refresh_token::read(app, presented).ok_or(AuthError::InvalidToken)?;
    let FamilyName { user_id, sid, family_id } = family;
    let site = find_open_site(app, site_key).await?;
    if let Some(session) = app.sessions.find_session(user_id, sid, now).await? {
        if tenant_id.is_some_and(|tenant_id| session.tenant_id != tenant_id) {
            return Err(AuthError::Forbidden);
        }
        // As at sign-in: where a device does not stand in for a factor, one is asked for.
        let asked = policy_for(app, site.as_ref()).without_rules();
        if session.proof.device_at.is_some_and(|at| !asked.counts_device(at, now)) {
            let max_age = asked.max_auth_age.unwrap_or(FRESH);
            return Err(AuthError::StepUpRequired { acr: Level::TwoFactor, max_age });
        }
        if is_of_wrong_model(&asked, &session.proof) {
            let acr = asked.require.level().unwrap_or(Level::TwoFactor);
            return Err(AuthError::StepUpRequired { acr, max_age: FRESH });
        }
    }
    let tokens = &app.config.tokens;
    let successor = family.new_token(app);
    let rotation = Rotation {
        user_id,
        sid,
        family_id,
        client_id: origin.client_id.clone(),
        presented: presented.hash(),
        successor: successor.hash(),
        ttl: Duration::from_secs(tokens.refresh_ttl),
        retry_window: Duration::from_secs(tokens.refresh_retry),
    };
    // The token is a one-time value: it is gathered by consuming it.
    let refreshed = match app.sessions.rotate_refresh(&rotation, now).await? {
        Rotated::Fresh(refreshed) | Rotated::Retried(refreshed) => refreshed,
        Rotated::Reused => {
            tracing::warn!(%user_id, %sid, "a spent refresh token came back; its session is over");
            let details = json!({ "sid": sid });
            // Named by the family: a replay of the replay adds no second row.
            let event = Event {
                actor: None,
                ..origin.event_of(family_id, Action::RefreshReused, Some(user_id), now, details)
            };
            app.identity.cut_off(&[session_end(app, sid, now)], &event).await?;
            app.sessions.close_session(user_id, sid).await?;
            return Err(AuthError::InvalidToken);
        }
        Rotated::WrongClient | Rotated::Unknown => return Err(AuthError::InvalidToken),
    };
    let session = refreshed.session;
    // Read after the rotation: whoever ends something commits that first and closes the session
    // afterwards, so either this read sees the ending, or the closing takes the new token with it.
    let subject = app.identity.find_subject(user_id, sid).await?;
    let user = subject.and_then(|subject| standing(&subject, &session, session.created_at));
    let Some(user) = user else {
        end_stale(app, origin, user_id, sid, now).await?;
        return Err(AuthError::InvalidToken);
    };
    let session = devices::judge_anew(app, session, &user, now).await?;
    let minted = mint_for(app, &user, &session, site.as_ref(), &origin.client_id, now).await?;
    Ok(TokenSet::of(user, successor, minted))
}
