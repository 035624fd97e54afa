//! What may be done to a pair, and which sequences of it are tried.

use jwks::{Algorithm, cutoff::CutOffKind, policy::Method};
use proptest::{collection::vec, prelude::*};

use crate::domain::{authorization::RequestKind, one_time::Purpose};

/// How long the longest sequence.
const LENGTH: usize = 160;

/// One act. Small numbers name people, sessions, tokens and sites, so that acts meet.
#[derive(Clone, Debug)]
pub(super) enum Act {
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
    ChangeAccount {
        person: u8,
        status: usize,
        admin: bool,
        tenant: Option<u8>,
        right: bool,
        ends: bool,
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

pub(super) fn acts() -> impl Strategy<Value = Vec<Act>> {
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
        (
            person.clone(),
            0..4_usize,
            any::<bool>(),
            proptest::option::of(0..3_u8),
            prop::bool::weighted(0.8),
            any::<bool>()
        )
            .prop_map(|(person, status, admin, tenant, right, ends)| Act::ChangeAccount {
                person,
                status,
                admin,
                tenant,
                right,
                ends
            }),
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
