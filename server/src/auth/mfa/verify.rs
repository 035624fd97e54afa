//! Proving a second factor: the end of a sign-in, or a step up.

use std::time::Duration;

use jwks::{
    Time,
    policy::{Level, Method},
};
use serde_json::{Value, json};

use super::{
    Standing, backup,
    evidence::{Evidence, is_of_wrong_model},
    offered_here, passkey, sent, totp,
};
use crate::{
    app::App,
    auth::{
        bearer::FRESH,
        browser::{self, Browser},
        devices,
        error::{AuthError, AuthResult, FieldProblem},
        login::{
            Completion, HalfSignedIn, Held, SignedIn, TokenSet, begin, complete, find_open_site,
            mint_for, new_family, offered, policy_for, usable_methods,
        },
        origin::Origin,
        throttle, warnings,
    },
    domain::{
        audit::Action,
        factor::Factor,
        login::{Outstanding, PendingLogin},
        secret::OpaqueToken,
        session::{Proof, Session},
        user::User,
    },
    letters::news,
    store::identity::{Consumed, Guess},
};

/// What somebody proves a factor with.
pub struct Answer<'a> {
    /// What they gave.
    pub given: Given<'a>,
    /// Which method; `None`: the one that looks like.
    pub method: Option<Method>,
    /// The site the tokens are for; `None`: the one named at sign-in.
    pub site_key: Option<&'a str>,
    /// Whether the device it is proved on is to be trusted.
    pub trust_device: bool,
    /// The browser that half a sign-in goes on in; `None`: a caller that takes tokens.
    pub browser: Option<&'a Browser>,
}

/// What proves a factor.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// A code, as typed.
    Code(&'a str),
    /// What a passkey or security key answered: `PublicKeyCredential` in JSON (WebAuthn Level 3
    /// section 5.1, `toJSON`).
    Credential(&'a Value),
    /// Neither: that something is missing is said to whoever may ask.
    Nothing,
}

impl<'a> Given<'a> {
    /// The code, where one is to be given.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] when it was not.
    pub fn code(self) -> AuthResult<&'a str> {
        match self {
            Self::Code(code) => Ok(code),
            Self::Credential(_) | Self::Nothing => Err(missing("code")),
        }
    }

    /// What a passkey answered, where one is to answer.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] when none did.
    pub fn credential(self) -> AuthResult<&'a Value> {
        match self {
            Self::Credential(credential) => Ok(credential),
            Self::Code(_) | Self::Nothing => Err(missing("credential")),
        }
    }
}

fn missing(field: &'static str) -> AuthError {
    AuthError::Invalid(vec![FieldProblem::new(field, "is missing")])
}

/// What came of a right answer.
pub struct Proved {
    /// What is held of the session; or half a sign-in that sets up a factor, where the one that was proved is not
    /// enough.
    pub signed_in: SignedIn,
    /// Where the device is trusted from now on: its token.
    pub device: Option<OpaqueToken>,
}

/// Proves a second factor, and ends the sign-in or steps the session up.
///
/// # Errors
/// [`AuthError::WrongCode`], [`AuthError::FactorLocked`], [`AuthError::TooMany`];
/// [`AuthError::InvalidToken`] when the half sign-in was used up meanwhile;
/// [`AuthError::StepUpRequired`] for tokens of a site that does not count passkeys of this model.
pub async fn verify(
    app: &App,
    origin: &Origin,
    standing: Standing,
    answer: Answer<'_>,
) -> AuthResult<Proved> {
    let now = app.clock.now();
    let site_key = answer.site_key.map(ToOwned::to_owned).or_else(|| match &standing {
        Standing::Half(_, login) => login.site_key.clone(),
        Standing::Full(_) | Standing::Browser(_) => None,
    });
    let site = find_open_site(app, site_key.as_deref()).await?;
    let user = standing.person(app).await?;
    let factors = app.identity.list_factors(user.id).await?;
    let asked = policy_for(app, site.as_ref()).without_rules();
    let usable = usable_methods(&factors);
    let methods = match (&standing, &site) {
        // Of the account itself every factor is one.
        (Standing::Full(_) | Standing::Browser(_), None) => usable,
        _ => offered(&asked, usable),
    };
    let method = answer.method.unwrap_or_else(|| match answer.given {
        Given::Code(code) => likely_method(code, &methods),
        Given::Credential(_) => Method::Hardware,
        Given::Nothing => methods.first().copied().unwrap_or(Method::Totp),
    });
    if !methods.contains(&method) {
        return Err(AuthError::MethodNotOffered(methods));
    }
    let challenge = standing.challenge();
    let evidence = if method == Method::Hardware {
        let credential = answer.given.credential()?;
        passkey::prove(app, origin, &user, &factors, &challenge, credential, now).await?
    } else {
        let code = answer.given.code()?;
        let guess = At { user: &user, method, challenge: &challenge, code };
        prove(app, origin, &factors, &guess, now).await?;
        Evidence::of_code(method)
    };
    let proof = evidence.beside(&standing.shown(), now);
    let held = match standing {
        Standing::Half(token, _) => {
            // Exactly one of those who prove a factor for this half sign-in ends it.
            let login = app.sessions.consume_login(&token.hash(), now).await?;
            let login = login.ok_or(AuthError::InvalidToken)?;
            let can_be_enough = || offered_here(app).iter().any(|other| asked.counts(*other));
            if !evidence.is_enough(&asked) && can_be_enough() {
                let login = PendingLogin { shown: proof.amr, ..login };
                let half = enrol_another(app, login, site_key, now).await?;
                return Ok(Proved { signed_in: SignedIn::Half(half), device: None });
            }
            let completion = Completion {
                user: user.clone(),
                proof,
                remember: login.remember,
                site: site.as_ref(),
                browser: answer.browser,
            };
            complete(app, origin, completion, now).await?
        }
        Standing::Full(caller) => {
            if is_of_wrong_model(&asked, &proof) {
                let acr = asked.require.level().unwrap_or(Level::TwoFactor);
                return Err(AuthError::StepUpRequired { acr, max_age: FRESH });
            }
            let (user, session) = (user.clone(), &caller.session);
            let tokens = raise(app, origin, user, session, proof, site.as_ref(), now).await?;
            Held::Tokens(Box::new(tokens))
        }
        Standing::Browser(held) => {
            let raised = browser::raise(app, origin, &user, &held, &proof, now).await?;
            Held::Browser(Box::new(raised))
        }
    };
    let device = match answer.trust_device {
        true => Some(devices::trust(app, origin, &user, user.factor_epoch, now).await?),
        false => None,
    };
    Ok(Proved { signed_in: SignedIn::Whole(held), device })
}

/// Half a sign-in that goes on: a factor was proved, and one that is enough is to be set up while
/// that proof is fresh.
async fn enrol_another(
    app: &App,
    login: PendingLogin,
    site_key: Option<String>,
    now: Time,
) -> AuthResult<HalfSignedIn> {
    let fresh_until = now.plus(Duration::from_secs(FRESH));
    let login = PendingLogin {
        outstanding: Outstanding::Enrol,
        site_key,
        methods: Vec::new(),
        factor_proved_at: Some(now),
        expires_at: fresh_until.min(login.expires_at),
        ..login
    };
    begin(app, login, now).await
}

/// Gives a session a new proof, and tokens that show it. The refresh tokens issued before at this
/// surface are dead: who held one does not rise with the session.
///
/// # Errors
/// [`AuthError::InvalidToken`] when the session ended meanwhile.
pub async fn raise(
    app: &App,
    origin: &Origin,
    user: User,
    session: &Session,
    proof: Proof,
    site: Option<&jwks::site::Site>,
    now: Time,
) -> AuthResult<TokenSet> {
    let details = json!({ "sid": session.sid, "amr": proof.amr, "step_up": true });
    let event = origin.event(Action::LoginSuccess, Some(&user), now, details);
    app.identity.append_event(&event).await?;
    let (refresh_token, family) = new_family(app, session, &origin.client_id, now);
    let session = app
        .sessions
        .raise_session(user.id, session.sid, &proof, &family, now)
        .await?
        .ok_or(AuthError::InvalidToken)?;
    let minted = mint_for(app, &user, &session, site, &origin.client_id, now).await?;
    Ok(TokenSet::of(user, refresh_token, minted))
}

/// A guess: whose, at which method, for which challenge.
struct At<'g> {
    user: &'g User,
    method: Method,
    challenge: &'g str,
    code: &'g str,
}

/// Proves one of a person's factors: counted, judged, consumed.
async fn prove(
    app: &App,
    origin: &Origin,
    factors: &[Factor],
    guess: &At<'_>,
    now: Time,
) -> AuthResult<()> {
    let At { user, method, .. } = *guess;
    let of_method = factors.iter().filter(|f| f.is_confirmed() && f.method == method);
    let mut refusal = AuthError::WrongCode;
    let mut missed = Vec::new();
    // Somebody may have several authenticators; a code is tried at each, and counted at each.
    for factor in of_method {
        let counted = match count(app, origin, user, factor, now).await {
            Ok(counted) => counted,
            // One locked authenticator does not lock its neighbours.
            Err(error @ (AuthError::FactorLocked | AuthError::TooMany { .. })) => {
                refusal = error;
                continue;
            }
            Err(error) => return Err(error),
        };
        if !is_right(app, factor, guess, now).await? {
            missed.push((factor, counted));
            continue;
        }
        counted.forgive(app).await?;
        // A right code of one is no guess at another.
        for (other, counted) in missed {
            app.identity.forgive_guess(other.id, counted.known).await?;
            counted.forgive(app).await?;
        }
        if factor.method == Method::BackupCode {
            warnings::tell(app, news::backup_code_used(user), now).await?;
        }
        return Ok(());
    }
    // As with passwords, what was not judged is no event: the log must not grow without bounds.
    if !missed.is_empty() {
        let details = json!({ "reason": "code", "method": method.as_str() });
        let event = origin.event(Action::LoginFailed, Some(user), now, details);
        app.identity.append_event(&event).await?;
    }
    Err(refusal)
}

/// Judges a code by consuming it: right is what was consumed by this very call.
async fn is_right(app: &App, factor: &Factor, guess: &At<'_>, now: Time) -> AuthResult<bool> {
    let code = guess.code;
    let consumed = match factor.method {
        Method::Totp => {
            let secret = app.sealer.open(&totp::sealed_name(factor), &factor.sealed_secret)?;
            match totp::matching_step(&secret, code, now) {
                Some(step) => app.identity.consume_totp_step(factor.id, step, now).await?,
                None => Consumed::Gone,
            }
        }
        Method::BackupCode => consume_backup_code(app, factor, code, now).await?,
        Method::EmailOtp | Method::Sms => {
            let At { user, challenge, .. } = guess;
            let is_right = sent::consume(app, user, factor, challenge, code, now).await?;
            if is_right {
                app.identity.use_factor(factor.id, now).await?;
            }
            return Ok(is_right);
        }
        // Passkeys answer by no code.
        Method::Hardware => Consumed::Gone,
    };
    Ok(consumed == Consumed::Consumed)
}

/// A guess that was counted.
struct CountedGuess {
    /// For the window.
    tries: Vec<throttle::Counted>,
    /// In which row of guesses: that of known devices, or that of all others.
    known: bool,
}

impl CountedGuess {
    /// Takes the try back: it was right. The row of guesses ends where the factor is used.
    async fn forgive(self, app: &App) -> AuthResult<()> {
        throttle::forgive_all(app, self.tries).await
    }
}

/// Counts a code before it is judged: for the window, and in a row for good.
async fn count(
    app: &App,
    origin: &Origin,
    user: &User,
    factor: &Factor,
    now: Time,
) -> AuthResult<CountedGuess> {
    let tries = throttle::count_code(app, origin, user, factor.id, now).await?;
    let known = origin.known.as_ref().is_some_and(|known| known.is_of(user));
    let limit = app.config.limits.code_lock;
    match app.identity.count_guess(factor.id, known, limit).await? {
        Guess::Counted(guesses) => {
            if guesses == limit {
                let method = factor.method.as_str();
                let details = json!({ "factor": factor.id, "method": method, "known": known });
                let event = origin.event(Action::AccountLocked, Some(user), now, details);
                app.identity.append_event(&event).await?;
                warnings::tell(app, news::factor_locked(user, method), now).await?;
            }
            Ok(CountedGuess { tries, known })
        }
        Guess::Locked => Err(AuthError::FactorLocked),
        Guess::Gone => Err(AuthError::WrongCode),
    }
}

async fn consume_backup_code(
    app: &App,
    factor: &Factor,
    typed: &str,
    now: Time,
) -> AuthResult<Consumed> {
    let read = backup::read(typed);
    let row = match &read {
        Some((prefix, _)) => app.identity.find_backup_code(factor.id, prefix).await?,
        None => None,
    };
    // One guess costs one hash, whether or not the prefix selects a row.
    let code = read.as_ref().map_or("", |(_, code)| code.as_str());
    let stored = row.as_ref().map(|row| row.hash.as_str());
    let compared = app.hasher.compare(code, stored).await?;
    match row {
        Some(row) if compared.matches => {
            Ok(app.identity.consume_backup_code(factor.id, &row.prefix, now).await?)
        }
        _ => Ok(Consumed::Gone),
    }
}

/// What a code looks like: six digits may come from an authenticator or have been sent, and are judged
/// as the person's authenticator's where they have one, else as of the first method whose codes are
/// sent: one code is one guess.
fn likely_method(code: &str, methods: &[Method]) -> Method {
    if backup::read(code).is_some() {
        return Method::BackupCode;
    }
    let sent = methods.iter().copied().find(|method| sent::is_sent(*method));
    sent.filter(|_| !methods.contains(&Method::Totp)).unwrap_or(Method::Totp)
}
