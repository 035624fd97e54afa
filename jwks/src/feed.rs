//! The feed: the ordered sequence of everything an edge must know.
//!
//! An edge opens one stream, is given a [`Message::Snapshot`] (or nothing, when it names a
//! sequence number that the server can continue from), then every [`Entry`] in order, and a
//! [`Message::Heartbeat`] each second. One JSON document a line.

use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};

use crate::{Time, api_key::KeyHolder, cutoff::CutOff, site::Site};

/// One thing that changed. Each carries the whole new state of what it names, so that applying
/// it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change", content = "of")]
pub enum Change {
    /// The issuer's public keys.
    Keys(JwkSet),
    /// A site, new or changed.
    Site(Box<Site>),
    /// A site is gone, by its key.
    SiteRemoved(String),
    /// Something ended.
    CutOff(CutOff),
    /// A person with all of their API keys, new or changed.
    KeyHolder(Box<KeyHolder>),
}

/// A change and its place in the sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place; rises by one, without gaps that a reader could see.
    pub seq: u64,
    /// When it was written.
    pub at: Time,
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
}

/// Everything an edge must know, as of one sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Every change up to this one is in it.
    pub seq: u64,
    /// Which sequence this is: a store that was made anew begins another, and an edge that knows
    /// another must take a snapshot.
    pub epoch: String,
    /// The issuer (`iss` of every token).
    pub issuer: String,
    /// Its public keys.
    pub keys: JwkSet,
    /// Every site.
    pub sites: Vec<Site>,
    /// Every ending that can still matter.
    pub cut_offs: Vec<CutOff>,
    /// Everybody who has API keys, with those that are good.
    #[serde(default)]
    pub key_holders: Vec<KeyHolder>,
    /// Whether there are more than these, which are asked for when they are shown.
    #[serde(default)]
    pub more_keys: bool,
}

/// One line of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "message", content = "body")]
pub enum Message {
    /// Forget what you hold; this is all there is.
    Snapshot(Box<Snapshot>),
    /// This changed.
    Entry(Entry),
    /// Nothing newer than `seq` exists at `at`.
    Heartbeat {
        /// The newest sequence number.
        seq: u64,
        /// The server's clock.
        at: Time,
    },
}
