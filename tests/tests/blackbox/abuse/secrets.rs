//! No secret is shown where it does not belong.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    browser::Browser,
    client_key::Key,
    person::{refresh, verify},
    rail::send,
    relying_party::{RelyingParty, SECRET, Tokens, form, through},
    world::Kind,
};

#[tokio::test]
async fn no_secret_is_in_a_log_or_a_metric() {
    let world = World::plan().env("SIGNALBOX_LOG", "debug").start().await;
    let rail = world.rail();
    let mut person = Person::new();
    drop(rail.post("/register", person.registration()).await.data(201));
    let mut secrets = vec![person.password.clone(), world.mailed_token(&person.email).await];
    let page = format!("/verify-email?token={}", secrets[1]);
    rail.root("GET", &page).await.expect(200);
    world.verify_address(&person).await;
    let first = world.sign_in(&person).await;
    world.enrol(&mut person, &first).await;
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.backup_codes[0]).await.expect(200);
    let half_again = world.half_sign_in(&person).await;
    let second = Session::of(&verify(&rail, &half_again, &person.code(&world)).await.data(200));
    let third = Session::of(&refresh(&rail, &second.refresh).await.data(200));
    world.edge().demo(&third.access).await.expect(200);
    world.edge().demo(&first.access).await.expect(401);
    world
        .edge()
        .get_anonymously("demo.localhost", &format!("/?token={}", third.access))
        .await
        .expect(401);
    let wrong = "a wrong password that was typed";
    rail.post("/login", json!({ "email": person.email, "password": wrong })).await.expect(401);
    // A password in the wrong field, a token in the wrong place.
    rail.post("/login", json!({ "email": wrong, "password": wrong })).await.expect(401);
    rail.post("/login", json!({ "email": "a@example.com", "pasword": wrong })).await.expect(422);
    rail.call_as(&third.refresh, "GET", "/me").await.expect(401);
    drop(refresh(&rail, &third.access).await);
    refresh(&rail, &first.refresh).await.expect(200);
    drop(refresh(&rail, &second.refresh).await);
    drop(rail.post_as(&third.access, "/logout", json!({})).await);

    secrets.extend([wrong.to_owned(), person.secret.clone().unwrap(), half, half_again]);
    secrets.extend(person.backup_codes.clone());
    for session in [first, second, third] {
        // The signature makes a token one.
        for token in [session.access, session.id] {
            secrets.push(token.rsplit('.').next().unwrap().to_owned());
        }
        secrets.push(session.refresh);
    }
    let metrics = rail.root("GET", "/metrics").await.text;
    let log = world.log();
    assert!(log.contains("DEBUG") || log.contains("INFO"), "there is no log to look at");
    for secret in secrets {
        assert!(!log.contains(&secret), "`{secret}` is in the log");
        assert!(!metrics.contains(&secret), "`{secret}` is in the metrics");
    }
    assert!(!metrics.contains(&person.email), "an address is in the metrics");
}

/// The bytes of every file below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            // A socket and a log that is being folded in are no files to read.
            if path.is_dir() { bytes_below(&path) } else { fs::read(&path).unwrap_or_default() }
        })
        .collect()
}

/// The signature makes a token one.
fn signature(token: &str) -> String {
    token.rsplit('.').next().unwrap().to_owned()
}

/// A client that registers itself and manages that: its secrets.
async fn registers_itself(world: &World) -> Vec<String> {
    let rail = world.rail();
    let args = ["admin", "create-initial-access-token", "--name", "log"];
    let made = world.signalbox(&args).await.json();
    let initial = made["token"].as_str().unwrap().to_owned();
    let metadata = json!({ "grant_types": ["client_credentials"] });
    let request = rail.request_root("POST", "/register").bearer_auth(&initial).json(&metadata);
    let client = send(request).await.expect(201).json();
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    let [id, secret, token] = ["client_id", "client_secret", "registration_access_token"].map(text);
    let address = format!("/register/{id}");
    for (method, path) in [("GET", &*address), ("GET", "/register/another"), ("POST", "/register")]
    {
        let request = rail.request_root(method, path).bearer_auth(&token);
        let answer = send(if method == "POST" { request.json(&metadata) } else { request }).await;
        assert!([200, 401].contains(&answer.status), "{}", answer.text);
    }
    // As it is registered, in the place of the name, and with a mistake.
    let itself = RelyingParty::of(world, &metadata, client);
    let grant = ("grant_type", "client_credentials");
    itself.token(&[grant]).await.expect(200);
    let wrong = itself.with_secret("another secret that was typed");
    wrong.token(&[grant]).await.expect(401);
    let swapped = [grant, ("client_id", &*secret), ("client_secret", &*id)];
    itself.post_bare("/token", &swapped).await.expect(401);
    send(rail.request_root("DELETE", &address).bearer_auth(&token)).await.expect(204);
    vec![initial, secret, token, "another secret that was typed".to_owned()]
}

/// A sign-in for a client, with all that can go wrong: its secrets.
async fn signs_in(world: &World) -> Vec<String> {
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(world);
    let pushed: Value = client.push(&[]).await.expect(201).json();
    let pushed = pushed["request_uri"].as_str().unwrap().to_owned();
    let query = form(&[("client_id", &client.id), ("request_uri", &pushed)]);
    browser.get(&format!("/authorize?{query}")).await;
    let address = browser.page().url.clone();
    let flow = address.query_pairs().find(|(name, _)| name == "flow").unwrap().1.into_owned();
    let code = through(&mut browser, &person).await["code"].clone();
    let held = ["sb_session", "sb_forms", "sb_known"];
    let held = held.map(|name| browser.cookie(name).unwrap().value.clone());
    let first = Tokens::of(&client.redeem(&code).await);
    let second = Tokens::of(&client.refresh(&first.refresh).await);
    for token in [&second.access, &second.refresh, &first.refresh] {
        client.introspect(token).await.expect(200);
    }
    client.userinfo(&second.access).await.expect(200);
    client.userinfo(&second.refresh).await.expect(401);
    // What is spent comes again; a code in the place of a token, and a token in the place of a code.
    client.redeem(&code).await.expect(400);
    client.refresh(&code).await.expect(400);
    client.redeem(&second.refresh).await.expect(400);
    client.revoke(&second.refresh).await.expect(200);
    let unspent = client.ask(&mut browser, &person, &[]).await["code"].clone();
    client.redeem_with(&unspent, &[("redirect_uri", "https://app.test/other")]).await.expect(400);
    browser.get(&format!("/end_session?{}", form(&[("id_token_hint", &first.id)]))).await;
    let mut secrets = vec![pushed, flow, code, unspent, SECRET.to_owned(), form(&[("", SECRET)])];
    secrets.extend(held);
    for tokens in [first, second] {
        secrets.extend([signature(&tokens.access), signature(&tokens.id), tokens.refresh]);
    }
    // A form has `=` before what it encodes.
    secrets.iter().map(|secret| secret.trim_start_matches('=').to_owned()).collect()
}

/// A device that is let in: its secrets, and the code that is shown on it.
async fn lets_a_device_in(world: &World) -> (Vec<String>, String) {
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
    let client = world.relying_party(json!({ "grant_types": [GRANT, "refresh_token"] })).await;
    let person = world.person().await;
    let asked = client.post("/device_authorization", &[("scope", "openid")]).await;
    let device: Value = asked.expect(200).json();
    let text = |name: &str| device[name].as_str().unwrap().to_owned();
    let [device_code, user_code, address] =
        ["device_code", "user_code", "verification_uri_complete"].map(text);
    let poll = async || client.token(&[("grant_type", GRANT), ("device_code", &device_code)]).await;
    poll().await.expect(400);
    let mut browser = Browser::new(world);
    browser.get(&address).await;
    let fields = [("username", &*person.email), ("password", &*person.password)];
    browser.submit(&fields).await;
    browser.submit(&[("decision", "allow")]).await.answer.expect(200);
    let tokens = Tokens::of(&poll().await);
    poll().await.expect(400);
    (vec![device_code, tokens.refresh, signature(&tokens.access)], user_code)
}

#[tokio::test]
async fn nothing_that_clients_and_browsers_hold_is_in_a_log_a_metric_or_a_store() {
    let world = World::plan().env("SIGNALBOX_LOG", "debug").start().await;
    let mut secrets = registers_itself(&world).await;
    secrets.extend(signs_in(&world).await);
    let (of_the_device, user_code) = lets_a_device_in(&world).await;
    secrets.extend(of_the_device);
    let key = Key::new("only");
    let client = world
        .relying_party(json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.public()] },
        }))
        .await;
    let proof = key.proof(&world, &client.id, &world.issuer());
    let fields: Vec<(&str, &str)> =
        proof.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for _ in 0..2 {
        let fields =
            [&fields[..], &[("grant_type", "refresh_token"), ("refresh_token", "x")]].concat();
        send(client.form_request("/token").body(form(&fields))).await;
    }
    secrets.push(signature(&proof[1].1));

    let metrics = world.rail().root("GET", "/metrics").await.text;
    let log = world.log();
    assert!(log.contains("DEBUG") || log.contains("INFO"), "there is no log to look at");
    // Whoever was refused is named, where that is a client.
    assert!(log.contains("a client was refused"), "{log}");
    let typed = user_code.replace('-', "");
    for secret in secrets.iter().chain([&user_code, &typed]) {
        assert!(!log.contains(secret), "`{secret}` is in the log");
        assert!(!metrics.contains(secret), "`{secret}` is in the metrics");
    }
    if world.kind() == Kind::Embedded {
        // What is found by a code that people type lies there under it.
        let stored = bytes_below(&world.data_dir(0));
        let has = |text: &str| stored.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        assert!(has(&client.id), "there is no store to look at");
        for secret in &secrets {
            assert!(!has(secret), "`{secret}` is in the store");
        }
    }
}

#[tokio::test]
async fn no_answer_repeats_a_secret_that_was_sent() {
    let world = World::shared().await;
    let rail = world.rail();
    let secret = "a secret that nobody should echo";
    for (path, body) in [
        ("/login", json!({ "email": "a@example.com", "password": secret })),
        ("/login", json!({ "email": "a@example.com", "password": [secret] })),
        ("/register", json!({ "email": "a", "password": secret, "name": "" })),
        ("/refresh", json!({ "refreshToken": secret })),
        ("/verify-email", json!({ "token": secret })),
        ("/mfa/verify", json!({ "mfaToken": secret, "code": secret })),
    ] {
        let answer = rail.post(path, body).await;
        assert!((400..500).contains(&answer.status), "{path}");
        assert!(!answer.text.contains(secret), "{path}: {}", answer.text);
    }
    let answer = rail.call_as(secret, "GET", "/me").await;
    assert!(!answer.text.contains(secret), "{}", answer.text);
    let answer = world.edge().demo(secret).await;
    assert!(!answer.text.contains(secret), "{}", answer.text);
}
