//! Signing out where a client, or nobody, asks for it (OpenID Connect RP-Initiated Logout 1.0), what
//! clients' pages are told then (Front-Channel Logout 1.0), and what they can find out by themselves
//! (Session Management 1.0).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tests::{
    World,
    browser::{Browser, encoded},
    forge::{claims, foreign_es256, header, token},
    rail::send,
    relying_party::{GOODBYE, REDIRECT, RelyingParty, Tokens, form},
};

use crate::{hours, minutes};

/// Somebody who is signed in at a new client.
async fn signed_in(world: &World) -> (RelyingParty, Browser, Tokens) {
    let client = world.relying_party(json!({})).await;
    let (browser, tokens) = signed_in_at(world, &client).await;
    (client, browser, tokens)
}

async fn signed_in_at(world: &World, client: &RelyingParty) -> (Browser, Tokens) {
    let person = world.person().await;
    let mut browser = Browser::new(world);
    let tokens = client.sign_in(&mut browser, &person, "openid").await;
    (browser, tokens)
}

fn end_session(parameters: &[(&str, &str)]) -> String {
    format!("/end_session?{}", form(parameters))
}

/// Whether the browser is signed in: a client that asks for no page gets its code.
async fn is_signed_in(browser: &Browser, client: &RelyingParty) -> bool {
    let mut tab = browser.tab();
    tab.get(&client.url(&[("prompt", "none")])).await;
    let arrived = tab.arrived();
    assert!(arrived.contains_key("code") || arrived["error"] == "login_required", "{arrived:?}");
    arrived.contains_key("code")
}

/// The page at which a browser is refused: the code that it shows. It was sent nowhere.
#[track_caller]
fn refused(browser: &Browser) -> String {
    browser.answer().expect(400);
    assert!(browser.left().is_none());
    browser.element("error-code").unwrap_or_else(|| panic!("{}", browser.answer().text))
}

/// Whether a `session_state` is of what the browser holds: as `/check_session` computes it
/// (`check-session.js`), with what it can read.
pub fn fits(client: &RelyingParty, browser: &Browser, session_state: &str) -> bool {
    let (hash, salt) = session_state.split_once('.').unwrap();
    let held = browser.cookie("sb_browser_state").map_or("", |cookie| cookie.value.as_str());
    let text = format!("{} https://app.test {held} {salt}", client.id);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hash == digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
}

#[tokio::test]
async fn without_parameters_the_person_is_asked_and_then_signed_out_and_told_so() {
    let world = World::shared().await;
    let (client, mut browser, tokens) = signed_in(&world).await;
    browser.get("/end_session").await.answer.expect(200);
    assert!(browser.element("signed-out").is_none());
    assert!(is_signed_in(&browser, &client).await, "signed out without being asked");
    // To stay changes nothing.
    let mut tab = browser.tab();
    tab.get("/end_session").await;
    tab.submit(&[("decision", "stay")]).await.answer.expect(200);
    assert!(tab.element("signed-out").is_none());
    assert!(is_signed_in(&browser, &client).await);

    browser.submit(&[("decision", "logout")]).await.answer.expect(200);
    assert!(browser.element("signed-out").is_some(), "{}", browser.answer().text);
    assert!(browser.cookie("sb_session").is_none(), "{:?}", browser.cookie_names());
    assert!(browser.cookie("sb_browser_state").is_none(), "{:?}", browser.cookie_names());
    assert!(!is_signed_in(&browser, &client).await);
    // And every token of the session is dead, also where the cookie was kept.
    client.userinfo(&tokens.access).await.expect(401);
    assert_eq!(client.refresh(&tokens.refresh).await.expect(400).json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_cookie_that_was_kept_opens_nothing_after_the_sign_out() {
    let world = World::shared().await;
    let (client, mut browser, _) = signed_in(&world).await;
    let thief = browser.tab();
    browser.get("/end_session").await;
    browser.submit(&[("decision", "logout")]).await.answer.expect(200);
    assert!(thief.cookie("sb_session").is_some());
    assert!(!is_signed_in(&thief, &client).await);
}

#[tokio::test]
async fn a_hint_of_the_session_signs_out_at_once_and_the_state_comes_back() {
    let world = World::shared().await;
    let state = "s~ &=+/?#%\u{fc}".repeat(20);
    for with_client_id in [false, true] {
        let (client, mut browser, tokens) = signed_in(&world).await;
        let mut parameters = vec![
            ("id_token_hint", tokens.id.as_str()),
            ("post_logout_redirect_uri", GOODBYE),
            ("state", &state),
            ("ui_locales", "de en"),
            ("unknown", "ignored"),
        ];
        if with_client_id {
            parameters.push(("client_id", &client.id));
        }
        browser.get(&end_session(&parameters)).await.answer.expect(303);
        let left = browser.left().unwrap();
        assert!(left.url.starts_with(&format!("{GOODBYE}?")), "{left:?}");
        assert_eq!(
            browser.arrived().into_iter().collect::<Vec<_>>(),
            [("state".to_owned(), state.clone())]
        );
        assert!(!is_signed_in(&browser, &client).await);
    }
    // Without a state none comes back, and without an address the page says that it is done.
    let (_, mut browser, tokens) = signed_in(&world).await;
    let hint = ("id_token_hint", tokens.id.as_str());
    browser.get(&end_session(&[hint, ("post_logout_redirect_uri", GOODBYE)])).await;
    assert_eq!(browser.left().unwrap().url, GOODBYE);
    let (_, mut browser, tokens) = signed_in(&world).await;
    browser.get(&end_session(&[("id_token_hint", &tokens.id)])).await.answer.expect(200);
    assert!(browser.element("signed-out").is_some());
}

#[tokio::test]
async fn a_registered_query_is_kept() {
    let world = World::shared().await;
    let uri = "https://app.test/goodbye?from=op&x=%2F";
    let client = world.relying_party(json!({ "post_logout_redirect_uris": [uri] })).await;
    let (mut browser, tokens) = signed_in_at(&world, &client).await;
    let asked =
        [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", uri), ("state", "s")];
    browser.get(&end_session(&asked)).await;
    assert_eq!(browser.left().unwrap().url, format!("{uri}&state=s"));
}

#[tokio::test]
async fn a_hint_that_has_expired_is_good() {
    let mut world = World::start().await;
    let (_, mut browser, tokens) = signed_in(&world).await;
    world.advance(hours(3));
    let asked = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", GOODBYE)];
    browser.get(&end_session(&asked)).await;
    assert_eq!(browser.left().unwrap().url, GOODBYE);
}

#[tokio::test]
async fn nobody_is_redirected_without_a_hint() {
    let world = World::shared().await;
    let (client, mut browser, _) = signed_in(&world).await;
    for asked in [
        vec![("post_logout_redirect_uri", GOODBYE)],
        vec![("post_logout_redirect_uri", "https://evil.example/")],
        vec![("post_logout_redirect_uri", GOODBYE), ("client_id", client.id.as_str())],
    ] {
        let mut tab = browser.tab();
        tab.get(&end_session(&asked)).await.answer.expect(200);
        assert!(tab.left().is_none() && tab.element("signed-out").is_none(), "{asked:?}");
        assert!(!tab.answer().text.contains("evil.example\"") || asked.len() == 1);
    }
    let asked = [("post_logout_redirect_uri", GOODBYE), ("client_id", &client.id), ("state", "s")];
    browser.get(&end_session(&asked)).await;
    browser.submit(&[("decision", "logout")]).await.answer.expect(200);
    assert!(browser.left().is_none() && browser.element("signed-out").is_some());
    assert!(!browser.answer().text.contains(GOODBYE), "{}", browser.answer().text);
}

#[tokio::test]
async fn an_address_that_is_not_registered_is_an_error_and_ends_nothing() {
    let world = World::shared().await;
    let (client, mut browser, tokens) = signed_in(&world).await;
    for uri in [
        "https://app.test/goodbye/",
        "https://app.test/goodbye?x=1",
        "https://app.test/Goodbye",
        "https://app.test:443/goodbye",
        "http://app.test/goodbye",
        "https://evil.example/goodbye",
        "//app.test/goodbye",
        "javascript:alert(1)",
        REDIRECT,
    ] {
        for client_id in ["", client.id.as_str()] {
            let asked = [
                ("id_token_hint", tokens.id.as_str()),
                ("post_logout_redirect_uri", uri),
                ("client_id", client_id),
            ];
            browser.get(&end_session(&asked)).await;
            assert_eq!(refused(&browser), "invalid_request", "{uri}");
        }
        let asked = [("client_id", client.id.as_str()), ("post_logout_redirect_uri", uri)];
        browser.get(&end_session(&asked)).await;
        assert_eq!(refused(&browser), "invalid_request", "{uri}");
    }
    assert!(is_signed_in(&browser, &client).await);
}

#[tokio::test]
async fn a_hint_that_is_forged_or_something_else_is_an_error_and_ends_nothing() {
    let world = World::shared().await;
    let (client, mut browser, tokens) = signed_in(&world).await;
    let (head, body) = (header(&tokens.id), claims(&tokens.id));
    let mut other_issuer = body.clone();
    other_issuer["iss"] = "https://evil.example".into();
    let cut = &tokens.id[..tokens.id.len() - 4];
    let unsigned =
        token(&json!({ "alg": "none", "typ": "JWT", "kid": head["kid"] }), &body, |_| Vec::new());
    for hint in [
        token(&head, &body, foreign_es256()),
        token(&json!({ "alg": "ES256", "typ": "JWT", "kid": head["kid"] }), &body, foreign_es256()),
        token(&head, &other_issuer, foreign_es256()),
        unsigned,
        cut.to_owned(),
        tokens.access.clone(),
        tokens.refresh.clone(),
        "nonsense".to_owned(),
    ] {
        let asked = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", GOODBYE)];
        browser.get(&end_session(&asked)).await;
        assert_eq!(refused(&browser), "invalid_request", "{hint}");
    }
    assert!(is_signed_in(&browser, &client).await);
}

#[tokio::test]
async fn a_hint_is_for_the_client_that_it_was_issued_to() {
    let world = World::shared().await;
    let (client, mut browser, tokens) = signed_in(&world).await;
    let other = world.relying_party(json!({})).await;
    for client_id in [other.id.as_str(), "nobody"] {
        let asked = [("id_token_hint", tokens.id.as_str()), ("client_id", client_id)];
        browser.get(&end_session(&asked)).await;
        assert_eq!(refused(&browser), "invalid_request", "{client_id}");
    }
    browser.get(&end_session(&[("client_id", "nobody")])).await;
    assert_eq!(refused(&browser), "invalid_request");
    // A parameter that comes twice says nothing.
    browser.get(&format!("{}&client_id=a&client_id=b", end_session(&[("state", "s")]))).await;
    assert_eq!(refused(&browser), "invalid_request");
    // One that is none of ours is not told by name: these would be the caller's words on our page.
    let words = form(&[("Your account is locked. Call 555", "1")]);
    browser.get(&format!("/end_session?{words}&{words}")).await;
    assert_eq!(refused(&browser), "invalid_request");
    assert!(!browser.answer().text.contains("locked"), "{}", browser.answer().text);
    assert!(is_signed_in(&browser, &client).await);
}

#[tokio::test]
async fn a_hint_of_another_session_asks_and_one_in_a_browser_without_any_leads_on() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let (_, elsewhere) = signed_in_at(&world, &client).await;
    let (mut browser, _) = signed_in_at(&world, &client).await;
    let asked = [
        ("id_token_hint", elsewhere.id.as_str()),
        ("post_logout_redirect_uri", GOODBYE),
        ("state", "s"),
    ];
    browser.get(&end_session(&asked)).await.answer.expect(200);
    assert!(browser.left().is_none() && is_signed_in(&browser, &client).await);
    // The form may lead to the client, and its answer does.
    let policy = browser.answer().header("content-security-policy").to_owned();
    assert!(policy.contains("form-action 'self' https://app.test"), "{policy}");
    browser.submit(&[("decision", "logout")]).await;
    assert_eq!(browser.left().unwrap().url, format!("{GOODBYE}?state=s"));
    assert!(!is_signed_in(&browser, &client).await);
    // The other session is somebody else's, and goes on.
    client.userinfo(&elsewhere.access).await.expect(200);

    let mut nobody = Browser::new(&world);
    nobody.get(&end_session(&asked)).await;
    assert_eq!(nobody.left().unwrap().url, format!("{GOODBYE}?state=s"));
    client.userinfo(&elsewhere.access).await.expect(200);
}

#[tokio::test]
async fn a_client_may_post_its_request_and_a_form_from_elsewhere_signs_nobody_out() {
    let world = World::shared().await;
    let (client, mut browser, tokens) = signed_in(&world).await;
    let cookie = format!("sb_session={}", browser.cookie("sb_session").unwrap().value);
    let post = |fields: &[(&str, &str)], origin: &'static str| {
        let request = client.form_request("/end_session").body(form(fields));
        request.header("origin", origin).header("cookie", cookie.clone())
    };
    // From the page of a client, no cookie comes with the post: the browser is sent to ask again.
    let asked = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", GOODBYE)];
    let sent_on = send(post(&asked, "https://app.test")).await;
    let target = sent_on.expect(303).header("location").to_owned();
    assert!(target.starts_with("/end_session?"), "{target}");
    assert!(is_signed_in(&browser, &client).await);
    browser.get(&target).await;
    assert_eq!(browser.left().unwrap().url, GOODBYE);
    assert!(!is_signed_in(&browser, &client).await);

    let (client, mut browser, _) = signed_in(&world).await;
    browser.get("/end_session").await;
    let cookies: Vec<String> = browser
        .cookie_names()
        .iter()
        .map(|name| format!("{name}={}", browser.cookie(name).unwrap().value))
        .collect();
    let mut fields = browser.forms().remove(0).fields;
    fields.push(("decision".into(), "logout".into()));
    let post = |fields: &[(String, String)]| {
        let request = client.form_request("/end_session").body(encoded(fields));
        request.header("cookie", cookies.join("; "))
    };
    for (origin, site) in
        [("https://evil.example", "cross-site"), ("null", "cross-site"), ("null", "same-site")]
    {
        let request = post(&fields).header("origin", origin).header("sec-fetch-site", site);
        send(request).await.expect(403);
    }
    send(post(&[("decision".into(), "logout".into())])).await.expect(403);
    assert!(is_signed_in(&browser, &client).await);
    send(post(&fields)).await.expect(200);
    assert!(!is_signed_in(&browser, &client).await);
}

#[tokio::test]
async fn the_page_after_the_sign_out_frames_what_clients_registered_and_nothing_else() {
    let world = World::shared().await;
    let plain = world
        .relying_party(json!({ "frontchannel_logout_uri": "https://app.test/front?x=1" }))
        .await;
    let asking = world
        .relying_party(json!({
            "redirect_uris": ["https://other.test/callback"],
            "post_logout_redirect_uris": ["https://other.test/goodbye"],
            "frontchannel_logout_uri": "https://other.test/front",
            "frontchannel_logout_session_required": true,
        }))
        .await;
    // A client that takes no part in the session.
    let absent = "https://absent.test/front";
    drop(
        world
            .relying_party(json!({
                "redirect_uris": ["https://absent.test/callback"],
                "post_logout_redirect_uris": ["https://absent.test/goodbye"],
                "frontchannel_logout_uri": absent,
            }))
            .await,
    );
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let tokens = plain.sign_in(&mut browser, &person, "openid").await;
    let other = asking.sign_in(&mut browser, &person, "openid").await;
    assert_eq!(tokens.sid(), other.sid());
    let asked = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", GOODBYE)];
    browser.get(&end_session(&asked)).await.answer.expect(200);
    // Frames first: the way on is in the page, for browsers with and without scripts.
    assert!(browser.left().is_none() && browser.element("signed-out").is_some());
    let page = &browser.answer().text;
    let issuer = form(&[("iss", &world.issuer()), ("sid", &tokens.sid())]);
    assert!(page.contains(&format!("href=\"{GOODBYE}\"")), "{page}");
    assert!(
        page.contains("http-equiv=\"refresh\"") && page.contains(&format!("url={GOODBYE}\"")),
        "{page}"
    );
    let frames: Vec<&str> = page
        .split("<iframe")
        .skip(1)
        .map(|frame| frame.split_once("src=\"").unwrap().1.split('"').next().unwrap())
        .collect();
    let frames: Vec<String> =
        frames.iter().map(|frame| frame.replace("&amp;", "&").replace("&#38;", "&")).collect();
    let wanted =
        ["https://app.test/front?x=1".to_owned(), format!("https://other.test/front?{issuer}")];
    assert_eq!(frames, wanted);
    let policy = browser.answer().header("content-security-policy");
    let admitted = policy.split(';').map(str::trim).find(|one| one.starts_with("frame-src"));
    assert_eq!(admitted, Some("frame-src https://app.test https://other.test"), "{policy}");
    assert!(!page.contains(absent));
}

#[tokio::test]
async fn a_session_state_tells_a_client_whether_who_is_signed_in_has_changed() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let arrived = client.authorize(&mut browser, &person, "openid").await;
    let first = arrived["session_state"].clone();
    assert!(fits(&client, &browser, &first));
    let cookie = browser.cookie("sb_browser_state").unwrap();
    assert!(!cookie.attributes.contains("HttpOnly"), "{cookie:?}");
    assert!(URL_SAFE_NO_PAD.decode(&cookie.value).unwrap().len() == 32, "{cookie:?}");
    // Another answer in the same session: another salt, and as good.
    let again = client.authorize(&mut browser, &person, "openid").await["session_state"].clone();
    assert_ne!(again, first);
    assert!(fits(&client, &browser, &again));
    assert!(fits(&client, &browser, &first));

    browser.get("/end_session").await;
    browser.submit(&[("decision", "logout")]).await;
    assert!(!fits(&client, &browser, &first));
    // Signed in anew, it is another session.
    let anew = client.authorize(&mut browser, &person, "openid").await["session_state"].clone();
    assert!(fits(&client, &browser, &anew));
    assert!(!fits(&client, &browser, &first));
}

#[tokio::test]
async fn the_page_that_checks_sessions_may_be_framed_and_runs_its_own_script_alone() {
    let world = World::shared().await;
    let rail = world.rail();
    let page = rail.root("GET", "/check_session").await;
    page.expect(200);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("frame-ancestors") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "");
    let script = page.text.split_once("<script src=\"").unwrap().1.split('"').next().unwrap();
    let script = rail.root("GET", script).await;
    script.expect(200);
    assert!(script.header("content-type").starts_with("text/javascript"));
    // Everything else may not be framed.
    for path in ["/end_session", "/device"] {
        let answer = rail.root("GET", path).await;
        if answer.status == 200 {
            let policy = answer.header("content-security-policy");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        }
    }
}

#[tokio::test]
async fn of_several_people_in_one_browser_a_hint_signs_out_the_one_it_names() {
    let world = World::start().await;
    let client = world.relying_party(json!({})).await;
    let (ada, bob) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    let hers = client.sign_in(&mut browser, &ada, "openid").await;
    browser.get(&client.url(&[("prompt", "login")])).await;
    tests::relying_party::through(&mut browser, &bob).await;
    let his = Tokens::of(&client.redeem(&browser.arrived()["code"]).await);
    assert_ne!(hers.sid(), his.sid());
    let asked = [("id_token_hint", hers.id.as_str()), ("post_logout_redirect_uri", GOODBYE)];
    browser.get(&end_session(&asked)).await;
    assert_eq!(browser.left().unwrap().url, GOODBYE);
    client.userinfo(&hers.access).await.expect(401);
    client.userinfo(&his.access).await.expect(200);
    assert!(is_signed_in(&browser, &client).await);
    // Whoever answers the question is signed out of everything.
    browser.get("/end_session").await;
    browser.submit(&[("decision", "logout")]).await;
    client.userinfo(&his.access).await.expect(401);
    assert!(!is_signed_in(&browser, &client).await);
}

#[tokio::test]
async fn the_question_is_good_for_as_long_as_the_page_is_open() {
    let mut world = World::start().await;
    let (client, mut browser, _) = signed_in(&world).await;
    browser.get("/end_session").await;
    world.advance(minutes(90));
    browser.submit(&[("decision", "logout")]).await.answer.expect(200);
    assert!(!is_signed_in(&browser, &client).await);
}
