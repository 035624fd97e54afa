//! That a client hears of the end of a session it took part in (OpenID Connect Back-Channel
//! Logout 1.0): the errand is queued when the client gets its first token of the session, and waits
//! for the end.

use std::time::Duration;

use jwks::Time;
use uuid::Uuid;

use super::OAuthResult;
use crate::{
    app::App,
    auth::errands,
    domain::{
        client::Client,
        errand::{Errand, ErrandRow},
        secret::SecretHash,
    },
};

/// How long after the session would have ended by itself its client is still worth telling: servers
/// and clients may be away for a night.
const WORTH_TELLING: Duration = Duration::from_secs(24 * 60 * 60);

/// Queues the errand that tells `client` when the session `sid` of this person is over: the one that
/// the client's ID tokens name (`Granted::id_sid`), by whatever act it ends, or by itself at
/// `ends_at`. Called again for the same session it changes nothing. Tokens are given to the client
/// only after this returned.
///
/// # Errors
/// When the store fails.
pub async fn await_end(
    app: &App,
    client: &Client,
    user_id: Uuid,
    sid: Uuid,
    ends_at: Time,
    now: Time,
) -> OAuthResult<()> {
    if !client.hears_of_endings() {
        return Ok(());
    }
    let (client_id, until) = (client.client_id.clone(), ends_at.plus(WORTH_TELLING));
    let id = errand_id(sid, &client_id);
    let errand = Errand::Logout { client_id, user_id, sid, until };
    let row = ErrandRow {
        id,
        sealed: errands::seal(app, id, &errand)?,
        queued_at: now,
        due_at: ends_at,
        attempts: 0,
        expires_at: until,
        waits_for: Some(sid),
    };
    Ok(app.identity.queue_errand(&row).await?)
}

/// One errand for each session and client.
pub(super) fn errand_id(sid: Uuid, client_id: &str) -> Uuid {
    SecretHash::of(&format!("logout:{sid}:{client_id}")).to_id()
}
