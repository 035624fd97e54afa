//! Sign-in with a passkey alone: it says who they are, and its owner has shown it who they are.

use std::time::Duration;

use jwks::{
    policy::Method,
    site::{Site, SiteStatus},
};
use serde_json::{Value, json};

use super::{
    bearer::FRESH,
    browser::Browser,
    error::{AuthError, AuthResult},
    login::{Completion, SignedIn, begin, complete, find_site, policy_for, usable_methods},
    mfa::{
        ceremony::Ceremony,
        evidence::Evidence,
        offered_here, passkey,
        webauthn::{self, LIFE},
    },
    origin::Origin,
    tenants, throttle,
};
use crate::{
    app::App,
    domain::{
        audit::Action,
        factor::Factor,
        login::{Outstanding, PendingLogin},
        passkey::Passkey,
        user::{User, UserStatus},
    },
};

/// A passkey that is asked for.
pub struct Asked {
    /// The options of `navigator.credentials.get`.
    pub options: Value,
    /// How long it may be answered, seconds.
    pub expires_in: u64,
}

/// What somebody signs in with.
pub struct SignIn<'s> {
    /// What their passkey answered.
    pub credential: &'s Value,
    /// What it was asked with besides the challenge: see [`ask`].
    pub bound_to: &'s str,
    /// Whether the session outlives a working day.
    pub remember: bool,
    /// The site the tokens are for.
    pub site_key: Option<String>,
    /// The tenant to act in; `None`: their own.
    pub tenant_id: Option<String>,
    /// The browser they sign in with; `None`: a caller that takes tokens.
    pub browser: Option<&'s Browser>,
}

/// Asks for a passkey of nobody in particular. `bound_to`: what whoever was asked shows besides the
/// challenge when they answer, as the name of their browser; "" for those who hold the challenge
/// alone.
///
/// # Errors
/// [`AuthError::TooMany`] when too many were asked for.
pub async fn ask(app: &App, origin: &Origin, bound_to: &str) -> AuthResult<Asked> {
    let now = app.clock.now();
    throttle::count_passkey_challenge(app, origin, now).await?;
    // Alone it must be two factors: it verifies its owner, or is none at all.
    let asked = app.relying_party.ask(&[], true)?;
    Ceremony::SignIn(bound_to).begin(app, &asked, now).await?;
    Ok(Asked { options: asked.options, expires_in: LIFE.as_secs() })
}

/// Signs somebody in by their passkey. Where that is no factor that counts, the answer is half a
/// sign-in, as after a password.
///
/// Wrong answers are counted by device or network, and neither by account nor by factor: nobody guesses
/// a signature, and whatever others did to the account, its owner gets in (rule 22).
///
/// # Errors
/// [`AuthError::WrongCredentials`] for every answer that is wrong, and every account that may not sign
/// in; [`AuthError::Forbidden`] for a site that is switched off, or a tenant that is not theirs.
pub async fn sign_in(app: &App, origin: &Origin, request: SignIn<'_>) -> AuthResult<SignedIn> {
    let now = app.clock.now();
    let SignIn { credential, bound_to, remember, site_key, tenant_id, browser } = request;
    let site = find_site(app, site_key.as_deref()).await?;
    let counted = throttle::count_passkey(app, origin, now).await?;
    let state = Ceremony::SignIn(bound_to).finish(app, credential, now).await?;
    let claimed = claimed(app, credential).await?;
    let judged = match (&state, &claimed) {
        (Some(state), Some(Claimed { passkey, user, .. }))
            if user.status == UserStatus::Active
                && webauthn::owner_of(credential) == Some(user.id) =>
        {
            passkey::judge(app, state, credential, passkey, now).await?
        }
        (None, _) => Err("challenge"),
        _ => Err("passkey"),
    };
    let (evidence, Claimed { user, factors, .. }) = match (judged, claimed) {
        (Ok(evidence), Some(claimed)) => (evidence, claimed),
        (judged, claimed) => {
            let details = json!({
                "reason": judged.err().unwrap_or("passkey"), "method": Method::Hardware.as_str(),
            });
            let user = claimed.as_ref().map(|claimed| &claimed.user);
            let event = origin.event(Action::LoginFailed, user, now, details);
            app.identity.append_event(&event).await?;
            return Err(AuthError::WrongCredentials);
        }
    };
    // It was asked to verify its owner, and it did.
    let proof = evidence.alone(now).ok_or(AuthError::WrongCredentials)?;
    counted.forgive(app).await?;
    if site.as_ref().is_some_and(|site| site.status == SiteStatus::Inactive) {
        return Err(AuthError::Forbidden);
    }
    let user = tenants::enter(app, &user, tenant_id.as_deref()).await?;
    if let Some((outstanding, methods)) = missing(app, site.as_ref(), &evidence, &factors) {
        let life = Duration::from_secs(app.config.tokens.login_ttl);
        let life = match outstanding {
            Outstanding::Verify => life,
            Outstanding::Enrol => life.min(Duration::from_secs(FRESH)),
        };
        let login = PendingLogin {
            site_key,
            methods,
            shown: proof.amr,
            factor_proved_at: (outstanding == Outstanding::Enrol).then_some(now),
            remember,
            ..PendingLogin::begun(&user, outstanding, &origin.client_id, life, now)
        };
        return begin(app, login, now).await.map(SignedIn::Half);
    }
    let completion = Completion { user, proof, remember, site: site.as_ref(), browser };
    match complete(app, origin, completion, now).await {
        Ok(held) => Ok(SignedIn::Whole(held)),
        // The password or a factor was another one by the time the session was open.
        Err(AuthError::InvalidToken) => Err(AuthError::WrongCredentials),
        Err(error) => Err(error),
    }
}

/// Whose passkey answers, as it says.
struct Claimed {
    passkey: Passkey,
    user: User,
    factors: Vec<Factor>,
}

async fn claimed(app: &App, credential: &Value) -> AuthResult<Option<Claimed>> {
    let Some(id) = webauthn::credential_id_of(credential) else { return Ok(None) };
    let Some(passkey) = app.identity.find_passkey(&id).await? else { return Ok(None) };
    let Some(user) = app.identity.find_user(passkey.user_id).await? else { return Ok(None) };
    let factors = app.identity.list_factors(user.id).await?;
    Ok(Some(Claimed { passkey, user, factors }))
}

/// What is missing where the tokens will be for, and by what it can be shown: nothing, but where a
/// passkey, or one of this model, does not count.
fn missing(
    app: &App,
    site: Option<&Site>,
    evidence: &Evidence,
    factors: &[Factor],
) -> Option<(Outstanding, Vec<Method>)> {
    let asked = policy_for(app, site).without_rules();
    if evidence.is_enough(&asked) {
        return None;
    }
    let mut others = usable_methods(factors);
    others.retain(|method| asked.counts(*method));
    // Of the same method there may be another one that counts.
    let has_others = others.iter().any(|method| *method != Method::Hardware);
    if has_others {
        return Some((Outstanding::Verify, others));
    }
    let can_be_enough = offered_here(app).iter().any(|method| asked.counts(*method));
    can_be_enough.then_some((Outstanding::Enrol, Vec::new()))
}
