//! The schema and its migrations, which lie in the program itself.

use std::time::Duration;

use refinery::Target;
use tokio::time::timeout;

use super::{ACT_LIMIT, broken, server::Server, unavailable};
use crate::store::{StoreError, StoreResult};

mod embedded {
    refinery::embed_migrations!("../migrations/postgres");
}

/// How long migrations may take, with the wait for another replica's.
const LIMIT: Duration = Duration::from_secs(120);
/// Names the lock that one migrating replica holds: "sigbox" and the number of the purpose.
const LOCK: i64 = 0x0073_6967_626f_7801;

/// Brings the schema to what this program knows, or no further than `target`.
pub(super) async fn migrate(server: &Server, target: Target) -> StoreResult<()> {
    let mut client = server.connect(|| {}).await?;
    // What takes no time tells whether there is anybody to wait for.
    let unlimited = client.batch_execute("SET statement_timeout = 0");
    timeout(ACT_LIMIT, unlimited).await.map_err(|_| unavailable("no answer in time"))??;
    let work = async {
        client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
        // A migration the program does not know, or knows otherwise, is an error by default.
        let runner = embedded::migrations::runner().set_target(target);
        runner.run_async(&mut client).await.map_err(failure)?;
        Ok(())
    };
    // The lock goes with the connection, which nobody else uses.
    timeout(LIMIT, work).await.unwrap_or_else(|_| Err(unavailable("migrations took too long")))
}

fn failure(error: refinery::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(driver) = inner.downcast_ref::<tokio_postgres::Error>() {
            let passes = driver.code().map_or(driver.is_closed(), super::passes);
            let cause = format!("{error}: {}", super::explain(driver));
            return if passes { unavailable(cause) } else { broken(cause) };
        }
        cause = inner.source();
    }
    broken(error)
}
