//! A client of the authorization server, as its own program: it sends people to `/authorize`, redeems
//! what comes back, and verifies nothing: that is what tests are for.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    browser::{Browser, encoded},
    forge::claims,
    person::Person,
    rail::{Rail, send},
    world::World,
};

/// What PKCE begins with (RFC 7636 section 4.1).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Where its answers go. Nobody listens there: no test follows.
pub const REDIRECT: &str = "https://app.test/callback";
/// Where people go who signed out. Nobody listens there either.
pub const GOODBYE: &str = "https://app.test/goodbye";
/// The secret of confidential clients, unless another is registered; with characters that HTTP
/// Basic has percent-encoded (RFC 6749 section 2.3.1).
pub const SECRET: &str = "secret: 100% plus + and /=&";
/// What its requests say, and what must come back unchanged.
pub const STATE: &str = "the state";
/// What its requests say for the ID token.
pub const NONCE: &str = "the nonce";

/// A client.
#[derive(Clone)]
pub struct RelyingParty {
    /// Its id.
    pub id: String,
    /// Its secret; `None`: it is public.
    pub secret: Option<String>,
    /// What was answered when it was made.
    pub made: Value,
    /// Whether its requests show a code challenge.
    pub challenges: bool,
    method: String,
    redirect: String,
    scope: String,
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
    /// The ID token; "" without one.
    pub id: String,
    /// Everything that was answered.
    pub body: Value,
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
        assert_eq!(answer.header("cache-control"), "no-store");
        let (access, refresh, id) = (text("access_token"), text("refresh_token"), text("id_token"));
        assert!(!access.is_empty(), "{body}");
        Self { access, refresh, id, body }
    }

    /// The session that the ID token names.
    ///
    /// # Panics
    /// When it names none.
    #[must_use]
    #[track_caller]
    pub fn sid(&self) -> String {
        claims(&self.id)["sid"].as_str().unwrap().to_owned()
    }

    /// The claims of the ID token.
    #[must_use]
    pub fn id_claims(&self) -> Value {
        claims(&self.id)
    }
}

/// Metadata of a client of this world that nobody else has.
fn own_metadata(more: Value) -> Value {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let id = format!("rp-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut metadata = json!({
        "client_id": id,
        "client_name": format!("Client {id}"),
        "redirect_uris": [REDIRECT],
        "post_logout_redirect_uris": [GOODBYE],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid profile email address phone offline_access",
        "first_party": true,
    });
    let Value::Object(more) = more else { panic!("{more}") };
    metadata.as_object_mut().unwrap().extend(more);
    metadata.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    metadata
}

impl World {
    /// A public client of the operator's own, with these metadata besides (`null` takes one away).
    pub async fn relying_party(&self, more: Value) -> RelyingParty {
        let mut metadata = json!({ "token_endpoint_auth_method": "none" });
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.registered(own_metadata(metadata)).await
    }

    /// A client that shows its secret by HTTP Basic and no code challenge, as those of the plan
    /// "basic" do, with these metadata besides (`null` takes one away).
    pub async fn confidential(&self, more: Value) -> RelyingParty {
        let mut metadata = json!({
            "token_endpoint_auth_method": "client_secret_basic",
            "client_secret": SECRET,
            "require_pkce": false,
        });
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.registered(own_metadata(metadata)).await
    }

    /// A client of exactly these metadata, made by command.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn registered(&self, metadata: Value) -> RelyingParty {
        let id = metadata["client_id"].as_str().unwrap();
        let file = self.dir().join(format!("{id}.json"));
        std::fs::write(&file, metadata.to_string()).unwrap();
        let made = ["admin", "create-client", "--from-json", file.to_str().unwrap()];
        let made = self.signalbox(&made).await.json();
        assert_eq!(made["client_id"], id);
        RelyingParty::of(self, &metadata, made)
    }
}

impl RelyingParty {
    /// The client of this answer to a registration, which asked for `metadata`.
    ///
    /// # Panics
    /// When the answer names none.
    #[must_use]
    #[track_caller]
    pub fn of(world: &World, metadata: &Value, made: Value) -> Self {
        let text = |name: &str, otherwise: &str| {
            let told = made[name].as_str().or_else(|| metadata[name].as_str());
            told.unwrap_or(otherwise).to_owned()
        };
        let method = text("token_endpoint_auth_method", "client_secret_basic");
        let secret = Some(text("client_secret", "")).filter(|secret| !secret.is_empty());
        let redirect = metadata["redirect_uris"][0].as_str().unwrap_or(REDIRECT).to_owned();
        let id = made["client_id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        Self {
            id,
            challenges: method == "none",
            secret,
            method,
            redirect,
            scope: "openid".to_owned(),
            rail: world.rail(),
            issuer: world.issuer(),
            made,
        }
    }

    /// The same client, which asks for these scopes from now on.
    #[must_use]
    pub fn asking(&self, scope: &str) -> Self {
        Self { scope: scope.to_owned(), ..self.clone() }
    }

    /// The same client, which calls one of the servers, in turn.
    #[must_use]
    pub fn at(&self, world: &World, number: usize) -> Self {
        Self { rail: world.rail_of(number), ..self.clone() }
    }

    /// The same client with another secret.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), ..self.clone() }
    }

    /// The same client, which proves itself by another method.
    #[must_use]
    pub fn by(&self, method: &str) -> Self {
        Self { method: method.to_owned(), ..self.clone() }
    }

    /// The parameters of a request as this client sends them: with a code challenge where it
    /// shows one.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, String)> {
        let mut asked = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("scope", &self.scope),
            ("state", STATE),
            ("nonce", NONCE),
        ];
        let challenge = challenge(VERIFIER);
        if self.challenges {
            asked.push(("code_challenge", &challenge));
            asked.push(("code_challenge_method", "S256"));
        }
        asked.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The same, with these parameters in the place of those of their names. One without a value
    /// is left out.
    #[must_use]
    pub fn asked_with(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut asked = self.asked();
        asked.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let changes = changes.iter().filter(|(_, value)| !value.is_empty());
        asked.extend(changes.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        asked
    }

    /// Where it sends people.
    #[must_use]
    pub fn url(&self, changes: &[(&str, &str)]) -> String {
        format!("{}/authorize?{}", self.issuer, encoded(&self.asked_with(changes)))
    }

    /// Where it sends people, asking for these scopes.
    #[must_use]
    pub fn authorize_url(&self, scope: &str) -> String {
        self.url(&[("scope", scope)])
    }

    /// Sends a browser to `/authorize`, and answers every page for `person`: the parameters that
    /// come back.
    pub async fn ask(
        &self,
        browser: &mut Browser,
        person: &Person,
        changes: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        browser.get(&self.url(changes)).await;
        through(browser, person).await
    }

    /// The same, and redeems the code.
    pub async fn tokens(
        &self,
        browser: &mut Browser,
        person: &Person,
        changes: &[(&str, &str)],
    ) -> Tokens {
        let arrived = self.ask(browser, person, changes).await;
        let code = arrived.get("code").unwrap_or_else(|| panic!("{arrived:?}"));
        Tokens::of(&self.redeem(code).await)
    }

    /// Signs somebody in with a browser, unless they are signed in there: the parameters of the
    /// answer.
    pub async fn authorize(
        &self,
        browser: &mut Browser,
        person: &Person,
        scope: &str,
    ) -> BTreeMap<String, String> {
        self.ask(browser, person, &[("scope", scope)]).await
    }

    /// The same, and redeems the code.
    pub async fn sign_in(&self, browser: &mut Browser, person: &Person, scope: &str) -> Tokens {
        self.tokens(browser, person, &[("scope", scope)]).await
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str) -> Answer {
        self.redeem_with(code, &[]).await
    }

    /// Redeems a code, with these parameters in the place of those of their names. One without a
    /// value is left out.
    pub async fn redeem_with(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
        ];
        if self.challenges {
            fields.push(("code_verifier", VERIFIER));
        }
        fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.token(&fields).await
    }

    /// Refreshes.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Calls `/token`.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.post("/token", fields).await
    }

    /// Introspects a token.
    pub async fn introspect(&self, token: &str) -> Answer {
        self.post("/introspect", &[("token", token)]).await
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/revoke", &[("token", token)]).await
    }

    /// Pushes a request, with these parameters in the place of those of their names.
    pub async fn push(&self, changes: &[(&str, &str)]) -> Answer {
        let mut fields = self.asked_with(changes);
        fields.retain(|(name, _)| name != "client_id");
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post("/par", &fields).await
    }

    /// Asks who an access token speaks for.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        send(self.rail.request_root("GET", "/userinfo").bearer_auth(access_token)).await
    }

    /// Posts a form to any endpoint, and proves itself as it is registered to.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        send(self.request(path, fields)).await
    }

    /// The same, to be sent.
    pub fn request(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut fields = fields.to_vec();
        let request = self.form_request(path);
        let request = match (self.method.as_str(), &self.secret) {
            ("client_secret_basic", Some(secret)) => {
                request.header("authorization", basic(&self.id, secret))
            }
            ("client_secret_post", Some(secret)) => {
                fields.extend([("client_id", self.id.as_str()), ("client_secret", secret)]);
                request
            }
            _ => {
                fields.push(("client_id", &self.id));
                request
            }
        };
        request.body(form(&fields))
    }

    /// Posts a form to any endpoint, and proves nothing.
    pub async fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        send(self.form_request(path).body(form(fields))).await
    }

    /// A request with a form for any endpoint, without either.
    pub fn form_request(&self, path: &str) -> RequestBuilder {
        self.rail
            .request_root("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
    }
}

/// Answers every page for `person`, until the browser is sent elsewhere: the parameters with which
/// it is. A form that posts itself elsewhere is sent.
///
/// # Panics
/// When a page asks for something else, or an error is shown.
pub async fn through(browser: &mut Browser, person: &Person) -> BTreeMap<String, String> {
    for _ in 0..6 {
        if browser.left().is_some() {
            return browser.arrived();
        }
        let shown = format!("{}: {}", browser.page().url, browser.answer().text);
        let fields = [("username", person.email.as_str()), ("password", &person.password)];
        if has(browser, "password") {
            browser.submit(&fields).await;
        } else if has(browser, "decision") {
            browser.submit(&[("decision", "allow")]).await;
        } else if browser.forms().iter().any(|form| form.action.starts_with("https://app.test")) {
            browser.submit(&[]).await;
        } else {
            panic!("nothing to answer at {shown}");
        }
    }
    panic!("no end of pages, the last {}", browser.page().url)
}

/// Whether the page that is shown has a field or button of this name.
#[must_use]
pub fn has(browser: &Browser, name: &str) -> bool {
    let forms = browser.forms();
    forms.iter().flat_map(|form| &form.controls).any(|(control, _)| control == name)
}

/// The challenge of a verifier (RFC 7636 section 4.2).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// Id and secret, percent-encoded each (RFC 6749 section 2.3.1).
#[must_use]
pub fn basic(id: &str, secret: &str) -> String {
    let part = |text: &str| form(&[("", text)]).trim_start_matches('=').to_owned();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", part(id), part(secret))))
}

/// Fields as a form sends them.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut url: Url = "http://localhost/".parse().unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}
