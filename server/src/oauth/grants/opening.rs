//! The first tokens of a person for a client: whatever grant they come of.

use std::time::Duration;

use jwks::Time;
use serde_json::json;
use uuid::Uuid;

use super::{
    Issued, TokenRequest, refresh_token,
    remaining::{Remaining, remaining},
};
use crate::{
    auth::{
        devices,
        refresh_token::FamilyName,
        sessions::{make_room, standing},
    },
    domain::{
        audit::Action,
        authorization::Granted,
        session::{FamilyAdded, NewFamily, Session},
        user::User,
    },
    oauth::{OAuthError, OAuthResult, audience, claims, grant_end, logout, scope},
    tokens::{ClientGrant, Grant, Holder, IdGrant, Minted, lifetime, mint},
};

/// The most sessions of its own that a client has of one person; a further one ends the one begun first.
/// A client may be let in again and again without anybody being asked, and is not to fill the list of
/// where the person is signed in.
pub const SESSIONS_KEPT: u32 = 10;

/// The most grants of one client whose refresh tokens rest on one session of a browser; a further one
/// ends the one used longest ago.
pub const FAMILIES_KEPT: u32 = 20;

/// What a person granted, before there are tokens.
pub struct Opening {
    /// Who.
    pub user_id: Uuid,
    /// In which session.
    pub sid: Uuid,
    /// Which scopes, space-separated.
    pub scope: String,
    /// The client's nonce, for the ID token.
    pub nonce: Option<String>,
    /// What else. Where its `id_sid` is its `grant_id`, the grant has a session of its own from the
    /// start, which ID tokens name too.
    pub granted: Granted,
    /// When.
    pub issued_at: Time,
}

/// Opens what the tokens rest on, and issues them. Refresh tokens, where the client may use them, rest
/// on the session of the grant; with `offline_access`, and for a device, on a session of their own,
/// named as the grant is, which outlives that one.
///
/// # Errors
/// [`OAuthError::InvalidGrant`] when the person, the session or the grant is not what it was, or the
/// client may have too little of it any more; [`OAuthError::InvalidTarget`].
pub async fn open(request: &TokenRequest<'_>, opening: Opening) -> OAuthResult<Issued> {
    let TokenRequest { app, origin, client, params, now } = request;
    let (app, now) = (*app, *now);
    let Opening { user_id, sid, scope, nonce, granted, issued_at } = opening;
    let left = remaining(&app.issuer, client, &scope, &granted.resource);
    let Remaining { scope, resource } = left.ok_or_else(too_little)?;
    let granted = Granted { resource, ..granted };
    let asked = audience::of(&granted.resource, params)?;
    let audience = audience::switched_on(app, &asked, audience::is_named(params)).await?;
    let gone = || OAuthError::grant("what was granted is over");

    let refreshes = client.may_use(refresh_token::TYPE);
    let is_named = grant_end::is_own_session(granted.id_sid, granted.grant_id);
    let offline = scope.split(' ').any(|one| one == scope::OFFLINE_ACCESS);
    let own = is_named || refreshes && offline;
    let rests_on = if own { granted.grant_id } else { sid };
    let family = FamilyName { user_id, sid: rests_on, family_id: granted.grant_id };
    let token = refreshes.then(|| family.new_token(app));
    let family = token.as_ref().map(|token| {
        let most = app.config.tokens.refresh_ttl;
        let ttl = lifetime(client.metadata.refresh_token_ttl, most);
        NewFamily {
            id: granted.grant_id,
            client_id: client.client_id.clone(),
            scope: scope.clone(),
            hash: token.hash(),
            expires_at: now.plus(ttl),
            granted: Some(granted.clone()),
        }
    });
    let given_in = match &family {
        Some(family) if !own => add_family(request, user_id, sid, family).await?,
        _ => app.sessions.find_session(user_id, sid, now).await?,
    };
    let given_in = given_in.ok_or_else(gone)?;
    let session = if own { own_session(request, &given_in, &granted) } else { given_in.clone() };
    if own {
        let closed = app.sessions.open_session(&session, family.as_ref(), SESSIONS_KEPT).await?;
        make_room(app, origin, &session, &closed, now).await?;
    }
    let ends_at = if is_named { session.expires_at } else { given_in.expires_at };
    logout::await_end(app, client, user_id, granted.id_sid, ends_at, now).await?;
    // Whoever ends something writes that down first and closes what it had afterwards; here what is
    // to be closed is opened first, and then looked whether that was written down. So nothing of
    // this outlives an ending that fell in between.
    let endings = grant_end::endings(&client.client_id, granted.grant_id);
    let subject = app.identity.find_subject_and_ends(user_id, sid, &endings).await?;
    let subject = subject.filter(|subject| !grant_end::is_over(granted.grant_id, &subject.ended));
    let user = subject.and_then(|subject| standing(&subject, &given_in, issued_at));
    let Some(user) = user else {
        grant_end::close(app, user_id, session.sid, granted.grant_id).await?;
        return Err(gone());
    };
    let person = Person { user: &user, session, granted: &granted };
    let minted = issue(request, person, audience, &scope, nonce).await?;
    Ok(Issued {
        access_token: minted.access_token,
        expires_in: minted.expires_in,
        scope,
        refresh_token: token.map(|token| token.as_str().to_owned()),
        id_token: minted.id_token,
    })
}

/// Adds the refresh tokens of a grant to a session; the session, if there is one. Grants that are to
/// make room are ended first: a client that is let in without a question is not to fill the session.
async fn add_family(
    request: &TokenRequest<'_>,
    user_id: Uuid,
    sid: Uuid,
    family: &NewFamily,
) -> OAuthResult<Option<Session>> {
    let TokenRequest { app, origin, now, .. } = request;
    loop {
        let added = app.sessions.add_family(user_id, sid, family, FAMILIES_KEPT, *now).await?;
        let first = match added {
            FamilyAdded::Added(session) => return Ok(Some(*session)),
            FamilyAdded::NoSession => return Ok(None),
            FamilyAdded::Full(first) => first,
        };
        for grant_id in first {
            let details = json!({ "grant_id": grant_id, "reason": "too_many", "for": family.id });
            // Named by the grant: whoever ends it at the same time adds no second row.
            let event =
                origin.event_of(grant_id, Action::TokenRevoked, Some(user_id), *now, details);
            grant_end::end(app, user_id, sid, grant_id, &event, *now).await?;
        }
    }
}

/// How a client hears that it may have too little any more of what it was granted: it is to ask anew.
pub fn too_little() -> OAuthError {
    OAuthError::grant("what was granted is not what the client is registered for any more")
}

/// A session of a grant's own: it begins now, in the tenant and from where the grant was given.
fn own_session(request: &TokenRequest<'_>, given_in: &Session, granted: &Granted) -> Session {
    let TokenRequest { app, client, now, .. } = request;
    Session {
        sid: granted.grant_id,
        client_id: client.client_id.clone(),
        site_key: None,
        proof: granted.proof.clone(),
        remember: true,
        created_at: *now,
        last_active_at: *now,
        expires_at: now.plus(Duration::from_secs(app.config.tokens.session_ttl)),
        browser: None,
        clients: vec![client.client_id.clone()],
        ..given_in.clone()
    }
}

/// Whose tokens, resting on what.
pub struct Person<'p> {
    /// The person as they are now.
    pub user: &'p User,
    /// What the tokens rest on.
    pub session: Session,
    /// What was granted.
    pub granted: &'p Granted,
}

/// Mints the tokens of a person for a client, with the proof of the grant and no higher one (rule 3).
///
/// # Errors
/// When the store fails, or no key signs.
pub async fn issue(
    request: &TokenRequest<'_>,
    person: Person<'_>,
    audience: Vec<String>,
    scope: &str,
    nonce: Option<String>,
) -> OAuthResult<Minted> {
    let TokenRequest { app, client, now, .. } = request;
    let Person { user, session, granted } = person;
    let resting = Session { proof: granted.proof.clone(), ..session };
    let resting = devices::judge_anew(app, resting, user, *now).await?;
    let is_openid = scope.split(' ').any(|one| one == scope::OPENID);
    // Nobody else asks for these.
    let at_userinfo = is_openid && audience.contains(&app.issuer);
    let names = at_userinfo.then(|| claims::asked_of_userinfo(&granted.claims));
    let id = is_openid.then(|| IdGrant {
        sid: granted.id_sid,
        nonce,
        more: claims::by_name(user, granted.claims.id_token.keys().map(String::as_str)),
    });
    let grant = Grant {
        user,
        session: &resting,
        proof: &resting.proof,
        audience,
        holder: Holder::Client(ClientGrant {
            client,
            scope,
            grant_id: granted.grant_id,
            userinfo_claims: names.unwrap_or_default(),
            id,
        }),
    };
    Ok(mint(app, &grant, *now).await?)
}
