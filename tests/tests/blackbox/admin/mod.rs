//! What admins do: `/api/v1/admin`.

mod api_keys;
mod users;

use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    browser::Browser,
    rail::send,
    relying_party::{Tokens, through},
};

use crate::account::{
    self,
    api_keys::{site_with_keys, wanted},
};

/// Calls an endpoint of the admin surface with a bearer.
async fn call(world: &World, bearer: &str, method: &str, path: &str, body: Value) -> Answer {
    let path = format!("/api/v1/admin{path}");
    let request = world.rail().request_root(method, &path).bearer_auth(bearer);
    send(if body.is_null() { request } else { request.json(&body) }).await
}

/// An admin who has just proved a second factor.
async fn admin(world: &World) -> Session {
    world.sign_in(&world.admin().await).await
}

/// The id of the person whose session it is.
async fn id_of(world: &World, session: &Session) -> String {
    let me = world.rail().call_as(&session.access, "GET", "/me").await.data(200);
    me["id"].as_str().unwrap().to_owned()
}

/// An admin who has no second factor yet.
async fn bare_admin(world: &World) -> Session {
    let person = Person::new();
    let args = ["admin", "create-user", "--email", &person.email, "--role", "admin"];
    let args = [&args[..], &["--password-stdin", "--active"]].concat();
    drop(world.signalbox_with_input(&args, &person.password).await.json());
    world.sign_in(&person).await
}

/// Nobody gets in but admins who show a second factor here: neither with less of a role nor with less of a
/// proof, nor with what they were given for elsewhere.
async fn refuses_whoever_is_no_admin(world: &World, site_key: &str, rows: &[(&str, String)]) {
    site_with_keys(world, site_key, json!({})).await;
    let theirs = world.sign_in(&world.enrolled().await).await;
    let bare = bare_admin(world).await;
    let admin = world.admin().await;
    let client = world.relying_party(json!({})).await;
    let mut browser = Browser::new(world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&admin).await;
    browser.submit(&[("code", &admin.code(world))]).await;
    let arrived = through(&mut browser, &admin).await;
    let of_a_client = Tokens::of(&client.redeem(&arrived["code"]).await);
    let session = world.sign_in_with_backup_code(&admin).await;
    let key = account::post(&world.rail(), &session.access, "/api-keys", &wanted(site_key)).await;
    let key = key.data(201)["apiKey"].as_str().unwrap().to_owned();
    for (method, path) in rows {
        let whole = format!("/api/v1/admin{path}");
        world.rail().root(method, &whole).await.refused(401, "UNAUTHORIZED");
        let by_key = world.rail().request_root(method, &whole).header("x-api-key", &key);
        send(by_key).await.refused(401, "UNAUTHORIZED");
        for (bearer, status, code) in [
            (&theirs.access, 403, "FORBIDDEN"),
            (&bare.access, 403, "STEP_UP_REQUIRED"),
            (&session.id, 401, "INVALID_TOKEN"),
            (&session.refresh, 401, "INVALID_TOKEN"),
            (&of_a_client.access, 401, "INVALID_TOKEN"),
            (&key, 401, "INVALID_TOKEN"),
        ] {
            let answer = call(world, bearer, method, path, Value::Null).await;
            answer.refused(status, code);
        }
    }
}
