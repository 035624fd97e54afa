//! People: they register, verify their address, set up a second factor and sign in, as anybody
//! would.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::{answer::Answer, rail::Rail, world::World};

/// Length of a TOTP step, seconds.
pub const STEP: u64 = 30;

/// Somebody.
#[derive(Debug)]
pub struct Person {
    /// Mail address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Whole name.
    pub name: String,
    /// TOTP secret, base32, once there is one.
    pub secret: Option<String>,
    /// Backup codes, once there are any.
    pub backup_codes: Vec<String>,
    last_step: AtomicU64,
}

/// What somebody who is signed in holds.
#[derive(Clone, Debug)]
pub struct Session {
    /// Access token.
    pub access: String,
    /// Refresh token.
    pub refresh: String,
    /// ID token.
    pub id: String,
    /// The person's id.
    pub user_id: String,
}

impl Session {
    /// The tokens of a login, refresh or verify answer.
    ///
    /// # Panics
    /// When it holds none.
    #[must_use]
    #[track_caller]
    pub fn of(data: &Value) -> Self {
        let text = |value: &Value| {
            value.as_str().map(str::to_owned).unwrap_or_else(|| panic!("no tokens: {data}"))
        };
        Self {
            access: text(&data["accessToken"]),
            refresh: text(&data["refreshToken"]),
            id: text(&data["idToken"]),
            user_id: text(&data["user"]["id"]),
        }
    }

    /// Asks for nothing of it to be good any more.
    pub async fn expect_over(&self, world: &World) {
        let rail = world.rail();
        rail.call_as(&self.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
        refresh(&rail, &self.refresh).await.refused(401, "INVALID_TOKEN");
    }
}

impl Person {
    /// Somebody nobody knows yet.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 6];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            email: format!("person-{number}@example.com"),
            password: format!("gravel {random} lantern"),
            name: format!("Ada Number {number}"),
            secret: None,
            backup_codes: Vec::new(),
            last_step: AtomicU64::new(0),
        }
    }

    /// The same person under another name.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The same person at another address.
    #[must_use]
    pub fn at(mut self, email: &str) -> Self {
        email.clone_into(&mut self.email);
        self
    }

    /// The body of a registration.
    #[must_use]
    pub fn registration(&self) -> Value {
        json!({ "email": self.email, "password": self.password, "name": self.name })
    }

    /// The body of a sign-in.
    #[must_use]
    pub fn credentials(&self) -> Value {
        json!({ "email": self.email, "password": self.password })
    }

    /// A code that has not been shown yet. Two can be had at once; for a third the clock must be
    /// put forward.
    ///
    /// # Panics
    /// Without a factor, or when the clock has to be put forward first.
    #[must_use]
    pub fn code(&self, world: &World) -> String {
        let now = world.clock().secs() / STEP;
        let step = now.max(self.last_step.load(Ordering::SeqCst) + 1);
        assert!(step <= now + 1, "every code of this minute was used: put the clock forward");
        self.last_step.store(step, Ordering::SeqCst);
        self.code_of_step(step)
    }

    /// The code of a step (seconds since the epoch by [`STEP`]).
    ///
    /// # Panics
    /// Without a factor.
    #[must_use]
    pub fn code_of_step(&self, step: u64) -> String {
        code_of(self.secret.as_deref().unwrap(), step * STEP)
    }

    /// A code that is none of this minute's.
    #[must_use]
    pub fn wrong_code(&self, world: &World) -> String {
        let now = world.clock().secs() / STEP;
        let near: Vec<String> = (now - 3..=now + 3).map(|step| self.code_of_step(step)).collect();
        let candidates = (0..10).map(|number| format!("00000{number}"));
        candidates.into_iter().find(|code| !near.contains(code)).unwrap()
    }
}

impl Default for Person {
    fn default() -> Self {
        Self::new()
    }
}

/// The code of a base32 secret at a time, seconds since the epoch.
#[must_use]
pub fn code_of(secret: &str, at: u64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    Builder::new().with_secret(secret.as_ref().to_vec()).build().unwrap().generate(at).to_string()
}

impl World {
    /// Somebody with a verified address.
    pub async fn person(&self) -> Person {
        let person = Person::new();
        drop(self.rail().post("/register", person.registration()).await.data(201));
        self.verify_address(&person).await;
        person
    }

    /// Follows the newest link in somebody's mail.
    pub async fn verify_address(&self, person: &Person) {
        let token = self.mailed_token(&person.email).await;
        drop(self.rail().post("/verify-email", json!({ "token": token })).await.data(200));
    }

    /// Somebody with a verified address and an authenticator. One code is used up.
    pub async fn enrolled(&self) -> Person {
        let mut person = self.person().await;
        let session = self.sign_in(&person).await;
        self.enrol(&mut person, &session).await;
        person
    }

    /// An admin with an authenticator. One code is used up.
    pub async fn admin(&self) -> Person {
        let mut person = Person::new();
        let args = ["admin", "create-user", "--email", &person.email, "--role", "admin"];
        let args = [&args[..], &["--password-stdin", "--active"]].concat();
        drop(self.signalbox_with_input(&args, &person.password).await.json());
        let session = self.sign_in(&person).await;
        self.enrol(&mut person, &session).await;
        person
    }

    /// Sets up an authenticator for somebody who has just signed in.
    pub async fn enrol(&self, person: &mut Person, session: &Session) {
        person.take_secrets(&self.set_up_factor(session, "TOTP").await.data(200));
        let confirmed = self.confirm_factor(session, "TOTP", &person.code(self)).await;
        assert_eq!(confirmed.data(200)["enabled"], true);
    }

    /// Asks for a factor that needs no more to be set up than its method.
    pub async fn set_up_factor(&self, session: &Session, method: &str) -> Answer {
        let wanted = json!({ "method": method });
        self.rail().post_as(&session.access, "/mfa/setup", wanted).await
    }

    /// Asks for codes by SMS, to a number or to the account's own.
    pub async fn set_up_sms(&self, session: &Session, number: Option<&str>) -> Answer {
        let wanted = json!({ "method": "SMS", "phone": number });
        self.rail().post_as(&session.access, "/mfa/setup", wanted).await
    }

    /// Shows the first code of a factor that was set up.
    pub async fn confirm_factor(&self, session: &Session, method: &str, code: &str) -> Answer {
        let answer = json!({ "method": method, "code": code });
        self.rail().post_as(&session.access, "/mfa/setup/confirm", answer).await
    }

    /// Signs somebody in, with a code where one is asked for.
    pub async fn sign_in(&self, person: &Person) -> Session {
        self.sign_in_with(person, person.credentials()).await
    }

    /// Signs somebody in for a site.
    pub async fn sign_in_for(&self, person: &Person, site_key: &str) -> Session {
        let mut body = person.credentials();
        body["siteKey"] = site_key.into();
        self.sign_in_with(person, body).await
    }

    /// Signs somebody in with this body, and with a code where one is asked for.
    pub async fn sign_in_with(&self, person: &Person, body: Value) -> Session {
        let rail = self.rail();
        let data = rail.post("/login", body).await.data(200);
        if data["mfaRequired"] == false {
            return Session::of(&data);
        }
        let token = data["mfaToken"].as_str().unwrap();
        let proved = verify(&rail, token, &person.code(self)).await;
        Session::of(&proved.data(200))
    }

    /// Signs somebody in with their first backup code.
    pub async fn sign_in_with_backup_code(&self, person: &Person) -> Session {
        let half = self.half_sign_in(person).await;
        let proved = verify(&self.rail(), &half, &person.backup_codes[0]).await;
        Session::of(&proved.data(200))
    }

    /// Signs somebody with a factor half in: the `mfaToken`.
    pub async fn half_sign_in(&self, person: &Person) -> String {
        let data = self.rail().post("/login", person.credentials()).await.data(200);
        assert_eq!(data["mfaRequired"], true, "{data}");
        data["mfaToken"].as_str().unwrap().to_owned()
    }
}

impl World {
    /// Somebody with a verified address, to which codes are mailed.
    pub async fn enrolled_by_mail(&self) -> Person {
        let mut person = self.person().await;
        let session = self.sign_in(&person).await;
        self.enrol_by_mail(&mut person, &session).await;
        person
    }

    /// Sets codes by mail up for somebody who has just signed in.
    pub async fn enrol_by_mail(&self, person: &mut Person, session: &Session) {
        person.take_secrets(&self.set_up_factor(session, "EMAIL_OTP").await.data(200));
        let code = self.mailed_code(&person.email).await;
        let confirmed = self.confirm_factor(session, "EMAIL_OTP", &code).await;
        assert_eq!(confirmed.data(200)["enabled"], true);
    }

    /// Has a code mailed for half a sign-in.
    pub async fn challenged_code(&self, person: &Person, half: &str) -> String {
        let wanted = json!({ "mfaToken": half, "method": "EMAIL_OTP" });
        let sent = self.rail().post("/mfa/challenge", wanted).await.data(200);
        assert_eq!(sent["sent"], true, "{sent}");
        self.mailed_code(&person.email).await
    }

    /// Signs somebody with an authenticator in on a device that is trusted from then on: its
    /// token.
    pub async fn trusted_device(&self, person: &Person) -> String {
        let half = self.half_sign_in(person).await;
        let answer = json!({ "mfaToken": half, "code": person.code(self), "trustDevice": true });
        let data = self.rail().post("/mfa/verify", answer).await.data(200);
        data["deviceToken"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
    }
}

impl World {
    /// Somebody with a verified address, to whose number codes are sent by SMS; and the number.
    pub async fn enrolled_by_sms(&self) -> (Person, String) {
        let (mut person, number) = (self.person().await, new_number());
        let session = self.sign_in(&person).await;
        self.enrol_by_sms(&mut person, &session, &number).await;
        (person, number)
    }

    /// Sets codes by SMS up for somebody who has just signed in.
    pub async fn enrol_by_sms(&self, person: &mut Person, session: &Session, number: &str) {
        person.take_secrets(&self.set_up_sms(session, Some(number)).await.data(200));
        let code = self.mailed_code(number).await;
        let confirmed = self.confirm_factor(session, "SMS", &code).await;
        assert_eq!(confirmed.data(200)["enabled"], true);
    }

    /// Has a code sent by SMS for half a sign-in.
    pub async fn texted_code(&self, number: &str, half: &str) -> String {
        let wanted = json!({ "mfaToken": half, "method": "SMS" });
        let sent = self.rail().post("/mfa/challenge", wanted).await.data(200);
        assert_eq!(sent["sent"], true, "{sent}");
        self.mailed_code(number).await
    }
}

/// A number that nobody else here has.
#[must_use]
pub fn new_number() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("+49151{:08}", 20_000_000 + COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The body of a sign-in on a trusted device.
#[must_use]
pub fn on_device(person: &Person, token: &str) -> Value {
    json!({ "email": person.email, "password": person.password, "deviceToken": token })
}

impl Person {
    /// Keeps what a set-up showed.
    pub fn take_secrets(&mut self, set_up: &Value) {
        if let Some(secret) = set_up["secret"].as_str() {
            self.secret = Some(secret.to_owned());
        }
        if let Some(codes) = set_up["backupCodes"].as_array() {
            self.backup_codes = codes.iter().map(|code| code.as_str().unwrap().into()).collect();
        }
    }
}

/// Proves a factor for half a sign-in.
pub async fn verify(rail: &Rail, mfa_token: &str, code: &str) -> Answer {
    rail.post("/mfa/verify", json!({ "mfaToken": mfa_token, "code": code })).await
}

/// Refreshes.
pub async fn refresh(rail: &Rail, token: &str) -> Answer {
    rail.post("/refresh", json!({ "refreshToken": token })).await
}
