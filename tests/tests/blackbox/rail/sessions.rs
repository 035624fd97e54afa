//! The caller's own sessions, and themselves.

use serde_json::json;
use tests::{World, forge::claims, person::refresh, rail::send};

use crate::{ends_at_the_edge, names, set};

#[tokio::test]
async fn sessions_are_listed_with_everything_the_owner_should_know() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let body = person.credentials();
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let login = rail.request("POST", "/login").header("user-agent", firefox).json(&body);
    drop(send(login).await.data(200));
    let here = world.sign_in(&person).await;
    let list = rail.call_as(&here.access, "GET", "/sessions").await.data(200);
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    for session in list {
        assert_eq!(
            names(session),
            set([
                "id",
                "current",
                "createdAt",
                "lastActiveAt",
                "expiresAt",
                "ip",
                "userAgent",
                "device",
                "client",
                "amr"
            ])
        );
        assert_eq!((&session["ip"], &session["client"]), (&json!("127.0.0.1"), &json!("rail")));
        assert_eq!(session["amr"], json!(["pwd"]));
    }
    let current: Vec<_> = list.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], claims(&here.access)["sid"]);
    let other = list.iter().find(|session| session["current"] == false).unwrap();
    assert_eq!(other["userAgent"], firefox);
    assert_eq!(other["device"], "Firefox on Linux");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    for _ in 0..4 {
        world.sign_in(&person).await;
    }
    let here = world.sign_in(&person).await;
    let page =
        async |query: &str| rail.call_as(&here.access, "GET", &format!("/sessions{query}")).await;
    let first = page("?perPage=2").await;
    assert_eq!(first.data(200).as_array().unwrap().len(), 2);
    assert_eq!(
        first.json()["pagination"],
        json!({ "page": 1, "perPage": 2, "total": 5, "totalPages": 3, "hasMore": true })
    );
    let last = page("?perPage=2&page=3").await;
    assert_eq!(last.data(200).as_array().unwrap().len(), 1);
    assert_eq!(last.json()["pagination"]["hasMore"], false);
    assert_eq!(page("?page=9").await.data(200), json!([]));
    for (query, field) in [
        ("?perPage=0", "perPage"),
        ("?perPage=101", "perPage"),
        ("?perPage=x", "perPage"),
        ("?page=0", "page"),
        ("?page=-1", "page"),
        ("?page=99999999999999999999", "page"),
    ] {
        assert_eq!(page(query).await.wrong_fields(), [field], "{query}");
    }
}

#[tokio::test]
async fn a_revoked_session_is_over_everywhere() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let gone = world.sign_in(&person).await;
    let here = world.sign_in_with_backup_code(&person).await;
    world.edge().demo(&gone.access).await.expect(200);
    let path = format!("/sessions/{}", claims(&gone.access)["sid"].as_str().unwrap());
    drop(rail.call_as(&here.access, "DELETE", &path).await.data(200));
    ends_at_the_edge(&world.edge(), &gone.access).await;
    rail.call_as(&gone.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    refresh(&rail, &gone.refresh).await.refused(401, "INVALID_TOKEN");
    rail.call_as(&here.access, "DELETE", &path).await.refused(404, "NOT_FOUND");
    // And this one goes on.
    drop(rail.call_as(&here.access, "GET", "/me").await.data(200));
    world.edge().demo(&here.access).await.expect(200);
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() {
    let world = World::shared().await;
    let rail = world.rail();
    let (victim, mallory) = (world.person().await, world.person().await);
    let (theirs, own) = (world.sign_in(&victim).await, world.sign_in(&mallory).await);
    let sid = claims(&theirs.access)["sid"].as_str().unwrap().to_owned();
    for id in [sid.as_str(), "0199ffff-0000-7000-8000-000000000000", "nonsense", "%00", "a b"] {
        let path = format!("/sessions/{id}");
        rail.call_as(&own.access, "DELETE", &path).await.refused(404, "NOT_FOUND");
    }
    drop(rail.call_as(&theirs.access, "GET", "/me").await.data(200));
    let list = rail.call_as(&own.access, "GET", "/sessions").await.data(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn all_other_sessions_can_be_ended_at_once() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let others = [world.sign_in(&person).await, world.sign_in(&person).await];
    let here = world.sign_in(&person).await;
    let answer = rail.call_as(&here.access, "DELETE", "/sessions").await;
    assert!((200..300).contains(&answer.status), "{}", answer.text);
    for other in &others {
        rail.call_as(&other.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
        refresh(&rail, &other.refresh).await.refused(401, "INVALID_TOKEN");
    }
    let list = rail.call_as(&here.access, "GET", "/sessions").await.data(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_log_out_ends_every_token_of_the_session() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    world.edge().demo(&session.access).await.expect(200);
    drop(rail.post_as(&session.access, "/logout", json!({})).await.data(200));
    ends_at_the_edge(&world.edge(), &session.access).await;
    rail.call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    rail.post_as(&session.access, "/logout", json!({})).await.refused(401, "INVALID_TOKEN");
    refresh(&rail, &session.refresh).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_log_out_needs_no_body() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    drop(rail.call_as(&session.access, "POST", "/logout").await.data(200));
}

#[tokio::test]
async fn everybody_sees_themselves() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let me = rail.call_as(&session.access, "GET", "/me").await.data(200);
    assert_eq!(me["id"], session.user_id.as_str());
    assert_eq!(me["id"], claims(&session.access)["sub"]);
    assert_eq!((&me["email"], &me["name"]), (&json!(person.email), &json!(person.name)));
    assert_eq!((&me["status"], &me["emailVerified"]), (&json!("active"), &json!(true)));
    assert_eq!(me["roles"], json!([]));
    let text = me.to_string();
    for secret in ["assword", "argon2", "secret", "hash"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
