//! Browsers at sites: they sign in, stay signed in, prove more where more is asked, and sign out.

use std::time::Duration;

use reqwest::Url;
use serde_json::{Value, json};
use tests::{
    Person, Visitor, World, answer::Answer, edge::DEMO, forge::claims, process::until,
    receiver::Receiver,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    figures::figures,
    sites::{open, site},
};
use crate::minutes;

const COOKIE: &str = "sb_site";

/// A site of this name and policy; its address.
async fn at(world: &World, key: &str, policy: Value) -> String {
    let mut draft = site(world, key).await;
    draft["policy"] = policy;
    open(world, &draft).await;
    draft["base_url"].as_str().unwrap().to_owned()
}

/// A browser in which somebody is signed in at this address.
async fn signed_in(world: &World, person: &Person, address: &str) -> Visitor {
    let mut visitor = Visitor::new(world);
    visitor.get(&format!("{address}/")).await;
    visitor.sign_in(world, person).await.expect(200);
    visitor
}

/// What a page of the demo site says that it was asked for.
fn seen(answer: &Answer) -> Value {
    answer.expect(200).json()["headers"].clone()
}

/// Whether a browser that goes there has to prove something at the server.
async fn asks(visitor: &mut Visitor, address: &str) -> bool {
    visitor.get(address).await;
    visitor.server.left().is_none()
}

#[tokio::test]
async fn a_browser_signs_in_and_is_back_where_it_wanted_to_go() {
    let world = World::shared().await;
    let address = at(&world, "in", json!({ "require": "2fa" })).await;
    let person = world.enrolled().await;
    let mut visitor = Visitor::new(&world);
    let page = format!("{address}/a/b?c=d%20e&f=/g");

    let sent = visitor.step(&page).await;
    sent.expect(302);
    assert!(sent.header("x-signalbox-decision").starts_with("d_"), "{sent:?}");
    assert_eq!(sent.header("cache-control"), "no-store");
    let asked: Url = sent.header("location").parse().unwrap();
    assert_eq!(asked.origin().ascii_serialization(), world.issuer());
    let names: Vec<String> = asked.query_pairs().map(|(name, _)| name.into_owned()).collect();
    for name in ["state", "nonce", "code_challenge", "redirect_uri", "resource"] {
        assert!(names.iter().any(|own| own == name), "{name}: {asked}");
    }
    let flow = sent.header("set-cookie").to_owned();
    assert!(flow.starts_with("sb_flow_"), "{flow}");
    assert!(flow.ends_with("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"), "{flow}");

    visitor.get(&page).await;
    visitor.sign_in(&world, &person).await.expect(200);
    assert_eq!(visitor.url().as_str(), page);
    assert!(visitor.cookie("in.localhost", COOKIE).is_some());
    // The flow that came back is over; the one that nobody went on with is left.
    assert_eq!(visitor.cookie_names("in.localhost").len(), 2);
    let shown = seen(&visitor.call("GET", &format!("{address}/x"), &[]).await);
    assert_eq!(shown["x-auth-email"], person.email.as_str());
    assert_eq!(shown["x-auth-method"], "session");
    assert_eq!(shown["x-auth-acr"], "urn:signalbox:2fa");
    assert!(shown["x-auth-session"].is_string(), "{shown}");
    assert!(shown["cookie"].is_null(), "{shown}");
    let me = visitor.call("GET", &format!("{address}/.signalbox/me"), &[]).await;
    assert_eq!(me.expect(200).json()["email"], person.email.as_str());
}

#[tokio::test]
async fn an_app_keeps_its_own_cookies_and_sees_none_of_ours() {
    let world = World::shared().await;
    let address = at(&world, "jar", json!({ "require": "signed_in" })).await;
    let person = world.person().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    for (name, value) in [("theme", "dark"), ("sb_session", "x"), ("sb_flow_zzz", "y")] {
        visitor.set_cookie("jar.localhost", name, value);
    }
    let shown = seen(&visitor.call("GET", &format!("{address}/"), &[]).await);
    assert_eq!(shown["cookie"], "theme=dark");
}

#[tokio::test]
async fn scripts_hear_where_to_sign_in_and_are_sent_nowhere() {
    let world = World::shared().await;
    let address = at(&world, "script", json!({ "require": "signed_in" })).await;
    let person = world.person().await;
    let mut visitor = Visitor::new(&world);
    let html = ("accept", "text/html");
    for (method, fields) in
        [("GET", vec![]), ("GET", vec![html]), ("HEAD", vec![html]), ("POST", vec![html])]
    {
        let answer = visitor.call(method, &format!("{address}/api"), &fields).await;
        answer.expect(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer "), "{answer:?}");
        assert_eq!(answer.header("set-cookie"), "");
        if method != "HEAD" {
            let body = answer.json();
            assert_eq!(body["sign_in"], format!("{address}/.signalbox/sign-in"));
        }
    }
    visitor.get(&format!("{address}/.signalbox/sign-in?return=/back%3Fa=b")).await;
    visitor.sign_in(&world, &person).await.expect(200);
    assert_eq!(visitor.url().as_str(), format!("{address}/back?a=b"));
    for elsewhere in ["https://evil.example/", "%5C%5Cevil.example", "javascript:alert(1)"] {
        visitor.get(&format!("{address}/.signalbox/sign-in?return={elsewhere}")).await.expect(200);
        assert_eq!(visitor.url().as_str(), format!("{address}/"), "{elsewhere}");
    }
    visitor.get(&format!("{address}/.signalbox/sign-in?return=//evil.example/x")).await;
    assert_eq!(visitor.url().host_str(), Some("script.localhost"));
}

#[tokio::test]
async fn sites_on_several_domains_share_one_sign_on_and_no_cookie() {
    let world = World::shared().await;
    let one = at(&world, "first", json!({ "require": "2fa" })).await;
    let other = at(&world, "second", json!({ "require": "2fa" })).await;
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &one).await;
    visitor.get(&format!("{other}/deep")).await.expect(200);
    assert_eq!(visitor.url().as_str(), format!("{other}/deep"));
    let cookies = ["first.localhost", "second.localhost"]
        .map(|host| visitor.cookie(host, COOKIE).unwrap().to_owned());
    assert_ne!(cookies[0], cookies[1]);
    for (token, address) in cookies.iter().zip([&one, &other]) {
        let claims = claims(token);
        assert_eq!(claims["aud"], address.as_str());
        assert_eq!(claims["client_id"], "signalbox-edge");
    }
    // What opens one site opens no other.
    visitor.set_cookie("second.localhost", COOKIE, &cookies[0]);
    visitor.call("GET", &format!("{other}/"), &[]).await.expect(401);
    assert!(!asks(&mut visitor, &format!("{other}/")).await);
}

#[tokio::test]
async fn a_sessions_token_counts_in_its_cookie_and_nothing_else_does_there() {
    let world = World::shared().await;
    let address = at(&world, "place", json!({ "require": "signed_in", "first_party": true })).await;
    let person = world.person().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    let page = format!("{address}/");
    let token = visitor.cookie("place.localhost", COOKIE).unwrap().to_owned();
    world.edge().get("place.localhost", "/", &token).await.expect(401);
    let bearer = world.sign_in(&person).await.access;
    world.edge().get("place.localhost", "/", &bearer).await.expect(200);
    visitor.set_cookie("place.localhost", COOKIE, &bearer);
    visitor.call("GET", &page, &[]).await.expect(401);
    visitor.set_cookie("place.localhost", COOKIE, "nonsense");
    visitor.call("GET", &page, &[]).await.expect(401);
    // Nor is it good at the server.
    let userinfo = world.rail().request_root("GET", "/userinfo").bearer_auth(&token);
    tests::rail::send(userinfo).await.expect(401);
    let me = world.rail().request("GET", "/me").bearer_auth(&token);
    tests::rail::send(me).await.expect(401);
}

#[tokio::test]
async fn a_session_and_another_credential_are_one_too_many_but_for_an_apps_own() {
    let world = World::shared().await;
    let both = at(&world, "both", json!({ "require": "signed_in" })).await;
    let accept = json!({ "session": true, "bearer": false });
    let own = at(&world, "own", json!({ "require": "signed_in", "accept": accept })).await;
    let person = world.person().await;
    let mut visitor = signed_in(&world, &person, &both).await;
    let bearer = [("authorization", "Bearer of-the-app")];
    visitor.call("GET", &format!("{both}/"), &bearer).await.expect(400);
    visitor.call("GET", &format!("{both}/"), &[("x-api-key", "sbk_x")]).await.expect(400);
    visitor.call("GET", &format!("{both}/"), &[("authorization", "Basic YTpi")]).await.expect(200);
    visitor.get(&format!("{own}/")).await.expect(200);
    let shown = seen(&visitor.call("GET", &format!("{own}/"), &bearer).await);
    assert_eq!(shown["authorization"], "Bearer of-the-app");
    assert_eq!(shown["x-auth-method"], "session");

    let accept = json!({ "session": false, "bearer": true });
    let none = at(&world, "none", json!({ "require": "signed_in", "accept": accept })).await;
    let page = Visitor::new(&world).step(&format!("{none}/")).await;
    page.expect(401);
    assert_eq!(page.header("location"), "");
}

#[tokio::test]
async fn a_sign_in_comes_back_to_the_browser_that_began_it_and_once() {
    let world = World::shared().await;
    let address = at(&world, "bound", json!({ "require": "signed_in" })).await;
    let person = world.person().await;
    let mut visitor = Visitor::new(&world);
    visitor.get(&format!("{address}/")).await;
    let (mut stranger, mut deceived) = (Visitor::new(&world), visitor.clone());
    // The pages are answered; where they lead nobody has gone yet.
    let fields = [("username", person.email.as_str()), ("password", &person.password)];
    visitor.server.submit(&fields).await;
    let back = visitor.server.left().unwrap().url.clone();

    let refused = stranger.step(&back).await;
    refused.expect(400);
    assert!(refused.header("content-type").starts_with("text/html"), "{refused:?}");
    assert_eq!(refused.header("set-cookie"), "");
    for (name, value) in [("iss", "https://evil.example"), ("state", "x")] {
        let mut forged: Url = back.parse().unwrap();
        let pairs: Vec<(String, String)> = forged
            .query_pairs()
            .map(|(own, had)| {
                (own.to_string(), if own == name { value.into() } else { had.into() })
            })
            .collect();
        forged.query_pairs_mut().clear().extend_pairs(pairs);
        deceived.step(forged.as_str()).await.expect(400);
        assert_eq!(deceived.cookie("bound.localhost", COOKIE), None, "{name}");
    }
    visitor.come_back().await.expect(200);
    visitor.step(&back).await.expect(400);
}

#[tokio::test]
async fn several_tabs_sign_in_side_by_side() {
    let world = World::shared().await;
    let address = at(&world, "tabs", json!({ "require": "signed_in" })).await;
    let person = world.person().await;
    let mut visitor = Visitor::new(&world);
    let one = visitor.step(&format!("{address}/one")).await;
    let two = visitor.step(&format!("{address}/two")).await;
    for (sent, page) in [(one, "/one"), (two, "/two")] {
        visitor.server.get(sent.header("location")).await;
        visitor.sign_in(&world, &person).await.expect(200);
        assert_eq!(visitor.url().path(), page);
    }
    // However many are begun, what a browser sends stays small.
    for n in 0..20 {
        visitor.step(&format!("{address}/.signalbox/sign-in?return=/{n}")).await.expect(302);
    }
    assert!(visitor.cookie_names("tabs.localhost").len() <= 7);
}

#[tokio::test]
async fn a_session_ends_with_its_sign_on() {
    let world = World::shared().await;
    let address = at(&world, "ends", json!({ "require": "2fa" })).await;
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    let page = format!("{address}/");
    visitor.call("GET", &page, &[]).await.expect(200);
    visitor.server.get("/end_session").await;
    visitor.server.submit(&[("decision", "logout")]).await.answer.expect(200);
    until("the edge knows", Duration::from_secs(1), async || {
        (visitor.call("GET", &page, &[]).await.status == 401).then_some(())
    })
    .await;
    assert!(asks(&mut visitor, &page).await);
}

#[tokio::test]
async fn somebody_signs_out_of_one_site_or_of_all() {
    let world = World::shared().await;
    let one = at(&world, "out-one", json!({ "require": "2fa" })).await;
    let other = at(&world, "out-two", json!({ "require": "2fa" })).await;
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &one).await;
    visitor.get(&format!("{other}/")).await.expect(200);
    let sign_out = format!("{one}/.signalbox/sign-out");
    let page = visitor.step(&sign_out).await;
    page.expect(200);
    assert!(page.text.contains("<form method=\"post\""), "{}", page.text);

    // No other page can do it.
    let elsewhere = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    visitor.call("POST", &sign_out, &elsewhere).await.expect(403);
    visitor.call("POST", &sign_out, &[("sec-fetch-site", "same-site")]).await.expect(403);
    visitor.call("GET", &format!("{one}/"), &[]).await.expect(200);

    let stolen = visitor.cookie("out-one.localhost", COOKIE).unwrap().to_owned();
    visitor.post(&sign_out, &[]).await.expect(200);
    assert_eq!(visitor.url().path(), "/.signalbox/signed-out");
    assert_eq!(visitor.cookie("out-one.localhost", COOKIE), None);
    visitor.call("GET", &format!("{one}/"), &[]).await.expect(401);
    visitor.call("GET", &format!("{other}/"), &[]).await.expect(200);
    let mut thief = Visitor::new(&world);
    thief.set_cookie("out-one.localhost", COOKIE, &stolen);
    until("the token is dead", Duration::from_secs(1), async || {
        (thief.call("GET", &format!("{one}/"), &[]).await.status == 401).then_some(())
    })
    .await;

    // Still signed on: going there is enough.
    assert!(!asks(&mut visitor, &format!("{one}/")).await);
    visitor.post(&format!("{sign_out}?everywhere=1"), &[]).await;
    // Nobody was asked: the server knows by the hint whose session it is.
    visitor.come_back().await.expect(200);
    assert_eq!(visitor.url().path(), "/.signalbox/signed-out");
    until("everything is over", Duration::from_secs(1), async || {
        (visitor.call("GET", &format!("{other}/"), &[]).await.status == 401).then_some(())
    })
    .await;
    assert!(asks(&mut visitor, &format!("{one}/")).await);
}

#[tokio::test]
async fn what_another_sites_page_sends_is_nothing_the_person_has_sent() {
    let world = World::shared().await;
    let address = at(&world, "csrf", json!({ "require": "signed_in" })).await;
    let sibling = at(&world, "csrf-sibling", json!({ "require": "signed_in" })).await;
    let person = world.person().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    let page = format!("{address}/act");
    // Neither a page of the host by another scheme, nor one at another port, is the site's.
    let (other_scheme, other_port) = (address.replace("http:", "https:"), format!("{address}0"));
    for fields in [
        vec![("sec-fetch-site", "cross-site"), ("origin", other_scheme.as_str())],
        vec![("sec-fetch-site", "same-site"), ("origin", &other_port)],
        vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        vec![("sec-fetch-site", "same-site"), ("origin", &sibling)],
        vec![("sec-fetch-site", "cross-site"), ("origin", "null")],
    ] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            visitor.call(method, &page, &fields).await.expect(401);
        }
        let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
        let upgrade = [&fields[..], &upgrade[..]].concat();
        visitor.call("GET", &page, &upgrade).await.expect(401);
        // A link leads there all the same.
        visitor.call("GET", &page, &fields).await.expect(200);
    }
    visitor.call("POST", &page, &[("origin", &address)]).await.expect(200);
    visitor.call("POST", &page, &[("sec-fetch-site", "same-origin")]).await.expect(200);
}

#[tokio::test]
async fn a_public_place_is_open_to_whoever_was_signed_in_there() {
    let world = World::shared().await;
    let policy =
        json!({ "require": "signed_in", "rules": [{ "prefix": "/open", "require": "public" }] });
    let address = at(&world, "half-open", policy).await;
    let person = world.person().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    let page = format!("{address}/open");
    let shown = seen(&visitor.call("GET", &page, &[]).await);
    assert_eq!(shown["x-auth-email"], person.email.as_str());
    visitor.server.get("/end_session").await;
    visitor.server.submit(&[("decision", "logout")]).await.answer.expect(200);
    until("nobody is signed in", Duration::from_secs(1), async || {
        let shown = seen(&visitor.call("GET", &page, &[]).await);
        shown["x-auth-email"].is_null().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_is_renewed_as_long_as_its_sign_on_lives() {
    let mut world = World::start().await;
    let address = at(&world, "long", json!({ "require": "2fa" })).await;
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    let (page, site) = (format!("{address}/"), "long.localhost");
    let token = |visitor: &Visitor| visitor.cookie(site, COOKIE).unwrap().to_owned();
    let first = token(&visitor);

    world.advance(minutes(20));
    world.caught_up().await;
    visitor.call("GET", &page, &[]).await.expect(200);
    assert_eq!(token(&visitor), first);

    // Past half of its life: in the background, for whichever call comes next.
    world.advance(minutes(15));
    world.caught_up().await;
    let mut tab = visitor.clone();
    until("a new token has come", Duration::from_secs(5), async || {
        visitor.call("GET", &page, &[]).await.expect(200);
        (token(&visitor) != first).then_some(())
    })
    .await;
    tab.call("GET", &page, &[]).await.expect(200);
    let second = token(&visitor);
    let (was, is) = (claims(&first), claims(&second));
    for same in ["sub", "sid", "grant_id", "acr", "amr", "auth_time", "aud"] {
        assert_eq!(was[same], is[same], "{same}");
    }
    // One asked for both: two tabs have the same token.
    assert_eq!(token(&tab), second);

    // Its hour is over, and nobody has called: scripts do not hear of it.
    world.advance(minutes(90));
    world.caught_up().await;
    let tabs: Vec<_> = (0..8)
        .map(|_| {
            let (mut tab, page, origin) = (visitor.clone(), page.clone(), address.clone());
            tokio::spawn(async move {
                let answer = tab.call("POST", &page, &[("origin", &origin)]).await;
                (answer.status, tab.cookie(site, COOKIE).unwrap().to_owned())
            })
        })
        .collect();
    let mut renewed = Vec::new();
    for tab in tabs {
        let (status, token) = tab.await.unwrap();
        assert_eq!(status, 200);
        renewed.push(token);
    }
    renewed.dedup();
    assert_eq!(renewed.len(), 1);
    assert_ne!(renewed[0], second);

    // What has ended is not renewed, whatever was its life.
    visitor.server.get("/end_session").await;
    visitor.server.submit(&[("decision", "logout")]).await.answer.expect(200);
    world.advance(minutes(90));
    world.caught_up().await;
    visitor.set_cookie(site, COOKIE, &renewed[0]);
    visitor.call("GET", &page, &[]).await.expect(401);
}

#[tokio::test]
async fn two_edges_renew_a_session_at_once_and_nobody_is_signed_out() {
    let mut world = World::plan().replicas().start().await;
    let address = at(&world, "both", json!({ "require": "2fa" })).await;
    let person = world.enrolled().await;
    let visitor = signed_in(&world, &person, &address).await;
    let (page, site) = (format!("{address}/"), "both.localhost");
    world.advance(minutes(90));
    world.caught_up().await;
    // Each edge asks for itself: the token is over, and both have to.
    let tabs: Vec<_> = (0..16)
        .map(|number| {
            let (mut tab, page, origin) = (visitor.clone(), page.clone(), address.clone());
            tab.port = world.edge_of(number).port();
            tokio::spawn(async move {
                let answer = tab.call("POST", &page, &[("origin", &origin)]).await;
                (answer.status, tab.cookie(site, COOKIE).unwrap().to_owned())
            })
        })
        .collect();
    let mut tokens = std::collections::BTreeSet::new();
    for tab in tabs {
        let (status, token) = tab.await.unwrap();
        assert_eq!(status, 200);
        tokens.insert(token);
    }
    assert_eq!(tokens.len(), world.edge_count(), "one for each edge");
    // Whichever the browser keeps is good at every edge.
    for token in &tokens {
        for number in 0..world.edge_count() {
            let mut tab = visitor.clone();
            tab.port = world.edge_of(number).port();
            tab.set_cookie(site, COOKIE, token);
            tab.call("GET", &page, &[]).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_session_goes_on_without_the_server_to_the_end_of_its_token() {
    let mut world = World::plan().apart().start().await;
    let policy = json!({ "require": "2fa", "on_stale": "allow" });
    let address = at(&world, "alone", policy).await;
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    let page = format!("{address}/");
    world.server_node().kill();
    world.advance(minutes(40));
    for _ in 0..3 {
        visitor.call("GET", &page, &[]).await.expect(200);
    }
    world.advance(minutes(30));
    visitor.call("GET", &page, &[]).await.expect(401);
    world.server_node().start().await;
    world.caught_up().await;
    until("the session goes on", Duration::from_secs(10), async || {
        (visitor.call("GET", &page, &[]).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_rests_and_lasts_no_longer_than_its_site_allows() {
    let mut world = World::start().await;
    let resting = at(&world, "rest", json!({ "require": "2fa", "session_idle": 600 })).await;
    let lasting = at(&world, "last", json!({ "require": "2fa", "session_absolute": 3600 })).await;
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &resting).await;
    visitor.get(&format!("{lasting}/")).await.expect(200);
    for _ in 0..3 {
        world.advance(minutes(8));
        world.caught_up().await;
        until("it goes on", Duration::from_secs(5), async || {
            let before = visitor.cookie("rest.localhost", COOKIE).unwrap().to_owned();
            visitor.call("GET", &format!("{resting}/"), &[]).await.expect(200);
            (visitor.cookie("rest.localhost", COOKIE).unwrap() != before).then_some(())
        })
        .await;
    }
    world.advance(minutes(11));
    world.caught_up().await;
    visitor.call("GET", &format!("{resting}/"), &[]).await.expect(401);
    assert!(asks(&mut visitor, &format!("{resting}/")).await);
    visitor.call("GET", &format!("{lasting}/"), &[]).await.expect(200);
    world.advance(minutes(30));
    world.caught_up().await;
    visitor.call("GET", &format!("{lasting}/"), &[]).await.expect(401);
    assert!(asks(&mut visitor, &format!("{lasting}/")).await);
    visitor.sign_in(&world, &person).await.expect(200);
}

#[tokio::test]
async fn a_place_that_asks_for_more_sends_a_browser_to_the_proof_and_back() {
    let mut world = World::start().await;
    let policy = json!({
        "require": "signed_in",
        "rules": [
            { "prefix": "/fresh", "max_auth_age": 300 },
            { "prefix": "/strong", "require": "2fa" },
        ],
    });
    let address = at(&world, "more", policy).await;
    let weak = world.person().await;
    let mut visitor = signed_in(&world, &weak, &address).await;
    let refused = visitor.call("GET", &format!("{address}/strong/x"), &[]).await;
    refused.expect(401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("acr_values=\"urn:signalbox:2fa\""), "{challenge}");
    let body = refused.json();
    let sign_in = body["sign_in"].as_str().unwrap();
    assert!(sign_in.contains("acr_values=urn%3Asignalbox%3A2fa"), "{sign_in}");

    // Who has no second factor is led to setting one up: the server judges the path as the edge does.
    visitor.get(&format!("{address}/strong/x?y=z")).await;
    assert!(visitor.server.path().starts_with("/mfa/enrol"), "{}", visitor.server.path());

    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    visitor.call("GET", &format!("{address}/strong"), &[]).await.expect(200);
    visitor.call("GET", &format!("{address}/fresh"), &[]).await.expect(200);
    world.advance(minutes(6));
    world.caught_up().await;
    let refused = visitor.call("GET", &format!("{address}/fresh"), &[]).await;
    assert!(refused.expect(401).header("www-authenticate").contains("max_age=300"));
    visitor.get(&format!("{address}/fresh/x?y=z")).await;
    visitor.sign_in(&world, &person).await.expect(200);
    assert_eq!(visitor.url().as_str(), format!("{address}/fresh/x?y=z"));
}

#[tokio::test]
async fn a_sign_in_that_is_not_enough_ends_on_a_page_that_says_so() {
    let world = World::shared().await;
    let rules = json!([{ "prefix": "/strong", "require": "2fa" }]);
    let address = at(&world, "circle", json!({ "require": "signed_in", "rules": rules })).await;
    let person = world.person().await;
    let mut visitor = Visitor::new(&world);
    // Begun for the site as a whole, and led to a place that asks for more.
    visitor.get(&format!("{address}/.signalbox/sign-in?return=/strong")).await;
    let fields = [("username", person.email.as_str()), ("password", &person.password)];
    visitor.server.submit(&fields).await;
    let page = visitor.come_back().await.clone();
    page.expect(403);
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    assert!(page.header("x-signalbox-decision").starts_with("d_"), "{page:?}");
    for said in ["acr_values=urn%3Asignalbox%3A2fa", "return=%2Fstrong"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    visitor.call("GET", &format!("{address}/"), &[]).await.expect(200);
}

/// A site whose upstream notes what reaches it: its address, and that.
async fn noted(world: &World, key: &str, policy: Value) -> (String, Receiver) {
    let receiver = Receiver::start().await;
    let upstream: Url = receiver.url().parse().unwrap();
    let mut draft = site(world, key).await;
    draft["upstreams"] = json!([upstream.origin().ascii_serialization()]);
    draft["policy"] = policy;
    open(world, &draft).await;
    (draft["base_url"].as_str().unwrap().to_owned(), receiver)
}

fn posts(receiver: &Receiver) -> Vec<(String, String)> {
    let received = receiver.received().into_iter();
    let posts = received.filter(|it| it.head.starts_with("POST "));
    posts.map(|it| (it.head.lines().next().unwrap().to_owned(), it.body.clone())).collect()
}

#[tokio::test]
async fn a_form_waits_for_the_proof_and_reaches_the_app_once() {
    let mut world = World::start().await;
    let policy = json!({
        "require": "signed_in",
        "rules": [{ "prefix": "/pay", "max_auth_age": 300 }],
    });
    let (address, app) = noted(&world, "pay", policy).await;
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, &address).await;
    world.advance(minutes(6));
    world.caught_up().await;

    let pay = format!("{address}/pay?to=ada");
    visitor.post(&pay, &[("amount", "1 & 2"), ("note", "ü")]).await;
    assert!(visitor.server.left().is_none(), "a proof is asked for");
    assert_eq!(posts(&app), []);
    // Another browser has no part in it.
    let mut stranger = signed_in(&world, &world.person().await, &address).await;
    stranger.get(&pay).await;
    assert_eq!(posts(&app), []);

    visitor.sign_in(&world, &person).await.expect(200);
    assert_eq!(visitor.url().as_str(), pay);
    let sent = ("POST /pay?to=ada HTTP/1.1".to_owned(), "amount=1+%26+2&note=%C3%BC".to_owned());
    assert_eq!(posts(&app), std::slice::from_ref(&sent));
    let received = app.received();
    let head = &received.iter().find(|it| it.head.starts_with("POST ")).unwrap().head;
    let head = head.to_ascii_lowercase();
    for field in [
        format!("origin: {address}"),
        "content-type: application/x-www-form-urlencoded".to_owned(),
        "sec-fetch-site: same-origin".to_owned(),
        format!("x-auth-email: {}", person.email.to_ascii_lowercase()),
    ] {
        assert!(head.contains(&field), "{field}: {head}");
    }
    assert!(!head.contains("sb_"), "{head}");

    visitor.get(&pay).await.expect(200);
    assert_eq!(posts(&app), [sent]);
}

/// Posts a form in a browser that nobody is signed in in, and signs in: where the browser would go
/// back to.
async fn posted(visitor: &mut Visitor, person: &Person, page: &str) -> String {
    visitor.post(page, &[("amount", "1")]).await;
    let fields = [("username", person.email.as_str()), ("password", &person.password)];
    visitor.server.submit(&fields).await;
    visitor.server.left().unwrap().url.clone()
}

#[tokio::test]
async fn of_many_arrivals_one_sends_the_form_and_after_ten_minutes_none() {
    let mut world = World::start().await;
    let (address, app) = noted(&world, "once", json!({ "require": "signed_in" })).await;
    let pay = format!("{address}/pay");
    let person = world.person().await;
    let mut visitor = Visitor::new(&world);
    let back = posted(&mut visitor, &person, &pay).await;
    assert_eq!(visitor.step(&back).await.expect(303).header("location"), pay);
    let tabs: Vec<_> = (0..8)
        .map(|_| {
            let (mut tab, pay) = (visitor.clone(), pay.clone());
            tokio::spawn(async move { tab.step(&pay).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for tab in tabs {
        statuses.push(tab.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 303, 303, 303, 303, 303, 303, 303]);
    assert_eq!(posts(&app).len(), 1);

    // Signed in too late, and come to it too late.
    let mut late = Visitor::new(&world);
    let back = posted(&mut late, &person, &pay).await;
    let mut slow = Visitor::new(&world);
    let in_time = posted(&mut slow, &person, &pay).await;
    slow.step(&in_time).await.expect(303);
    world.advance(minutes(11));
    world.caught_up().await;
    late.step(&back).await.expect(400);
    slow.step(&pay).await.expect(200);
    assert_eq!(posts(&app).len(), 1);
}

#[tokio::test]
async fn a_form_that_somebody_plants_in_anothers_browser_is_not_sent() {
    let world = World::shared().await;
    let (address, app) = noted(&world, "planted", json!({ "require": "signed_in" })).await;
    let (pay, host) = (format!("{address}/pay"), "planted.localhost");
    let (thief, owner) = (world.person().await, world.person().await);
    let mut attacker = Visitor::new(&world);
    let back = posted(&mut attacker, &thief, &pay).await;
    attacker.step(&back).await.expect(303);
    let mut victim = signed_in(&world, &owner, &address).await;
    let flows: Vec<(String, String)> = attacker
        .cookie_names(host)
        .into_iter()
        .filter(|name| name.starts_with("sb_flow_"))
        .map(|name| (name.to_owned(), attacker.cookie(host, name).unwrap().to_owned()))
        .collect();
    assert!(!flows.is_empty());
    for (name, value) in &flows {
        victim.set_cookie(host, name, value);
    }
    victim.step(&pay).await.expect(200);
    assert_eq!(posts(&app), []);
    attacker.step(&pay).await.expect(200);
    assert_eq!(posts(&app).len(), 1);
}

#[tokio::test]
async fn a_form_waits_until_its_app_is_there() {
    let world = World::start().await;
    let (address, mut app) = noted(&world, "away", json!({ "require": "signed_in" })).await;
    let pay = format!("{address}/pay");
    let person = world.person().await;
    let mut visitor = Visitor::new(&world);
    let back = posted(&mut visitor, &person, &pay).await;
    visitor.step(&back).await.expect(303);
    app.stop().await;
    let known = async |up: u8| {
        let line = format!(
            "upstream=\"{}\"}} {up}",
            Url::parse(&app.url()).unwrap().origin().ascii_serialization()
        );
        until("the edge knows how the app is", Duration::from_secs(15), async || {
            figures(&world).await.contains(&line).then_some(())
        })
        .await;
    };
    known(0).await;
    let waiting = visitor.step(&pay).await;
    assert_eq!(waiting.expect(503).header("refresh"), "5");
    assert!(waiting.text.contains("is kept"), "{}", waiting.text);
    app.listen().await;
    until("the form is sent", Duration::from_secs(15), async || {
        (visitor.step(&pay).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(posts(&app).len(), 1);
}

/// An app that answers what is posted in drops, for longer than short answers take.
async fn slow() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 8192];
                let read = stream.read(&mut head).await.unwrap_or_default();
                let begin = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
                let mut sent = stream.write_all(begin).await;
                let drops = if head[..read].starts_with(b"POST") { 10 } else { 1 };
                for _ in 0..drops {
                    sent = sent.and(stream.write_all(b"4\r\ndrop\r\n").await);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                let _ = sent.and(stream.write_all(b"3\r\nend\r\n0\r\n\r\n").await);
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_slow_answer_to_a_form_that_waited_is_not_cut_off() {
    let mut world = World::start().await;
    let mut draft = site(&world, "slow").await;
    draft["upstreams"] = json!([slow().await]);
    draft["policy"] =
        json!({ "require": "signed_in", "rules": [{ "prefix": "/pay", "max_auth_age": 300 }] });
    open(&world, &draft).await;
    let address = draft["base_url"].as_str().unwrap();
    let person = world.enrolled().await;
    let mut visitor = signed_in(&world, &person, address).await;
    world.advance(minutes(6));
    world.caught_up().await;
    visitor.post(&format!("{address}/pay"), &[("amount", "1")]).await;
    let answer = visitor.sign_in(&world, &person).await;
    assert!(answer.expect(200).text.ends_with("end"), "{}", answer.text);
}

#[tokio::test]
async fn a_form_of_somebody_whose_session_is_over_waits_too() {
    let world = World::shared().await;
    let (address, app) = noted(&world, "late", json!({ "require": "2fa" })).await;
    let person = world.enrolled().await;
    let mut visitor = Visitor::new(&world);
    visitor.post(&format!("{address}/save"), &[("text", "long")]).await;
    assert_eq!(posts(&app), []);
    visitor.sign_in(&world, &person).await.expect(200);
    assert_eq!(posts(&app), [("POST /save HTTP/1.1".to_owned(), "text=long".to_owned())]);
}

#[tokio::test]
async fn no_form_is_kept_that_another_site_posts_or_that_is_too_large() {
    let world = World::shared().await;
    let (address, app) = noted(&world, "picky", json!({ "require": "2fa" })).await;
    let mut visitor = Visitor::new(&world);
    let page = format!("{address}/save");
    let navigates = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];
    for sender in [
        vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        vec![("sec-fetch-site", "cross-site"), ("origin", "null")],
        vec![("sec-fetch-site", "none")],
    ] {
        let fields = [&navigates[..], &sender[..]].concat();
        let refused = visitor.call("POST", &page, &fields).await;
        refused.expect(401);
        assert_eq!(refused.header("location"), "");
    }
    assert!(visitor.cookie_names("picky.localhost").is_empty());
    let large = "x".repeat(1024 * 1024 + 1);
    let refused = visitor.post_only(&page, &[("text", &large)]).await;
    refused.expect(413);
    assert!(refused.header("content-type").starts_with("text/html"), "{refused:?}");
    let large = "x".repeat(1024 * 1024 - 5);
    let kept = visitor.post_only(&page, &[("text", &large)]).await;
    assert!(kept.expect(401).header("refresh").starts_with("0;url="), "{kept:?}");
    assert!(kept.header("www-authenticate").starts_with("Bearer "), "{kept:?}");
    assert_eq!(posts(&app), []);
}

#[tokio::test]
async fn the_edges_client_is_nobody_elses() {
    let world = World::shared().await;
    let address = at(&world, "client", json!({ "require": "signed_in" })).await;
    let other = at(&world, "client-two", json!({ "require": "signed_in" })).await;
    let callback = format!("{address}/.signalbox/callback");
    let ask = async |redirect: &str, resource: &str| {
        let mut url: Url = format!("{}/authorize", world.issuer()).parse().unwrap();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", "signalbox-edge"),
            ("scope", "openid"),
            ("redirect_uri", redirect),
            ("resource", resource),
            ("state", "s"),
            ("code_challenge", &"c".repeat(43)),
            ("code_challenge_method", "S256"),
        ]);
        let path = format!("{}?{}", url.path(), url.query().unwrap());
        world.rail().root("GET", &path).await
    };
    for redirect in [
        "https://evil.example/.signalbox/callback".to_owned(),
        format!("{address}/.signalbox/callback/"),
        format!("{address}/"),
        format!("http://nowhere.localhost:{}/.signalbox/callback", world.edge().port()),
        format!("http://{DEMO}/.signalbox/callback"),
    ] {
        let page = ask(&redirect, &address).await;
        page.expect(400);
        assert_eq!(page.header("location"), "", "{redirect}");
    }
    // A code that goes to one site is good at no other.
    let told = ask(&callback, &other).await;
    assert!(told.header("location").contains("error=invalid_target"), "{told:?}");
    let pairs = [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", &callback)];
    let body = tests::relying_party::form(&pairs);
    for secret in ["", "nonsense"] {
        let request = world
            .rail()
            .request_root("POST", "/token")
            .header("authorization", tests::relying_party::basic("signalbox-edge", secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.clone());
        assert_eq!(tests::rail::send(request).await.expect(401).json()["error"], "invalid_client");
    }
    for metadata in [
        json!({ "client_id": "signalbox-edge", "redirect_uris": [callback] }),
        json!({
            "client_id": "renewer",
            "redirect_uris": ["https://app.test/cb"],
            "grant_types": ["urn:signalbox:params:oauth:grant-type:site-session"],
        }),
    ] {
        let file = world.dir().join("edges-client.json");
        std::fs::write(&file, metadata.to_string()).unwrap();
        let args = ["admin", "create-client", "--from-json", file.to_str().unwrap()];
        assert_ne!(world.signalbox(&args).await.code, 0, "{metadata}");
    }
}
