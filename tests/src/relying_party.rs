//! A client of the authorization server, as its own program: it sends people to `/authorize`, redeems
//! what comes back, and knows nothing else.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    browser::Browser,
    forge::claims,
    person::Person,
    rail::{Rail, send},
    world::World,
};

/// What PKCE begins with (RFC 7636 section 4.1).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Where its answers go. Nobody listens there: no test follows.
pub const REDIRECT: &str = "https://app.test/callback";

/// A client, public, which asks nobody for consent.
#[derive(Clone)]
pub struct RelyingParty {
    /// Its id.
    pub id: String,
    rail: Rail,
    issuer: String,
}

/// What it got for a code or a refresh token.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token; "" without one.
    pub refresh: String,
    /// The ID token.
    pub id: String,
}

impl Tokens {
    /// Those of an answer of `/token`.
    ///
    /// # Panics
    /// When it holds none.
    #[must_use]
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        let body = answer.expect(200).json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(body["token_type"], "Bearer", "{body}");
        Self { access: text("access_token"), refresh: text("refresh_token"), id: text("id_token") }
    }

    /// The session that the ID token names.
    #[must_use]
    pub fn sid(&self) -> String {
        claims(&self.id)["sid"].as_str().unwrap().to_owned()
    }
}

impl World {
    /// A client with these metadata besides its own.
    pub async fn relying_party(&self, more: Value) -> RelyingParty {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let id = format!("rp-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut metadata = json!({
            "client_id": id,
            "client_name": format!("Client {id}"),
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": "openid profile email offline_access",
            "first_party": true,
        });
        let more = more.as_object().unwrap().clone();
        metadata.as_object_mut().unwrap().extend(more);
        let file = self.dir().join(format!("{id}.json"));
        std::fs::write(&file, metadata.to_string()).unwrap();
        let made = ["admin", "create-client", "--from-json", file.to_str().unwrap()];
        assert_eq!(self.signalbox(&made).await.json()["client_id"], id.as_str());
        RelyingParty { id, rail: self.rail(), issuer: self.issuer() }
    }
}

impl RelyingParty {
    /// Where it sends people.
    #[must_use]
    pub fn authorize_url(&self, scope: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let mut url: Url = format!("{}/authorize", self.issuer).parse().unwrap();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("scope", scope),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        url.into()
    }

    /// Signs somebody in with a browser, unless they are signed in there: the parameters of the
    /// answer.
    pub async fn authorize(
        &self,
        browser: &mut Browser,
        person: &Person,
        scope: &str,
    ) -> std::collections::BTreeMap<String, String> {
        browser.get(&self.authorize_url(scope)).await;
        if browser.left().is_none() {
            let fields = [("username", person.email.as_str()), ("password", &person.password)];
            browser.submit(&fields).await;
        }
        browser.arrived()
    }

    /// The same, and redeems the code.
    pub async fn sign_in(&self, browser: &mut Browser, person: &Person, scope: &str) -> Tokens {
        let arrived = self.authorize(browser, person, scope).await;
        Tokens::of(&self.redeem(&arrived["code"]).await)
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str) -> Answer {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    /// Refreshes.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Calls `/token`.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.post("/token", fields).await
    }

    /// Posts a form, with its `client_id`, to any endpoint.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut url: Url = "http://localhost/".parse().unwrap();
        url.query_pairs_mut().append_pair("client_id", &self.id).extend_pairs(fields);
        let body = url.query().unwrap_or_default().to_owned();
        let request = self
            .rail
            .request_root("POST", path)
            .header("content-type", "application/x-www-form-urlencoded");
        send(request.body(body)).await
    }
}
