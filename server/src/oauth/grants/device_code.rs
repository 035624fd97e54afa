//! Devices that were let in (RFC 8628 section 3.4).

use super::{
    Issued, TokenRequest,
    opening::{self, Opening},
};
use crate::{
    clock::made_at,
    domain::{
        device_grant::{DeviceDecision, POLL_INTERVAL, Polled},
        secret::{OpaqueToken, TokenKind},
    },
    oauth::{OAuthError, OAuthResult},
    tokens,
};

/// Its `grant_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Polls for what the person said, and issues tokens once they said yes. The code is spent by that.
///
/// # Errors
/// [`OAuthError::AuthorizationPending`], [`OAuthError::SlowDown`], [`OAuthError::AccessDenied`],
/// [`OAuthError::ExpiredToken`] (section 3.5); [`OAuthError::InvalidGrant`] for any other code, and
/// where what the person said yes in has ended since.
pub async fn issue(request: &TokenRequest<'_>) -> OAuthResult<Issued> {
    let TokenRequest { app, client, params, now, .. } = request;
    let presented =
        params.get("device_code").ok_or_else(|| OAuthError::request("device_code is missing"))?;
    let unknown = || OAuthError::grant("the device code is unknown or spent");
    let code = OpaqueToken::parse(TokenKind::DeviceCode, presented).ok_or_else(unknown)?;
    // A code is not to be lost for want of a key.
    tokens::await_keys(app, client, *now).await?;
    let (hash, id) = (code.hash(), &client.client_id);
    let polled = app.sessions.poll_device(&hash, id, POLL_INTERVAL, *now).await?;
    let (grant, decision) = match polled {
        Polled::Allowed(grant, decision) => (grant, decision),
        Polled::Pending => return Err(OAuthError::AuthorizationPending),
        Polled::TooFast => return Err(OAuthError::SlowDown),
        Polled::Denied => return Err(OAuthError::AccessDenied("the person said no".into())),
        Polled::Expired => return Err(OAuthError::ExpiredToken),
        Polled::Unknown => return Err(unknown()),
    };
    let DeviceDecision::Allowed { user_id, sid, granted } = decision else {
        return Err(OAuthError::AccessDenied("the person said no".into()));
    };
    let opening = Opening {
        user_id,
        sid,
        scope: grant.scope,
        nonce: None,
        issued_at: made_at(granted.grant_id),
        granted: *granted,
    };
    opening::open(request, opening).await
}
