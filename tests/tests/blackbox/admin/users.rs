//! People, as admins keep them.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Answer, Person, Session, World, forge::claims, rail::send};

use super::{admin, call, id_of, refuses_whoever_is_no_admin};
use crate::{
    account::{self, api_keys::site_with_keys},
    ends_at_the_edge, names, set,
};

const PATH: &str = "/users";

async fn list(world: &World, admin: &Session, query: &str) -> Answer {
    call(world, &admin.access, "GET", &format!("{PATH}?{query}"), Value::Null).await
}

async fn shown(world: &World, admin: &Session, id: &str) -> Value {
    call(world, &admin.access, "GET", &format!("{PATH}/{id}"), Value::Null).await.data(200)
}

/// Changes an account in the version that it has now.
async fn change(world: &World, admin: &Session, id: &str, mut wanted: Value) -> Answer {
    wanted["version"] = shown(world, admin, id).await["version"].clone();
    call(world, &admin.access, "PATCH", &format!("{PATH}/{id}"), wanted).await
}

/// What happened to somebody, newest first.
async fn activity(world: &World, session: &Session) -> Vec<Value> {
    let list = account::call(&world.rail(), &session.access, "GET", "/activity").await.data(200);
    list.as_array().unwrap().clone()
}

async fn tenant(world: &World, id: &str) {
    let made = world.signalbox(&["admin", "create-tenant", "--id", id, "--name", id]).await;
    assert_eq!(made.code, 0, "{made:?}");
}

#[tokio::test]
async fn an_account_is_made_with_a_password_and_signs_in() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    let person = Person::new();
    let wanted = json!({
        "email": person.email, "name": person.name, "password": person.password,
        "roles": ["reader", "clerk", "reader"], "active": true,
    });
    let made = call(&world, &admin.access, "POST", PATH, wanted.clone()).await;
    let account = made.data(201);
    assert_eq!(made.header("etag"), format!("\"{}\"", account["version"]));
    let members = [
        "id",
        "email",
        "emailVerified",
        "username",
        "name",
        "status",
        "tenantId",
        "roles",
        "hasPassword",
        "createdAt",
        "updatedAt",
        "lastLoginAt",
        "version",
    ];
    assert_eq!(names(&account), set(members));
    assert_eq!((&account["status"], &account["tenantId"]), (&json!("active"), &json!("default")));
    assert_eq!(account["roles"], json!(["clerk", "reader"]));
    let session = world.sign_in(&person).await;
    assert_eq!(claims(&session.access)["roles"], json!(["clerk", "reader"]));
    let id = account["id"].as_str().unwrap();
    assert_eq!(id_of(&world, &session).await, id);
    // Its owner sees that somebody else made it, and not from where.
    let made = activity(&world, &session).await.pop().unwrap();
    assert_eq!((&made["event"], &made["by"]), (&json!("auth.user.created"), &json!("other")));
    assert_eq!(made["ip"], Value::Null);

    call(&world, &admin.access, "POST", PATH, wanted).await.refused(409, "CONFLICT");
    let answer = call(&world, &admin.access, "GET", &format!("{PATH}/{id}"), Value::Null).await;
    assert!(!answer.text.contains("argon2"), "{}", answer.text);
    assert!(answer.data(200)["lastLoginAt"].is_string());
}

#[tokio::test]
async fn who_is_invited_chooses_a_password_and_is_what_the_admin_said() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    tenant(&world, "invited-by-admin").await;
    let person = Person::new();
    let wanted = json!({
        "email": person.email, "name": "As The Admin Says", "roles": ["clerk"],
        "tenantId": "invited-by-admin", "invite": true,
    });
    let made = call(&world, &admin.access, "POST", PATH, wanted).await.data(201);
    assert_eq!((&made["status"], &made["hasPassword"]), (&json!("pending"), &json!(false)));
    assert!(made["invitationExpiresAt"].is_string(), "{made}");
    let mut body = person.registration();
    body["invitation"] = world.mailed_token(&person.email).await.into();
    drop(world.rail().post("/register", body).await.data(201));
    let session = world.sign_in(&person).await;
    let token = claims(&session.access);
    assert_eq!(
        (&token["tenant_id"], &token["roles"], &token["name"]),
        (&json!("invited-by-admin"), &json!(["clerk"]), &json!("As The Admin Says"))
    );
    let account = shown(&world, &admin, made["id"].as_str().unwrap()).await;
    assert_eq!((&account["status"], &account["emailVerified"]), (&json!("active"), &json!(true)));
}

#[tokio::test]
async fn what_is_no_account_is_named_field_by_field() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    tenant(&world, "no-admins").await;
    let post = async |body| call(&world, &admin.access, "POST", PATH, body).await;
    let good = json!({ "email": Person::new().email });
    for (field, value) in [
        ("email", json!("ada")),
        ("name", json!("\u{7}")),
        ("username", json!("ada@example.com")),
        ("roles", json!(["two words"])),
        ("roles", json!([1])),
        ("tenantId", json!("nowhere")),
        ("password", json!("short")),
        ("status", json!("active")),
        ("emailVerified", json!(true)),
        ("email_verified", json!(true)),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        assert_eq!(post(wrong).await.wrong_fields(), [field], "{field}");
    }
    let elsewhere = json!({ "email": good["email"], "tenantId": "no-admins", "roles": ["admin"] });
    assert_eq!(post(elsewhere).await.wrong_fields(), ["roles"]);
    let password = Person::new().password;
    for also in [json!({ "active": true }), json!({ "password": password })] {
        let mut wrong = good.clone();
        wrong["invite"] = true.into();
        wrong.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        assert_eq!(post(wrong).await.wrong_fields(), ["invite"]);
    }
    post(good).await.expect(201);
}

#[tokio::test]
async fn people_are_listed_and_found_in_pages() {
    let world = World::start().await;
    let admin = admin(&world).await;
    let mut made = Vec::new();
    for number in 0..5 {
        let email = format!("Page-{number}@example.com");
        let wanted =
            json!({ "email": email, "name": format!("Found {number}% _"), "active": true });
        let account = call(&world, &admin.access, "POST", PATH, wanted).await.data(201);
        made.insert(0, account);
    }
    let ids = |listed: &Value| -> Vec<Value> {
        listed.as_array().unwrap().iter().map(|account| account["id"].clone()).collect()
    };
    let expected: Vec<Value> = made.iter().map(|account| account["id"].clone()).collect();
    let first = list(&world, &admin, "search=page-&perPage=2").await;
    let page = first.json()["pagination"].clone();
    let first = first.data(200);
    assert_eq!(ids(&first), expected[..2]);
    assert_eq!((&page["total"], &page["hasMore"]), (&json!(5), &json!(true)));
    assert_eq!(first[0], made[0]);
    let second = list(&world, &admin, "search=page-&perPage=2&page=2").await.data(200);
    assert_eq!(ids(&second), expected[2..4]);
    // The same by the last one of the page before, whoever comes meanwhile.
    let after = expected[1].as_str().unwrap();
    let rest = list(&world, &admin, &format!("search=page-&perPage=2&after={after}")).await;
    assert_eq!(rest.json()["pagination"]["total"], 3);
    assert_eq!(ids(&rest.data(200)), expected[2..4]);

    for (query, found) in [
        ("search=FOUND%203", 1),
        ("search=%25%20_", 5),
        ("search=page-4%40example.com", 1),
        ("search=nobody", 0),
        ("search=page-&status=active", 5),
        ("search=page-&status=disabled", 0),
        // All of them, and the admin.
        ("search=", 6),
    ] {
        let listed = list(&world, &admin, query).await.data(200);
        assert_eq!(listed.as_array().unwrap().len(), found, "{query}");
    }
    for (query, field) in [
        ("status=gone", "status"),
        ("after=1", "after"),
        ("search=%00", "search"),
        ("perPage=101", "perPage"),
    ] {
        assert_eq!(list(&world, &admin, query).await.wrong_fields(), [field], "{query}");
    }
}

#[tokio::test]
async fn a_change_of_an_account_is_made_for_the_version_that_was_read_or_not_at_all() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    let session = world.sign_in(&world.person().await).await;
    let id = id_of(&world, &session).await;
    let path = format!("{PATH}/{id}");
    let held = shown(&world, &admin, &id).await;
    let version = held["version"].as_u64().unwrap();
    let patch = async |body| call(&world, &admin.access, "PATCH", &path, body).await;
    let named = |version: Value| json!({ "name": "Another Name", "version": version });
    assert_eq!(patch(json!({ "name": "Another Name" })).await.wrong_fields(), ["version"]);
    assert_eq!(patch(named(json!("1"))).await.wrong_fields(), ["version"]);
    patch(named(json!(version - 1))).await.refused(409, "CONFLICT");
    let changed = patch(named(json!(version))).await.data(200);
    assert_eq!((&changed["name"], &changed["roles"]), (&json!("Another Name"), &held["roles"]));
    patch(named(json!(version))).await.refused(409, "CONFLICT");
    let request = || world.rail().request_root("PATCH", &format!("/api/v1/admin{path}"));
    let with_tag = |tag: String| {
        let request = request().bearer_auth(&admin.access).header("if-match", tag);
        send(request.json(&json!({ "name": "By Its Tag" })))
    };
    with_tag(format!("\"{version}\"")).await.refused(409, "CONFLICT");
    with_tag(version.to_string()).await.expect(422);
    with_tag(format!("\"{}\"", changed["version"])).await.expect(200);
    // Nobody lost anything by another name.
    let me = world.rail().call_as(&session.access, "GET", "/me").await.data(200);
    assert_eq!(me["name"], "By Its Tag");
    let unknown = format!("{PATH}/0199ffff-0000-7000-8000-000000000000");
    for path in [unknown, format!("{PATH}/me")] {
        let answer = call(&world, &admin.access, "PATCH", &path, named(json!(1))).await;
        answer.refused(404, "NOT_FOUND");
        call(&world, &admin.access, "GET", &path, Value::Null).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn what_cannot_be_made_of_an_account_is_named() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    tenant(&world, "named-fields").await;
    let pending = Person::new();
    drop(world.rail().post("/register", pending.registration()).await.data(201));
    let found = list(&world, &admin, &format!("search={}", pending.email)).await.data(200);
    let pending = found[0]["id"].as_str().unwrap();
    let active = id_of(&world, &world.sign_in(&world.person().await).await).await;
    for (id, wanted, field) in [
        (active.as_str(), json!({ "name": null }), "name"),
        (&active, json!({ "name": " " }), "name"),
        (&active, json!({ "status": "gone" }), "status"),
        (&active, json!({ "status": null }), "status"),
        (&active, json!({ "status": "pending" }), "status"),
        (&active, json!({ "tenantId": "nowhere" }), "tenantId"),
        (&active, json!({ "tenantId": "named-fields", "roles": ["admin"] }), "roles"),
        (&active, json!({ "roles": ["two words"] }), "roles"),
        (&active, json!({ "email": "mallory@example.com" }), "email"),
        (&active, json!({ "emailVerified": true }), "emailVerified"),
        (&active, json!({ "password": "velvet harbour quince" }), "password"),
        // Whoever registered it never proved the address: nobody else does.
        (pending, json!({ "status": "active" }), "status"),
        (pending, json!({ "status": "blocked" }), "status"),
    ] {
        let answer = change(&world, &admin, id, wanted.clone()).await;
        assert_eq!(answer.wrong_fields(), [field], "{wanted}");
    }
    for status in ["pending", "disabled"] {
        let wanted = json!({ "status": status });
        let changed = change(&world, &admin, pending, wanted).await.data(200);
        assert_eq!(changed["status"], status);
    }
    // Nor does a command open it.
    let unblock = ["admin", "unblock", "--email", found[0]["email"].as_str().unwrap()];
    assert_eq!(world.signalbox(&unblock).await.code, 2);
    assert_eq!(shown(&world, &admin, pending).await["status"], "disabled");
}

#[tokio::test]
async fn a_command_makes_and_opens_accounts_as_the_api_does() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    tenant(&world, "by-command").await;
    let email = Person::new().email;
    let args = ["admin", "create-user", "--email", &email, "--active", "--tenant", "by-command"];
    let made = world.signalbox(&args).await.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(shown(&world, &admin, id).await["tenantId"], "by-command");
    let nowhere = ["admin", "create-user", "--email", "a@example.com", "--tenant", "nowhere"];
    assert_eq!(world.signalbox(&nowhere).await.code, 2);
    for status in ["disabled", "blocked"] {
        drop(change(&world, &admin, id, json!({ "status": status })).await.data(200));
        let unblock = ["admin", "unblock", "--email", &email];
        assert_eq!(world.signalbox(&unblock).await.json()["status"], "active");
        assert_eq!(shown(&world, &admin, id).await["status"], "active");
    }
}

#[tokio::test]
async fn who_is_disabled_has_nothing_left_and_signs_in_again_once_an_admin_says_so() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    site_with_keys(&world, "disabled-by-admin", json!({})).await;
    let person = world.enrolled().await;
    let device = world.trusted_device(&person).await;
    let session = world.sign_in_with_backup_code(&person).await;
    let id = id_of(&world, &session).await;
    let wanted = account::api_keys::wanted("disabled-by-admin");
    account::post(&world.rail(), &session.access, "/api-keys", &wanted).await.expect(201);
    world.edge().demo(&session.access).await.expect(200);
    let path = format!("{PATH}/{id}?wait=edges");
    let version = shown(&world, &admin, &id).await["version"].clone();
    let stop = json!({ "status": "disabled", "version": version });
    let stopped = call(&world, &admin.access, "PATCH", &path, stop).await.data(200);
    assert_eq!(stopped["status"], "disabled");
    // The edge has said that it knows.
    world.edge().demo(&session.access).await.expect(401);
    session.expect_over(&world).await;
    let rail = world.rail();
    rail.post("/login", person.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    let keys = format!("/api-keys?userId={id}");
    let listed = call(&world, &admin.access, "GET", &keys, Value::Null).await.data(200);
    assert_eq!(listed, json!([]));

    let open = json!({ "status": "active" });
    drop(change(&world, &admin, &id, open).await.data(200));
    // No device is trusted any more.
    let on_device = tests::person::on_device(&person, &device);
    let half = rail.post("/login", on_device).await.data(200);
    assert_eq!(half["mfaRequired"], true, "{half}");
    session.expect_over(&world).await;
}

#[tokio::test]
async fn who_loses_a_role_or_moves_signs_in_anew_and_who_gets_one_goes_on() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    tenant(&world, "moved-to").await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let id = id_of(&world, &session).await;
    let set = async |wanted: Value| change(&world, &admin, &id, wanted).await.data(200);
    assert_eq!(
        set(json!({ "roles": ["clerk", "reader"] })).await["roles"],
        json!(["clerk", "reader"])
    );
    world.edge().demo(&session.access).await.expect(200);
    let refreshed = tests::person::refresh(&world.rail(), &session.refresh).await.data(200);
    let access = refreshed["accessToken"].as_str().unwrap();
    assert_eq!(claims(access)["roles"], json!(["clerk", "reader"]));

    set(json!({ "roles": ["reader"] })).await;
    ends_at_the_edge(&world.edge(), access).await;
    world.rail().call_as(access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let session = world.sign_in_with_backup_code(&person).await;
    assert_eq!(claims(&session.access)["roles"], json!(["reader"]));
    // Who did it is another, and where they sit is nobody's to know.
    let done = &activity(&world, &session).await[1..3];
    let events: BTreeSet<&str> = done.iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert!(events.contains("auth.user.updated"), "{done:?}");
    for row in done.iter().filter(|row| row["event"] == "auth.user.updated") {
        assert_eq!((&row["by"], &row["ip"]), (&json!("other"), &Value::Null));
    }

    let moved = set(json!({ "tenantId": "moved-to", "roles": null })).await;
    assert_eq!((&moved["tenantId"], &moved["roles"]), (&json!("moved-to"), &json!([])));
    session.expect_over(&world).await;
}

#[tokio::test]
async fn the_last_admin_neither_closes_nor_demotes_themselves() {
    let world = World::start().await;
    let ada = world.admin().await;
    let session = world.sign_in(&ada).await;
    let own = id_of(&world, &session).await;
    tenant(&world, "acme").await;
    let less = [
        json!({ "roles": [] }),
        json!({ "roles": null }),
        json!({ "status": "disabled" }),
        json!({ "status": "blocked" }),
        json!({ "tenantId": "acme", "roles": [] }),
    ];
    for wanted in &less {
        change(&world, &session, &own, wanted.clone()).await.refused(409, "CONFLICT");
    }
    drop(world.rail().call_as(&session.access, "GET", "/me").await.data(200));
    // Of two who close one another's accounts at once, one stays.
    let bob = world.sign_in(&world.admin().await).await;
    let theirs = id_of(&world, &bob).await;
    let both = [(&session, &theirs), (&bob, &own)];
    let closing = both.map(|(by, id)| change(&world, by, id, json!({ "status": "disabled" })));
    let statuses: Vec<u16> = join_all(closing).await.iter().map(|answer| answer.status).collect();
    assert!(statuses.contains(&200), "{statuses:?}");
    let mut left = 0;
    for session in [&session, &bob] {
        let answer = list(&world, session, "status=active").await;
        left += usize::from(answer.status == 200);
    }
    assert_eq!(left, 1, "{statuses:?}");
}

#[tokio::test]
async fn people_are_kept_by_admins_with_a_second_factor_alone() {
    let world = World::shared().await;
    let some = format!("{PATH}/0199ffff-0000-7000-8000-000000000000");
    let rows = [
        ("GET", PATH.to_owned()),
        ("POST", PATH.to_owned()),
        ("GET", some.clone()),
        ("PATCH", some),
    ];
    refuses_whoever_is_no_admin(&world, "nobody-keeps-people", &rows).await;
    // Nor does anybody's own account open by it.
    let session = world.sign_in(&world.enrolled().await).await;
    let own = format!("{PATH}/{}", id_of(&world, &session).await);
    let wanted = json!({ "roles": ["admin"], "version": 1 });
    call(&world, &session.access, "PATCH", &own, wanted).await.refused(403, "FORBIDDEN");
}
