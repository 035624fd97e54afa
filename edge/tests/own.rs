//! What is the edge's own at every site: each path, by each method, for each kind of caller.

#![allow(clippy::unwrap_used)]

mod world;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use edge::{OWN, Own};
use jwks::{
    claims::Audience,
    cutoff::CutOffKind,
    policy::{Level, Require},
    site::SiteStatus,
    site_session::CLIENT_ID,
};
use world::{HOST, World, eventually, status};

/// What a caller shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    OneFactor,
    TwoFactors,
    Session,
    SessionFromElsewhere,
    Ended,
    ApiKey,
    OtherSite,
}

const ALL: [Shows; 8] = [
    Shows::Nothing,
    Shows::OneFactor,
    Shows::TwoFactors,
    Shows::Session,
    Shows::SessionFromElsewhere,
    Shows::Ended,
    Shows::ApiKey,
    Shows::OtherSite,
];

fn fields(world: &World, shows: Shows) -> String {
    let mut claims = world.issuer.claims();
    match shows {
        Shows::Nothing => return String::new(),
        Shows::ApiKey => return "X-API-Key: sbk_x\r\n".to_owned(),
        Shows::OneFactor => {
            claims.acr = Some(Level::OneFactor.acr().into());
            claims.amr = vec!["pwd".into()];
        }
        Shows::TwoFactors => {}
        Shows::Session | Shows::SessionFromElsewhere => claims.client_id = CLIENT_ID.into(),
        Shows::Ended => {
            claims.sid = Some("ended".into());
            claims.iat -= 60;
        }
        Shows::OtherSite => claims.aud = Audience::One("https://other.test".into()),
    }
    let token = world.issuer.token(&claims);
    match shows {
        Shows::Session => format!("Cookie: __Host-sb_site={token}\r\n"),
        Shows::SessionFromElsewhere => {
            format!("Cookie: __Host-sb_site={token}\r\nSec-Fetch-Site: cross-site\r\n")
        }
        _ => format!("Authorization: Bearer {token}\r\n"),
    }
}

/// What is answered, at a site that asks for two factors.
fn expected(own: Own, takes: bool, method: &str, shows: Shows) -> u16 {
    let reads = ["GET", "HEAD", "OPTIONS"].contains(&method);
    match own {
        // No proxy is trusted.
        Own::Auth => 403,
        Own::Me => match shows {
            Shows::TwoFactors | Shows::Session => {
                if takes {
                    200
                } else {
                    405
                }
            }
            Shows::SessionFromElsewhere if reads => {
                if takes {
                    200
                } else {
                    405
                }
            }
            _ => 401,
        },
        _ if !takes => 405,
        Own::SignIn => 302,
        Own::Callback => 400,
        Own::SignOut if method == "POST" && shows == Shows::SessionFromElsewhere => 403,
        Own::SignOut | Own::SignedOut | Own::Keys => 200,
    }
}

async fn ask(world: &World, method: &str, path: &str, fields: &str) -> u16 {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Connection: close\r\n\r\n");
    status(&world.raw(request).await)
}

#[tokio::test]
async fn each_own_path_answers_each_caller_by_each_method_as_it_says() {
    let world = World::with_site(|site| site.policy.require = Require::TwoFactor).await;
    let seq = world.feed.end(CutOffKind::Session, "ended", world.clock.now());
    eventually("the edge knows", || world.feed.acked.load(Ordering::SeqCst) >= seq).await;
    for shows in ALL {
        let fields = fields(&world, shows);
        for own in &OWN {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let takes = own.methods.contains(&method);
                let found = ask(&world, method, own.path, &fields).await;
                let expected = expected(own.own, takes, method, shows);
                assert_eq!(found, expected, "{method} {} by {shows:?}", own.path);
            }
        }
        let found = ask(&world, "GET", "/.signalbox/nothing", &fields).await;
        let enters =
            [Shows::TwoFactors, Shows::Session, Shows::SessionFromElsewhere].contains(&shows);
        assert_eq!(found, if enters { 404 } else { 401 }, "{shows:?}");
    }
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn a_public_page_does_not_wait_for_a_session_that_is_over() {
    let world = World::with_site(|site| site.policy.require = Require::Public).await;
    let mut claims = world.issuer.claims();
    claims.client_id = CLIENT_ID.into();
    claims.iat -= 7200;
    claims.exp -= 7200;
    let cookie = format!("__Host-sb_site={}", world.issuer.token(&claims));
    let asked = Instant::now();
    let page = world.get("/", &[("Cookie", &cookie), ("Sec-Fetch-Site", "same-origin")]).await;
    assert_eq!(status(&page), 200, "{page}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_site_that_is_switched_off_shows_nothing_of_the_edges_own() {
    let world = World::with_site(|site| site.status = SiteStatus::Inactive).await;
    let fields = fields(&world, Shows::TwoFactors);
    for own in OWN.iter().filter(|own| own.own != Own::Auth) {
        assert_eq!(ask(&world, "GET", own.path, &fields).await, 503, "{}", own.path);
    }
}
