//! Who gets in.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    edge::{DEMO, Edge},
    forge::claims,
    person::{STEP, on_device},
    rail::send,
};

use super::sites::{open, site};

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let world = World::shared().await;
    let refused = world.edge().get_anonymously(DEMO, "/").await;
    refused.expect(401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with("Bearer"), "{challenge}");
    assert!(!challenge.contains("error="), "{challenge}");
    let page = world.edge().request("GET", DEMO, "/").header("accept", "text/html,*/*;q=0.8");
    let page = send(page).await;
    assert!([302, 401].contains(&page.status), "{}", page.status);
}

#[tokio::test]
async fn every_refusal_carries_its_id_in_header_and_body() {
    let world = World::shared().await;
    let edge = world.edge();
    let mut seen = Vec::new();
    for answer in [
        edge.get_anonymously(DEMO, "/").await,
        edge.get_anonymously(DEMO, "/").await,
        edge.demo("nonsense").await,
        edge.get_anonymously("nowhere.localhost", "/").await,
    ] {
        let id = answer.header("x-signalbox-decision").to_owned();
        assert!(!id.is_empty() && answer.text.contains(&id), "{answer:?}");
        assert!(!seen.contains(&id), "{id} twice");
        seen.push(id);
    }
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let request = world.edge().request("GET", DEMO, "/").bearer_auth(&session.access);
    send(request.header("x-api-key", "sbk_something")).await.expect(400);
    let request = world.edge().request("GET", DEMO, "/").bearer_auth(&session.access);
    send(request.header("authorization", format!("Bearer {}", session.access))).await.expect(400);
    let request = world.edge().request("GET", DEMO, "/").bearer_auth(&session.access);
    send(request.header("authorization", "Basic YTpi")).await.expect(400);
    world.edge().demo(&session.access).await.expect(200);
}

#[tokio::test]
async fn a_credential_that_no_site_lists_is_refused() {
    let world = World::shared().await;
    let key = world.edge().request("GET", DEMO, "/").header("x-api-key", "sbk_something");
    send(key).await.expect(401);
    world.edge().demo("sbk_something").await.expect(401);
    let dpop = world.edge().request("GET", DEMO, "/").header("authorization", "DPoP a.b.c");
    send(dpop).await.expect(401);
}

#[tokio::test]
async fn rules_of_paths_and_methods_change_what_is_asked() {
    let world = World::shared().await;
    let mut draft = site(&world, "rules").await;
    draft["policy"] = json!({
        "require": "2fa",
        "first_party": true,
        "rules": [
            { "path": "/exact", "require": "public" },
            { "prefix": "/open", "methods": ["GET"], "require": "public" },
            { "prefix": "/one", "require": "signed_in" },
            { "prefix": "/one/two", "require": "phishing_resistant" },
        ],
    });
    open(&world, &draft).await;
    let edge = world.edge();
    let status = async |method: &str, path: &str, token: &str| {
        let mut request = edge.request(method, "rules.localhost", path);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        send(request).await.status
    };
    let person = world.person().await;
    let one = world.sign_in(&person).await.access;
    for (method, path, token, wanted) in [
        ("GET", "/exact", "", 200),
        ("GET", "/exact/", "", 401),
        ("GET", "/exact/below", "", 401),
        ("GET", "/exactly", "", 401),
        ("GET", "/open", "", 200),
        ("GET", "/open/a/b?c", "", 200),
        ("GET", "/opened", "", 401),
        ("GET", "/Open", "", 401),
        ("POST", "/open/a", "", 401),
        ("GET", "/%6Fpen/a", "", 200),
        ("GET", "/one", "", 401),
        ("GET", "/one/a", &one, 200),
        // The first rule that matches wins.
        ("GET", "/one/two", &one, 200),
        ("GET", "/", &one, 401),
        ("GET", "/opened", &one, 401),
    ] {
        assert_eq!(status(method, path, token).await, wanted, "{method} {path}");
    }
}

#[tokio::test]
async fn a_public_site_names_its_callers_and_lets_everybody_in() {
    let world = World::shared().await;
    let mut draft = site(&world, "public").await;
    draft["policy"] = json!({ "require": "public", "first_party": true });
    open(&world, &draft).await;
    let nobody = world.edge().get_anonymously("public.localhost", "/").await;
    let seen = nobody.expect(200).json()["headers"].to_string();
    assert!(!seen.contains("x-auth-"), "{seen}");
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let somebody = world.edge().get("public.localhost", "/", &session.access).await;
    assert_eq!(somebody.expect(200).json()["headers"]["x-auth-user"], session.user_id.as_str());
    // Who shows something broken is told so.
    world.edge().get("public.localhost", "/", "nonsense").await.expect(401);
}

/// Somebody made by an operator, with a role, signed in with the password.
async fn with_role(world: &World, role: &str) -> tests::Session {
    let person = tests::Person::new();
    let args = ["--email", &person.email, "--name", &person.name, "--role", role];
    let args = [&["admin", "create-user"], &args[..], &["--password-stdin", "--active"]].concat();
    drop(world.signalbox_with_input(&args, &person.password).await.json());
    world.sign_in(&person).await
}

async fn entering(edge: &Edge, host: &str, token: &str) -> u16 {
    edge.get(host, "/", token).await.status
}

#[tokio::test]
async fn only_those_whom_the_site_lists_may_enter() {
    let world = World::shared().await;
    let (clerk, guest) = (with_role(&world, "clerk").await, with_role(&world, "guest").await);
    let somebody = world.sign_in(&world.person().await).await;
    let tenant = claims(&guest.access)["tenant_id"].clone();
    let guest_id = guest.user_id.as_str();
    let edge = world.edge();
    let listed =
        |allow: Value| json!({ "require": "signed_in", "first_party": true, "allow": allow });
    for (key, allow, wanted) in [
        ("by-role", json!({ "roles": ["clerk", "boss"] }), [200, 403, 403]),
        ("by-user", json!({ "users": [guest_id] }), [403, 200, 403]),
        ("by-both", json!({ "users": [guest_id], "roles": ["clerk"] }), [403, 403, 403]),
        ("by-tenant", json!({ "tenants": [tenant] }), [200, 200, 200]),
        ("by-other-tenant", json!({ "tenants": ["elsewhere"] }), [403, 403, 403]),
        ("by-network", json!({ "networks": ["127.0.0.0/8"] }), [200, 200, 200]),
        ("by-other-network", json!({ "networks": ["10.0.0.0/8"] }), [403, 403, 403]),
    ] {
        let mut draft = site(&world, key).await;
        draft["policy"] = listed(allow);
        open(&world, &draft).await;
        let host = format!("{key}.localhost");
        let mut got = [0; 3];
        for (place, session) in got.iter_mut().zip([&clerk, &guest, &somebody]) {
            *place = entering(&edge, &host, &session.access).await;
        }
        assert_eq!(got, wanted, "{key}");
    }
    // Nobody talks their way into a network.
    let request = edge.request("GET", "by-other-network.localhost", "/").bearer_auth(&clerk.access);
    send(request.header("x-forwarded-for", "10.1.2.3")).await.expect(403);
}

#[tokio::test]
async fn who_may_not_enter_is_told_before_the_level_is_asked() {
    let world = World::shared().await;
    let mut draft = site(&world, "order").await;
    draft["policy"] =
        json!({ "require": "2fa", "first_party": true, "allow": { "roles": ["boss"] } });
    open(&world, &draft).await;
    let session = world.sign_in(&world.person().await).await;
    assert_eq!(entering(&world.edge(), "order.localhost", &session.access).await, 403);
}

#[tokio::test]
async fn a_token_for_one_site_opens_no_other() {
    let world = World::shared().await;
    for key in ["left", "right"] {
        let mut draft = site(&world, key).await;
        draft["policy"] = json!({ "require": "signed_in" });
        open(&world, &draft).await;
    }
    let (edge, person) = (world.edge(), world.person().await);
    let left = world.sign_in_for(&person, "left").await.access;
    let issuer = world.sign_in(&person).await.access;
    assert_eq!(entering(&edge, "left.localhost", &left).await, 200);
    assert_eq!(entering(&edge, "right.localhost", &left).await, 401);
    // Nor does one for the server, where the site does not say so.
    assert_eq!(entering(&edge, "left.localhost", &issuer).await, 401);
    // And at the server itself a site's token is nothing.
    for (method, path) in [("GET", "/me"), ("GET", "/sessions"), ("POST", "/mfa/setup")] {
        let answer = world.rail().call_as(&left, method, path).await;
        answer.refused(401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_proof_may_be_too_old_for_a_site() {
    let mut world = World::start().await;
    let mut draft = site(&world, "recent").await;
    draft["policy"] = json!({ "require": "signed_in", "first_party": true, "max_auth_age": 120 });
    open(&world, &draft).await;
    let session = world.sign_in(&world.person().await).await;
    let edge = world.edge();
    assert_eq!(entering(&edge, "recent.localhost", &session.access).await, 200);
    world.advance(Duration::from_secs(121));
    world.caught_up().await;
    let refused = edge.get("recent.localhost", "/", &session.access).await;
    let challenge = refused.expect(401).header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
    assert!(challenge.contains("max_age=120"), "{challenge}");
    assert!(challenge.contains(r#"acr_values="urn:signalbox:1fa""#), "{challenge}");
}

#[tokio::test]
async fn authorization_belongs_to_an_app_that_takes_no_bearers() {
    let world = World::shared().await;
    let mut draft = site(&world, "own-auth").await;
    draft["policy"] = json!({ "require": "public", "accept": { "bearer": false } });
    open(&world, &draft).await;
    for field in ["Bearer of-the-app", "Basic YTpi"] {
        let request = world.edge().request("GET", "own-auth.localhost", "/");
        let seen = send(request.header("authorization", field)).await;
        assert_eq!(seen.expect(200).json()["headers"]["authorization"], field);
    }
}

#[tokio::test]
async fn a_bearer_is_passed_on_only_where_the_site_asks() {
    let world = World::shared().await;
    let mut draft = site(&world, "forwarding").await;
    draft["policy"] = json!({ "require": "signed_in", "first_party": true });
    draft["forward_credentials"] = true.into();
    open(&world, &draft).await;
    let session = world.sign_in(&world.person().await).await;
    let seen = world.edge().get("forwarding.localhost", "/", &session.access).await;
    let bearer = format!("Bearer {}", session.access);
    assert_eq!(seen.expect(200).json()["headers"]["authorization"], bearer);
}

#[tokio::test]
async fn callers_may_ask_the_edge_who_they_are() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let me = world.edge().get(DEMO, "/.signalbox/me", &session.access).await;
    let me = me.expect(200).json();
    assert_eq!(me["sub"], session.user_id.as_str());
    assert_eq!(me["acr"], "urn:signalbox:2fa");
    world.edge().get_anonymously(DEMO, "/.signalbox/me").await.expect(401);
    let below = world.edge().get(DEMO, "/.signalbox/nothing", &session.access).await;
    below.expect(404);
}

/// Half a sign-in for a site: the whole answer.
async fn half_for(world: &World, person: &Person, site_key: &str) -> Value {
    let mut body = person.credentials();
    body["siteKey"] = site_key.into();
    world.rail().post("/login", body).await.data(200)
}

#[tokio::test]
async fn a_site_takes_the_factors_it_lists_and_no_others() {
    let mut world = World::start().await;
    for (key, factors) in
        [("app-only", json!(["TOTP"])), ("mail-too", json!(["TOTP", "EMAIL_OTP"]))]
    {
        let mut draft = site(&world, key).await;
        draft["policy"] = json!({ "allowed_factors": factors, "first_party": true });
        open(&world, &draft).await;
    }
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    world.advance(Duration::from_secs(2 * STEP));
    let by = async |code: String, method: &str| {
        let half = world.half_sign_in(&person).await;
        let code =
            if method == "EMAIL_OTP" { world.challenged_code(&person, &half).await } else { code };
        let answer = json!({ "mfaToken": half, "code": code, "method": method });
        Session::of(&rail.post("/mfa/verify", answer).await.data(200)).access
    };
    let by_app = by(person.code(&world), "TOTP").await;
    let by_mail = by(String::new(), "EMAIL_OTP").await;
    let by_backup = by(person.backup_codes[0].clone(), "BACKUP_CODE").await;
    for (token, app_only, mail_too) in
        [(&by_app, 200, 200), (&by_mail, 401, 200), (&by_backup, 401, 401)]
    {
        world.edge().get("app-only.localhost", "/", token).await.expect(app_only);
        world.edge().get("mail-too.localhost", "/", token).await.expect(mail_too);
    }
    // A sign-in for it offers what it takes.
    let half = half_for(&world, &person, "app-only").await;
    assert_eq!(half["mfaMethods"], json!(["TOTP"]));
    let half = half["mfaToken"].as_str().unwrap();
    let wanted = json!({ "mfaToken": half, "method": "EMAIL_OTP" });
    assert_eq!(rail.post("/mfa/challenge", wanted).await.wrong_fields(), ["method"]);
    let answer = json!({ "mfaToken": half, "code": person.backup_codes[1] });
    assert_eq!(rail.post("/mfa/verify", answer).await.wrong_fields(), ["method"]);
    let both = half_for(&world, &person, "mail-too").await;
    assert_eq!(both["mfaMethods"], json!(["TOTP", "EMAIL_OTP"]));
}

#[tokio::test]
async fn who_has_no_factor_that_a_site_takes_proves_the_one_they_have_and_sets_one_up() {
    let mut world = World::start().await;
    let mut draft = site(&world, "strict").await;
    draft["policy"] = json!({ "allowed_factors": ["TOTP"] });
    open(&world, &draft).await;
    let (rail, mut person) = (world.rail(), world.enrolled_by_mail().await);
    // The password alone sets nothing up.
    let half = half_for(&world, &person, "strict").await;
    assert_eq!(half["mfaMethods"], json!(["EMAIL_OTP", "BACKUP_CODE"]));
    let half = half["mfaToken"].as_str().unwrap().to_owned();
    let wanted = json!({ "mfaToken": half, "method": "TOTP" });
    rail.post("/mfa/setup", wanted).await.refused(401, "INVALID_TOKEN");

    let code = world.challenged_code(&person, &half).await;
    let led = tests::person::verify(&rail, &half, &code).await.data(200);
    assert_eq!((&led["mfaRequired"], &led["mfaMethods"]), (&json!(true), &json!([])));
    assert!(led.get("accessToken").is_none(), "{led}");
    assert!(led["expiresIn"].as_u64().unwrap() <= 300, "{led}");
    let enrolling = led["mfaToken"].as_str().unwrap();
    // It opens nothing else, and sets up what the site takes.
    let answer = json!({ "mfaToken": enrolling, "code": person.backup_codes[0] });
    rail.post("/mfa/verify", answer).await.refused(401, "INVALID_TOKEN");
    rail.call_as(enrolling, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let other = json!({ "mfaToken": enrolling, "method": "EMAIL_OTP" });
    assert_eq!(rail.post("/mfa/setup", other).await.wrong_fields(), ["method"]);
    let wanted = json!({ "mfaToken": enrolling, "method": "TOTP" });
    let set_up = rail.post("/mfa/setup", wanted).await.data(200);
    assert!(set_up.get("backupCodes").is_none(), "{set_up}");
    person.take_secrets(&set_up);
    let answer = json!({ "mfaToken": enrolling, "method": "TOTP", "code": person.code(&world) });
    let session = Session::of(&rail.post("/mfa/setup/confirm", answer).await.data(200));
    world.edge().get("strict.localhost", "/", &session.access).await.expect(200);

    // The proof of the old factor is good for five minutes.
    let late = world.enrolled_by_mail().await;
    let half = half_for(&world, &late, "strict").await["mfaToken"].as_str().unwrap().to_owned();
    let code = world.challenged_code(&late, &half).await;
    let led = tests::person::verify(&rail, &half, &code).await.data(200);
    world.advance(Duration::from_secs(301));
    let wanted = json!({ "mfaToken": led["mfaToken"], "method": "TOTP" });
    rail.post("/mfa/setup", wanted).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_site_counts_trusted_devices_for_as_long_as_it_says_and_a_new_one_does_not() {
    let mut world = World::start().await;
    let mut draft = site(&world, "trusting").await;
    draft["policy"] = json!({ "trusted_device": { "days": 7 } });
    open(&world, &draft).await;
    let mut strong = site(&world, "strong").await;
    strong["policy"] = json!({ "trusted_device": { "days": 7 }, "require": "phishing_resistant" });
    open(&world, &strong).await;
    open(&world, &site(&world, "wary").await).await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let device = world.trusted_device(&person).await;
    let login = async |site_key: Option<&str>| {
        let mut body = on_device(&person, &device);
        body["siteKey"] = site_key.into();
        rail.post("/login", body).await.data(200)
    };
    world.advance(Duration::from_secs(7 * 24 * 3600 - 60));
    world.caught_up().await;
    let session = Session::of(&login(Some("trusting")).await);
    world.edge().get("trusting.localhost", "/", &session.access).await.expect(200);
    for key in ["wary", "strong"] {
        assert_eq!(login(Some(key)).await["mfaRequired"], true, "{key}");
        // Nor does a refresh carry it there; and the token is not spent by that.
        let anywhere = Session::of(&login(None).await);
        let body = json!({ "refreshToken": anywhere.refresh, "siteKey": key });
        let refused = rail.post("/refresh", body).await;
        let error = refused.error(403, "STEP_UP_REQUIRED");
        assert_eq!(error["acrValues"], json!(["urn:signalbox:2fa"]), "{key}");
        let body = json!({ "refreshToken": anywhere.refresh, "siteKey": "trusting" });
        let token = Session::of(&rail.post("/refresh", body).await.data(200)).access;
        world.edge().get("trusting.localhost", "/", &token).await.expect(200);
    }
    // The token that was let in is let in no more once the week is over.
    world.advance(Duration::from_secs(120));
    world.caught_up().await;
    world.edge().get("trusting.localhost", "/", &session.access).await.expect(401);
    assert_eq!(login(Some("trusting")).await["mfaRequired"], true);
}
