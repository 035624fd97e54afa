//! kill -9 at any moment (rule 38), and stores that go at any moment: what was acknowledged is
//! there, what was not is whole or absent, and who retries goes on.
//!
//! The moments are drawn from a seed, which a failing test shows; `SIGNALBOX_TEST_SEED` sets it.
//! In an embedded world the server is killed; in a deployed one, the second of two.

use std::{
    collections::BTreeSet,
    io::{Write, stderr},
    ops::Range,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    browser::Browser,
    forge::{claims, header},
    person::{refresh, verify},
    process::until,
    rail::{Rail, send, try_send},
    relying_party::{REDIRECT, RelyingParty, Tokens},
    world::Kind,
};
use tokio::time::sleep;

/// Names the seed.
const SEED: &str = "SIGNALBOX_TEST_SEED";
/// Worlds side by side, and how often the server of each is killed.
const WORLDS: u64 = 3;
const KILLS: u32 = 17;
/// Longer than a server keeps a mail to itself that it has begun to send.
const LEASE: Duration = Duration::from_secs(91);
/// The host of a site.
const EASY: &str = "easy.localhost";
/// When the trouble comes, microseconds after everybody has begun: every other time while there is
/// something of everything under way.
const MOMENTS: [Range<u64>; 2] = [0..20_000, 0..150_000];

/// Numbers that follow from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, range: Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (z ^ (z >> 31)) % (range.end - range.start)
    }
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    std::env::var(SEED).map_or(now.as_millis() as u64 % 1_000_000, |seed| seed.parse().unwrap())
}

/// What comes in the middle of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// SIGKILL.
    Kill,
    /// Redis is cut off for a moment.
    NoRedis,
    /// Postgres is.
    NoPostgres,
}

/// An answer, or none: then nobody knows what was done.
async fn ask(request: RequestBuilder) -> Option<Answer> {
    try_send(request).await.ok().filter(|answer| answer.status != 503)
}

/// What came of things that were tried one after another.
struct Tried<T> {
    acknowledged: Vec<T>,
    /// The one in whose middle the trouble came.
    open: Option<T>,
}

/// Does something with one thing after another, until an answer is missing.
async fn one_by_one<T>(
    things: impl IntoIterator<Item = T>,
    mut act: impl AsyncFnMut(&T) -> Option<Answer>,
    well: u16,
) -> Tried<T> {
    let mut acknowledged = Vec::new();
    for thing in things {
        match act(&thing).await {
            Some(answer) => {
                answer.expect(well);
                acknowledged.push(thing);
            }
            None => return Tried { acknowledged, open: Some(thing) },
        }
    }
    Tried { acknowledged, open: None }
}

fn post(rail: &Rail, path: &str, body: &Value) -> RequestBuilder {
    rail.request("POST", path).json(body)
}

/// Keeps on refreshing. The last session that was answered, with how many came before it.
async fn keep_refreshing(rail: &Rail, mut session: Session, tokens: &mut Vec<String>) -> Session {
    for _ in 0..1000 {
        let body = json!({ "refreshToken": session.refresh });
        let Some(answer) = ask(post(rail, "/refresh", &body)).await else { break };
        session = Session::of(&answer.data(200));
        tokens.push(session.access.clone());
    }
    session
}

/// Keeps on refreshing what a client was granted. The last tokens that were answered.
async fn keep_refreshing_as(client: &RelyingParty, mut tokens: Tokens) -> Tokens {
    for _ in 0..1000 {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh)];
        let Some(answer) = ask(client.request("/token", &fields)).await else { break };
        tokens = Tokens::of(&answer);
    }
    tokens
}

fn redemption(client: &RelyingParty, code: &str) -> RequestBuilder {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT)];
    client.request("/token", &fields)
}

fn giving_back(client: &RelyingParty, tokens: &Tokens) -> RequestBuilder {
    client.request("/revoke", &[("token", &tokens.refresh)])
}

/// Keeps on signing in.
async fn keep_signing_in(rail: &Rail, person: &Person) -> Vec<Session> {
    let mut sessions = Vec::new();
    for _ in 0..1000 {
        let Some(answer) = ask(post(rail, "/login", &person.credentials())).await else { break };
        sessions.push(Session::of(&answer.data(200)));
    }
    sessions
}

fn end(rail: &Rail, by: &Session, session: &Session) -> RequestBuilder {
    let sid = claims(&session.access)["sid"].as_str().unwrap().to_owned();
    rail.request("DELETE", &format!("/sessions/{sid}")).bearer_auth(&by.access)
}

/// Who tries what, beside those that always do.
#[derive(Clone, Copy, Debug)]
enum Cast {
    Registering,
    Verifying,
    SigningIn,
    Confirming,
    Resetting,
    /// A client, its codes.
    Redeeming,
    /// A client, its refresh tokens.
    GivingBack,
}

const CASTS: [Cast; 7] = [
    Cast::Registering,
    Cast::Verifying,
    Cast::SigningIn,
    Cast::Confirming,
    Cast::Resetting,
    Cast::Redeeming,
    Cast::GivingBack,
];

/// Somebody who has forgotten their password.
struct Forgetful {
    person: Person,
    token: String,
    anew: String,
    /// From before.
    session: Session,
}

impl Forgetful {
    async fn new(world: &World) -> Self {
        let person = world.person().await;
        let session = world.sign_in(&person).await;
        let address = json!({ "email": person.email });
        drop(world.rail().post("/forgot-password", address).await.data(202));
        let token = world.mailed_token(&person.email).await;
        let anew = format!("{} anew", person.password);
        Self { person, token, anew, session }
    }

    fn reset(&self) -> Value {
        json!({ "token": self.token, "password": self.anew })
    }
}

/// A world and what has come of everything in it so far.
struct Ground {
    world: World,
    dice: Dice,
    kills: u32,
    /// Without an authenticator.
    person: Person,
    /// Goes on for ever, and ends others.
    main: Session,
    /// Is refreshed all the time.
    chain: Session,
    client: RelyingParty,
    /// Where the person is signed in for the client.
    browser: Browser,
    /// What the client was granted; refreshed all the time.
    grant: Tokens,
    /// Ended, with acknowledgement.
    dead: Vec<Session>,
    /// Access tokens that were handed out.
    tokens: Vec<String>,
    /// Key sets that were fetched, and when.
    published: Vec<(u64, BTreeSet<String>)>,
    /// Keys whose making was acknowledged.
    keys: BTreeSet<String>,
}

impl Ground {
    async fn prepare(seed: u64) -> Self {
        let world = World::plan().replicas().start().await;
        // One factor is enough there.
        let site = json!({
            "site_key": "easy",
            "hosts": [EASY],
            "upstreams": [world.upstream().await],
            "base_url": format!("http://{EASY}:{}", world.edge().port()),
            "policy": { "require": "signed_in", "first_party": true },
        });
        world.create_site(&site).await;
        let person = world.person().await;
        let (main, chain) = (world.sign_in(&person).await, world.sign_in(&person).await);
        let (client, mut browser) = (world.confidential(json!({})).await, Browser::new(&world));
        let grant = client.tokens(&mut browser, &person, &[]).await;
        Self {
            world,
            dice: Dice(seed),
            kills: 0,
            person,
            main,
            chain,
            client,
            browser,
            grant,
            dead: Vec::new(),
            tokens: Vec::new(),
            published: Vec::new(),
            keys: BTreeSet::new(),
        }
    }

    /// The server that gets into trouble, by number: the last.
    fn troubled(&self) -> usize {
        usize::from(self.world.kind() == Kind::Deployed)
    }

    async fn note_published(&mut self) {
        for number in 0..=self.troubled() {
            let answer = self.world.rail_of(number).root("GET", "/.well-known/jwks.json").await;
            let set = answer.expect(200).json();
            let kids = set["keys"].as_array().unwrap().iter();
            let kids = kids.map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
            self.published.push((self.world.clock().secs(), kids));
        }
    }

    fn choose_trouble(&mut self) -> Trouble {
        match (self.world.kind(), self.dice.roll(0..8)) {
            (Kind::Deployed, 0) => Trouble::NoRedis,
            (Kind::Deployed, 1) => Trouble::NoPostgres,
            _ => Trouble::Kill,
        }
    }

    /// Everybody is at it, trouble comes, and all that was said is compared with all that is.
    async fn go_through_one_trouble(&mut self) {
        let (trouble, cast) = (self.choose_trouble(), CASTS[self.dice.roll(0..7) as usize]);
        let moments = MOMENTS[self.dice.roll(0..2) as usize].clone();
        let moment = Duration::from_micros(self.dice.roll(moments));
        let rotates = self.dice.roll(0..2) == 0;
        // In a deployed world the command works on the stores itself: every other one is killed.
        let command_dies = self.world.kind() == Kind::Deployed && self.dice.roll(0..2) == 0;
        let command_dies = command_dies.then(|| Duration::from_micros(self.dice.roll(0..100_000)));
        self.note_published().await;

        let mut spares = Vec::new();
        for _ in 0..3 {
            spares.push(self.world.sign_in(&self.person).await);
        }
        let newcomers: Vec<Person> = (0..50).map(|_| Person::new()).collect();
        let mut pending = Vec::new();
        if matches!(cast, Cast::Verifying) {
            for _ in 0..3 {
                let person = Person::new();
                drop(self.world.rail().post("/register", person.registration()).await.data(201));
                let token = self.world.mailed_token(&person.email).await;
                pending.push((person, token));
            }
        }
        let mut confirming = Vec::new();
        if matches!(cast, Cast::Confirming) {
            let mut person = self.world.person().await;
            let session = self.world.sign_in(&person).await;
            let wanted = json!({ "method": "TOTP" });
            let rail = self.world.rail();
            let set_up = rail.post_as(&session.access, "/mfa/setup", wanted).await.data(200);
            person.take_secrets(&set_up);
            confirming.push((person, session));
        }
        let mut resetting = Vec::new();
        if matches!(cast, Cast::Resetting) {
            for _ in 0..2 {
                resetting.push(Forgetful::new(&self.world).await);
            }
        }

        let (mut codes, mut given_back) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (browser, person) = (&mut self.browser, &self.person);
            match cast {
                Cast::Redeeming => {
                    codes.push(self.client.ask(browser, person, &[]).await["code"].clone());
                }
                Cast::GivingBack => {
                    given_back.push(self.client.tokens(browser, person, &[]).await);
                }
                _ => {}
            }
        }

        let number = self.troubled();
        let rail = self.world.rail_of(number);
        let client = &self.client.at(&self.world, number);
        let process = self.world.server_node_of(number).process().id();
        let (world, main, person) = (&self.world, &self.main, &self.person);
        let comes = async {
            sleep(moment).await;
            match trouble {
                Trouble::Kill => kill(process),
                Trouble::NoRedis => world.stores().redis.cut(),
                Trouble::NoPostgres => world.stores().postgres.cut(),
            }
        };
        let rotation = async {
            if !rotates {
                return None;
            }
            let mut command = world.launch("rotate", &["keys", "rotate"]);
            if let Some(moment) = command_dies {
                sleep(moment).await;
                command.kill();
            }
            let ended = command.wait(Duration::from_secs(20)).await;
            ended.success().then(|| command.said())
        };
        let mut tokens = Vec::new();
        let (registered, verified, signed_in, confirmed, reset) = match cast {
            Cast::Registering => (newcomers, vec![], false, vec![], vec![]),
            Cast::Verifying => (vec![], pending, false, vec![], vec![]),
            Cast::SigningIn => (vec![], vec![], true, vec![], vec![]),
            Cast::Confirming => (vec![], vec![], false, confirming, vec![]),
            Cast::Resetting => (vec![], vec![], false, vec![], resetting),
            Cast::Redeeming | Cast::GivingBack => (vec![], vec![], false, vec![], vec![]),
        };
        let of_the_client = async {
            tokio::join!(
                keep_refreshing_as(client, self.grant.clone()),
                one_by_one(codes, async |code| ask(redemption(client, code)).await, 200),
                one_by_one(given_back, async |tokens| ask(giving_back(client, tokens)).await, 200),
            )
        };
        let (
            (),
            rotation,
            of_the_client,
            chain,
            ended,
            registered,
            verified,
            signed_in,
            confirmed,
            reset,
        ) = tokio::join!(
            comes,
            rotation,
            of_the_client,
            keep_refreshing(&rail, self.chain.clone(), &mut tokens),
            one_by_one(spares, async |spare| ask(end(&rail, main, spare)).await, 200),
            one_by_one(
                registered,
                async |person| ask(post(&rail, "/register", &person.registration())).await,
                201
            ),
            one_by_one(
                verified,
                async |(_, token)| {
                    ask(post(&rail, "/verify-email", &json!({ "token": token }))).await
                },
                200
            ),
            async { if signed_in { keep_signing_in(&rail, person).await } else { Vec::new() } },
            one_by_one(
                confirmed,
                async |(person, session)| {
                    let body = json!({ "method": "TOTP", "code": person.code(world) });
                    let request = post(&rail, "/mfa/setup/confirm", &body);
                    ask(request.bearer_auth(&session.access)).await
                },
                200
            ),
            one_by_one(
                reset,
                async |forgetful| ask(post(&rail, "/reset-password", &forgetful.reset())).await,
                200
            ),
        );
        self.tokens.extend(tokens);
        if let Some(said) = rotation {
            let made = &said[said.find('{').unwrap()..];
            let made: Value = serde_json::from_str(made).unwrap();
            self.keys.insert(made["kid"].as_str().unwrap().to_owned());
        }
        match trouble {
            Trouble::Kill => self.kills += 1,
            Trouble::NoRedis | Trouble::NoPostgres => {
                self.world.stores().redis.mend();
                self.world.stores().postgres.mend();
            }
        }
        // With two servers the other one has never been away.
        if trouble == Trouble::Kill && number == 0 {
            self.start_again().await;
        }
        let rail = self.world.rail();
        until("the first server is ready", Duration::from_secs(5), async || {
            (rail.root("GET", "/health/ready").await.status == 200).then_some(())
        })
        .await;

        let (grant, redeemed, given_back) = of_the_client;
        self.a_retried_refresh_goes_on(chain).await;
        self.a_retried_refresh_of_a_grant_goes_on(grant).await;
        self.codes_are_spent_or_absent(redeemed).await;
        self.what_was_given_back_is_over(given_back).await;
        // What a server was sending when it was killed is sent by whoever comes after it.
        self.world.advance(LEASE);
        self.endings_hold(ended).await;
        self.registrations_are_whole_or_absent(registered).await;
        self.verifications_are_whole_or_absent(verified).await;
        self.sign_ins_hold(signed_in).await;
        self.confirmations_are_whole_or_absent(confirmed).await;
        self.resets_are_whole_or_absent(reset).await;
        if trouble == Trouble::Kill && number != 0 {
            self.start_again().await;
        }
        self.all_servers_agree().await;
    }

    async fn start_again(&mut self) {
        let number = self.troubled();
        let node = self.world.server_node_of(number);
        node.kill();
        node.start().await;
    }

    async fn a_retried_refresh_goes_on(&mut self, last: Session) {
        let answer = refresh(&self.world.rail(), &last.refresh).await;
        let renewed = Session::of(&answer.data(200));
        assert_eq!(claims(&renewed.access)["sid"], claims(&self.chain.access)["sid"]);
        self.chain = renewed;
    }

    async fn a_retried_refresh_of_a_grant_goes_on(&mut self, last: Tokens) {
        let renewed = Tokens::of(&self.client.refresh(&last.refresh).await);
        let grant = |tokens: &Tokens| claims(&tokens.access)["grant_id"].clone();
        assert_eq!(grant(&renewed), grant(&self.grant));
        self.client.userinfo(&renewed.access).await.expect(200);
        self.tokens.push(renewed.access.clone());
        self.grant = renewed;
    }

    async fn codes_are_spent_or_absent(&mut self, redeemed: Tried<String>) {
        for code in &redeemed.acknowledged {
            self.client.redeem(code).await.expect(400);
        }
        let Some(code) = redeemed.open else { return };
        let again = self.client.redeem(&code).await;
        if again.status == 200 {
            // Absent: whoever tries again has its tokens, once.
            let tokens = Tokens::of(&again);
            self.client.userinfo(&tokens.access).await.expect(200);
            self.client.redeem(&code).await.expect(400);
            self.grant_is_over(&tokens).await;
        } else {
            // Spent, and nobody has what came of it: the client asks anew.
            again.expect(400);
            let anew = self.client.tokens(&mut self.browser, &self.person, &[]).await;
            self.client.userinfo(&anew.access).await.expect(200);
        }
    }

    async fn what_was_given_back_is_over(&self, given_back: Tried<Tokens>) {
        if let Some(open) = &given_back.open {
            send(giving_back(&self.client, open)).await.expect(200);
        }
        for tokens in given_back.acknowledged.iter().chain(&given_back.open) {
            self.grant_is_over(tokens).await;
        }
    }

    async fn grant_is_over(&self, tokens: &Tokens) {
        self.client.userinfo(&tokens.access).await.expect(401);
        self.client.refresh(&tokens.refresh).await.expect(400);
        for token in [&tokens.access, &tokens.refresh] {
            let told = self.client.introspect(token).await.expect(200).json();
            assert_eq!(told, json!({ "active": false }));
        }
    }

    async fn endings_hold(&mut self, ended: Tried<Session>) {
        if let Some(open) = ended.open {
            let rail = self.world.rail();
            let me = rail.call_as(&open.access, "GET", "/me").await;
            assert!([200, 401].contains(&me.status), "{}", me.text);
            if me.status == 200 {
                // Absent: whoever tries again ends it.
                send(end(&rail, &self.main, &open)).await.expect(200);
            }
            self.dead.push(open);
        }
        self.dead.extend(ended.acknowledged);
        let from = self.dead.len().saturating_sub(3);
        for session in &self.dead[from..] {
            self.is_dead(session).await;
        }
    }

    async fn is_dead(&self, session: &Session) {
        let rail = self.world.rail();
        rail.call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
        refresh(&rail, &session.refresh).await.refused(401, "INVALID_TOKEN");
    }

    async fn registrations_are_whole_or_absent(&self, registered: Tried<Person>) {
        let rail = self.world.rail();
        if let Some(person) = registered.acknowledged.last() {
            let known = rail.post("/login", person.credentials()).await;
            known.refused(403, "EMAIL_NOT_VERIFIED");
        }
        let Some(person) = registered.open else { return };
        let known = rail.post("/login", person.credentials()).await;
        assert!([401, 403].contains(&known.status), "{}", known.text);
        drop(rail.post("/register", person.registration()).await.data(201));
        self.world.verify_address(&person).await;
        self.world.sign_in(&person).await;
    }

    async fn verifications_are_whole_or_absent(&self, verified: Tried<(Person, String)>) {
        for (person, _) in &verified.acknowledged {
            self.world.sign_in(person).await;
        }
        let Some((person, token)) = verified.open else { return };
        let again = self.world.rail().post("/verify-email", json!({ "token": token })).await;
        assert!([200, 401].contains(&again.status), "{}", again.text);
        // By this try or by the one before.
        self.world.sign_in(&person).await;
    }

    async fn sign_ins_hold(&mut self, sessions: Vec<Session>) {
        for session in sessions.into_iter().rev().take(2) {
            let (rail, first) = (self.world.rail(), session.refresh.clone());
            drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
            self.tokens.push(session.access);
            let second = Session::of(&refresh(&rail, &first).await.data(200));
            let third = Session::of(&refresh(&rail, &second.refresh).await.data(200));
            // Long spent: it ends everything.
            refresh(&rail, &first).await.refused(401, "INVALID_TOKEN");
            self.is_dead(&third).await;
            self.dead.push(third);
        }
    }

    async fn confirmations_are_whole_or_absent(&mut self, confirmed: Tried<(Person, Session)>) {
        let rail = self.world.rail();
        let is_acknowledged = !confirmed.acknowledged.is_empty();
        for (person, session) in confirmed.acknowledged.into_iter().chain(confirmed.open) {
            let login = rail.post("/login", person.credentials()).await.data(200);
            if login["mfaRequired"] == false {
                assert!(!is_acknowledged, "a confirmed factor is gone");
                // Absent: whoever tries again has it.
                let body = json!({ "method": "TOTP", "code": person.code(&self.world) });
                let again = rail.post_as(&session.access, "/mfa/setup/confirm", body).await;
                assert_eq!(again.data(200)["enabled"], true);
            }
            let half = self.world.half_sign_in(&person).await;
            let session = verify(&rail, &half, &person.backup_codes[9]).await.data(200);
            self.tokens.push(Session::of(&session).access);
            let half = self.world.half_sign_in(&person).await;
            self.world.advance(Duration::from_secs(60));
            let proved = verify(&rail, &half, &person.code(&self.world)).await;
            self.tokens.push(Session::of(&proved.data(200)).access);
        }
    }

    async fn resets_are_whole_or_absent(&mut self, reset: Tried<Forgetful>) {
        let rail = self.world.rail();
        if let Some(open) = &reset.open {
            let again = rail.post("/reset-password", open.reset()).await;
            assert!([200, 401].contains(&again.status), "{}", again.text);
        }
        // By this try or by the one before: the new password counts, and nothing of the old one.
        for Forgetful { mut person, anew, session, .. } in
            reset.acknowledged.into_iter().chain(reset.open)
        {
            rail.post("/login", person.credentials()).await.refused(401, "INVALID_CREDENTIALS");
            person.password = anew;
            self.tokens.push(self.world.sign_in(&person).await.access);
            self.is_dead(&session).await;
            self.dead.push(session);
        }
    }

    /// Every server publishes the same keys, believes what the others signed, and goes on.
    async fn all_servers_agree(&mut self) {
        for number in 0..=self.troubled() {
            let rail = self.world.rail_of(number);
            until("it is ready", Duration::from_secs(5), async || {
                (rail.root("GET", "/health/ready").await.status == 200).then_some(())
            })
            .await;
            drop(rail.call_as(&self.main.access, "GET", "/me").await.data(200));
            let answer = refresh(&rail, &self.chain.refresh).await;
            self.chain = Session::of(&answer.data(200));
            self.tokens.push(self.chain.access.clone());
        }
        let renewed = refresh(&self.world.rail(), &self.main.refresh).await;
        self.main = Session::of(&renewed.data(200));
        // What was ended last, and something that was ended long ago.
        let mut dead: Vec<&Session> = self.dead.iter().rev().take(4).collect();
        dead.push(&self.dead[self.dice.roll(0..self.dead.len() as u64) as usize]);
        for number in 0..self.world.edge_count() {
            let edge = self.world.edge_of(number);
            for session in &dead {
                until("the edge hears of the ending", Duration::from_secs(5), async || {
                    (edge.get(EASY, "/", &session.access).await.status == 401).then_some(())
                })
                .await;
            }
            edge.get(EASY, "/", &self.main.access).await.expect(200);
        }
        for session in dead {
            self.is_dead(session).await;
        }
        self.note_published().await;
    }

    /// Who fetched the keys after a token was issued found the key that signed it.
    fn every_token_could_be_verified(&self) {
        for token in &self.tokens {
            let (kid, claims) = (header(token)["kid"].clone(), claims(token));
            let alive = claims["iat"].as_u64().unwrap()..=claims["exp"].as_u64().unwrap();
            for (at, kids) in self.published.iter().filter(|(at, _)| alive.contains(at)) {
                assert!(kids.contains(kid.as_str().unwrap()), "{kid} at {at}: {kids:?}");
            }
        }
        let (_, newest) = self.published.last().unwrap();
        assert!(self.keys.is_subset(newest), "{:?} in {newest:?}", self.keys);
    }
}

fn kill(process: u32) {
    // It may have ended by itself.
    let _status = Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
}

#[tokio::test]
async fn killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let seed = seed();
    println!("{SEED}={seed}");
    let grounds = (0..WORLDS).map(|number| async move {
        let mut ground = Ground::prepare(seed.wrapping_add(number)).await;
        while ground.kills < KILLS {
            ground.go_through_one_trouble().await;
        }
        ground.every_token_could_be_verified();
        (ground.kills, ground.keys.len(), ground.dead.len(), ground.tokens.len())
    });
    let done = join_all(grounds).await;
    let kills: u32 = done.iter().map(|(kills, ..)| kills).sum();
    let keys: usize = done.iter().map(|(_, keys, ..)| keys).sum();
    let dead: usize = done.iter().map(|(_, _, dead, _)| dead).sum();
    let tokens: usize = done.iter().map(|(.., tokens)| tokens).sum();
    // Past the capture of the test's output: the count belongs to the result.
    let said = format!(
        "kills: {kills} (seed {seed}): {keys} rotations acknowledged, {dead} sessions ended for \
         good, {tokens} tokens verified against every key set of their life\n"
    );
    stderr().write_all(said.as_bytes()).unwrap();
}
