//! Every route × every kind of credential × every state of its owner: what is not expressly
//! allowed is refused. The routes are those that the program under test prints, and what is
//! expected follows from what each says it asks for: nobody has to remember a new one here.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    browser::Browser,
    forge::{claims, foreign_es256, header, token},
    outbox::token_of,
    rail::{Rail, send},
    relying_party::RelyingParty,
};

use crate::minutes;

/// What a browser holds of its sessions.
const SESSION: &str = "sb_session";

/// A row of `signalbox routes`.
struct Route {
    surface: String,
    method: String,
    path: String,
    credential: String,
    fresh: bool,
    /// The members of its body, and whether each may be left out.
    takes: Vec<(String, bool)>,
}

async fn routes(world: &World) -> Vec<Route> {
    let printed = world.signalbox(&["routes"]).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let route = |row: &Value| Route {
        surface: text(&row["surface"]),
        method: text(&row["method"]),
        path: text(&row["path"]),
        credential: text(&row["credential"]),
        fresh: row["fresh"].as_bool().unwrap(),
        takes: row["takes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| (text(&field["name"]), field["optional"].as_bool().unwrap()))
            .collect(),
    };
    printed.as_array().unwrap().iter().map(route).collect()
}

impl Route {
    /// Its path with something in the place of each parameter.
    fn address(&self) -> String {
        let parts = self.path.split('/').map(|part| {
            if part.starts_with('{') { "0199ffff-0000-7000-8000-000000000000" } else { part }
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn is_enveloped(&self) -> bool {
        self.path.starts_with("/api/") && self.surface != "OAuth"
    }

    /// Calls it: a status, and the code of a refusal in the envelope.
    async fn call(
        &self,
        rail: &Rail,
        presented: Presented,
        credential: Option<&str>,
        body: &Value,
    ) -> (u16, String) {
        let request = rail.request_root(&self.method, &self.address());
        let request = match (presented, credential) {
            (Presented::BrowserSession, Some(held)) => {
                request.header("cookie", format!("{SESSION}={held}"))
            }
            (_, Some(bearer)) => request.bearer_auth(bearer),
            (_, None) => request,
        };
        let request = match (self.method.as_str(), self.surface.as_str()) {
            ("GET" | "DELETE", _) => request,
            (_, "Pages" | "OAuth") => {
                request.header("content-type", "application/x-www-form-urlencoded").body("")
            }
            (_, "Feed") => request.json(&json!({ "seq": 0 })),
            _ => {
                let mut body = body.clone();
                // What is counted is counted by the address.
                if body.get("email").is_some() {
                    body["email"] = Person::new().email.into();
                }
                request.json(&body)
            }
        };
        if self.surface == "Feed" {
            // Its answer has no end.
            return (request.send().await.unwrap().status().as_u16(), String::new());
        }
        let answer = send(request).await;
        let code = if self.is_enveloped() { code(&answer) } else { String::new() };
        (answer.status, code)
    }
}

fn code(answer: &Answer) -> String {
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// What is presented, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presented {
    Nothing,
    Garbage,
    /// An access token an hour and more old.
    Expired,
    /// The claims of a good access token, signed with a key of somebody else.
    OfAnotherKey,
    /// A good access token of another installation.
    OfAnotherIssuer,
    /// An access token of a session that was ended.
    OfAnEndedSession,
    /// An access token whose audience is a site.
    ForASite,
    IdToken,
    RefreshToken,
    EdgeCredential,
    /// Half a sign-in of somebody with a factor.
    HalfToVerify,
    /// Half a sign-in of somebody who must set a factor up.
    HalfToEnrol,
    /// The token mailed to somebody whose account is pending.
    MailedToPending,
    /// The token of the link for the first admin.
    SetupLink,
    /// An access token of somebody active without a factor, just signed in.
    OneFactor,
    /// The same, whose proof is older than five minutes.
    Stale,
    /// An access token of somebody active who has just proved a second factor.
    TwoFactors,
    /// A token with which clients register themselves.
    InitialAccess,
    /// The token with which some client manages itself.
    Registration,
    /// An access token that a client got for a code, with `openid`, meant for this server.
    OfAClient,
    /// What a browser holds of its session, as a cookie.
    BrowserSession,
    /// A personal API key of somebody active who had just proved a second factor.
    ApiKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Let in: what is said then is about the request and not about who asks.
    Admitted,
    /// 401.
    Refused,
    /// 403: it is known who asks, and that this is not for them.
    Forbidden,
    /// 403, and how to get there.
    StepUp,
    /// Answered as if nothing had been presented: it does not count there.
    AsNobody,
    /// On a page, which is about whoever is signed in there, or about nobody.
    Shown,
}

/// The whole policy. Whatever is not named lets nobody in.
fn expected(route: &Route, presented: Presented) -> Expected {
    use Presented as P;
    let Route { surface, credential, fresh, .. } = route;
    let (credential, fresh) = (credential.as_str(), *fresh);
    if presented == P::BrowserSession {
        let is_page = ["Pages", "OAuth"].contains(&surface.as_str())
            && ["none", "link", "form", "browser session"].contains(&credential);
        return if is_page { Expected::Shown } else { Expected::AsNobody };
    }
    let as_bearer = match presented {
        P::OneFactor | P::TwoFactors => Expected::Admitted,
        P::Stale if fresh => Expected::StepUp,
        P::Stale => Expected::Admitted,
        _ => Expected::Refused,
    };
    match (credential, presented) {
        ("bearer or mfaToken to verify", P::HalfToVerify)
        | ("bearer or mfaToken to enrol", P::HalfToEnrol)
        | ("any bearer or mfaToken", P::HalfToVerify | P::HalfToEnrol | P::ForASite)
        | ("edge", P::EdgeCredential)
        | ("access token with openid", P::OfAClient)
        | ("initial access token", P::InitialAccess) => Expected::Admitted,
        // Theirs are of the JSON surface, which knows no scopes. And nobody here is an admin: while
        // there is none, there is a link for the first one.
        ("access token with openid" | "admin", P::OneFactor | P::Stale | P::TwoFactors) => {
            Expected::Forbidden
        }
        (
            "bearer"
            | "bearer or mfaToken to verify"
            | "bearer or mfaToken to enrol"
            | "any bearer or mfaToken",
            _,
        ) => as_bearer,
        (
            "none" | "loopback" | "refresh token" | "one-time token" | "link" | "form"
            | "browser session",
            _,
        ) => Expected::AsNobody,
        _ => Expected::Refused,
    }
}

/// The people whose credentials are presented: to each kind its own, so that no call ends what
/// another needs.
struct People {
    one_factor: Person,
    stale: Person,
    two_factors: Person,
    half: Person,
    enrolling: Person,
    for_a_site: Person,
    ended: Person,
    elsewhere: Person,
    expired: String,
    edge: String,
    initial_access: String,
    registration: String,
    client: RelyingParty,
    browser: Browser,
    in_a_browser: Person,
    api_key: String,
}

impl People {
    async fn new(world: &World, other: &World) -> Self {
        let made = world.signalbox(&["admin", "create-edge", "--name", "table"]).await.json();
        let early = world.person().await;
        let args = ["admin", "create-initial-access-token", "--name", "table"];
        let initial_access = world.signalbox(&args).await.json();
        let initial_access = initial_access["token"].as_str().unwrap().to_owned();
        Self {
            one_factor: world.person().await,
            stale: world.person().await,
            two_factors: world.enrolled().await,
            half: world.enrolled().await,
            enrolling: world.person().await,
            for_a_site: world.person().await,
            ended: world.person().await,
            elsewhere: other.person().await,
            expired: world.sign_in(&early).await.access,
            edge: made["credential"].as_str().unwrap().to_owned(),
            registration: registration(world, &initial_access).await,
            api_key: api_key(world).await,
            initial_access,
            client: world.relying_party(json!({})).await,
            browser: Browser::new(world),
            in_a_browser: world.person().await,
        }
    }

    /// One credential of every kind, each as good as it can be. Puts the clocks forward.
    async fn present(&mut self, worlds: &mut [World; 2]) -> Vec<(Presented, Option<String>)> {
        let stale = worlds[0].sign_in(&self.stale).await.access;
        for world in worlds.iter_mut() {
            world.advance(minutes(6));
        }
        let [world, other] = worlds;
        let rail = world.rail();
        let Session { access, refresh, id, .. } = world.sign_in(&self.one_factor).await;
        let ended = world.sign_in(&self.ended).await.access;
        drop(rail.call_as(&ended, "POST", "/logout").await.data(200));
        let mut enrolling = self.enrolling.credentials();
        enrolling["siteKey"] = "demo".into();
        let enrolling = rail.post("/login", enrolling).await.data(200);
        let pending = Person::new();
        drop(rail.post("/register", pending.registration()).await.data(201));
        let setup = world.signalbox(&["admin", "setup-link"]).await;
        let of_a_client = self.client.tokens(&mut self.browser, &self.in_a_browser, &[]).await;
        let browser_session = self.browser.cookie(SESSION).unwrap().value.clone();
        let forged = token(&header(&access), &claims(&access), foreign_es256());
        let presented = [
            (Presented::Garbage, "nonsense".to_owned()),
            (Presented::Expired, self.expired.clone()),
            (Presented::OfAnotherKey, forged),
            (Presented::OfAnotherIssuer, other.sign_in(&self.elsewhere).await.access),
            (Presented::OfAnEndedSession, ended),
            (Presented::ForASite, world.sign_in_for(&self.for_a_site, "open").await.access),
            (Presented::IdToken, id),
            (Presented::RefreshToken, refresh),
            (Presented::EdgeCredential, self.edge.clone()),
            (Presented::HalfToVerify, world.half_sign_in(&self.half).await),
            (Presented::HalfToEnrol, enrolling["mfaToken"].as_str().unwrap().to_owned()),
            (Presented::MailedToPending, world.mailed_token(&pending.email).await),
            (Presented::SetupLink, token_of(&setup.out).unwrap()),
            (Presented::OneFactor, access),
            (Presented::Stale, stale),
            (Presented::TwoFactors, world.sign_in(&self.two_factors).await.access),
            (Presented::InitialAccess, self.initial_access.clone()),
            (Presented::Registration, self.registration.clone()),
            (Presented::OfAClient, of_a_client.access),
            (Presented::BrowserSession, browser_session),
            (Presented::ApiKey, self.api_key.clone()),
        ];
        let presented = presented.into_iter().map(|(what, token)| (what, Some(token)));
        [(Presented::Nothing, None)].into_iter().chain(presented).collect()
    }
}

/// An API key, good at the site that anybody may enter: whatever its owner may, it may not do here.
async fn api_key(world: &World) -> String {
    let access = world.sign_in(&world.enrolled().await).await.access;
    let wanted = json!({ "name": "table", "sites": ["open"] });
    let request = world.rail().request_root("POST", "/api/v1/account/api-keys");
    let made = send(request.bearer_auth(access).json(&wanted)).await.data(201);
    made["apiKey"].as_str().unwrap().to_owned()
}

/// The token with which a new client manages itself.
async fn registration(world: &World, initial_access: &str) -> String {
    let metadata = json!({ "grant_types": ["client_credentials"] });
    let request = world.rail().request_root("POST", "/register").bearer_auth(initial_access);
    let made = send(request.json(&metadata)).await;
    made.expect(201).json()["registration_access_token"].as_str().unwrap().to_owned()
}

/// A site that asks for no second factor, so that somebody without one has a token for it.
async fn open_site(world: &World) {
    let site = json!({
        "site_key": "open",
        "name": "Open",
        "base_url": "http://open.localhost",
        "hosts": ["open.localhost"],
        "upstreams": ["http://127.0.0.1:9"],
        "policy": { "require": "signed_in", "accept": { "api_key": {} } },
    });
    drop(world.create_site(&site).await);
}

/// The example of a body, from the server's description of itself.
fn example(document: &Value, route: &Route) -> Value {
    let operation = &document["paths"][&route.path][route.method.to_lowercase()];
    match &operation["requestBody"]["content"]["application/json"]["example"] {
        Value::Null => json!({}),
        example => example.clone(),
    }
}

#[tokio::test]
async fn every_route_refuses_every_credential_that_it_does_not_expressly_take() {
    let mut worlds: [World; 2] = tokio::join!(World::start(), World::start()).into();
    open_site(&worlds[0]).await;
    let mut people = People::new(&worlds[0], &worlds[1]).await;
    for world in &mut worlds {
        world.advance(minutes(61));
    }
    let document = worlds[0].rail().root("GET", "/openapi.json").await.json();
    let mut wrong = Vec::new();
    for route in routes(&worlds[0]).await {
        let presented = people.present(&mut worlds).await;
        let rail = worlds[0].rail();
        let bodies = [json!({}), example(&document, &route)];
        let nobody = async |body: &Value| route.call(&rail, Presented::Nothing, None, body).await;
        let nobody = [nobody(&bodies[0]).await, nobody(&bodies[1]).await];
        for (presented, credential) in presented {
            let expected = expected(&route, presented);
            // What is admitted may be acted upon, and what opened it be spent: once is enough.
            let tried = match expected {
                Expected::Admitted => 0..1,
                Expected::StepUp | Expected::Forbidden => 1..2,
                Expected::Refused | Expected::AsNobody | Expected::Shown => 0..2,
            };
            for (body, nobody) in bodies[tried.clone()].iter().zip(&nobody[tried.clone()]) {
                let answer = route.call(&rail, presented, credential.as_deref(), body).await;
                let (status, code) = (answer.0, answer.1.as_str());
                let is_right = match expected {
                    Expected::Admitted => status < 500 && ![401, 403].contains(&status),
                    Expected::Forbidden if !route.is_enveloped() => status == 403,
                    Expected::Forbidden => (status, code) == (403, "FORBIDDEN"),
                    Expected::StepUp => (status, code) == (403, "STEP_UP_REQUIRED"),
                    Expected::Refused if route.is_enveloped() => {
                        let nothing = presented == Presented::Nothing;
                        let code_is = if nothing { "UNAUTHORIZED" } else { "INVALID_TOKEN" };
                        (status, code) == (401, code_is)
                    }
                    Expected::Refused => status == 401,
                    Expected::AsNobody => answer == *nobody && status < 500,
                    Expected::Shown => status < 500,
                };
                if !is_right {
                    let Route { method, path, .. } = &route;
                    wrong.push(format!(
                        "{method} {path} {body}, {presented:?}: {expected:?}, got {answer:?}"
                    ));
                }
            }
        }
        // What asks for something gives nothing to nobody; a page sends them to sign in.
        if !["none", "loopback"].contains(&route.credential.as_str()) {
            let is_page = route.credential == "browser session" && route.method == "GET";
            for (status, _) in nobody {
                let is_refused = (400..500).contains(&status) || (is_page && status == 303);
                if !is_refused {
                    wrong.push(format!("{} {}: nobody got {status}", route.method, route.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn no_token_counts_in_a_body_as_one_of_another_kind() {
    let mut worlds: [World; 2] = tokio::join!(World::start(), World::start()).into();
    open_site(&worlds[0]).await;
    let mut people = People::new(&worlds[0], &worlds[1]).await;
    let document = worlds[0].rail().root("GET", "/openapi.json").await.json();
    let mut tried = 0;
    for route in routes(&worlds[0]).await {
        let field = match (route.credential.as_str(), route.surface.as_str()) {
            ("refresh token", _) => "refreshToken",
            ("one-time token" | "form", _) => "token",
            ("bearer or mfaToken to verify" | "bearer or mfaToken to enrol", _) => "mfaToken",
            _ => continue,
        };
        let presented = people.present(&mut worlds).await;
        for (presented, token) in presented {
            let own = match field {
                "refreshToken" => presented == Presented::RefreshToken,
                "token" => [Presented::MailedToPending, Presented::SetupLink].contains(&presented),
                _ => {
                    expected(&route, presented) == Expected::Admitted
                        && [Presented::HalfToVerify, Presented::HalfToEnrol].contains(&presented)
                }
            };
            let Some(token) = token.filter(|_| !own) else { continue };
            tried += 1;
            let rail = worlds[0].rail();
            if route.credential == "form" {
                // Forms of the flows hold no token: what they go by is a cookie.
                if route.surface == "OAuth" {
                    continue;
                }
                let answer = rail.form(&route.path, &[("token", &token)]).await;
                assert!((400..500).contains(&answer.status), "{}: {presented:?}", route.path);
                continue;
            }
            let mut body = example(&document, &route);
            body[field] = token.into();
            let request = rail.request_root(&route.method, &route.path).json(&body);
            let answer = send(request).await;
            answer.refused(401, "INVALID_TOKEN");
        }
    }
    assert!(tried > 50, "only {tried}");
}

#[tokio::test]
async fn what_is_for_this_machine_alone_is_not_there_under_another_name() {
    let world = World::shared().await;
    let rail = world.rail();
    let local: Vec<Route> =
        routes(&world).await.into_iter().filter(|route| route.credential == "loopback").collect();
    assert!(!local.is_empty());
    for route in local {
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1"] {
            let request = rail.request_root(&route.method, &route.path).header("host", host);
            send(request).await.expect(404);
        }
    }
}

#[tokio::test]
async fn the_fields_that_are_documented_are_those_that_are_taken() {
    let world = World::start().await;
    let rail = world.rail();
    let admin = world.sign_in(&world.admin().await).await.access;
    // What a GET takes is in its query.
    let documented = routes(&world).await.into_iter();
    let documented = documented.filter(|route| !route.takes.is_empty() && route.method != "GET");
    for route in documented.filter(Route::is_enveloped) {
        let bearer = match route.credential.as_str() {
            "admin" => admin.clone(),
            _ => world.sign_in(&world.person().await).await.access,
        };
        let call = async |body: &Value| {
            let request = rail.request_root(&route.method, &route.path).json(body);
            send(request.bearer_auth(&bearer)).await
        };
        let all: BTreeSet<String> = route.takes.iter().map(|(name, _)| name.clone()).collect();
        let required = route.takes.iter().filter(|(_, optional)| !optional);
        let required: BTreeSet<String> = required.map(|(name, _)| name.clone()).collect();

        // Nothing of that kind can be taken; what is known is told apart from what is not.
        let mut body: Value = all.iter().map(|name| (name.clone(), json!([[]]))).collect();
        body["nonsense"] = 1.into();
        let error = call(&body).await.error(422, "VALIDATION_ERROR");
        let named = |known: bool| -> BTreeSet<String> {
            let details = error["details"].as_array().unwrap().iter();
            let details = details.filter(|detail| {
                detail["message"].as_str().unwrap().contains("not known here") != known
            });
            details.map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(named(true), all, "{}", route.path);
        assert_eq!(named(false), ["nonsense".to_owned()].into(), "{}", route.path);

        if !required.is_empty() {
            let missing = call(&json!({})).await.wrong_fields();
            assert_eq!(BTreeSet::from_iter(missing), required, "{}", route.path);
        }
    }
}

#[tokio::test]
async fn the_routes_that_are_documented_are_those_that_are_there() {
    let world = World::shared().await;
    let document = world.rail().root("GET", "/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let routes = routes(&world).await;
    let there: BTreeSet<_> =
        routes.iter().map(|route| (route.method.clone(), route.path.clone())).collect();
    assert!(documented.is_subset(&there));
    let api = routes.iter().filter(|r| r.path.starts_with("/api/") && r.method != "OPTIONS");
    for route in api {
        let Route { method, path, .. } = route;
        assert!(documented.contains(&(method.clone(), path.clone())), "{method} {path}");
    }
}
