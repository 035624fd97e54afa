//! The suite on the deployed pair, and what only that pair must do besides. Needs a Postgres server
//! where databases may be created, and a Redis server (or the seeds of a cluster, separated by
//! commas); `--skip deployed` leaves it out.

mod database;
mod postgres;
mod redis;
mod relay;

use uuid::Uuid;

use self::database::Database;
use super::Pair;
use crate::store::redis::Redis;

/// The URL a variable of the environment holds.
fn url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: the deployed stores are tested on real servers \
             (SIGNALBOX_TEST_POSTGRES=postgres://…, SIGNALBOX_TEST_REDIS=redis://…); \
             leave these tests out with `--skip deployed`"
        )
    })
}

fn postgres_url() -> String {
    url("SIGNALBOX_TEST_POSTGRES")
}

fn redis_url() -> String {
    url("SIGNALBOX_TEST_REDIS")
}

/// A key space that nobody else uses. What is left in it goes when its TTL has passed.
fn fresh_space() -> String {
    format!("test-{}", Uuid::new_v4().simple())
}

/// A pair in a database and a key space of its own.
pub(super) async fn fresh() -> Pair {
    let (identity, database) = Database::with_store().await;
    let sessions = Redis::in_space(&redis_url(), &fresh_space()).unwrap();
    Pair { identity, sessions, _ground: Box::new(database) }
}

super::instantiate!(crate::store::conformance::deployed::fresh);

#[test]
fn both_pairs_agree_on_any_sequence_of_acts() {
    super::random::compare(super::embedded::fresh, fresh);
}
