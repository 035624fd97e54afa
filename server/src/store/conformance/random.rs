//! Random sequences of acts, carried out on two pairs: whatever the one answers, the other must.

use std::{future::Future, time::Duration};

use jwks::{
    Algorithm, Time,
    cutoff::{CutOff, CutOffKind},
    policy::Method,
};
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
        allowed, api_key, at, authorization, authorization_code, client, code, consent, cut_off,
        device, device_grant, edge, errand, event, factor, family, hash, key, login, membership,
        one_time, passkey, pending_user, rotation, secs, session, site, tenant, user, warning,
    },
};
use crate::{
    domain::{
        api_key::ApiKey,
        audit::{Action, Event},
        authorization::{AuthorizationRequest, Code, Done, RequestKind},
        client::{Client, InitialAccess},
        consent::Consent,
        device::TrustedDevice,
        device_grant::{DeviceDecision, DeviceGrant},
        errand::ErrandRow,
        factor::Factor,
        login::Address,
        one_time::Purpose,
        passkey::{Passkey, PasskeyUse},
        place::Place,
        secret::SecretHash,
        session::{NewFamily, Proof, Rotated, Session},
        tenant::{Membership, Tenant},
        user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
        warning::{Denial, Warning},
    },
    store::{
        StoreError, StoreResult,
        identity::{
            Confirmation, FEED_KEPT, FactorChange, Invited, NewAddress, NewPassword, NewPhone,
        },
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
    UsePasskey {
        person: u8,
        place: usize,
        counter: u32,
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
    ChangeAddress {
        person: u8,
        to: u8,
        displaces: bool,
        ahead: u64,
    },
    ChangePhone {
        person: u8,
        phone: Option<u8>,
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
    Warn {
        person: u8,
        number: u8,
    },
    Deny {
        person: u8,
        number: u8,
        address: Option<u8>,
        ahead: u64,
    },
    Unblock {
        person: u8,
    },
    NotePlace {
        person: u8,
        number: u8,
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
    CreateClient {
        client: u8,
    },
    ReplaceClient {
        client: u8,
        right: bool,
        ended: Option<u8>,
    },
    RemoveClient {
        client: u8,
        ended: Option<u8>,
    },
    Consent {
        person: u8,
        client: u8,
        names: Vec<u8>,
    },
    Withdraw {
        person: u8,
        client: u8,
        told: u8,
        ended: Option<u8>,
    },
    CreateApiKey {
        person: u8,
        life: u64,
        most: u32,
        dead: Option<u64>,
        right: bool,
    },
    /// Of the keys of this person the one at this place, by somebody.
    RevokeApiKey {
        person: u8,
        by: u8,
        place: usize,
    },
    NoteKeyUses {
        person: u8,
        ago: u64,
    },
    /// Rows of the log about a person, of the last so many milliseconds.
    ListAbout {
        person: u8,
        span: u64,
        limit: u32,
    },
    CreateInitialAccess {
        life: u64,
    },
    /// `waits`: for the end of which session.
    QueueErrand {
        number: u8,
        delay: u64,
        waits: Option<u8>,
    },
    ClaimErrands {
        lease: u64,
    },
    FinishErrand {
        number: u8,
    },
    OpenSession {
        person: u8,
        life: u64,
        keep: u32,
    },
    AddFamily {
        session: u8,
        other_client: bool,
        keep: u32,
    },
    /// `age`: how many tokens of the family were issued after the presented one.
    Rotate {
        session: u8,
        family: u8,
        age: usize,
        wrong_client: bool,
    },
    /// The newest token of the family, or one that never was.
    FindRefresh {
        session: u8,
        family: u8,
        right: bool,
    },
    RemoveFamily {
        session: u8,
        family: u8,
    },
    Touch {
        session: u8,
    },
    RaiseBrowser {
        session: u8,
        right: bool,
    },
    KeepRequest {
        kind: RequestKind,
        name: u8,
        life: u64,
    },
    NoteInFlow {
        name: u8,
        what: u8,
    },
    ConsumeRequest {
        kind: RequestKind,
        name: u8,
    },
    IssueCode {
        session: u8,
        client: u8,
        life: u64,
    },
    /// `age`: how many codes were issued after it.
    RedeemCode {
        age: u64,
        remembered: u64,
    },
    BeginDevice {
        user_code: u8,
        life: u64,
    },
    /// `allow`: in which session; `None`: no.
    DecideDevice {
        user_code: u8,
        allow: Option<u8>,
    },
    /// `age`: how many devices asked after it.
    PollDevice {
        age: u64,
        wrong_client: bool,
    },
    MarkOnce {
        key: u8,
        life: u64,
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
    let client = 0..3_u8;
    let last = prop_oneof![3 => Just(0_u64), 1 => 1..4_u64];
    let life = prop_oneof![3 => 0..200_u64, 1 => 200..5000_u64];
    let request = prop::sample::select(vec![RequestKind::Pushed, RequestKind::Flow]);
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
        (person.clone(), place.clone(), 0..4_u32)
            .prop_map(|(person, place, counter)| Act::UsePasskey { person, place, counter }),
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
        (person.clone(), person.clone(), any::<bool>(), ahead.clone()).prop_map(
            |(person, to, displaces, ahead)| Act::ChangeAddress { person, to, displaces, ahead }
        ),
        (person.clone(), prop::option::of(0..3_u8), ahead.clone())
            .prop_map(|(person, phone, ahead)| Act::ChangePhone { person, phone, ahead }),
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
        (person.clone(), 0..3_u8).prop_map(|(person, number)| Act::Warn { person, number }),
        (person.clone(), 0..3_u8, proptest::option::of(0..6_u8), 0..2_u64).prop_map(
            |(person, number, address, ahead)| Act::Deny { person, number, address, ahead }
        ),
        person.clone().prop_map(|person| Act::Unblock { person }),
        (person.clone(), 0..4_u8).prop_map(|(person, number)| Act::NotePlace { person, number }),
        (0..3_u8).prop_map(|number| Act::CreateTenant { number }),
        (person.clone(), 0..4_u8).prop_map(|(person, number)| Act::Join { person, number }),
        (0..400_u64).prop_map(|kept| Act::Sweep { kept }),
    ];
    let ended = prop::option::weighted(0.3, session.clone());
    let clients = prop_oneof![
        3 => client.clone().prop_map(|client| Act::CreateClient { client }),
        2 => (client.clone(), prop::bool::weighted(0.7), ended.clone())
            .prop_map(|(client, right, ended)| Act::ReplaceClient { client, right, ended }),
        1 => (client.clone(), ended).prop_map(|(client, ended)| Act::RemoveClient { client, ended }),
        2 => (person.clone(), client.clone(), vec(0..5_u8, 0..3))
            .prop_map(|(person, client, names)| Act::Consent { person, client, names }),
        1 => (person.clone(), client.clone(), 0..6_u8, prop::option::weighted(0.3, session.clone()))
            .prop_map(|(person, client, told, ended)| Act::Withdraw { person, client, told, ended }),
        3 => (
            person.clone(),
            0..400_u64,
            0..5_u32,
            prop::option::weighted(0.2, 0..200_u64),
            prop::bool::weighted(0.9),
        )
            .prop_map(|(person, life, most, dead, right)| {
                Act::CreateApiKey { person, life, most, dead, right }
            }),
        1 => (person.clone(), person.clone(), 0..3_usize)
            .prop_map(|(person, by, place)| Act::RevokeApiKey { person, by, place }),
        1 => (person.clone(), 0..50_u64)
            .prop_map(|(person, ago)| Act::NoteKeyUses { person, ago }),
        1 => (person.clone(), 0..2000_u64, 0..6_u32)
            .prop_map(|(person, span, limit)| Act::ListAbout { person, span, limit }),
        1 => (0..400_u64).prop_map(|life| Act::CreateInitialAccess { life }),
        3 => (0..6_u8, 0..400_u64, prop::option::of(session.clone()))
            .prop_map(|(number, delay, waits)| Act::QueueErrand { number, delay, waits }),
        2 => (0..100_u64).prop_map(|lease| Act::ClaimErrands { lease }),
        1 => (0..6_u8).prop_map(|number| Act::FinishErrand { number }),
    ];
    let sessions = prop_oneof![
        2 => (person.clone(), 100..20_000_u64, prop_oneof![3 => Just(100_u32), 1 => 0..4_u32])
            .prop_map(|(person, life, keep)| Act::OpenSession { person, life, keep }),
        1 => (session.clone(), any::<bool>(), prop_oneof![3 => Just(100_u32), 1 => 0..4_u32])
            .prop_map(|(session, other_client, keep)| Act::AddFamily {
                session,
                other_client,
                keep
            }),
        8 => (session.clone(), 0..2_u8, age, prop::bool::weighted(0.05)).prop_map(
            |(session, family, age, wrong_client)| Act::Rotate { session, family, age, wrong_client }
        ),
        1 => session.clone().prop_map(|session| Act::Touch { session }),
        1 => session.clone().prop_map(|session| Act::Raise { session }),
        1 => session.clone().prop_map(|session| Act::Close { session }),
        1 => (person.clone(), prop::option::of(session.clone()))
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
    let flows = prop_oneof![
        2 => (session.clone(), 0..2_u8, prop::bool::weighted(0.8))
            .prop_map(|(session, family, right)| Act::FindRefresh { session, family, right }),
        1 => (session.clone(), 0..2_u8)
            .prop_map(|(session, family)| Act::RemoveFamily { session, family }),
        2 => (session.clone(), prop::bool::weighted(0.8))
            .prop_map(|(session, right)| Act::RaiseBrowser { session, right }),
        2 => (request.clone(), 0..2_u8, life.clone())
            .prop_map(|(kind, name, life)| Act::KeepRequest { kind, name, life }),
        2 => (0..2_u8, 0..4_u8).prop_map(|(name, what)| Act::NoteInFlow { name, what }),
        2 => (request, 0..2_u8).prop_map(|(kind, name)| Act::ConsumeRequest { kind, name }),
        3 => (session.clone(), client, life.clone())
            .prop_map(|(session, client, life)| Act::IssueCode { session, client, life }),
        4 => (last.clone(), life.clone())
            .prop_map(|(age, remembered)| Act::RedeemCode { age, remembered }),
        3 => (0..3_u8, life.clone())
            .prop_map(|(user_code, life)| Act::BeginDevice { user_code, life }),
        3 => (0..3_u8, prop::option::weighted(0.7, session))
            .prop_map(|(user_code, allow)| Act::DecideDevice { user_code, allow }),
        5 => (last, prop::bool::weighted(0.05))
            .prop_map(|(age, wrong_client)| Act::PollDevice { age, wrong_client }),
        2 => (0..3_u8, life).prop_map(|(key, life)| Act::MarkOnce { key, life }),
    ];
    let wait = prop_oneof![6 => 0..40_u64, 1 => 500..3000_u64].prop_map(Act::Wait);
    vec(prop_oneof![2 => wait, 4 => identity, 2 => clients, 5 => sessions, 4 => flows], 1..LENGTH)
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
    /// How many codes were issued, how many devices asked, and how many initial access tokens were
    /// made.
    codes: u64,
    devices: u64,
    accesses: u64,
    last_event: Option<Event>,
}

impl Walk {
    fn with(pair: Pair) -> Self {
        let (opened, families) = (Vec::new(), Vec::new());
        Self {
            pair,
            now: at(0),
            acts: 0,
            opened,
            families,
            logins: 0,
            codes: 0,
            devices: 0,
            accesses: 0,
            last_event: None,
        }
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

    /// An ending of that session, if one is to be ended.
    fn end_of(&self, session: Option<u8>) -> Vec<CutOff> {
        let sid = session.map(|session| self.session(session).sid.to_string());
        let end =
            |sid: String| cut_off(CutOffKind::Session, &sid, self.now, self.now.plus(secs(9)));
        sid.map(end).into_iter().collect()
    }

    /// A new family, whose first token lives for a while.
    fn family(&self, client_id: &str) -> NewFamily {
        let expires_at = self.now.plus(secs(2));
        NewFamily { client_id: client_id.to_owned(), expires_at, ..family_of(self.acts) }
    }

    /// The family of that session made so many before the newest, and its newest token.
    fn newest(&self, session: u8, family: u8) -> (Uuid, String) {
        let sid = self.session(session).sid;
        let mut lines = self.families.iter().rev().filter(|line| line.session.sid == sid);
        let line = lines.nth(usize::from(family));
        line.map_or((id(4, 999_u64), FIRST_TOKEN.to_owned()), |line| {
            (line.family.id, line.tokens.last().cloned().unwrap_or_default())
        })
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
                let named = self.factor(*person, *place).await?;
                let confirmation = Confirmation {
                    user_id: id(1, *person),
                    id: named,
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    name: step.map(|step| format!("named {step}")),
                    step: *step,
                    replaces: step.is_some_and(|step| step.is_multiple_of(3)),
                    proves_phone: step.map(|_| "+31201234567".to_owned()),
                    // Two factors of one sequence share a name where their steps are the same.
                    passkey: step.map(|step| Passkey {
                        credential_id: vec![u8::try_from(step).unwrap_or(u8::MAX)],
                        model: None,
                        counter: 0,
                        ..passkey(&Factor { id: named, ..factor(id(1, *person), Method::Hardware) })
                    }),
                    cut_offs: Vec::new(),
                };
                let event = self.event(Action::MfaEnabled);
                format!("{:?}", store.confirm_factor(&confirmation, now, &event).await?)
            }
            Act::Guess { person, place } => {
                let factor = self.factor(*person, *place).await?;
                format!("{:?}", store.count_guess(factor, self.acts.is_multiple_of(2), 2).await?)
            }
            Act::SpendStep { person, place, step } => {
                let factor = self.factor(*person, *place).await?;
                format!("{:?}", store.consume_totp_step(factor, *step, now).await?)
            }
            Act::UsePasskey { person, place, counter } => {
                let factor = self.factor(*person, *place).await?;
                let used = PasskeyUse { counter: *counter, backed_up: counter % 2 == 0 };
                let spent = store.use_passkey(factor, used, now).await?;
                format!("{spent:?} {:?}", store.list_passkeys(id(1, *person)).await?)
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
                    | CutOffKind::Consent
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
            Act::ChangeAddress { person, to, displaces, ahead } => {
                let key = format!("person{to}@example.com");
                let holder = store.find_user_by_login(&key).await?.map(|holder| holder.id);
                let new = NewAddress {
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    address: Address { display: format!("Person{to}@example.com"), key },
                    displaces: holder.filter(|_| *displaces),
                };
                let event = self.event(Action::EmailChanged);
                format!("{:?}", store.change_address(&new, &[], now, &event).await?)
            }
            Act::ChangePhone { person, phone, ahead } => {
                let new = NewPhone {
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    phone: phone.map(|phone| format!("+3120123456{phone}")),
                };
                let event = self.event(Action::PhoneChanged);
                format!("{:?}", store.change_phone(&new, now, &event).await?)
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
            Act::Warn { person, number } => {
                let warned = User { id: id(1, *person), ..user(&format!("person{person}")) };
                let warning = Warning {
                    id: id(9, u64::from(*person) * 10 + u64::from(*number)),
                    lost_factor: false,
                    created_at: now,
                    used_at: None,
                    ..warning(&warned)
                };
                let put = store.put_warning(&warning).await;
                format!("{:?} {:?}", put.is_ok(), store.find_warning(warning.id, now).await?)
            }
            Act::Deny { person, number, address, ahead } => {
                let restored = address.map(|number| Address {
                    display: format!("Person{number}@example.com"),
                    key: format!("person{number}@example.com"),
                });
                let holder = match &restored {
                    Some(address) => store.find_user_by_login(&address.key).await?,
                    None => None,
                };
                let denial = Denial {
                    warning_id: id(9, u64::from(*person) * 10 + u64::from(*number)),
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    status: UserStatus::Blocked,
                    restored,
                    gives_way: holder.map(|holder| holder.id),
                    remove: vec![self.factor(*person, 0).await?],
                };
                let of = denial.user_id.to_string();
                let ended = cut_off(CutOffKind::User, &of, now, now.plus(secs(1)));
                let event = self.event(Action::AccountBlocked);
                format!("{:?}", store.deny(&denial, &[ended], now, &event).await?)
            }
            Act::Unblock { person } => {
                let event = self.event(Action::AccountUnblocked);
                format!("{:?}", store.unblock_user(id(1, *person), now, &event).await?)
            }
            Act::NotePlace { person, number } => {
                let place = Place {
                    user_id: id(1, *person),
                    agent: format!("agent {number}"),
                    network: "n".to_owned(),
                };
                format!("{:?}", store.note_place(&place, 3, now).await?)
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
            Act::CreateClient { client: number } => {
                let created_at = self.now;
                let client = Client {
                    created_at,
                    updated_at: created_at,
                    ..client(&format!("client{number}"))
                };
                let event = self.event(Action::ClientCreated);
                format!("{:?}", store.create_client(&client, &event).await?)
            }
            Act::ReplaceClient { client: number, right, ended } => {
                let id = format!("client{number}");
                let held = store.find_client(&id).await?;
                let expected = held.filter(|_| *right).map_or(at(0), |held| held.updated_at);
                let mut new = Client { updated_at: now, ..client(&id) };
                new.metadata.client_name = Some(format!("name {}", self.acts));
                let (cuts, event) = (self.end_of(*ended), self.event(Action::ClientUpdated));
                format!("{:?}", store.replace_client(&new, expected, &cuts, &event).await?)
            }
            Act::RemoveClient { client, ended } => {
                let (cuts, event) = (self.end_of(*ended), self.event(Action::ClientRemoved));
                let id = format!("client{client}");
                format!("{:?}", store.remove_client(&id, &cuts, &event).await?)
            }
            Act::Consent { person, client, names } => {
                let texts = |of: &str| names.iter().map(|name| format!("{of} {name}")).collect();
                let given = Consent {
                    scopes: texts("scope"),
                    claims: texts("claim"),
                    resources: texts("resource"),
                    created_at: now,
                    granted_at: now,
                    ..consent(id(1, *person), &format!("client{client}"))
                };
                let event = self.event(Action::ConsentGranted);
                format!("{:?}", store.grant_consent(&given, &event).await?)
            }
            Act::Withdraw { person, client, told, ended } => {
                let (cuts, event) = (self.end_of(*ended), self.event(Action::ConsentRevoked));
                let (of, client) = (id(1, *person), format!("client{client}"));
                let told = [id(9, *told)];
                format!("{:?}", store.withdraw_consent(of, &client, &cuts, &told, &event).await?)
            }
            Act::CreateApiKey { person, life, most, dead, right } => {
                let key = ApiKey {
                    id: id(8, self.acts),
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    last_used_at: None,
                    ..api_key(id(1, *person))
                };
                let epoch = self.epoch(*person, u64::from(!right)).await?;
                let dead = dead.map(|ago| now.minus(Duration::from_millis(ago)));
                let event = self.event(Action::ApiKeyCreated);
                format!("{:?}", store.create_api_key(&key, epoch, dead, *most, &event).await?)
            }
            Act::RevokeApiKey { person, by, place } => {
                let keys = store.list_api_keys(id(1, *person)).await?;
                let key = keys.get(*place).map_or(id(8, 0_u64), |key| key.id);
                let end = cut_off(CutOffKind::ApiKey, &key.to_string(), now, now.plus(secs(9)));
                let event = self.event(Action::ApiKeyRevoked);
                format!("{:?}", store.revoke_api_key(id(1, *by), key, &[end], &event).await?)
            }
            Act::NoteKeyUses { person, ago } => {
                let at = now.minus(Duration::from_millis(*ago));
                let keys = store.list_api_keys(id(1, *person)).await?;
                let uses: Vec<(Uuid, Time)> = keys.iter().map(|key| (key.id, at)).collect();
                format!("{:?}", store.note_key_uses(&uses).await?)
            }
            Act::ListAbout { person, span, limit } => {
                let since = now.minus(Duration::from_millis(*span));
                let of = id(1, *person);
                let rows = store.list_audit_about(of, since, None, *limit).await?;
                let after = rows.last().map(|row| (row.event.at, row.seq));
                let more = store.list_audit_about(of, since, after, *limit).await?;
                let count = store.count_audit_about(of, since, *limit).await?;
                format!("{rows:?} {more:?} {count}")
            }
            Act::CreateInitialAccess { life } => {
                self.accesses += 1;
                let access = InitialAccess {
                    hash: hash(&format!("access {}", self.accesses)),
                    name: format!("name {}", self.acts),
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                };
                let event = self.event(Action::InitialAccessCreated);
                format!("{:?}", store.create_initial_access(&access, &event).await?)
            }
            Act::QueueErrand { number, delay, waits } => {
                let errand = ErrandRow {
                    id: id(9, *number),
                    sealed: self.acts.to_be_bytes().to_vec(),
                    queued_at: now,
                    due_at: now.plus(Duration::from_millis(*delay)),
                    waits_for: waits.map(|session| self.session(session).sid),
                    ..errand(0, 0)
                };
                format!("{:?}", store.queue_errand(&errand).await?)
            }
            Act::ClaimErrands { lease } => {
                // All that are due: which of those due at one instant come first is nobody's concern.
                let lease_end = now.plus(Duration::from_millis(*lease));
                format!("{:?}", store.claim_errands(now, lease_end, 100).await?)
            }
            Act::FinishErrand { number } => {
                format!("{:?}", store.finish_errand(id(9, *number)).await?)
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
                    client_id: ["rail", "pages"][usize::from(*life % 2 == 0)].to_owned(),
                    created_at: now,
                    last_active_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    proof: Proof { auth_time: now, ..session(id(1, *person)).proof },
                    ..session(id(1, *person))
                };
                let family = self.family("rail");
                let first = (*life % 5 != 0).then_some(&family);
                let mut closed = store.open_session(&session, first, *keep).await?;
                closed.sort();
                self.remember(&session, family);
                self.opened.push(session);
                format!("{closed:?}")
            }
            Act::AddFamily { session, other_client, keep } => {
                let session = self.session(*session);
                let family = self.family(if *other_client { "shop" } else { "rail" });
                let (user_id, sid) = (session.user_id, session.sid);
                let added = store.add_family(user_id, sid, &family, *keep, now).await?;
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
            Act::FindRefresh { session, family, right } => {
                let (line, token) = self.newest(*session, *family);
                let hash = hash(if *right { &token } else { "never issued" });
                let Session { user_id, sid, .. } = self.session(*session);
                format!("{:?}", store.find_refresh(user_id, sid, line, &hash, now).await?)
            }
            Act::RemoveFamily { session, family } => {
                let (line, token) = self.newest(*session, *family);
                let Session { user_id, sid, .. } = self.session(*session);
                // Whether one that is over is still there to be removed is nobody's concern.
                let living = store.find_refresh(user_id, sid, line, &hash(&token), now).await?;
                let removed = store.remove_family(user_id, sid, line).await?;
                format!("{:?}", living.is_some() && removed)
            }
            Act::RaiseBrowser { session, right } => {
                let Session { user_id, sid, mut proof, .. } = self.session(*session);
                proof.auth_time = now;
                let held = store.find_session(user_id, sid, now).await?;
                let held = held.and_then(|session| session.browser).filter(|_| *right);
                let (held, new) =
                    (held.unwrap_or(hash("wrong")), hash(&format!("browser {}", self.acts)));
                let raised = store.raise_browser(user_id, sid, &held, &proof, &new, now).await?;
                format!("{raised:?}")
            }
            Act::KeepRequest { kind, name, life } => {
                let request = AuthorizationRequest {
                    state: Some(format!("state {}", self.acts)),
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..authorization()
                };
                let name = hash(&format!("flow {name}"));
                format!("{:?}", store.keep_request(*kind, &name, &request).await?)
            }
            Act::NoteInFlow { name, what } => {
                let sid = Uuid::from_u128(u128::from(self.acts));
                let acts =
                    [Done::Chosen(sid), Done::SignedIn(sid), Done::Allowed(sid), Done::Answered];
                let (name, done) = (hash(&format!("flow {name}")), acts[usize::from(*what)]);
                format!("{:?}", store.note_in_flow(&name, done, now).await?)
            }
            Act::ConsumeRequest { kind, name } => {
                let name = hash(&format!("flow {name}"));
                let found = store.find_request(*kind, &name, now).await?;
                format!("{found:?} {:?}", store.consume_request(*kind, &name, now).await?)
            }
            Act::IssueCode { session, client, life } => {
                self.codes += 1;
                let code = Code {
                    issued_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..authorization_code(&self.session(*session), &format!("client{client}"))
                };
                let name = hash(&format!("code {}", self.codes));
                format!("{:?}", store.issue_code(&name, &code).await?)
            }
            Act::RedeemCode { age, remembered } => {
                let name = hash(&format!("code {}", self.codes.saturating_sub(*age)));
                let until = now.plus(Duration::from_millis(*remembered));
                format!("{:?}", store.redeem_code(&name, until, now).await?)
            }
            Act::BeginDevice { user_code, life } => {
                self.devices += 1;
                let device = DeviceGrant {
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..device_grant(&format!("device {}", self.devices), &format!("U{user_code}"))
                };
                format!("{:?}", store.begin_device(&device).await?)
            }
            Act::DecideDevice { user_code, allow } => {
                let user_code = format!("U{user_code}");
                let found = store.find_device(&user_code, now).await?;
                let decision = match allow {
                    Some(session) => allowed(&self.session(*session)),
                    None => DeviceDecision::Denied,
                };
                format!("{found:?} {:?}", store.decide_device(&user_code, &decision, now).await?)
            }
            Act::PollDevice { age, wrong_client } => {
                let name = hash(&format!("device {}", self.devices.saturating_sub(*age)));
                let client = if *wrong_client { "thief" } else { "tv" };
                let interval = Duration::from_millis(10);
                format!("{:?}", store.poll_device(&name, client, interval, now).await?)
            }
            Act::MarkOnce { key, life } => {
                let until = now.plus(Duration::from_millis(*life));
                let key = hash(&format!("mark {key}"));
                format!("{:?}", store.mark_once(&key, now, until, now).await?)
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
            all.push(format!("{:?}", identity.list_api_keys(id(1, person)).await?));
            all.push(format!("{:?}", identity.list_consents(id(1, person)).await?));
            let about = identity.list_audit_about(id(1, person), at(0), None, 1000).await?;
            all.push(format!("{about:?}"));
            for client in 0..3_u8 {
                let client = format!("client{client}");
                all.push(format!("{:?}", identity.find_consent(id(1, person), &client).await?));
            }
            all.push(format!("{:?}", sessions.list_families(id(1, person), self.now).await?));
            // As JSON, which shows the hashes.
            let sessions = sessions.list_sessions(id(1, person), self.now).await?;
            all.push(serde_json::to_string(&sessions).unwrap());
        }
        let mut tenants = identity.list_tenants().await?;
        // The first one is as old as its store.
        tenants.retain(|tenant| tenant.id != DEFAULT_TENANT);
        all.push(format!("{tenants:?}"));
        let clients = identity.list_clients("", 100).await?;
        all.push(format!("{} {}", clients.len(), identity.count_clients().await?));
        all.push(serde_json::to_string(&clients).unwrap());
        for number in 1..=self.accesses {
            let hash = hash(&format!("access {number}"));
            all.push(format!("{:?}", identity.find_initial_access(&hash, self.now).await?));
        }
        let named = self.opened.iter().map(|session| session.sid.to_string());
        let named: Vec<_> = named.map(|sid| (CutOffKind::Session, sid)).collect();
        all.push(format!("{:?}", identity.find_cut_offs(&named).await?));
        all.push(format!("{:?}", identity.errand_backlog().await?));
        let far = self.now.plus(secs(9));
        all.push(format!("{:?}", identity.claim_errands(far, far, 100).await?));
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
