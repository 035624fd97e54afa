//! What clients and browsers are answered at the endpoints of the authorization server while a store
//! is away or silent, and afterwards (rule 36). There are none to go away in an embedded world.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tests::{
    Answer, Person, World,
    browser::Browser,
    link::Link,
    process::until,
    rail::{Rail, send},
    relying_party::{REDIRECT, RelyingParty, Tokens, basic, form},
    world::Kind,
};

/// How long an answer may take, whatever is away.
const BOUND: Duration = Duration::from_secs(5);
/// How long it may take to notice that a store is back.
const RECOVERY: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Redis,
    Postgres,
}

impl Store {
    fn link(self, world: &World) -> &Link {
        match self {
            Self::Redis => &world.stores().redis,
            Self::Postgres => &world.stores().postgres,
        }
    }
}

/// One thing that is asked.
struct Operation {
    name: &'static str,
    request: RequestBuilder,
    /// The status of its answer when all is well.
    well: u16,
    /// What it cannot be answered without; without the other it may be.
    needs: &'static [Store],
}

const BOTH: &[Store] = &[Store::Redis, Store::Postgres];

/// What is asked with: one thing for each operation, so that none disturbs another.
struct Prepared {
    client: RelyingParty,
    person: Person,
    /// What a browser that is signed in holds.
    cookie: String,
    live: Tokens,
    renewed: Tokens,
    given_back: Tokens,
    registered: Value,
}

impl Prepared {
    async fn new(world: &World) -> Self {
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        let more = json!({ "grant_types": ["authorization_code", "refresh_token", device] });
        let (client, person) = (world.confidential(more).await, world.person().await);
        let mut browser = Browser::new(world);
        let live = client.tokens(&mut browser, &person, &[]).await;
        let renewed = client.tokens(&mut browser, &person, &[]).await;
        let given_back = client.tokens(&mut browser, &person, &[]).await;
        let cookie = format!("sb_session={}", browser.cookie("sb_session").unwrap().value);
        let args = ["admin", "create-initial-access-token", "--name", "faults"];
        let made = world.signalbox(&args).await.json();
        let metadata = json!({ "grant_types": ["client_credentials"] });
        let register = world.rail().request_root("POST", "/register").json(&metadata);
        let register = register.bearer_auth(made["token"].as_str().unwrap());
        let registered = send(register).await.expect(201).json();
        Self { client, person, cookie, live, renewed, given_back, registered }
    }

    /// Everything that needs a store.
    fn operations(&self, rail: &Rail) -> Vec<Operation> {
        let secret = self.client.secret.as_deref().unwrap();
        let post = |path: &str, fields: &[(&str, &str)]| {
            let request = self.client.form_request(path).body(form(fields));
            request.header("authorization", basic(&self.client.id, secret))
        };
        let text = |name: &str| self.registered[name].as_str().unwrap().to_owned();
        let itself = format!("/register/{}", text("client_id"));
        let itself = rail.request_root("GET", &itself);
        let asked = format!(
            "/authorize?{}",
            form(&[
                ("response_type", "code"),
                ("client_id", &self.client.id),
                ("redirect_uri", REDIRECT),
                ("scope", "openid"),
            ])
        );
        let in_browser = |path: &str| rail.request_root("GET", path).header("cookie", &self.cookie);
        let credentials = [("username", &*self.person.email), ("password", &*self.person.password)];
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*self.renewed.refresh)];
        let pushed = [("response_type", "code"), ("redirect_uri", REDIRECT), ("scope", "openid")];
        let operation = |name, request, well, needs| Operation { name, request, well, needs };
        vec![
            operation("authorize", in_browser(&asked), 303, BOTH),
            operation("token", post("/token", &refresh), 200, BOTH),
            operation(
                "userinfo",
                rail.request_root("GET", "/userinfo").bearer_auth(&self.live.access),
                200,
                BOTH,
            ),
            operation(
                "introspect",
                post("/introspect", &[("token", &self.live.access)]),
                200,
                BOTH,
            ),
            operation(
                "introspect a refresh token",
                post("/introspect", &[("token", &self.live.refresh)]),
                200,
                BOTH,
            ),
            operation("revoke", post("/revoke", &[("token", &self.given_back.refresh)]), 200, BOTH),
            operation("par", post("/par", &pushed), 201, &[Store::Redis]),
            operation(
                "device_authorization",
                post("/device_authorization", &[("scope", "openid")]),
                200,
                &[Store::Redis],
            ),
            operation(
                "register",
                itself.bearer_auth(text("registration_access_token")),
                200,
                &[Store::Postgres],
            ),
            operation(
                "login",
                self.client.form_request("/login").body(form(&credentials)),
                200,
                BOTH,
            ),
            operation("the account that is signed in", in_browser("/login"), 200, BOTH),
            operation("end_session", in_browser("/end_session"), 200, BOTH),
        ]
    }
}

/// Asks for everything at once.
async fn answers(operations: Vec<Operation>) -> Vec<(Operation, Answer)> {
    join_all(operations.into_iter().map(|operation| async move {
        let sent = Instant::now();
        let answer = send(operation.request.try_clone().unwrap()).await;
        assert!(sent.elapsed() <= BOUND, "{}: {:?}", operation.name, sent.elapsed());
        (operation, answer)
    }))
    .await
}

/// Whether whoever asks is told to come again: by a status, or, where the client is known, by the error
/// that goes back to it (RFC 6749 section 4.1.2.1).
#[track_caller]
fn unavailable(name: &str, answer: &Answer) {
    if answer.status == 303 {
        let location = answer.header("location");
        assert!(
            location.starts_with(REDIRECT) && location.contains("error=temporarily_unavailable"),
            "{name}: {location}"
        );
        return;
    }
    assert_eq!(answer.status, 503, "{name}: {}", answer.text);
    assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{name}: {answer:?}");
    if answer.header("content-type").starts_with("application/json") {
        assert_eq!(answer.json()["error"], "temporarily_unavailable", "{name}");
    } else {
        assert!(answer.text.contains("<h1"), "{name}: {}", answer.text);
    }
}

async fn goes_away(store: Store) {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let world = World::plan().apart().start().await;
    let rail = world.rail();
    let faults: [fn(&Link); 2] = [Link::cut, Link::silence];
    for fault in faults {
        let prepared = Prepared::new(&world).await;
        fault(store.link(&world));
        for (operation, answer) in answers(prepared.operations(&rail)).await {
            if operation.needs.contains(&store) || answer.status != operation.well {
                unavailable(operation.name, &answer);
            }
        }
        // What is said of the server needs none.
        for path in
            ["/.well-known/openid-configuration", "/.well-known/jwks.json", "/check_session"]
        {
            rail.root("GET", path).await.expect(200);
        }
        store.link(&world).mend();
        let mended = Instant::now();
        until("it is ready again", Duration::from_secs(20), async || {
            (rail.root("GET", "/health/ready").await.status == 200).then_some(())
        })
        .await;
        assert!(mended.elapsed() <= RECOVERY, "{:?}", mended.elapsed());
        // Nothing was half done: the same tokens are good, and the same sign-in.
        for (operation, answer) in answers(prepared.operations(&rail)).await {
            let Operation { name, well, .. } = operation;
            assert_eq!(answer.status, well, "{name}: {}", answer.text);
            match name {
                "authorize" => {
                    let code = answer.header("location").split_once("code=").unwrap().1;
                    let code = code.split('&').next().unwrap();
                    prepared.client.redeem(code).await.expect(200);
                }
                "introspect" | "introspect a refresh token" => {
                    assert_eq!(answer.json()["active"], true, "{name}");
                }
                _ => {}
            }
        }
        let over = prepared.client.introspect(&prepared.given_back.access).await;
        assert_eq!(over.json(), json!({ "active": false }));
    }
}

#[tokio::test]
async fn without_redis_clients_are_told_to_come_again() {
    goes_away(Store::Redis).await;
}

#[tokio::test]
async fn without_postgres_clients_are_told_to_come_again() {
    goes_away(Store::Postgres).await;
}
