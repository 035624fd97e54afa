//! What must hold of the running program, on every surface it applies to: each test tries to
//! break it from outside.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and shows the logs"
)]

mod abuse;
mod account;
mod account_pages;
mod admin;
mod edge;
mod libraries;
mod oauth;
mod operations;
mod pages;
mod rail;
mod tour;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::Value;
use tests::edge::Edge;

/// An ending that has not reached an edge by then never will. How soon it does is measured
/// (`tests/examples/measure`) and not asserted: here a hundred programs share the processor.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls the demo site until it refuses.
async fn ends_at_the_edge(edge: &Edge, access_token: &str) {
    let answered = Instant::now();
    loop {
        let age = answered.elapsed();
        let answer = edge.demo(access_token).await;
        if answer.status != 200 {
            answer.expect(401);
            return;
        }
        assert!(age < PATIENCE, "accepted {age:?} after the ending");
    }
}

/// The names of an object's members.
#[track_caller]
fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap_or_else(|| panic!("{object}")).keys().map(String::as_str).collect()
}

/// A set of names.
fn set<const N: usize>(names: [&str; N]) -> BTreeSet<&str> {
    names.into()
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

const fn hours(count: u64) -> Duration {
    minutes(count * 60)
}

const fn days(count: u64) -> Duration {
    hours(count * 24)
}
