//! When every factor is lost: a link that an operator made, with the password, leads to the
//! enrolment of a new one, which takes the place of them all. Until that is confirmed they stay: at no
//! moment is the password alone enough. The link signs nobody in.

use std::time::Duration;

use jwks::Time;
use serde_json::json;

use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        login::{HalfSignedIn, begin},
        origin::Origin,
        password, warnings,
    },
    clock::random,
    domain::{
        audit::{Action, Event},
        login::{Outstanding, PendingLogin},
        one_time::{OneTime, Purpose},
        secret::{OpaqueToken, TokenKind},
        user::{User, UserStatus},
    },
    letters::news,
};

/// How long a link is good once it opens: it reaches its owner by hand.
pub const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A link that was made.
pub struct Issued {
    /// It.
    pub link: String,
    /// From when on it is good.
    pub opens_at: Time,
    /// Until when.
    pub expires_at: Time,
}

/// A link that is good, now or later.
pub struct Found {
    /// Its token.
    pub token: OpaqueToken,
    /// Whose factors are lost.
    pub user: User,
    /// From when on it is good.
    pub opens_at: Time,
}

/// Makes a link for `user`, and tells them; one made before is dead. It is good from
/// `policy.recovery_delay` on.
///
/// # Errors
/// When a store fails.
pub async fn issue(app: &App, user: &User, event: &Event, now: Time) -> AuthResult<Issued> {
    let opens_at = now.plus(Duration::from_secs(app.config.policy.recovery_delay));
    let expires_at = opens_at.plus(LIFE);
    let token = OpaqueToken::new(TokenKind::OneTime, &[user.id], random());
    let one_time = OneTime {
        purpose: Purpose::Recovery,
        owner: user.id,
        hash: token.hash(),
        bound_to: format!("{}:{}", opens_at.millis(), user.binding()),
        expires_at,
    };
    app.identity.append_event(event).await?;
    // Its owner hears of it before anybody has it.
    warnings::tell(app, news::recovery_issued(user, opens_at), now).await?;
    app.sessions.put_one_time(&one_time).await?;
    let link = app.link(&format!("/recovery?token={}", token.as_str()));
    Ok(Issued { link, opens_at, expires_at })
}

/// The link of a token. Looks, and consumes nothing.
///
/// # Errors
/// [`AuthError::InvalidToken`] for one that is unknown, spent, too old or overtaken.
pub async fn find(app: &App, token: &str) -> AuthResult<Found> {
    let now = app.clock.now();
    let token = OpaqueToken::parse(TokenKind::OneTime, token).ok_or(AuthError::InvalidToken)?;
    let &[owner] = token.names() else {
        return Err(AuthError::InvalidToken);
    };
    let one_time = app.sessions.find_one_time(Purpose::Recovery, owner, &token.hash(), now).await?;
    let one_time = one_time.ok_or(AuthError::InvalidToken)?;
    let (opens_at, bound_to) = one_time.bound_to.split_once(':').ok_or(AuthError::InvalidToken)?;
    let opens_at: i64 = opens_at.parse().map_err(|_| AuthError::InvalidToken)?;
    let user = app.identity.find_user(owner).await?;
    let user = user.filter(|user| user.status == UserStatus::Active && user.binding() == bound_to);
    let user = user.ok_or(AuthError::InvalidToken)?;
    Ok(Found { token, user, opens_at: Time::from_millis(opens_at) })
}

/// Begins half a sign-in of the person, in which they set up a factor in the place of all that they
/// had. The link is spent by that.
///
/// # Errors
/// As [`find`], and when somebody was faster; [`AuthError::Forbidden`] before the link is good;
/// [`AuthError::WrongCredentials`] for a wrong password, counted as every other guess.
pub async fn recover(
    app: &App,
    origin: &Origin,
    token: &str,
    typed: &str,
) -> AuthResult<HalfSignedIn> {
    let now = app.clock.now();
    let Found { token, user, opens_at } = find(app, token).await?;
    if now < opens_at {
        return Err(AuthError::Forbidden);
    }
    password::prove(app, origin, &user, typed, "recovery", now).await?;

    // Exactly one of those who hold the link gets it.
    let hash = token.hash();
    let spent = app.sessions.consume_one_time(Purpose::Recovery, user.id, &hash, now).await?;
    spent.ok_or(AuthError::InvalidToken)?;
    let event = origin.event(Action::RecoveryUsed, Some(&user), now, json!({}));
    app.identity.append_event(&event).await?;
    let life = Duration::from_secs(app.config.tokens.login_ttl);
    let login = PendingLogin {
        recovers: true,
        ..PendingLogin::begun(&user, Outstanding::Enrol, &origin.client_id, life, now)
    };
    begin(app, login, now).await
}
