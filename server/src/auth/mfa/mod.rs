//! Second factors: set up, confirm, prove, list, remove.

pub mod backup;
pub mod ceremony;
pub mod challenge;
pub mod enrol;
pub mod evidence;
pub mod manage;
pub mod passkey;
pub mod reauthenticate;
pub mod recovery;
pub mod sent;
pub mod sms;
pub mod totp;
pub mod verify;
pub mod webauthn;

use super::{
    bearer::{Caller, FRESH},
    browser::BrowserSession,
    error::{AuthError, AuthResult},
    login::usable_methods,
};
use crate::{
    app::App,
    domain::{
        factor::Factor,
        login::{Outstanding, PendingLogin},
        secret::{OpaqueToken, TokenKind},
        session::Session,
        tenant::in_tenant,
        user::{User, UserStatus},
    },
};
use jwks::{
    Time,
    policy::{Level, Method},
};
use uuid::Uuid;

/// The methods that can be set up, in the order they are offered in.
const OFFERED: &[Method] = &[Method::Totp, Method::Hardware, Method::Sms, Method::EmailOtp];

/// Whether a method can be proved at this installation: without a gateway no messages leave to
/// telephones.
#[must_use]
pub const fn works_here(app: &App, method: Method) -> bool {
    !matches!(method, Method::Sms) || app.sms.is_some()
}

/// The methods that can be set up at this installation, in the order they are offered in.
#[must_use]
pub fn offered_here(app: &App) -> Vec<Method> {
    OFFERED.iter().copied().filter(|method| works_here(app, *method)).collect()
}

/// Who stands before a factor: somebody half signed in, or somebody signed in who wants a higher
/// or fresher proof.
#[derive(Clone)]
pub enum Standing {
    /// By `mfaToken`.
    Half(OpaqueToken, Box<PendingLogin>),
    /// By bearer.
    Full(Box<Caller>),
    /// By what a browser holds.
    Browser(Box<BrowserSession>),
}

impl Standing {
    /// Who it is, as they stand now.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`] when they may not sign in any more.
    pub async fn person(&self, app: &App) -> AuthResult<User> {
        match self {
            Self::Half(_, login) => half_signed_in_person(app, login).await,
            Self::Full(caller) => Ok(caller.user.clone()),
            Self::Browser(held) => Ok(held.user.clone()),
        }
    }

    /// Whether the factor that is set up takes the place of every other one.
    #[must_use]
    pub fn recovers(&self) -> bool {
        matches!(self, Self::Half(_, login) if login.recovers)
    }

    /// The person and their factors, where they are signed in and have just proved what they have: see
    /// [`require_proof`].
    ///
    /// # Errors
    /// [`AuthError::StepUpRequired`]; [`AuthError::InvalidToken`] for half a sign-in.
    pub async fn proved(&self, app: &App, now: Time) -> AuthResult<(User, Vec<Factor>)> {
        match self {
            Self::Half(..) => Err(AuthError::InvalidToken),
            Self::Full(caller) => Ok((caller.user.clone(), require_proof(app, caller, now).await?)),
            Self::Browser(held) => Ok((held.user.clone(), require_proof_of(app, held, now).await?)),
        }
    }

    /// The session, where there is one.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Half(..) => None,
            Self::Full(caller) => Some(&caller.session),
            Self::Browser(held) => Some(&held.session),
        }
    }

    /// What was shown before (amr values) that a further factor stands beside: the first factor.
    #[must_use]
    pub fn shown(&self) -> Vec<String> {
        match self {
            Self::Half(_, login) => login.shown.clone(),
            Self::Full(caller) => evidence::first_factor(&caller.session.proof.amr),
            Self::Browser(held) => evidence::first_factor(&held.session.proof.amr),
        }
    }

    /// What codes that are sent to the person, and challenges, are bound to: this half sign-in, or this session.
    #[must_use]
    pub fn challenge(&self) -> String {
        match self {
            Self::Half(token, _) => format!("login:{}", token.hash().to_text()),
            Self::Full(caller) => format!("session:{}", caller.session.sid),
            Self::Browser(held) => format!("session:{}", held.session.sid),
        }
    }
}

/// Everything that a person's factors may be changed after: a proof of the present second factor
/// at most five minutes old, or, of somebody who has none, of the password. Their factors.
///
/// # Errors
/// [`AuthError::StepUpRequired`].
pub async fn require_proof(app: &App, caller: &Caller, now: Time) -> AuthResult<Vec<Factor>> {
    let factors = app.identity.list_factors(caller.user.id).await?;
    caller.require(level_for_changes(&factors), FRESH, now)?;
    Ok(factors)
}

/// As [`require_proof`], of what a browser holds.
///
/// # Errors
/// [`AuthError::StepUpRequired`].
pub async fn require_proof_of(
    app: &App,
    held: &BrowserSession,
    now: Time,
) -> AuthResult<Vec<Factor>> {
    let factors = app.identity.list_factors(held.user.id).await?;
    held.require(level_for_changes(&factors), FRESH, now)?;
    Ok(factors)
}

fn level_for_changes(factors: &[Factor]) -> Level {
    if usable_methods(factors).is_empty() { Level::OneFactor } else { Level::TwoFactor }
}

/// The half sign-in of an `mfaToken`, at the surface that began it and no other, and where
/// `outstanding` is given, with just that outstanding.
///
/// # Errors
/// [`AuthError::InvalidToken`].
pub async fn half_signed_in(
    app: &App,
    token: &str,
    client_id: &str,
    outstanding: Option<Outstanding>,
) -> AuthResult<Standing> {
    let token = OpaqueToken::parse(TokenKind::Mfa, token).ok_or(AuthError::InvalidToken)?;
    let login = app.sessions.find_login(&token.hash(), app.clock.now()).await?;
    let login = login.filter(|login| {
        login.client_id == client_id
            && outstanding.is_none_or(|outstanding| login.outstanding == outstanding)
    });
    let login = login.ok_or(AuthError::InvalidToken)?;
    half_signed_in_person(app, &login).await?;
    Ok(Standing::Half(token, Box::new(login)))
}

/// Whose half sign-in it is, as they stand now in the tenant it is for. What ends everything of a
/// person ends what they have half begun, and a change of password or factors what was begun before it:
/// whichever clocks were read meanwhile.
///
/// # Errors
/// [`AuthError::InvalidToken`].
pub async fn half_signed_in_person(app: &App, login: &PendingLogin) -> AuthResult<User> {
    let subject = app.identity.find_subject(login.user_id, Uuid::nil()).await?;
    let subject = subject.filter(|subject| {
        subject.user.status == UserStatus::Active
            && subject.user_cut_off.as_ref().is_none_or(|cut| cut.at < login.created_at)
            && subject.user.password_changed_at == login.password_changed_at
            && subject.user.factor_epoch == login.factor_epoch
    });
    subject
        .and_then(|subject| in_tenant(&subject.user, &subject.memberships, &login.tenant_id))
        .ok_or(AuthError::InvalidToken)
}

/// Gives half a sign-in up.
///
/// # Errors
/// When the store fails.
pub async fn give_up(app: &App, standing: &Standing) -> AuthResult<()> {
    if let Standing::Half(token, _) = standing {
        app.sessions.consume_login(&token.hash(), app.clock.now()).await?;
    }
    Ok(())
}
