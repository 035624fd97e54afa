//! Connected apps: what somebody let in, and how they put it out.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    Person, World,
    browser::Browser,
    edge::Edge,
    process::until,
    receiver::Receiver,
    relying_party::{RelyingParty, Tokens, has},
};

use super::call;
use crate::names;

const HOST: &str = "connected.localhost";

/// What somebody's connected apps are, by their ids.
async fn listed(world: &World, access: &str) -> Vec<Value> {
    let list = call(&world.rail(), access, "GET", "/apps").await.data(200);
    list.as_array().unwrap().clone()
}

fn ids(apps: &[Value]) -> Vec<&str> {
    apps.iter().map(|app| app["clientId"].as_str().unwrap()).collect()
}

async fn revoke(world: &World, access: &str, client: &RelyingParty) -> tests::Answer {
    call(&world.rail(), access, "DELETE", &format!("/apps/{}", client.id)).await
}

/// A client of somebody else's, which people are asked about.
async fn third_party(world: &World, more: Value) -> RelyingParty {
    let mut metadata = json!({ "first_party": false });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.confidential(metadata).await
}

/// Asks for every sign of life of these tokens, but at the edge.
async fn dead(client: &RelyingParty, tokens: &Tokens) {
    client.userinfo(&tokens.access).await.expect(401);
    for token in [&tokens.access, &tokens.refresh] {
        let told = client.introspect(token).await.json();
        assert_eq!(told, json!({ "active": false }));
    }
    let refused = client.refresh(&tokens.refresh).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("invalid_grant")));
}

async fn answers_at(edge: &Edge, token: &str, status: u16) {
    until(&format!("{status} at the edge"), Duration::from_secs(5), async || {
        (edge.get(HOST, "/", token).await.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_takes_back_a_consent_ends_every_token_of_it_everywhere() {
    let world = World::start().await;
    let base_url = format!("http://{HOST}:{}", world.edge().port());
    let site = json!({
        "site_key": "connected",
        "base_url": base_url,
        "hosts": [HOST],
        "upstreams": [world.upstream().await],
        "policy": { "require": "signed_in" },
    });
    world.create_site(&site).await;
    let client = third_party(&world, json!({ "audiences": [base_url] })).await;
    let (person, other) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    let tokens = client.tokens(&mut browser, &person, &[]).await;
    let newer = Tokens::of(&client.refresh(&tokens.refresh).await);
    let offline = client.sign_in(&mut browser, &person, "openid email offline_access").await;
    let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
    let of_other = client.tokens(&mut Browser::new(&world), &other, &[]).await;
    let edge = world.edge();
    for access in [&tokens.access, &newer.access, &offline.access, &of_other.access] {
        answers_at(&edge, access, 200).await;
    }

    let access = world.sign_in(&person).await.access;
    let apps = listed(&world, &access).await;
    assert_eq!(ids(&apps), [client.id.as_str()]);
    assert_eq!(
        names(&apps[0]),
        crate::set(["clientId", "name", "logo", "firstParty", "scopes", "since", "lastUsedAt"])
    );
    assert_eq!(apps[0]["name"], format!("Client {}", client.id));
    assert_eq!(apps[0]["scopes"], json!(["email", "offline_access", "openid"]));
    assert_eq!((&apps[0]["firstParty"], &apps[0]["logo"]), (&json!(false), &Value::Null));
    assert!(apps[0]["since"].is_string() && apps[0]["lastUsedAt"].is_string(), "{apps:?}");

    let told = revoke(&world, &access, &client).await.data(200);
    assert_eq!(told, json!({ "clientId": client.id, "revoked": true }));
    dead(&client, &newer).await;
    dead(&client, &offline).await;
    client.userinfo(&tokens.access).await.expect(401);
    let refused = client.redeem(&code).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("invalid_grant")));
    for access in [&tokens.access, &newer.access, &offline.access] {
        answers_at(&edge, access, 401).await;
    }
    assert_eq!(listed(&world, &access).await, [] as [Value; 0]);
    revoke(&world, &access, &client).await.refused(404, "NOT_FOUND");

    // The other person's stay, and so does this one's session: but what was allowed is asked anew.
    client.userinfo(&of_other.access).await.expect(200);
    answers_at(&edge, &of_other.access, 200).await;
    client.refresh(&of_other.refresh).await.expect(200);
    browser.get(&client.url(&[])).await;
    assert!(has(&browser, "decision") && !has(&browser, "password"), "{}", browser.answer().text);
    browser.submit(&[("decision", "allow")]).await;
    let anew = Tokens::of(&client.redeem(&browser.arrived()["code"]).await);
    client.userinfo(&anew.access).await.expect(200);
    answers_at(&edge, &anew.access, 200).await;
    client.refresh(&anew.refresh).await.expect(200);
    assert_eq!(ids(&listed(&world, &access).await), [client.id.as_str()]);
}

#[tokio::test]
async fn an_app_that_keeps_nothing_ends_with_its_consent_too() {
    let world = World::shared().await;
    let only_codes = json!({ "grant_types": ["authorization_code"] });
    let client = third_party(&world, only_codes).await;
    let person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    assert_eq!(tokens.refresh, "");
    client.userinfo(&tokens.access).await.expect(200);
    let access = world.sign_in(&person).await.access;
    assert_eq!(ids(&listed(&world, &access).await), [client.id.as_str()]);
    drop(revoke(&world, &access, &client).await.data(200));
    client.userinfo(&tokens.access).await.expect(401);
    assert_eq!(client.introspect(&tokens.access).await.json(), json!({ "active": false }));
    assert_eq!(listed(&world, &access).await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_app_of_the_operators_own_is_listed_while_it_holds_something_and_ends_like_others() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let tokens = client.sign_in(&mut browser, &person, "openid offline_access").await;
    let rail = world.rail();
    let access = world.sign_in(&person).await.access;
    let apps = listed(&world, &access).await;
    assert_eq!((ids(&apps), &apps[0]["firstParty"]), (vec![client.id.as_str()], &json!(true)));
    // The session of the grant is among the person's own, and goes with it; the browser's stays.
    let sessions = async || {
        let list = rail.call_as(&access, "GET", "/sessions").await.data(200);
        let list = list.as_array().unwrap();
        list.iter().map(|one| one["client"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(sessions().await.contains(&client.id));
    drop(revoke(&world, &access, &client).await.data(200));
    dead(&client, &tokens).await;
    assert_eq!(listed(&world, &access).await, [] as [Value; 0]);
    let left = sessions().await;
    assert!(!left.contains(&client.id) && left.len() == 2, "{left:?}");
    // Nobody is asked about it, and what it gets anew is good.
    let anew = client.tokens(&mut browser, &person, &[("prompt", "none")]).await;
    client.userinfo(&anew.access).await.expect(200);
    client.refresh(&anew.refresh).await.expect(200);
}

#[tokio::test]
async fn nobody_sees_or_puts_out_the_apps_of_another() {
    let world = World::shared().await;
    let client = third_party(&world, json!({})).await;
    let (ada, eve) = (world.person().await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &ada, &[]).await;
    let eve = world.sign_in(&eve).await.access;
    assert_eq!(listed(&world, &eve).await, [] as [Value; 0]);
    revoke(&world, &eve, &client).await.refused(404, "NOT_FOUND");
    for unknown in ["nobody", "rail", "%00", "a%2Fb", "x".repeat(4000).as_str()] {
        let answer = call(&world.rail(), &eve, "DELETE", &format!("/apps/{unknown}")).await;
        answer.refused(404, "NOT_FOUND");
    }
    // A token of the client is none of the account's.
    let path = format!("/apps/{}", client.id);
    let own = call(&world.rail(), &tokens.access, "DELETE", &path).await;
    own.refused(401, "INVALID_TOKEN");
    client.userinfo(&tokens.access).await.expect(200);
    client.refresh(&tokens.refresh).await.expect(200);
}

#[tokio::test]
async fn an_app_that_is_put_out_is_told_that_its_session_is_over() {
    let world = World::plan().set("outgoing.allow_private", "127.0.0.0/8").start().await;
    let receiver = Receiver::start().await;
    let hears = json!({ "backchannel_logout_uri": receiver.url() });
    let (client, stays) =
        (third_party(&world, hears.clone()).await, third_party(&world, hears).await);
    let person = world.person().await;
    let (mut first, mut second) = (Browser::new(&world), Browser::new(&world));
    let plain = client.sign_in(&mut first, &person, "openid").await;
    let offline = client.sign_in(&mut second, &person, "openid offline_access").await;
    let other = stays.sign_in(&mut first, &person, "openid").await;
    assert_ne!(plain.sid(), offline.sid());
    let access = world.sign_in(&person).await.access;
    drop(revoke(&world, &access, &client).await.data(200));
    for tokens in [&plain, &offline] {
        let told = receiver.told_of(&tokens.sid()).await;
        assert_eq!(told["aud"], client.id.as_str());
    }
    world.mail_has_left().await;
    let of_the_other = receiver.told();
    assert!(of_the_other.iter().all(|claims| claims["aud"] != stays.id.as_str()));
    stays.refresh(&other.refresh).await.expect(200);
    // When the browser's session ends the one that stayed hears of it, and the other no more.
    let count = receiver.received().len();
    first.get("/end_session").await;
    first.submit(&[("decision", "logout")]).await.answer.expect(200);
    receiver.count(count + 1).await;
    world.mail_has_left().await;
    assert_eq!(receiver.received().len(), count + 1);
    assert!(receiver.told().iter().any(|claims| claims["aud"] == stays.id.as_str()));
}

#[tokio::test]
async fn an_app_that_is_put_out_while_it_refreshes_stays_out() {
    let world = World::plan().replicas().start().await;
    let client = third_party(&world, json!({})).await;
    let person = world.person().await;
    let tokens = client.sign_in(&mut Browser::new(&world), &person, "openid offline_access").await;
    let access = world.sign_in(&person).await.access;
    let refreshes = async {
        let mut newest = tokens.clone();
        let mut given = vec![newest.access.clone()];
        for _ in 0..200 {
            let answer = client.refresh(&newest.refresh).await;
            if answer.status != 200 {
                break;
            }
            newest = Tokens::of(&answer);
            given.push(newest.access.clone());
        }
        (newest, given)
    };
    let ((newest, given), put_out) = tokio::join!(refreshes, revoke(&world, &access, &client));
    drop(put_out.data(200));
    dead(&client, &newest).await;
    assert!(given.len() < 200, "it was never put out");
    let alive = join_all(given.iter().map(|access| client.userinfo(access))).await;
    assert!(alive.iter().all(|answer| answer.status == 401));
    assert_eq!(listed(&world, &access).await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_app_is_named_by_its_id_whatever_is_in_that() {
    let world = World::shared().await;
    let id = "https://app.example.com/~a b?c=d&e;f#g";
    let metadata = json!({
        "client_id": id,
        "client_name": "Client of an awkward name",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [tests::relying_party::REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid",
        "first_party": true,
    });
    let file = world.dir().join("awkward.json");
    std::fs::write(&file, metadata.to_string()).unwrap();
    let made = ["admin", "create-client", "--from-json", file.to_str().unwrap()];
    let client = RelyingParty::of(&world, &metadata, world.signalbox(&made).await.json());
    let person: Person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let access = world.sign_in(&person).await.access;
    assert_eq!(ids(&listed(&world, &access).await), [id]);
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let put_out = call(&world.rail(), &access, "DELETE", &format!("/apps/{encoded}")).await;
    assert_eq!(put_out.data(200)["clientId"], id);
    let refused = client.refresh(&tokens.refresh).await;
    assert_eq!(refused.json()["error"], "invalid_grant");
}
