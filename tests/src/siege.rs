//! A siege: guesses at two accounts by every way there is to guess, from many networks at once,
//! while their owners sign in on devices that have signed in before.
//!
//! Of the one account the attacker wants the password, and has stolen an access token; of the other
//! they have the password, and want a second factor.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::{
    answer::Answer,
    browser::{Browser, encoded},
    person::{Person, STEP, Session, new_number, verify},
    rail::send,
    world::World,
};

/// How many guesses are on their way at once.
const IN_FLIGHT: usize = 64;
/// How many rounds there are. In each the owners sign in once.
const ROUNDS: usize = 20;
/// By how much the clock goes on from round to round: codes of the owner are good once.
const ROUND: Duration = Duration::from_secs(2 * STEP);

/// A way to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The password, at the Auth Rail.
    Login,
    /// The password, on the page.
    SignInPage,
    /// The password, with a stolen access token.
    Reauthenticate,
    /// The password, where another one is chosen.
    ChangePassword,
    /// A code of the authenticator, at the Auth Rail.
    Totp,
    /// A code of the authenticator, on the page.
    CodePage,
    /// A mailed code.
    MailedCode,
    /// A code by SMS.
    TextedCode,
    /// A backup code.
    BackupCode,
    /// The user code of a device, by somebody who is signed in.
    UserCode,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 10] = [
        Self::Login,
        Self::SignInPage,
        Self::Reauthenticate,
        Self::ChangePassword,
        Self::Totp,
        Self::CodePage,
        Self::MailedCode,
        Self::TextedCode,
        Self::BackupCode,
        Self::UserCode,
    ];

    /// What is guessed: ways to the same thing share its budget.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Login | Self::SignInPage | Self::Reauthenticate | Self::ChangePassword => {
                "password"
            }
            Self::Totp | Self::CodePage => "authenticator",
            Self::MailedCode => "mailed code",
            Self::TextedCode => "texted code",
            Self::BackupCode => "backup code",
            Self::UserCode => "user code",
        }
    }

    /// The status of a guess that was judged, and was wrong.
    const fn wrong(self) -> u16 {
        match self {
            Self::SignInPage | Self::CodePage | Self::UserCode => 422,
            _ => 401,
        }
    }
}

/// What came of the guesses of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toll {
    /// How many there were.
    pub guesses: usize,
    /// How many were judged, and were wrong.
    pub evaluated: usize,
    /// How many were sent away unjudged.
    pub limited: usize,
    /// How many found nobody to judge them: too much was to be done.
    pub busy: usize,
    /// How many were right, or were answered in any other way.
    pub other: usize,
}

/// How a siege ended.
pub struct Outcome {
    /// What came of each way.
    pub tolls: Vec<(Way, Toll)>,
    /// How often the owners came.
    pub visits: usize,
    /// How often they were in at the first try.
    pub admitted: usize,
    /// How long it took, by the world's clock.
    pub lasted: Duration,
}

impl Outcome {
    /// How many guesses at this were judged.
    #[must_use]
    pub fn evaluated(&self, target: &str) -> usize {
        let ways = self.tolls.iter().filter(|(way, _)| way.target() == target);
        ways.map(|(_, toll)| toll.evaluated).sum()
    }
}

/// What the attacker has.
struct Camp {
    wanted: Person,
    stolen: Session,
    known: Person,
    halves: Vec<String>,
    wrong_code: String,
    code_page: Forms,
    /// The cookies of somebody who is signed in.
    spy: String,
}

/// What a browser sends with a form.
struct Forms {
    cookies: String,
    fields: Vec<(String, String)>,
}

impl Forms {
    fn of(browser: &Browser, wanted: &str) -> Self {
        let has =
            |form: &crate::browser::Form| form.controls.iter().any(|(name, _)| name == wanted);
        let form = browser.forms().into_iter().find(has);
        let mut fields = form.unwrap_or_else(|| panic!("{}", browser.answer().text)).fields;
        fields.retain(|(name, _)| name != wanted);
        Self { cookies: cookies(browser), fields }
    }
}

/// The cookies that a browser has, as it sends them.
fn cookies(browser: &Browser) -> String {
    let names = browser.cookie_names();
    let pair = |name: &&str| format!("{name}={}", browser.cookie(name).unwrap().value);
    names.iter().map(pair).collect::<Vec<_>>().join("; ")
}

/// A world to be besieged: it believes its callers where they come from, and counts networks as any
/// other does.
pub async fn world() -> World {
    World::plan()
        .set("server.trusted_proxies", "[\"127.0.0.0/8\"]")
        .set("limits.password_per_network", 100)
        .start()
        .await
}

/// Lays siege with so many guesses.
///
/// # Panics
/// When the ground cannot be prepared.
pub async fn lay(world: &mut World, guesses: usize) -> Outcome {
    let mut wanted = world.person().await;
    let mut known = world.enrolled().await;
    world.advance(ROUND);
    let session = world.sign_in(&known).await;
    world.enrol_by_mail(&mut known, &session).await;
    world.enrol_by_sms(&mut known, &session, &new_number()).await;
    let stolen = world.sign_in(&wanted).await;
    let mut spy = Browser::new(world);
    let somebody = world.person().await;
    spy.get("/login?to=/device").await;
    spy.sign_in(&somebody).await;
    let wanted_mark = mark(&world.rail().post("/login", wanted.credentials()).await);
    world.advance(ROUND);
    let half = world.half_sign_in(&known).await;
    let known_mark = mark(&verify(&world.rail(), &half, &known.code(world)).await);

    let began = world.clock().secs();
    let mut tolls = Way::ALL.map(|way| (way, Toll::default()));
    let (mut visits, mut admitted) = (0, 0);
    for round in 0..ROUNDS {
        world.advance(ROUND);
        let wrong_code = known.wrong_code(world);
        let mut halves = Vec::new();
        for _ in 0..4 {
            halves.push(world.half_sign_in(&known).await);
        }
        let mut browser = Browser::new(world);
        browser.get("/login").await;
        browser.sign_in(&known).await;
        let camp = Camp {
            code_page: Forms::of(&browser, "code"),
            spy: cookies(&spy),
            stolen: stolen.clone(),
            halves,
            wrong_code,
            wanted,
            known,
        };
        let numbers = (guesses * round / ROUNDS)..(guesses * (round + 1) / ROUNDS);
        let besieged: &World = world;
        let attack = stream::iter(numbers.map(|number| guess(besieged, &camp, number)))
            .buffer_unordered(IN_FLIGHT)
            .collect::<Vec<(usize, u16)>>();
        let visit = async {
            let one = on_known_device(besieged, &camp.wanted, &wanted_mark).await;
            let other = on_known_device(besieged, &camp.known, &known_mark).await;
            [one, other]
        };
        let (answers, owners) = tokio::join!(attack, visit);
        visits += owners.len();
        admitted += owners.iter().filter(|status| **status == 200).count();
        for (place, status) in answers {
            let (way, toll) = &mut tolls[place];
            toll.guesses += 1;
            match status {
                429 => toll.limited += 1,
                503 => toll.busy += 1,
                wrong if wrong == way.wrong() => toll.evaluated += 1,
                _ => toll.other += 1,
            }
        }
        Camp { wanted, known, .. } = camp;
    }
    let lasted = Duration::from_secs(world.clock().secs() - began);
    Outcome { tolls: tolls.to_vec(), visits, admitted, lasted }
}

/// The mark of a device that has just signed in.
fn mark(answer: &Answer) -> String {
    let all = answer.expect(200).headers.get_all("set-cookie").iter();
    let mark = all.filter_map(|field| field.to_str().unwrap().strip_prefix("sb_known=")).next();
    mark.unwrap().split(';').next().unwrap().to_owned()
}

/// Signs an owner in on a device that has signed in before: how that ended, at the first try.
async fn on_known_device(world: &World, person: &Person, mark: &str) -> u16 {
    let rail = world.rail();
    let known = |request: RequestBuilder| request.header("cookie", format!("sb_known={mark}"));
    let answer = send(known(rail.request("POST", "/login").json(&person.credentials()))).await;
    if answer.status != 200 || person.secret.is_none() {
        return answer.status;
    }
    let body = json!({
        "mfaToken": answer.data(200)["mfaToken"],
        "code": person.code(world),
        "method": "TOTP",
    });
    send(known(rail.request("POST", "/mfa/verify").json(&body))).await.status
}

/// Makes guess `number`: the place of its way, and the status.
async fn guess(world: &World, camp: &Camp, number: usize) -> (usize, u16) {
    let place = number % Way::ALL.len();
    // One of thousands of networks.
    let from = format!("{}.{}.{}.7", 11 + number % 180, number / 180 % 256, number / 46_080 % 256);
    let request = request(world, camp, Way::ALL[place], number);
    let answer = request.header("x-forwarded-for", from).send().await;
    let answer = answer.unwrap_or_else(|error| panic!("{error}"));
    let status = answer.status().as_u16();
    // Read to its end, so that its connection serves again.
    drop(answer.bytes().await);
    (place, status)
}

fn request(world: &World, camp: &Camp, way: Way, number: usize) -> RequestBuilder {
    let rail = world.rail();
    let password = format!("wrong guess {number}");
    let half = &camp.halves[number % camp.halves.len()];
    let proof = |code: &str, method: &str| {
        let body = json!({ "mfaToken": half, "code": code, "method": method });
        rail.request("POST", "/mfa/verify").json(&body)
    };
    let form = |path: &str, cookies: &str, fields: Vec<(String, String)>| {
        let request = rail.request_root("POST", path).header("cookie", cookies);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(encoded(&fields))
    };
    let email = &camp.wanted.email;
    let stolen =
        |path: &str, body| rail.request("POST", path).bearer_auth(&camp.stolen.access).json(&body);
    match way {
        Way::Login => {
            rail.request("POST", "/login").json(&json!({ "email": email, "password": password }))
        }
        Way::SignInPage => {
            let fields = [("username", email), ("password", &password)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.clone()));
            form("/login", "", fields.to_vec())
        }
        Way::Reauthenticate => stolen("/reauthenticate", json!({ "password": password })),
        Way::ChangePassword => {
            let body = json!({ "currentPassword": password, "newPassword": "velvet 61 harbour" });
            stolen("/change-password", body)
        }
        Way::Totp => proof(&camp.wrong_code, "TOTP"),
        Way::MailedCode => proof(&format!("{:06}", number % 1_000_000), "EMAIL_OTP"),
        Way::TextedCode => proof(&format!("{:06}", number % 1_000_000), "SMS"),
        Way::BackupCode => {
            let letters = b"23456789abcdefghjkmnpqrstuvwxyz0";
            let letter = |place: u32| char::from(letters[(number >> (5 * place)) & 31]);
            let guess: String = (0..4).map(letter).collect();
            proof(&format!("{}-2222-{guess}", &camp.known.backup_codes[1][..4]), "BACKUP_CODE")
        }
        Way::CodePage => {
            let code = ("code".to_owned(), camp.wrong_code.clone());
            let fields = camp.code_page.fields.iter().cloned().chain([code]).collect();
            form("/mfa", &camp.code_page.cookies, fields)
        }
        Way::UserCode => {
            let letters = b"BCDFGHJKLMNPQRSTVWXZ";
            let letter = |place: u32| char::from(letters[number / 20_usize.pow(place) % 20]);
            let guess: String = (0..4).map(letter).collect();
            // What the form sends is looked up by a GET.
            let path = format!("/device?user_code=BBBB-{guess}");
            rail.request_root("GET", &path).header("cookie", &camp.spy)
        }
    }
}
