//! Random sequences of acts, carried out on two pairs: whatever the one answers, the other must.

mod act;
mod model;
mod walk;

use std::future::Future;

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use tokio::runtime::Runtime;

use self::{act::acts, model::Walk};
use super::Pair;
use crate::store::StoreError;

/// How many sequences are tried.
const SEQUENCES: u32 = 24;

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
