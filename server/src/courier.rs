//! Carries errands out and delivers letters, beside the requests and long after them if need be.
//!
//! An errand is claimed for a while, so that of several servers one has it; whoever dies with a
//! claim leaves it to be claimed again. A letter leaves at least once, and carries a name
//! (Message-ID) by which a receiver may tell a double.

use std::{sync::Arc, time::Duration};

use jwks::Time;
use tokio::{
    pin,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    app::App,
    auth::{AuthError, errands},
    clock::random,
    domain::errand::{Errand, ErrandRow, Letter, retry_delay},
    mailer::Undelivered,
};

/// How many letters are on their way at once.
const AT_ONCE: usize = 8;
/// How long one delivery may take.
const DELIVERY_LIMIT: Duration = Duration::from_secs(60);
/// How long a claim lasts: a delivery, and what comes before and after it.
const LEASE: Duration = Duration::from_secs(90);
/// How often there is a look at what has become due.
const POLL: Duration = Duration::from_secs(1);
/// How long deliveries that are on their way when the process ends may take.
const GRACE: Duration = Duration::from_secs(3);

/// Works until `ending` resolves, and lets what is on its way arrive.
pub async fn work(app: Arc<App>, ending: impl Future<Output = ()>) {
    pin!(ending);
    let mut deliveries = JoinSet::new();
    loop {
        let claimed = claim(&app, AT_ONCE - deliveries.len(), &mut deliveries).await;
        let pause = async {
            if deliveries.len() == AT_ONCE {
                deliveries.join_next().await;
            } else if !claimed {
                drop(timeout(POLL, app.mailer.woken()).await);
            }
            while deliveries.try_join_next().is_some() {}
        };
        tokio::select! {
            biased;
            () = &mut ending => break,
            () = pause => {}
        }
    }
    let arriving = async { while deliveries.join_next().await.is_some() {} };
    drop(timeout(GRACE, arriving).await);
}

/// Claims what is due, carries it out in order, and sends the letters on their way. Whether there
/// was anything.
async fn claim(app: &Arc<App>, room: usize, deliveries: &mut JoinSet<()>) -> bool {
    let now = app.clock.now();
    let limit = u32::try_from(room).unwrap_or(u32::MAX);
    let claimed = match app.identity.claim_errands(now, now.plus(LEASE), limit).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::debug!(%error, "no errand can be claimed");
            return false;
        }
    };
    let any = !claimed.is_empty();
    for row in claimed {
        if row.expires_at <= now {
            give_up(app, &row, "its time is over").await;
            continue;
        }
        match letter(app, &row, now).await {
            Ok(Some(letter)) => {
                let app = app.clone();
                deliveries.spawn(async move { deliver(&app, row, &letter).await });
            }
            Ok(None) => {}
            Err(error) => try_later(app, row, &error.to_string()).await,
        }
    }
    any
}

/// The letter in which an errand ends. It takes the errand's place in the store before it leaves:
/// every try sends the same.
async fn letter(app: &App, row: &ErrandRow, now: Time) -> Result<Option<Letter>, AuthError> {
    let errand = errands::open(app, row)?;
    let was_ready = matches!(errand, Errand::Letter(_));
    let Some(letter) = errands::carry_out(app, errand, now).await? else {
        app.identity.finish_errand(row.id).await?;
        return Ok(None);
    };
    if !was_ready {
        let sealed = errands::seal(app, row.id, &Errand::Letter(letter.clone()))?;
        let store = &app.identity;
        if !store.rewrite_errand(row.id, row.attempts, &sealed, letter.expires_at).await? {
            return Ok(None);
        }
    }
    Ok(Some(letter))
}

async fn deliver(app: &App, mut row: ErrandRow, letter: &Letter) {
    row.expires_at = letter.expires_at;
    let delivery = app.mailer.deliver(row.id, row.queued_at, letter);
    match timeout(DELIVERY_LIMIT, delivery).await {
        Ok(Ok(())) => {
            metrics::counter!("signalbox_letters_sent_total").increment(1);
            finish(app, &row).await;
        }
        Ok(Err(Undelivered::Later(cause))) => try_later(app, row, &cause).await,
        Ok(Err(Undelivered::Never(cause))) => give_up(app, &row, &cause).await,
        Err(_) => try_later(app, row, "the mail server took too long").await,
    }
}

/// What could not be done now is due again later, unless that is too late.
async fn try_later(app: &App, row: ErrandRow, cause: &str) {
    let now = app.clock.now();
    let [dice] = random();
    let Some(delay) = retry_delay(row.attempts, row.expires_at.since(now), dice) else {
        return give_up(app, &row, cause).await;
    };
    metrics::counter!("signalbox_errands_deferred_total").increment(1);
    tracing::warn!(errand = %row.id, attempts = row.attempts, ?delay, cause, "a mail has to wait");
    if let Err(error) = app.identity.defer_errand(row.id, row.attempts, now.plus(delay)).await {
        // Then it is due when the claim ends.
        tracing::debug!(errand = %row.id, %error, "an errand could not be deferred");
    }
}

async fn give_up(app: &App, row: &ErrandRow, cause: &str) {
    metrics::counter!("signalbox_errands_failed_total").increment(1);
    tracing::error!(errand = %row.id, attempts = row.attempts, cause, "a mail was given up");
    finish(app, row).await;
}

/// Removes it, trying for as long as the claim lasts: a letter that has left would leave again.
async fn finish(app: &App, row: &ErrandRow) {
    while let Err(error) = app.identity.finish_errand(row.id).await {
        if row.due_at <= app.clock.now() {
            tracing::warn!(errand = %row.id, %error, "a mail may leave twice");
            return;
        }
        sleep(POLL).await;
    }
}
