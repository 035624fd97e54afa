//! The contract between issuer and edge: algorithms, keys, key set, claims, verification, site
//! policy, feed messages, and the decision itself.
//!
//! Everything here is pure: no async, no I/O and no clock. `now` is always an argument, so that
//! the server can explain and rehearse with the very code that the edge enforces.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod accent;
pub mod algorithm;
pub mod api_key;
pub mod claims;
pub mod cutoff;
pub mod decide;
mod decision;
pub mod effective;
pub mod explain;
pub mod facts;
pub mod feed;
pub mod foreign;
pub mod forwarding;
pub mod grant;
mod key_holders;
mod key_pair;
pub mod key_set;
pub mod policy;
pub mod record;
pub mod signing_key;
pub mod site;
pub mod site_session;
pub mod time;
mod validate;
pub mod verdict_cache;
mod verified_token;
pub mod verify;
pub mod view;
pub mod who;

pub use algorithm::Algorithm;
pub use time::Time;
