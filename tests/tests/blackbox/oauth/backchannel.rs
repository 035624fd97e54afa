//! Clients hear of the end of every session they took part in (OpenID Connect Back-Channel Logout
//! 1.0), whatever ended it.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    browser::Browser,
    forge::{claims, header},
    person::{STEP, verify},
    process::until,
    receiver::Receiver,
    relying_party::{RelyingParty, Tokens},
};

use crate::{hours, minutes, names, set};

const PATIENCE: Duration = Duration::from_secs(20);

/// A world that calls listeners on this machine.
async fn world() -> World {
    World::plan().set("outgoing.allow_private", "127.0.0.0/8").start().await
}

/// A client that hears of endings at `receiver`.
async fn client_at(world: &World, receiver: &Receiver) -> RelyingParty {
    world.relying_party(json!({ "backchannel_logout_uri": receiver.url() })).await
}

/// Somebody who is signed in at a client with a browser, and on the Rail besides.
struct SignedIn {
    person: Person,
    browser: Browser,
    tokens: Tokens,
    rail: Session,
}

async fn signed_in(world: &World, client: &RelyingParty) -> SignedIn {
    let person = world.person().await;
    let mut browser = Browser::new(world);
    let tokens = client.sign_in(&mut browser, &person, "openid").await;
    let rail = world.sign_in(&person).await;
    SignedIn { person, browser, tokens, rail }
}

/// Signs out on the page, whoever is signed in there.
async fn sign_out(browser: &mut Browser) {
    browser.get("/end_session").await;
    browser.submit(&[("decision", "logout")]).await.answer.expect(200);
    assert!(browser.element("signed-out").is_some());
}

#[tokio::test]
async fn whatever_ends_a_session_its_client_hears_of_it() {
    let (world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let rail = world.rail();
    for ending in ["page", "hint", "revoke", "revoke others", "password", "reset"] {
        let SignedIn { person, mut browser, tokens, rail: session } =
            signed_in(&world, &client).await;
        let sid = tokens.sid();
        assert!(!receiver.knows(&sid), "{ending}: told before it was over");
        match ending {
            "page" => sign_out(&mut browser).await,
            "hint" => {
                browser.get(&format!("/end_session?id_token_hint={}", tokens.id)).await;
                assert!(browser.element("signed-out").is_some());
            }
            "revoke" => {
                let path = format!("/sessions/{sid}");
                drop(rail.call_as(&session.access, "DELETE", &path).await.data(200));
            }
            "revoke others" => {
                drop(rail.call_as(&session.access, "DELETE", "/sessions").await.data(200));
            }
            "password" => {
                let body = json!({
                    "currentPassword": person.password,
                    "newPassword": Person::new().password,
                });
                drop(rail.post_as(&session.access, "/change-password", body).await.data(200));
            }
            _ => {
                drop(
                    rail.post("/forgot-password", json!({ "email": person.email })).await.data(202),
                );
                let token = world.mailed_token(&person.email).await;
                let body = json!({ "token": token, "password": Person::new().password });
                drop(rail.post("/reset-password", body).await.data(200));
            }
        }
        let told = receiver.told_of(&sid).await;
        assert_eq!(told["sub"], session.user_id.as_str(), "{ending}");
        assert_eq!(told["aud"], client.id.as_str(), "{ending}");
    }
}

#[tokio::test]
async fn the_removal_of_a_factor_and_of_a_device_reach_the_clients_of_what_they_end() {
    let (mut world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let rail = world.rail();

    // A factor is removed: every other session ends.
    let SignedIn { mut person, tokens, rail: session, .. } = signed_in(&world, &client).await;
    world.enrol(&mut person, &session).await;
    world.advance(Duration::from_secs(STEP));
    let fresh = world.sign_in(&person).await;
    let methods = rail.call_as(&fresh.access, "GET", "/mfa/methods").await.data(200);
    let totp =
        methods.as_array().unwrap().iter().find(|method| method["method"] == "TOTP").unwrap();
    let path = format!("/mfa/methods/{}", totp["id"].as_str().unwrap());
    drop(rail.call_as(&fresh.access, "DELETE", &path).await.data(200));
    receiver.told_of(&tokens.sid()).await;

    // A device is trusted no more: what rests on it ends, and nothing else.
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    world.advance(Duration::from_secs(STEP));
    browser.get(&client.authorize_url("openid")).await;
    browser.sign_in(&person).await;
    let code = person.code(&world);
    browser.submit(&[("code", &code), ("trust_device", "yes")]).await;
    let with_code = Tokens::of(&client.redeem(&browser.arrived()["code"]).await);
    sign_out(&mut browser).await;
    receiver.told_of(&with_code.sid()).await;
    let on_device = client.sign_in(&mut browser, &person, "openid").await;
    assert!(claims(&on_device.id)["amr"].as_array().unwrap().contains(&json!("device")));
    world.advance(Duration::from_secs(2 * STEP));
    let session = world.sign_in(&person).await;
    assert!(!receiver.knows(&on_device.sid()));
    drop(rail.call_as(&session.access, "DELETE", "/devices").await.data(200));
    receiver.told_of(&on_device.sid()).await;
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
}

#[tokio::test]
async fn a_session_that_makes_room_is_told_of() {
    const KEPT: usize = 100;
    let (world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let SignedIn { person, tokens, .. } = signed_in(&world, &client).await;
    let elsewhere = async || client.sign_in(&mut Browser::new(&world), &person, "openid").await;
    for _ in 0..KEPT - 1 {
        elsewhere().await;
    }
    assert!(!receiver.knows(&tokens.sid()));
    elsewhere().await;
    receiver.told_of(&tokens.sid()).await;
}

#[tokio::test]
async fn a_session_that_ends_by_itself_is_told_of() {
    let (mut world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let SignedIn { tokens, .. } = signed_in(&world, &client).await;
    // Nobody asked to be remembered: it is over after half a day.
    world.advance(hours(11));
    world.mail_has_left().await;
    assert!(!receiver.knows(&tokens.sid()));
    world.advance(hours(1) + minutes(5));
    receiver.told_of(&tokens.sid()).await;
}

#[tokio::test]
async fn a_logout_token_is_made_as_the_specification_says() {
    let (world, receiver) = (world().await, Receiver::start().await);
    for algorithm in ["RS256", "ES256"] {
        let client = world
            .relying_party(json!({
                "backchannel_logout_uri": receiver.url(),
                "backchannel_logout_session_required": true,
                "id_token_signed_response_alg": algorithm,
            }))
            .await;
        let SignedIn { mut browser, tokens, rail, .. } = signed_in(&world, &client).await;
        sign_out(&mut browser).await;
        let told = receiver.told_of(&tokens.sid()).await;
        assert_eq!(names(&told), set(["iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"]));
        assert_eq!(told["iss"], world.issuer());
        assert_eq!(told["sub"], rail.user_id.as_str());
        assert_eq!(told["sub"], claims(&tokens.id)["sub"]);
        assert_eq!(told["aud"], client.id.as_str());
        assert_eq!(
            told["events"],
            json!({ "http://schemas.openid.net/event/backchannel-logout": {} })
        );
        let (iat, exp) = (told["iat"].as_i64().unwrap(), told["exp"].as_i64().unwrap());
        assert!(exp > iat && exp <= iat + 120, "{told}");
        let received = receiver.received();
        let received = received.iter().find(|one| claims(one.token()) == told).unwrap();
        let head = received.head.to_ascii_lowercase();
        assert!(head.starts_with("post /backchannel?of=test http/1.1"), "{head}");
        assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
        assert!(!head.contains("cookie") && !head.contains("authorization"), "{head}");
        let header = header(received.token());
        assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!(algorithm)));
        // Its key is published, and of that algorithm.
        let keys = world.rail().root("GET", "/.well-known/jwks.json").await.json();
        let keys = keys["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
        assert_eq!(key["alg"], algorithm);
    }
}

#[tokio::test]
async fn each_client_of_a_session_is_told_once_and_others_are_not() {
    let (world, one, other) = (world().await, Receiver::start().await, Receiver::start().await);
    let (first, second) = (client_at(&world, &one).await, client_at(&world, &other).await);
    let SignedIn { person, mut browser, tokens, .. } = signed_in(&world, &first).await;
    // Once more at the same client, and at the other one: it is the same session.
    let again = first.sign_in(&mut browser, &person, "openid").await;
    let elsewhere = second.sign_in(&mut browser, &person, "openid").await;
    assert_eq!((again.sid(), elsewhere.sid()), (tokens.sid(), tokens.sid()));
    // Somebody else's session at the first client goes on.
    let stranger = signed_in(&world, &first).await;
    sign_out(&mut browser).await;
    assert_eq!(one.told_of(&tokens.sid()).await["aud"], first.id.as_str());
    assert_eq!(other.told_of(&tokens.sid()).await["aud"], second.id.as_str());
    world.mail_has_left().await;
    assert_eq!((one.received().len(), other.received().len()), (1, 1));
    assert!(!one.knows(&stranger.tokens.sid()));
}

#[tokio::test]
async fn a_client_that_fails_is_told_again_until_it_takes_the_news() {
    let (mut world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let SignedIn { mut browser, tokens, .. } = signed_in(&world, &client).await;
    receiver.answer(503);
    sign_out(&mut browser).await;
    for tries in 1..4 {
        told_in_time(&mut world, &receiver, tries).await;
    }
    receiver.answer(204);
    told_in_time(&mut world, &receiver, 4).await;
    // Each try had a token of its own, for the same session; and now it is left alone.
    let told = receiver.told();
    assert!(told.iter().all(|claims| claims["sid"] == tokens.sid().as_str()));
    let ids: std::collections::BTreeSet<&str> =
        told.iter().map(|claims| claims["jti"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), told.len());
    world.advance(minutes(90));
    world.mail_has_left().await;
    assert_eq!(receiver.received().len(), told.len());
}

#[tokio::test]
async fn a_client_that_was_away_is_told_when_it_is_back_though_the_server_was_killed_meanwhile() {
    let (mut world, mut receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let SignedIn { mut browser, tokens, .. } = signed_in(&world, &client).await;
    receiver.stop().await;
    sign_out(&mut browser).await;
    until("a failed try", PATIENCE, async || {
        world.log().contains("a delivery has to wait").then_some(())
    })
    .await;
    world.server_node().kill();
    world.server_node().start().await;
    receiver.listen().await;
    told_in_time(&mut world, &receiver, 1).await;
    assert!(receiver.knows(&tokens.sid()));
}

#[tokio::test]
async fn a_client_that_refuses_the_news_is_given_up_and_the_log_says_which() {
    let (mut world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let SignedIn { mut browser, .. } = signed_in(&world, &client).await;
    receiver.answer(400);
    sign_out(&mut browser).await;
    receiver.count(1).await;
    until("a line of the log", PATIENCE, async || {
        world.log().contains("a delivery was given up").then_some(())
    })
    .await;
    let log = world.log();
    assert!(log.contains(&format!("client {} said 400", client.id)), "{log}");
    let token = receiver.received()[0].token().to_owned();
    assert!(!log.contains(&token), "a token is in the log");
    world.advance(minutes(90));
    world.mail_has_left().await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn an_address_that_is_not_public_is_never_called() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let uri = receiver.url().replace("http://127.0.0.1", "https://127.0.0.1");
    let client = world.relying_party(json!({ "backchannel_logout_uri": uri })).await;
    let SignedIn { mut browser, .. } = signed_in(&world, &client).await;
    sign_out(&mut browser).await;
    until("a line of the log", PATIENCE, async || {
        world.log().contains("leads to no public address").then_some(())
    })
    .await;
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn what_was_granted_for_offline_use_outlives_the_session_whose_end_is_told() {
    let (world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let tokens = client.sign_in(&mut browser, &person, "openid offline_access").await;
    let bound = client.sign_in(&mut browser, &person, "openid").await;
    sign_out(&mut browser).await;
    receiver.told_of(&tokens.sid()).await;
    // OpenID Connect Back-Channel Logout section 2.7.
    drop(Tokens::of(&client.refresh(&tokens.refresh).await));
    let refused = client.refresh(&bound.refresh).await;
    assert_eq!(refused.expect(400).json()["error"], "invalid_grant");
}

#[tokio::test]
async fn half_a_sign_in_on_a_page_is_no_session_of_a_client() {
    // Nothing to hear of: nobody was signed in.
    let (world, receiver) = (world().await, Receiver::start().await);
    let client = client_at(&world, &receiver).await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.authorize_url("openid")).await;
    browser.sign_in(&person).await;
    assert!(browser.left().is_none());
    sign_out(&mut browser).await;
    world.mail_has_left().await;
    assert_eq!(receiver.told(), Vec::<Value>::new());
    // And the half of it opens nothing afterwards: verification is still asked for.
    let half = world.half_sign_in(&person).await;
    verify(&world.rail(), &half, &person.wrong_code(&world)).await.refused(401, "INVALID_CODE");
}

/// Waits until so many notices came, while the clock goes faster.
async fn told_in_time(world: &mut World, receiver: &Receiver, wanted: usize) {
    until(&format!("notice {wanted}"), Duration::from_secs(40), async || {
        world.advance(Duration::from_millis(200));
        (receiver.received().len() >= wanted).then_some(())
    })
    .await;
}
