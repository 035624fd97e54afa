use axum::body::{Body, to_bytes};
use http::{Request, header};
use jwks::Time;
use serde_json::json;
use tower::ServiceExt;
use url::form_urlencoded;

use crate::{
    auth::registration::new_user,
    config::Config,
    domain::{
        audit::Action,
        login::normalise_address,
        user::{User, UserStatus},
    },
    oauth::ground::Ground,
    router::router,
};

const PASSWORD: &str = "gravel 9f3c lantern";
/// Guesses at one account.
const BUDGET: u32 = 3;

/// All that a browser is sent.
type Sent = (u16, Vec<(String, String)>, String);

/// Somebody with this password.
async fn account(ground: &Ground, address: &str, status: UserStatus) {
    let now = ground.app.clock.now();
    let hash = ground.app.hasher.hash(PASSWORD).await.unwrap();
    let verified = (status != UserStatus::Pending).then_some(Time::from_secs(1));
    let user = User {
        status,
        email_verified_at: verified,
        ..new_user(normalise_address(address).unwrap(), "Ada", Some(hash), now)
    };
    let event = ground.origin.event(Action::UserCreated, Some(&user), now, json!({}));
    ground.app.identity.create_user(&user, &[], &[], false, &event).await.unwrap();
}

/// Posts the page, as a browser that has seen it before. What was typed is shown as `LOGIN`.
async fn sign_in(ground: &Ground, login: &str, password: &str) -> Sent {
    let pairs = [("username", login), ("password", password)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let request = Request::post("/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, "sb_forms=this-browser")
        .header("x-request-id", "one")
        .body(Body::from(body))
        .unwrap();
    let response = router(ground.app.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let fields = response.headers().iter().filter(|(name, _)| *name != header::RETRY_AFTER);
    let fields = fields
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let page = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(page.contains(login) && !page.contains(password), "{page}");
    (status, fields, page.replace(login, "LOGIN"))
}

#[tokio::test]
async fn the_page_shows_a_wrong_password_of_any_account_as_one_of_none() {
    let mut config = Config::default();
    config.limits.password_per_account = BUDGET;
    config.limits.password_per_network = 1000;
    let ground = Ground::with(config).await;
    // Names of one length: what was typed is shown again.
    let accounts = [
        ("active01@example.com", UserStatus::Active),
        ("pending1@example.com", UserStatus::Pending),
        ("disabled@example.com", UserStatus::Disabled),
        ("blocked1@example.com", UserStatus::Blocked),
    ];
    for (address, status) in accounts {
        account(&ground, address, status).await;
    }
    let wrong = "not the password";
    let tries = [
        ("unknown1@example.com", wrong),
        ("active01@example.com", wrong),
        ("pending1@example.com", wrong),
        ("disabled@example.com", wrong),
        ("blocked1@example.com", wrong),
        // The right one of an account that may not sign in is as wrong.
        ("disabled@example.com", PASSWORD),
        ("blocked1@example.com", PASSWORD),
    ];
    let mut seen = Vec::new();
    for (login, password) in tries {
        seen.push(sign_in(&ground, login, password).await);
    }
    assert_eq!(seen[0].0, 422);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    // A pending account is named after the right password alone (rule 20).
    let pending = sign_in(&ground, "pending1@example.com", PASSWORD).await;
    assert_ne!(pending.2, seen[0].2);

    // Whose budget is used up is told alike, whoever it is.
    let mut locked = Vec::new();
    for (login, _) in &tries[..5] {
        for _ in 0..BUDGET {
            sign_in(&ground, login, wrong).await;
        }
        for password in [wrong, PASSWORD] {
            locked.push(sign_in(&ground, login, password).await);
        }
    }
    assert_eq!(locked[0].0, 429);
    assert!(locked.iter().all(|one| *one == locked[0]), "{locked:#?}");
}
