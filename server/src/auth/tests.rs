//! What no caller may bring about: the use cases against a real store.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
    policy::{Level, Method},
    site::{Site, SiteStatus},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    AuthError, devices, errands,
    error::AuthResult,
    invitations::{self, Guest, Terms},
    known_device::{self, KnownDevice},
    login::{Completion, SESSIONS_KEPT, SignIn, TokenSet, complete, sign_in},
    mfa::{
        enrol::{Confirmation, Wanted, confirm, set_up},
        half_signed_in,
        verify::Given,
    },
    origin::{Origin, RAIL},
    presented_key::{self, Asked, Verdict},
    refresh::refresh,
    registration::{new_user, resend_verification},
    repeats::{self, Repeatable},
    sessions::session_end,
    throttle,
};
use crate::{
    admin::SiteDraft,
    app::App,
    clock::{Clock, random},
    config::Config,
    data_dir::tests::Scratch,
    domain::{
        api_key::{ApiKey, PresentedKey},
        audit::Action,
        errand::{Errand, Letter},
        login::{Outstanding, PendingLogin, normalise_address},
        one_time::{OneTime, Purpose},
        secret::{OpaqueToken, TokenKind},
        session::Proof,
        tenant::Tenant,
        user::{User, UserStatus},
    },
    store::{
        embedded::{
            Embedded,
            broken::{NoLookUpOfKeys, NoNewPeople},
        },
        identity::{ApiKeyMade, NewPassword},
    },
};

struct World {
    app: Arc<App>,
    origin: Origin,
    ground: Scratch,
}

impl World {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let ground = Scratch::new();
        let mut config = Config::default();
        change(&mut config);
        let store = Embedded::open(&ground.0).unwrap();
        let app =
            App::assemble(config, ground.0.clone(), Clock::system(), store.clone(), store, [7; 32])
                .unwrap();
        app.prepare().await.unwrap();
        let origin = Origin {
            ip: [192, 0, 2, 7].into(),
            user_agent: String::new(),
            request_id: "req_1".into(),
            client_id: RAIL.into(),
            known: None,
        };
        Self { app, origin, ground }
    }

    async fn person(&self) -> User {
        let now = self.app.clock.now();
        let address = normalise_address("ada@example.com").unwrap();
        let user = User { status: UserStatus::Active, ..new_user(address, "Ada", None, now) };
        let event = self.origin.event(Action::UserCreated, Some(&user), now, json!({}));
        self.app.identity.create_user(&user, &[], &[], false, &event).await.unwrap();
        user
    }

    /// A session of the person: its name, and its refresh token.
    async fn session(&self, user: &User) -> (Uuid, String) {
        let now = self.app.clock.now();
        let proof = Proof {
            acr: Level::OneFactor,
            amr: vec!["pwd".into()],
            auth_time: now,
            device_at: None,
            model: None,
        };
        let tokens = signed_in(&self.app, &self.origin, user.clone(), proof, now).await.unwrap();
        let sid = self.app.sessions.list_sessions(user.id, now).await.unwrap()[0].sid;
        (sid, tokens.refresh_token.as_str().to_owned())
    }
}

/// The end of a sign-in of a caller that takes tokens.
async fn signed_in(
    app: &App,
    origin: &Origin,
    user: User,
    proof: Proof,
    now: Time,
) -> AuthResult<TokenSet> {
    let completion = Completion { user, proof, remember: true, site: None, browser: None };
    complete(app, origin, completion, now).await?.tokens()
}

fn site() -> Site {
    let draft: SiteDraft = serde_json::from_value(json!({
        "site_key": "app",
        "hosts": ["app.example.com"],
        "upstreams": ["http://127.0.0.1:3000"],
    }))
    .unwrap();
    draft.into_site(&crate::config::EdgeSection::default())
}

#[tokio::test]
async fn a_site_that_is_switched_off_gets_no_tokens_by_refresh() {
    let world = World::new(|_| {}).await;
    let mut site = site();
    site.status = SiteStatus::Inactive;
    let event = world.origin.event(Action::PolicyUpdated, None, world.app.clock.now(), json!({}));
    world.app.identity.put_site(&site, true, &event).await.unwrap();
    let user = world.person().await;
    let (_, token) = world.session(&user).await;
    let answer = refresh(&world.app, &world.origin, &token, Some("app"), None).await;
    assert!(matches!(answer, Err(AuthError::Forbidden)));
    // Nothing was spent by that.
    refresh(&world.app, &world.origin, &token, None, None).await.unwrap();
}

#[tokio::test]
async fn what_ends_everything_of_a_person_ends_what_they_have_half_begun() {
    let world = World::new(|_| {}).await;
    let user = world.person().await;
    let now = world.app.clock.now();
    let token = OpaqueToken::new(TokenKind::Mfa, &[], random());
    let login = half(&user, Outstanding::Enrol, now);
    world.app.sessions.begin_login(&token.hash(), &login).await.unwrap();
    assert!(half_signed_in(&world.app, token.as_str(), RAIL, None).await.is_ok());
    let until = now.plus(Duration::from_secs(3660));
    let cut = CutOff { kind: CutOffKind::User, id: user.id.to_string(), at: now, until };
    let event = world.origin.event(Action::PasswordChanged, Some(&user), now, json!({}));
    world.app.identity.cut_off(&[cut], &event).await.unwrap();
    let standing = half_signed_in(&world.app, token.as_str(), RAIL, None).await;
    assert!(matches!(standing, Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn the_end_of_a_session_ends_what_a_replica_issues_whose_clock_is_ahead() {
    let world = World::new(|_| {}).await;
    let now = world.app.clock.now();
    let end = session_end(&world.app, Uuid::new_v4(), now);
    // Verifiers take no token that was issued more than ten seconds ahead of them.
    assert!(end.at >= now.plus(Duration::from_secs(10)) && end.at <= end.until);
}

#[tokio::test]
async fn what_was_not_judged_for_want_of_room_is_no_try() {
    let world = World::new(|config| {
        config.password.threads = 1;
        config.password.queue = 1;
    })
    .await;
    let guess = || {
        sign_in(
            &world.app,
            &world.origin,
            SignIn {
                login: "ada@example.com".into(),
                password: "wrong horse".into(),
                remember: true,
                site_key: None,
                device_token: None,
                tenant_id: None,
                browser: None,
            },
        )
    };
    let crowd = join_all((0..10).map(|_| guess())).await;
    let busy = crowd.iter().filter(|one| matches!(one, Err(AuthError::Busy))).count();
    assert!(busy > 0, "the queue was never full");
    for _ in 0..busy {
        assert!(matches!(guess().await, Err(AuthError::WrongCredentials)));
    }
    assert!(matches!(guess().await, Err(AuthError::TooMany { .. })));
}

/// As somebody elsewhere changes it, without looking at sessions.
/// Half a sign-in of the person as they were judged, begun at this time.
fn half(judged: &User, outstanding: Outstanding, now: jwks::Time) -> PendingLogin {
    PendingLogin {
        user_id: judged.id,
        tenant_id: "default".into(),
        outstanding,
        client_id: RAIL.into(),
        site_key: None,
        methods: Vec::new(),
        shown: vec!["pwd".into()],
        factor_proved_at: None,
        recovers: false,
        password_changed_at: judged.password_changed_at,
        factor_epoch: judged.factor_epoch,
        remember: true,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(600)),
    }
}

async fn change_password(world: &World, user: &User) {
    let now = world.app.clock.now();
    let password = NewPassword {
        user_id: user.id,
        hash: "$argon2id$other".into(),
        expected_epoch: user.factor_epoch,
        proves_address: None,
        invited: None,
    };
    let event = world.origin.event(Action::PasswordChanged, Some(user), now, json!({}));
    assert!(world.app.identity.change_password(&password, &[], now, &event).await.unwrap());
}

fn by_password(now: jwks::Time) -> Proof {
    Proof {
        acr: Level::OneFactor,
        amr: vec!["pwd".into()],
        auth_time: now,
        device_at: None,
        model: None,
    }
}

async fn actions(world: &World) -> Vec<Action> {
    let rows = world.app.identity.list_audit(0, 1000).await.unwrap();
    rows.into_iter().map(|row| row.event.action).collect()
}

#[tokio::test]
async fn a_sign_in_that_was_judged_by_an_older_password_opens_nothing() {
    let world = World::new(|_| {}).await;
    let judged = world.person().await;
    change_password(&world, &judged).await;
    let now = world.app.clock.now();
    let answer = signed_in(&world.app, &world.origin, judged.clone(), by_password(now), now).await;
    assert!(matches!(answer, Err(AuthError::InvalidToken)));
    assert!(world.app.sessions.list_sessions(judged.id, now).await.unwrap().is_empty());
    // Whatever a replica may have issued for it is dead as well.
    let snapshot = world.app.identity.snapshot("i", 100_000, now).await.unwrap();
    assert_eq!(snapshot.cut_offs.len(), 1);
    assert!(actions(&world).await.contains(&Action::SessionRevoked));
}

#[tokio::test]
async fn half_a_sign_in_dies_with_the_password_it_was_begun_with() {
    let world = World::new(|_| {}).await;
    let user = world.person().await;
    let now = world.app.clock.now();
    let token = OpaqueToken::new(TokenKind::Mfa, &[], random());
    let login = half(&user, Outstanding::Verify, now);
    world.app.sessions.begin_login(&token.hash(), &login).await.unwrap();
    assert!(half_signed_in(&world.app, token.as_str(), RAIL, None).await.is_ok());
    change_password(&world, &user).await;
    let standing = half_signed_in(&world.app, token.as_str(), RAIL, None).await;
    assert!(matches!(standing, Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn half_a_sign_in_that_was_judged_before_a_change_is_dead_however_late_it_begins() {
    let world = World::new(|_| {}).await;
    let judged = world.person().await;
    change_password(&world, &judged).await;
    let changed = world.app.identity.find_user(judged.id).await.unwrap().unwrap();
    let later = world.app.clock.now().plus(Duration::from_secs(60));
    let stands = async |judged: &User| {
        let token = OpaqueToken::new(TokenKind::Mfa, &[], random());
        let login = half(judged, Outstanding::Verify, later);
        world.app.sessions.begin_login(&token.hash(), &login).await.unwrap();
        half_signed_in(&world.app, token.as_str(), RAIL, None).await.is_ok()
    };
    assert!(!stands(&judged).await);
    // Of the password alone, and of the factors alone.
    let User { password_changed_at, factor_epoch, .. } = judged;
    assert!(!stands(&User { password_changed_at, ..changed.clone() }).await);
    assert!(!stands(&User { factor_epoch, ..changed.clone() }).await);
    assert!(stands(&changed).await);
}

#[tokio::test]
async fn nobody_stays_in_a_tenant_they_do_not_belong_to() {
    let world = World::new(|_| {}).await;
    let user = world.person().await;
    // The session says so, and no membership does.
    let elsewhere = User { tenant_id: "acme".into(), ..user.clone() };
    let now = world.app.clock.now();
    let proof = by_password(now);
    let answer = signed_in(&world.app, &world.origin, elsewhere, proof, now).await;
    assert!(matches!(answer, Err(AuthError::InvalidToken)));
    assert!(world.app.sessions.list_sessions(user.id, now).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_that_makes_room_for_another_is_ended_everywhere() {
    let world = World::new(|_| {}).await;
    let user = world.person().await;
    let (first, refresh_token) = world.session(&user).await;
    for _ in 0..SESSIONS_KEPT {
        world.session(&user).await;
    }
    let now = world.app.clock.now();
    let snapshot = world.app.identity.snapshot("i", 100_000, now).await.unwrap();
    let ended: Vec<&str> = snapshot.cut_offs.iter().map(|cut| cut.id.as_str()).collect();
    assert_eq!(ended, [first.to_string()]);
    assert_eq!(actions(&world).await.last(), Some(&Action::SessionRevoked));
    let answer = refresh(&world.app, &world.origin, &refresh_token, None, None).await;
    assert!(matches!(answer, Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn a_claim_that_was_left_behind_lapses() {
    let world = World::new(|_| {}).await;
    let request = Repeatable { key: "a".into(), field: "key", content: b"content".to_vec() };
    let once = || {
        repeats::once(&world.app, "test", "ada@example.com", Some(&request), async {
            AuthResult::Ok("done".to_owned())
        })
    };
    let key = world.app.sealer.digest("test:key", b"a\nada@example.com");
    let now = world.app.clock.now();
    let claimed = |until| world.app.sessions.begin_request(&key, until, now);
    // Somebody began a while ago, and was killed.
    claimed(now.plus(Duration::from_secs(60))).await.unwrap();
    assert!(matches!(once().await, Err(AuthError::UnderWay)));
    world.app.sessions.drop_request(&key).await.unwrap();
    let past = jwks::Time::from_millis(now.millis() - 12_001);
    let lapsed = jwks::Time::from_millis(now.millis() - 1);
    world.app.sessions.begin_request(&key, lapsed, past).await.unwrap();
    assert_eq!(once().await.unwrap(), "done");
    assert_eq!(once().await.unwrap(), "done");
}

#[tokio::test]
async fn a_reset_that_is_asked_for_is_logged_as_its_owners_and_for_nobody_else() {
    let world = World::new(|_| {}).await;
    let user = world.person().await;
    let now = world.app.clock.now();
    for email in [user.email.as_str(), "nobody@example.com"] {
        let event = Box::new(world.origin.event(Action::ResetRequested, None, now, json!({})));
        let address = normalise_address(email).unwrap();
        let errand = Errand::ResetPassword { address, event };
        let letter = errands::carry_out(&world.app, errand, now).await.unwrap();
        assert_eq!(letter.is_some(), email == user.email);
    }
    let rows = world.app.identity.list_audit(0, 1000).await.unwrap();
    let asked: Vec<_> =
        rows.iter().filter(|row| row.event.action == Action::ResetRequested).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].event.user_id, Some(user.id));
}

#[tokio::test]
async fn a_device_is_known_for_a_year_by_the_account_it_signed_in_to_and_stays_the_same() {
    let mut world = World::new(|_| {}).await;
    let (user, now) = (world.person().await, world.app.clock.now());
    let mark = known_device::mark(&world.app, &world.origin, &user, now).unwrap();
    let known = known_device::read(&world.app, &mark, now).unwrap();
    assert_eq!(known, KnownDevice::of(&user, known.id));
    let year = Duration::from_secs(365 * 24 * 3600);
    let almost = now.plus(year - Duration::from_secs(1));
    assert_eq!(known_device::read(&world.app, &mark, almost).as_ref(), Some(&known));
    assert_eq!(known_device::read(&world.app, &mark, now.plus(year)), None);
    // Signing in again gives it no other budget.
    world.origin.known = Some(known.clone());
    let renewed = known_device::mark(&world.app, &world.origin, &user, almost).unwrap();
    assert_eq!(known_device::read(&world.app, &renewed, now.plus(year)), Some(known));
}

#[tokio::test]
async fn known_devices_have_so_many_guesses_together_and_none_with_an_older_password() {
    let mut world = World::new(|config| config.limits.password_per_account = 2).await;
    let (user, now) = (world.person().await, world.app.clock.now());
    let count = async |world: &World, user: &User| {
        throttle::count_password(&world.app, &world.origin, &user.email_key, Some(user), now).await
    };
    // Each sign-in without a mark makes a device known that was not.
    for _ in 0..5 {
        world.origin.known = Some(KnownDevice::of(&user, Uuid::from_bytes(random())));
        for _ in 0..2 {
            count(&world, &user).await.unwrap();
        }
        assert!(matches!(count(&world, &user).await, Err(AuthError::TooMany { limit: 2, .. })));
    }
    world.origin.known = Some(KnownDevice::of(&user, Uuid::from_bytes(random())));
    assert!(matches!(count(&world, &user).await, Err(AuthError::TooMany { limit: 10, .. })));
    // By another password it is known no more, and has the guesses that everybody has together.
    let changed = User { password_changed_at: Some(now), ..user.clone() };
    for _ in 0..2 {
        world.origin.known = Some(KnownDevice::of(&user, Uuid::from_bytes(random())));
        assert_eq!(count(&world, &changed).await.unwrap().len(), 2);
    }
    world.origin.known = None;
    assert!(matches!(count(&world, &changed).await, Err(AuthError::TooMany { limit: 2, .. })));
}

#[tokio::test]
async fn a_sign_in_on_a_device_that_was_revoked_meanwhile_opens_nothing() {
    let world = World::new(|_| {}).await;
    let (user, now) = (world.person().await, world.app.clock.now());
    let (app, origin) = (&world.app, &world.origin);
    devices::trust(app, origin, &user, user.factor_epoch, now).await.unwrap();
    let device = app.identity.list_devices(user.id).await.unwrap().remove(0);
    let sign_in = async || {
        let proof = devices::proof(&device, now);
        signed_in(app, origin, user.clone(), proof, now).await
    };
    sign_in().await.unwrap();
    let event = origin.event(Action::DeviceRevoked, Some(&user), now, json!({}));
    app.identity.remove_devices(user.id, &[device.id], &[], &event).await.unwrap();
    assert!(matches!(sign_in().await, Err(AuthError::InvalidToken)));
    let open = app.sessions.list_sessions(user.id, now).await.unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
}

#[tokio::test]
async fn a_factor_is_not_confirmed_on_the_way_to_a_site_that_is_switched_off() {
    let world = World::new(|_| {}).await;
    let (app, origin, now) = (&world.app, &world.origin, world.app.clock.now());
    let mut site = site();
    site.status = SiteStatus::Inactive;
    let event = origin.event(Action::PolicyUpdated, None, now, json!({}));
    app.identity.put_site(&site, true, &event).await.unwrap();
    let user = world.person().await;
    let token = OpaqueToken::new(TokenKind::Mfa, &[], random());
    let login = PendingLogin {
        user_id: user.id,
        tenant_id: "default".into(),
        outstanding: Outstanding::Enrol,
        client_id: RAIL.into(),
        site_key: Some(site.site_key),
        methods: Vec::new(),
        shown: vec!["pwd".into()],
        password_changed_at: user.password_changed_at,
        factor_epoch: user.factor_epoch,
        factor_proved_at: None,
        recovers: false,
        remember: true,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(600)),
    };
    app.sessions.begin_login(&token.hash(), &login).await.unwrap();
    let standing = async || half_signed_in(app, token.as_str(), RAIL, None).await.unwrap();
    set_up(app, origin, &standing().await, Wanted::of(Method::Totp)).await.unwrap();
    let guess = Confirmation {
        factor_id: None,
        method: Method::Totp,
        given: Given::Code("000000"),
        name: None,
        site_key: None,
        trust_device: false,
        browser: None,
    };
    let answer = confirm(app, origin, standing().await, guess).await;
    assert!(matches!(answer, Err(AuthError::Forbidden)));
    let factors = app.identity.list_factors(user.id).await.unwrap();
    assert!(factors.iter().all(|factor| !factor.is_confirmed()));
}

#[tokio::test]
async fn a_queued_letter_is_sealed_and_opens_in_its_own_row_alone() {
    let world = World::new(|_| {}).await;
    let (app, now) = (&world.app, world.app.clock.now());
    let letter = Letter {
        to: "ada@example.com".into(),
        subject: "a secret subject".into(),
        text: "a secret link".into(),
        html: String::new(),
        expires_at: now.plus(Duration::from_secs(60)),
    };
    errands::send(app, letter.clone(), now).await.unwrap();
    let later = now.plus(Duration::from_secs(10));
    let mut row = app.identity.claim_errands(now, later, 5).await.unwrap().remove(0);
    assert_eq!(row.expires_at, letter.expires_at);
    for secret in ["ada@example.com", "secret", "letter"] {
        let text = String::from_utf8_lossy(&row.sealed);
        assert!(!text.contains(secret), "`{secret}` lies in the store");
    }
    assert!(matches!(errands::open(app, &row), Ok(Errand::Letter(opened)) if opened == letter));
    row.id = Uuid::new_v4();
    assert!(errands::open(app, &row).is_err());
}

#[tokio::test]
async fn a_request_leaves_the_same_errand_for_every_address() {
    let world = World::new(|_| {}).await;
    world.person().await;
    let app = &world.app;
    let mut rows = Vec::new();
    for email in ["ada@example.com", "eve@example.com"] {
        resend_verification(app, &world.origin, email).await.unwrap();
        let now = app.clock.now();
        let lease = now.plus(Duration::from_secs(90));
        rows.extend(app.identity.claim_errands(now, lease, 5).await.unwrap());
    }
    assert_eq!(rows.len(), 2);
    // Not even by its length can one tell whose it is.
    assert_eq!(rows[0].sealed.len(), rows[1].sealed.len());
    for row in &rows {
        let errand = errands::open(app, row).unwrap();
        assert!(matches!(errand, Errand::VerifyEmail(_)));
        let letter = errands::carry_out(app, errand, app.clock.now()).await.unwrap();
        assert!(letter.is_none(), "somebody with nothing to verify is written to");
    }
}

/// Invites ada into a tenant that is made for it: the token.
async fn invitation(world: &World, tenant: &str, roles: &[&str]) -> String {
    let now = world.app.clock.now();
    let tenant = Tenant { id: tenant.into(), name: tenant.into(), created_at: now };
    let event = |action| world.origin.event(action, None, now, json!({}));
    world.app.identity.create_tenant(&tenant, &event(Action::TenantCreated)).await.unwrap();
    let terms = Terms {
        address: normalise_address("ada@example.com").unwrap(),
        tenant_id: tenant.id.clone(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        name: String::new(),
    };
    let event = event(Action::UserInvited);
    let link = invitations::invite(&world.app, &terms, &tenant, &event, now).await.unwrap();
    link.split_once("token=").unwrap().1.to_owned()
}

/// Puts an invitation back as it is left where it could not be taken away.
async fn put_back(world: &World, found: &invitations::Invitation, token: &str) {
    let now = world.app.clock.now();
    let token = OpaqueToken::parse(TokenKind::OneTime, token).unwrap();
    let one_time = OneTime {
        purpose: Purpose::Invitation,
        owner: token.names()[0],
        hash: token.hash(),
        bound_to: serde_json::to_string(&found.terms).unwrap(),
        expires_at: now.plus(Duration::from_secs(60)),
    };
    world.app.sessions.put_one_time(&one_time).await.unwrap();
}

#[tokio::test]
async fn an_invitation_that_could_not_be_carried_out_stays_good() {
    let world = World::new(|_| {}).await;
    let token = invitation(&world, "acme", &["clerk"]).await;
    let password = "velvet harbour 27 quince";
    let fault = NoNewPeople::in_folder(&world.ground.0);
    let accept = || invitations::accept(&world.app, &world.origin, &token, "Ada", password);
    assert!(matches!(accept().await, Err(AuthError::Store(_))));
    drop(fault);
    accept().await.unwrap();
    assert!(matches!(accept().await, Err(AuthError::InvalidToken)));
}

#[tokio::test]
async fn an_invitation_that_could_not_be_taken_away_gives_nobody_more() {
    let world = World::new(|_| {}).await;
    let token = invitation(&world, "acme", &["clerk"]).await;
    let accept = |token: String, password: &'static str| {
        let (app, origin) = (&world.app, &world.origin);
        async move { invitations::accept(app, origin, &token, "Ada", password).await }
    };
    let find = |token: String| {
        let app = &world.app;
        async move { invitations::find(app, &token).await }
    };
    let ada = || async {
        let found = world.app.identity.find_user_by_login("ada@example.com").await;
        found.unwrap().unwrap()
    };
    let found = find(token.clone()).await.unwrap();
    let (other, mallorys) = (find(token.clone()).await.unwrap(), "copper lantern 31 thistle");
    accept(token.clone(), "velvet harbour 27 quince").await.unwrap();
    let made = ada().await;
    assert_eq!((made.tenant_id.as_str(), &made.roles[..]), ("acme", &["clerk".to_owned()][..]));
    put_back(&world, &found, &token).await;
    assert!(matches!(accept(token.clone(), mallorys).await, Err(AuthError::InvalidToken)));
    // Nor whoever found it good before.
    let now = world.app.clock.now();
    let late = invitations::take(&world.app, &world.origin, other, "Ada", mallorys, now).await;
    assert!(matches!(late, Err(AuthError::InvalidToken)));
    assert_eq!(ada().await, made);

    let token = invitation(&world, "guild", &["guest"]).await;
    let found = find(token.clone()).await.unwrap();
    assert!(matches!(found.guest, Guest::Member(_)));
    for _ in 0..2 {
        accept(token.clone(), mallorys).await.unwrap();
        let places = world.app.identity.list_memberships(made.id).await.unwrap();
        assert_eq!((places.len(), &places[0].roles[..]), (1, &["guest".to_owned()][..]));
        put_back(&world, &found, &token).await;
    }
    assert_eq!(ada().await, made);
}

/// An API key of this person, good at no site.
async fn api_key(world: &World, owner: &User) -> PresentedKey {
    let now = world.app.clock.now();
    let presented = PresentedKey::new(Uuid::now_v7(), random());
    let key = ApiKey {
        id: presented.id(),
        user_id: owner.id,
        hash: presented.hash(),
        name: "CI".to_owned(),
        scopes: Vec::new(),
        sites: Vec::new(),
        networks: Vec::new(),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(60)),
        last_used_at: None,
    };
    let event = world.origin.event(Action::ApiKeyCreated, Some(owner), now, json!({}));
    let epoch = owner.factor_epoch;
    let made = world.app.identity.create_api_key(&key, epoch, None, 1, &event).await.unwrap();
    assert_eq!(made, ApiKeyMade::Made);
    presented
}

#[tokio::test]
async fn an_api_key_with_a_slip_of_the_hand_costs_no_look_up() {
    let world = World::new(|_| {}).await;
    let owner = world.person().await;
    let key = api_key(&world, &owner).await;
    let verify = async |text: &str| {
        presented_key::verify(&world.app, text, Asked::default()).await.map(|(verdict, _)| verdict)
    };
    assert_eq!(verify(key.as_str()).await.unwrap(), Verdict::Good);
    let other = PresentedKey::new(key.id(), random());
    assert_eq!(verify(other.as_str()).await.unwrap(), Verdict::Unknown);
    let nobodys = PresentedKey::new(Uuid::now_v7(), random());
    assert_eq!(verify(nobodys.as_str()).await.unwrap(), Verdict::Unknown);

    let _broken = NoLookUpOfKeys::in_folder(&world.ground.0);
    assert!(matches!(verify(key.as_str()).await, Err(AuthError::Store(_))));
    let mut slip = key.as_str().to_owned();
    let last = if slip.pop() == Some('A') { 'B' } else { 'A' };
    slip.push(last);
    for text in [slip.as_str(), "", "sbk_", &key.as_str()[..84], "sbr_AAAA"] {
        assert_eq!(verify(text).await.unwrap(), Verdict::Unknown);
    }
}

#[tokio::test]
async fn large_forms_of_many_networks_leave_room_for_everybody_elses() {
    let world = World::new(|_| {}).await;
    let now = world.app.clock.now();
    let keep = async |network: u8, bytes: usize| {
        let origin = Origin { ip: [192, 0, network, 7].into(), ..world.origin.clone() };
        throttle::count_kept_form(&world.app, &origin, bytes, now).await
    };
    for network in 0..10 {
        for _ in 0..20 {
            keep(network, 1024 * 1024).await.unwrap();
        }
    }
    for (network, bytes) in [(0, 1), (10, 1024 * 1024)] {
        assert!(matches!(keep(network, bytes).await, Err(AuthError::TooMany { .. })), "{network}");
    }
    keep(10, 1000).await.unwrap();
}
