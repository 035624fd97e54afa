//! Tokens of sessions are renewed before they are over: in the background, once at a time for each,
//! whoever asks. The browser is given the new one with whatever it is answered next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{SHA256, digest};
use jwks::{Time, policy::Policy, verify::VerifiedToken};
use tokio::sync::watch;

use crate::backchannel::{Backchannel, Denied};

/// How long what came of a renewal is remembered: other requests are under way with the old token.
const KEPT: Duration = Duration::from_secs(60);
/// How long the server is not asked again after it said no.
const REFUSED: Duration = Duration::from_secs(10);
/// How long it is not asked again after it was away.
const AWAY: Duration = Duration::from_secs(2);
/// How long a request waits whose token is over.
const PATIENCE: Duration = Duration::from_secs(6);
/// The most renewals that are remembered; beyond that tokens go on to their end.
const MOST: usize = 10_000;

/// How a renewal stands.
#[derive(Clone, Debug)]
pub enum Renewal {
    /// The server is being asked.
    UnderWay,
    /// This is the new token.
    Renewed(Arc<str>),
    /// There is none.
    Denied,
}

/// A renewal that may be under way.
pub type Watched = watch::Receiver<Renewal>;

type Name = [u8; 32];

struct Entry {
    watched: Watched,
    /// Until when it says something.
    until: Instant,
}

/// The renewals of one edge.
pub struct Renewals {
    backchannel: Arc<Backchannel>,
    entries: Mutex<HashMap<Name, Entry>>,
}

/// Whether a token is old enough to be renewed: half of its life is over, or a tenth of the time for
/// which a session may rest there.
#[must_use]
pub fn is_due(token: &VerifiedToken, policy: &Policy, now: Time) -> bool {
    let age = now.since(token.issued_at());
    let life = token.expires_at().since(token.issued_at());
    age >= life / 2 || policy.session_idle.is_some_and(|idle| age >= Duration::from_secs(idle) / 10)
}

impl Renewals {
    /// None yet.
    #[must_use]
    pub fn new(backchannel: Arc<Backchannel>) -> Self {
        Self { backchannel, entries: Mutex::default() }
    }

    /// The renewal of `token`, which begins with this where none is under way or lately done. `None`:
    /// there are too many.
    pub fn of(self: &Arc<Self>, token: &str) -> Option<Watched> {
        let mut name = Name::default();
        name.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let now = Instant::now();
        let mut entries = self.held();
        if let Some(entry) = entries.get(&name).filter(|entry| now < entry.until) {
            return Some(entry.watched.clone());
        }
        if entries.len() >= MOST {
            entries.retain(|_, entry| now < entry.until);
            if entries.len() >= MOST {
                return None;
            }
        }
        let (tell, watched) = watch::channel(Renewal::UnderWay);
        // It ends by itself; this is for the case that it does not.
        let entry = Entry { watched: watched.clone(), until: now + 2 * PATIENCE };
        entries.insert(name, entry);
        drop(entries);
        let (this, token) = (self.clone(), token.to_owned());
        tokio::spawn(async move {
            let (renewal, kept) = match this.backchannel.renew(&token).await {
                Ok(tokens) => (Renewal::Renewed(tokens.access_token.into()), KEPT),
                Err(Denied::Refused(error)) => {
                    tracing::debug!(error, "a session was not renewed");
                    (Renewal::Denied, REFUSED)
                }
                Err(error) => {
                    tracing::warn!(%error, "a session was not renewed");
                    (Renewal::Denied, AWAY)
                }
            };
            if let Some(entry) = this.held().get_mut(&name) {
                entry.until = Instant::now() + kept;
            }
            // Nobody may be waiting.
            let _ = tell.send(renewal);
        });
        Some(watched)
    }

    /// The new token for one that is over, as soon as it is there.
    pub async fn now(self: &Arc<Self>, token: &str) -> Option<Arc<str>> {
        let mut watched = self.of(token)?;
        let done = watched.wait_for(|renewal| !matches!(renewal, Renewal::UnderWay));
        let done = tokio::time::timeout(PATIENCE, done).await.ok()?.ok()?;
        match &*done {
            Renewal::Renewed(token) => Some(token.clone()),
            Renewal::UnderWay | Renewal::Denied => None,
        }
    }

    /// No code of ours panics under the lock; if it did, the map would still be whole.
    fn held(&self) -> MutexGuard<'_, HashMap<Name, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
