//! What a request leaves to be done after its answer. A request that must not tell whether an
//! address is known queues the same errand for every address, and is answered; who has the
//! address is found out here, when nobody waits.

use jwks::Time;
use uuid::Uuid;

use super::{
    account_address,
    error::{AuthError, AuthResult},
    new_password, registration,
};
use crate::{
    app::App,
    clock::new_id,
    domain::errand::{Delivery, Errand, ErrandRow, Letter},
    letters, notices,
    seal::Unsealable,
};

/// Queues an errand. It is durable when this returns, and carried out soon after: at least once.
///
/// # Errors
/// When the store fails.
pub async fn queue(app: &App, errand: &Errand, now: Time) -> AuthResult<()> {
    let id = new_id(now);
    let sealed = seal(app, id, errand)?;
    let expires_at = errand.expires_at(now);
    let row = ErrandRow {
        id,
        sealed,
        queued_at: now,
        due_at: now,
        attempts: 0,
        expires_at,
        waits_for: None,
    };
    app.identity.queue_errand(&row).await?;
    metrics::counter!("signalbox_errands_queued_total").increment(1);
    app.mailer.wake();
    Ok(())
}

/// Queues a letter that is ready.
///
/// # Errors
/// When the store fails.
pub async fn send(app: &App, letter: Letter, now: Time) -> AuthResult<()> {
    queue(app, &Errand::Letter(letter), now).await
}

/// Carries an errand out: the delivery in which it ends, or `None` if nobody is to hear anything.
/// May be called again if its end was not noted.
///
/// # Errors
/// When a store fails; the errand is tried again later.
pub async fn carry_out(app: &App, errand: Errand, now: Time) -> AuthResult<Option<Delivery>> {
    let letter = match errand {
        Errand::Letter(letter) => Some(letter),
        Errand::Text(text) => return Ok(Some(Delivery::Text(text))),
        Errand::ProveAddress { user_id, address, code, until } => {
            account_address::letter(app, user_id, &address, &code, until, now).await?
        }
        Errand::VerifyEmail(address) => registration::verification(app, &address, now).await?,
        Errand::ResetPassword { address, event } => {
            new_password::reset_letter(app, &address, *event, now).await?
        }
        Errand::AlreadyRegistered(address) => {
            Some(letters::already_registered(app, &address.display, now))
        }
        Errand::Logout { client_id, user_id, sid, .. } => {
            let notice = notices::session_over(app, &client_id, user_id, sid, now).await?;
            return Ok(notice.map(Delivery::Notice));
        }
    };
    Ok(letter.map(Delivery::Letter))
}

/// As it lies in the store.
///
/// # Errors
/// When the library fails.
pub fn seal(app: &App, id: Uuid, errand: &Errand) -> AuthResult<Vec<u8>> {
    let text =
        serde_json::to_vec(errand).map_err(|error| AuthError::Internal(error.to_string()))?;
    Ok(app.sealer.seal(&sealed_name(id), &text)?)
}

/// The errand in a row.
///
/// # Errors
/// When it was sealed with another key, or by a newer program that knows more errands.
pub fn open(app: &App, row: &ErrandRow) -> AuthResult<Errand> {
    let text = app.sealer.open(&sealed_name(row.id), &row.sealed)?;
    // What serde says of it might quote it.
    Ok(serde_json::from_slice(&text).map_err(|_| Unsealable)?)
}

fn sealed_name(id: Uuid) -> String {
    format!("errand:{id}")
}
