//! The next step: each rule of it, and that whoever does what is asked arrives.

use std::time::Duration;

use jwks::{
    Time,
    effective::Effective,
    policy::{Level, Method, Policy, Require, TrustedDevice},
};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::{
    Asks,
    step::{
        Candidate, SET_UP_ON_PAGES, Situation, Step, Unmet, Why, is_remembered, next_for_device,
        next_step,
    },
};
use crate::domain::{
    authorization::{
        AuthorizationRequest, ClaimRequest, ClaimsRequest, Done, Prompt, ResponseMode,
    },
    client::{ApplicationType, Client, ClientAuthMethod, Metadata, Registrar},
    consent::Consent,
    session::{Proof, Session},
};
use crate::oauth::OAuthError;

const ISSUER: &str = "https://id.example";
const BEGAN: Time = Time::from_secs(1_800_000_000);

fn after(seconds: u64) -> Time {
    BEGAN.plus(Duration::from_secs(seconds))
}

fn before(seconds: i64) -> Time {
    Time::from_millis(BEGAN.millis() - seconds * 1000)
}

/// Everything a step depends on, owned.
#[derive(Clone, Debug)]
struct Case {
    request: AuthorizationRequest,
    client: Client,
    policies: Vec<Policy>,
    candidates: Vec<Candidate>,
    hinted: Option<String>,
    now: Time,
}

impl Case {
    /// A first party asks for `openid`; nobody is signed in.
    fn new() -> Self {
        let request = AuthorizationRequest {
            client_id: "app".into(),
            redirect_uri: "https://app.example/cb".into(),
            names_redirect_uri: true,
            response_mode: ResponseMode::Query,
            state: None,
            scope: "openid email".into(),
            nonce: None,
            pkce: None,
            prompt: Vec::new(),
            max_age: None,
            acr_values: Vec::new(),
            claims: ClaimsRequest::default(),
            login_hint: None,
            subject_hint: None,
            ui_locales: Vec::new(),
            resource: Vec::new(),
            asked_of: None,
            pushed: None,
            chosen: None,
            signed_in: None,
            allowed: None,
            is_done: false,
            created_at: BEGAN,
            expires_at: after(3600),
        };
        let client = Client {
            client_id: "app".into(),
            secret: None,
            registration_token: None,
            registrar: Registrar::Operator,
            metadata: Metadata { first_party: true, ..Metadata::default() },
            created_at: BEGAN,
            updated_at: BEGAN,
        };
        let default = Policy {
            require: Require::SignedIn,
            trusted_device: TrustedDevice { days: 30 },
            ..Policy::default()
        };
        Self {
            request,
            client,
            policies: vec![default],
            candidates: Vec::new(),
            hinted: None,
            now: after(10),
        }
    }

    /// With somebody who signed in so many seconds before the request.
    fn signed_in(mut self, ago: i64) -> Self {
        let number = self.candidates.len() as u128 + 1;
        self.candidates.push(candidate(number, before(ago)));
        self
    }

    /// Where this was done for the request itself.
    fn noted(mut self, done: Done) -> Self {
        self.request.note(done);
        self
    }

    fn of(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn with<T>(&self, ask: impl FnOnce(&Situation<'_>) -> T) -> T {
        let policies: Vec<Effective<'_>> =
            self.policies.iter().map(Policy::without_rules).collect();
        ask(&Situation {
            request: &self.request,
            client: &self.client,
            issuer: ISSUER,
            policies: &policies,
            candidates: &self.candidates,
            hinted: self.hinted.as_deref(),
            now: self.now,
        })
    }

    fn step(&self) -> Step {
        self.with(next_step)
    }
}

fn sid(number: u128) -> Uuid {
    Uuid::from_u128(100 + number)
}

fn candidate(number: u128, auth_time: Time) -> Candidate {
    let session = Session {
        sid: sid(number),
        user_id: Uuid::from_u128(number),
        tenant_id: "default".into(),
        client_id: "pages".into(),
        site_key: None,
        proof: Proof {
            acr: Level::OneFactor,
            amr: vec!["pwd".into()],
            auth_time,
            device_at: None,
            model: None,
        },
        remember: true,
        created_at: auth_time,
        last_active_at: auth_time,
        expires_at: after(86_400),
        ip: String::new(),
        user_agent: String::new(),
        device: String::new(),
        browser: None,
        clients: Vec::new(),
    };
    let names = vec![format!("person-{number}@example.com")];
    Candidate { session, names, consent: None, methods: Vec::new(), models: Vec::new() }
}

fn consent(scopes: &[&str], granted_at: Time) -> Consent {
    Consent {
        user_id: Uuid::from_u128(1),
        client_id: "app".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        claims: Vec::new(),
        resources: Vec::new(),
        created_at: granted_at,
        granted_at,
    }
}

fn two_factors(candidate: &mut Candidate, method: Method) {
    candidate.session.proof.acr = match method {
        Method::Hardware => Level::PhishingResistant,
        _ => Level::TwoFactor,
    };
    candidate.session.proof.amr = vec!["pwd".into(), method.amr()[0].into(), "mfa".into()];
}

#[test]
fn nobody_is_asked_anything_where_a_session_is_enough() {
    assert_eq!(Case::new().signed_in(86_000).step(), Step::Issue(sid(1)));
}

#[test]
fn who_is_not_signed_in_signs_in() {
    assert_eq!(Case::new().step(), Step::SignIn(None));
}

#[test]
fn a_sign_in_that_is_demanded_must_be_of_this_request() {
    let case = Case::new().of(|case| case.request.prompt = vec![Prompt::Login]);
    assert_eq!(case.clone().signed_in(1).step(), Step::SignIn(Some(sid(1))));
    let case = case.signed_in(-5);
    assert_eq!(case.step(), Step::SignIn(Some(sid(1))));
    assert_eq!(case.noted(Done::SignedIn(sid(1))).step(), Step::Issue(sid(1)));
}

#[test]
fn a_sign_in_that_is_too_old_is_proved_again() {
    let case = Case::new().signed_in(100).of(|case| case.request.max_age = Some(60));
    assert_eq!(case.step(), Step::SignIn(Some(sid(1))));
    let with_factor = case.clone().of(|case| case.candidates[0].methods = vec![Method::Totp]);
    assert_eq!(with_factor.step(), Step::StepUp(sid(1), Why::Age));
    assert_eq!(case.of(|case| case.request.max_age = Some(600)).step(), Step::Issue(sid(1)));
    // No age at all is one sign-in for this request, however long the rest took.
    let case = Case::new().signed_in(-1).of(|case| case.request.max_age = Some(0));
    assert_eq!(case.step(), Step::SignIn(Some(sid(1))));
    let case = case.noted(Done::SignedIn(sid(1))).of(|case| case.now = after(300));
    assert_eq!(case.step(), Step::Issue(sid(1)));
    // Any other age is what it says, also of a sign-in for this request.
    let old = case.clone().of(|case| case.request.max_age = Some(60));
    assert_eq!(old.step(), Step::SignIn(Some(sid(1))));
    let old = case.of(|case| case.policies[0].max_auth_age = Some(60));
    assert_eq!(old.step(), Step::SignIn(Some(sid(1))));
}

#[test]
fn a_consent_or_sign_in_for_one_request_answers_no_other_that_was_begun_before_it() {
    // Whoever began this one left it lying, and the person did both for another one since.
    let since = Case::new().signed_in(-5).of(|case| {
        case.now = after(3000);
        case.client.metadata.first_party = false;
        case.candidates[0].consent = Some(consent(&["openid", "email"], after(2000)));
    });
    let native = since.clone().of(|case| {
        case.client.metadata.application_type = ApplicationType::Native;
        case.client.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
        case.request.redirect_uri = "http://127.0.0.1:4000/cb".into();
    });
    let asking = |prompt| since.clone().of(|case| case.request.prompt = vec![prompt]);
    let all = Asks::of(&since.request, ISSUER);
    assert_eq!(native.step(), Step::Consent(sid(1), all.clone()));
    assert_eq!(asking(Prompt::Consent).step(), Step::Consent(sid(1), all));
    assert_eq!(asking(Prompt::Login).step(), Step::SignIn(Some(sid(1))));
    assert_eq!(asking(Prompt::SelectAccount).step(), Step::Choose);
    for case in [native, asking(Prompt::Consent)] {
        // Nor what another session did for this one.
        let other = case.clone().noted(Done::Allowed(sid(2)));
        assert!(matches!(other.step(), Step::Consent(..)));
        assert_eq!(case.noted(Done::Allowed(sid(1))).step(), Step::Issue(sid(1)));
    }
    for case in [asking(Prompt::Login), asking(Prompt::SelectAccount)] {
        let other = case.clone().noted(Done::SignedIn(sid(2)));
        assert_ne!(other.step(), Step::Issue(sid(1)));
        assert_eq!(case.noted(Done::SignedIn(sid(1))).step(), Step::Issue(sid(1)));
    }
}

#[test]
fn who_reads_longer_than_a_sign_in_may_be_old_signs_in_once_more_and_is_not_asked_again() {
    let case = Case::new().signed_in(-1).noted(Done::SignedIn(sid(1))).of(|case| {
        case.request.max_age = Some(1);
        case.client.metadata.first_party = false;
    });
    assert!(matches!(case.step(), Step::Consent(..)));
    let allowed = case.noted(Done::Allowed(sid(1))).of(|case| {
        case.candidates[0].consent = Some(consent(&["openid", "email"], case.now));
    });
    assert_eq!(allowed.step(), Step::SignIn(Some(sid(1))));
    let again = allowed.of(|case| case.candidates[0].session.proof.auth_time = case.now);
    assert_eq!(again.step(), Step::Issue(sid(1)));
}

#[test]
fn who_signs_in_in_another_tab_goes_on_there_alone() {
    // Ada signed in for this; Bea signs in for something else.
    let ada = Case::new().signed_in(-2).noted(Done::SignedIn(sid(1)));
    assert_eq!(ada.signed_in(-5).step(), Step::Issue(sid(1)));
    // This is about Ada: she is asked for, and not refused for Bea's sake.
    let about = Case::new().of(|case| case.request.subject_hint = Some(Uuid::from_u128(7)));
    let about = about.signed_in(-5);
    assert_eq!(about.step(), Step::SignIn(None));
    assert_eq!(about.noted(Done::SignedIn(sid(1))).step(), Step::Refuse(Unmet::Subject));
    // Nor does anybody go on for whom nobody asked.
    assert_eq!(Case::new().signed_in(50).signed_in(-5).step(), Step::Choose);
}

#[test]
fn among_several_accounts_one_is_chosen_unless_something_says_which() {
    let two = Case::new().signed_in(50).signed_in(60);
    assert_eq!(two.step(), Step::Choose);
    let chosen = two.clone().of(|case| case.request.chosen = Some(sid(2)));
    assert_eq!(chosen.step(), Step::Issue(sid(2)));
    // A choice of another browser is none here.
    let foreign = two.clone().of(|case| case.request.chosen = Some(sid(9)));
    assert_eq!(foreign.step(), Step::Choose);
    let hinted = two.clone().of(|case| case.hinted = Some("person-2@example.com".into()));
    assert_eq!(hinted.step(), Step::Issue(sid(2)));
    let known = two
        .clone()
        .of(|case| case.candidates[1].session.clients = vec!["other".into(), "app".into()]);
    assert_eq!(known.step(), Step::Issue(sid(2)));
    let subject = two.clone().of(|case| case.request.subject_hint = Some(Uuid::from_u128(2)));
    assert_eq!(subject.step(), Step::Issue(sid(2)));
    let signed_in = two.signed_in(-2).noted(Done::SignedIn(sid(3)));
    assert_eq!(signed_in.step(), Step::Issue(sid(3)));
}

#[test]
fn select_account_asks_even_one_and_a_sign_in_is_an_answer() {
    let case = Case::new().of(|case| case.request.prompt = vec![Prompt::SelectAccount]);
    assert_eq!(case.step(), Step::SignIn(None));
    assert_eq!(case.clone().signed_in(5).step(), Step::Choose);
    let signed_in = case.signed_in(-5).noted(Done::SignedIn(sid(1)));
    assert_eq!(signed_in.step(), Step::Issue(sid(1)));
}

#[test]
fn a_request_about_somebody_is_answered_for_nobody_else() {
    let case = Case::new().of(|case| case.request.subject_hint = Some(Uuid::from_u128(7)));
    assert_eq!(case.clone().signed_in(50).step(), Step::SignIn(None));
    let case = case.signed_in(-1).noted(Done::SignedIn(sid(1)));
    assert_eq!(case.step(), Step::Refuse(Unmet::Subject));
}

#[test]
fn acr_values_are_a_wish() {
    let wish = |values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Case::new().signed_in(50).of(|case| case.request.acr_values = values)
    };
    let (one, two) = (Level::OneFactor.acr(), Level::TwoFactor.acr());
    assert_eq!(wish(&[two]).step(), Step::Issue(sid(1)));
    assert_eq!(wish(&["1", "anything"]).step(), Step::Issue(sid(1)));
    let can = |case: Case| case.of(|case| case.candidates[0].methods = vec![Method::Totp]);
    assert_eq!(can(wish(&[two, one])).step(), Step::StepUp(sid(1), Why::Level));
    assert_eq!(can(wish(&[one, two])).step(), Step::Issue(sid(1)));
    // The best that there is: nobody can reach the first.
    let phr = Level::PhishingResistant.acr();
    assert_eq!(can(wish(&[phr, two])).step(), Step::StepUp(sid(1), Why::Level));
    // A wish is no reason to refuse where nobody may be asked.
    let silent = can(wish(&[two])).of(|case| case.request.prompt = vec![Prompt::None]);
    assert_eq!(silent.step(), Step::Issue(sid(1)));
}

#[test]
fn without_asking_what_could_be_met_is_told_from_what_cannot() {
    let silent = |case: Case| case.of(|case| case.request.prompt = vec![Prompt::None]);
    let essential = Case::new().signed_in(50).of(|case| {
        let values = vec![json!(Level::TwoFactor.acr())];
        let asked = ClaimRequest { essential: true, value: None, values };
        case.request.claims.id_token.insert("acr".into(), Some(asked));
    });
    let demanded = Case::new().signed_in(50).of(|case| {
        case.policies[0].require = Require::TwoFactor;
        case.policies[0].allowed_factors = vec![Method::EmailOtp];
    });
    for case in [essential, demanded] {
        let told = silent(case.clone()).step().without_asking().unwrap_err();
        assert!(matches!(told, OAuthError::UnmetAuthenticationRequirements(_)), "{told:?}");
        let can = case.of(|case| case.candidates[0].methods = vec![Method::EmailOtp]);
        let told = silent(can).step().without_asking().unwrap_err();
        assert!(matches!(told, OAuthError::LoginRequired(_)), "{told:?}");
    }
}

#[test]
fn an_essential_acr_is_met_or_refused() {
    let essential = |values: &[&str]| {
        let values: Vec<_> = values.iter().map(|value| json!(value)).collect();
        let asked = ClaimRequest { essential: true, value: None, values };
        Case::new().signed_in(50).of(|case| {
            case.request.claims.id_token.insert("acr".into(), Some(asked));
        })
    };
    let two = Level::TwoFactor.acr();
    assert_eq!(essential(&[two]).step(), Step::Refuse(Unmet::Level));
    assert_eq!(essential(&["unknown"]).step(), Step::Refuse(Unmet::Level));
    assert_eq!(essential(&[]).step(), Step::Issue(sid(1)));
    let can = essential(&[two]).of(|case| case.candidates[0].methods = vec![Method::Totp]);
    assert_eq!(can.step(), Step::StepUp(sid(1), Why::Level));
    let done = essential(&[two]).of(|case| two_factors(&mut case.candidates[0], Method::Totp));
    assert_eq!(done.step(), Step::Issue(sid(1)));
}

#[test]
fn who_must_have_a_factor_sets_one_up_on_a_fresh_proof() {
    let case = Case::new().of(|case| case.policies[0].require = Require::TwoFactor);
    assert_eq!(case.clone().signed_in(50).step(), Step::Enrol(sid(1)));
    assert_eq!(case.clone().signed_in(400).step(), Step::SignIn(Some(sid(1))));
    let can = case.clone().signed_in(50).of(|case| case.candidates[0].methods = vec![Method::Totp]);
    assert_eq!(can.step(), Step::StepUp(sid(1), Why::Level));
    let listed = vec![Method::Totp];
    let narrow = can.of(|case| {
        case.policies[0].allowed_factors = listed;
        case.candidates[0].methods = vec![Method::EmailOtp];
    });
    assert_eq!(narrow.step(), Step::StepUp(sid(1), Why::Level));
    let proved = narrow.of(|case| two_factors(&mut case.candidates[0], Method::EmailOtp));
    assert_eq!(proved.step(), Step::Enrol(sid(1)));
    let enough = proved.of(|case| two_factors(&mut case.candidates[0], Method::Totp));
    assert_eq!(enough.step(), Step::Issue(sid(1)));
    let key = case.signed_in(50).of(|case| case.policies[0].require = Require::PhishingResistant);
    assert_eq!(key.step(), Step::Enrol(sid(1)));
    let nobody = key.of(|case| {
        case.policies[0].require = Require::TwoFactor;
        case.policies[0].allowed_factors = vec![Method::EmailOtp];
    });
    assert_eq!(nobody.step(), Step::Refuse(Unmet::Level));
}

#[test]
fn a_passkey_of_a_model_that_does_not_count_leads_to_one_that_does() {
    let (listed, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let of = |model| {
        Case::new().signed_in(50).of(|case| {
            case.policies[0].require = Require::PhishingResistant;
            case.policies[0].webauthn.models = vec![listed];
            case.candidates[0].methods = vec![Method::Hardware];
            two_factors(&mut case.candidates[0], Method::Hardware);
            case.candidates[0].session.proof.model = model;
        })
    };
    assert_eq!(of(Some(listed)).step(), Step::Issue(sid(1)));
    for wrong in [Some(other), None] {
        assert_eq!(of(wrong).step(), Step::Enrol(sid(1)));
    }
    // Whoever has one that counts is asked for that.
    let has_both = of(Some(other)).of(|case| {
        case.candidates[0].models = vec![Some(other), Some(listed)];
    });
    assert_eq!(has_both.step(), Step::StepUp(sid(1), Why::Level));
    // Who has proved nothing yet is asked for what they have.
    let unproved = of(None).of(|case| {
        case.candidates[0].session.proof.acr = Level::OneFactor;
        case.candidates[0].session.proof.amr = vec!["pwd".into()];
    });
    assert_eq!(unproved.step(), Step::StepUp(sid(1), Why::Level));
}

#[test]
fn what_a_rule_asks_for_is_reached_by_a_model_that_counts() {
    let (listed, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    // The place itself asks for a sign-in; its edge has asked the client for more.
    let of = |proved: Uuid, has: &[Uuid]| {
        Case::new().signed_in(50).of(|case| {
            case.policies[0].webauthn.models = vec![listed];
            case.request.acr_values = vec![Level::PhishingResistant.acr().into()];
            case.candidates[0].methods = vec![Method::Hardware];
            case.candidates[0].models = has.iter().copied().map(Some).collect();
            two_factors(&mut case.candidates[0], Method::Hardware);
            case.candidates[0].session.proof.model = Some(proved);
        })
    };
    assert_eq!(of(listed, &[listed]).step(), Step::Issue(sid(1)));
    let led = of(other, &[other, listed]);
    assert!(led.with(|it| it.depends_on_factors(&led.candidates[0].session.proof)));
    assert_eq!(led.step(), Step::StepUp(sid(1), Why::Level));
    // A wish that cannot be met is none; what is essential is refused.
    let cannot = of(other, &[other]);
    assert_eq!(cannot.step(), Step::Issue(sid(1)));
    let essential = cannot.of(|case| {
        let values = vec![json!(Level::PhishingResistant.acr())];
        let asked = ClaimRequest { essential: true, value: None, values };
        case.request.claims.id_token.insert("acr".into(), Some(asked));
    });
    assert_eq!(essential.step(), Step::Refuse(Unmet::Level));
}

#[test]
fn a_place_that_asks_for_a_verified_owner_asks_for_more_than_a_touch() {
    let of = |amr: &[&str]| {
        Case::new().signed_in(50).of(|case| {
            case.policies[0].require = Require::TwoFactor;
            case.policies[0].webauthn.user_verification = true;
            case.candidates[0].methods = vec![Method::Hardware];
            two_factors(&mut case.candidates[0], Method::Hardware);
            case.candidates[0].session.proof.amr = amr.iter().map(|&it| it.into()).collect();
        })
    };
    assert_eq!(of(&["pwd", "hwk", "user", "mfa"]).step(), Step::Issue(sid(1)));
    assert_eq!(of(&["pwd", "otp", "mfa"]).step(), Step::Issue(sid(1)));
    assert_eq!(of(&["pwd", "hwk", "mfa"]).step(), Step::StepUp(sid(1), Why::Level));
}

#[test]
fn a_trusted_device_counts_where_a_policy_says_so() {
    let on_device = Case::new().signed_in(50).of(|case| {
        case.candidates[0].session.proof.device_at = Some(before(86_400));
        case.candidates[0].methods = vec![Method::Totp];
    });
    assert_eq!(on_device.step(), Step::Issue(sid(1)));
    let two = on_device.clone().of(|case| case.policies[0].require = Require::TwoFactor);
    assert_eq!(two.step(), Step::Issue(sid(1)));
    let nowhere = two.of(|case| case.policies[0].trusted_device.days = 0);
    assert_eq!(nowhere.step(), Step::StepUp(sid(1), Why::Level));
    let nowhere = on_device.of(|case| case.policies[0].trusted_device.days = 0);
    assert_eq!(nowhere.step(), Step::StepUp(sid(1), Why::Level));
}

#[test]
fn every_place_is_asked() {
    let case = Case::new().signed_in(50).of(|case| {
        case.policies.push(Policy { max_auth_age: Some(30), ..case.policies[0].clone() });
        case.candidates[0].methods = vec![Method::Totp];
    });
    assert_eq!(case.step(), Step::StepUp(sid(1), Why::Age));
}

#[test]
fn consent_is_asked_for_what_is_new_and_again_where_that_is_demanded() {
    let case = Case::new().signed_in(50).of(|case| case.client.metadata.first_party = false);
    let all = Asks::of(&case.request, ISSUER);
    assert_eq!(all.scopes, ["openid", "email"]);
    assert_eq!(case.step(), Step::Consent(sid(1), all.clone()));
    let given = |scopes: &[&str], at| {
        let consent = consent(scopes, at);
        case.clone().of(|case| case.candidates[0].consent = Some(consent))
    };
    let new = Asks { scopes: vec!["email".into()], ..Asks::default() };
    assert_eq!(given(&["openid"], before(5)).step(), Step::Consent(sid(1), new));
    let remembered = given(&["email", "openid"], before(5));
    assert_eq!(remembered.step(), Step::Issue(sid(1)));
    let again = |case: Case| case.of(|case| case.request.prompt = vec![Prompt::Consent]);
    assert_eq!(again(remembered).step(), Step::Consent(sid(1), all));
    let allowed = again(given(&["email", "openid"], after(5))).noted(Done::Allowed(sid(1)));
    assert_eq!(allowed.step(), Step::Issue(sid(1)));
    // Who was asked for this and allows it no more is asked again.
    let withdrawn = case.clone().noted(Done::Allowed(sid(1)));
    assert!(matches!(withdrawn.step(), Step::Consent(..)));
    // Who asks for no scope at all asks for who somebody is.
    let nothing = case.of(|case| case.request.scope.clear());
    assert_eq!(nothing.step(), Step::Consent(sid(1), Asks::default()));
}

#[test]
fn claims_by_name_and_places_are_consented_to_as_well() {
    let case = Case::new().signed_in(50).of(|case| {
        case.client.metadata.first_party = false;
        for claim in ["email", "sub", "auth_time", "phone_number"] {
            case.request.claims.userinfo.insert(claim.into(), None);
        }
        // What is asked of this server is asked by scopes and claims.
        case.request.resource = vec!["https://api.example".into(), ISSUER.into()];
        case.candidates[0].consent = Some(consent(&["openid", "email"], before(5)));
    });
    let new = Asks {
        scopes: Vec::new(),
        claims: vec!["phone_number".into()],
        resources: vec!["https://api.example".into()],
    };
    assert_eq!(case.step(), Step::Consent(sid(1), new));
}

#[test]
fn an_app_that_anybody_could_stand_in_for_is_asked_about_every_time() {
    let case = Case::new().signed_in(50).of(|case| {
        case.client.metadata.first_party = false;
        case.client.metadata.application_type = ApplicationType::Native;
        case.client.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
        case.request.redirect_uri = "http://127.0.0.1:4000/cb".into();
        case.candidates[0].consent = Some(consent(&["openid", "email"], before(5)));
    });
    assert!(!is_remembered(&case.client, &case.request));
    assert!(matches!(case.step(), Step::Consent(..)));
    assert_eq!(case.clone().noted(Done::Allowed(sid(1))).step(), Step::Issue(sid(1)));
    // The operator's own where the person had no part in it: anybody may say that they are it.
    let own = case.of(|case| {
        case.client.metadata.first_party = true;
        case.candidates[0].consent = None;
    });
    assert!(matches!(own.step(), Step::Consent(..)));
    for done in [Done::Allowed, Done::SignedIn, Done::Chosen] {
        assert_eq!(own.clone().noted(done(sid(1))).step(), Step::Issue(sid(1)));
        assert!(matches!(own.clone().noted(done(sid(2))).step(), Step::Consent(..)));
    }
}

#[test]
fn a_first_party_that_asks_for_consent_gets_it_asked() {
    let case = Case::new().signed_in(50);
    let case = case.of(|case| case.request.prompt = vec![Prompt::Consent]);
    assert_eq!(case.step(), Step::Consent(sid(1), Asks::of(&case.request, ISSUER)));
    assert_eq!(case.noted(Done::Allowed(sid(1))).step(), Step::Issue(sid(1)));
}

#[test]
fn a_device_is_let_in_on_the_proof_that_its_places_ask() {
    let step = |policy: &Policy, candidate: &Candidate| {
        next_for_device(&[policy.without_rules()], candidate, BEGAN)
    };
    let policy = Policy { require: Require::SignedIn, ..Policy::default() };
    let one = candidate(1, before(200));
    assert_eq!(step(&policy, &one), Step::Issue(sid(1)));
    let two = Policy { require: Require::TwoFactor, ..policy.clone() };
    assert_eq!(step(&two, &one), Step::Enrol(sid(1)));
    let can = Candidate { methods: vec![Method::Totp], ..one.clone() };
    assert_eq!(step(&two, &can), Step::StepUp(sid(1), Why::Level));
    let mut proved = can.clone();
    two_factors(&mut proved, Method::Totp);
    assert_eq!(step(&two, &proved), Step::Issue(sid(1)));
    // They have time to read the page, and no more.
    let young = Policy { max_auth_age: Some(1), ..policy };
    assert_eq!(step(&young, &one), Step::Issue(sid(1)));
    assert_eq!(step(&young, &candidate(1, before(400))), Step::SignIn(Some(sid(1))));
    let old = Candidate { methods: vec![Method::Totp], ..candidate(1, before(400)) };
    assert_eq!(step(&young, &old), Step::StepUp(sid(1), Why::Age));
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::OneFactor), Just(Level::TwoFactor), Just(Level::PhishingResistant)]
}

fn methods() -> impl Strategy<Value = Vec<Method>> {
    let all = vec![Method::Totp, Method::EmailOtp, Method::BackupCode];
    proptest::sample::subsequence(all, 0..=3)
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (
        -5i64..1000,
        proptest::bool::ANY,
        proptest::option::of(0i64..10_000_000),
        methods(),
        proptest::option::of((-5i64..1000, proptest::bool::ANY)),
        proptest::bool::ANY,
    );
    proptest::collection::vec(one, 0..4).prop_map(|drawn| {
        let drawn = drawn.into_iter().enumerate();
        drawn
            .map(|(at, (ago, is_two, device, methods, given, takes_part))| {
                let mut one = candidate(at as u128 + 1, before(ago));
                if is_two && !methods.is_empty() {
                    two_factors(&mut one, methods[0]);
                } else {
                    one.session.proof.device_at =
                        device.filter(|_| !methods.is_empty()).map(before);
                }
                one.methods = methods;
                one.consent = given.map(|(ago, is_all)| {
                    let scopes: &[&str] = if is_all { &["openid", "email"] } else { &["openid"] };
                    consent(scopes, before(ago))
                });
                if takes_part {
                    one.session.clients.push("app".into());
                }
                one
            })
            .collect()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let require = prop_oneof![
        Just(Require::Public),
        Just(Require::SignedIn),
        Just(Require::TwoFactor),
        Just(Require::PhishingResistant)
    ];
    (require, methods(), 0u32..40, proptest::option::of(0u64..500)).prop_map(
        |(require, allowed_factors, days, max_auth_age)| Policy {
            require,
            allowed_factors,
            trusted_device: TrustedDevice { days },
            max_auth_age,
            ..Policy::default()
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let prompts = vec![Prompt::Login, Prompt::Consent, Prompt::SelectAccount];
    let prompts = proptest::sample::subsequence(prompts, 0..=3);
    let wishes = proptest::collection::vec(level(), 0..3);
    let essential = proptest::option::of(proptest::collection::vec(level(), 0..3));
    let request = (
        prompts,
        proptest::option::of(0u64..500),
        wishes,
        essential,
        proptest::option::of(1u128..5),
        [(); 3].map(|()| proptest::option::of(1u128..5)),
    );
    let policies = proptest::collection::vec(policy(), 1..3);
    let kind = (proptest::bool::ANY, proptest::bool::ANY);
    (request, policies, candidates(), kind, 0u64..600).prop_map(
        |((prompt, max_age, wishes, essential, subject, noted), policies, people, kind, now)| {
            Case::new().of(|case| {
                case.request.prompt = prompt;
                case.request.max_age = max_age;
                case.request.acr_values = wishes.iter().map(|level| level.acr().into()).collect();
                if let Some(levels) = essential {
                    let values = levels.iter().map(|level| json!(level.acr())).collect();
                    let asked = ClaimRequest { essential: true, value: None, values };
                    case.request.claims.id_token.insert("acr".into(), Some(asked));
                }
                case.request.subject_hint = subject.map(Uuid::from_u128);
                let [chosen, signed_in, allowed] = noted.map(|number| number.map(sid));
                (case.request.chosen, case.request.signed_in) = (chosen, signed_in);
                case.request.allowed = allowed;
                case.policies = policies;
                case.candidates = people;
                case.now = after(now);
                case.client.metadata.first_party = kind.0;
                if kind.1 {
                    case.client.metadata.application_type = ApplicationType::Native;
                    case.client.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
                    case.request.redirect_uri = "com.example.app:/cb".into();
                }
            })
        },
    )
}

/// Does what a step asks, as a person would who can do everything that the pages offer. `false`: it
/// is the end.
fn done(case: &mut Case, step: &Step) -> bool {
    case.now = case.now.plus(Duration::from_secs(5));
    let (now, policies) = (case.now, case.policies.clone());
    let counts =
        |method: &Method| policies.iter().all(|policy| policy.without_rules().counts(*method));
    let about = step.session();
    let mut note = None;
    let mut of = |change: &mut dyn FnMut(&mut Candidate)| {
        let found = case.candidates.iter_mut().find(|one| Some(one.session.sid) == about);
        change(found.unwrap());
    };
    match step {
        Step::Issue(_) | Step::Refuse(_) => return false,
        Step::SignIn(None) => {
            let number = case.request.subject_hint.map_or(77, |subject| subject.as_u128());
            case.candidates.insert(0, candidate(number, now));
            note = Some(Done::SignedIn(sid(number)));
        }
        Step::SignIn(Some(_)) => of(&mut |one| {
            one.session.proof.auth_time = now;
            if let Some(method) = one.methods.first().copied() {
                two_factors(one, method);
            }
        }),
        Step::Choose => {
            // The page shows those that it can be about.
            let subject = case.request.subject_hint;
            let fits =
                |one: &&Candidate| subject.is_none_or(|subject| subject == one.session.user_id);
            let chosen = case.candidates.iter().rfind(fits).map(|one| one.session.sid);
            note = chosen.map(Done::Chosen);
        }
        Step::StepUp(..) => of(&mut |one| {
            let method = one.methods.iter().copied().find(|method| counts(method));
            let method = method.or(one.methods.first().copied()).unwrap();
            two_factors(one, method);
            one.session.proof.auth_time = now;
            one.session.proof.device_at = None;
        }),
        Step::Enrol(_) => of(&mut |one| {
            assert!(now.since(one.session.proof.auth_time) <= Duration::from_secs(310));
            let method = SET_UP_ON_PAGES.into_iter().find(|method| counts(method)).unwrap();
            one.methods.push(method);
            two_factors(one, method);
            one.session.proof.auth_time = now;
        }),
        Step::Consent(_, asks) => of(&mut |one| {
            let mut given = one.consent.take().unwrap_or_else(|| consent(&[], now));
            given.scopes.extend(asks.scopes.iter().cloned());
            given.granted_at = now;
            one.consent = Some(given);
        }),
    }
    let proves = matches!(step, Step::SignIn(_) | Step::StepUp(..) | Step::Enrol(_));
    let note = note.or_else(|| match step {
        Step::Consent(sid, _) => Some(Done::Allowed(*sid)),
        step => step.session().filter(|_| proves).map(Done::SignedIn),
    });
    note.into_iter().for_each(|done| case.request.note(done));
    true
}

proptest! {
    #[test]
    fn whoever_does_what_is_asked_arrives(case in case()) {
        let mut case = case;
        let mut steps = Vec::new();
        loop {
            let step = case.step();
            let goes_on = done(&mut case, &step);
            steps.push(step);
            if !goes_on {
                break;
            }
            prop_assert!(steps.len() < 12, "{steps:?}");
        }
    }

    #[test]
    fn without_asking_there_is_a_session_or_an_error_and_nothing_else(case in case()) {
        let case = case.of(|case| case.request.prompt = vec![Prompt::None]);
        let step = case.step();
        match step.clone().without_asking() {
            Ok(sid) => prop_assert_eq!(step, Step::Issue(sid)),
            Err(_) => prop_assert!(!matches!(step, Step::Issue(_))),
        }
    }

    #[test]
    fn nothing_is_issued_but_for_a_session_of_this_browser_that_is_enough(case in case()) {
        if let Step::Issue(sid) = case.step() {
            let one = case.candidates.iter().find(|one| one.session.sid == sid).unwrap();
            let request = &case.request;
            prop_assert!(request.subject_hint.is_none_or(|subject| subject == one.session.user_id));
            let is_of_this = request.signed_in == Some(sid);
            prop_assert!(is_of_this || !request.prompts(Prompt::Login));
            let age = case.now.since(one.session.proof.auth_time);
            let limits = case.policies.iter().filter_map(|policy| policy.max_auth_age);
            for limit in limits.chain(request.max_age) {
                let is_met = age <= Duration::from_secs(limit) || limit == 0 && is_of_this;
                prop_assert!(is_met, "{age:?} {limit}");
            }
            let is_allowed = request.allowed == Some(sid);
            prop_assert!(is_allowed || !request.prompts(Prompt::Consent));
            let took_part = is_of_this || request.chosen == Some(sid);
            let is_own = case.client.metadata.first_party && took_part;
            prop_assert!(is_allowed || is_own || is_remembered(&case.client, request));
            for policy in &case.policies {
                let two = policy.require >= Require::TwoFactor;
                let proof = &one.session.proof;
                prop_assert!(!two || proof.acr >= Level::TwoFactor || proof.device_at.is_some());
            }
            if !case.client.metadata.first_party {
                let consent = one.consent.as_ref().unwrap();
                let has = |scope: &str| consent.scopes.iter().any(|given| given == scope);
                prop_assert!(request.scope.split(' ').all(has));
            }
        }
    }

    #[test]
    fn factors_are_asked_about_wherever_they_matter(case in case(), other in methods()) {
        let changed = case.clone().of(|case| {
            let policies = case.policies.clone();
            let policies: Vec<_> = policies.iter().map(Policy::without_rules).collect();
            let (request, client) = (case.request.clone(), case.client.clone());
            let situation = Situation {
                request: &request,
                client: &client,
                issuer: ISSUER,
                policies: &policies,
                candidates: &[],
                hinted: None,
                now: case.now,
            };
            for one in &mut case.candidates {
                if !situation.depends_on_factors(&one.session.proof) {
                    one.methods.clone_from(&other);
                }
            }
        });
        prop_assert_eq!(case.step(), changed.step());
    }
}
