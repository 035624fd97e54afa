use std::time::Duration;

use futures_util::future::join_all;
use jwks::{
    cutoff::{CutOff, CutOffKind},
    policy::{Level, Policy, Require, WebAuthn},
    site::{Branding, Site, SiteStatus},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    auth::{errands, login, origin::RAIL, sessions::session_end},
    clock::new_id,
    config::Config,
    domain::{
        audit::Action,
        authorization::Code,
        client::{Client, ClientAuthMethod, Metadata},
        errand::Errand,
        secret::{OpaqueToken, TokenKind},
        session::{Proof, Session},
        tenant::{Membership, Tenant},
    },
    oauth::{
        OAuthError, OAuthResult,
        grants::{Issued, opening},
        ground::{Ground, claims, id, redemption, signed},
        revocation,
        userinfo::{Told, userinfo},
    },
    store::identity::{ClientChanged, NewPassword},
};

const ALL: &str = "openid profile email api";

fn is_refused(answer: OAuthResult<Issued>) -> bool {
    matches!(answer, Err(OAuthError::InvalidGrant(_)))
}

/// Ends a session as signing out does.
async fn sign_out(ground: &Ground, session: &Session) {
    let app = &ground.app;
    let now = app.clock.now();
    let event = ground.origin.event(Action::Logout, None, now, json!({}));
    app.identity.cut_off(&[session_end(app, session.sid, now)], &event).await.unwrap();
    app.sessions.close_session(session.user_id, session.sid).await.unwrap();
}

async fn revoke(ground: &Ground, client: &Client, token: &str) -> OAuthResult<()> {
    let params = signed(client, &[("token", token)]);
    revocation::revoke(&ground.app, &ground.origin, None, &params, "/revoke").await
}

#[tokio::test]
async fn a_code_gives_tokens_that_say_what_was_granted() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let user = ground.person().await;
    let session = ground.session(&user).await;
    let (token, code) = ground.code(&client, &session, ALL, |_| {}).await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    assert_eq!((issued.scope.as_str(), issued.expires_in), (ALL, 3600));

    let access = claims(&issued.access_token);
    assert_eq!(access["aud"], json!(ground.app.issuer));
    assert_eq!(access["client_id"], "app");
    assert_eq!(access["scope"], ALL);
    assert_eq!(id(&access["sub"]), user.id);
    assert_eq!(id(&access["sid"]), session.sid);
    assert_eq!(id(&access["grant_id"]), code.granted.grant_id);
    assert_eq!((&access["email"], &access["name"]), (&json!("ada@example.com"), &json!("Ada")));

    let told = claims(issued.id_token.as_deref().unwrap());
    assert_eq!(told["aud"], "app");
    assert_eq!(told["nonce"], "n-0S6_WzA2Mj");
    assert_eq!(id(&told["sid"]), session.sid);
    // No claims of the profile where an access token is issued (OpenID Connect Core section 5.4).
    assert!(told.get("name").is_none() && told.get("email").is_none());
}

#[tokio::test]
async fn a_client_is_told_by_a_token_what_it_has_scopes_for() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, "api", |_| {}).await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    let access = claims(&issued.access_token);
    assert!(access.get("email").is_none() && access.get("name").is_none());
    assert!(issued.id_token.is_none());
}

#[tokio::test]
async fn of_many_redemptions_of_a_code_one_succeeds_and_the_others_end_its_tokens() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let answers = join_all((0..16).map(|_| ground.redeem(&client, &token))).await;
    let won: Vec<Issued> = answers.into_iter().filter_map(Result::ok).collect();
    assert!(won.len() <= 1);
    for issued in won {
        assert!(!ground.is_active(&client, &issued.access_token).await);
        let refresh = issued.refresh_token.unwrap();
        assert!(is_refused(ground.refresh(&client, &refresh).await));
    }
    // The person stays signed in.
    let now = ground.app.clock.now();
    let found = ground.app.sessions.find_session(session.user_id, session.sid, now).await;
    assert!(found.unwrap().is_some());
}

#[tokio::test]
async fn a_code_presented_twice_ends_its_tokens_and_is_logged_once() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    for scope in [ALL, "openid offline_access"] {
        let (token, code) = ground.code(&client, &session, scope, |_| {}).await;
        let issued = ground.redeem(&client, &token).await.unwrap();
        assert!(ground.is_active(&client, &issued.access_token).await);
        for _ in 0..3 {
            assert!(is_refused(ground.redeem(&client, &token).await));
        }
        assert!(!ground.is_active(&client, &issued.access_token).await, "{scope}");
        let refresh = issued.refresh_token.unwrap();
        assert!(!ground.is_active(&client, &refresh).await);
        assert!(is_refused(ground.refresh(&client, &refresh).await));
        let told = userinfo(&ground.app, &issued.access_token).await;
        assert!(matches!(told, Err(OAuthError::InvalidToken(Some(_)))));
        let log = ground.app.identity.list_audit(0, 100).await.unwrap();
        let reused = log.iter().filter(|row| {
            row.event.action == Action::CodeReused
                && row.event.details["grant_id"] == json!(code.granted.grant_id)
        });
        assert_eq!(reused.count(), 1);
    }
}

#[tokio::test]
async fn a_code_is_spent_by_the_first_who_shows_it_whatever_else_they_show() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let other = ground.client("other", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    assert!(is_refused(ground.redeem(&other, &token).await));
    assert!(is_refused(ground.redeem(&client, &token).await));
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let mut wrong = redemption(token.as_str());
    wrong[3].1 = "a-verifier-of-somebody-else-who-saw-the-code-pass";
    assert!(is_refused(ground.ask(&client, &wrong).await));
    assert!(is_refused(ground.redeem(&client, &token).await));
}

#[tokio::test]
async fn no_tokens_come_of_a_session_or_a_person_that_was_ended_meanwhile() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let user = ground.person().await;
    for scope in [ALL, "openid offline_access"] {
        let session = ground.session(&user).await;
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        sign_out(&ground, &session).await;
        assert!(is_refused(ground.redeem(&client, &token).await));
    }
    let session = ground.session(&user).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let now = ground.app.clock.now();
    let end = CutOff { kind: CutOffKind::User, id: user.id.to_string(), at: now, until: now };
    let event = ground.origin.event(Action::SessionRevoked, None, now, json!({}));
    ground.app.identity.cut_off(&[end], &event).await.unwrap();
    assert!(is_refused(ground.redeem(&client, &token).await));
}

#[tokio::test]
async fn without_offline_access_a_refresh_token_dies_with_the_browsers_session() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let user = ground.person().await;
    let session = ground.session(&user).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    let refresh = issued.refresh_token.unwrap();
    let next = ground.refresh(&client, &refresh).await.unwrap();
    sign_out(&ground, &session).await;
    assert!(is_refused(ground.refresh(&client, &next.refresh_token.unwrap()).await));
    for access in [issued.access_token, next.access_token] {
        assert!(!ground.is_active(&client, &access).await);
    }
}

#[tokio::test]
async fn with_offline_access_a_grant_has_a_session_of_its_own_that_outlives_the_browsers() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let user = ground.person().await;
    let session = ground.session(&user).await;
    let (token, code) = ground.code(&client, &session, "openid offline_access", |_| {}).await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    sign_out(&ground, &session).await;
    let next = ground.refresh(&client, &issued.refresh_token.unwrap()).await.unwrap();
    assert!(ground.is_active(&client, &next.access_token).await);
    // It is listed, as the client's, and named by ID tokens as before.
    let now = ground.app.clock.now();
    let listed = ground.app.sessions.list_sessions(user.id, now).await.unwrap();
    let own: Vec<&Session> = listed.iter().filter(|one| one.client_id == "app").collect();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].sid, code.granted.grant_id);
    assert_eq!(own[0].clients, ["app"]);
    assert!(own[0].browser.is_none());
    assert_eq!(id(&claims(next.id_token.as_deref().unwrap())["sid"]), session.sid);
    assert_eq!(id(&claims(&next.access_token)["sid"]), own[0].sid);
    // Ending that ends them all.
    sign_out(&ground, own[0]).await;
    assert!(!ground.is_active(&client, &next.access_token).await);
    assert!(is_refused(ground.refresh(&client, &next.refresh_token.unwrap()).await));
}

#[tokio::test]
async fn a_spent_refresh_token_ends_its_grant_and_nothing_else() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let other = ground.client("other", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&other, &session, ALL, |_| {}).await;
    let neighbour = ground.redeem(&other, &token).await.unwrap();
    for scope in [ALL, "openid offline_access"] {
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        let first = ground.redeem(&client, &token).await.unwrap();
        let spent = first.refresh_token.unwrap();
        let second = ground.refresh(&client, &spent).await.unwrap();
        let third = ground.refresh(&client, &second.refresh_token.unwrap()).await.unwrap();
        assert!(is_refused(ground.refresh(&client, &spent).await));
        assert!(is_refused(ground.refresh(&client, &third.refresh_token.unwrap()).await));
        for access in [first.access_token, second.access_token, third.access_token] {
            assert!(!ground.is_active(&client, &access).await, "{scope}");
        }
    }
    assert!(ground.is_active(&other, &neighbour.access_token).await);
    ground.refresh(&other, &neighbour.refresh_token.unwrap()).await.unwrap();
}

#[tokio::test]
async fn whoever_reads_an_access_token_cannot_make_up_a_refresh_token_that_ends_its_grant() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    for scope in [ALL, "openid offline_access"] {
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        let issued = ground.redeem(&client, &token).await.unwrap();
        let told = claims(&issued.access_token);
        let [sub, sid, grant] = ["sub", "sid", "grant_id"].map(|name| id(&told[name]));
        for voucher in [Uuid::nil(), grant, Uuid::new_v4()] {
            let names = [sub, sid, grant, voucher];
            let forged = OpaqueToken::new(TokenKind::Refresh, &names, [1; 32]);
            assert!(is_refused(ground.refresh(&client, forged.as_str()).await));
        }
        assert!(ground.is_active(&client, &issued.access_token).await);
        ground.refresh(&client, &issued.refresh_token.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn the_client_that_lost_the_answer_asks_once_more() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let first = ground.redeem(&client, &token).await.unwrap().refresh_token.unwrap();
    let lost = ground.refresh(&client, &first).await.unwrap();
    let again = ground.refresh(&client, &first).await.unwrap();
    // The one that was lost is dead; to show it now is what a thief would do.
    assert!(is_refused(ground.refresh(&client, &lost.refresh_token.unwrap()).await));
    assert!(is_refused(ground.refresh(&client, &again.refresh_token.unwrap()).await));
}

#[tokio::test]
async fn a_refresh_token_is_good_only_for_the_client_it_was_issued_to() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let other = ground.client("other", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let refresh = ground.redeem(&client, &token).await.unwrap().refresh_token.unwrap();
    assert!(is_refused(ground.refresh(&other, &refresh).await));
    assert!(!ground.is_active(&other, &refresh).await);
    revoke(&ground, &other, &refresh).await.unwrap();
    assert!(ground.is_active(&client, &refresh).await);
    assert!(ground.refresh(&client, &refresh).await.is_ok());
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_the_next_one_has_it_all_again() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let first = ground.redeem(&client, &token).await.unwrap().refresh_token.unwrap();
    let ask = async |token: &str, name: &str, value: &str| {
        let params = [("grant_type", "refresh_token"), ("refresh_token", token), (name, value)];
        ground.ask(&client, &params).await
    };
    // Asking for more spends nothing.
    let more = ask(&first, "scope", "openid admin").await;
    assert!(matches!(more, Err(OAuthError::InvalidScope(_))));
    let elsewhere = ask(&first, "resource", "https://else.example").await;
    assert!(matches!(elsewhere, Err(OAuthError::InvalidTarget(_))));
    let less = ask(&first, "scope", "api").await.unwrap();
    assert_eq!(less.scope, "api");
    assert!(less.id_token.is_none());
    assert_eq!(claims(&less.access_token)["scope"], "api");
    let all = ground.refresh(&client, &less.refresh_token.unwrap()).await.unwrap();
    assert_eq!(all.scope, ALL);
    // OpenID Connect Core section 12.2.
    assert!(claims(&all.id_token.unwrap()).get("nonce").is_none());
}

#[tokio::test]
async fn a_refresh_does_not_raise_what_the_person_had_proved_when_it_was_granted() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    let (token, code) = ground
        .code(&client, &session, ALL, |code| {
            code.granted.proof.auth_time = code.issued_at.minus(Duration::from_secs(3600));
        })
        .await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    let next = ground.refresh(&client, &issued.refresh_token.unwrap()).await.unwrap();
    for token in [&issued.access_token, &next.access_token, next.id_token.as_ref().unwrap()] {
        assert_eq!(claims(token)["auth_time"], json!(code.granted.proof.auth_time.secs()));
    }
}

#[tokio::test]
async fn a_client_that_may_not_refresh_gets_no_refresh_token() {
    let ground = Ground::new().await;
    let client = ground
        .client("app", |client| client.metadata.grant_types = vec!["authorization_code".into()])
        .await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    assert!(ground.redeem(&client, &token).await.unwrap().refresh_token.is_none());
    let refused = ground.refresh(&client, "sbr_x").await;
    assert!(matches!(refused, Err(OAuthError::UnauthorizedClient(_))));
    let refused = ground.ask(&client, &[("grant_type", "password")]).await;
    assert!(matches!(refused, Err(OAuthError::UnsupportedGrantType(_))));
}

#[tokio::test]
async fn lives_of_a_clients_own_are_no_longer_than_the_installations_nor_the_sessions() {
    let ground = Ground::new().await;
    let client = ground
        .client("app", |client| {
            client.metadata.access_token_ttl = Some(60);
            client.metadata.id_token_ttl = Some(1_000_000);
        })
        .await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    assert_eq!(issued.expires_in, 60);
    let life = |token: &str| {
        let claims = claims(token);
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
    };
    assert_eq!(life(&issued.access_token), 60);
    assert_eq!(life(&issued.id_token.unwrap()), 3600);
}

#[tokio::test]
async fn the_audience_is_a_subset_of_the_resources_that_were_granted() {
    let ground = Ground::new().await;
    let (one, two) = ("https://one.example", "https://two.example");
    let client = ground
        .client("app", |client| client.metadata.audiences = [one, two].map(Into::into).to_vec())
        .await;
    let session = ground.session(&ground.person().await).await;
    let code = async |granted: &[&str]| {
        let resource = granted.iter().map(|one| (*one).to_owned()).collect();
        ground.code(&client, &session, "openid", |code| code.granted.resource = resource).await.0
    };
    let ask = async |code: &OpaqueToken, resources: &[&str]| {
        let mut params = redemption(code.as_str()).to_vec();
        params.extend(resources.iter().map(|resource| ("resource", *resource)));
        let issued = ground.ask(&client, &params).await?;
        Ok::<_, OAuthError>(claims(&issued.access_token)["aud"].clone())
    };
    assert_eq!(ask(&code(&[one, two]).await, &[]).await.unwrap(), json!([one, two]));
    assert_eq!(ask(&code(&[one, two]).await, &[two]).await.unwrap(), json!(two));
    let more = ask(&code(&[one]).await, &[one, two]).await;
    assert!(matches!(more, Err(OAuthError::InvalidTarget(_))));
    let unknown = ask(&code(&[one]).await, &["https://else.example"]).await;
    assert!(matches!(unknown, Err(OAuthError::InvalidTarget(_))));
}

#[tokio::test]
async fn where_no_resource_was_named_tokens_are_good_by_default_and_nowhere_else() {
    let ground = Ground::new().await;
    let (one, two) = ("https://one.example", "https://two.example");
    let issuer = ground.app.issuer.as_str();
    let client = ground
        .client("app", |client| client.metadata.audiences = [one, two].map(Into::into).to_vec())
        .await;
    let session = ground.session(&ground.person().await).await;
    // Whoever signs people in may ask userinfo (OpenID Connect Core section 5.3).
    for (scope, default) in [("openid", json!([one, issuer])), ("api", json!(one))] {
        let code = async || ground.code(&client, &session, scope, |_| {}).await.0;
        let issued = ground.redeem(&client, &code().await).await.unwrap();
        assert_eq!(claims(&issued.access_token)["aud"], default);
        assert_eq!(userinfo(&ground.app, &issued.access_token).await.is_ok(), scope == "openid");
        let refresh = issued.refresh_token.unwrap();
        let more = [("resource", one), ("resource", two), ("resource", issuer)];
        let code = code().await;
        let mut asked = redemption(code.as_str()).to_vec();
        asked.extend(more);
        let refused = ground.ask(&client, &asked).await;
        assert!(matches!(refused, Err(OAuthError::InvalidTarget(_))), "{scope}");
        let mut asked = vec![("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
        asked.extend(more);
        let refused = ground.ask(&client, &asked).await;
        assert!(matches!(refused, Err(OAuthError::InvalidTarget(_))), "{scope}");
        let next = ground.refresh(&client, &refresh).await.unwrap();
        assert_eq!(claims(&next.access_token)["aud"], default);
    }
}

#[tokio::test]
async fn a_client_that_is_let_in_again_and_again_ends_its_own_sessions_alone() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let other = ground.client("other", |_| {}).await;
    let user = ground.person().await;
    let browser = ground.session(&user).await;
    let now = ground.app.clock.now();
    let rail = Session { sid: new_id(now), client_id: RAIL.into(), ..browser.clone() };
    let kept = login::SESSIONS_KEPT;
    ground.app.sessions.open_session(&rail, None, kept).await.unwrap();
    let offline = async |client: &Client| {
        let (token, _) = ground.code(client, &browser, "openid offline_access", |_| {}).await;
        ground.redeem(client, &token).await.unwrap()
    };
    let neighbour = offline(&other).await;
    let first = offline(&client).await;
    for _ in 0..kept {
        offline(&client).await;
    }
    let last = offline(&client).await;
    let listed = ground.app.sessions.list_sessions(user.id, now).await.unwrap();
    let of = |client_id: &str| listed.iter().filter(|one| one.client_id == client_id).count();
    assert_eq!((of("browser"), of(RAIL), of("other")), (1, 1, 1));
    assert_eq!(of("app"), opening::SESSIONS_KEPT as usize);
    // What made room is over everywhere.
    assert!(!ground.is_active(&client, &first.access_token).await);
    assert!(is_refused(ground.refresh(&client, &first.refresh_token.unwrap()).await));
    ground.refresh(&client, &last.refresh_token.unwrap()).await.unwrap();
    ground.refresh(&other, &neighbour.refresh_token.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_client_that_is_let_in_again_and_again_in_one_session_ends_its_own_grants_alone() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let other = ground.client("other", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    // One after the other, whatever the clock says.
    let began = ground.app.clock.now().minus(Duration::from_secs(1));
    let online = async |client: &Client, turn: u32| {
        let at = began.plus(Duration::from_millis(turn.into()));
        let named = |code: &mut Code| code.granted.grant_id = new_id(at);
        let (token, _) = ground.code(client, &session, ALL, named).await;
        ground.redeem(client, &token).await.unwrap()
    };
    let neighbour = online(&other, 0).await;
    let first = online(&client, 1).await;
    let used = online(&client, 2).await;
    let second = online(&client, 3).await;
    let most = opening::FAMILIES_KEPT;
    for turn in 4..=most {
        online(&client, turn).await;
    }
    let used = ground.refresh(&client, used.refresh_token.as_deref().unwrap()).await.unwrap();
    assert!(ground.is_active(&client, &first.access_token).await);
    let last = [online(&client, most + 1).await, online(&client, most + 2).await];
    // The two that were used longest ago made room, and are over everywhere.
    for over in [first, second] {
        assert!(!ground.is_active(&client, &over.access_token).await);
        let grant = claims(&over.access_token)["grant_id"].as_str().unwrap().to_owned();
        let named = [(CutOffKind::Grant, grant)];
        assert_eq!(ground.app.identity.find_cut_offs(&named).await.unwrap().len(), 1);
        assert!(is_refused(ground.refresh(&client, &over.refresh_token.unwrap()).await));
    }
    for kept in [used].into_iter().chain(last) {
        assert!(ground.is_active(&client, &kept.access_token).await);
        ground.refresh(&client, &kept.refresh_token.unwrap()).await.unwrap();
    }
    ground.refresh(&other, &neighbour.refresh_token.unwrap()).await.unwrap();
    let now = ground.app.clock.now();
    let found = ground.app.sessions.find_session(session.user_id, session.sid, now).await;
    assert!(found.unwrap().is_some());
}

#[tokio::test]
async fn roles_and_tenant_are_for_those_who_decide_by_them_or_were_granted_them() {
    let ground = Ground::new().await;
    let site = "https://one.example";
    let session = ground.session(&ground.person().await).await;
    let cases: [(&str, bool, &[&str], &str, bool); 6] = [
        ("signs-in", false, &[], "openid", false),
        ("with-mail", false, &[], "openid email offline_access", false),
        ("with-profile", false, &[], "openid profile", true),
        ("ours", true, &[], "openid", true),
        ("at-a-site", false, &[site], "api", true),
        ("at-a-site-too", false, &[site], "openid", true),
    ];
    for (name, first_party, audiences, scope, tells) in cases {
        let client = ground
            .client(name, |client| {
                client.metadata.first_party = first_party;
                client.metadata.audiences = audiences.iter().map(|&one| one.into()).collect();
            })
            .await;
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        let issued = ground.redeem(&client, &token).await.unwrap();
        let next = ground.refresh(&client, &issued.refresh_token.unwrap()).await.unwrap();
        for access in [issued.access_token, next.access_token] {
            let told = ground.introspect(&client, &access).await;
            for held in [claims(&access), told] {
                assert_eq!(held.get("tenant_id").is_some(), tells, "{name}");
                assert_eq!(held.get("roles").is_some(), tells, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn roles_that_change_between_two_refreshes_are_in_the_next_token() {
    let ground = Ground::new().await;
    let (app, user) = (&ground.app, ground.person().await);
    let now = app.clock.now();
    let tenant = Tenant { id: "acme".into(), name: "Acme".into(), created_at: now };
    let event = |action| ground.origin.event(action, None, now, json!({}));
    assert!(app.identity.create_tenant(&tenant, &event(Action::TenantCreated)).await.unwrap());
    let join = async |roles: &[&str]| {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        let place =
            Membership { user_id: user.id, tenant_id: "acme".into(), roles, created_at: now };
        app.identity.join_tenant(&place, &event(Action::TenantJoined)).await.unwrap();
    };
    join(&["clerk", "buyer"]).await;
    // A browser's session in that tenant, and a grant with a session of its own.
    let session = Session { tenant_id: "acme".into(), ..ground.session(&user).await };
    let session = Session { sid: new_id(now), ..session };
    app.sessions.open_session(&session, None, login::SESSIONS_KEPT).await.unwrap();
    let client = ground.client("app", |_| {}).await;
    for scope in [ALL, "openid profile offline_access"] {
        join(&["clerk", "buyer"]).await;
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        let first = ground.redeem(&client, &token).await.unwrap();
        assert_eq!(claims(&first.access_token)["roles"], json!(["clerk", "buyer"]));
        join(&["auditor"]).await;
        let next = ground.refresh(&client, &first.refresh_token.unwrap()).await.unwrap();
        assert_eq!(claims(&next.access_token)["roles"], json!(["auditor"]), "{scope}");
        assert_eq!(claims(&next.access_token)["tenant_id"], "acme");
        join(&[]).await;
        let last = ground.refresh(&client, &next.refresh_token.unwrap()).await.unwrap();
        assert_eq!(claims(&last.access_token).get("roles"), None, "{scope}");
    }
}

#[tokio::test]
async fn whoever_lost_the_answer_to_a_refresh_can_still_give_the_grant_back() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let other = ground.client("other", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    for scope in [ALL, "openid offline_access"] {
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        let spent = ground.redeem(&client, &token).await.unwrap().refresh_token.unwrap();
        let lost = ground.refresh(&client, &spent).await.unwrap();
        assert!(!ground.is_active(&client, &spent).await);
        revoke(&ground, &other, &spent).await.unwrap();
        assert!(ground.is_active(&client, &lost.access_token).await);
        revoke(&ground, &client, &spent).await.unwrap();
        assert!(!ground.is_active(&client, &lost.access_token).await, "{scope}");
        assert!(is_refused(ground.refresh(&client, &lost.refresh_token.unwrap()).await));
    }
}

#[tokio::test]
async fn a_retry_that_asks_for_more_spends_nothing_and_one_that_comes_late_is_reuse() {
    let mut config = Config::default();
    for retry in [60, 0] {
        config.tokens.refresh_retry = retry;
        let ground = Ground::with(config.clone()).await;
        let client = ground.client("app", |_| {}).await;
        let session = ground.session(&ground.person().await).await;
        let (token, _) = ground.code(&client, &session, ALL, |_| {}).await;
        let spent = ground.redeem(&client, &token).await.unwrap().refresh_token.unwrap();
        let live = ground.refresh(&client, &spent).await.unwrap().refresh_token.unwrap();
        let more = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*spent),
            ("scope", "openid admin"),
        ];
        let refused = ground.ask(&client, &more).await;
        if retry > 0 {
            assert!(matches!(refused, Err(OAuthError::InvalidScope(_))));
            ground.refresh(&client, &live).await.unwrap();
        } else {
            assert!(is_refused(refused));
            assert!(is_refused(ground.refresh(&client, &live).await));
        }
    }
}

/// Changes what a client is registered for.
async fn change(ground: &Ground, client: &Client, change: impl FnOnce(&mut Client)) {
    let app = &ground.app;
    let old = app.identity.find_client(&client.client_id).await.unwrap().unwrap();
    let mut new = old.clone();
    change(&mut new);
    let event = ground.origin.event(Action::ClientUpdated, None, app.clock.now(), json!({}));
    let changed = app.identity.replace_client(&new, old.updated_at, &[], &event).await.unwrap();
    assert!(matches!(changed, ClientChanged::Changed));
    app.clients.forget();
}

#[tokio::test]
async fn no_tokens_are_issued_for_what_a_client_is_not_registered_for_any_more() {
    let ground = Ground::new().await;
    let (one, two) = ("https://one.example", "https://two.example");
    let audiences = |all: &[&str]| -> Vec<String> { all.iter().map(|&one| one.into()).collect() };
    let session = ground.session(&ground.person().await).await;
    let scope = "openid profile offline_access api";
    let grant = async |name: &str| {
        let client = ground.client(name, |app| app.metadata.audiences = audiences(&[one, two]));
        let client = client.await;
        let all = audiences(&[one, two]);
        let code = async || {
            let all = all.clone();
            ground.code(&client, &session, scope, |code| code.granted.resource = all).await.0
        };
        let refresh = ground.redeem(&client, &code().await).await.unwrap().refresh_token.unwrap();
        let code = code().await;
        (client, code, refresh)
    };

    let (client, code, refresh) = grant("less").await;
    let less = |app: &mut Client| {
        app.metadata.audiences = audiences(&[two]);
        app.metadata.scope = Some("openid offline_access api".into());
    };
    change(&ground, &client, less).await;
    let asked = [("grant_type", "refresh_token"), ("refresh_token", &*refresh), ("resource", one)];
    let refused = ground.ask(&client, &asked).await;
    assert!(matches!(refused, Err(OAuthError::InvalidTarget(_))));
    let issued = ground.redeem(&client, &code).await.unwrap();
    let next = ground.refresh(&client, &refresh).await.unwrap();
    for tokens in [issued, next] {
        assert_eq!(tokens.scope, "openid offline_access api");
        assert_eq!(claims(&tokens.access_token)["aud"], two);
        assert_eq!(claims(&tokens.access_token)["scope"], tokens.scope);
    }

    type Shrinks = fn(&mut Metadata);
    let shrunk: [(&str, Shrinks); 3] = [
        ("nowhere", |metadata| metadata.audiences = vec!["https://three.example".into()]),
        ("nothing", |metadata| metadata.scope = Some("admin".into())),
        ("not-offline", |metadata| metadata.scope = Some("openid profile api".into())),
    ];
    for (name, shrink) in shrunk {
        let (client, code, refresh) = grant(name).await;
        change(&ground, &client, |app| shrink(&mut app.metadata)).await;
        assert!(is_refused(ground.redeem(&client, &code).await), "{name}");
        assert!(is_refused(ground.refresh(&client, &refresh).await), "{name}");
    }
}

/// Writes down a site at `base_url`, switched on or off.
async fn put_site(ground: &Ground, base_url: &str, status: SiteStatus, policy: Policy) {
    let name = base_url.trim_start_matches("https://").replace('.', "-");
    let site = Site {
        site_key: name.clone(),
        name,
        base_url: base_url.to_owned(),
        hosts: vec![base_url.trim_start_matches("https://").to_owned()],
        upstreams: vec!["http://127.0.0.1:9000".to_owned()],
        status,
        branding: Branding::default(),
        policy,
        version: 0,
        forwarding: jwks::forwarding::Forwarding::default(),
        forward_credentials: false,
    };
    let event = ground.origin.event(Action::PolicyUpdated, None, ground.app.clock.now(), json!({}));
    ground.app.identity.put_site(&site, false, &event).await.unwrap();
}

#[tokio::test]
async fn no_token_is_for_a_site_that_is_switched_off_and_no_grant_ends_by_it() {
    let ground = Ground::new().await;
    let (one, two) = ("https://one.example", "https://two.example");
    let places = || vec![one.to_owned(), two.to_owned()];
    let client = ground.client("app", |app| app.metadata.audiences = places()).await;
    let session = ground.session(&ground.person().await).await;
    let policy = Policy::default();
    for place in [one, two] {
        put_site(&ground, place, SiteStatus::Active, policy.clone()).await;
    }
    let code = async |at: &[&str]| {
        let at: Vec<String> = at.iter().map(|&place| place.to_owned()).collect();
        ground.code(&client, &session, "api", |code| code.granted.resource = at).await.0
    };
    let audience = |issued: &Issued| claims(&issued.access_token)["aud"].clone();
    let is_off = |answer: OAuthResult<Issued>| matches!(answer, Err(OAuthError::InvalidTarget(text)) if text.contains("switched off"));
    let both = ground.redeem(&client, &code(&[one, two]).await).await.unwrap();
    assert_eq!(audience(&both), json!([one, two]));
    let only = ground.redeem(&client, &code(&[one]).await).await.unwrap();
    let (both, only) = (both.refresh_token.unwrap(), only.refresh_token.unwrap());

    put_site(&ground, one, SiteStatus::Inactive, policy.clone()).await;
    // A code: what is left of it, or nothing.
    let rest = ground.redeem(&client, &code(&[one, two]).await).await.unwrap();
    assert_eq!(audience(&rest), json!(two));
    assert!(is_off(ground.redeem(&client, &code(&[one]).await).await));
    let at_one = ("resource", one);
    let named = code(&[one, two]).await;
    let mut asked = redemption(named.as_str()).to_vec();
    asked.push(at_one);
    assert!(is_off(ground.ask(&client, &asked).await));
    // A refresh token: the same, and what is refused spends nothing.
    for _ in 0..3 {
        assert!(is_off(ground.refresh(&client, &only).await));
        let grant = ("grant_type", "refresh_token");
        let asked = [grant, ("refresh_token", both.as_str()), at_one];
        assert!(is_off(ground.ask(&client, &asked).await));
    }
    let rest = ground.refresh(&client, &both).await.unwrap();
    assert_eq!(audience(&rest), json!(two));
    // A client for itself: at its first audience where it names none.
    let itself = ("grant_type", "client_credentials");
    assert!(is_off(ground.ask(&client, &[itself]).await));
    assert!(is_off(ground.ask(&client, &[itself, at_one, ("resource", two)]).await));
    let elsewhere = ground.ask(&client, &[itself, ("resource", two)]).await.unwrap();
    assert_eq!(audience(&elsewhere), json!(two));

    // Switched on again, whoever was refused goes on.
    put_site(&ground, one, SiteStatus::Active, policy).await;
    assert_eq!(audience(&ground.refresh(&client, &only).await.unwrap()), json!(one));
    let all = ground.refresh(&client, &rest.refresh_token.unwrap()).await.unwrap();
    assert_eq!(audience(&all), json!([one, two]));
}

#[tokio::test]
async fn tokens_name_the_model_of_a_passkey_where_a_place_they_open_lists_models() {
    let ground = Ground::new().await;
    let (one, two) = ("https://one.example", "https://two.example");
    let places = || vec![one.to_owned(), two.to_owned()];
    let client = ground.client("app", |app| app.metadata.audiences = places()).await;
    let user = ground.person().await;
    let session = ground.session(&user).await;
    let put =
        async |place: &str, policy| put_site(&ground, place, SiteStatus::Active, policy).await;
    put(one, Policy::default()).await;
    put(two, Policy::default()).await;
    let model = Uuid::from_u128(7);
    let proof = Proof {
        acr: Level::PhishingResistant,
        amr: ["pwd", "hwk", "mfa"].map(str::to_owned).to_vec(),
        model: Some(model),
        ..session.proof.clone()
    };
    let granted = |code: &mut Code| {
        code.granted.resource = places();
        code.granted.proof = proof.clone();
    };
    let (token, _) = ground.code(&client, &session, "api", granted).await;
    let named = |token: &str| claims(token)["model"].clone();
    let issued = ground.redeem(&client, &token).await.unwrap();
    assert_eq!(named(&issued.access_token), json!(null));

    // Which models count is said afterwards: the edge judges the next token by it, and no older one
    // says any.
    let webauthn = WebAuthn { models: vec![Uuid::from_u128(1)], ..WebAuthn::default() };
    let listing = Policy { webauthn, ..Policy::default() };
    put(one, listing.clone()).await;
    let issued = ground.refresh(&client, &issued.refresh_token.unwrap()).await.unwrap();
    assert_eq!(named(&issued.access_token), json!(model));
    let refresh = issued.refresh_token.unwrap();
    let grant = ("grant_type", "refresh_token");
    let asked = [grant, ("refresh_token", refresh.as_str()), ("resource", two)];
    let elsewhere = ground.ask(&client, &asked).await.unwrap();
    assert_eq!(named(&elsewhere.access_token), json!(null));

    // So it is with what opens the sites that take what people hold of this server itself.
    let session = Session { proof, ..session };
    let own = async || {
        let now = ground.app.clock.now();
        let minted = login::mint_for(&ground.app, &user, &session, None, RAIL, now).await.unwrap();
        named(&minted.access_token)
    };
    assert_eq!(own().await, json!(null));
    put(two, Policy { first_party: true, ..listing }).await;
    assert_eq!(own().await, json!(model));
}

#[tokio::test]
async fn a_site_that_asks_more_than_before_gets_what_was_proved_and_judges_it() {
    let ground = Ground::new().await;
    let one = "https://one.example";
    let client = ground.client("app", |app| app.metadata.audiences = vec![one.into()]).await;
    let session = ground.session(&ground.person().await).await;
    let asks = |require| Policy { require, ..Policy::default() };
    put_site(&ground, one, SiteStatus::Active, asks(Require::SignedIn)).await;
    let (code, _) = ground.code(&client, &session, "api", |_| {}).await;
    let issued = ground.redeem(&client, &code).await.unwrap();
    put_site(&ground, one, SiteStatus::Active, asks(Require::TwoFactor)).await;
    let next = ground.refresh(&client, &issued.refresh_token.unwrap()).await.unwrap();
    let (before, after) = (claims(&issued.access_token), claims(&next.access_token));
    for claim in ["aud", "acr", "amr", "auth_time"] {
        assert_eq!(before[claim], after[claim], "{claim}");
    }
}

#[tokio::test]
async fn a_client_speaks_for_itself_without_person_session_or_refresh_token() {
    let ground = Ground::new().await;
    let client =
        ground.client("app", |client| client.metadata.audiences = vec!["urn:bench".into()]).await;
    let grant = ("grant_type", "client_credentials");
    let issued = ground.ask(&client, &[grant]).await.unwrap();
    assert_eq!(issued.scope, "api admin");
    assert!(issued.refresh_token.is_none() && issued.id_token.is_none());
    let access = claims(&issued.access_token);
    assert_eq!((&access["sub"], &access["client_id"]), (&json!("app"), &json!("app")));
    assert_eq!(access["aud"], "urn:bench");
    for absent in ["sid", "acr", "auth_time", "grant_id", "email", "roles"] {
        assert!(access.get(absent).is_none(), "{absent}");
    }
    assert!(ground.is_active(&client, &issued.access_token).await);
    for (name, value) in [("scope", "openid"), ("scope", "root")] {
        let refused = ground.ask(&client, &[grant, (name, value)]).await;
        assert!(matches!(refused, Err(OAuthError::InvalidScope(_))), "{value}");
    }
    let refused = ground.ask(&client, &[grant, ("resource", "urn:else")]).await;
    assert!(matches!(refused, Err(OAuthError::InvalidTarget(_))));
}

#[tokio::test]
async fn the_client_credentials_grant_is_only_for_confidential_clients() {
    let ground = Ground::new().await;
    let public = |client: &mut Client| {
        client.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
    };
    let client = ground.client("app", public).await;
    let refused = ground.ask(&client, &[("grant_type", "client_credentials")]).await;
    assert!(matches!(refused, Err(OAuthError::UnauthorizedClient(_))));
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_access_tokens_and_an_access_token_ends_alone() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let session = ground.session(&ground.person().await).await;
    for scope in [ALL, "openid offline_access"] {
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        let issued = ground.redeem(&client, &token).await.unwrap();
        let refresh = issued.refresh_token.unwrap();
        revoke(&ground, &client, &issued.access_token).await.unwrap();
        assert!(!ground.is_active(&client, &issued.access_token).await);
        let next = ground.refresh(&client, &refresh).await.unwrap();
        assert!(ground.is_active(&client, &next.access_token).await);
        let refresh = next.refresh_token.unwrap();
        revoke(&ground, &client, &refresh).await.unwrap();
        assert!(!ground.is_active(&client, &next.access_token).await);
        assert!(!ground.is_active(&client, &refresh).await);
        assert!(is_refused(ground.refresh(&client, &refresh).await));
    }
    // Invalid tokens do not cause an error response (RFC 7009 section 2.2).
    let unknown = OpaqueToken::new(TokenKind::Refresh, &[session.sid; 4], [1; 32]);
    for token in ["nonsense", "a.b.c", unknown.as_str()] {
        revoke(&ground, &client, token).await.unwrap();
    }
    let now = ground.app.clock.now();
    let found = ground.app.sessions.find_session(session.user_id, session.sid, now).await;
    assert!(found.unwrap().is_some());
}

#[tokio::test]
async fn of_a_token_that_is_good_for_nothing_only_that_is_told() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    for token in ["nonsense", "a.b.c", "sbr_x"] {
        assert_eq!(ground.introspect(&client, token).await, json!({ "active": false }));
    }
    let public = |client: &mut Client| {
        client.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
    };
    let public = ground.client("public", public).await;
    let params = signed(&public, &[("token", "nonsense")]);
    let refused = crate::oauth::introspection::introspect(
        &ground.app,
        &ground.origin,
        None,
        &params,
        "/introspect",
    );
    assert!(matches!(refused.await, Err(OAuthError::InvalidClient { .. })));
}

#[tokio::test]
async fn userinfo_tells_what_the_scopes_and_the_request_ask_for() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let user = ground.person().await;
    let session = ground.session(&user).await;
    let (token, _) = ground
        .code(&client, &session, "openid email", |code| {
            code.granted.claims.userinfo.insert("name".into(), None);
            code.granted.claims.id_token.insert("email".into(), None);
        })
        .await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    let Told::Plain(told) = userinfo(&ground.app, &issued.access_token).await.unwrap() else {
        panic!("it is signed");
    };
    let wanted = json!({
        "sub": user.id, "email": "ada@example.com", "email_verified": false, "name": "Ada",
    });
    assert_eq!(json!(told), wanted);
    assert_eq!(claims(&issued.id_token.unwrap())["email"], "ada@example.com");
    // A refresh knows still what was asked for by name.
    let next = ground.refresh(&client, &issued.refresh_token.unwrap()).await.unwrap();
    let Told::Plain(told) = userinfo(&ground.app, &next.access_token).await.unwrap() else {
        panic!("it is signed");
    };
    assert_eq!(json!(told), wanted);
}

#[tokio::test]
async fn userinfo_is_signed_for_those_who_are_registered_so() {
    let ground = Ground::new().await;
    let signed = |client: &mut Client| {
        client.metadata.userinfo_signed_response_alg = Some(jwks::Algorithm::EdDSA);
    };
    let client = ground.client("app", signed).await;
    let session = ground.session(&ground.person().await).await;
    let (token, _) = ground.code(&client, &session, "openid", |_| {}).await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    let Told::Signed(jwt) = userinfo(&ground.app, &issued.access_token).await.unwrap() else {
        panic!("it is not signed");
    };
    let told = claims(&jwt);
    assert_eq!((&told["iss"], &told["aud"]), (&json!(ground.app.issuer), &json!("app")));
    // Nobody takes it for an access token.
    let taken = userinfo(&ground.app, &jwt).await;
    assert!(matches!(taken, Err(OAuthError::InvalidToken(Some(_)))));
}

#[tokio::test]
async fn userinfo_asks_for_openid_and_for_a_token_meant_for_this_server() {
    let ground = Ground::new().await;
    let client = ground
        .client("app", |client| client.metadata.audiences = vec!["https://one.example".into()])
        .await;
    let session = ground.session(&ground.person().await).await;
    let issuer = ground.app.issuer.clone();
    let (token, _) = ground
        .code(&client, &session, "api", |code| {
            code.granted.resource = vec![issuer];
        })
        .await;
    let without = ground.redeem(&client, &token).await.unwrap().access_token;
    let told = userinfo(&ground.app, &without).await;
    assert!(matches!(told, Err(OAuthError::InsufficientScope("openid"))));
    let elsewhere = |code: &mut Code| code.granted.resource = vec!["https://one.example".into()];
    let (token, _) = ground.code(&client, &session, "openid", elsewhere).await;
    let issued = ground.redeem(&client, &token).await.unwrap();
    for token in [issued.access_token, issued.id_token.unwrap()] {
        let told = userinfo(&ground.app, &token).await;
        assert!(matches!(told, Err(OAuthError::InvalidToken(Some(_)))));
    }
}

#[tokio::test]
async fn a_client_hears_of_the_end_of_a_session_it_took_part_in_and_hears_it_once() {
    let ground = Ground::new().await;
    let hears = |client: &mut Client| {
        client.metadata.backchannel_logout_uri = Some("https://app.example/out".into());
    };
    let client = ground.client("app", hears).await;
    let session = ground.session(&ground.person().await).await;
    for scope in [ALL, "openid offline_access"] {
        let (token, _) = ground.code(&client, &session, scope, |_| {}).await;
        ground.redeem(&client, &token).await.unwrap();
    }
    let (app, later) = (&ground.app, ground.app.clock.now().plus(Duration::from_secs(60)));
    let claim = async || app.identity.claim_errands(later, later, 10).await.unwrap();
    assert!(claim().await.is_empty());
    sign_out(&ground, &session).await;
    let due = claim().await;
    assert_eq!(due.len(), 1);
    let errand = errands::open(app, &due[0]).unwrap();
    assert!(matches!(errand, Errand::Logout { sid, .. } if sid == session.sid));
}

#[tokio::test]
async fn a_grant_that_rests_on_a_session_of_its_own_does_not_outlive_a_change_of_password() {
    let ground = Ground::new().await;
    let client = ground.client("app", |_| {}).await;
    let user = ground.person().await;
    let session = ground.session(&user).await;
    let (token, _) = ground.code(&client, &session, "openid offline_access", |_| {}).await;
    let now = ground.app.clock.now();
    let password = NewPassword {
        user_id: user.id,
        hash: "$argon2id$".into(),
        expected_epoch: user.factor_epoch,
        proves_address: None,
        invited: None,
    };
    let ends = [session_end(&ground.app, session.sid, now)];
    let event = ground.origin.event(Action::PasswordChanged, None, now, json!({}));
    assert!(ground.app.identity.change_password(&password, &ends, now, &event).await.unwrap());
    assert!(is_refused(ground.redeem(&client, &token).await));
    let left = ground.app.sessions.list_sessions(user.id, now).await.unwrap();
    assert!(left.iter().all(|one| one.client_id != "app"));
}
