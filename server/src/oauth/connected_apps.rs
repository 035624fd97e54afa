//! The clients that a person has let in, as that person sees and ends them: what they allowed them,
//! and what rests on that.

use std::collections::{BTreeMap, BTreeSet};

use jwks::{Time, cutoff::CutOff, grant::given_at};
use serde_json::json;
use uuid::Uuid;

use super::{clients, grant_end, logout};
use crate::{
    app::App,
    auth::{AuthError, bearer::Caller, error::AuthResult, origin::Origin, sessions::session_end},
    clock::new_id,
    domain::{
        audit::Action,
        client::Client,
        consent::Consent,
        session::{Family, Session},
    },
};

/// A client that a person has let in.
#[derive(Clone, Debug)]
pub struct ConnectedApp {
    /// It, as it is registered now.
    pub client: Client,
    /// What it may: what it was allowed, and what its tokens carry; in order.
    pub scopes: Vec<String>,
    /// Since when.
    pub since: Time,
    /// When it last got tokens anew, as far as that is known.
    pub last_used_at: Option<Time>,
}

/// What one client has of one person.
#[derive(Default)]
struct Held {
    consent: Option<Consent>,
    families: Vec<Family>,
}

/// What clients have of a person, and the person's sessions.
struct Gathered {
    by_client: BTreeMap<String, Held>,
    sessions: Vec<Session>,
}

/// The clients that the caller has let in, by name: those they allowed something, and those that can
/// get tokens anew without asking. What they allowed once and is over is not listed.
///
/// # Errors
/// When a store fails.
pub async fn list(app: &App, caller: &Caller) -> AuthResult<Vec<ConnectedApp>> {
    let Gathered { by_client, sessions } = gather(app, caller.user.id).await?;
    let mut apps = Vec::with_capacity(by_client.len());
    for (client_id, held) in by_client {
        // Of a client that was removed nothing is left that could be ended.
        if let Some(client) = clients::find(app, &client_id).await? {
            apps.push(describe((*client).clone(), &held, &sessions));
        }
    }
    apps.sort_by_cached_key(|app| app.client.name().to_lowercase());
    Ok(apps)
}

/// PURE: what a person sees of a client.
fn describe(client: Client, held: &Held, sessions: &[Session]) -> ConnectedApp {
    let granted = held.families.iter().flat_map(|family| family.scope.split(' '));
    let allowed = held.consent.iter().flat_map(|consent| &consent.scopes);
    let scopes: BTreeSet<&str> = allowed.map(String::as_str).chain(granted).collect();
    let given = held.families.iter().map(|family| given_at(family.id));
    let since = held.consent.iter().map(|consent| consent.created_at).chain(given).min();
    // Of a session that many share it is not known who used it.
    let used = held.families.iter().filter_map(|family| {
        let own = sessions.iter().find(|session| {
            session.sid == family.sid && grant_end::is_own_session(family.sid, family.id)
        });
        family.rotated_at.max(own.map(|session| session.last_active_at))
    });
    ConnectedApp {
        scopes: scopes.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        since: since.unwrap_or(client.created_at),
        last_used_at: used.max(),
        client,
    }
}

/// Takes back what the caller allowed a client, and ends everything that came of it, everywhere: its
/// refresh tokens, its access tokens, codes that nobody redeemed yet. The client is told of the end of
/// the sessions it knows them by, where it wants to hear of such. The sessions themselves go on, but
/// for those that are the client's alone.
///
/// # Errors
/// [`AuthError::NotFound`] when they have not let it in.
pub async fn revoke(
    app: &App,
    origin: &Origin,
    caller: &Caller,
    client_id: &str,
) -> AuthResult<()> {
    let user_id = caller.user.id;
    let Gathered { mut by_client, sessions } = gather(app, user_id).await?;
    let held = by_client.remove(client_id).ok_or(AuthError::NotFound)?;
    let now = app.clock.now();
    let told = sids_known_to(client_id, &held, &sessions);
    let told: Vec<Uuid> = told.into_iter().map(|sid| logout::errand_id(sid, client_id)).collect();
    let grants: Vec<Uuid> = held.families.iter().map(|family| family.id).collect();
    let details = json!({ "client": client_id, "grants": grants });
    let event = origin.event(Action::ConsentRevoked, Some(&caller.user), now, details);
    let ends = endings(app, user_id, client_id, &held.families, now);
    app.identity.withdraw_consent(user_id, client_id, &ends, &told, &event).await?;
    // What was granted while that was being written rested on the consent that is gone.
    let written_at = app.clock.now();
    let left = families_of(app, user_id, client_id, written_at).await?;
    let (known, beside): (Vec<Family>, Vec<Family>) =
        left.into_iter().partition(|family| given_at(family.id) <= now);
    let beside: Vec<Family> =
        beside.into_iter().filter(|family| given_at(family.id) <= written_at).collect();
    if !beside.is_empty() {
        let details = json!({ "client": client_id, "reason": "overtaken" });
        let act = new_id(written_at);
        let event =
            origin.event_of(act, Action::ConsentRevoked, Some(user_id), written_at, details);
        let ends = endings(app, user_id, client_id, &beside, written_at);
        app.identity.cut_off(&ends, &event).await?;
    }
    for family in known.iter().chain(&beside) {
        grant_end::close(app, user_id, family.sid, family.id).await?;
    }
    Ok(())
}

/// The ending of everything that a person granted a client, and of what is known of it by its own name:
/// whatever the clock said where that was given.
fn endings(
    app: &App,
    user_id: Uuid,
    client_id: &str,
    families: &[Family],
    now: Time,
) -> Vec<CutOff> {
    let mut ends = vec![grant_end::consent_end(app, user_id, client_id, now)];
    for family in families {
        ends.push(grant_end::cut_off(app, family.id, now));
        if grant_end::is_own_session(family.sid, family.id) {
            ends.push(session_end(app, family.sid, now));
        }
    }
    ends
}

/// PURE: the sessions whose end a client waits to hear of.
fn sids_known_to(client_id: &str, held: &Held, sessions: &[Session]) -> BTreeSet<Uuid> {
    let named = held.families.iter().filter_map(|family| family.granted.as_ref());
    let takes_part = |session: &&Session| session.clients.iter().any(|client| client == client_id);
    let took_part = sessions.iter().filter(takes_part).map(|session| session.sid);
    named.map(|granted| granted.id_sid).chain(took_part).collect()
}

async fn gather(app: &App, user_id: Uuid) -> AuthResult<Gathered> {
    let now = app.clock.now();
    let (consents, families, sessions) = tokio::try_join!(
        app.identity.list_consents(user_id),
        app.sessions.list_families(user_id, now),
        app.sessions.list_sessions(user_id, now),
    )?;
    let mut by_client: BTreeMap<String, Held> = BTreeMap::new();
    for consent in consents {
        let held = by_client.entry(consent.client_id.clone()).or_default();
        held.consent = Some(consent);
    }
    // Those of the JSON surfaces are sessions, and nothing else.
    for family in families.into_iter().filter(|family| family.granted.is_some()) {
        by_client.entry(family.client_id.clone()).or_default().families.push(family);
    }
    Ok(Gathered { by_client, sessions })
}

async fn families_of(
    app: &App,
    user_id: Uuid,
    client_id: &str,
    now: Time,
) -> AuthResult<Vec<Family>> {
    let families = app.sessions.list_families(user_id, now).await?;
    let is_theirs = |family: &Family| family.granted.is_some() && family.client_id == client_id;
    Ok(families.into_iter().filter(is_theirs).collect())
}
