//! The answer to a request: a code, or why there is none.

use std::time::Duration;

use jwks::Time;

use crate::{
    app::App,
    auth::browser::{Browser, BrowserSession},
    clock::{new_id, random},
    domain::{
        authorization::{AuthorizationRequest, Code, Granted, RequestKind, ResponseMode},
        secret::{OpaqueToken, TokenKind},
    },
    oauth::{OAuthError, OAuthResult, scope::OPENID, session_state},
};

/// How long a code lives (rule 13).
const CODE_TTL: Duration = Duration::from_secs(60);

/// Where an answer goes, and how: known to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// To whom.
    pub client_id: String,
    /// Where.
    pub redirect_uri: String,
    /// In what.
    pub response_mode: ResponseMode,
    /// Given back unchanged.
    pub state: Option<String>,
}

impl Destination {
    /// Where the answer to `request` goes.
    #[must_use]
    pub fn of(request: &AuthorizationRequest) -> Self {
        Self {
            client_id: request.client_id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            response_mode: request.response_mode,
            state: request.state.clone(),
        }
    }
}

/// An authorization response that gives something (RFC 6749 section 4.1.2).
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it goes.
    pub to: Destination,
    /// The code.
    pub code: OpaqueToken,
    /// By what the client's pages learn of a sign-out (OpenID Connect Session Management section
    /// 2); of an answer of OpenID Connect alone.
    pub session_state: Option<String>,
}

/// Issues a code for the session `held` of `browser`. `None`: the session ended meanwhile.
///
/// # Errors
/// When the store fails.
pub async fn issue(
    app: &App,
    request: &AuthorizationRequest,
    browser: &Browser,
    held: &BrowserSession,
    now: Time,
) -> OAuthResult<Option<Answer>> {
    let token = OpaqueToken::new(TokenKind::Code, &[], random());
    let code = Code {
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        names_redirect_uri: request.names_redirect_uri,
        user_id: held.user.id,
        sid: held.session.sid,
        scope: request.scope.clone(),
        nonce: request.nonce.clone(),
        pkce: request.pkce.clone(),
        granted: Granted {
            // Its name says when it was given: what is older than an ending is told by that.
            grant_id: new_id(now),
            proof: held.session.proof.clone(),
            resource: request.resource.clone(),
            claims: request.claims.clone(),
            id_sid: held.session.sid,
        },
        issued_at: now,
        expires_at: now.plus(CODE_TTL),
    };
    if !app.sessions.issue_code(&token.hash(), &code).await? {
        return Ok(None);
    }
    let sids = browser.sessions.iter().map(|held| held.session.sid);
    let session_state = request.asks(OPENID).then(|| {
        let state = session_state::browser_state(sids);
        session_state::session_state(&request.client_id, &request.redirect_uri, &state)
    });
    Ok(Some(Answer { to: Destination::of(request), code: token, session_state }))
}

/// Spends the pushed request that `request` came of, if it did: once, by whichever flow of it ends
/// first (RFC 9126 section 4).
///
/// # Errors
/// `invalid_request_uri` when it was spent, or is over.
pub async fn spend(app: &App, request: &AuthorizationRequest, now: Time) -> OAuthResult<()> {
    let Some(pushed) = &request.pushed else { return Ok(()) };
    match app.sessions.consume_request(RequestKind::Pushed, pushed, now).await? {
        Some(_) => Ok(()),
        None => Err(OAuthError::InvalidRequestUri("the pushed request was used already".into())),
    }
}
