//! Carries errands out and delivers what comes of them (letters and messages to people, notices to clients),
//! beside the requests and long after them if need be.
//!
//! An errand is claimed for a while, so that of several servers one has it; whoever dies with a
//! claim leaves it to be claimed again. A letter leaves at least once, and carries a name
//! (Message-ID) by which a receiver may tell a double. A notice may come twice as well: a session that
//! is over cannot end again.
//!
//! Whatever ends a session writes a cut-off, which makes the errands that wait for that end due and
//! is told by the feed: the courier looks whenever the feed may have grown, here and at every other
//! server, and no ending has to think of waking it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jwks::Time;
use tokio::{
    pin,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    app::App,
    auth::{AuthError, errands},
    clock::random,
    domain::errand::{Delivery, Errand, ErrandRow, retry_delay},
    mailer::Undelivered,
    notices, sms,
};

/// How many deliveries are on their way at once.
const AT_ONCE: usize = 16;
/// How long one delivery may take.
const DELIVERY_LIMIT: Duration = Duration::from_secs(60);
/// How long a claim lasts: a delivery, and what comes before and after it.
const LEASE: Duration = Duration::from_secs(90);
/// How often there is a look at what has become due.
const POLL: Duration = Duration::from_secs(1);
/// How many times a client is told of an end: about a day's worth of tries. The errand itself is good
/// until the session would have ended by itself.
const NOTICE_TRIES: u32 = 32;
/// How long deliveries that are on their way when the process ends may take.
const GRACE: Duration = Duration::from_secs(3);

/// The errands whose deliveries are on their way from here. A clock that is put forward ends their
/// claims, and they are not to leave twice for that.
type OnTheirWay = HashMap<Uuid, AbortHandle>;

/// Works until `ending` resolves, and lets what is on its way arrive.
pub async fn work(app: Arc<App>, ending: impl Future<Output = ()>) {
    pin!(ending);
    let mut deliveries = JoinSet::new();
    let mut on_their_way = OnTheirWay::new();
    let mut endings = app.identity.feed_changes();
    loop {
        let claimed = claim(&app, &mut deliveries, &mut on_their_way).await;
        let pause = async {
            if deliveries.len() == AT_ONCE {
                deliveries.join_next().await;
            } else if !claimed {
                let told = async {
                    tokio::select! {
                        () = app.mailer.woken() => {}
                        _ = endings.changed() => {}
                    }
                };
                drop(timeout(POLL, told).await);
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

/// Claims what is due, carries it out in order, and sends what comes of it on its way. Whether there
/// was anything.
async fn claim(
    app: &Arc<App>,
    deliveries: &mut JoinSet<()>,
    on_their_way: &mut OnTheirWay,
) -> bool {
    let now = app.clock.now();
    let limit = u32::try_from(AT_ONCE - deliveries.len()).unwrap_or(0);
    let claimed = match app.identity.claim_errands(now, now.plus(LEASE), limit).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::debug!(%error, "no errand can be claimed");
            return false;
        }
    };
    let any = !claimed.is_empty();
    on_their_way.retain(|_, delivery| !delivery.is_finished());
    for row in claimed {
        if on_their_way.contains_key(&row.id) {
            continue;
        }
        if row.expires_at <= now {
            give_up(app, &row, "its time is over").await;
            continue;
        }
        match prepare(app, &row, now).await {
            Ok(Some(delivery)) => {
                let (app, id) = (app.clone(), row.id);
                let delivery = deliveries.spawn(async move { deliver(&app, row, delivery).await });
                on_their_way.insert(id, delivery);
            }
            Ok(None) => {}
            Err(error) => try_later(app, row, &error.to_string()).await,
        }
    }
    any
}

/// The delivery in which an errand ends. A letter takes the errand's place in the store before it
/// leaves: every try sends the same. A notice is made anew for each try: its token is short-lived.
async fn prepare(app: &App, row: &ErrandRow, now: Time) -> Result<Option<Delivery>, AuthError> {
    let errand = errands::open(app, row)?;
    let was_ready = matches!(errand, Errand::Letter(_) | Errand::Text(_));
    let Some(delivery) = errands::carry_out(app, errand, now).await? else {
        app.identity.finish_errand(row.id).await?;
        return Ok(None);
    };
    if let Delivery::Letter(letter) = &delivery
        && !was_ready
    {
        let sealed = errands::seal(app, row.id, &Errand::Letter(letter.clone()))?;
        let store = &app.identity;
        if !store.rewrite_errand(row.id, row.attempts, &sealed, letter.expires_at).await? {
            return Ok(None);
        }
    }
    Ok(Some(delivery))
}

async fn deliver(app: &App, mut row: ErrandRow, delivery: Delivery) {
    let delivered = match &delivery {
        Delivery::Letter(letter) => {
            row.expires_at = letter.expires_at;
            let leaving = app.mailer.deliver(row.id, row.queued_at, letter);
            timeout(DELIVERY_LIMIT, leaving).await
        }
        Delivery::Text(text) => timeout(DELIVERY_LIMIT, sms::deliver(app, row.id, text)).await,
        Delivery::Notice(notice) => timeout(DELIVERY_LIMIT, notices::deliver(app, notice)).await,
    };
    let is_last = matches!(delivery, Delivery::Notice(_)) && row.attempts >= NOTICE_TRIES;
    match delivered.unwrap_or_else(|_| Err(Undelivered::Later("it took too long".to_owned()))) {
        Ok(()) => {
            let sent = match delivery {
                Delivery::Letter(_) => "signalbox_letters_sent_total",
                Delivery::Text(_) => "signalbox_sms_sent_total",
                Delivery::Notice(_) => "signalbox_notices_sent_total",
            };
            metrics::counter!(sent).increment(1);
            finish(app, &row).await;
        }
        Err(Undelivered::Later(cause)) if !is_last => try_later(app, row, &cause).await,
        Err(Undelivered::Later(cause) | Undelivered::Never(cause)) => {
            give_up(app, &row, &cause).await;
        }
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
    tracing::warn!(errand = %row.id, attempts = row.attempts, ?delay, cause, "a delivery has to wait");
    if let Err(error) = app.identity.defer_errand(row.id, row.attempts, now.plus(delay)).await {
        // Then it is due when the claim ends.
        tracing::debug!(errand = %row.id, %error, "an errand could not be deferred");
    }
}

async fn give_up(app: &App, row: &ErrandRow, cause: &str) {
    metrics::counter!("signalbox_errands_failed_total").increment(1);
    tracing::error!(errand = %row.id, attempts = row.attempts, cause, "a delivery was given up");
    finish(app, row).await;
}

/// Removes it, trying for as long as the claim lasts: what has left would leave again.
async fn finish(app: &App, row: &ErrandRow) {
    while let Err(error) = app.identity.finish_errand(row.id).await {
        if row.due_at <= app.clock.now() {
            tracing::warn!(errand = %row.id, %error, "a delivery may leave twice");
            return;
        }
        sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests;
