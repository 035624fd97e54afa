//! What every kind of operation is answered with while a store is away, silent or slow, and
//! afterwards (rules 36 and 37). There are none to go away in an embedded world; there the disk
//! is full.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    edge::DEMO,
    forge::claims,
    link::Link,
    person::{refresh, verify},
    process::until,
    rail::{Rail, send, try_send},
    world::Kind,
};

use crate::ends_at_the_edge;

/// How long an answer may take, whatever is away: the server gives up waiting after 4 s.
const BOUND: Duration = Duration::from_secs(5);
/// How long it may take to notice that a store is back.
const RECOVERY: Duration = Duration::from_secs(2);
/// A way that is as good as none, 1.5 s there and back; and one on which each step of an operation
/// comes through, and all of them take too long.
const CRAWLS: [Duration; 2] = [Duration::from_millis(750), Duration::from_millis(200)];
/// A way that is only long: 40 ms there and back.
const LONG: Duration = Duration::from_millis(20);
/// How many come at once while nothing is answered.
const CROWD: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Redis,
    Postgres,
}

impl Store {
    /// What `/health/ready` calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Redis => "sessions",
            Self::Postgres => "identity",
        }
    }

    fn link(self, world: &World) -> &Link {
        match self {
            Self::Redis => &world.stores().redis,
            Self::Postgres => &world.stores().postgres,
        }
    }
}

/// What is asked with: one thing for each operation, so that none disturbs another.
struct Prepared {
    /// With an authenticator.
    person: Person,
    /// Goes on.
    live: Session,
    /// To be revoked by [`live`](Self::live).
    spare: Session,
    /// To be signed out.
    leaving: Session,
    /// Ended before.
    dead: Session,
    /// A sign-in that waits for a code.
    half: String,
    /// Without an authenticator.
    plain: Person,
    /// A session of theirs to be refreshed.
    renewed: Session,
    /// An address to be proved, and the token from the mail.
    link: String,
    /// Somebody who has forgotten their password, and the token from the mail.
    forgetful: (Person, String),
    /// Somebody at whom every guess of this quarter of an hour has been used up.
    guessed: Person,
}

impl Prepared {
    async fn new(world: &mut World) -> Self {
        let rail = world.rail();
        let person = world.enrolled().await;
        let plain = world.person().await;
        let renewed = world.sign_in(&plain).await;
        let spare = world.sign_in_with_backup_code(&person).await;
        let mut sessions = Vec::new();
        for code in &person.backup_codes[1..4] {
            let half = world.half_sign_in(&person).await;
            sessions.push(Session::of(&verify(&rail, &half, code).await.data(200)));
        }
        let [live, leaving, dead] = <[Session; 3]>::try_from(sessions).unwrap();
        drop(rail.post_as(&dead.access, "/logout", json!({})).await.data(200));
        ends_at_the_edge(&world.edge(), &dead.access).await;
        let half = world.half_sign_in(&person).await;
        let pending = Person::new();
        drop(rail.post("/register", pending.registration()).await.data(201));
        let link = world.mailed_token(&pending.email).await;
        let forgetful = world.person().await;
        let address = json!({ "email": forgetful.email });
        drop(rail.post("/forgot-password", address).await.data(202));
        let token = world.mailed_token(&forgetful.email).await;
        let forgetful = (forgetful, token);
        let guessed = world.person().await;
        for _ in 0..10 {
            rail.post("/login", wrong(&guessed)).await.refused(401, "INVALID_CREDENTIALS");
        }
        rail.post("/login", wrong(&guessed)).await.refused(429, "RATE_LIMITED");
        Self { person, live, spare, leaving, dead, half, plain, renewed, link, forgetful, guessed }
    }

    /// Every operation that needs a store, and the status of its answer when all is well.
    fn operations(&self, rail: &Rail) -> Vec<(&'static str, RequestBuilder, u16)> {
        let post = |path: &str, body: Value| rail.request("POST", path).json(&body);
        let get = |path: &str| rail.request("GET", path).bearer_auth(&self.live.access);
        let spare = claims(&self.spare.access)["sid"].as_str().unwrap().to_owned();
        let spare = rail.request("DELETE", &format!("/sessions/{spare}"));
        // A third code of one and the same moment may have been shown already: a backup code.
        let proof = json!({ "mfaToken": self.half, "code": self.person.backup_codes[4] });
        let refresh_token = json!({ "refreshToken": self.renewed.refresh });
        let leaving = rail.request("POST", "/logout").bearer_auth(&self.leaving.access);
        let address = json!({ "email": "somebody@example.com" });
        let (forgetful, token) = &self.forgetful;
        let anew = format!("{} anew", forgetful.password);
        let reset = json!({ "token": token, "password": anew });
        vec![
            ("login", post("/login", self.plain.credentials()), 200),
            ("login with a wrong password", post("/login", wrong(&self.plain)), 401),
            ("login beyond the budget", post("/login", wrong(&self.guessed)), 429),
            ("refresh", post("/refresh", refresh_token), 200),
            ("me", get("/me"), 200),
            ("session list", get("/sessions"), 200),
            ("session revoke", spare.bearer_auth(&self.live.access), 200),
            ("logout", leaving.json(&json!({})), 200),
            ("register", post("/register", Person::new().registration()), 201),
            ("resend-verification", post("/resend-verification", address.clone()), 202),
            ("forgot-password", post("/forgot-password", address), 202),
            ("reset-password", post("/reset-password", reset), 200),
            ("verify-email", post("/verify-email", json!({ "token": self.link })), 200),
            ("mfa/verify", post("/mfa/verify", proof), 200),
        ]
    }
}

fn wrong(person: &Person) -> Value {
    json!({ "email": person.email, "password": "wrong guess" })
}

/// Asks for everything at once.
async fn answers(
    operations: Vec<(&'static str, RequestBuilder, u16)>,
) -> Vec<(&'static str, Answer, u16)> {
    join_all(operations.into_iter().map(|(name, request, well)| async move {
        let sent = Instant::now();
        let answer = send(request).await;
        assert!(sent.elapsed() <= BOUND, "{name}: {:?}", sent.elapsed());
        (name, answer, well)
    }))
    .await
}

#[track_caller]
fn unavailable(name: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{name}: {}", answer.text);
    answer.refused(503, "UNAVAILABLE");
    assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{name}: {answer:?}");
}

/// What needs no store is answered, readiness tells what is missing, and at the edge everything
/// is as it was.
async fn the_rest_goes_on(world: &World, prepared: &Prepared, missing: &str) {
    let rail = world.rail();
    rail.root("GET", "/health/live").await.expect(200);
    let keys = rail.root("GET", "/.well-known/jwks.json").await;
    let keys = keys.expect(200).json()["keys"].as_array().unwrap().clone();
    assert!(keys.iter().any(|key| key["alg"] == "ES256"), "{keys:?}");
    until("it says what is missing", Duration::from_secs(5), async || {
        let ready = rail.root("GET", "/health/ready").await;
        // Signing keys are in the identity store too: who starts without it has none to sign with.
        let names = [json!([missing]), json!([missing, "keys"])];
        (ready.status == 503 && names.contains(&ready.json()["missing"])).then_some(())
    })
    .await;
    world.edge().demo(&prepared.live.access).await.expect(200);
    world.edge().demo(&prepared.dead.access).await.expect(401);
}

/// Ready again in time; then everything is answered as it should be.
async fn all_is_well(world: &World, prepared: &Prepared, since: Instant) {
    let rail = world.rail();
    until("it is ready again", Duration::from_secs(20), async || {
        (rail.root("GET", "/health/ready").await.status == 200).then_some(())
    })
    .await;
    assert!(since.elapsed() <= RECOVERY, "{:?}", since.elapsed());
    for (name, answer, well) in answers(prepared.operations(&rail)).await {
        assert_eq!(answer.status, well, "{name}: {}", answer.text);
    }
    let edge = world.edge();
    ends_at_the_edge(&edge, &prepared.spare.access).await;
    ends_at_the_edge(&edge, &prepared.leaving.access).await;
    edge.demo(&prepared.dead.access).await.expect(401);
    edge.demo(&prepared.live.access).await.expect(200);
}

/// The server runs when the store goes.
async fn goes_away(store: Store, fault: impl Fn(&Link)) {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let prepared = Prepared::new(&mut world).await;
    fault(store.link(&world));
    is_missed(&mut world, &prepared, store).await;
}

/// The store is away when the server starts.
async fn is_away_at_start(store: Store, fault: impl Fn(&Link)) {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let prepared = Prepared::new(&mut world).await;
    world.server_node().end().await;
    fault(store.link(&world));
    world.server_node().launch();
    let rail = world.rail();
    until("it listens", Duration::from_secs(10), async || {
        let live = try_send(rail.request_root("GET", "/health/live")).await;
        live.is_ok_and(|live| live.status == 200).then_some(())
    })
    .await;
    is_missed(&mut world, &prepared, store).await;
}

async fn is_missed(world: &mut World, prepared: &Prepared, store: Store) {
    let rail = world.rail();
    // Nothing is told, and no guess judged.
    for (name, answer, _) in answers(prepared.operations(&rail)).await {
        unavailable(name, &answer);
    }
    the_rest_goes_on(world, prepared, store.name()).await;
    // A crowd is sent away in time, and leaves nothing behind.
    let crowd = (0..CROWD).map(|_| rail.request("POST", "/login").json(&wrong(&prepared.plain)));
    for (name, answer, _) in
        answers(crowd.map(|request| ("one of a crowd", request, 401)).collect()).await
    {
        unavailable(name, &answer);
    }
    store.link(world).mend();
    all_is_well(world, prepared, Instant::now()).await;
}

#[tokio::test]
async fn redis_is_cut_off() {
    goes_away(Store::Redis, Link::cut).await;
}

#[tokio::test]
async fn redis_falls_silent() {
    goes_away(Store::Redis, Link::silence).await;
}

#[tokio::test]
async fn redis_is_cut_off_at_start() {
    is_away_at_start(Store::Redis, Link::cut).await;
}

#[tokio::test]
async fn redis_is_silent_at_start() {
    is_away_at_start(Store::Redis, Link::silence).await;
}

#[tokio::test]
async fn postgres_is_cut_off() {
    goes_away(Store::Postgres, Link::cut).await;
}

#[tokio::test]
async fn postgres_falls_silent() {
    goes_away(Store::Postgres, Link::silence).await;
}

#[tokio::test]
async fn postgres_is_cut_off_at_start() {
    is_away_at_start(Store::Postgres, Link::cut).await;
}

#[tokio::test]
async fn postgres_is_silent_at_start() {
    is_away_at_start(Store::Postgres, Link::silence).await;
}

/// The way gets so long that hardly anything comes through: each answer is the right one or a
/// 503, in time. Then it gets short again.
async fn crawls(store: Store) {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let rail = world.rail();
    for delay in CRAWLS {
        let prepared = Prepared::new(&mut world).await;
        store.link(&world).slow_down(delay);
        for (name, answer, well) in answers(prepared.operations(&rail)).await {
            if answer.status != well {
                unavailable(name, &answer);
            }
        }
        rail.root("GET", "/health/live").await.expect(200);
        world.edge().demo(&prepared.live.access).await.expect(200);
        store.link(&world).mend();
        let mended = Instant::now();
        until("it is ready again", Duration::from_secs(20), async || {
            (rail.root("GET", "/health/ready").await.status == 200).then_some(())
        })
        .await;
        assert!(mended.elapsed() <= RECOVERY, "{:?}", mended.elapsed());
    }
    // Some of it may have been done without an answer: another try is made with other things.
    let afterwards = Prepared::new(&mut world).await;
    all_is_well(&world, &afterwards, Instant::now()).await;
}

#[tokio::test]
async fn redis_crawls() {
    crawls(Store::Redis).await;
}

#[tokio::test]
async fn postgres_crawls() {
    crawls(Store::Postgres).await;
}

#[tokio::test]
async fn stores_that_are_far_away_are_waited_for() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let prepared = Prepared::new(&mut world).await;
    world.stores().redis.slow_down(LONG);
    world.stores().postgres.slow_down(LONG);
    all_is_well(&world, &prepared, Instant::now()).await;
}

/// A probe that gives up after a second, as an orchestrator's does, is all that comes.
#[tokio::test]
async fn a_silent_connection_is_given_up_though_nobody_waits_for_its_answer() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let world = World::plan().apart().start().await;
    let rail = world.rail();
    let probe = async || {
        let request = rail.request_root("GET", "/health/ready");
        let answer = try_send(request.timeout(Duration::from_millis(900))).await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    assert!(probe().await);
    for store in [Store::Redis, Store::Postgres] {
        store.link(&world).silence();
        let silent = Instant::now();
        while silent.elapsed() < Duration::from_secs(3) {
            assert!(!probe().await);
        }
        store.link(&world).mend();
        let mended = Instant::now();
        until("a probe finds it ready", Duration::from_secs(20), async || {
            probe().await.then_some(())
        })
        .await;
        assert!(mended.elapsed() <= RECOVERY, "{store:?}: {:?}", mended.elapsed());
    }
}

/// Redis comes back empty: it was emptied, or another one stands in its place.
async fn redis_loses_everything(in_its_stead: bool) {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let prepared = Prepared::new(&mut world).await;
    let Prepared { person, live, dead, half, link, guessed, plain, renewed, .. } = &prepared;
    let (rail, edge) = (world.rail(), world.edge());
    // Spent before the loss: a refresh token, a code of the authenticator.
    let successor = Session::of(&refresh(&rail, &renewed.refresh).await.data(200));
    world.advance(Duration::from_secs(60));
    world.caught_up().await;
    let code = person.code(&world);
    let other_half = world.half_sign_in(person).await;
    let other = Session::of(&verify(&rail, &other_half, &code).await.data(200));

    if in_its_stead {
        world.stores_mut().stop_redis();
        world.stores_mut().start_redis().await;
    } else {
        world.stores().empty_redis().await;
    }
    until("it is ready", RECOVERY, async || {
        (rail.root("GET", "/health/ready").await.status == 200).then_some(())
    })
    .await;

    // Everybody signs in again.
    for session in [live, dead, &successor, &other] {
        rail.call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
        refresh(&rail, &session.refresh).await.refused(401, "INVALID_TOKEN");
    }
    refresh(&rail, &renewed.refresh).await.refused(401, "INVALID_TOKEN");
    verify(&rail, half, &person.backup_codes[5]).await.refused(401, "INVALID_TOKEN");
    rail.post("/verify-email", json!({ "token": link })).await.refused(401, "INVALID_TOKEN");
    edge.demo(&dead.access).await.expect(401);
    // What was used up is.
    let half = world.half_sign_in(person).await;
    verify(&rail, &half, &code).await.refused(401, "INVALID_CODE");
    for used in &person.backup_codes[..4] {
        verify(&rail, &half, used).await.refused(401, "INVALID_CODE");
    }
    let again = Session::of(&verify(&rail, &half, &person.backup_codes[6]).await.data(200));
    drop(rail.call_as(&again.access, "GET", "/me").await.data(200));
    edge.demo(&again.access).await.expect(200);
    drop(refresh(&rail, &world.sign_in(plain).await.refresh).await.data(200));
    // The window's budgets begin anew; what is counted in a row does not lie there.
    rail.post("/login", wrong(guessed)).await.refused(401, "INVALID_CREDENTIALS");
    edge.demo(&dead.access).await.expect(401);
}

#[tokio::test]
async fn redis_that_was_emptied_brings_nothing_back_to_life() {
    redis_loses_everything(false).await;
}

#[tokio::test]
async fn another_redis_brings_nothing_back_to_life() {
    redis_loses_everything(true).await;
}

#[tokio::test]
async fn postgres_is_restarted() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let prepared = Prepared::new(&mut world).await;
    let postgres = &world.stores().postgres;
    postgres.cut();
    world.stores().end_postgres_connections();
    the_rest_goes_on(&world, &prepared, "identity").await;
    world.stores().postgres.mend();
    all_is_well(&world, &prepared, Instant::now()).await;
}

/// Lets no file of a process grow beyond `bytes`: to the process, the disk is full.
fn allow_files_of(process: u32, bytes: &str) {
    let (process, limit) = (process.to_string(), format!("--fsize={bytes}:"));
    assert!(Command::new("prlimit").args(["--pid", &process, &limit]).status().unwrap().success());
}

#[tokio::test]
async fn a_full_disk_halves_nothing_and_ends_nobody() {
    if Kind::asked_for() == Kind::Deployed {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let prepared = Prepared::new(&mut world).await;
    let rail = world.rail();
    let process = world.server_node().process().id();
    allow_files_of(process, "4096");
    let needs_no_writing = ["me", "session list"];
    for (name, answer, well) in answers(prepared.operations(&rail)).await {
        if needs_no_writing.contains(&name) || name == "login beyond the budget" {
            assert!([well, 503].contains(&answer.status), "{name}: {}", answer.text);
        } else {
            unavailable(name, &answer);
        }
    }
    rail.root("GET", "/health/live").await.expect(200);
    rail.root("GET", "/.well-known/jwks.json").await.expect(200);
    world.edge().demo(&prepared.live.access).await.expect(200);
    world.edge().demo(&prepared.dead.access).await.expect(401);
    world.edge().get_anonymously(DEMO, "/").await.expect(401);
    allow_files_of(process, "unlimited");
    all_is_well(&world, &prepared, Instant::now()).await;
    // What came through is there when the process is gone.
    world.server_node().kill();
    world.server_node().start().await;
    let (live, leaving) = (&prepared.live, &prepared.leaving);
    drop(rail.call_as(&live.access, "GET", "/me").await.data(200));
    rail.call_as(&leaving.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
}
