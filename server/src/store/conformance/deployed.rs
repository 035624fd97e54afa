//! The suite on the deployed pair, and the comparison of the two pairs. Needs a Postgres server
//! where databases may be created, and a Redis server; `--skip deployed` leaves it out.

use super::Pair;

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

/// A pair in a database and a key space of its own.
pub(super) async fn fresh() -> Pair {
    let (postgres, redis) = (url("SIGNALBOX_TEST_POSTGRES"), url("SIGNALBOX_TEST_REDIS"));
    panic!("no constructor of the deployed pair is given for {postgres} and {redis}")
}

super::instantiate!(crate::store::conformance::deployed::fresh);
