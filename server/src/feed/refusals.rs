//! What edges refused, kept for a day.

use std::time::Duration;

use jwks::{Time, record::Refused};

use crate::{
    app::App,
    domain::edge::{EdgeRefusal, EdgeRow},
    store::StoreResult,
};

/// How long a refusal can be explained.
const EXPLAINED_FOR: Duration = Duration::from_secs(24 * 3600);
/// The longest id, bytes: ours have 14.
const ID_LIMIT: usize = 32;

/// Keeps what an edge refused.
///
/// # Errors
/// When the store fails.
pub async fn keep(app: &App, edge: &EdgeRow, refused: &[Refused]) -> StoreResult<()> {
    let refused: Vec<Refused> = refused.iter().filter(|one| is_id(&one.id)).cloned().collect();
    app.identity.keep_refusals(edge.id, &refused, since(app.clock.now())).await
}

/// What was refused under this id.
///
/// # Errors
/// When the store fails.
pub async fn find(app: &App, id: &str) -> StoreResult<Option<EdgeRefusal>> {
    if !is_id(id) {
        return Ok(None);
    }
    app.identity.find_refusal(id, since(app.clock.now())).await
}

fn since(now: Time) -> Time {
    now.minus(EXPLAINED_FOR)
}

fn is_id(id: &str) -> bool {
    (1..=ID_LIMIT).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
