//! Passkeys and security keys: as a second factor, and alone.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World, authenticator::Authenticator, forge::claims, person::verify,
    rail::send,
};

use crate::{minutes, names, set};

async fn confirm(world: &World, session: &Session, credential: Value) -> Answer {
    let body = json!({ "method": "HARDWARE", "credential": credential, "name": "Laptop" });
    world.rail().post_as(&session.access, "/mfa/setup/confirm", body).await
}

/// Proves a passkey for half a sign-in.
async fn prove(world: &World, half: &str, credential: Value) -> Answer {
    let body = json!({ "mfaToken": half, "credential": credential });
    world.rail().post("/mfa/verify", body).await
}

async fn alone(world: &World, credential: Value) -> Answer {
    world.rail().post("/passkey", json!({ "credential": credential })).await
}

fn proof(session: &Session) -> (Value, Value) {
    let token = claims(&session.access);
    (token["acr"].clone(), token["amr"].clone())
}

fn texts(words: &str) -> Value {
    words.split(' ').collect::<Vec<_>>().into()
}

#[tokio::test]
async fn a_passkey_counts_once_it_has_answered() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let asked = world.set_up_factor(&session, "HARDWARE").await.data(200);
    assert_eq!(names(&asked), set(["method", "publicKey", "expiresIn", "backupCodes"]));
    let options = &asked["publicKey"];
    assert_eq!(options["rp"]["id"], "localhost");
    assert_eq!(options["user"]["name"], person.email);
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "preferred");
    assert_eq!(rail.post("/login", person.credentials()).await.data(200)["mfaRequired"], false);

    let mut passkey = Authenticator::new(&world);
    let enabled = confirm(&world, &session, passkey.create(options)).await.data(200);
    assert_eq!(enabled, json!({ "method": "HARDWARE", "enabled": true }));
    let half = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(half["mfaMethods"], json!(["HARDWARE", "BACKUP_CODE"]));
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["subject"].as_str().unwrap().contains("second factor"), "{mails:?}");

    let half = half["mfaToken"].as_str().unwrap();
    let options = world.half_options(half).await;
    assert_eq!(options["rpId"], "localhost");
    assert_eq!(options["userVerification"], "preferred");
    let allowed = options["allowCredentials"].as_array().unwrap();
    assert_eq!(allowed.len(), 1);
    let proved = Session::of(&prove(&world, half, passkey.get(&options)).await.data(200));
    assert_eq!(proof(&proved), ("urn:signalbox:phr".into(), texts("pwd hwk user mfa")));
    let listed = rail.call_as(&proved.access, "GET", "/mfa/methods").await.json();
    assert_eq!(listed["data"][0]["name"], "Laptop");
    assert_eq!(listed["data"][0]["method"], "HARDWARE");
}

#[tokio::test]
async fn a_passkey_alone_is_the_whole_sign_in() {
    let world = World::shared().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    let options = world.passkey_options().await;
    assert_eq!(options["allowCredentials"], json!([]));
    assert_eq!(options["userVerification"], "required");
    let data = world.sign_in_by_passkey(&mut passkey).await.data(200);
    assert_eq!(
        (&data["mfaRequired"], &data["user"]["email"]),
        (&json!(false), &json!(person.email))
    );
    let session = Session::of(&data);
    assert_eq!(proof(&session), ("urn:signalbox:phr".into(), texts("hwk user mfa")));
    // It is a proof of five minutes, as any other.
    let listed = world.rail().call_as(&session.access, "GET", "/mfa/methods").await;
    listed.expect(200);
    // A site that asks for two factors lets it in.
    let credential = passkey.get(&world.passkey_options().await);
    let body = json!({ "credential": credential, "siteKey": "demo", "rememberMe": false });
    let for_demo = Session::of(&world.rail().post("/passkey", body).await.data(200));
    world.edge().demo(&for_demo.access).await.expect(200);
}

#[tokio::test]
async fn a_synced_passkey_says_so_and_one_that_never_counts_is_good_again_and_again() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let session = world.sign_in(&person).await;
    let mut passkey = Authenticator::new(&world);
    (passkey.is_synced, passkey.counter) = (true, None);
    world.enrol_passkey(&mut person, &session, &mut passkey).await;
    for _ in 0..3 {
        let session = Session::of(&world.sign_in_by_passkey(&mut passkey).await.data(200));
        assert_eq!(proof(&session).1, texts("swk user mfa"));
    }
    // Its owner sees that it may be elsewhere; of one that cannot, that it is not.
    let session = Session::of(&world.sign_in_by_passkey(&mut passkey).await.data(200));
    let mut bound = Authenticator::new(&world);
    world.enrol_passkey(&mut person, &session, &mut bound).await;
    let listed = world.rail().call_as(&session.access, "GET", "/mfa/methods").await.data(200);
    let listed = listed.as_array().unwrap();
    let shown = |item: &Value| ["synced", "backedUp", "model"].map(|name| item[name].clone());
    assert_eq!(shown(&listed[0]), [json!(true), json!(true), json!(passkey.model())]);
    assert_eq!(shown(&listed[1]), [json!(false), json!(false), json!(bound.model())]);
    assert_eq!(shown(&listed[2]), [Value::Null, Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_security_key_that_verifies_nobody_stands_beside_a_password_alone() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let session = world.sign_in(&person).await;
    let mut key = Authenticator::new(&world);
    key.verifies = false;
    world.enrol_passkey(&mut person, &session, &mut key).await;
    let half = world.half_sign_in(&person).await;
    let credential = key.get(&world.half_options(&half).await);
    let session = Session::of(&prove(&world, &half, credential).await.data(200));
    assert_eq!(proof(&session), ("urn:signalbox:phr".into(), texts("pwd hwk mfa")));
    // Alone it would be one factor.
    world.sign_in_by_passkey(&mut key).await.refused(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn one_person_has_several_passkeys_and_none_twice() {
    let world = World::shared().await;
    let (mut person, mut first) = world.enrolled_with_passkey().await;
    let session = Session::of(&world.sign_in_by_passkey(&mut first).await.data(200));
    let asked = world.set_up_factor(&session, "HARDWARE").await.data(200);
    assert_eq!(asked["backupCodes"], Value::Null);
    let excluded = asked["publicKey"]["excludeCredentials"].as_array().unwrap();
    assert_eq!(excluded.len(), 1);
    // A browser that makes it all the same changes nothing.
    let again = first.create(&asked["publicKey"]);
    confirm(&world, &session, again).await.refused(401, "INVALID_CODE");
    let mut second = Authenticator::new(&world);
    world.enrol_passkey(&mut person, &session, &mut second).await;
    for passkey in [&mut first, &mut second] {
        let half = world.half_sign_in(&person).await;
        let options = world.half_options(&half).await;
        assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 2);
        drop(prove(&world, &half, passkey.get(&options)).await.data(200));
        drop(world.sign_in_by_passkey(passkey).await.data(200));
    }
    // What is somebody's is nobody else's.
    let (other, _) = world.enrolled_with_passkey().await;
    let half = world.half_sign_in(&other).await;
    let theirs = verify(&world.rail(), &half, &other.backup_codes[0]).await.data(200);
    let theirs = Session::of(&theirs);
    let asked = world.set_up_factor(&theirs, "HARDWARE").await.data(200);
    let owner = first.owner.clone();
    let stolen = first.create(&asked["publicKey"]);
    confirm(&world, &theirs, stolen).await.refused(409, "CONFLICT");
    first.owner = owner;
    drop(world.sign_in_by_passkey(&mut first).await.data(200));
}

#[tokio::test]
async fn a_removed_passkey_signs_nobody_in() {
    let world = World::shared().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    let session = Session::of(&world.sign_in_by_passkey(&mut passkey).await.data(200));
    let waiting = passkey.get(&world.passkey_options().await);
    let rail = world.rail();
    let listed = rail.call_as(&session.access, "GET", "/mfa/methods").await.json();
    let id = listed["data"][0]["id"].as_str().unwrap();
    let path = format!("/mfa/methods/{id}");
    drop(rail.call_as(&session.access, "DELETE", &path).await.data(200));
    alone(&world, waiting).await.refused(401, "INVALID_CREDENTIALS");
    world.sign_in_by_passkey(&mut passkey).await.refused(401, "INVALID_CREDENTIALS");
    assert_eq!(rail.post("/login", person.credentials()).await.data(200)["mfaRequired"], false);
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["subject"].as_str().unwrap().contains("removed"), "{mails:?}");
}

/// What is wrong with an answer, and how it comes to be.
type Lie = (&'static str, fn(&mut Authenticator));

/// Each of these, and nothing else, is wrong with an answer.
fn lies() -> Vec<Lie> {
    vec![
        ("another origin", |it| it.origin = "https://evil.example".to_owned()),
        ("another port", |it| it.origin = "http://localhost:1".to_owned()),
        ("another scheme", |it| it.origin = it.origin.replace("http:", "https:")),
        ("a name below ours", |it| it.origin = it.origin.replace("localhost", "a.localhost")),
        ("another RP id", |it| it.rp_id = "evil.example".to_owned()),
        ("an RP id below ours", |it| it.rp_id = "a.localhost".to_owned()),
        ("nobody there", |it| it.is_touched = false),
        ("a frame of somebody else's page", |it| it.is_framed = true),
    ]
}

#[tokio::test]
async fn what_a_passkey_answers_elsewhere_counts_nowhere_here() {
    let world = World::shared().await;
    for (what, lie) in lies() {
        let (person, mut passkey) = world.enrolled_with_passkey().await;
        let (origin, rp_id) = (passkey.origin.clone(), passkey.rp_id.clone());
        lie(&mut passkey);
        let answer = world.sign_in_by_passkey(&mut passkey).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        let half = world.half_sign_in(&person).await;
        let credential = passkey.get(&world.half_options(&half).await);
        let answer = prove(&world, &half, credential).await;
        assert_eq!(answer.error(401, "INVALID_CODE")["code"], "INVALID_CODE", "{what}");

        // Nor is one set up so.
        let stranger = world.person().await;
        let session = world.sign_in(&stranger).await;
        let asked = world.set_up_factor(&session, "HARDWARE").await.data(200);
        let mut new = Authenticator::new(&world);
        lie(&mut new);
        let answer = confirm(&world, &session, new.create(&asked["publicKey"])).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);

        passkey.is_touched = true;
        passkey.is_framed = false;
        (passkey.origin, passkey.rp_id) = (origin, rp_id);
        drop(world.sign_in_by_passkey(&mut passkey).await.data(200));
    }
}

#[tokio::test]
async fn a_challenge_is_good_once_even_after_a_wrong_answer() {
    let world = World::shared().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    let options = world.passkey_options().await;
    let credential = passkey.get(&options);
    drop(alone(&world, credential.clone()).await.data(200));
    alone(&world, credential).await.refused(401, "INVALID_CREDENTIALS");
    alone(&world, passkey.get(&options)).await.refused(401, "INVALID_CREDENTIALS");

    // It is gone before it is judged.
    let options = world.passkey_options().await;
    let mut broken = passkey.get(&options);
    broken["response"]["signature"] = "MEUCIQDx".into();
    alone(&world, broken).await.refused(401, "INVALID_CREDENTIALS");
    alone(&world, passkey.get(&options)).await.refused(401, "INVALID_CREDENTIALS");

    let half = world.half_sign_in(&person).await;
    let options = world.half_options(&half).await;
    passkey.origin = "https://evil.example".to_owned();
    let wrong = passkey.get(&options);
    passkey.origin = world.issuer();
    prove(&world, &half, wrong).await.refused(401, "INVALID_CODE");
    prove(&world, &half, passkey.get(&options)).await.refused(401, "INVALID_CODE");
    let credential = passkey.get(&world.half_options(&half).await);
    drop(prove(&world, &half, credential).await.data(200));
}

#[tokio::test]
async fn a_challenge_lives_five_minutes() {
    let mut world = World::start().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    let half = world.half_sign_in(&person).await;
    let alone_in = world.passkey_options().await;
    let beside = world.half_options(&half).await;
    world.advance(minutes(5));
    alone(&world, passkey.get(&alone_in)).await.refused(401, "INVALID_CREDENTIALS");
    prove(&world, &half, passkey.get(&beside)).await.refused(401, "INVALID_CODE");

    let stranger = world.person().await;
    let session = world.sign_in(&stranger).await;
    let asked = world.set_up_factor(&session, "HARDWARE").await.data(200);
    world.advance(minutes(5));
    let session = world.sign_in(&stranger).await;
    let mut new = Authenticator::new(&world);
    let answer = confirm(&world, &session, new.create(&asked["publicKey"])).await;
    answer.refused(401, "INVALID_CODE");
}

#[tokio::test]
async fn a_challenge_is_answered_by_whoever_was_asked_and_for_nothing_else() {
    let world = World::shared().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    let (half, other) = (world.half_sign_in(&person).await, world.half_sign_in(&person).await);
    let options = world.half_options(&half).await;
    // Another half sign-in of the same person, and the same passkey alone.
    prove(&world, &other, passkey.get(&options)).await.refused(401, "INVALID_CODE");
    alone(&world, passkey.get(&options)).await.refused(401, "INVALID_CREDENTIALS");
    // What was asked of nobody in particular proves no second factor.
    let anybody = world.passkey_options().await;
    prove(&world, &half, passkey.get(&anybody)).await.refused(401, "INVALID_CODE");
    // None of that took the challenge away from whoever was asked.
    let session = Session::of(&prove(&world, &half, passkey.get(&options)).await.data(200));
    drop(alone(&world, passkey.get(&anybody)).await.data(200));

    // A challenge for a proof sets up nothing, and the other way about; nor one of another session.
    let wanted = json!({ "method": "HARDWARE" });
    let rail = world.rail();
    let asked = rail.post_as(&session.access, "/mfa/challenge", wanted).await.data(200);
    let new = world.set_up_factor(&session, "HARDWARE").await.data(200);
    let mut second = Authenticator::new(&world);
    let wrong = second.create(&json!({
        "challenge": asked["publicKey"]["challenge"], "user": new["publicKey"]["user"],
    }));
    confirm(&world, &session, wrong).await.refused(401, "INVALID_CODE");
    let elsewhere = Session::of(&world.sign_in_by_passkey(&mut passkey).await.data(200));
    let answer = second.create(&new["publicKey"]);
    confirm(&world, &elsewhere, answer.clone()).await.refused(401, "INVALID_CODE");
    drop(confirm(&world, &session, answer).await.data(200));
    let body = json!({ "credential": passkey.get(&asked["publicKey"]) });
    let stolen = rail.post_as(&elsewhere.access, "/mfa/verify", body.clone()).await;
    stolen.refused(401, "INVALID_CODE");
    drop(rail.post_as(&session.access, "/mfa/verify", body).await.data(200));
}

#[tokio::test]
async fn a_passkey_of_somebody_else_proves_nothing() {
    let world = World::shared().await;
    let (person, mut own) = world.enrolled_with_passkey().await;
    let (_, mut theirs) = world.enrolled_with_passkey().await;
    let half = world.half_sign_in(&person).await;
    let credential = theirs.get(&world.half_options(&half).await);
    prove(&world, &half, credential).await.refused(401, "INVALID_CODE");
    // Under the name of mine, by a key that is not mine.
    theirs.credential_id.clone_from(&own.credential_id);
    let credential = theirs.get(&world.half_options(&half).await);
    prove(&world, &half, credential).await.refused(401, "INVALID_CODE");
    // Mine, said to be theirs.
    let mine = own.owner.clone();
    own.owner.clone_from(&theirs.owner);
    let credential = own.get(&world.half_options(&half).await);
    prove(&world, &half, credential).await.refused(401, "INVALID_CODE");
    world.sign_in_by_passkey(&mut own).await.refused(401, "INVALID_CREDENTIALS");
    // One that names nobody signs nobody in alone, and is good beside a password.
    own.owner = None;
    world.sign_in_by_passkey(&mut own).await.refused(401, "INVALID_CREDENTIALS");
    let credential = own.get(&world.half_options(&half).await);
    drop(prove(&world, &half, credential).await.data(200));
    own.owner = mine;
    drop(world.sign_in_by_passkey(&mut own).await.data(200));
}

#[tokio::test]
async fn a_counter_that_goes_back_is_refused() {
    let world = World::shared().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    passkey.counter = Some(10);
    drop(world.sign_in_by_passkey(&mut passkey).await.data(200));
    for behind in [Some(11), Some(3), Some(0), None] {
        passkey.counter = behind;
        let credential = passkey.assertion(&world.passkey_options().await);
        alone(&world, credential).await.refused(401, "INVALID_CREDENTIALS");
    }
    let half = world.half_sign_in(&person).await;
    passkey.counter = Some(11);
    let credential = passkey.assertion(&world.half_options(&half).await);
    prove(&world, &half, credential).await.refused(401, "INVALID_CODE");
    drop(world.sign_in_by_passkey(&mut passkey).await.data(200));
}

#[tokio::test]
async fn the_owner_of_a_passkey_that_may_have_been_copied_is_told_a_few_times_a_day() {
    let mut world = World::start().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    passkey.counter = Some(10);
    drop(world.sign_in_by_passkey(&mut passkey).await.data(200));
    let told = async |world: &World| {
        let mails = world.mails(&person.email).await;
        let told = |mail: &&Value| mail["subject"] == "A passkey of yours may have been copied";
        let told: Vec<Value> = mails.iter().filter(told).cloned().collect();
        told
    };
    // A signature that is none is no copy.
    let mut forged = passkey.get(&world.passkey_options().await);
    forged["response"]["signature"] = "MEUCIQDx".into();
    alone(&world, forged).await.refused(401, "INVALID_CREDENTIALS");
    assert_eq!(told(&world).await.len(), 0);
    let behind = async |world: &World, passkey: &mut Authenticator| {
        passkey.counter = Some(3);
        let credential = passkey.assertion(&world.passkey_options().await);
        alone(world, credential).await.refused(401, "INVALID_CREDENTIALS");
    };
    for _ in 0..5 {
        behind(&world, &mut passkey).await;
    }
    let letters = told(&world).await;
    assert_eq!(letters.len(), 3, "{letters:?}");
    let text = letters[0]["text"].as_str().unwrap();
    assert!(text.contains("Passkey") && text.contains("/not-me?token="), "{text}");
    world.advance(minutes(24 * 60));
    behind(&world, &mut passkey).await;
    assert_eq!(told(&world).await.len(), 4);
}

#[tokio::test]
async fn an_answer_shown_many_times_at_once_wins_once() {
    let world = World::plan().set("limits.password_per_network", 1000).replicas().start().await;
    let mut person = world.person().await;
    let session = world.sign_in(&person).await;
    // Without a counter nothing but the challenge tells one from the other.
    let mut silent = Authenticator::new(&world);
    silent.counter = None;
    world.enrol_passkey(&mut person, &session, &mut silent).await;

    let credential = silent.get(&world.passkey_options().await);
    let tries = (0..64).map(|number| {
        let (rail, body) = (world.rail_of(number), json!({ "credential": credential }));
        async move { rail.post("/passkey", body).await }
    });
    let answers = join_all(tries).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)));

    let half = world.half_sign_in(&person).await;
    let credential = silent.get(&world.half_options(&half).await);
    let tries = (0..64).map(|number| {
        let body = json!({ "mfaToken": half, "credential": credential });
        let rail = world.rail_of(number);
        async move { rail.post("/mfa/verify", body).await }
    });
    let answers = join_all(tries).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn what_is_no_answer_of_a_browser_is_refused_by_name_or_counts_for_nothing() {
    let world = World::shared().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    let rail = world.rail();
    for wrong in [json!("text"), json!([]), json!(7)] {
        let answer = rail.post("/passkey", json!({ "credential": wrong })).await;
        assert_eq!(answer.wrong_fields(), ["credential"]);
    }
    assert_eq!(rail.post("/passkey", json!({})).await.wrong_fields(), ["credential"]);
    let half = world.half_sign_in(&person).await;
    for (body, field) in [
        (json!({ "mfaToken": half, "method": "HARDWARE" }), "credential"),
        (json!({ "mfaToken": half, "method": "HARDWARE", "code": "123456" }), "credential"),
        (json!({ "mfaToken": half, "method": "BACKUP_CODE", "credential": {} }), "code"),
        (json!({ "mfaToken": half, "credential": {}, "code": "123456" }), "code"),
    ] {
        let answer = rail.post("/mfa/verify", body).await;
        assert!(answer.wrong_fields().contains(&field.to_owned()), "{}", answer.text);
    }
    let good = passkey.get(&world.passkey_options().await);
    for pointer in
        ["/rawId", "/type", "/response", "/response/clientDataJSON", "/response/authenticatorData"]
    {
        for wrong in [Value::Null, json!(""), json!("!"), json!("e30"), json!({}), json!([1])] {
            let mut credential = good.clone();
            *credential.pointer_mut(pointer).unwrap() = wrong;
            let answer = alone(&world, credential).await;
            assert_eq!(answer.status, 401, "{pointer}: {}", answer.text);
        }
    }
}

/// Draws the demands of a site for passkeys.
async fn site(world: &World, key: &str, policy: Value) {
    let site = json!({
        "site_key": key, "name": key, "base_url": format!("http://{key}.localhost"),
        "hosts": [format!("{key}.localhost")], "upstreams": [world.upstream().await],
        "policy": policy,
    });
    drop(world.create_site(&site).await);
}

async fn half_for(world: &World, person: &Person, site_key: &str) -> Value {
    let mut body = person.credentials();
    body["siteKey"] = site_key.into();
    world.rail().post("/login", body).await.data(200)
}

#[tokio::test]
async fn a_site_that_asks_for_a_verified_owner_takes_no_passkey_that_verified_nobody() {
    let world = World::start().await;
    site(&world, "verified", json!({ "webauthn": { "user_verification": true } })).await;
    let mut person = world.person().await;
    let half = half_for(&world, &person, "verified").await;
    assert_eq!(half["mfaMethods"], json!([]));
    let half = half["mfaToken"].as_str().unwrap();
    let rail = world.rail();
    let asked = rail.post("/mfa/setup", json!({ "mfaToken": half, "method": "HARDWARE" })).await;
    let asked = asked.data(200);
    let selection = &asked["publicKey"]["authenticatorSelection"];
    assert_eq!(selection["userVerification"], "required");
    let mut key = Authenticator::new(&world);
    key.verifies = false;
    let credential = key.create(&asked["publicKey"]);
    let body = json!({ "mfaToken": half, "method": "HARDWARE", "credential": credential });
    rail.post("/mfa/setup/confirm", body).await.refused(401, "INVALID_CODE");

    // One that was set up elsewhere does not do it either.
    let session = world.sign_in(&person).await;
    world.enrol_passkey(&mut person, &session, &mut key).await;
    let half = half_for(&world, &person, "verified").await;
    let half = half["mfaToken"].as_str().unwrap();
    let options = world.half_options(half).await;
    assert_eq!(options["userVerification"], "required");
    prove(&world, half, key.get(&options)).await.refused(401, "INVALID_CODE");
    let elsewhere = world.half_sign_in(&person).await;
    let credential = key.get(&world.half_options(&elsewhere).await);
    let session = Session::of(&prove(&world, &elsewhere, credential).await.data(200));
    let body = json!({ "refreshToken": session.refresh, "siteKey": "verified" });
    let carried = Session::of(&rail.post("/refresh", body).await.data(200));
    let refused = world.edge().get("verified.localhost", "/", &carried.access).await;
    refused.expect(401);
}

#[tokio::test]
async fn a_site_that_lists_models_takes_no_other() {
    let world = World::start().await;
    let mut listed = Authenticator::new(&world);
    listed.aaguid = *b"a model we trust";
    let policy = json!({
        "require": "phishing_resistant", "webauthn": { "models": [listed.model()] },
    });
    site(&world, "vault", policy).await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let half = half_for(&world, &person, "vault").await;
    let half = half["mfaToken"].as_str().unwrap();
    let wanted = json!({ "mfaToken": half, "method": "HARDWARE" });
    let asked = rail.post("/mfa/setup", wanted.clone()).await.data(200);
    assert_eq!(asked["publicKey"]["attestation"], "direct");
    let mut other = Authenticator::new(&world);
    let body = |passkey: &mut Authenticator, asked: &Value| {
        let credential = passkey.create(&asked["publicKey"]);
        json!({ "mfaToken": half, "method": "HARDWARE", "credential": credential })
    };
    let answer = rail.post("/mfa/setup/confirm", body(&mut other, &asked)).await;
    assert_eq!(answer.wrong_fields(), ["credential"]);

    // Another one is set up elsewhere, where anything does: it leads to the door and not through it.
    let session = world.sign_in(&person).await;
    world.enrol_passkey(&mut person, &session, &mut other).await;
    let credential = other.get(&world.passkey_options().await);
    let signed_in = json!({ "credential": credential, "siteKey": "vault" });
    let half = rail.post("/passkey", signed_in).await.data(200);
    assert_eq!((&half["mfaRequired"], &half["mfaMethods"]), (&json!(true), &json!([])));
    let session = Session::of(&world.sign_in_by_passkey(&mut other).await.data(200));
    let body = json!({ "refreshToken": session.refresh, "siteKey": "vault" });
    rail.post("/refresh", body).await.refused(403, "STEP_UP_REQUIRED");
    let wanted = json!({ "method": "HARDWARE", "siteKey": "vault" });
    let asked = rail.post_as(&session.access, "/mfa/challenge", wanted).await.data(200);
    let credential = other.get(&asked["publicKey"]);
    let body = json!({ "credential": credential, "siteKey": "vault" });
    let answer = rail.post_as(&session.access, "/mfa/verify", body).await;
    answer.refused(403, "STEP_UP_REQUIRED");

    // From there the one that counts is set up.
    let half = half["mfaToken"].as_str().unwrap();
    let wanted = json!({ "mfaToken": half, "method": "HARDWARE" });
    let asked = rail.post("/mfa/setup", wanted).await.data(200);
    let credential = listed.create(&asked["publicKey"]);
    let body = json!({ "mfaToken": half, "method": "HARDWARE", "credential": credential });
    let session = Session::of(&rail.post("/mfa/setup/confirm", body).await.data(200));
    world.edge().get("vault.localhost", "/", &session.access).await.expect(200);
    let credential = listed.get(&world.passkey_options().await);
    let signed_in = json!({ "credential": credential, "siteKey": "vault" });
    let session = Session::of(&rail.post("/passkey", signed_in).await.data(200));
    world.edge().get("vault.localhost", "/", &session.access).await.expect(200);
}

#[tokio::test]
async fn a_rule_takes_no_passkey_of_a_model_that_its_site_does_not_list() {
    let world = World::start().await;
    let (mut person, mut other) = world.enrolled_with_passkey().await;
    let session = Session::of(&world.sign_in_by_passkey(&mut other).await.data(200));
    let mut listed = Authenticator::new(&world);
    listed.aaguid = *b"a model we trust";
    world.enrol_passkey(&mut person, &session, &mut listed).await;
    let policy = json!({
        "require": "signed_in", "webauthn": { "models": [listed.model()] },
        "rules": [{ "prefix": "/keys", "require": "phishing_resistant" }],
    });
    site(&world, "ledger", policy).await;
    let rail = world.rail();
    let session = Session::of(&world.sign_in_by_passkey(&mut other).await.data(200));
    let there = json!({ "refreshToken": session.refresh, "siteKey": "ledger" });
    let there = Session::of(&rail.post("/refresh", there).await.data(200));
    world.edge().get("ledger.localhost", "/", &there.access).await.expect(200);
    world.edge().get("ledger.localhost", "/keys", &there.access).await.expect(401);
    // No token tells what somebody's passkey is but those that such a site decides by.
    assert_eq!(claims(&session.access)["model"], Value::Null);
    assert_eq!(claims(&there.access)["model"], other.model());
    // Whoever is on their way there is asked for the one that counts.
    let wanted = json!({ "method": "HARDWARE", "siteKey": "ledger" });
    let asked = rail.post_as(&session.access, "/mfa/challenge", wanted).await.data(200);
    let options = &asked["publicKey"];
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1, "{options}");
    let body = json!({ "credential": listed.get(options), "siteKey": "ledger" });
    let proved = rail.post_as(&session.access, "/mfa/verify", body).await.data(200);
    let proved = Session::of(&proved);
    world.edge().get("ledger.localhost", "/keys", &proved.access).await.expect(200);
}

#[tokio::test]
async fn where_a_passkey_does_not_count_another_factor_is_asked_for_beside_it() {
    let mut world = World::start().await;
    site(&world, "codes", json!({ "allowed_factors": ["TOTP"] })).await;
    let (mut person, mut passkey) = world.enrolled_with_passkey().await;
    let session = Session::of(&world.sign_in_by_passkey(&mut passkey).await.data(200));
    world.enrol(&mut person, &session).await;
    world.advance(minutes(2));
    let rail = world.rail();
    let credential = passkey.get(&world.passkey_options().await);
    let body = json!({ "credential": credential, "siteKey": "codes" });
    let half = rail.post("/passkey", body).await.data(200);
    assert_eq!(half["mfaMethods"], json!(["TOTP"]));
    let half = half["mfaToken"].as_str().unwrap();
    let session = Session::of(&verify(&rail, half, &person.code(&world)).await.data(200));
    assert_eq!(proof(&session), ("urn:signalbox:2fa".into(), texts("hwk user otp mfa")));
    world.edge().get("codes.localhost", "/", &session.access).await.expect(200);
}

#[tokio::test]
async fn who_must_have_a_passkey_and_has_none_is_led_to_one_after_their_other_factor() {
    let world = World::start().await;
    site(&world, "keys", json!({ "require": "phishing_resistant" })).await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = half_for(&world, &person, "keys").await;
    assert_eq!(half["mfaMethods"], json!(["TOTP", "BACKUP_CODE"]));
    let half = half["mfaToken"].as_str().unwrap();
    let wanted = json!({ "mfaToken": half, "method": "HARDWARE" });
    rail.post("/mfa/setup", wanted).await.refused(401, "INVALID_TOKEN");
    let proved = verify(&rail, half, &person.backup_codes[0]).await.data(200);
    assert_eq!((&proved["mfaRequired"], &proved["mfaMethods"]), (&json!(true), &json!([])));
    let half = proved["mfaToken"].as_str().unwrap();
    let totp = json!({ "mfaToken": half, "method": "TOTP" });
    assert_eq!(rail.post("/mfa/setup", totp).await.wrong_fields(), ["method"]);
    let wanted = json!({ "mfaToken": half, "method": "HARDWARE" });
    let asked = rail.post("/mfa/setup", wanted).await.data(200);
    let mut passkey = Authenticator::new(&world);
    let credential = passkey.create(&asked["publicKey"]);
    let body = json!({ "mfaToken": half, "method": "HARDWARE", "credential": credential });
    let session = Session::of(&rail.post("/mfa/setup/confirm", body).await.data(200));
    world.edge().get("keys.localhost", "/", &session.access).await.expect(200);
}

#[tokio::test]
async fn wrong_answers_at_a_passkey_are_counted_and_its_owner_gets_in_all_the_same() {
    let plan = World::plan().set("limits.password_per_network", 15).set("limits.code_lock", 3);
    let world = plan.set("server.trusted_proxies", "[\"127.0.0.0/8\"]").start().await;
    let (person, mut passkey) = world.enrolled_with_passkey().await;
    let half = world.half_sign_in(&person).await;
    let from = |network: &str, credential: Value| {
        let request = world.rail().request("POST", "/mfa/verify");
        let body = json!({ "mfaToken": half, "credential": credential });
        send(request.header("x-forwarded-for", network).json(&body))
    };
    for number in 0..16 {
        let mut credential = passkey.get(&world.half_options(&half).await);
        credential["response"]["signature"] = "MEUCIQDx".into();
        let answer = from("192.0.2.7", credential).await;
        match number < 15 {
            true => answer.refused(401, "INVALID_CODE"),
            false => answer.refused(429, "RATE_LIMITED"),
        };
    }
    let credential = passkey.get(&world.half_options(&half).await);
    from("192.0.2.7", credential).await.refused(429, "RATE_LIMITED");
    // Whoever knows the password locks no key by that, and keeps its owner out nowhere else.
    let credential = passkey.get(&world.half_options(&half).await);
    drop(from("198.51.100.9", credential).await.data(200));
    // Neither that nor a flood of passwords reaches whoever signs in with the passkey alone.
    for _ in 0..12 {
        let body = json!({ "email": person.email, "password": "wrong lantern" });
        drop(world.rail().post("/login", body).await);
    }
    assert_eq!(world.rail().post("/login", person.credentials()).await.status, 429);
    drop(world.sign_in_by_passkey(&mut passkey).await.data(200));
}

#[tokio::test]
async fn passkeys_that_nobody_has_are_counted_by_the_network() {
    let world = World::plan().set("limits.password_per_network", 5).start().await;
    let mut passkey = Authenticator::new(&world);
    passkey.owner = Some(vec![7; 16]);
    for _ in 0..5 {
        let answer = world.sign_in_by_passkey(&mut passkey).await;
        answer.refused(401, "INVALID_CREDENTIALS");
    }
    let answer = world.sign_in_by_passkey(&mut passkey).await;
    answer.refused(429, "RATE_LIMITED");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_step_up_by_passkey_raises_the_session() {
    let mut world = World::start().await;
    let (_, mut passkey) = world.enrolled_with_passkey().await;
    let session = Session::of(&world.sign_in_by_passkey(&mut passkey).await.data(200));
    world.advance(minutes(6));
    let rail = world.rail();
    let listed = rail.call_as(&session.access, "GET", "/mfa/methods").await;
    listed.refused(403, "STEP_UP_REQUIRED");
    let wanted = json!({ "method": "HARDWARE" });
    let asked = rail.post_as(&session.access, "/mfa/challenge", wanted).await.data(200);
    let body = json!({ "credential": passkey.get(&asked["publicKey"]) });
    let raised = rail.post_as(&session.access, "/mfa/verify", body).await.data(200);
    let raised = Session::of(&raised);
    assert_eq!(claims(&raised.access)["sid"], claims(&session.access)["sid"]);
    assert_eq!(proof(&raised), ("urn:signalbox:phr".into(), texts("hwk user mfa")));
    rail.call_as(&raised.access, "GET", "/mfa/methods").await.expect(200);
}
