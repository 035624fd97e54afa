//! The decision, sentence by sentence, and what must hold of it whatever is asked.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    claims::AccessClaims,
    cutoff::CutOff,
    facts::{Malformed, Sender},
    feed::{Change, Entry, Snapshot},
    verify::TokenError,
};

const ISSUER: &str = "https://id.example";
const SITE: &str = "https://wiki.example";
const IAT: i64 = 1_800_000_000;
const NOW: Time = Time::from_secs(IAT + 100);

/// One request to one site, each part of which a test can change.
#[derive(Clone, Debug)]
struct Request {
    site: Value,
    claims: Option<Value>,
    /// Whether the token is shown in the site's cookie.
    by_session: bool,
    facts: Facts<'static>,
    cut_offs: Vec<CutOff>,
    now: Time,
}

impl Request {
    /// A person with two factors at a site that asks for them.
    fn good() -> Self {
        Self {
            site: json!({
                "site_key": "wiki", "base_url": SITE, "hosts": ["wiki.example"],
                "upstreams": ["http://127.0.0.1:9000"], "policy": {},
            }),
            claims: Some(json!({
                "iss": ISSUER, "sub": "u1", "aud": SITE, "exp": IAT + 3600, "iat": IAT,
                "jti": "j1", "client_id": "c1", "acr": "urn:signalbox:2fa",
                "amr": ["pwd", "otp"], "auth_time": IAT - 200, "sid": "s1",
                "roles": ["reader"], "tenant_id": "t1", "grant_id": "g1",
            })),
            by_session: false,
            facts: Facts {
                host: Some("wiki.example"),
                method: "GET",
                path: Ok("/page"),
                peer: IpAddr::from([10, 0, 0, 7]),
                presented: Presented::Nothing,
                session: None,
                sender: Sender::Own,
                upgrade: false,
                view_confirmed_at: NOW,
            },
            cut_offs: Vec::new(),
            now: NOW,
        }
    }

    /// A client that speaks for itself at a site that takes such.
    fn of_client() -> Self {
        let mut request =
            Self::good().policy("accept", json!({ "client": { "scopes": ["read"] } }));
        request.claims = Some(json!({
            "iss": ISSUER, "sub": "c1", "aud": SITE, "exp": IAT + 3600, "iat": IAT, "jti": "j1",
            "client_id": "c1", "scope": "write read",
        }));
        request
    }

    /// A person whose browser has a session at the site.
    fn of_browser() -> Self {
        let mut request = Self::good().claim("client_id", site_session::CLIENT_ID);
        request.by_session = true;
        request
    }

    fn anonymous() -> Self {
        let mut request = Self::good();
        request.claims = None;
        request
    }

    fn policy(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.site["policy"][field] = value.into();
        self
    }

    fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        let claims = self.claims.as_mut().unwrap();
        claims[name] = value.into();
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self
    }

    fn cut(mut self, kind: CutOffKind, id: &str, at: i64) -> Self {
        self.cut_offs.push(CutOff {
            kind,
            id: id.into(),
            at: Time::from_secs(at),
            until: Time::from_secs(IAT + 7200),
        });
        self
    }

    fn facts(mut self, change: impl FnOnce(&mut Facts<'static>)) -> Self {
        change(&mut self.facts);
        self
    }

    fn view(&self) -> View {
        View::from_snapshot(Snapshot {
            seq: 1,
            epoch: "e".into(),
            issuer: ISSUER.into(),
            keys: serde_json::from_value(json!({ "keys": [] })).unwrap(),
            sites: vec![serde_json::from_value(self.site.clone()).unwrap()],
            cut_offs: self.cut_offs.clone(),
            key_holders: Vec::new(),
            more_keys: false,
        })
    }

    fn token(&self) -> Option<Arc<VerifiedToken>> {
        let claims: AccessClaims = serde_json::from_value(self.claims.clone()?).unwrap();
        Some(Arc::new(VerifiedToken::from_claims(&claims).unwrap()))
    }

    fn decide(&self) -> Decision {
        let mut facts = self.facts.clone();
        if self.by_session {
            facts.session = self.token().map(Ok);
        } else if let (Presented::Nothing, Some(token)) = (&facts.presented, self.token()) {
            facts.presented = Presented::Bearer(Ok(token));
        }
        decide(&self.view(), &facts, self.now)
    }

    /// The status and the word: `200 allow` with somebody, `200 anonymous` with nobody.
    fn answer(&self) -> String {
        let decision = self.decide();
        match &decision {
            Decision::Allow(permit) if permit.token().is_none() => "200 anonymous".into(),
            _ => format!("{} {}", decision.status(), decision.as_str()),
        }
    }
}

fn by_session(permit: &Permit) -> bool {
    matches!(permit.who(), Some(Who::Session(_)))
}

fn rule(rule: Value) -> Value {
    json!([rule])
}

#[test]
fn a_person_with_two_factors_enters_a_new_site() {
    let request = Request::good();
    let Decision::Allow(permit) = request.decide() else {
        panic!("{}", request.answer());
    };
    assert_eq!(permit.site().site_key, "wiki");
    assert_eq!(permit.token().unwrap().sub(), "u1");
}

/// Every refusal, in the contract's order. Whatever comes later in the table is wrong as well
/// when the one above it is judged, so each row also shows that it goes before the next.
#[test]
fn refusals_come_in_the_order_of_the_contract() {
    type Spoil = fn(Request) -> Request;
    let spoilers: [(&str, Spoil); 13] = [
        ("400 ambiguous_path", |r| r.facts(|f| f.path = Err(Malformed::Path))),
        ("421 unknown_host", |r| r.facts(|f| f.host = Some("else.example"))),
        ("503 site_inactive", |mut r| {
            r.site["status"] = json!("inactive");
            r
        }),
        ("503 view_stale", |r| r.facts(|f| f.view_confirmed_at = Time::from_secs(IAT - 1000))),
        ("400 conflicting_credentials", |r| r.facts(|f| f.presented = Presented::Conflicting)),
        ("401 credential_not_accepted", |r| r.facts(|f| f.presented = Presented::Unsupported)),
        ("401 token_bad_signature", |r| {
            r.facts(|f| f.presented = Presented::Bearer(Err(TokenError::BadSignature)))
        }),
        ("401 token_expired", |r| r.claim("exp", IAT)),
        ("401 ended", |r| r.cut(CutOffKind::Session, "s1", IAT)),
        ("401 wrong_audience", |r| r.claim("aud", "https://else.example")),
        ("403 network", |r| {
            let mut allow = r.site["policy"]["allow"].clone();
            allow["networks"] = json!(["192.168.0.0/16"]);
            r.policy("allow", allow)
        }),
        ("403 not_allowed", |r| {
            let mut allow = r.site["policy"]["allow"].clone();
            allow["roles"] = json!(["admin"]);
            r.policy("allow", allow)
        }),
        ("401 insufficient", |r| r.claim("acr", "urn:signalbox:1fa")),
    ];
    let mut request = Request::good();
    for (expected, spoil) in spoilers.into_iter().rev() {
        request = spoil(request);
        assert_eq!(request.answer(), expected);
    }
}

/// The site that a refusal is of.
fn site_of(request: &Request) -> Option<Arc<Site>> {
    match request.decide() {
        Decision::Deny(refusal) => refusal.site,
        other => panic!("{}", other.as_str()),
    }
}

#[test]
fn a_malformed_request_is_refused_even_without_a_site_and_names_it_where_it_can() {
    let framing = |f: &mut Facts<'_>| f.path = Err(Malformed::Framing);
    let request = Request::good().facts(framing);
    assert_eq!(request.answer(), "400 ambiguous_framing");
    assert_eq!(site_of(&request).unwrap().site_key, "wiki");
    let nowhere = request.facts(|f| f.host = None);
    assert_eq!(nowhere.answer(), "400 ambiguous_framing");
    assert!(site_of(&nowhere).is_none());
    assert_eq!(Request::good().facts(|f| f.host = None).answer(), "421 unknown_host");
}

#[test]
fn a_stale_view_denies_unless_the_site_says_otherwise() {
    let confirmed =
        |secs| Request::good().facts(move |f| f.view_confirmed_at = Time::from_secs(secs));
    let limit = IAT + 100 - 300;
    assert_eq!(confirmed(limit).answer(), "200 allow");
    assert_eq!(confirmed(limit - 1).answer(), "503 view_stale");
    assert_eq!(confirmed(limit - 1).policy("on_stale", "allow").answer(), "200 allow");
    assert_eq!(confirmed(limit - 1).policy("max_staleness", 301).answer(), "200 allow");
    let public = confirmed(limit - 1).policy("require", "public");
    assert_eq!(public.answer(), "503 view_stale");
    // A clock that was set back makes nothing stale.
    assert_eq!(confirmed(IAT + 5000).answer(), "200 allow");
}

#[test]
fn without_a_credential_only_a_public_place_opens() {
    for require in ["signed_in", "2fa", "phishing_resistant"] {
        let request = Request::anonymous().policy("require", require);
        assert_eq!(request.answer(), "401 not_signed_in", "{require}");
    }
    let public = Request::anonymous().policy("require", "public");
    assert_eq!(public.answer(), "200 anonymous");
    let named = public.clone().policy("allow", json!({ "users": ["u1"] }));
    assert_eq!(named.answer(), "401 not_signed_in");
    let elsewhere = public.policy("allow", json!({ "networks": ["192.168.0.0/16"] }));
    assert_eq!(elsewhere.answer(), "403 network");
}

#[test]
fn a_public_site_knows_its_caller_and_refuses_a_bad_token() {
    let public = Request::good().policy("require", "public");
    assert_eq!(public.answer(), "200 allow");
    assert_eq!(public.clone().claim("acr", Value::Null).answer(), "200 allow");
    assert_eq!(public.clone().claim("exp", IAT).answer(), "401 token_expired");
    let other = public.clone().claim("aud", "https://else.example");
    assert_eq!(other.answer(), "401 wrong_audience");
    let ended = public.cut(CutOffKind::User, "u1", IAT);
    assert_eq!(ended.answer(), "401 ended");
}

#[test]
fn where_bearers_are_not_accepted_authorization_belongs_to_the_application() {
    let accept = json!({ "bearer": false });
    let request = Request::good().policy("accept", accept.clone());
    assert_eq!(request.answer(), "401 not_signed_in");
    let public = request.policy("require", "public");
    assert_eq!(public.answer(), "200 anonymous");
    let theirs = Presented::Bearer(Err(TokenError::Malformed));
    let request = Request::anonymous()
        .policy("accept", accept)
        .policy("require", "public")
        .facts(|f| f.presented = theirs);
    assert_eq!(request.answer(), "200 anonymous");
}

#[test]
fn a_site_for_bound_tokens_takes_no_bearer() {
    let request = Request::good().policy("accept", json!({ "dpop_only": true }));
    assert_eq!(request.answer(), "401 credential_not_accepted");
    let public = request.policy("require", "public");
    assert_eq!(public.answer(), "401 credential_not_accepted");
}

#[test]
fn a_token_for_one_site_opens_no_other() {
    for audience in [
        "https://wiki.example/",
        "https://wiki.example:443",
        "http://wiki.example",
        "https://WIKI.example",
        "https://wiki.example.evil.example",
        "",
        ISSUER,
    ] {
        let request = Request::good().claim("aud", audience);
        assert_eq!(request.answer(), "401 wrong_audience", "{audience}");
    }
    let none = Request::good().claim("aud", json!([]));
    assert_eq!(none.answer(), "401 wrong_audience");
    let many = Request::good().claim("aud", json!(["https://else.example", SITE]));
    assert_eq!(many.answer(), "200 allow");
}

#[test]
fn a_token_for_the_issuer_opens_only_sites_of_the_first_party() {
    let request = Request::good().claim("grant_id", Value::Null).claim("aud", ISSUER);
    assert_eq!(request.answer(), "401 wrong_audience");
    let first_party = request.policy("first_party", true);
    assert_eq!(first_party.answer(), "200 allow");
    assert_eq!(first_party.claim("aud", SITE).answer(), "200 allow");
    let granted = Request::good().policy("first_party", true);
    assert_eq!(granted.clone().claim("aud", ISSUER).answer(), "401 wrong_audience");
    assert_eq!(granted.claim("aud", json!([ISSUER, SITE])).answer(), "200 allow");
    let client = Request::of_client().policy("first_party", true);
    assert_eq!(client.answer(), "200 allow");
    assert_eq!(client.claim("aud", ISSUER).answer(), "401 wrong_audience");
    let other = Request::good().policy("first_party", true).claim("aud", "https://else.example");
    assert_eq!(other.answer(), "401 wrong_audience");
}

#[test]
fn endings_of_session_person_and_client_kill_what_was_issued_before() {
    for (kind, id) in
        [(CutOffKind::Session, "s1"), (CutOffKind::User, "u1"), (CutOffKind::Client, "c1")]
    {
        assert_eq!(Request::good().cut(kind, id, IAT).answer(), "401 ended");
        assert_eq!(Request::good().cut(kind, id, IAT - 1).answer(), "200 allow");
        assert_eq!(Request::good().cut(kind, "other", IAT).answer(), "200 allow");
    }
    for (kind, id) in [
        (CutOffKind::Session, "u1"),
        (CutOffKind::User, "c1"),
        (CutOffKind::Client, "s1"),
        (CutOffKind::ApiKey, "j1"),
    ] {
        assert_eq!(Request::good().cut(kind, id, IAT).answer(), "200 allow");
    }
    let client = Request::of_client();
    assert_eq!(client.answer(), "200 allow");
    assert_eq!(client.cut(CutOffKind::Client, "c1", IAT).answer(), "401 ended");
}

#[test]
fn an_ending_falls_between_two_tokens_of_one_second() {
    let jti = |millis: i64| {
        let stamp = u128::try_from(IAT * 1000 + millis).unwrap() << 80;
        uuid::Uuid::from_u128(stamp | 7 << 76 | 0x8000_0000_0000_0001).to_string()
    };
    let mut ended = Request::good().cut(CutOffKind::User, "u1", IAT);
    ended.cut_offs[0].at = Time::from_millis(IAT * 1000 + 500);
    assert_eq!(ended.clone().claim("jti", jti(500)).answer(), "401 ended");
    assert_eq!(ended.clone().claim("jti", jti(501)).answer(), "200 allow");
    assert_eq!(ended.claim("jti", "no uuid").answer(), "401 ended");
}

#[test]
fn a_consent_that_is_taken_back_ends_what_was_granted_before_and_nothing_granted_since() {
    let grant = |millis: i64| {
        let stamp = u128::try_from(IAT * 1000 + millis).unwrap() << 80;
        uuid::Uuid::from_u128(stamp | 7 << 76 | 0x8000_0000_0000_0001).to_string()
    };
    let mut ended = Request::good().cut(CutOffKind::Consent, "u1c1", IAT);
    ended.cut_offs[0].at = Time::from_millis(IAT * 1000 + 500);
    let of = |grant: String| ended.clone().claim("grant_id", grant).answer();
    assert_eq!(of(grant(500)), "401 ended");
    assert_eq!(of(grant(501)), "200 allow");
    assert_eq!(of("no uuid".to_owned()), "401 ended");
    // Whose token came of no grant to a client, and whoever it does not name, goes on.
    let bare = ended.clone().claim("grant_id", Value::Null);
    assert_eq!(bare.answer(), "200 allow");
    for id in ["u1", "c1", "u1c", "u1c12", "u1 c1"] {
        let other = Request::good().cut(CutOffKind::Consent, id, IAT + 1);
        assert_eq!(other.claim("grant_id", grant(500)).answer(), "200 allow");
    }
}

#[test]
fn an_ending_that_arrives_closes_a_session_that_is_open() {
    let request = Request::good();
    let mut view = request.view();
    let mut facts = request.facts.clone();
    facts.presented = Presented::Bearer(Ok(request.token().unwrap()));
    assert_eq!(decide(&view, &facts, NOW).status(), 200);
    let ending = request.cut(CutOffKind::Session, "s1", IAT + 50).cut_offs.remove(0);
    let entry = Entry { seq: 2, at: NOW, change: Change::CutOff(ending) };
    view.apply(&[entry], NOW);
    assert_eq!(decide(&view, &facts, NOW).as_str(), "ended");
}

#[test]
fn every_kind_that_allow_lists_must_name_the_caller() {
    let allow = |allow: Value| Request::good().policy("allow", allow).answer();
    for good in [
        json!({ "roles": ["admin", "reader"] }),
        json!({ "users": ["u1"] }),
        json!({ "tenants": ["t0", "t1"] }),
        json!({ "networks": ["192.168.0.0/16", "10.0.0.0/24"] }),
        json!({ "roles": ["reader"], "users": ["u1"], "tenants": ["t1"], "networks": ["10.0.0.7/32"] }),
    ] {
        assert_eq!(allow(good.clone()), "200 allow", "{good}");
    }
    for bad in [
        json!({ "roles": ["admin"] }),
        json!({ "roles": ["Reader"] }),
        json!({ "users": ["u2"] }),
        json!({ "tenants": ["t2"] }),
        json!({ "roles": ["reader"], "users": ["u2"] }),
        json!({ "roles": ["reader"], "tenants": ["t2"] }),
    ] {
        assert_eq!(allow(bad.clone()), "403 not_allowed", "{bad}");
    }
    assert_eq!(allow(json!({ "networks": ["10.0.1.0/24"] })), "403 network");
    let nobody = Request::good()
        .claim("tenant_id", Value::Null)
        .policy("allow", json!({ "tenants": ["t1"] }));
    assert_eq!(nobody.answer(), "403 not_allowed");
}

#[test]
fn an_ipv4_caller_is_one_on_a_listener_for_both_families() {
    let request = Request::good().policy("allow", json!({ "networks": ["10.0.0.0/24"] }));
    let from = |peer: &str| {
        let peer = peer.parse().unwrap();
        request.clone().facts(|f| f.peer = peer).answer()
    };
    assert_eq!(from("::ffff:10.0.0.9"), "200 allow");
    assert_eq!(from("::ffff:10.0.1.9"), "403 network");
    assert_eq!(from("::10.0.0.9"), "403 network");
    assert_eq!(from("fd00::1"), "403 network");
}

#[test]
fn the_level_is_that_of_the_policy_in_force_now() {
    let levels = ["urn:signalbox:1fa", "urn:signalbox:2fa", "urn:signalbox:phr"];
    for (asked, require) in ["signed_in", "2fa", "phishing_resistant"].iter().enumerate() {
        for (reached, acr) in levels.iter().enumerate() {
            let request = Request::good().policy("require", *require).claim("acr", *acr);
            let request = request.claim("amr", json!(["pwd", "hwk"]));
            let expected = if reached >= asked { "200 allow" } else { "401 insufficient" };
            assert_eq!(request.answer(), expected, "{require} {acr}");
        }
    }
}

#[test]
fn a_token_without_a_level_reaches_none() {
    for acr in [Value::Null, json!("urn:elsewhere:gold"), json!("URN:SIGNALBOX:PHR")] {
        let request = Request::good().claim("acr", acr).policy("require", "signed_in");
        assert_eq!(request.answer(), "401 insufficient");
    }
}

#[test]
fn a_challenge_says_what_is_to_be_reached() {
    let request =
        Request::good().policy("require", "phishing_resistant").policy("max_auth_age", 600);
    let Decision::Challenge(challenge) = request.decide() else {
        panic!("{}", request.answer());
    };
    assert_eq!(challenge.site.site_key, "wiki");
    let expected =
        ChallengeReason::Insufficient { acr: Level::PhishingResistant, max_age: Some(600) };
    assert_eq!(challenge.reason, expected);
}

#[test]
fn a_proof_must_be_as_young_as_the_policy_asks() {
    // The person proved themselves 300 seconds ago.
    let aged = |max: u64| Request::good().policy("max_auth_age", max);
    assert_eq!(aged(300).answer(), "200 allow");
    assert_eq!(aged(299).answer(), "401 insufficient");
    assert_eq!(aged(u64::MAX).answer(), "200 allow");
    let never = aged(u64::MAX).claim("auth_time", Value::Null);
    assert_eq!(never.answer(), "401 insufficient");
}

#[test]
fn only_factors_that_the_site_allows_count() {
    let with = |amr: Value, factors: Value| {
        let request = Request::good().claim("amr", amr);
        request.policy("allowed_factors", factors)
    };
    for (amr, factors, expected) in [
        (json!(["pwd", "otp"]), json!(["TOTP"]), "200 allow"),
        (json!(["pwd", "otp"]), json!(["HARDWARE"]), "401 insufficient"),
        (json!(["pwd", "sms"]), json!(["TOTP", "HARDWARE"]), "401 insufficient"),
        (json!(["pwd", "sms"]), json!(["SMS"]), "200 allow"),
        (json!(["swk", "user"]), json!(["HARDWARE"]), "200 allow"),
        (json!(["pwd", "hwk", "sms"]), json!(["HARDWARE"]), "200 allow"),
        (json!(["pwd"]), json!(["TOTP"]), "401 insufficient"),
        (json!([]), json!(["TOTP"]), "401 insufficient"),
        (json!([]), json!([]), "200 allow"),
    ] {
        assert_eq!(with(amr.clone(), factors.clone()).answer(), expected, "{amr} {factors}");
    }
    let one = with(json!(["pwd"]), json!(["TOTP"])).policy("require", "signed_in");
    assert_eq!(one.answer(), "200 allow");
}

#[test]
fn every_method_shows_itself_and_no_other() {
    use crate::policy::Method;
    for used in Method::ALL {
        for value in used.amr() {
            for allowed in Method::ALL {
                let request = Request::good()
                    .claim("amr", json!(["pwd", value, "mfa"]))
                    .policy("allowed_factors", json!([allowed]));
                let expected = if used == allowed { "200 allow" } else { "401 insufficient" };
                assert_eq!(request.answer(), expected, "{value} where {allowed} is allowed");
            }
        }
    }
}

const DAY: i64 = 24 * 3600;

/// A password now, and a second factor so long before the token on a trusted device.
fn by_device(age: i64) -> Request {
    Request::good()
        .claim("acr", "urn:signalbox:1fa")
        .claim("amr", json!(["pwd", "device"]))
        .claim("device_time", IAT + 100 - age)
}

#[test]
fn a_trusted_device_stands_in_for_as_many_days_as_the_site_says() {
    let at = |days: u32, age: i64| {
        by_device(age).policy("trusted_device", json!({ "days": days })).answer()
    };
    assert_eq!(at(30, 0), "200 allow");
    assert_eq!(at(30, 30 * DAY), "200 allow");
    assert_eq!(at(30, 30 * DAY + 1), "401 insufficient");
    assert_eq!(at(1, DAY + 1), "401 insufficient");
    assert_eq!(at(0, 0), "401 insufficient");
    // A new site counts none.
    assert_eq!(by_device(0).answer(), "401 insufficient");
}

#[test]
fn a_trusted_device_is_no_present_factor() {
    let trusting = |age| by_device(age).policy("trusted_device", json!({ "days": 30 }));
    let phr = trusting(0).policy("require", "phishing_resistant");
    assert_eq!(phr.answer(), "401 insufficient");
    for factors in [json!(["TOTP"]), json!(["TOTP", "SMS", "EMAIL_OTP", "HARDWARE", "BACKUP_CODE"])]
    {
        let listed = trusting(0).policy("allowed_factors", factors);
        assert_eq!(listed.answer(), "401 insufficient");
    }
    // As old as the proof it stands for, however young the password.
    let aged = |max: u64| trusting(400).claim("auth_time", IAT + 100).policy("max_auth_age", max);
    assert_eq!(aged(400).answer(), "200 allow");
    assert_eq!(aged(399).answer(), "401 insufficient");
    // By itself it is nothing.
    for acr in [Value::Null, json!("urn:elsewhere:gold")] {
        assert_eq!(trusting(0).claim("acr", acr).answer(), "401 insufficient");
    }
    // And where one factor is enough, it takes nothing away.
    assert_eq!(by_device(99 * DAY).policy("require", "signed_in").answer(), "200 allow");
}

#[test]
fn a_client_is_judged_by_scopes_and_allow_and_not_by_level() {
    assert_eq!(Request::of_client().answer(), "200 allow");
    let strict = Request::of_client()
        .policy("require", "phishing_resistant")
        .policy("max_auth_age", 1)
        .policy("allowed_factors", json!(["HARDWARE"]));
    assert_eq!(strict.answer(), "200 allow");
    for scope in [json!("write"), json!("reader"), Value::Null] {
        let request = Request::of_client().claim("scope", scope);
        assert_eq!(request.answer(), "403 scope");
    }
    let both = json!({ "client": { "scopes": ["read", "delete"] } });
    assert_eq!(Request::of_client().policy("accept", both).answer(), "403 scope");
    let allow = Request::of_client().policy("allow", json!({ "users": ["u1"] }));
    assert_eq!(allow.answer(), "403 not_allowed");
    let allow = Request::of_client().policy("allow", json!({ "users": ["c1"] }));
    assert_eq!(allow.answer(), "200 allow");
    let network = Request::of_client().policy("allow", json!({ "networks": ["192.168.0.0/16"] }));
    assert_eq!(network.answer(), "403 network");
}

#[test]
fn a_site_takes_no_client_unless_its_policy_lists_them() {
    for require in ["public", "signed_in", "2fa"] {
        let request = Request::of_client().policy("accept", json!({})).policy("require", require);
        assert_eq!(request.answer(), "401 credential_not_accepted", "{require}");
    }
    let person = Request::good().policy("accept", json!({ "client": { "scopes": ["read"] } }));
    assert_eq!(person.answer(), "200 allow");
    let weak = person.claim("acr", Value::Null).claim("sid", Value::Null);
    assert_eq!(weak.answer(), "401 insufficient");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let site = Request::anonymous().policy(
        "rules",
        json!([
            { "path": "/health", "require": "public" },
            { "prefix": "/docs", "methods": ["GET"], "require": "public" },
            { "prefix": "/admin", "require": "phishing_resistant", "allow": { "roles": ["admin"] } },
            { "prefix": "/admin/open", "require": "public" },
        ]),
    );
    let at = |method: &'static str, path: &'static str, site: &Request| {
        let site = site.clone();
        site.facts(|f| (f.method, f.path) = (method, Ok(path))).answer()
    };
    assert_eq!(at("GET", "/health", &site), "200 anonymous");
    assert_eq!(at("POST", "/health", &site), "200 anonymous");
    assert_eq!(at("GET", "/healthz", &site), "401 not_signed_in");
    assert_eq!(at("GET", "/docs/a", &site), "200 anonymous");
    assert_eq!(at("POST", "/docs/a", &site), "401 not_signed_in");
    assert_eq!(at("GET", "/docsx", &site), "401 not_signed_in");
    assert_eq!(at("GET", "/admin/open", &site), "401 not_signed_in");
    let signed_in = Request { claims: Request::good().claims, ..site };
    assert_eq!(at("GET", "/admin/open", &signed_in), "403 not_allowed");
    let admin = signed_in.claim("roles", json!(["admin"]));
    assert_eq!(at("GET", "/admin", &admin), "401 insufficient");
    assert_eq!(at("GET", "/other", &admin), "200 allow");
}

#[test]
fn a_rule_changes_what_is_accepted() {
    let request = Request::good()
        .policy("rules", rule(json!({ "prefix": "/page", "accept": { "bearer": false } })));
    assert_eq!(request.answer(), "401 not_signed_in");
    let open =
        Request::good().policy("rules", rule(json!({ "prefix": "/page", "max_auth_age": 10 })));
    assert_eq!(open.answer(), "401 insufficient");
}

#[test]
fn a_passkey_counts_by_its_model_where_a_site_lists_models_whatever_rule_asks() {
    let (listed, other) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    let webauthn = json!({ "models": [listed] });
    let by_passkey = Request::good()
        .policy("webauthn", webauthn)
        .claim("acr", "urn:signalbox:phr")
        .claim("amr", json!(["pwd", "hwk", "mfa"]));
    let answer = |request: &Request, model: Value| request.clone().claim("model", model).answer();
    for require in ["2fa", "phishing_resistant"] {
        let of_site = by_passkey.clone().policy("require", require);
        let of_rule = by_passkey
            .clone()
            .policy("require", "signed_in")
            .policy("rules", rule(json!({ "prefix": "/page", "require": require })));
        for request in [of_site, of_rule] {
            assert_eq!(answer(&request, json!(listed)), "200 allow");
            for wrong in [json!(other), Value::Null, json!("no model"), json!("")] {
                assert_eq!(answer(&request, wrong.clone()), "401 insufficient", "{wrong}");
            }
        }
    }
    // A code beside it is a second factor, and no phishing-resistant one.
    let with_code = by_passkey.claim("amr", json!(["pwd", "hwk", "otp", "mfa"]));
    assert_eq!(answer(&with_code.clone().policy("require", "2fa"), json!(other)), "200 allow");
    let strict = with_code.policy("require", "phishing_resistant");
    assert_eq!(answer(&strict, json!(other)), "401 insufficient");
    // Where one factor is enough, and where no models are listed, it is not asked which it is.
    let signed_in = strict.clone().policy("require", "signed_in");
    assert_eq!(answer(&signed_in, Value::Null), "200 allow");
    let any = strict.policy("webauthn", json!({}));
    assert_eq!(answer(&any, Value::Null), "200 allow");
}

/// Any policy over any caller, from small sets of words so that they often meet.
#[test]
fn a_browser_passes_with_a_session_of_the_site() {
    let browser = Request::of_browser();
    assert_eq!(browser.answer(), "200 allow");
    assert!(matches!(browser.decide(), Decision::Allow(permit) if by_session(&permit)));
    assert!(matches!(Request::good().decide(), Decision::Allow(permit) if !by_session(&permit)));
    for (field, answer) in [("aud", json!("https://else.example")), ("aud", json!(ISSUER))]
        .map(|(field, value)| (field, browser.clone().claim(field, value).answer()))
    {
        assert_eq!(answer, "401 wrong_audience", "{field}");
    }
    let first_party = browser.clone().policy("first_party", true).claim("aud", ISSUER);
    assert_eq!(first_party.answer(), "401 wrong_audience");
    let weak = browser.clone().claim("acr", "urn:signalbox:1fa").claim("amr", json!(["pwd"]));
    assert_eq!(weak.answer(), "401 insufficient");
    assert_eq!(browser.cut(CutOffKind::Session, "s1", IAT).answer(), "401 ended");
}

#[test]
fn what_is_made_for_the_cookie_counts_there_alone_and_nothing_else_does() {
    let elsewhere = Request { by_session: false, ..Request::of_browser() };
    assert_eq!(elsewhere.answer(), "401 token_wrong_type");
    let foreign = Request { by_session: true, ..Request::good() };
    assert_eq!(foreign.answer(), "401 token_wrong_type");
    let client = Request { by_session: true, ..Request::of_client() };
    assert_eq!(client.answer(), "401 token_wrong_type");
}

#[test]
fn a_session_counts_where_sessions_are_accepted_and_beside_nothing_else_that_is() {
    let accept = |session, bearer| json!({ "session": session, "bearer": bearer });
    let browser = Request::of_browser();
    assert_eq!(browser.clone().policy("accept", accept(false, true)).answer(), "401 not_signed_in");
    let with = |presented: fn() -> Presented, session, bearer| {
        let request = browser.clone().policy("accept", accept(session, bearer));
        request.facts(|facts| facts.presented = presented()).answer()
    };
    let bearer = || Presented::Bearer(Err(TokenError::Malformed));
    assert_eq!(with(bearer, true, true), "400 conflicting_credentials");
    assert_eq!(with(|| Presented::Unsupported, true, true), "400 conflicting_credentials");
    assert_eq!(with(bearer, true, false), "200 allow");
    assert_eq!(with(bearer, false, true), "401 token_malformed");
}

#[test]
fn whoever_could_sign_in_at_a_browser_is_told_so_and_nobody_else() {
    let sign_in = |request: Request| match request.decide() {
        Decision::Challenge(challenge) => challenge.sign_in,
        other => panic!("{other:?}"),
    };
    assert!(sign_in(Request::anonymous()));
    let expired = Request::of_browser().claim("exp", IAT);
    assert!(sign_in(expired));
    assert!(sign_in(Request::of_browser().policy("require", "phishing_resistant")));
    assert!(!sign_in(Request::good().policy("require", "phishing_resistant")));
    let accept = json!({ "session": false });
    assert!(!sign_in(Request::anonymous().policy("accept", accept)));
    let own = json!({ "session": true, "bearer": false });
    assert!(sign_in(Request::good().policy("accept", own)));
}

#[test]
fn a_page_of_another_site_changes_nothing_by_a_session() {
    let from = |sender: &Sender<'static>, method, upgrade| {
        Request::of_browser()
            .facts(|facts| {
                facts.sender = sender.clone();
                facts.method = method;
                facts.upgrade = upgrade;
            })
            .answer()
    };
    for sender in [Sender::Foreign, Sender::Origin("https://evil.example".into())] {
        for method in ["POST", "PUT", "DELETE", "get", "ODD"] {
            assert_eq!(from(&sender, method, false), "401 not_signed_in", "{method}");
        }
        assert_eq!(from(&sender, "GET", true), "401 not_signed_in");
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(from(&sender, method, false), "200 allow", "{method}");
        }
    }
    for sender in [Sender::Own, Sender::Origin(SITE.into())] {
        assert_eq!(from(&sender, "POST", false), "200 allow");
        assert_eq!(from(&sender, "GET", true), "200 allow");
    }
}

#[test]
fn a_session_that_is_over_is_nobodys() {
    for over in [
        Request::of_browser().claim("exp", IAT),
        Request::of_browser().cut(CutOffKind::User, "u1", IAT),
        Request::of_browser().claim("aud", "https://else.example"),
        Request { by_session: true, ..Request::good() },
    ] {
        assert!(over.answer().starts_with("401 "), "{over:?}");
        assert_eq!(over.clone().policy("require", "public").answer(), "200 anonymous");
        let named = over.policy("require", "public").policy("allow", json!({ "users": ["u1"] }));
        assert!(named.answer().starts_with("401 "), "{named:?}");
    }
    let live = Request::of_browser().policy("require", "public");
    assert_eq!(live.answer(), "200 allow");
}

#[test]
fn a_session_rests_and_lasts_as_the_policy_of_now_allows() {
    // Its token is 100 seconds old, its proof 300.
    for (field, most, answer) in [
        ("session_idle", 100, "200 allow"),
        ("session_idle", 99, "401 token_expired"),
        ("session_absolute", 300, "200 allow"),
        ("session_absolute", 299, "401 token_expired"),
    ] {
        assert_eq!(Request::of_browser().policy(field, most).answer(), answer, "{field} {most}");
        assert_eq!(Request::good().policy(field, most).answer(), "200 allow", "{field} {most}");
    }
}

fn requests() -> impl Strategy<Value = Request> {
    let require = prop::sample::select(vec!["public", "signed_in", "2fa", "phishing_resistant"]);
    let words = |words: &'static [&'static str]| {
        prop_oneof![
            2 => Just(Vec::new()),
            1 => prop::sample::subsequence(words, 1..=words.len()),
        ]
    };
    let allow = (words(&["reader", "admin"]), words(&["u1", "c1"]), words(&["t1"]), words(&["10.0.0.0/24"]))
        .prop_map(|(roles, users, tenants, networks)| {
            json!({ "roles": roles, "users": users, "tenants": tenants, "networks": networks })
        });
    let mostly = || prop::bool::weighted(0.8);
    let accept = (mostly(), mostly(), prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(session, bearer, dpop_only, client)| {
            let client = client.then(|| json!({ "scopes": ["read"] }));
            json!({ "session": session, "bearer": bearer, "dpop_only": dpop_only, "client": client })
        },
    );
    let age = proptest::option::of(100..500_u64);
    let days = prop::sample::select(vec![0, 1, 30]);
    let models = words(&["00000000-0000-0000-0000-000000000001"]);
    let policy = (require.clone(), allow.clone(), accept, age, words(&["TOTP", "HARDWARE"]), any::<bool>(),
        proptest::option::of((require, allow, proptest::option::of(days.clone()))), days, models)
        .prop_map(|(require, allow, accept, age, factors, first_party, rule, days, models)| {
            let rules: Vec<Value> = rule
                .map(|(require, allow, days)| {
                    let trusted_device = days.map(|days| json!({ "days": days }));
                    json!({ "prefix": "/page", "require": require, "allow": allow, "trusted_device": trusted_device })
                })
                .into_iter()
                .collect();
            json!({
                "require": require, "allow": allow, "accept": accept, "max_auth_age": age,
                "allowed_factors": factors, "first_party": first_party, "rules": rules,
                "trusted_device": { "days": days }, "webauthn": { "models": models },
            })
        });
    let acr = prop::sample::select(vec![
        Value::Null,
        json!("urn:signalbox:1fa"),
        json!("urn:signalbox:2fa"),
        json!("urn:signalbox:phr"),
    ]);
    let claims = (
        acr,
        prop::sample::select(vec![SITE, ISSUER, "https://else.example"]),
        any::<bool>(),
        words(&["otp", "hwk", "pwd"]),
        words(&["reader", "admin"]),
        proptest::option::of(0..600_i64),
        any::<bool>(),
        proptest::option::of(prop_oneof![0..600_i64, 0..40 * DAY]),
        proptest::option::of(0..3_u128),
    )
        .prop_map(|(acr, aud, is_client, amr, roles, age, session, device, model)| {
            let claims = json!({
                "acr": acr, "aud": aud, "sub": if is_client { "c1" } else { "u1" }, "amr": amr,
                "roles": roles, "auth_time": age.map(|age| IAT - age),
                "sid": session.then_some("s1"), "scope": "read",
                "device_time": device.map(|age| IAT - age),
                "model": model.map(uuid::Uuid::from_u128),
            });
            let Value::Object(claims) = claims else { unreachable!() };
            claims
                .into_iter()
                .fold(Request::good(), |request, (name, value)| request.claim(&name, value))
                .claims
        });
    let spans = (proptest::option::of(50..4000_u64), proptest::option::of(150..4000_u64));
    (policy, claims, any::<bool>(), spans).prop_map(|(policy, claims, by_session, spans)| {
        let mut request = Request::good();
        request.site["policy"] = policy;
        request.site["policy"]["session_idle"] = json!(spans.0);
        request.site["policy"]["session_absolute"] = json!(spans.1);
        let request = Request { claims, by_session, ..request };
        if by_session { request.claim("client_id", site_session::CLIENT_ID) } else { request }
    })
}

/// Whether `later` lets nobody through whom `earlier` did not: a caller it names must be the one
/// that was named, and nobody may pass where somebody was asked for.
fn widens(earlier: &Decision, later: &Decision) -> bool {
    match (earlier, later) {
        (_, Decision::Challenge(_) | Decision::Deny(_)) => false,
        (Decision::Allow(before), Decision::Allow(after)) => {
            after.token().is_some() && before.token() != after.token()
        }
        (_, Decision::Allow(_)) => true,
    }
}

fn is_open_to_anybody(request: &Request) -> bool {
    let site: Site = serde_json::from_value(request.site.clone()).unwrap();
    let asked = site.policy.effective("GET", "/page");
    asked.require == Require::Public && !asked.allow.names_people()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn removing_the_credential_never_widens(request in requests()) {
        let without = Request { claims: None, ..request.clone() };
        match without.decide() {
            // Nobody passes as somebody, and only where anybody may.
            Decision::Allow(permit) => {
                prop_assert!(permit.token().is_none());
                prop_assert!(is_open_to_anybody(&request));
            }
            other => prop_assert!(!widens(&request.decide(), &other)),
        }
    }

    #[test]
    fn a_page_of_another_site_never_widens(request in requests(), method in "GET|POST", upgrade in any::<bool>()) {
        let own = request.facts(|facts| {
            facts.method = if method == "GET" { "GET" } else { "POST" };
            facts.upgrade = upgrade;
        });
        for sender in [Sender::Foreign, Sender::Origin("https://elsewhere.example".into())] {
            let foreign = own.clone().facts(|facts| facts.sender = sender);
            prop_assert!(!widens(&own.decide(), &foreign.decide()));
            if let (Decision::Allow(permit), true) = (foreign.decide(), method == "POST" || upgrade) {
                prop_assert!(!by_session(&permit));
            }
        }
    }

    #[test]
    fn a_token_counts_in_one_place(request in requests()) {
        let mut elsewhere = request.clone();
        elsewhere.by_session = !request.by_session;
        if let Decision::Allow(permit) = elsewhere.decide() {
            prop_assert!(permit.token().is_none());
        }
    }

    #[test]
    fn time_that_passes_never_widens(request in requests(), secs in 0..5000_u64) {
        let mut later = request.clone();
        later.now = request.now.plus(Duration::from_secs(secs));
        later.facts.view_confirmed_at = later.now;
        prop_assert!(!widens(&request.decide(), &later.decide()));
    }

    #[test]
    fn an_older_proof_never_widens(request in requests(), age in 0..600_i64, secs in 1..600_i64) {
        let older = request.clone().claim("auth_time", IAT - age - secs);
        let younger = request.claim("auth_time", IAT - age);
        // The tokens differ; whether one passes at all is what is compared.
        prop_assert!(older.decide().status() != 200 || younger.decide().status() == 200);
    }

    #[test]
    fn a_weaker_proof_never_widens(request in requests()) {
        for acr in [json!("urn:signalbox:1fa"), json!("urn:elsewhere")] {
            let weaker = request.clone().claim("acr", acr);
            let was_client = request.token().unwrap().is_client();
            let had_more = request.token().unwrap().level() >= weaker.token().unwrap().level();
            if had_more && !was_client {
                prop_assert!(weaker.decide().status() != 200 || request.decide().status() == 200);
            }
        }
    }

    #[test]
    fn a_list_of_models_never_widens_and_a_token_that_says_none_passes_nowhere_more(
        request in requests(),
        listed in 0..3_u128,
    ) {
        let opens = |request: &Request| request.decide().status() == 200;
        let without = request.clone().claim("model", Value::Null);
        prop_assert!(!opens(&without) || opens(&request));
        let unlisted = request.clone().policy("webauthn", json!({}));
        let list = json!({ "models": [uuid::Uuid::from_u128(listed)] });
        let narrowed = request.clone().policy("webauthn", list);
        prop_assert!(!opens(&narrowed) || opens(&unlisted));
        // Whoever showed a passkey alone passes a list by a model of it.
        let token = request.token().unwrap();
        let amr: Vec<&str> = token.amr().filter(|value| *value != "pwd").collect();
        let site: Site = serde_json::from_value(request.site.clone()).unwrap();
        let asked = site.policy.effective("GET", "/page");
        let asks_two = asked.require >= Require::TwoFactor;
        let by_device = token.device_time().is_some();
        if opens(&narrowed) && asks_two && amr == ["hwk"] && !token.is_client() && !by_device {
            prop_assert_eq!(token.model(), Some(uuid::Uuid::from_u128(listed)));
        }
    }

    #[test]
    fn an_older_device_never_widens(request in requests(), age in 0..40 * DAY, secs in 1..DAY) {
        let older = request.clone().claim("device_time", IAT - age - secs);
        let younger = request.claim("device_time", IAT - age);
        prop_assert!(older.decide().status() != 200 || younger.decide().status() == 200);
    }

    #[test]
    fn a_device_opens_only_what_two_factors_open_and_only_where_devices_count(request in requests()) {
        let without = request.clone().claim("device_time", Value::Null);
        if request.decide().status() == 200 && without.decide().status() != 200 {
            let site: Site = serde_json::from_value(request.site.clone()).unwrap();
            let asked = site.policy.effective("GET", "/page");
            prop_assert!(asked.trusted_device.days != 0);
            prop_assert!(request.token().unwrap().level().is_some());
            // A passkey may be of a model that does not count here.
            let present = without.claim("acr", "urn:signalbox:2fa").claim("amr", json!(["pwd", "otp"]));
            let present = present.claim("auth_time", IAT);
            prop_assert_eq!(present.decide().status(), 200);
            let strict = request.policy("require", "phishing_resistant").policy("rules", json!([]));
            prop_assert!(strict.decide().status() != 200);
        }
        else {
            // Nobody is kept out by it.
            prop_assert_eq!(request.decide().status(), without.decide().status());
        }
    }

    #[test]
    fn an_ending_shuts_out_whoever_it_names(
        request in requests(),
        kind in prop::sample::select(CutOffKind::ALL.to_vec()),
        id in prop::sample::select(vec!["s1", "u1", "c1", "g1", "u1c1"]),
        at in IAT - 1..=IAT + 1,
    ) {
        let ended = request.clone().cut(kind, id, at);
        prop_assert!(!widens(&request.decide(), &ended.decide()));
        let token = request.token().unwrap();
        let named = match kind {
            CutOffKind::Session => token.sid() == Some(id),
            CutOffKind::User => token.sub() == id,
            CutOffKind::Client => token.client_id() == id,
            CutOffKind::ApiKey => false,
            CutOffKind::Grant => token.grant_id() == Some(id),
            CutOffKind::Token => token.jti() == id,
            CutOffKind::Consent => token.grant_id().is_some() && token.consent_id() == id,
        };
        if let (true, Decision::Allow(permit)) = (named && at >= IAT, ended.decide()) {
            prop_assert!(permit.token().is_none());
        }
    }

    #[test]
    fn nobody_passes_as_somebody_but_with_the_right_audience(request in requests()) {
        if let Decision::Allow(permit) = request.decide()
            && let Some(token) = permit.token()
        {
            let first_party = request.site["policy"]["first_party"] == json!(true);
            let is_granted = token.grant_id().is_some() || token.is_client();
            let by_issuer = first_party && !is_granted && token.has_audience(ISSUER);
            prop_assert!(token.has_audience(SITE) || by_issuer);
        }
    }
}
