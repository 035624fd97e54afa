//! What happened lately to an account, as its owner sees it.

use serde_json::{Value, json};
use tests::{Person, World, browser::Browser, rail::send};

use super::{api_keys, call, post};
use crate::{days, names, set};

async fn seen(world: &World, access: &str) -> Vec<Value> {
    let list = call(&world.rail(), access, "GET", "/activity?perPage=100").await.data(200);
    list.as_array().unwrap().clone()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// A time whose text sorts as it does: RFC 3339 leaves zeros at the end of a fraction out.
fn comparable(at: &Value) -> String {
    let at = at.as_str().unwrap().trim_end_matches('Z');
    let (second, fraction) = at.split_once('.').unwrap_or((at, ""));
    format!("{second}.{fraction:0<9}")
}

#[tokio::test]
async fn people_see_what_happened_to_their_account_newest_first() {
    let world = World::shared().await;
    api_keys::site_with_keys(&world, "keys-activity", json!({})).await;
    let client = world.confidential(json!({ "first_party": false })).await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let wrong = json!({ "email": person.email, "password": "a wrong password" });
    let tried = rail.request("POST", "/login").header("user-agent", agent).json(&wrong);
    send(tried).await.expect(401);
    let session = world.sign_in(&person).await;
    let key = api_keys::wanted("keys-activity");
    drop(post(&rail, &session.access, "/api-keys", &key).await.data(201));
    drop(client.tokens(&mut Browser::new(&world), &person, &[]).await);
    let path = format!("/apps/{}", client.id);
    drop(call(&rail, &session.access, "DELETE", &path).await.data(200));
    world.enrol(&mut person, &session).await;
    drop(rail.call_as(&session.access, "DELETE", "/sessions").await.data(200));

    let events = seen(&world, &session.access).await;
    assert_eq!(
        kinds(&events),
        [
            "auth.session.revoked",
            "auth.mfa.enabled",
            "oauth.consent.revoked",
            "oauth.consent.granted",
            "auth.login.success",
            "auth.api_key.created",
            "auth.login.success",
            "auth.login.failed",
            "auth.email.verified",
            "auth.user.created",
        ]
    );
    let members = [
        "id",
        "event",
        "at",
        "by",
        "ip",
        "userAgent",
        "device",
        "client",
        "site",
        "method",
        "name",
        "reason",
        "sessionId",
        "sessions",
    ];
    for event in &events {
        assert_eq!(names(event), set(members), "{event}");
        assert_eq!((&event["by"], &event["ip"]), (&json!("owner"), &json!("127.0.0.1")), "{event}");
    }
    let at: Vec<String> = events.iter().map(|event| comparable(&event["at"])).collect();
    assert!(at.is_sorted_by(|newer, older| newer >= older), "{at:?}");
    let failed = &events[7];
    assert_eq!(
        (&failed["device"], &failed["userAgent"]),
        (&json!("Firefox on Linux"), &json!(agent))
    );
    assert_eq!(failed["reason"], "password");
    let app = json!({ "id": client.id, "name": format!("Client {}", client.id) });
    assert_eq!((&events[2]["client"], &events[3]["client"]), (&app, &app));
    assert_eq!(events[1]["method"], "TOTP");
    assert_eq!(events[0]["sessions"], 1);
    assert!(events[6]["sessionId"].is_string());
    assert_eq!(events[5]["name"], "Nightly export");
}

#[tokio::test]
async fn nobody_sees_what_happened_to_another() {
    let world = World::shared().await;
    let (ada, eve) = (world.person().await, world.person().await);
    // What somebody tries at another's account is that one's to see.
    let wrong = json!({ "email": ada.email, "password": eve.password });
    world.rail().post("/login", wrong).await.expect(401);
    let ada = world.sign_in(&ada).await.access;
    let eve_signed_in = world.sign_in(&eve).await.access;
    let of_eve = seen(&world, &eve_signed_in).await;
    assert_eq!(kinds(&of_eve), ["auth.login.success", "auth.email.verified", "auth.user.created"]);
    let of_ada = seen(&world, &ada).await;
    assert_eq!(of_ada.len(), 4);
    let shared = of_ada.iter().filter(|event| of_eve.iter().any(|one| one["id"] == event["id"]));
    assert_eq!(shared.count(), 0);
}

#[tokio::test]
async fn what_an_operator_did_is_seen_without_where_they_sit() {
    let world = World::shared().await;
    let mut person = Person::new();
    let args = ["admin", "create-user", "--email", &person.email, "--password-stdin", "--active"];
    drop(world.signalbox_with_input(&args, &person.password).await.json());
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let events = seen(&world, &session.access).await;
    assert_eq!(kinds(&events), ["auth.mfa.enabled", "auth.login.success", "auth.user.created"]);
    assert_eq!((&events[2]["by"], &events[2]["ip"]), (&json!("other"), &Value::Null));
}

#[tokio::test]
async fn activity_comes_in_pages() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let mut access = String::new();
    for _ in 0..5 {
        access = world.sign_in(&person).await.access;
    }
    let all = seen(&world, &access).await;
    assert_eq!(all.len(), 7);
    let page = async |query: &str| {
        let answer = call(&rail, &access, "GET", &format!("/activity?{query}")).await;
        let whole = answer.expect(200).json();
        (whole["data"].as_array().unwrap().clone(), whole["pagination"].clone())
    };
    for (number, of_page) in (1..).zip(all.chunks(3)) {
        let (shown, told) = page(&format!("page={number}&perPage=3")).await;
        assert_eq!(shown, of_page);
        assert_eq!(
            told,
            json!({
                "page": number, "perPage": 3, "total": 7, "totalPages": 3, "hasMore": number < 3,
            })
        );
    }
    let (beyond, told) = page("page=4&perPage=3").await;
    assert_eq!((beyond.len(), &told["hasMore"]), (0, &json!(false)));
    let (far, _) = page("page=1000000&perPage=100").await;
    assert_eq!(far.len(), 0);
    for query in ["page=0", "perPage=101", "page=x"] {
        let answer = call(&rail, &access, "GET", &format!("/activity?{query}")).await;
        answer.refused(422, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn what_is_older_than_ninety_days_is_seen_no_more() {
    let mut world = World::start().await;
    let person = world.person().await;
    drop(world.sign_in(&person).await);
    world.advance(days(60));
    let access = world.sign_in(&person).await.access;
    assert_eq!(seen(&world, &access).await.len(), 4);
    world.advance(days(31));
    let access = world.sign_in(&person).await.access;
    let events = seen(&world, &access).await;
    assert_eq!(kinds(&events), ["auth.login.success", "auth.login.success"]);
}
