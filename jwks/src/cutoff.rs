//! Endings: "issued before this instant is dead".

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Time;

/// What an ending is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutOffKind {
    /// One session (`sid`).
    Session,
    /// Everything of one person (`sub`).
    User,
    /// Everything issued to one client (`client_id`).
    Client,
    /// One API key (its id).
    ApiKey,
    /// Everything that came of one grant to a client (`grant_id`).
    Grant,
    /// One access token (`jti`).
    Token,
    /// Everything that one person granted one client ([`crate::grant::consent_id`]): compared with
    /// when a grant was given, not with when a token of it was issued.
    Consent,
}

impl CutOffKind {
    /// Every kind, in the order they are declared.
    pub const ALL: [Self; 7] = [
        Self::Session,
        Self::User,
        Self::Client,
        Self::ApiKey,
        Self::Grant,
        Self::Token,
        Self::Consent,
    ];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::User => "user",
            Self::Client => "client",
            Self::ApiKey => "api_key",
            Self::Grant => "grant",
            Self::Token => "token",
            Self::Consent => "consent",
        }
    }

    /// The kind stored as `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Whatever `kind` and `id` name and was issued at or before `at` is dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOff {
    /// What it is about.
    pub kind: CutOffKind,
    /// Which one.
    pub id: String,
    /// Issued at or before this is dead.
    pub at: Time,
    /// When nothing that it could kill is alive any more, and it may soon be forgotten: see
    /// [`CutOff::KEPT_BEYOND`].
    pub until: Time,
}

impl CutOff {
    /// For how long an ending is still told and held beyond its `until`. A clock that jumped
    /// ahead, and is put right again, must not have brought back what was ended.
    pub const KEPT_BEYOND: Duration = Duration::from_secs(24 * 60 * 60);
}

/// Many endings, by what they are about. Cheap to clone: kinds that do not change are shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CutOffs {
    /// A map for each kind, so that an id is looked up as it comes, without a copy.
    by_kind: [Arc<HashMap<Box<str>, Ending>>; CutOffKind::ALL.len()],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ending {
    at: Time,
    until: Time,
}

impl CutOffs {
    /// Adds an ending. Of two about the same thing, the later instants count.
    pub(crate) fn insert(&mut self, cut: &CutOff) {
        let held = Arc::make_mut(&mut self.by_kind[cut.kind as usize])
            .entry(cut.id.as_str().into())
            .or_insert(Ending { at: cut.at, until: cut.until });
        held.at = held.at.max(cut.at);
        held.until = held.until.max(cut.until);
    }

    /// Forgets what could kill nothing any more at `now`, and whose `until` is not after it.
    pub(crate) fn forget_before(&mut self, now: Time) {
        for endings in &mut self.by_kind {
            if endings.values().any(|ending| ending.until <= now) {
                Arc::make_mut(endings).retain(|_, ending| ending.until > now);
            }
        }
    }

    /// What `kind` and `id` name and was issued at or before this is dead; `None`: nothing is.
    pub(crate) fn at(&self, kind: CutOffKind, id: &str) -> Option<Time> {
        self.by_kind[kind as usize].get(id).map(|ending| ending.at)
    }

    /// All of them, by kind and id.
    pub(crate) fn to_vec(&self) -> Vec<CutOff> {
        let of_kind = |kind: CutOffKind| {
            self.by_kind[kind as usize].iter().map(move |(id, ending)| CutOff {
                kind,
                id: id.to_string(),
                at: ending.at,
                until: ending.until,
            })
        };
        let mut cuts: Vec<CutOff> = CutOffKind::ALL.into_iter().flat_map(of_kind).collect();
        cuts.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
        cuts
    }
}

impl<'c> FromIterator<&'c CutOff> for CutOffs {
    fn from_iter<I: IntoIterator<Item = &'c CutOff>>(cuts: I) -> Self {
        let mut all = Self::default();
        for cut in cuts {
            all.insert(cut);
        }
        all
    }
}
