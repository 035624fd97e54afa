//! Endings: "issued before this instant is dead".

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
}

impl CutOffKind {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::User => "user",
            Self::Client => "client",
            Self::ApiKey => "api_key",
        }
    }

    /// The kind stored as `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Session, Self::User, Self::Client, Self::ApiKey]
            .into_iter()
            .find(|kind| kind.as_str() == name)
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
    /// When nothing that it could kill is alive any more, and it may be forgotten.
    pub until: Time,
}
