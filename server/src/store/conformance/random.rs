//! Random sequences of acts, carried out on two pairs: whatever the one answers, the other must.

use std::{future::Future, time::Duration};

use jwks::{Algorithm, Time, cutoff::CutOffKind, policy::Method};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{
    Pair,
    samples::{
        at, code, cut_off, device, edge, event, factor, family, hash, key, login, membership,
        one_time, pending_user, rotation, secs, session, site, tenant, user,
    },
};
use crate::{
    domain::{
        audit::{Action, Event},
        device::TrustedDevice,
        one_time::Purpose,
        secret::SecretHash,
        session::{NewFamily, Proof, Rotated, Session},
        tenant::{Membership, Tenant},
        user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
    },
    store::{
        StoreError, StoreResult,
        identity::{Confirmation, FEED_KEPT, FactorChange, Invited, NewPassword},
    },
};

/// The first token of every family.
const FIRST_TOKEN: &str = "token 0";
/// How long a spent token may come again here: a few acts.
const RETRY_WINDOW: Duration = Duration::from_millis(60);
/// How many sequences, and how long the longest.
const SEQUENCES: u32 = 24;
const LENGTH: usize = 160;

/// One act. Small numbers name people, sessions, tokens and sites, so that acts meet.
#[derive(Clone, Debug)]
enum Act {
    /// The clock goes on by so many milliseconds.
    Wait(u64),
    Register {
        person: u8,
        again: bool,
    },
    Create {
        person: u8,
        name: u8,
        admin: bool,
        first_admin: bool,
    },
    Activate {
        person: u8,
        as_registered: bool,
    },
    RenewPassword {
        person: u8,
        right: bool,
    },
    RecordLogin {
        person: u8,
    },
    Enrol {
        person: u8,
        method: Method,
        with_codes: bool,
    },
    Confirm {
        person: u8,
        place: usize,
        step: Option<u64>,
        ahead: u64,
    },
    Guess {
        person: u8,
        place: usize,
    },
    SpendStep {
        person: u8,
        place: usize,
        step: u64,
    },
    SpendCode {
        person: u8,
        place: usize,
    },
    CutOff {
        kind: CutOffKind,
        of: u8,
        ago: u64,
        life: u64,
    },
    PutSite {
        site: u8,
        hosts: Vec<u8>,
        only_new: bool,
    },
    RemoveSite {
        site: u8,
    },
    AddKey {
        algorithm: Algorithm,
        right: bool,
        life: u64,
    },
    CreateEdge {
        name: u8,
        renew: bool,
    },
    AppendAgain,
    /// `ahead`: by how many epochs the caller is wrong.
    ChangePassword {
        person: u8,
        by_link: bool,
        ahead: u64,
    },
    /// Removes the factors at these places (one that is not there names none), adds one.
    ChangeFactors {
        person: u8,
        places: Vec<usize>,
        add: Option<Method>,
        ahead: u64,
    },
    TrustDevice {
        person: u8,
        life: u64,
        keep: u32,
    },
    TouchDevice {
        person: u8,
        place: usize,
    },
    RemoveDevices {
        person: u8,
        places: Vec<usize>,
    },
    CreateTenant {
        number: u8,
    },
    Join {
        person: u8,
        number: u8,
    },
    /// As if the feed were kept for so many milliseconds.
    Sweep {
        kept: u64,
    },
    OpenSession {
        person: u8,
        life: u64,
        keep: u32,
    },
    AddFamily {
        session: u8,
        other_client: bool,
    },
    /// `age`: how many tokens of the family were issued after the presented one.
    Rotate {
        session: u8,
        family: u8,
        age: usize,
        wrong_client: bool,
    },
    Touch {
        session: u8,
    },
    Raise {
        session: u8,
    },
    Close {
        session: u8,
    },
    CloseAll {
        person: u8,
        except: Option<u8>,
    },
    BeginLogin,
    /// `age`: how many were begun after it.
    ConsumeLogin {
        age: u64,
    },
    PutOneTime {
        purpose: Purpose,
        person: u8,
        token: u8,
    },
    ConsumeOneTime {
        purpose: Purpose,
        person: u8,
        token: u8,
    },
    BeginRequest {
        key: u8,
        life: u64,
    },
    FinishRequest {
        key: u8,
        life: u64,
    },
    DropRequest {
        key: u8,
    },
    Try {
        key: u8,
        limit: u32,
    },
    Forgive {
        key: u8,
        ago: u64,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let person = 0..3_u8;
    let place = 0..3_usize;
    let places = 0..4_usize;
    let ahead = prop_oneof![4 => Just(0_u64), 1 => Just(1)];
    let session = 0..3_u8;
    let token = 0..3_u8;
    let age = prop_oneof![6 => Just(0_usize), 4 => Just(1), 1 => 2..5_usize];
    let method = prop::sample::select(Method::ALL.to_vec());
    let purpose = prop::sample::select(vec![Purpose::VerifyEmail, Purpose::ResetPassword]);
    let kind = prop::sample::select(vec![
        CutOffKind::Session,
        CutOffKind::User,
        CutOffKind::Client,
        CutOffKind::ApiKey,
        CutOffKind::Grant,
        CutOffKind::Token,
    ]);
    let identity = prop_oneof![
        (person.clone(), any::<bool>()).prop_map(|(person, again)| Act::Register { person, again }),
        (person.clone(), 0..3_u8, any::<bool>(), any::<bool>()).prop_map(
            |(person, name, admin, first_admin)| Act::Create { person, name, admin, first_admin }
        ),
        (person.clone(), prop::bool::weighted(0.8))
            .prop_map(|(person, as_registered)| Act::Activate { person, as_registered }),
        (person.clone(), any::<bool>())
            .prop_map(|(person, right)| Act::RenewPassword { person, right }),
        person.clone().prop_map(|person| Act::RecordLogin { person }),
        (person.clone(), method.clone(), any::<bool>())
            .prop_map(|(person, method, with_codes)| Act::Enrol { person, method, with_codes }),
        (person.clone(), place.clone(), prop::option::of(0..4_u64), ahead.clone())
            .prop_map(|(person, place, step, ahead)| Act::Confirm { person, place, step, ahead }),
        (person.clone(), place.clone()).prop_map(|(person, place)| Act::Guess { person, place }),
        (person.clone(), place.clone(), 0..6_u64)
            .prop_map(|(person, place, step)| Act::SpendStep { person, place, step }),
        (person.clone(), place).prop_map(|(person, place)| Act::SpendCode { person, place }),
        (kind, 0..4_u8, 0..200_u64, 0..400_u64).prop_map(|(kind, of, ago, life)| Act::CutOff {
            kind,
            of,
            ago,
            life
        }),
        (0..3_u8, vec(0..4_u8, 0..3), any::<bool>())
            .prop_map(|(site, hosts, only_new)| Act::PutSite { site, hosts, only_new }),
        (0..3_u8).prop_map(|site| Act::RemoveSite { site }),
        (prop::sample::select(Algorithm::ALL.to_vec()), prop::bool::weighted(0.7), 0..300_u64)
            .prop_map(|(algorithm, right, life)| Act::AddKey { algorithm, right, life }),
        (0..2_u8, any::<bool>()).prop_map(|(name, renew)| Act::CreateEdge { name, renew }),
        Just(Act::AppendAgain),
        (person.clone(), any::<bool>(), ahead.clone())
            .prop_map(|(person, by_link, ahead)| Act::ChangePassword { person, by_link, ahead }),
        (person.clone(), vec(places.clone(), 0..3), prop::option::of(method), ahead).prop_map(
            |(person, places, add, ahead)| Act::ChangeFactors { person, places, add, ahead }
        ),
        (person.clone(), 0..400_u64, 0..4_u32).prop_map(|(person, life, keep)| Act::TrustDevice {
            person,
            life,
            keep
        }),
        (person.clone(), places.clone())
            .prop_map(|(person, place)| Act::TouchDevice { person, place }),
        (person.clone(), vec(places, 0..3))
            .prop_map(|(person, places)| Act::RemoveDevices { person, places }),
        (0..3_u8).prop_map(|number| Act::CreateTenant { number }),
        (person.clone(), 0..4_u8).prop_map(|(person, number)| Act::Join { person, number }),
        (0..400_u64).prop_map(|kept| Act::Sweep { kept }),
    ];
    let sessions = prop_oneof![
        2 => (person.clone(), 100..20_000_u64, prop_oneof![3 => Just(100_u32), 1 => 0..4_u32])
            .prop_map(|(person, life, keep)| Act::OpenSession { person, life, keep }),
        1 => (session.clone(), any::<bool>())
            .prop_map(|(session, other_client)| Act::AddFamily { session, other_client }),
        8 => (session.clone(), 0..2_u8, age, prop::bool::weighted(0.05)).prop_map(
            |(session, family, age, wrong_client)| Act::Rotate { session, family, age, wrong_client }
        ),
        1 => session.clone().prop_map(|session| Act::Touch { session }),
        1 => session.clone().prop_map(|session| Act::Raise { session }),
        1 => session.clone().prop_map(|session| Act::Close { session }),
        1 => (person.clone(), prop::option::of(session))
            .prop_map(|(person, except)| Act::CloseAll { person, except }),
        1 => Just(Act::BeginLogin),
        1 => (0..3_u64).prop_map(|age| Act::ConsumeLogin { age }),
        1 => (purpose.clone(), person.clone(), token.clone())
            .prop_map(|(purpose, person, token)| Act::PutOneTime { purpose, person, token }),
        1 => (purpose, person, token)
            .prop_map(|(purpose, person, token)| Act::ConsumeOneTime { purpose, person, token }),
        1 => (0..2_u8, 0..100_u64).prop_map(|(key, life)| Act::BeginRequest { key, life }),
        1 => (0..2_u8, 0..200_u64).prop_map(|(key, life)| Act::FinishRequest { key, life }),
        1 => (0..2_u8).prop_map(|key| Act::DropRequest { key }),
        2 => (0..2_u8, 1..4_u32).prop_map(|(key, limit)| Act::Try { key, limit }),
        1 => (0..2_u8, 0..50_u64).prop_map(|(key, ago)| Act::Forgive { key, ago }),
    ];
    let wait = prop_oneof![6 => 0..40_u64, 1 => 500..3000_u64].prop_map(Act::Wait);
    vec(prop_oneof![1 => wait, 4 => identity, 5 => sessions], 1..LENGTH)
}

/// The same id for the same row in both pairs.
fn id(kind: u8, number: impl Into<u64>) -> Uuid {
    Uuid::from_u128((u128::from(kind) << 64) | u128::from(number.into()))
}

/// The family that act number `act` makes.
fn family_of(act: u64) -> NewFamily {
    NewFamily { id: id(4, act), ..family(FIRST_TOKEN) }
}

/// The hash of the token of half sign-in number `number`.
fn login_hash(number: u64) -> SecretHash {
    hash(&format!("login {number}"))
}

/// A refresh family, and every token issued in it.
struct Line {
    session: Session,
    family: NewFamily,
    tokens: Vec<String>,
}

/// One pair on its way through a sequence, with what the callers of the stores would remember.
struct Walk {
    pair: Pair,
    now: Time,
    /// How many acts there were: names what is new.
    acts: u64,
    opened: Vec<Session>,
    families: Vec<Line>,
    /// How many half sign-ins were begun.
    logins: u64,
    last_event: Option<Event>,
}

impl Walk {
    fn with(pair: Pair) -> Self {
        let (opened, families) = (Vec::new(), Vec::new());
        Self { pair, now: at(0), acts: 0, opened, families, logins: 0, last_event: None }
    }

    fn event(&mut self, action: Action) -> Event {
        let actor = Some(id(1, 0_u64));
        let user_id = Some(id(1, 1_u64));
        let event = Event { id: id(2, self.acts), at: self.now, actor, user_id, ..event(action) };
        self.last_event = Some(event.clone());
        event
    }

    /// The session opened last is number 0.
    fn session(&self, number: u8) -> Session {
        let unknown = || Session { sid: id(3, 999_u64), ..session(id(1, 0_u64)) };
        self.opened.iter().rev().nth(usize::from(number)).cloned().unwrap_or_else(unknown)
    }

    /// A new family, whose first token lives for a while.
    fn family(&self, client_id: &str) -> NewFamily {
        let expires_at = self.now.plus(secs(2));
        NewFamily { client_id: client_id.to_owned(), expires_at, ..family_of(self.acts) }
    }

    fn remember(&mut self, session: &Session, family: NewFamily) {
        let (session, tokens) = (session.clone(), vec![FIRST_TOKEN.to_owned()]);
        self.families.push(Line { session, family, tokens });
    }

    /// The factor of the person at this place of their list; an unknown one where there is none.
    async fn factor(&self, person: u8, place: usize) -> StoreResult<Uuid> {
        let factors = self.pair.identity.list_factors(id(1, person)).await?;
        Ok(factors.get(place).map_or(id(5, 999_999_u64), |factor| factor.id))
    }

    /// The device of the person at this place of their list; an unknown one where there is none.
    async fn device(&self, person: u8, place: usize) -> StoreResult<Uuid> {
        let devices = self.pair.identity.list_devices(id(1, person)).await?;
        Ok(devices.get(place).map_or(id(7, 999_999_u64), |device| device.id))
    }

    /// The epoch of the person, or one beyond.
    async fn epoch(&self, person: u8, ahead: u64) -> StoreResult<u64> {
        let person = self.pair.identity.find_user(id(1, person)).await?;
        Ok(person.map_or(0, |person| person.factor_epoch) + ahead)
    }

    /// What the pair answers to an act, as text.
    async fn take(&mut self, act: &Act) -> String {
        self.acts += 1;
        self.now = self.now.plus(Duration::from_millis(1));
        let answer = match act {
            Act::Wait(millis) => {
                self.now = self.now.plus(Duration::from_millis(*millis));
                Ok(String::new())
            }
            act => match self.change_identity(act).await {
                Some(answer) => answer,
                None => self.change_sessions(act).await,
            },
        };
        // Causes are for the log, and differ.
        answer.unwrap_or_else(|_| "failed".to_owned())
    }

    /// `None`: the act is none of the identity store's.
    async fn change_identity(&mut self, act: &Act) -> Option<StoreResult<String>> {
        self.identity_act(act).await.transpose()
    }

    async fn identity_act(&mut self, act: &Act) -> StoreResult<Option<String>> {
        let store = self.pair.identity.clone();
        let now = self.now;
        Ok(Some(match act {
            Act::Register { person, again } => {
                let user = User {
                    id: id(1, *person + if *again { 100 } else { 0 }),
                    username: None,
                    username_key: None,
                    password_changed_at: Some(now),
                    created_at: now,
                    ..pending_user(&format!("person{person}"))
                };
                let event = self.event(Action::UserCreated);
                format!("{:?}", store.register_user(&user, &event).await?)
            }
            Act::Create { person, name, admin, first_admin } => {
                let roles = if *admin { vec![ADMIN_ROLE.to_owned()] } else { Vec::new() };
                let user = User {
                    id: id(1, *person),
                    username_key: Some(format!("name{name}")),
                    status: if *admin { UserStatus::Pending } else { UserStatus::Active },
                    roles,
                    ..user(&format!("person{person}"))
                };
                let event = self.event(Action::UserCreated);
                let made = store.create_user(&user, &[], &[], *first_admin, &event).await?;
                format!("{made:?}")
            }
            Act::Activate { person, as_registered } => {
                let key = format!("person{person}@example.com");
                let held = store.find_user_by_login(&key).await?;
                let changed = held.as_ref().and_then(|user| user.password_changed_at);
                let changed = if *as_registered { changed } else { Some(at(0)) };
                let of = held.map_or(id(1, *person), |user| user.id);
                let event = self.event(Action::EmailVerified);
                format!("{:?}", store.activate_user(of, &key, changed, now, &event).await?)
            }
            Act::RenewPassword { person, right } => {
                let of = id(1, *person);
                let held = store.find_user(of).await?.and_then(|user| user.password_hash);
                let old = held.filter(|_| *right).unwrap_or_else(|| "other".to_owned());
                let new = format!("hash {}", self.acts);
                format!("{:?}", store.renew_password_hash(of, &old, &new).await?)
            }
            Act::RecordLogin { person } => {
                let event = self.event(Action::LoginSuccess);
                format!("{:?}", store.record_login(id(1, *person), now, &event).await?)
            }
            Act::Enrol { person, method, with_codes } => {
                let mut factors = vec![factor(id(1, *person), *method)];
                if *with_codes && *method != Method::BackupCode {
                    factors.push(factor(id(1, *person), Method::BackupCode));
                }
                for (number, factor) in (0..).zip(&mut factors) {
                    factor.id = id(5, self.acts * 2 + number);
                    factor.created_at = now;
                }
                let codes: Vec<_> = factors
                    .iter()
                    .filter(|factor| factor.method == Method::BackupCode)
                    .map(|factor| code(factor.id, "aaaa"))
                    .collect();
                format!("{:?}", store.enrol_factors(id(1, *person), &factors, &codes).await?)
            }
            Act::Confirm { person, place, step, ahead } => {
                let confirmation = Confirmation {
                    user_id: id(1, *person),
                    id: self.factor(*person, *place).await?,
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    name: step.map(|step| format!("named {step}")),
                    step: *step,
                };
                let event = self.event(Action::MfaEnabled);
                format!("{:?}", store.confirm_factor(&confirmation, now, &event).await?)
            }
            Act::Guess { person, place } => {
                let factor = self.factor(*person, *place).await?;
                format!("{:?}", store.count_guess(factor, 2).await?)
            }
            Act::SpendStep { person, place, step } => {
                let factor = self.factor(*person, *place).await?;
                format!("{:?}", store.consume_totp_step(factor, *step, now).await?)
            }
            Act::SpendCode { person, place } => {
                let factor = self.factor(*person, *place).await?;
                let found = store.find_backup_code(factor, "aaaa").await?;
                let spent = store.consume_backup_code(factor, "aaaa", now).await?;
                format!("{found:?} {spent:?}")
            }
            Act::CutOff { kind, of, ago, life } => {
                let of = match kind {
                    CutOffKind::Session => self.session(*of).sid.to_string(),
                    CutOffKind::User => id(1, *of).to_string(),
                    CutOffKind::Client
                    | CutOffKind::ApiKey
                    | CutOffKind::Grant
                    | CutOffKind::Token => format!("name{of}"),
                };
                let ended_at = now.minus(Duration::from_millis(*ago));
                let until = now.plus(Duration::from_millis(*life));
                let cut = cut_off(*kind, &of, ended_at, until);
                let event = self.event(Action::SessionRevoked);
                format!("{:?}", store.cut_off(&[cut], &event).await?)
            }
            Act::PutSite { site: number, hosts, only_new } => {
                let hosts: Vec<String> = hosts.iter().map(|host| format!("h{host}")).collect();
                let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
                let site = site(&format!("site{number}"), &hosts);
                let event = self.event(Action::PolicyUpdated);
                format!("{:?}", store.put_site(&site, *only_new, &event).await?)
            }
            Act::RemoveSite { site } => {
                let event = self.event(Action::PolicyUpdated);
                format!("{:?}", store.remove_site(&format!("site{site}"), &event).await?)
            }
            Act::AddKey { algorithm, right, life } => {
                let keys = store.list_signing_keys(Time::default()).await?;
                let newest = keys.iter().rfind(|key| key.algorithm == *algorithm);
                let newest = newest.map(|key| key.kid.clone()).filter(|_| *right);
                let key = key(&format!("key{}", self.acts), *algorithm, now);
                let end = now.plus(Duration::from_millis(*life));
                let event = self.event(Action::KeyRotated);
                let added =
                    store.add_signing_key(&key, newest.as_deref(), Some(end), &event).await?;
                format!("{added:?}")
            }
            Act::CreateEdge { name, renew } => {
                let mut edge = edge(&format!("edge{name}"), &format!("credential {}", self.acts));
                edge.id = id(6, self.acts);
                let event = self.event(Action::EdgeCreated);
                let made = if *renew {
                    format!("{:?}", store.renew_edge(&edge, &event).await?)
                } else {
                    format!("{:?}", store.create_edge(&edge, &event).await?)
                };
                format!("{made} {:?}", store.find_edge(&edge.hash).await?)
            }
            Act::AppendAgain => {
                let Some(event) = self.last_event.clone() else { return Ok(Some(String::new())) };
                format!("{:?}", store.append_event(&event).await?)
            }
            Act::ChangePassword { person, by_link, ahead } => {
                let password = NewPassword {
                    user_id: id(1, *person),
                    hash: format!("hash {}", self.acts),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    proves_address: by_link.then(|| format!("person{person}@example.com")),
                    invited: (*by_link && self.acts.is_multiple_of(2)).then(|| Invited {
                        tenant_id: "guests".to_owned(),
                        roles: vec![ADMIN_ROLE.to_owned()],
                        name: format!("name {}", self.acts),
                    }),
                };
                let of = password.user_id.to_string();
                let ended = cut_off(CutOffKind::User, &of, now, now.plus(secs(1)));
                let event = self.event(Action::PasswordChanged);
                format!("{:?}", store.change_password(&password, &[ended], now, &event).await?)
            }
            Act::ChangeFactors { person, places, add, ahead } => {
                let mut remove = Vec::new();
                for place in places {
                    remove.push(self.factor(*person, *place).await?);
                }
                let mut factors = Vec::new();
                if let Some(method) = add {
                    let mut factor = factor(id(1, *person), *method);
                    factor.id = id(8, self.acts);
                    factor.created_at = now;
                    factors.push(factor);
                }
                let codes = factors.iter().map(|factor| code(factor.id, "aaaa")).collect();
                let change = FactorChange {
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    remove,
                    add: factors,
                    codes,
                };
                let event = self.event(Action::MfaDisabled);
                format!("{:?}", store.change_factors(&change, &[], now, &event).await?)
            }
            Act::TrustDevice { person, life, keep } => {
                let device = TrustedDevice {
                    id: id(7, self.acts),
                    hash: hash(&format!("device {}", self.acts)),
                    factor_epoch: self.epoch(*person, 0).await?,
                    created_at: now,
                    last_used_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..device(id(1, *person))
                };
                format!("{:?}", store.trust_device(&device, *keep).await?)
            }
            Act::TouchDevice { person, place } => {
                let device = self.device(*person, *place).await?;
                store.touch_device(id(1, *person), device, now).await?;
                format!("{:?}", store.find_device(id(1, *person), device).await?)
            }
            Act::RemoveDevices { person, places } => {
                let mut devices = Vec::new();
                for place in places {
                    devices.push(self.device(*person, *place).await?);
                }
                let event = self.event(Action::DeviceRevoked);
                format!("{:?}", store.remove_devices(id(1, *person), &devices, &[], &event).await?)
            }
            Act::CreateTenant { number } => {
                let tenant = Tenant { created_at: now, ..tenant(&format!("tenant{number}")) };
                let event = self.event(Action::TenantCreated);
                format!("{:?}", store.create_tenant(&tenant, &event).await?)
            }
            Act::Join { person, number } => {
                // The last one is everybody's own.
                let tenant_id = match number {
                    3 => user("").tenant_id,
                    number => format!("tenant{number}"),
                };
                let membership = Membership {
                    roles: vec![format!("role {}", self.acts)],
                    created_at: now,
                    ..membership(id(1, *person), &tenant_id)
                };
                let event = self.event(Action::TenantJoined);
                format!("{:?}", store.join_tenant(&membership, &event).await?)
            }
            Act::Sweep { kept } => {
                let now = now.minus(Duration::from_millis(*kept)).plus(FEED_KEPT);
                format!("{:?}", store.sweep(now).await?)
            }
            _ => return Ok(None),
        }))
    }

    async fn change_sessions(&mut self, act: &Act) -> StoreResult<String> {
        let store = self.pair.sessions.clone();
        let now = self.now;
        Ok(match act {
            Act::OpenSession { person, life, keep } => {
                let session = Session {
                    sid: id(3, self.acts),
                    created_at: now,
                    last_active_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    proof: Proof { auth_time: now, ..session(id(1, *person)).proof },
                    ..session(id(1, *person))
                };
                let family = self.family("rail");
                let mut closed = store.open_session(&session, Some(&family), *keep).await?;
                closed.sort();
                self.remember(&session, family);
                self.opened.push(session);
                format!("{closed:?}")
            }
            Act::AddFamily { session, other_client } => {
                let session = self.session(*session);
                let family = self.family(if *other_client { "shop" } else { "rail" });
                let (user_id, sid) = (session.user_id, session.sid);
                let added = store.add_family(user_id, sid, &family, now).await?;
                self.remember(&session, family);
                format!("{added:?}")
            }
            Act::Rotate { session, family, age, wrong_client } => {
                let session = self.session(*session);
                let successor = format!("token {}", self.acts);
                let lines = self.families.iter_mut().rev();
                let mut lines = lines.filter(|line| line.session.sid == session.sid);
                let Some(line) = lines.nth(usize::from(*family)) else {
                    let unknown =
                        rotation(&session, &family_of(self.acts), FIRST_TOKEN, &successor);
                    return Ok(format!("{:?}", store.rotate_refresh(&unknown, now).await?));
                };
                let presented = line.tokens.iter().rev().nth(*age);
                let presented = presented.map_or("never issued", String::as_str);
                let mut rotation = rotation(&session, &line.family, presented, &successor);
                rotation.ttl = secs(3);
                rotation.retry_window = RETRY_WINDOW;
                if *wrong_client {
                    rotation.client_id = "thief".to_owned();
                }
                let rotated = store.rotate_refresh(&rotation, now).await?;
                if matches!(rotated, Rotated::Fresh(_) | Rotated::Retried(_)) {
                    line.tokens.push(successor);
                }
                format!("{rotated:?}")
            }
            Act::Touch { session } => {
                let Session { user_id, sid, .. } = self.session(*session);
                format!("{:?}", store.touch_session(user_id, sid, now).await?)
            }
            Act::Raise { session } => {
                let Session { user_id, sid, mut proof, .. } = self.session(*session);
                proof.auth_time = now;
                let family = self.family("rail");
                let raised = store.raise_session(user_id, sid, &proof, &family, now).await?;
                if let Some(raised) = &raised {
                    self.remember(raised, family);
                }
                format!("{raised:?}")
            }
            Act::Close { session } => {
                let Session { user_id, sid, .. } = self.session(*session);
                // Whether a session that is over is still there to be closed is nobody's concern.
                let living = store.find_session(user_id, sid, now).await?.is_some();
                let closed = store.close_session(user_id, sid).await?;
                format!("{:?}", living && closed)
            }
            Act::CloseAll { person, except } => {
                let except = except.map(|session| self.session(session).sid);
                let living = store.list_sessions(id(1, *person), now).await?;
                let mut closed = store.close_sessions(id(1, *person), except).await?;
                closed.retain(|sid| living.iter().any(|session| session.sid == *sid));
                closed.sort();
                format!("{closed:?}")
            }
            Act::BeginLogin => {
                self.logins += 1;
                let mut login = login(id(1, self.logins));
                login.created_at = now;
                login.expires_at = now.plus(secs(1));
                format!("{:?}", store.begin_login(&login_hash(self.logins), &login).await?)
            }
            Act::ConsumeLogin { age } => {
                let hash = login_hash(self.logins.saturating_sub(*age));
                let found = store.find_login(&hash, now).await?;
                format!("{found:?} {:?}", store.consume_login(&hash, now).await?)
            }
            Act::PutOneTime { purpose, person, token } => {
                let mut one = one_time(*purpose, id(1, *person), &format!("once {token}"));
                one.expires_at = now.plus(secs(1));
                format!("{:?}", store.put_one_time(&one).await?)
            }
            Act::ConsumeOneTime { purpose, person, token } => {
                let (owner, hash) = (id(1, *person), hash(&format!("once {token}")));
                let found = store.find_one_time(*purpose, owner, &hash, now).await?;
                let consumed = store.consume_one_time(*purpose, owner, &hash, now).await?;
                format!("{found:?} {consumed:?}")
            }
            Act::BeginRequest { key, life } => {
                let (key, until) = (hash(&format!("request {key}")), Duration::from_millis(*life));
                format!("{:?}", store.begin_request(&key, now.plus(until), now).await?)
            }
            Act::FinishRequest { key, life } => {
                let (key, mark) = (hash(&format!("request {key}")), hash("mark"));
                let (answer, ends) = (self.acts.to_string(), Duration::from_millis(*life));
                store.finish_request(&key, &mark, &answer, now.plus(ends)).await?;
                String::new()
            }
            Act::DropRequest { key } => {
                format!("{:?}", store.drop_request(&hash(&format!("request {key}"))).await?)
            }
            Act::Try { key, limit } => {
                let window = Duration::from_millis(50);
                let budget = store.count_try(&format!("key {key}"), *limit, window, now).await?;
                format!("{budget:?}")
            }
            Act::Forgive { key, ago } => {
                let then = now.minus(Duration::from_millis(*ago));
                format!("{:?}", store.forgive_try(&format!("key {key}"), then).await?)
            }
            other => panic!("{other:?} is an act of no store"),
        })
    }

    /// All that can be read, as text.
    async fn everything(&self) -> StoreResult<Vec<String>> {
        let (identity, sessions) = (&self.pair.identity, &self.pair.sessions);
        let mut all = Vec::new();
        for person in 0..3_u8 {
            for key in [format!("person{person}@example.com"), format!("name{person}")] {
                all.push(format!("{:?}", identity.find_user_by_login(&key).await?));
            }
            for session in &self.opened {
                let subject = identity.find_subject(id(1, person), session.sid).await?;
                all.push(format!("{subject:?}"));
            }
            let factors = identity.list_factors(id(1, person)).await?;
            for factor in &factors {
                all.push(format!("{:?}", identity.count_backup_codes(factor.id).await?));
            }
            all.push(format!("{factors:?}"));
            all.push(format!("{:?}", identity.list_devices(id(1, person)).await?));
            all.push(format!("{:?}", identity.list_memberships(id(1, person)).await?));
            all.push(format!("{:?}", sessions.list_sessions(id(1, person), self.now).await?));
        }
        let mut tenants = identity.list_tenants().await?;
        // The first one is as old as its store.
        tenants.retain(|tenant| tenant.id != DEFAULT_TENANT);
        all.push(format!("{tenants:?}"));
        all.push(format!("{:?}", identity.has_admin().await?));
        all.push(format!("{:?}", identity.list_signing_keys(self.now).await?));
        let mut snapshot = identity.snapshot("https://issuer.example", self.now).await?;
        snapshot.epoch.clear();
        snapshot.cut_offs.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
        all.push(format!("{snapshot:?}"));
        all.push(format!("{:?}", identity.list_feed(0, 10_000).await?));
        all.push(format!("{:?}", identity.list_audit(0, 10_000).await?));
        Ok(all)
    }
}

/// Carries random sequences out on a fresh pair of each kind, and fails with the shortest one
/// that they answer differently.
pub(super) fn compare<A, B>(one: impl Fn() -> A, other: impl Fn() -> B)
where
    A: Future<Output = Pair>,
    B: Future<Output = Pair>,
{
    let runtime = Runtime::new().unwrap();
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&acts(), |acts| {
        runtime.block_on(async {
            let (mut one, mut other) = (Walk::with(one().await), Walk::with(other().await));
            for (number, act) in (1..).zip(&acts) {
                let (first, second) = (one.take(act).await, other.take(act).await);
                prop_assert_eq!(first, second, "act {}: {:?}", number, act);
            }
            let read = |error: StoreError| TestCaseError::fail(error.to_string());
            let first = one.everything().await.map_err(read)?;
            let second = other.everything().await.map_err(read)?;
            for (first, second) in first.into_iter().zip(second) {
                prop_assert_eq!(first, second, "what is stored after it all");
            }
            Ok(())
        })
    });
    if let Err(difference) = outcome {
        panic!("{difference}");
    }
}
