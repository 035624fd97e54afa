//! Tenants, and the ways into them.

use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World, forge::claims, outbox::token_of, person::verify, rail::send,
};

use crate::{days, minutes};

/// A tenant of the shared world; made once, by whoever comes first.
async fn tenant(world: &World, id: &str) {
    let name = format!("Tenant {id}");
    let made = world.signalbox(&["admin", "create-tenant", "--id", id, "--name", &name]).await;
    assert!(made.code == 0 || made.err.contains("is taken"), "{made:?}");
}

/// Invites somebody: the token of the link.
async fn invite(world: &World, email: &str, tenant: &str, roles: &[&str]) -> String {
    let mut args = vec!["admin", "invite", "--email", email, "--tenant", tenant];
    for role in roles {
        args.extend(["--role", role]);
    }
    let made = world.signalbox(&args).await.json();
    assert_eq!((&made["email"], &made["tenantId"]), (&json!(email), &json!(tenant)));
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{}/invitation?token=", world.issuer())), "{link}");
    token_of(link).unwrap()
}

async fn accept(world: &World, person: &Person, invitation: &str) -> Answer {
    let mut body = person.registration();
    body["invitation"] = invitation.into();
    world.rail().post("/register", body).await
}

async fn sign_in_to(world: &World, person: &Person, tenant: &str) -> Answer {
    let request = world.rail().request("POST", "/login").header("x-tenant-id", tenant);
    send(request.json(&person.credentials())).await
}

async fn me(world: &World, session: &Session) -> Value {
    world.rail().call_as(&session.access, "GET", "/me").await.data(200)
}

#[tokio::test]
async fn who_is_invited_is_active_at_once_at_home_in_that_tenant_with_its_roles() {
    let world = World::shared().await;
    tenant(&world, "acme").await;
    let person = Person::new();
    let invitation = invite(&world, &person.email, "acme", &["clerk", "reader"]).await;
    assert_eq!(world.mailed_token(&person.email).await, invitation, "the link is mailed as well");
    let answer = accept(&world, &person, &invitation).await.data(201);
    assert_eq!(answer, json!({ "email": person.email, "status": "active" }));
    let session = world.sign_in(&person).await;
    let token = claims(&session.access);
    assert_eq!(
        (&token["tenant_id"], &token["roles"]),
        (&json!("acme"), &json!(["clerk", "reader"]))
    );
    let me = me(&world, &session).await;
    assert_eq!((&me["tenantId"], &me["roles"]), (&json!("acme"), &json!(["clerk", "reader"])));
    assert_eq!(me["emailVerified"], true);
    let own = json!([{ "id": "acme", "name": "Tenant acme", "roles": ["clerk", "reader"] }]);
    assert_eq!(me["tenants"], own);
}

#[tokio::test]
async fn who_has_an_account_joins_and_keeps_everything() {
    let world = World::shared().await;
    tenant(&world, "guild").await;
    let person = world.enrolled().await;
    let invitation = invite(&world, &person.email, "guild", &["guest"]).await;
    let stranger = Person::new().at(&person.email).called("Somebody Else");
    let answer = accept(&world, &stranger, &invitation).await.data(201);
    assert_eq!(answer, json!({ "email": person.email, "status": "active" }));
    let mails = world.mails(&person.email).await;
    assert_eq!(mails[0]["subject"], "You joined a tenant");

    // The password, the name and the factor are what they were.
    let rail = world.rail();
    rail.post("/login", stranger.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    let session = world.sign_in_with_backup_code(&person).await;
    let at_home = me(&world, &session).await;
    assert_eq!((&at_home["name"], &at_home["roles"]), (&json!(person.name), &json!([])));
    assert_eq!(at_home["tenantId"], "default");
    assert_eq!(claims(&session.access)["tenant_id"], "default");
    let both = json!([
        { "id": "default", "name": "Default", "roles": [] },
        { "id": "guild", "name": "Tenant guild", "roles": ["guest"] },
    ]);
    assert_eq!(at_home["tenants"], both);
}

#[tokio::test]
async fn a_tenant_named_at_sign_in_holds_for_the_session_and_its_refreshes() {
    let mut world = World::start().await;
    tenant(&world, "acme").await;
    tenant(&world, "other").await;
    let person = world.enrolled().await;
    let invitation = invite(&world, &person.email, "acme", &["clerk"]).await;
    drop(accept(&world, &person, &invitation).await.data(201));
    world.advance(minutes(1));
    let half = sign_in_to(&world, &person, "acme").await.data(200);
    let half = half["mfaToken"].as_str().unwrap();
    let proved = verify(&world.rail(), half, &person.code(&world)).await.data(200);
    assert_eq!(proved["user"]["roles"], json!(["clerk"]));
    let session = Session::of(&proved);
    let in_acme = |token: &str| {
        let token = claims(token);
        assert_eq!((&token["tenant_id"], &token["roles"]), (&json!("acme"), &json!(["clerk"])));
    };
    in_acme(&session.access);
    assert_eq!(me(&world, &session).await["tenantId"], "acme");

    let rail = world.rail();
    let call = async |tenant: &str| {
        let request = rail.request("GET", "/me").bearer_auth(&session.access);
        send(request.header("x-tenant-id", tenant)).await
    };
    drop(call("acme").await.data(200));
    for another in ["default", "other", "nowhere"] {
        call(another).await.refused(403, "FORBIDDEN");
    }
    let refresh_in = async |tenant: &str| {
        let body = json!({ "refreshToken": session.refresh });
        let request = rail.request("POST", "/refresh").json(&body);
        send(request.header("x-tenant-id", tenant)).await
    };
    refresh_in("default").await.refused(403, "FORBIDDEN");
    world.advance(minutes(2));
    // Nothing was spent by that.
    in_acme(&Session::of(&refresh_in("acme").await.data(200)).access);
}

#[tokio::test]
async fn whether_somebody_belongs_to_a_tenant_is_told_after_the_right_password_only() {
    let world = World::shared().await;
    tenant(&world, "closed").await;
    let person = world.person().await;
    let mut wrong = Vec::new();
    for tenant in ["closed", "default", "nowhere"] {
        let mut stranger = Person::new();
        for email in [&person.email, &stranger.email.clone()] {
            stranger.email.clone_from(email);
            stranger.password = "wrong guess".to_owned();
            let answer = sign_in_to(&world, &stranger, tenant).await;
            answer.refused(401, "INVALID_CREDENTIALS");
            wrong.push(answer.without_meta());
        }
    }
    assert!(wrong.iter().all(|one| *one == wrong[0]), "{wrong:#?}");
    sign_in_to(&world, &person, "closed").await.refused(403, "FORBIDDEN");
    sign_in_to(&world, &person, "nowhere").await.refused(403, "FORBIDDEN");
    drop(sign_in_to(&world, &person, "default").await.data(200));
}

#[tokio::test]
async fn a_tenant_that_is_none_is_named_as_the_header() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let rail = world.rail();
    for bad in ["", "Acme", "a b", "a/b", "../x", &"a".repeat(65)] {
        let answer = sign_in_to(&world, &person, bad).await;
        assert_eq!(answer.wrong_fields(), ["X-Tenant-ID"], "{bad:?}");
        let request = rail.request("GET", "/me").bearer_auth(&session.access);
        let answer = send(request.header("x-tenant-id", bad)).await;
        assert_eq!(answer.wrong_fields(), ["X-Tenant-ID"], "{bad:?}");
    }
    let twice = rail.request("POST", "/login").json(&person.credentials());
    let twice = twice.header("x-tenant-id", "default").header("x-tenant-id", "default");
    assert_eq!(send(twice).await.wrong_fields(), ["X-Tenant-ID"]);
    // The credential is judged first.
    let request = rail.request("GET", "/me").bearer_auth("nonsense").header("x-tenant-id", "A");
    send(request).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn an_invitation_is_for_its_address_and_tenant_and_good_once() {
    let world = World::shared().await;
    tenant(&world, "acme").await;
    let (rail, person) = (world.rail(), Person::new());
    let invitation = invite(&world, &person.email, "acme", &[]).await;
    let mut body = person.registration();
    body["invitation"] = invitation.clone().into();
    let with = |changes: Value| {
        let mut body = body.clone();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let rail = rail.clone();
        async move { rail.post("/register", body).await }
    };
    // What cannot be taken burns nothing.
    assert_eq!(with(json!({ "email": Person::new().email })).await.wrong_fields(), ["invitation"]);
    assert_eq!(with(json!({ "tenantId": "default" })).await.wrong_fields(), ["tenantId"]);
    assert_eq!(with(json!({ "password": "password123" })).await.wrong_fields(), ["password"]);
    assert_eq!(with(json!({ "name": "a\r\nb" })).await.wrong_fields(), ["name"]);
    for own in ["roles", "status", "role", "isAdmin"] {
        assert_eq!(with(json!({ own: ["admin"] })).await.wrong_fields(), [own]);
    }
    drop(with(json!({ "tenantId": "acme" })).await.data(201));
    assert_eq!(with(json!({})).await.wrong_fields(), ["invitation"]);
    let session = world.sign_in(&person).await;
    assert_eq!(me(&world, &session).await["roles"], json!([]));
}

#[tokio::test]
async fn an_invitation_dies_with_a_newer_one_for_the_same_address_and_tenant() {
    let world = World::shared().await;
    for id in ["acme", "guild"] {
        tenant(&world, id).await;
    }
    let person = Person::new();
    let older = invite(&world, &person.email, "acme", &["clerk"]).await;
    let elsewhere = invite(&world, &person.email, "guild", &["guest"]).await;
    let newer = invite(&world, &person.email.to_uppercase(), "acme", &["reader"]).await;
    assert_eq!(accept(&world, &person, &older).await.wrong_fields(), ["invitation"]);
    drop(accept(&world, &person, &newer).await.data(201));
    drop(accept(&world, &person, &elsewhere).await.data(201));
    let session = world.sign_in(&person).await;
    let tenants = me(&world, &session).await["tenants"].clone();
    let both = json!([
        { "id": "acme", "name": "Tenant acme", "roles": ["reader"] },
        { "id": "guild", "name": "Tenant guild", "roles": ["guest"] },
    ]);
    assert_eq!(tenants, both);
}

#[tokio::test]
async fn an_invitation_lives_three_days() {
    let mut world = World::start().await;
    tenant(&world, "acme").await;
    let (early, late) = (Person::new(), Person::new());
    let to_early = invite(&world, &early.email, "acme", &[]).await;
    let to_late = invite(&world, &late.email, "acme", &[]).await;
    world.advance(days(3) - minutes(5));
    drop(accept(&world, &early, &to_early).await.data(201));
    world.advance(minutes(6));
    assert_eq!(accept(&world, &late, &to_late).await.wrong_fields(), ["invitation"]);
    let page = world.rail().root("GET", &format!("/invitation?token={to_late}")).await;
    page.expect(400);
}

#[tokio::test]
async fn whoever_registered_an_invited_address_has_nothing_of_the_account() {
    let world = World::shared().await;
    tenant(&world, "acme").await;
    let squatter = Person::new().called("Mallory");
    let rail = world.rail();
    drop(rail.post("/register", squatter.registration()).await.data(201));
    let to_verify = world.mailed_token(&squatter.email).await;
    let owner = Person::new().at(&squatter.email);
    let invitation = invite(&world, &owner.email, "acme", &["clerk"]).await;
    drop(accept(&world, &owner, &invitation).await.data(201));
    rail.post("/login", squatter.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    let body = json!({ "token": to_verify });
    rail.post("/verify-email", body).await.refused(401, "INVALID_TOKEN");
    let session = world.sign_in(&owner).await;
    let me = me(&world, &session).await;
    assert_eq!((&me["name"], &me["tenantId"]), (&json!(owner.name), &json!("acme")));
    assert_eq!(me["roles"], json!(["clerk"]));
}

#[tokio::test]
async fn the_admin_role_is_given_in_the_default_tenant_alone() {
    let world = World::shared().await;
    for id in ["acme", "guild"] {
        tenant(&world, id).await;
    }
    let person = Person::new();
    let invite_admin = async |email: &str, tenant: &str| {
        let args = ["admin", "invite", "--email", email, "--tenant", tenant, "--role", "admin"];
        world.signalbox(&args).await
    };
    let refused = invite_admin(&person.email, "acme").await;
    assert_eq!((refused.code, refused.err.contains("--role")), (2, true), "{refused:?}");
    // Nor to somebody who is at home elsewhere.
    let invitation = invite(&world, &person.email, "acme", &["clerk"]).await;
    drop(accept(&world, &person, &invitation).await.data(201));
    let refused = invite_admin(&person.email, "default").await;
    assert_eq!((refused.code, refused.err.contains("--role")), (2, true), "{refused:?}");
    // An admin of the default tenant is none where they are a guest.
    let admin = Person::new();
    let made = invite_admin(&admin.email, "default").await.json();
    let token = token_of(made["link"].as_str().unwrap()).unwrap();
    drop(accept(&world, &admin, &token).await.data(201));
    let session = world.sign_in(&admin).await;
    assert_eq!(claims(&session.access)["roles"], json!(["admin"]));
    let invitation = invite(&world, &admin.email, "guild", &["guest"]).await;
    drop(accept(&world, &admin, &invitation).await.data(201));
    let in_guild = Session::of(&sign_in_to(&world, &admin, "guild").await.data(200));
    assert_eq!(claims(&in_guild.access)["roles"], json!(["guest"]));
    assert_eq!(me(&world, &in_guild).await["roles"], json!(["guest"]));
}

#[tokio::test]
async fn the_page_of_an_invitation_makes_an_account() {
    let world = World::shared().await;
    let shown = "Rook & <b>Sons</b>";
    let made = ["admin", "create-tenant", "--id", "rook", "--name", shown];
    drop(world.signalbox(&made).await.json());
    let (rail, person) = (world.rail(), Person::new());
    let invitation = invite(&world, &person.email, "rook", &["clerk"]).await;
    let path = format!("/invitation?token={invitation}");
    for _ in 0..3 {
        let page = rail.root("GET", &path).await;
        page.expect(200);
        assert!(page.text.contains("name=\"password\""), "{}", page.text);
        assert!(!page.text.contains("<b>") && page.text.contains("Rook &#38;"), "{}", page.text);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
    let mails = world.mails(&person.email).await;
    assert!(!mails[0]["html"].as_str().unwrap().contains("<b>"), "{mails:?}");
    let wrong = [("token", invitation.as_str()), ("name", ""), ("password", "password123")];
    let wrong = rail.form("/invitation", &wrong).await;
    assert!(wrong.expect(422).text.contains("name-problem"), "{}", wrong.text);
    assert!(!wrong.text.contains("password123"), "{}", wrong.text);
    let right = [
        ("token", invitation.as_str()),
        ("name", person.name.as_str()),
        ("password", person.password.as_str()),
    ];
    rail.form("/invitation", &right).await.expect(200);
    rail.form("/invitation", &right).await.expect(400);
    rail.root("GET", &path).await.expect(400);
    let session = world.sign_in(&person).await;
    assert_eq!(me(&world, &session).await["tenantId"], "rook");
}

#[tokio::test]
async fn the_page_of_an_invitation_asks_somebody_with_an_account_for_nothing() {
    let world = World::shared().await;
    tenant(&world, "guild").await;
    let (rail, person) = (world.rail(), world.person().await);
    let invitation = invite(&world, &person.email, "guild", &["guest"]).await;
    let page = rail.root("GET", &format!("/invitation?token={invitation}")).await;
    assert!(!page.expect(200).text.contains("password\""), "{}", page.text);
    for origin in ["https://evil.example", "null"] {
        let request = rail
            .request_root("POST", "/invitation")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin);
        send(request.body(format!("token={invitation}"))).await.expect(403);
    }
    // Whatever is sent along changes nothing.
    let fields = [("token", invitation.as_str()), ("password", "velvet harbour 27"), ("name", "X")];
    rail.form("/invitation", &fields).await.expect(200);
    let session = world.sign_in(&person).await;
    let me = me(&world, &session).await;
    assert_eq!(me["name"], person.name.as_str());
    assert_eq!(me["tenants"][1]["id"], "guild");
}
