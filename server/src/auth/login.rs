//! Sign-in with a password, up to the tokens or to the second factor.

use std::time::Duration;

use jwks::{
    Time,
    effective::Effective,
    policy::{Level, Method, Policy},
    site::{Site, SiteStatus},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    browser::{self, Browser, BrowserSession},
    devices,
    error::{AuthError, AuthResult},
    known_device::KnownDevice,
    origin::Origin,
    places,
    refresh_token::FamilyName,
    sessions::{look_again, make_room},
    tenants, throttle,
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::Action,
        factor::Factor,
        login::{Outstanding, PendingLogin, login_key},
        secret::{OpaqueToken, TokenKind},
        session::{NewFamily, Proof, Session},
        user::{User, UserStatus},
    },
    tokens::{Grant, Holder, Minted, mint},
};

/// The most live sessions that one person has of one surface; a further one ends the one begun first.
pub const SESSIONS_KEPT: u32 = 100;

/// What somebody signs in with.
pub struct SignIn<'s> {
    /// Mail address or user name, as typed.
    pub login: String,
    /// Password, as typed.
    pub password: String,
    /// Whether the session outlives a working day.
    pub remember: bool,
    /// The site the tokens are for.
    pub site_key: Option<String>,
    /// What a trusted device was given.
    pub device_token: Option<String>,
    /// The tenant to act in; `None`: their own.
    pub tenant_id: Option<String>,
    /// The browser they sign in with; `None`: a caller that takes tokens.
    pub browser: Option<&'s Browser>,
}

/// How far a sign-in got.
pub enum SignedIn {
    /// All the way.
    Whole(Held),
    /// A second factor is outstanding, or has to be set up.
    Half(HalfSignedIn),
}

/// What somebody holds of the session that they are signed in to.
pub enum Held {
    /// A caller: its tokens.
    Tokens(Box<TokenSet>),
    /// A browser: what it is known by.
    Browser(Box<BrowserSession>),
}

impl Held {
    /// The tokens of a caller.
    ///
    /// # Errors
    /// [`AuthError::Internal`] for a browser.
    pub fn tokens(self) -> AuthResult<TokenSet> {
        match self {
            Self::Tokens(tokens) => Ok(*tokens),
            Self::Browser(_) => Err(AuthError::Internal("a browser holds no tokens".to_owned())),
        }
    }

    /// The session of a browser.
    ///
    /// # Errors
    /// [`AuthError::Internal`] for a caller that took tokens.
    pub fn browser(self) -> AuthResult<BrowserSession> {
        match self {
            Self::Browser(session) => Ok(*session),
            Self::Tokens(_) => Err(AuthError::Internal("no browser was signed in".to_owned())),
        }
    }
}

/// A sign-in that is complete but for its session.
pub struct Completion<'c> {
    /// The person, as they stand in the session's tenant.
    pub user: User,
    /// What they proved.
    pub proof: Proof,
    /// Whether the session outlives a working day.
    pub remember: bool,
    /// The site the tokens are for.
    pub site: Option<&'c Site>,
    /// The browser they sign in with; `None`: a caller that takes tokens.
    pub browser: Option<&'c Browser>,
}

/// Half a sign-in, as it is handed to the caller.
pub struct HalfSignedIn {
    /// The `mfaToken`.
    pub token: OpaqueToken,
    /// What counts; empty when a factor has to be set up first.
    pub methods: Vec<Method>,
    /// Life of the token, seconds.
    pub expires_in: u64,
}

/// Everything a signed-in caller gets.
pub struct TokenSet {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: OpaqueToken,
    /// The ID token.
    pub id_token: Option<String>,
    /// Life of the access token, seconds.
    pub expires_in: u64,
    /// The person, as they stand in the session's tenant.
    pub user: User,
}

/// What a right or wrong password leads to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Refused(&'static str),
    NotVerified,
    Factor(Vec<Method>),
    Enrol,
    Device,
    Open,
}

/// Signs somebody in with a password.
///
/// # Errors
/// [`AuthError::WrongCredentials`] for every account that may not sign in, in the same time;
/// [`AuthError::AddressNotVerified`] after the right password of a pending one.
pub async fn sign_in(app: &App, origin: &Origin, request: SignIn<'_>) -> AuthResult<SignedIn> {
    let now = app.clock.now();
    let site = find_site(app, request.site_key.as_deref()).await?;
    let key = login_key(&request.login);
    let user = app.identity.find_user_by_login(&key).await?;
    // One budget for one account, by whichever of its names it is called.
    let account = user.as_ref().map_or(key.as_str(), |user| &user.email_key);
    let device = devices::recognise(app, user.as_ref(), request.device_token.as_deref()).await?;
    let origin = &match (&user, &device) {
        // A change of the password raises the epoch, and leaves the device behind.
        (Some(user), Some(device)) if device.is_trusted_by(user, now) => {
            Origin { known: Some(KnownDevice::of(user, device.id)), ..origin.clone() }
        }
        _ => origin.clone(),
    };
    let counted = throttle::count_password(app, origin, account, user.as_ref(), now).await?;
    let stored = user.as_ref().and_then(|user| user.password_hash.as_deref());
    let compared = match app.hasher.compare(&request.password, stored).await {
        Ok(compared) => compared,
        // Nothing was judged: a crowd at the door must not use up the budget of an account.
        Err(busy) => {
            throttle::forgive_all(app, counted).await?;
            return Err(busy.into());
        }
    };
    let factors = match &user {
        Some(user) if compared.matches && user.status == UserStatus::Active => {
            app.identity.list_factors(user.id).await?
        }
        _ => Vec::new(),
    };
    let asked = policy_for(app, site.as_ref()).without_rules();
    let trusted = device.filter(|device| {
        user.as_ref().is_some_and(|user| device.is_trusted_by(user, now))
            && asked.counts_device(device.created_at, now)
    });
    let verdict = judge(user.as_ref(), compared.matches, &factors, &asked, trusted.is_some());

    // A right password of an account that may not sign in costs what a wrong one does.
    if !matches!(verdict, Verdict::Refused(_)) {
        throttle::forgive_all(app, counted).await?;
    }
    let user = match (verdict, user) {
        (Verdict::Refused(reason), user) => {
            let details = json!({ "reason": reason });
            let event = origin.event(Action::LoginFailed, user.as_ref(), now, details);
            app.identity.append_event(&event).await?;
            return Err(AuthError::WrongCredentials);
        }
        (Verdict::NotVerified, _) => return Err(AuthError::AddressNotVerified),
        (_, None) => return Err(AuthError::WrongCredentials),
        (verdict, Some(user)) => {
            if site.as_ref().is_some_and(|site| site.status == SiteStatus::Inactive) {
                return Err(AuthError::Forbidden);
            }
            let user = tenants::enter(app, &user, request.tenant_id.as_deref()).await?;
            // Another time will do where there is much to hash.
            if compared.outdated
                && let Some(old) = &user.password_hash
                && let Ok(new) = app.hasher.hash(&request.password).await
            {
                app.identity.renew_password_hash(user.id, old, &new).await?;
            }
            let half = match verdict {
                Verdict::Factor(methods) => Some((Outstanding::Verify, methods)),
                Verdict::Enrol => Some((Outstanding::Enrol, Vec::new())),
                Verdict::Device | Verdict::Open | Verdict::Refused(_) | Verdict::NotVerified => {
                    None
                }
            };
            if let Some((outstanding, methods)) = half {
                let life = Duration::from_secs(app.config.tokens.login_ttl);
                let login = PendingLogin {
                    site_key: request.site_key,
                    methods,
                    remember: request.remember,
                    ..PendingLogin::begun(&user, outstanding, &origin.client_id, life, now)
                };
                return begin(app, login, now).await.map(SignedIn::Half);
            }
            user
        }
    };
    let proof = match &trusted {
        Some(device) => {
            app.identity.touch_device(user.id, device.id, now).await?;
            devices::proof(device, now)
        }
        None => Proof {
            acr: Level::OneFactor,
            amr: vec!["pwd".to_owned()],
            auth_time: now,
            device_at: None,
            model: None,
        },
    };
    let SignIn { remember, browser, .. } = request;
    let completion = Completion { user, proof, remember, site: site.as_ref(), browser };
    match complete(app, origin, completion, now).await {
        Ok(held) => Ok(SignedIn::Whole(held)),
        // The password was another one by the time the session was open.
        Err(AuthError::InvalidToken) => Err(AuthError::WrongCredentials),
        Err(error) => Err(error),
    }
}

/// What is asked where the tokens will be for.
#[must_use]
pub fn policy_for<'p>(app: &'p App, site: Option<&'p Site>) -> &'p Policy {
    site.map_or(&app.config.policy.default, |site| &site.policy)
}

/// PURE: what the password leads to. `on_device`: from a trusted device that counts there.
fn judge(
    user: Option<&User>,
    matches: bool,
    factors: &[Factor],
    asked: &Effective<'_>,
    on_device: bool,
) -> Verdict {
    let Some(user) = user else {
        return Verdict::Refused("unknown");
    };
    if !matches {
        return Verdict::Refused("password");
    }
    match user.status {
        UserStatus::Disabled => return Verdict::Refused("disabled"),
        UserStatus::Blocked => return Verdict::Refused("blocked"),
        UserStatus::Pending => return Verdict::NotVerified,
        UserStatus::Active => {}
    }
    let methods = usable_methods(factors);
    if !methods.is_empty() {
        if on_device { Verdict::Device } else { Verdict::Factor(offered(asked, methods)) }
    } else if asked.require.level().is_some_and(|level| level >= Level::TwoFactor) {
        Verdict::Enrol
    } else {
        Verdict::Open
    }
}

/// PURE: of the methods somebody can prove, or set up, those that are enough where this is asked.
/// All of them where none is: whoever has a factor proves it before anything else.
#[must_use]
pub fn offered(asked: &Effective<'_>, methods: Vec<Method>) -> Vec<Method> {
    let enough: Vec<Method> =
        methods.iter().copied().filter(|method| asked.counts(*method)).collect();
    if enough.is_empty() { methods } else { enough }
}

/// The methods a person can prove, in the order they were set up, backup codes last. Backup codes
/// stand in for another factor and are none of their own.
#[must_use]
pub fn usable_methods(factors: &[Factor]) -> Vec<Method> {
    let confirmed = || factors.iter().filter(|factor| factor.is_confirmed());
    let mut methods: Vec<Method> = Vec::new();
    for factor in confirmed().filter(|factor| factor.method != Method::BackupCode) {
        if !methods.contains(&factor.method) {
            methods.push(factor.method);
        }
    }
    if !methods.is_empty() && confirmed().any(|factor| factor.method == Method::BackupCode) {
        methods.push(Method::BackupCode);
    }
    methods
}

/// The site a caller names, if any.
///
/// # Errors
/// [`AuthError::Invalid`] for a key that names none.
pub async fn find_site(app: &App, site_key: Option<&str>) -> AuthResult<Option<Site>> {
    let Some(key) = site_key else { return Ok(None) };
    match app.identity.find_site(key).await? {
        Some(site) => Ok(Some(site)),
        None => Err(AuthError::field(
            "site_key",
            "names no registered site; leave it out, or register the site first",
        )),
    }
}

/// As [`find_site`], for somebody who is known already: a site that is switched off gets no tokens.
///
/// # Errors
/// As [`find_site`]; [`AuthError::Forbidden`] for an inactive one.
pub async fn find_open_site(app: &App, site_key: Option<&str>) -> AuthResult<Option<Site>> {
    let site = find_site(app, site_key).await?;
    if site.as_ref().is_some_and(|site| site.status == SiteStatus::Inactive) {
        return Err(AuthError::Forbidden);
    }
    Ok(site)
}

/// Keeps half a sign-in, and makes the token that stands for it.
///
/// # Errors
/// When the store fails.
pub async fn begin(app: &App, login: PendingLogin, now: Time) -> AuthResult<HalfSignedIn> {
    let token = OpaqueToken::new(TokenKind::Mfa, &[], random());
    app.sessions.begin_login(&token.hash(), &login).await?;
    let expires_in = login.expires_at.since(now).as_secs();
    Ok(HalfSignedIn { token, methods: login.methods, expires_in })
}

/// Opens the session of a completed sign-in, and mints its tokens. The event is in the log before
/// the session is there: power is given last. A browser that holds a session of the same person
/// goes on with that one, if it is to last as long: whoever takes part in it hears when they sign out.
///
/// # Errors
/// When a store fails, or no key signs yet; [`AuthError::InvalidToken`] when what the sign-in was
/// judged by (`user`) has changed meanwhile.
pub async fn complete(
    app: &App,
    origin: &Origin,
    completion: Completion<'_>,
    now: Time,
) -> AuthResult<Held> {
    let Completion { user, proof, remember, site, browser } = completion;
    let theirs = browser.and_then(|browser| browser.session_of(&user));
    // How long it lasts was said anew: what waits for its end cannot be put off with it.
    if let Some(held) = theirs.filter(|held| held.session.remember == remember) {
        match browser::raise(app, origin, &user, held, &proof, now).await {
            // It ended this very moment, or another tab was faster.
            Err(AuthError::InvalidToken) => {}
            raised => return Ok(Held::Browser(Box::new(raised?))),
        }
    }
    let tokens = &app.config.tokens;
    let life = if remember { tokens.session_ttl } else { tokens.short_session_ttl };
    let sid = new_id(now);
    let held = browser.map(|_| browser::new_token(user.id, sid));
    let session = Session {
        sid,
        user_id: user.id,
        tenant_id: user.tenant_id.clone(),
        client_id: origin.client_id.clone(),
        // Of a browser's session every client and site gets tokens of its own.
        site_key: site.filter(|_| browser.is_none()).map(|site| site.site_key.clone()),
        proof,
        remember,
        created_at: now,
        last_active_at: now,
        expires_at: now.plus(Duration::from_secs(life)),
        ip: origin.ip.to_canonical().to_string(),
        user_agent: origin.user_agent.clone(),
        device: origin.device(),
        browser: held.as_ref().map(OpaqueToken::hash),
        clients: Vec::new(),
    };
    let details = json!({ "sid": sid, "amr": session.proof.amr });
    let mut event = origin.event_of(sid, Action::LoginSuccess, Some(user.id), now, details);
    event.site_key.clone_from(&session.site_key);
    let opened = match held {
        Some(token) => Opened::Browser(token),
        None => {
            let (refresh_token, family) = new_family(app, &session, &origin.client_id, now);
            let minted = mint_for(app, &user, &session, site, &origin.client_id, now).await?;
            Opened::Tokens(Box::new((refresh_token, family, minted)))
        }
    };
    let family = match &opened {
        Opened::Browser(_) => None,
        Opened::Tokens(tokens) => Some(&tokens.1),
    };
    app.identity.record_login(user.id, now, &event).await?;
    let closed = app.sessions.open_session(&session, family, SESSIONS_KEPT).await?;
    make_room(app, origin, &session, &closed, now).await?;
    look_again(app, origin, &user, &session, now).await?;
    places::note(app, origin, &user, now).await?;
    Ok(match opened {
        Opened::Browser(token) => Held::Browser(Box::new(BrowserSession { user, session, token })),
        Opened::Tokens(tokens) => {
            let (refresh_token, _, minted) = *tokens;
            Held::Tokens(Box::new(TokenSet::of(user, refresh_token, minted)))
        }
    })
}

/// What will be handed out once the session is there: made before it, since making it may fail.
enum Opened {
    /// What the browser will hold.
    Browser(OpaqueToken),
    /// The refresh token with its family, and the other tokens.
    Tokens(Box<(OpaqueToken, NewFamily, Minted)>),
}

impl TokenSet {
    /// Of what was minted for `user`.
    #[must_use]
    pub fn of(user: User, refresh_token: OpaqueToken, minted: Minted) -> Self {
        let Minted { access_token, id_token, expires_in } = minted;
        Self { access_token, refresh_token, id_token, expires_in, user }
    }
}

/// A new refresh family of `session`, and its first token.
#[must_use]
pub fn new_family(
    app: &App,
    session: &Session,
    client_id: &str,
    now: Time,
) -> (OpaqueToken, NewFamily) {
    let id = Uuid::from_bytes(random());
    let name = FamilyName { user_id: session.user_id, sid: session.sid, family_id: id };
    let token = name.new_token(app);
    let ttl = Duration::from_secs(app.config.tokens.refresh_ttl);
    let family = NewFamily {
        id,
        client_id: client_id.to_owned(),
        scope: String::new(),
        hash: token.hash(),
        expires_at: now.plus(ttl).min(session.expires_at),
        granted: None,
    };
    (token, family)
}

/// Tokens of a session on a JSON surface: for the site, or for the issuer itself.
///
/// # Errors
/// As [`mint`].
pub async fn mint_for(
    app: &App,
    user: &User,
    session: &Session,
    site: Option<&Site>,
    client_id: &str,
    now: Time,
) -> AuthResult<Minted> {
    let grant = Grant {
        user,
        session,
        proof: &session.proof,
        audience: vec![site.map_or_else(|| app.issuer.clone(), |site| site.base_url.clone())],
        holder: Holder::Surface(client_id),
    };
    mint(app, &grant, now).await
}
