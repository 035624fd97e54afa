//! One pair on its way through a sequence, and what the callers of its stores would remember.

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
};
use uuid::Uuid;

use crate::{
    domain::{
        audit::{Action, Event},
        secret::SecretHash,
        session::{NewFamily, Session},
    },
    store::{
        StoreResult,
        conformance::{
            Pair,
            samples::{at, cut_off, event, family, hash, secs, session},
        },
    },
};

/// The first token of every family.
pub(super) const FIRST_TOKEN: &str = "token 0";

/// The same id for the same row in both pairs.
pub(super) fn id(kind: u8, number: impl Into<u64>) -> Uuid {
    Uuid::from_u128((u128::from(kind) << 64) | u128::from(number.into()))
}

/// The family that act number `act` makes.
pub(super) fn family_of(act: u64) -> NewFamily {
    NewFamily { id: id(4, act), ..family(FIRST_TOKEN) }
}

/// The hash of the token of half sign-in number `number`.
pub(super) fn login_hash(number: u64) -> SecretHash {
    hash(&format!("login {number}"))
}

/// A refresh family, and every token issued in it.
pub(super) struct Line {
    pub(super) session: Session,
    pub(super) family: NewFamily,
    pub(super) tokens: Vec<String>,
}

/// One pair on its way through a sequence, with what the callers of the stores would remember.
pub(super) struct Walk {
    pub(super) pair: Pair,
    pub(super) now: Time,
    /// How many acts there were: names what is new.
    pub(super) acts: u64,
    pub(super) opened: Vec<Session>,
    pub(super) families: Vec<Line>,
    /// How many half sign-ins were begun.
    pub(super) logins: u64,
    /// How many codes were issued, how many devices asked, and how many initial access tokens were
    /// made.
    pub(super) codes: u64,
    pub(super) devices: u64,
    pub(super) accesses: u64,
    pub(super) last_event: Option<Event>,
}

impl Walk {
    pub(super) fn with(pair: Pair) -> Self {
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

    pub(super) fn event(&mut self, action: Action) -> Event {
        let actor = Some(id(1, 0_u64));
        let user_id = Some(id(1, 1_u64));
        let event = Event { id: id(2, self.acts), at: self.now, actor, user_id, ..event(action) };
        self.last_event = Some(event.clone());
        event
    }

    /// The session opened last is number 0.
    pub(super) fn session(&self, number: u8) -> Session {
        let unknown = || Session { sid: id(3, 999_u64), ..session(id(1, 0_u64)) };
        self.opened.iter().rev().nth(usize::from(number)).cloned().unwrap_or_else(unknown)
    }

    /// An ending of that session, if one is to be ended.
    pub(super) fn end_of(&self, session: Option<u8>) -> Vec<CutOff> {
        let sid = session.map(|session| self.session(session).sid.to_string());
        let end =
            |sid: String| cut_off(CutOffKind::Session, &sid, self.now, self.now.plus(secs(9)));
        sid.map(end).into_iter().collect()
    }

    /// A new family, whose first token lives for a while.
    pub(super) fn family(&self, client_id: &str) -> NewFamily {
        let expires_at = self.now.plus(secs(2));
        NewFamily { client_id: client_id.to_owned(), expires_at, ..family_of(self.acts) }
    }

    /// The family of that session made so many before the newest, and its newest token.
    pub(super) fn newest(&self, session: u8, family: u8) -> (Uuid, String) {
        let sid = self.session(session).sid;
        let mut lines = self.families.iter().rev().filter(|line| line.session.sid == sid);
        let line = lines.nth(usize::from(family));
        line.map_or((id(4, 999_u64), FIRST_TOKEN.to_owned()), |line| {
            (line.family.id, line.tokens.last().cloned().unwrap_or_default())
        })
    }

    pub(super) fn remember(&mut self, session: &Session, family: NewFamily) {
        let (session, tokens) = (session.clone(), vec![FIRST_TOKEN.to_owned()]);
        self.families.push(Line { session, family, tokens });
    }

    /// The factor of the person at this place of their list; an unknown one where there is none.
    pub(super) async fn factor(&self, person: u8, place: usize) -> StoreResult<Uuid> {
        let factors = self.pair.identity.list_factors(id(1, person)).await?;
        Ok(factors.get(place).map_or(id(5, 999_999_u64), |factor| factor.id))
    }

    /// The device of the person at this place of their list; an unknown one where there is none.
    pub(super) async fn device(&self, person: u8, place: usize) -> StoreResult<Uuid> {
        let devices = self.pair.identity.list_devices(id(1, person)).await?;
        Ok(devices.get(place).map_or(id(7, 999_999_u64), |device| device.id))
    }

    /// The epoch of the person, or one beyond.
    pub(super) async fn epoch(&self, person: u8, ahead: u64) -> StoreResult<u64> {
        let person = self.pair.identity.find_user(id(1, person)).await?;
        Ok(person.map_or(0, |person| person.factor_epoch) + ahead)
    }
}
