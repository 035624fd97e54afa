//! One act: a connection, a deadline, and at most one transaction.

use deadpool_postgres::Object;
use futures_util::future::join;
use tokio::time::{Instant, error::Elapsed, timeout_at};
use tokio_postgres::{Row, error::SqlState, types::ToSql};

use super::{ACT_LIMIT, Postgres, unavailable};
use crate::store::{
    StoreError, StoreResult,
    patience::{self, Wait},
};

/// What statements are given.
type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection for the time of one act. One that is dropped in the middle (a deadline passed, a
/// caller gone) is closed, which ends its transaction; it does not go back to the others.
pub(super) struct Act {
    client: Option<Object>,
    deadline: Instant,
    _wait: Wait,
    in_flight: bool,
    in_transaction: bool,
}

impl Postgres {
    /// An act of single statements.
    pub(super) async fn act(&self) -> StoreResult<Act> {
        let wait = patience::wait(ACT_LIMIT);
        let deadline = Instant::now() + wait.limit();
        let client = timeout_at(deadline, self.pool.get())
            .await
            .map_err(|_| unavailable("no connection in time"))?
            .map_err(|error| unavailable(explain_pool(&error)))?;
        Ok(Act {
            client: Some(client),
            deadline,
            _wait: wait,
            in_flight: false,
            in_transaction: false,
        })
    }

    /// An act in a transaction, in which each statement sees what was committed before it.
    pub(super) async fn transaction(&self) -> StoreResult<Act> {
        let mut act = self.act().await?;
        act.begin("BEGIN").await?;
        Ok(act)
    }

    /// An act in a transaction that reads, and sees the store as of one moment.
    pub(super) async fn still_picture(&self) -> StoreResult<Act> {
        let mut act = self.act().await?;
        act.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(act)
    }
}

impl Act {
    /// The rows of a statement.
    pub(super) async fn rows(&mut self, sql: &str, params: Params<'_>) -> StoreResult<Vec<Row>> {
        let Some(client) = &self.client else { return Err(given_up()) };
        self.in_flight = true;
        let answer = timeout_at(self.deadline, async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, params).await
        })
        .await;
        self.settle(answer)
    }

    /// The rows of two statements that are sent in the same breath: it costs one journey.
    pub(super) async fn both_rows(
        &mut self,
        one: (&str, Params<'_>),
        other: (&str, Params<'_>),
    ) -> StoreResult<(Vec<Row>, Vec<Row>)> {
        let Some(client) = &self.client else { return Err(given_up()) };
        self.in_flight = true;
        let answer = timeout_at(self.deadline, async {
            let first = client.prepare_cached(one.0).await?;
            let second = client.prepare_cached(other.0).await?;
            let (first, second) =
                join(client.query(&first, one.1), client.query(&second, other.1)).await;
            Ok((first?, second?))
        })
        .await;
        self.settle(answer)
    }

    /// The only row of a statement, if there is one.
    pub(super) async fn row(&mut self, sql: &str, params: Params<'_>) -> StoreResult<Option<Row>> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// How many rows a statement changed.
    pub(super) async fn change(&mut self, sql: &str, params: Params<'_>) -> StoreResult<u64> {
        let Some(client) = &self.client else { return Err(given_up()) };
        self.in_flight = true;
        let answer = timeout_at(self.deadline, async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, params).await
        })
        .await;
        self.settle(answer)
    }

    /// As [`Self::change`], of a statement that may give a row a key which another has: `None` if it
    /// would. The transaction is to be rolled back then.
    pub(super) async fn change_unless_taken(
        &mut self,
        sql: &str,
        params: Params<'_>,
    ) -> StoreResult<Option<u64>> {
        let Some(client) = &self.client else { return Err(given_up()) };
        self.in_flight = true;
        let answer = timeout_at(self.deadline, async {
            let statement = client.prepare_cached(sql).await?;
            match client.execute(&statement, params).await {
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
                changed => changed.map(Some),
            }
        })
        .await;
        self.settle(answer)
    }

    /// Makes the transaction so.
    pub(super) async fn commit(mut self) -> StoreResult<()> {
        self.plain("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Ends the transaction without a trace.
    pub(super) async fn roll_back(mut self) -> StoreResult<()> {
        self.plain("ROLLBACK").await?;
        self.in_transaction = false;
        Ok(())
    }

    async fn begin(&mut self, sql: &str) -> StoreResult<()> {
        self.in_transaction = true;
        self.plain(sql).await
    }

    async fn plain(&mut self, sql: &str) -> StoreResult<()> {
        let Some(client) = &self.client else { return Err(given_up()) };
        self.in_flight = true;
        let answer = timeout_at(self.deadline, client.batch_execute(sql)).await;
        self.settle(answer)
    }

    fn settle<T>(
        &mut self,
        answer: Result<Result<T, tokio_postgres::Error>, Elapsed>,
    ) -> StoreResult<T> {
        match answer {
            Ok(answer) => {
                self.in_flight = false;
                let answer = answer.map_err(StoreError::from);
                // It may lead to a server that is going down, or that has become a standby.
                if matches!(answer, Err(StoreError::Unavailable { .. })) {
                    self.discard();
                }
                answer
            }
            Err(_) => {
                self.discard();
                Err(given_up())
            }
        }
    }

    fn discard(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        if self.in_flight || self.in_transaction {
            self.discard();
        }
    }
}

fn given_up() -> StoreError {
    unavailable("no answer in time")
}

fn explain_pool(error: &deadpool_postgres::PoolError) -> String {
    match error {
        deadpool_postgres::PoolError::Backend(error) => super::explain(error),
        other => other.to_string(),
    }
}
