use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    api_key::{Digest, Shown},
    cutoff::{CutOff, CutOffKind},
    facts::Request,
    feed::{Change, Entry, Snapshot},
    record::Refused,
    verify::TokenError,
};

const NOW: Time = Time::from_secs(1_800_000_000);

fn view(policy: Value, ends: &[&str]) -> View {
    let site = json!({
        "site_key": "app", "base_url": "https://app.test", "hosts": ["app.test"],
        "upstreams": ["http://127.0.0.1:1"], "policy": policy,
    });
    let end = |id: &&str| CutOff {
        kind: CutOffKind::User,
        id: (*id).to_owned(),
        at: NOW,
        until: NOW.plus(Duration::from_secs(3600)),
    };
    View::from_snapshot(Snapshot {
        seq: 1,
        epoch: "one".into(),
        issuer: "https://id.test".into(),
        keys: crate::key_set::JwkSet { keys: vec![] },
        sites: vec![serde_json::from_value(site).unwrap()],
        cut_offs: ends.iter().map(end).collect(),
        key_holders: vec![],
        more_keys: false,
    })
}

fn facts(path: &str, claims: Option<Value>) -> RecordedFacts {
    let bearer = |more: Value| {
        let mut claims = json!({
            "iss": "https://id.test", "sub": "ann", "aud": "https://app.test", "jti": "j",
            "client_id": "rail", "iat": NOW.secs() - 60, "exp": NOW.secs() + 3600,
            "auth_time": NOW.secs() - 60, "acr": "urn:signalbox:1fa", "amr": ["pwd"], "sid": "s",
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims = serde_json::from_value(claims).unwrap();
        RecordedCredential::Bearer(RecordedToken::Good(Box::new(claims)))
    };
    RecordedFacts {
        request: Request {
            host: Some("app.test".into()),
            method: "POST".into(),
            path: Ok(path.into()),
            peer: [192, 0, 2, 1].into(),
            sender: Sender::Own,
            upgrade: false,
        },
        presented: claims.map_or(RecordedCredential::Nothing, bearer),
        session: None,
        navigation: false,
        view_confirmed_at: NOW,
    }
}

fn needs(explained: &Explanation) -> Vec<Value> {
    explained
        .would_pass
        .iter()
        .map(|remedy| serde_json::to_value(remedy).unwrap()["need"].clone())
        .collect()
}

#[test]
fn what_would_have_passed_is_all_of_it_and_passes() {
    let view = view(
        json!({
            "require": "signed_in",
            "rules": [
                { "prefix": "/open", "require": "public" },
                { "prefix": "/pay", "require": "phishing_resistant", "max_auth_age": 300,
                  "allow": { "roles": ["clerk"], "networks": ["10.0.0.0/8"] } },
            ],
        }),
        &[],
    );
    let explained = explain(&view, &facts("/pay/now", None), NOW);
    assert_eq!((explained.outcome.as_str(), explained.status), ("not_signed_in", 401));
    assert_eq!(needs(&explained), ["sign_in", "network", "person", "proof"]);
    assert!(explained.passes_then);
    let asked = explained.asked.unwrap();
    assert_eq!((asked.rule, asked.place.as_deref()), (Some(1), Some("/pay")));
    assert_eq!((asked.require, asked.max_auth_age), (Require::PhishingResistant, Some(300)));
    assert!(explained.would_pass.contains(&Remedy::Proof {
        acr: Level::PhishingResistant,
        max_age: Some(300),
        factors: vec![],
    }));
}

#[test]
fn nothing_is_named_that_was_good() {
    let view = view(json!({ "allow": { "roles": ["clerk"] } }), &[]);
    let clerk = json!({ "roles": ["clerk"] });
    assert_eq!(needs(&explain(&view, &facts("/", Some(clerk)), NOW)), ["proof"]);
    let strong = json!({ "acr": "urn:signalbox:2fa", "amr": ["pwd", "otp"] });
    assert_eq!(needs(&explain(&view, &facts("/", Some(strong)), NOW)), ["person"]);
    let both = json!({ "acr": "urn:signalbox:2fa", "amr": ["pwd", "otp"], "roles": ["clerk"] });
    let passes = explain(&view, &facts("/", Some(both)), NOW);
    assert_eq!((passes.outcome.as_str(), passes.would_pass.len()), ("allow", 0));
}

#[test]
fn a_token_that_is_over_ended_or_elsewhere_wants_a_sign_in() {
    let strong = |more: Value| {
        let mut claims = json!({ "acr": "urn:signalbox:2fa", "amr": ["pwd", "otp"] });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        facts("/", Some(claims))
    };
    for (ends, facts, outcome) in [
        (&["ann"][..], strong(json!({})), "ended"),
        (&[], strong(json!({ "exp": NOW.secs() - 100 })), "token_expired"),
        (&[], strong(json!({ "aud": "https://other.test" })), "wrong_audience"),
    ] {
        let explained = explain(&view(json!({}), ends), &facts, NOW);
        assert_eq!(explained.outcome, outcome);
        assert_eq!(needs(&explained), ["sign_in"], "{outcome}");
        assert!(explained.passes_then, "{outcome}");
    }
}

#[test]
fn every_factor_and_model_that_a_policy_lists_can_be_named() {
    for policy in [
        json!({ "allowed_factors": ["EMAIL_OTP"] }),
        json!({ "allowed_factors": ["BACKUP_CODE"] }),
        json!({ "allowed_factors": ["HARDWARE"], "webauthn": {
            "user_verification": true, "models": ["00000000-0000-0000-0000-000000000007"] } }),
        json!({ "require": "phishing_resistant" }),
        json!({ "allow": { "users": ["bob"], "tenants": ["acme"] } }),
    ] {
        let view = view(policy.clone(), &[]);
        assert!(explain(&view, &facts("/", None), NOW).passes_then, "{policy}");
    }
}

#[test]
fn what_nobody_can_mend_is_said_and_does_not_pass() {
    let view = view(json!({}), &[]);
    let mut malformed = facts("/", None);
    malformed.request.path = Err(crate::facts::Malformed::Path);
    let mut unknown = facts("/", None);
    unknown.request.host = Some("other.test".into());
    for (facts, need) in [(malformed, "plain_request"), (unknown, "known_host")] {
        let explained = explain(&view, &facts, NOW);
        assert_eq!(needs(&explained), [need]);
        assert!(!explained.passes_then);
    }
}

#[test]
fn a_stale_view_is_told_from_what_else_is_missing() {
    let view = view(json!({}), &[]);
    let mut facts = facts("/", None);
    facts.view_confirmed_at = NOW.minus(Duration::from_secs(301));
    let explained = explain(&view, &facts, NOW);
    assert_eq!(explained.outcome, "view_stale");
    assert_eq!(needs(&explained), ["fresh_view", "sign_in", "proof"]);
}

#[test]
fn a_record_survives_the_wire_and_holds_neither_name_nor_address() {
    let mut facts = facts("/a", Some(json!({})));
    let refused = |facts: &RecordedFacts| Refused {
        id: "d_x".into(),
        at: NOW,
        site_key: Some("app".into()),
        site_version: Some(3),
        status: 401,
        reason: "insufficient".into(),
        facts: Some(facts.clone()),
    };
    let one = refused(&facts);
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Refused>(&text).unwrap(), one);
    assert!(!one.is_anonymous());
    for presented in [
        RecordedCredential::Nothing,
        RecordedCredential::Bearer(RecordedToken::Refused(TokenError::BadSignature)),
        RecordedCredential::Unsupported,
        RecordedCredential::Conflicting,
    ] {
        facts.presented = presented;
        let one = refused(&facts);
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Refused>(&text).unwrap(), one);
        assert!(one.is_anonymous());
    }
}

#[test]
fn what_a_browser_lacks_is_told_for_its_session() {
    let session = |more: Value| {
        let mut claims = json!({ "client_id": site_session::CLIENT_ID });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut facts = facts("/pay", Some(claims));
        facts.session = facts.presented.take_token();
        facts
    };
    let view = view(json!({ "accept": { "bearer": false } }), &[]);
    let weak = session(json!({}));
    let explained = explain(&view, &weak, NOW);
    assert_eq!(needs(&explained), ["proof"]);
    assert!(explained.passes_then);
    let strong = session(json!({ "acr": "urn:signalbox:2fa", "amr": ["pwd", "otp"] }));
    assert_eq!(explain(&view, &strong, NOW).outcome, "allow");
    for sender in [Sender::Foreign, Sender::Origin("https://evil.test".into())] {
        let mut foreign = strong.clone();
        foreign.request.sender = sender;
        let explained = explain(&view, &foreign, NOW);
        assert_eq!(
            (explained.outcome.as_str(), needs(&explained)),
            ("not_signed_in", vec![json!("own_page")])
        );
        assert!(explained.passes_then);
    }
    // Where only sessions count, somebody without any is told to sign in, and would pass.
    let explained = explain(&view, &facts("/pay", None), NOW);
    assert_eq!(needs(&explained), ["sign_in", "proof"]);
    assert!(explained.passes_then);
}

#[test]
fn the_networks_that_a_key_is_bound_to_are_named_as_its_own() {
    let id = Uuid::from_u128(11);
    let explained = |of_site: &[&str], of_key: &[&str], peer: &str| {
        let policy = json!({
            "accept": { "api_key": {} }, "allow": { "networks": of_site },
        });
        let mut view = view(policy, &[]);
        let key = json!({
            "id": id, "digest": Digest::of("key"), "scopes": [], "sites": ["app"],
            "networks": of_key, "created_at": NOW, "expires_at": NOW.plus(Duration::from_secs(9)),
        });
        let holder = json!({
            "user_id": Uuid::nil(), "email": "", "name": "", "roles": [], "tenant_id": "",
            "active": true, "keys": [key],
        });
        let change = Change::KeyHolder(serde_json::from_value(holder).unwrap());
        view.apply(&[Entry { seq: 2, at: NOW, change }], NOW);
        let mut facts = facts("/", None);
        facts.request.peer = peer.parse().unwrap();
        facts.presented = RecordedCredential::ApiKey(Some(Shown { id, digest: Digest::of("key") }));
        explain(&view, &facts, NOW)
    };
    let need = |networks: &[&str], of_key: &[&str]| {
        let read = |networks: &[&str]| networks.iter().map(|it| it.parse().unwrap()).collect();
        [Remedy::Network { networks: read(networks), of_key: read(of_key) }]
    };
    let (wide, narrow) = (["10.0.0.0/8"], ["10.1.2.0/24"]);
    for (peer, of_site, of_key) in
        [("10.9.9.9", &[][..], &narrow[..]), ("192.0.2.1", &wide[..], &narrow[..])]
    {
        let explained = explained(&wide, &narrow, peer);
        assert_eq!((explained.outcome.as_str(), explained.status), ("network", 403));
        assert_eq!(explained.would_pass, need(of_site, of_key));
        assert!(explained.passes_then);
    }
    let one = explained(&narrow, &wide, "10.9.9.9");
    assert_eq!((&one.would_pass[..], one.passes_then), (&need(&narrow, &[])[..], true));
    assert_eq!(explained(&wide, &narrow, "10.1.2.3").outcome, "allow");
    // Nothing is in both.
    let apart = explained(&["192.0.2.0/24"], &narrow, "10.1.2.3");
    assert_eq!(
        (&apart.would_pass[..], apart.passes_then),
        (&need(&["192.0.2.0/24"], &[])[..], false)
    );
}
