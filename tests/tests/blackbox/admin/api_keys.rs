//! API keys of people, as admins keep them.

use serde_json::{Value, json};
use tests::{Session, World};

use super::{admin, call, id_of, refuses_whoever_is_no_admin};
use crate::{
    account::{self, api_keys::site_with_keys},
    minutes, names, set,
};

const PATH: &str = "/api-keys";

fn wanted(owner: &str, site_key: &str) -> Value {
    json!({ "userId": owner, "name": "Nightly export", "scopes": ["read"], "sites": [site_key] })
}

async fn somebody(world: &World) -> (Session, String) {
    let session = world.sign_in(&world.person().await).await;
    let id = id_of(world, &session).await;
    (session, id)
}

async fn own_keys(world: &World, session: &Session) -> Value {
    account::call(&world.rail(), &session.access, "GET", PATH).await.data(200)
}

#[tokio::test]
async fn an_admin_makes_a_key_for_somebody_who_is_told_and_revokes_it() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-by-admin", json!({})).await;
    let admin = admin(&world).await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let owner = id_of(&world, &session).await;
    let mut body = wanted(&owner, "keys-by-admin");
    body["networks"] = json!(["office"]);
    let wrong = call(&world, &admin.access, "POST", PATH, body.clone()).await;
    assert_eq!(wrong.wrong_fields(), ["networks"]);
    assert!(wrong.text.contains("`office` is neither"), "{}", wrong.text);
    body["networks"] = json!(["192.0.2.7"]);
    let post = call(&world, &admin.access, "POST", PATH, body).await;
    assert_eq!(post.header("cache-control"), "no-store");
    let made = post.data(201);
    let members = [
        "id",
        "name",
        "scopes",
        "sites",
        "networks",
        "createdAt",
        "expiresAt",
        "lastUsedAt",
        "userId",
        "apiKey",
    ];
    assert_eq!(names(&made), set(members));
    assert_eq!(made["userId"], owner.as_str());
    assert_eq!(made["networks"], json!(["192.0.2.7/32"]));
    let key = made["apiKey"].as_str().unwrap();
    assert!(key.starts_with("sbk_"), "{key}");

    let mails = world.mails(&person.email).await;
    assert_eq!(mails[0]["subject"], "An administrator made an API key");
    let text = mails[0]["text"].as_str().unwrap();
    for part in ["Nightly export", "keys-by-admin", "until"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!mails[0].to_string().contains("sbk_"));
    // It is one of theirs, and they see who made it.
    assert_eq!(own_keys(&world, &session).await[0]["id"], made["id"]);
    let activity = account::call(&world.rail(), &session.access, "GET", "/activity").await;
    let newest = activity.data(200)[0].clone();
    assert_eq!(
        (&newest["event"], &newest["by"], &newest["ip"]),
        (&json!("auth.api_key.created"), &json!("other"), &Value::Null)
    );

    let list = format!("{PATH}?userId={owner}");
    let listed = call(&world, &admin.access, "GET", &list, Value::Null).await;
    assert!(!listed.text.contains(key), "{}", listed.text);
    let mut without = made.clone();
    without.as_object_mut().unwrap().remove("apiKey");
    assert_eq!(listed.data(200), json!([without]));

    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let waiting = format!("{path}?wait=edges");
    let gone = call(&world, &admin.access, "DELETE", &waiting, Value::Null).await.data(200);
    assert_eq!(gone, json!({ "id": made["id"], "revoked": true }));
    call(&world, &admin.access, "DELETE", &path, Value::Null).await.refused(404, "NOT_FOUND");
    assert_eq!(own_keys(&world, &session).await, json!([]));
}

#[tokio::test]
async fn a_key_that_an_admin_makes_is_good_where_its_owner_may_enter_and_nowhere_else() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-of-clerks", json!({ "allow": { "roles": ["clerk"] } })).await;
    let admin = admin(&world).await;
    let (_, owner) = somebody(&world).await;
    let post = async |body| call(&world, &admin.access, "POST", PATH, body).await;
    // The admin may enter what they like: the key is not theirs.
    assert_eq!(post(wanted(&owner, "keys-of-clerks")).await.wrong_fields(), ["sites"]);
    assert_eq!(post(wanted(&owner, "nowhere")).await.wrong_fields(), ["sites"]);
    let nobody = "0199ffff-0000-7000-8000-000000000000";
    assert_eq!(post(wanted(nobody, "keys-of-clerks")).await.wrong_fields(), ["userId"]);
    assert_eq!(post(wanted("me", "keys-of-clerks")).await.wrong_fields(), ["userId"]);
    let path = format!("/users/{owner}");
    let held = call(&world, &admin.access, "GET", &path, Value::Null).await.data(200);
    let clerk = json!({ "roles": ["clerk"], "version": held["version"] });
    let held = call(&world, &admin.access, "PATCH", &path, clerk).await.data(200);
    post(wanted(&owner, "keys-of-clerks")).await.expect(201);
    // For who may not sign in none is made.
    let stop = json!({ "status": "disabled", "version": held["version"] });
    call(&world, &admin.access, "PATCH", &path, stop).await.expect(200);
    post(wanted(&owner, "keys-of-clerks")).await.refused(409, "CONFLICT");
}

#[tokio::test]
async fn a_key_for_somebody_asks_for_a_fresh_proof_of_the_admin() {
    let mut world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let admin = admin(&world).await;
    let (_, owner) = somebody(&world).await;
    world.advance(minutes(6));
    let refused = call(&world, &admin.access, "POST", PATH, wanted(&owner, "keys")).await;
    assert_eq!(refused.error(403, "STEP_UP_REQUIRED")["maxAge"], 300);
    // To list keys and to revoke one takes none.
    call(&world, &admin.access, "GET", PATH, Value::Null).await.expect(200);
    let path = format!("{PATH}/{owner}");
    call(&world, &admin.access, "DELETE", &path, Value::Null).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn keys_of_everybody_are_listed_in_pages() {
    let world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let admin = admin(&world).await;
    let mut made = Vec::new();
    let owners = [somebody(&world).await.1, somebody(&world).await.1];
    for owner in [&owners[0], &owners[1], &owners[0]] {
        let key = call(&world, &admin.access, "POST", PATH, wanted(owner, "keys")).await.data(201);
        made.insert(0, key["id"].clone());
    }
    let list = async |query: String| {
        let path = format!("{PATH}?{query}");
        let answer = call(&world, &admin.access, "GET", &path, Value::Null).await;
        let total = answer.json()["pagination"]["total"].clone();
        let data = answer.data(200);
        let ids: Vec<Value> =
            data.as_array().unwrap().iter().map(|key| key["id"].clone()).collect();
        (ids, total)
    };
    assert_eq!(list(String::new()).await, (made.clone(), json!(3)));
    assert_eq!(list("perPage=2&page=2".to_owned()).await, (made[2..].to_vec(), json!(3)));
    let after = format!("perPage=1&after={}", made[0].as_str().unwrap());
    assert_eq!(list(after).await, (made[1..2].to_vec(), json!(2)));
    let of = format!("userId={}", owners[1]);
    assert_eq!(list(of).await, (made[1..2].to_vec(), json!(1)));
    for query in ["userId=me", "after=1"] {
        let path = format!("{PATH}?{query}");
        call(&world, &admin.access, "GET", &path, Value::Null).await.expect(422);
    }
}

#[tokio::test]
async fn keys_of_others_are_kept_by_admins_with_a_second_factor_alone() {
    let world = World::shared().await;
    let some = format!("{PATH}/0199ffff-0000-7000-8000-000000000000");
    let rows = [("GET", PATH.to_owned()), ("POST", PATH.to_owned()), ("DELETE", some)];
    refuses_whoever_is_no_admin(&world, "nobody-keeps-keys", &rows).await;
}
