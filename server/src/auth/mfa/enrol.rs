//! Setting up a factor, and confirming it: only then does it count (rule 24).

use jwks::{
    Time,
    cutoff::CutOff,
    policy::{Method, WebAuthn},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Standing, backup, evidence::Evidence, offered_here, passkey, sent, sms, totp, verify::Given,
};
use crate::{
    app::App,
    auth::{
        bearer::FRESH,
        browser::{self, Browser},
        devices,
        error::{AuthError, AuthResult, PROOF_CHANGED},
        login::{
            Completion, Held, complete, find_open_site, find_site, offered, policy_for,
            usable_methods,
        },
        origin::Origin,
        sent_code::Sent,
        sessions::{end_all, endings},
        throttle, warnings,
    },
    clock::new_id,
    domain::{
        audit::Action,
        factor::{Factor, NAME_LIMIT, is_name},
        secret::OpaqueToken,
        user::User,
    },
    letters::news,
    store::identity::{self as store, Confirmed},
};

/// A factor to be confirmed.
pub struct SetUp {
    /// Which one.
    pub factor_id: Uuid,
    /// What its code will come from.
    pub source: Source,
    /// With a person's first factor: backup codes, valid from its confirmation.
    pub backup_codes: Option<Vec<String>>,
}

/// What is to be set up.
#[derive(Clone, Copy)]
pub struct Wanted<'w> {
    /// The method.
    pub method: Method,
    /// The number for codes by SMS, as typed; `None`: the person's own, if they have proved it.
    pub phone: Option<&'w str>,
    /// Where somebody who is signed in is on their way to; half a sign-in knows its own.
    pub site_key: Option<&'w str>,
}

impl Wanted<'_> {
    /// A factor of which nothing else need be said.
    #[must_use]
    pub const fn of(method: Method) -> Self {
        Self { method, phone: None, site_key: None }
    }
}

/// Where the first proof of a new factor comes from.
pub enum Source {
    /// An authenticator, which takes this.
    Authenticator(totp::NewTotp),
    /// The first code is on its way, by mail or by SMS.
    Sent(Sent),
    /// A passkey or security key, which is made by these options of `navigator.credentials.create`.
    Passkey(Value),
}

/// How a confirmation ended: the factor counts now.
pub struct Enrolled {
    /// Its method.
    pub method: Method,
    /// Where a sign-in waited for it, or a browser's session rose with it: what is held of that.
    pub held: Option<Held>,
    /// Where the device is trusted from now on: its token.
    pub device: Option<OpaqueToken>,
}

/// What a factor is confirmed with.
pub struct Confirmation<'c> {
    /// Which one the person was shown; `None`: whichever waits.
    pub factor_id: Option<Uuid>,
    /// Its method.
    pub method: Method,
    /// A code of it; or what the new passkey answered.
    pub given: Given<'c>,
    /// What to call it.
    pub name: Option<&'c str>,
    /// Where somebody who is signed in is on their way to; half a sign-in knows its own.
    pub site_key: Option<&'c str>,
    /// Whether the device it is confirmed on is to be trusted.
    pub trust_device: bool,
    /// The browser that half a sign-in goes on in; `None`: a caller that takes tokens.
    pub browser: Option<&'c Browser>,
}

/// Sets up a factor, which counts only once it is confirmed.
///
/// # Errors
/// [`AuthError::StepUpRequired`] without a proof of the present second factor (or, having none,
/// of the password) at most five minutes old; [`AuthError::AddressNotVerified`] for codes to an
/// address that nobody has proved; [`AuthError::Conflict`] for a second factor by mail or by SMS;
/// [`AuthError::Invalid`] for what is no telephone number; [`AuthError::TooMany`] when too many codes
/// were sent.
pub async fn set_up(
    app: &App,
    origin: &Origin,
    standing: &Standing,
    wanted: Wanted<'_>,
) -> AuthResult<SetUp> {
    let method = wanted.method;
    let now = app.clock.now();
    let (user, factors) = owner(app, standing, now).await?;
    is_offered(app, standing, method).await?;
    let mut factor = Factor {
        id: new_id(now),
        user_id: user.id,
        method,
        name: "Authenticator app".to_owned(),
        sealed_secret: Vec::new(),
        confirmed_at: None,
        created_at: now,
        last_used_at: None,
        last_step: None,
        guesses_in_a_row: 0,
    };
    let source = if method == Method::Hardware {
        "Passkey".clone_into(&mut factor.name);
        throttle::count_enrolment(app, user.id, now).await?;
        let asked = passkey_policy(app, standing, wanted.site_key).await?;
        Source::Passkey(passkey::ask_for_new(app, &user, standing, &factor, &asked, now).await?)
    } else if sent::is_sent(method) {
        if !standing.recovers() {
            one_of(&factors, method)?;
        }
        if method == Method::Sms {
            sms::keep(app, &mut factor, &sms::read(app, &user, wanted.phone)?)?;
        } else {
            if user.email_verified_at.is_none() {
                return Err(AuthError::AddressNotVerified);
            }
            "Codes by mail".clone_into(&mut factor.name);
        }
        throttle::count_enrolment(app, user.id, now).await?;
        let challenge = standing.challenge();
        Source::Sent(sent::send(app, origin, &user, &factor, &challenge, now).await?)
    } else {
        throttle::count_enrolment(app, user.id, now).await?;
        let new = totp::generate(app, &user.email)?;
        factor.sealed_secret = app.sealer.seal(&totp::sealed_name(&factor), &new.secret)?;
        Source::Authenticator(new)
    };
    let factor_id = factor.id;
    let first = usable_methods(&factors).is_empty() || standing.recovers();
    if first {
        let codes = backup::generate(app, user.id, now).await?;
        app.identity.enrol_factors(user.id, &[factor, codes.factor], &codes.rows).await?;
        Ok(SetUp { factor_id, source, backup_codes: Some(codes.shown) })
    } else {
        app.identity.enrol_factors(user.id, &[factor], &[]).await?;
        Ok(SetUp { factor_id, source, backup_codes: None })
    }
}

/// Confirms a factor by its code. A sign-in that was waiting for one is complete then.
///
/// # Errors
/// [`AuthError::Invalid`] without what the method is proved with; [`AuthError::WrongCode`], counted as every other guess; [`AuthError::NotFound`] when there is
/// nothing to confirm, or another one waits; where the person's factors or password changed meanwhile,
/// [`AuthError::Conflict`], or of half a sign-in [`AuthError::InvalidToken`]; as [`find_open_site`]
/// for the site that a sign-in waits for.
pub async fn confirm(
    app: &App,
    origin: &Origin,
    standing: Standing,
    confirmation: Confirmation<'_>,
) -> AuthResult<Enrolled> {
    let now = app.clock.now();
    let Confirmation { factor_id, method, given, name, site_key, trust_device, browser } =
        confirmation;
    let name = judge_name(name)?;
    let (user, factors) = owner(app, &standing, now).await?;
    is_offered(app, &standing, method).await?;
    // Before anything is judged or spent: a site that is switched off gets no tokens.
    let site = match &standing {
        Standing::Half(_, login) => find_open_site(app, login.site_key.as_deref()).await?,
        Standing::Full(_) | Standing::Browser(_) => None,
    };
    let factor = pending(&factors, method);
    let factor = factor.filter(|factor| factor_id.is_none_or(|id| id == factor.id));
    let factor = factor.ok_or(AuthError::NotFound)?;
    // What is missing is no guess.
    if method == Method::Hardware {
        given.credential()?;
    } else {
        given.code()?;
    }
    let counted = throttle::count_confirmation(app, user.id, now).await?;
    let replaces = standing.recovers();
    let (mut step, mut passkey) = (None, None);
    let evidence = match method {
        Method::Hardware => {
            let answer = given.credential()?;
            let asked = passkey_policy(app, &standing, site_key).await?;
            let new = passkey::judge_new(app, &user, &standing, factor, answer, &asked, now);
            let (new, evidence) = new.await?;
            passkey = Some(new);
            evidence
        }
        Method::EmailOtp | Method::Sms => {
            if !replaces {
                one_of(&factors, method)?;
            }
            let (challenge, code) = (standing.challenge(), given.code()?);
            if !sent::consume(app, &user, factor, &challenge, code, now).await? {
                return Err(AuthError::WrongCode);
            }
            Evidence::of_code(method)
        }
        Method::Totp => {
            let secret = app.sealer.open(&totp::sealed_name(factor), &factor.sealed_secret)?;
            let spent = totp::matching_step(&secret, given.code()?, now);
            step = Some(spent.ok_or(AuthError::WrongCode)?);
            Evidence::of_code(method)
        }
        Method::BackupCode => return Err(AuthError::WrongCode),
    };
    let proves_phone = match method {
        Method::Sms => Some(sms::number(app, factor)?.as_str().to_owned()),
        _ => None,
    };
    // Who had lost every factor is signed out wherever somebody else may be.
    let ending = match replaces {
        true => endings(app, user.id, None, now).await?,
        false => Vec::new(),
    };
    let (sids, cut_offs): (Vec<Uuid>, Vec<CutOff>) = ending.iter().cloned().unzip();
    let details = json!({
        "factor": factor.id, "method": method.as_str(), "recovered": replaces, "sids": sids,
    });
    // The factor names the act: a retried confirmation adds no second row.
    let event = origin.event_of(factor.id, Action::MfaEnabled, Some(user.id), now, details);
    let confirmation = store::Confirmation {
        user_id: user.id,
        id: factor.id,
        expected_epoch: user.factor_epoch,
        name: name.map(ToOwned::to_owned),
        step,
        replaces,
        proves_phone,
        passkey,
        cut_offs,
    };
    match app.identity.confirm_factor(&confirmation, now, &event).await? {
        Confirmed::Confirmed => {}
        Confirmed::Already => return Err(AuthError::Conflict("the factor is confirmed already")),
        Confirmed::Gone => return Err(AuthError::NotFound),
        Confirmed::Taken => return Err(AuthError::Conflict("the passkey is set up already")),
        Confirmed::Overtaken => {
            return Err(match standing {
                // What was begun before that change ends with it.
                Standing::Half(..) => AuthError::InvalidToken,
                Standing::Full(_) | Standing::Browser(_) => AuthError::Conflict(PROOF_CHANGED),
            });
        }
    }
    counted.forgive(app).await?;
    if replaces {
        end_all(app, origin, user.id, None, &ending, now).await?;
        let gone: Vec<Factor> = factors.iter().filter(|old| old.is_confirmed()).cloned().collect();
        warnings::tell(app, news::factors_recovered(&user, &gone, now), now).await?;
    }
    warnings::tell(app, news::factor_added(&user, method.as_str()), now).await?;
    // The confirmation has raised it. Anything else that did makes of the device what it was.
    let epoch = user.factor_epoch + 1;
    let risen = User { factor_epoch: epoch, ..user.clone() };
    let proof = evidence.beside(&standing.shown(), now);
    let held = match standing {
        Standing::Full(_) => None,
        Standing::Half(token, _) => {
            let login = app.sessions.consume_login(&token.hash(), now).await?;
            let login = login.ok_or(AuthError::InvalidToken)?;
            let completion = Completion {
                user: risen,
                proof,
                remember: login.remember,
                site: site.as_ref(),
                browser,
            };
            Some(complete(app, origin, completion, now).await?)
        }
        // Its present proof and this code are two factors.
        Standing::Browser(held) => {
            let raised = browser::raise(app, origin, &risen, &held, &proof, now).await?;
            Some(Held::Browser(Box::new(raised)))
        }
    };
    let device = match trust_device {
        true => Some(devices::trust(app, origin, &user, epoch, now).await?),
        false => None,
    };
    Ok(Enrolled { method, held, device })
}

/// Whether a factor waits for its first code still: setting up another takes its place.
///
/// # Errors
/// When the store fails.
pub async fn waits(app: &App, user_id: Uuid, method: Method, factor_id: Uuid) -> AuthResult<bool> {
    let factors = app.identity.list_factors(user_id).await?;
    Ok(pending(&factors, method).is_some_and(|factor| factor.id == factor_id))
}

/// Who sets up a factor, if they may: half signed in and asked to, or signed in with a fresh proof
/// of what they have.
async fn owner(app: &App, standing: &Standing, now: Time) -> AuthResult<(User, Vec<Factor>)> {
    match standing {
        Standing::Half(_, login) => {
            let user = standing.person(app).await?;
            let factors = app.identity.list_factors(user.id).await?;
            // Whoever has a factor meanwhile proves it before setting up another.
            let is_proved = login
                .factor_proved_at
                .is_some_and(|at| now.since(at) <= std::time::Duration::from_secs(FRESH));
            if usable_methods(&factors).is_empty() || is_proved || standing.recovers() {
                Ok((user, factors))
            } else {
                Err(AuthError::InvalidToken)
            }
        }
        Standing::Full(_) | Standing::Browser(_) => standing.proved(app, now).await,
    }
}

/// What somebody may set up here, if they may: of half a sign-in, and where a site is named, what is
/// enough there.
///
/// # Errors
/// As [`find_site`].
pub async fn choices(
    app: &App,
    standing: &Standing,
    site_key: Option<&str>,
) -> AuthResult<Vec<Method>> {
    let here = offered_here(app);
    let site_key = match standing {
        Standing::Half(_, login) => login.site_key.as_deref(),
        Standing::Full(_) | Standing::Browser(_) if site_key.is_none() => return Ok(here),
        Standing::Full(_) | Standing::Browser(_) => site_key,
    };
    let site = find_site(app, site_key).await?;
    Ok(offered(&policy_for(app, site.as_ref()).without_rules(), here))
}

/// Half a sign-in sets up what is enough where it leads to.
async fn is_offered(app: &App, standing: &Standing, method: Method) -> AuthResult<()> {
    let methods = choices(app, standing, None).await?;
    if methods.contains(&method) { Ok(()) } else { Err(AuthError::MethodNotOffered(methods)) }
}

/// What is asked of passkeys where somebody who sets one up is on their way to.
async fn passkey_policy(
    app: &App,
    standing: &Standing,
    site_key: Option<&str>,
) -> AuthResult<WebAuthn> {
    let site_key = match standing {
        Standing::Half(_, login) => login.site_key.as_deref(),
        Standing::Full(caller) => site_key.or(caller.session.site_key.as_deref()),
        Standing::Browser(_) => site_key,
    };
    let site = find_site(app, site_key).await?;
    Ok(policy_for(app, site.as_ref()).webauthn.clone())
}

fn pending(factors: &[Factor], method: Method) -> Option<&Factor> {
    factors.iter().rev().find(|factor| factor.method == method && !factor.is_confirmed())
}

/// All mail goes to one address: a second factor by mail would be the first one. And of two numbers
/// one would get the codes.
fn one_of(factors: &[Factor], method: Method) -> AuthResult<()> {
    if !factors.iter().any(|factor| factor.method == method && factor.is_confirmed()) {
        return Ok(());
    }
    Err(AuthError::Conflict(match method {
        Method::Sms => "codes by SMS are set up already; remove them first",
        _ => "codes by mail are set up already",
    }))
}

/// What a factor may be called; blank is as good as nothing.
pub(super) fn judge_name(name: Option<&str>) -> AuthResult<Option<&str>> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    if name.is_none_or(is_name) {
        return Ok(name);
    }
    let text = format!("must have at most {NAME_LIMIT} characters, and no control characters");
    Err(AuthError::field("name", text))
}
