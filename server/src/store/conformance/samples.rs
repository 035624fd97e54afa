//! Rows for the cases: every field holds something that is not its default.

use std::time::Duration;

use jwks::{
    Algorithm, Time,
    cutoff::{CutOff, CutOffKind},
    policy::{
        Accept, Allow, ApiKeyRule, Level, Method, Mode, OnStale, Policy, Require, Rule, WebAuthn,
    },
    site::{Branding, Site, SiteStatus},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    domain::{
        api_key::ApiKey,
        audit::{Action, AuditRow, Event},
        authorization::{
            AuthorizationRequest, ClaimRequest, ClaimsRequest, Code, Granted, Prompt, ResponseMode,
        },
        client::{ApplicationType, Client, ClientAuthMethod, Metadata, Registrar},
        consent::Consent,
        device::TrustedDevice,
        device_grant::{DeviceDecision, DeviceGrant},
        edge::EdgeRow,
        errand::ErrandRow,
        factor::{BackupCode, Factor},
        key::KeyRow,
        login::{Address, Outstanding, PendingLogin},
        one_time::{OneTime, Purpose},
        passkey::Passkey,
        secret::SecretHash,
        session::{NewFamily, Proof, Rotation, Session},
        tenant::{Membership, Tenant},
        user::{User, UserStatus},
        warning::{Denial, Warning},
    },
    store::{
        IdentityStore,
        identity::{Confirmation, Created},
    },
};

/// The clock of a case begins here: 2030, ahead of any clock that runs.
const START: Time = Time::from_secs(1_900_000_000);

/// So many milliseconds after the beginning.
pub(crate) fn at(millis: u64) -> Time {
    START.plus(Duration::from_millis(millis))
}

/// So many seconds.
pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The hash of a secret of this text.
pub(crate) fn hash(secret: &str) -> SecretHash {
    SecretHash::of(secret)
}

/// A person of this name, active.
pub(crate) fn user(name: &str) -> User {
    User {
        id: Uuid::new_v4(),
        tenant_id: "acme".to_owned(),
        status: UserStatus::Active,
        email: format!("{name}@Example.COM"),
        email_key: format!("{name}@example.com"),
        email_verified_at: Some(at(1)),
        username: Some(format!("{name}'s Name")),
        username_key: Some(format!("{name}'s name")),
        name: format!("{name} „Ünï\u{1f511}“ \\ % _"),
        given_name: Some(format!("given {name}")),
        family_name: Some(format!("family {name}")),
        backup_email: Some(format!("{name}@backup.example")),
        locale: Some("nl-NL".to_owned()),
        phone: Some("+31201234567".to_owned()),
        phone_verified_at: Some(at(2)),
        rual_code: Some("R-7".to_owned()),
        guid: "5e".repeat(32),
        roles: vec!["editor".to_owned(), "a \"quoted\" role".to_owned()],
        claims: json!({
            "nickname": name,
            "address": { "locality": "Utrecht", "numbers": [1, 2.5, null, true] },
        })
        .as_object()
        .cloned()
        .unwrap(),
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
        password_changed_at: Some(at(3)),
        factor_epoch: 41,
        created_at: at(4),
        updated_at: at(5),
        last_login_at: Some(at(6)),
    }
}

/// The same person with nothing that may be missing.
pub(crate) fn bare_user(name: &str) -> User {
    User {
        email_verified_at: None,
        username: None,
        username_key: None,
        given_name: None,
        family_name: None,
        backup_email: None,
        locale: None,
        phone: None,
        phone_verified_at: None,
        rual_code: None,
        roles: Vec::new(),
        claims: serde_json::Map::new(),
        password_hash: None,
        password_changed_at: None,
        last_login_at: None,
        ..user(name)
    }
}

/// A person of this name whom nobody has proved yet.
pub(crate) fn pending_user(name: &str) -> User {
    let registered = User { roles: Vec::new(), ..user(name) };
    User { status: UserStatus::Pending, email_verified_at: None, ..registered }
}

/// Makes an account of the person.
pub(crate) async fn create(store: &dyn IdentityStore, user: &User) {
    let made = store.create_user(user, &[], &[], false, &event(Action::UserCreated)).await.unwrap();
    assert_eq!(made, Created::Created);
}

/// An event of this kind.
pub(crate) fn event(action: Action) -> Event {
    Event {
        id: Uuid::new_v4(),
        at: at(7),
        action,
        actor: Some(Uuid::new_v4()),
        user_id: Some(Uuid::new_v4()),
        site_key: Some("shop".to_owned()),
        client_id: Some("rail".to_owned()),
        ip: Some("2001:db8::1".to_owned()),
        user_agent: Some("Agent/1 <b>\"\\'".to_owned()),
        request_id: Some("request-1".to_owned()),
        details: json!({ "zeta": [1, 2.5, null], "alpha": { "é": "\u{1f511}\n" }, "big": u64::MAX }),
    }
}

/// The whole log.
pub(crate) async fn whole_log(store: &dyn IdentityStore) -> Vec<AuditRow> {
    store.list_audit(0, 10_000).await.unwrap()
}

/// How many rows the log has, and the number of the newest feed entry: what an act that changes
/// nothing leaves as they are.
pub(crate) async fn written(store: &dyn IdentityStore) -> (usize, u64) {
    (whole_log(store).await.len(), store.feed_head().await.unwrap().1)
}

/// An unconfirmed factor of the person.
pub(crate) fn factor(user_id: Uuid, method: Method) -> Factor {
    Factor {
        id: Uuid::new_v4(),
        user_id,
        method,
        name: format!("my {method}"),
        sealed_secret: vec![0, 1, 254, 255],
        confirmed_at: None,
        created_at: at(10),
        last_used_at: None,
        last_step: None,
        guesses_in_a_row: 0,
    }
}

/// The confirmation of the factor of a [`user`] whose factors have not changed yet.
pub(crate) fn confirmation(factor: &Factor) -> Confirmation {
    Confirmation {
        user_id: factor.user_id,
        id: factor.id,
        expected_epoch: user("").factor_epoch,
        name: None,
        step: None,
        replaces: false,
        proves_phone: None,
        passkey: None,
        cut_offs: Vec::new(),
    }
}

/// A warning of the person, mailed to the address that they have.
pub(crate) fn warning(person: &User) -> Warning {
    Warning {
        id: Uuid::new_v4(),
        user_id: person.id,
        hash: hash("warning"),
        address: Address { display: person.email.clone(), key: person.email_key.clone() },
        lost_factor: true,
        created_at: at(30),
        expires_at: at(1000),
        used_at: Some(at(900)),
    }
}

/// What blocks the account of a person as they stand, and nothing more.
pub(crate) fn denial(warning: &Warning, person: &User) -> Denial {
    Denial {
        warning_id: warning.id,
        user_id: person.id,
        expected_epoch: person.factor_epoch,
        status: UserStatus::Blocked,
        restored: None,
        gives_way: None,
        remove: Vec::new(),
        numbers_after: at(40),
    }
}

/// The passkey of a factor; no field as it is by itself.
pub(crate) fn passkey(factor: &Factor) -> Passkey {
    Passkey {
        factor_id: factor.id,
        user_id: factor.user_id,
        credential_id: factor.id.as_bytes().repeat(4),
        record: r#"{"cred":"\u0000\"'🔑"}"#.to_owned(),
        model: Some(Uuid::new_v4()),
        backup_eligible: true,
        backed_up: true,
        discoverable: Some(true),
        user_verified: true,
        counter: 7,
    }
}

/// A code of the factor.
pub(crate) fn code(factor_id: Uuid, prefix: &str) -> BackupCode {
    BackupCode {
        factor_id,
        prefix: prefix.to_owned(),
        hash: format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${prefix}"),
        used_at: None,
    }
}

/// The factor as it is stored now.
pub(crate) async fn stored_factor(store: &dyn IdentityStore, factor: &Factor) -> Factor {
    let factors = store.list_factors(factor.user_id).await.unwrap();
    factors.into_iter().find(|stored| stored.id == factor.id).unwrap()
}

/// A trusted device of the person, of epoch 7.
pub(crate) fn device(user_id: Uuid) -> TrustedDevice {
    let id = Uuid::now_v7();
    TrustedDevice {
        id,
        user_id,
        hash: hash(&id.to_string()),
        name: "Firefox on „Ünï\u{1f511}“".to_owned(),
        user_agent: "Agent/3 <b>\"\\'".to_owned(),
        ip: "2001:db8::3".to_owned(),
        factor_epoch: 7,
        created_at: at(13),
        last_used_at: at(14),
        expires_at: at(0).plus(secs(90 * 24 * 3600)),
    }
}

/// An API key of the person, made at the beginning and used since.
pub(crate) fn api_key(user_id: Uuid) -> ApiKey {
    ApiKey {
        id: Uuid::now_v7(),
        user_id,
        hash: hash("api key"),
        name: "CI „ü“ \\ % _".to_owned(),
        scopes: vec!["a:b/\"c\"".to_owned(), "write".to_owned()],
        sites: vec!["shop".to_owned(), "wiki".to_owned()],
        networks: ["192.0.2.7/32", "2001:db8::/32"].map(|network| network.parse().unwrap()).into(),
        created_at: at(0),
        expires_at: at(0).plus(secs(90 * 24 * 3600)),
        last_used_at: Some(at(3)),
    }
}

/// A tenant of this id.
pub(crate) fn tenant(id: &str) -> Tenant {
    Tenant { id: id.to_owned(), name: format!("{id} „Ünï“ & \"Co\" \\"), created_at: at(15) }
}

/// A place of the person in that tenant.
pub(crate) fn membership(user_id: Uuid, tenant_id: &str) -> Membership {
    Membership {
        user_id,
        tenant_id: tenant_id.to_owned(),
        roles: vec!["editor".to_owned(), "a \"quoted\" röle".to_owned()],
        created_at: at(16),
    }
}

/// An ending.
pub(crate) fn cut_off(kind: CutOffKind, id: &str, at: Time, until: Time) -> CutOff {
    CutOff { kind, id: id.to_owned(), at, until }
}

/// A site that answers to `hosts`.
pub(crate) fn site(site_key: &str, hosts: &[&str]) -> Site {
    Site {
        site_key: site_key.to_owned(),
        name: format!("Site {site_key}"),
        base_url: format!("https://{site_key}.example"),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        upstreams: vec!["http://127.0.0.1:9000".to_owned(), "https://up.example:443".to_owned()],
        status: SiteStatus::Inactive,
        branding: Branding {
            color: Some("#aabbcc".to_owned()),
            logo: Some("https://logo.example/x.png".to_owned()),
            support: Some("help@example.com".to_owned()),
        },
        policy: Policy {
            require: Require::PhishingResistant,
            allowed_factors: vec![Method::Totp, Method::Hardware],
            trusted_device: jwks::policy::TrustedDevice { days: 30 },
            webauthn: WebAuthn { user_verification: true, models: vec![Uuid::from_u128(8)] },
            max_auth_age: Some(300),
            session_idle: Some(600),
            session_absolute: Some(3600),
            allow: Allow {
                roles: vec!["editor".to_owned()],
                users: vec![Uuid::from_u128(1).to_string()],
                tenants: vec!["acme".to_owned()],
                networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            },
            accept: Accept {
                session: false,
                bearer: false,
                api_key: Some(ApiKeyRule { scopes: vec!["read".to_owned()] }),
                client: Some(ApiKeyRule { scopes: vec!["write".to_owned()] }),
                dpop_only: true,
            },
            limits: jwks::policy::Limits { site: 1000, person: 100, key: 10, network: 1 },
            rules: vec![Rule {
                prefix: Some("/admin".to_owned()),
                methods: vec!["POST".to_owned()],
                require: Some(Require::TwoFactor),
                ..Rule::default()
            }],
            first_party: true,
            login_mode: Mode::Code,
            reset_mode: Mode::Code,
            max_staleness: 5,
            on_stale: OnStale::Allow,
        },
        version: 0,
        forwarding: jwks::forwarding::Forwarding::default(),
        forward_credentials: true,
    }
}

/// A signing key of this name.
pub(crate) fn key(kid: &str, algorithm: Algorithm, published_at: Time) -> KeyRow {
    let jwk = match algorithm {
        Algorithm::ES256 => json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }),
        Algorithm::EdDSA => json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid,
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }),
        Algorithm::RS256 | Algorithm::PS256 => json!({
            "kty": "RSA", "alg": algorithm.as_str(), "use": "sig", "kid": kid, "n": "AQAB", "e": "AQAB",
        }),
    };
    KeyRow {
        kid: kid.to_owned(),
        algorithm,
        sealed: vec![0, 7, 255, 128],
        public_jwk: jwk.to_string(),
        published_at,
        active_at: published_at.plus(secs(60)),
        expires_at: None,
    }
}

/// An edge with the credential of this text.
pub(crate) fn edge(name: &str, credential: &str) -> EdgeRow {
    EdgeRow {
        id: Uuid::new_v4(),
        name: name.to_owned(),
        hash: hash(credential),
        created_at: at(11),
    }
}

/// How long a session lives.
pub(crate) const SESSION_LIFE: Duration = secs(30 * 24 * 3600);
/// How long a refresh token lives.
pub(crate) const TOKEN_LIFE: Duration = secs(7 * 24 * 3600);
/// How long a spent token may come again.
pub(crate) const WINDOW: Duration = secs(60);

/// A session of the person, opened at [`at`]`(0)`.
pub(crate) fn session(user_id: Uuid) -> Session {
    Session {
        sid: Uuid::now_v7(),
        user_id,
        tenant_id: "acme".to_owned(),
        client_id: "auth2:shop".to_owned(),
        site_key: Some("shop".to_owned()),
        proof: Proof {
            acr: Level::TwoFactor,
            amr: vec!["pwd".to_owned(), "otp".to_owned()],
            auth_time: at(0).minus(secs(1)),
            device_at: Some(at(0).minus(secs(2))),
            model: Some(Uuid::from_u128(9)),
        },
        remember: true,
        created_at: at(0),
        last_active_at: at(1),
        expires_at: at(0).plus(SESSION_LIFE),
        ip: "2001:db8::2".to_owned(),
        user_agent: "Agent/2 \"\\ „ü“".to_owned(),
        device: "Firefox on Linux".to_owned(),
        browser: Some(hash("browser")),
        clients: vec!["first".to_owned(), "a \"quoted\" /client/ „ü“".to_owned()],
    }
}

/// A family of client `rail`, whose first token is of this text.
pub(crate) fn family(token: &str) -> NewFamily {
    NewFamily {
        id: Uuid::new_v4(),
        client_id: "rail".to_owned(),
        scope: "openid offline_access".to_owned(),
        hash: hash(token),
        expires_at: at(0).plus(TOKEN_LIFE),
        granted: Some(granted()),
    }
}

/// What was granted to a client.
pub(crate) fn granted() -> Granted {
    let wanted = ClaimRequest {
        essential: true,
        value: Some(json!({ "numbers": [1, 2.5, null], "empty": [] })),
        values: vec![json!("a \"quoted\" ü"), json!([])],
    };
    Granted {
        grant_id: Uuid::from_u128(7),
        proof: Proof {
            acr: Level::PhishingResistant,
            amr: vec!["hwk".to_owned(), "user".to_owned()],
            auth_time: at(0).minus(secs(3)),
            device_at: Some(at(0).minus(secs(4))),
            model: None,
        },
        resource: vec!["https://api.example/ü".to_owned(), "urn:other".to_owned()],
        claims: ClaimsRequest {
            userinfo: [("email".to_owned(), None), ("name".to_owned(), Some(wanted.clone()))]
                .into(),
            id_token: [("acr".to_owned(), Some(wanted))].into(),
        },
        id_sid: Uuid::from_u128(8),
    }
}

/// A client of this id, as whole as one can be.
pub(crate) fn client(client_id: &str) -> Client {
    let text = |text: &str| Some(format!("{text} of {client_id} \"ü\\\""));
    let texts = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
    Client {
        client_id: client_id.to_owned(),
        secret: Some(hash("secret")),
        registration_token: Some(hash("registration")),
        registrar: Registrar::Itself,
        metadata: Metadata {
            redirect_uris: texts("https://client.example/cb?a=b", "http://127.0.0.1/cb"),
            token_endpoint_auth_method: ClientAuthMethod::PrivateKeyJwt,
            token_endpoint_auth_signing_alg: Some(Algorithm::ES256),
            grant_types: texts("authorization_code", "refresh_token"),
            response_types: vec!["code".to_owned()],
            client_name: text("name"),
            client_uri: text("home"),
            logo_uri: text("logo"),
            policy_uri: text("policy"),
            tos_uri: text("terms"),
            scope: Some("openid profile".to_owned()),
            contacts: texts("ada@example.com", "bob@example.com"),
            jwks_uri: text("keys"),
            jwks: Some(json!({ "keys": [{ "kty": "EC", "numbers": [1, 2.5, null, []] }] })),
            software_id: text("software"),
            software_version: text("version"),
            application_type: ApplicationType::Native,
            id_token_signed_response_alg: Some(Algorithm::PS256),
            userinfo_signed_response_alg: Some(Algorithm::EdDSA),
            default_max_age: Some(3600),
            require_auth_time: true,
            default_acr_values: texts("urn:one", "urn:two"),
            initiate_login_uri: text("begin"),
            post_logout_redirect_uris: texts("https://client.example/out", "app:/out"),
            backchannel_logout_uri: text("back"),
            backchannel_logout_session_required: true,
            frontchannel_logout_uri: text("front"),
            frontchannel_logout_session_required: true,
            require_pushed_authorization_requests: true,
            require_pkce: true,
            require_issuer_audience: true,
            first_party: true,
            audiences: texts("https://api.example", "urn:other"),
            access_token_ttl: Some(60),
            id_token_ttl: Some(61),
            refresh_token_ttl: Some(62),
        },
        created_at: at(20),
        updated_at: at(21),
    }
}

/// Registers the client.
pub(crate) async fn register(store: &dyn IdentityStore, client: &Client) {
    assert!(store.create_client(client, &event(Action::ClientCreated)).await.unwrap());
}

/// What the person allowed the client.
pub(crate) fn consent(user_id: Uuid, client_id: &str) -> Consent {
    let texts = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
    Consent {
        user_id,
        client_id: client_id.to_owned(),
        scopes: texts("email", "openid"),
        claims: texts("birthdate", "zoneinfo"),
        resources: texts("https://api.example", "urn:ü \"other\""),
        created_at: at(22),
        granted_at: at(23),
    }
}

/// An authorization request that came at [`at`]`(0)` and lives for ten minutes.
pub(crate) fn authorization() -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: "client „ü“".to_owned(),
        redirect_uri: "https://client.example/cb?a=b".to_owned(),
        names_redirect_uri: true,
        response_mode: ResponseMode::FormPost,
        state: Some("a state \"ü\" \\ \u{1f511}".repeat(20)),
        scope: "openid email".to_owned(),
        nonce: Some("nonce".to_owned()),
        pkce: Some("S256 challenge".to_owned()),
        prompt: vec![Prompt::Login, Prompt::SelectAccount],
        max_age: Some(0),
        acr_values: vec!["urn:one".to_owned(), "urn:two".to_owned()],
        claims: granted().claims,
        login_hint: Some("Ada@example.com".to_owned()),
        subject_hint: Some(Uuid::from_u128(9)),
        ui_locales: vec!["de-AT".to_owned(), "ar".to_owned()],
        resource: granted().resource,
        asked_of: Some("POST /ä".to_owned()),
        pushed: Some(hash("pushed")),
        chosen: Some(Uuid::from_u128(10)),
        signed_in: Some(Uuid::from_u128(11)),
        allowed: Some(Uuid::from_u128(12)),
        is_done: true,
        created_at: at(0),
        expires_at: at(0).plus(secs(600)),
    }
}

/// A code of the session, issued at [`at`]`(5)`, that lives for a minute.
pub(crate) fn authorization_code(session: &Session, client_id: &str) -> Code {
    Code {
        client_id: client_id.to_owned(),
        redirect_uri: "https://client.example/cb?a=b".to_owned(),
        names_redirect_uri: true,
        user_id: session.user_id,
        sid: session.sid,
        scope: "openid \"ü\"".to_owned(),
        nonce: Some("nonce".to_owned()),
        pkce: Some("S256 challenge".to_owned()),
        granted: granted(),
        issued_at: at(5),
        expires_at: at(5).plus(secs(60)),
    }
}

/// A device of this code and user code, that asked at [`at`]`(0)` and lives for ten minutes.
pub(crate) fn device_grant(device_code: &str, user_code: &str) -> DeviceGrant {
    DeviceGrant {
        hash: hash(device_code),
        user_code: user_code.to_owned(),
        client_id: "tv".to_owned(),
        scope: "openid \"ü\"".to_owned(),
        resource: granted().resource,
        created_at: at(0),
        expires_at: at(0).plus(secs(600)),
    }
}

/// The yes of the person of this session.
pub(crate) fn allowed(session: &Session) -> DeviceDecision {
    DeviceDecision::Allowed {
        user_id: session.user_id,
        sid: session.sid,
        granted: Box::new(granted()),
    }
}

/// The rotation of token `presented` of the family to `successor`.
pub(crate) fn rotation(
    session: &Session,
    family: &NewFamily,
    presented: &str,
    successor: &str,
) -> Rotation {
    Rotation {
        user_id: session.user_id,
        sid: session.sid,
        family_id: family.id,
        client_id: family.client_id.clone(),
        presented: hash(presented),
        successor: hash(successor),
        ttl: TOKEN_LIFE,
        retry_window: WINDOW,
    }
}

/// Half a sign-in of the person, begun at [`at`]`(0)`, that lives for ten minutes.
pub(crate) fn login(user_id: Uuid) -> PendingLogin {
    PendingLogin {
        user_id,
        tenant_id: "acme".to_owned(),
        outstanding: Outstanding::Enrol,
        client_id: "auth2:shop".to_owned(),
        site_key: Some("shop".to_owned()),
        methods: vec![Method::Totp, Method::BackupCode],
        shown: vec!["swk".to_owned(), "user".to_owned()],
        factor_proved_at: Some(at(8)),
        recovers: true,
        password_changed_at: Some(at(7)),
        factor_epoch: 3,
        remember: true,
        created_at: at(0),
        expires_at: at(0).plus(secs(600)),
    }
}

/// A one-time token of this text, that lives for half an hour.
pub(crate) fn one_time(purpose: Purpose, owner: Uuid, token: &str) -> OneTime {
    OneTime {
        purpose,
        owner,
        hash: hash(token),
        bound_to: "ada@example.com \"ü\" 1900000000003".to_owned(),
        expires_at: at(0).plus(secs(1800)),
    }
}

/// An errand queued and due at these milliseconds.
pub(in crate::store) fn errand(queued_at: u64, due_at: u64) -> ErrandRow {
    ErrandRow {
        id: Uuid::new_v4(),
        sealed: b"sealed".to_vec(),
        queued_at: at(queued_at),
        due_at: at(due_at),
        attempts: 0,
        expires_at: at(1_000_000),
        waits_for: None,
    }
}
