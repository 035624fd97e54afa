//! Sessions; and the session store, act by act.

use std::time::Duration;

use async_trait::async_trait;
use jwks::{Time, policy::Level};
use rusqlite::{Connection, Row, named_params, params};
use uuid::Uuid;

use super::{
    Embedded, SESSION, authorizations,
    cached::{Cached, hash_opt, json, named, time, time_opt},
    device_grants,
    fault::Fault,
    logins, marks, one_time, refresh, requests, tries,
    writer::Tx,
};
use crate::{
    domain::{
        authorization::{AuthorizationRequest, Code, Done, Redeemed, RequestKind},
        device_grant::{DeviceDecision, DeviceGrant, Polled},
        edge::Follower,
        login::PendingLogin,
        one_time::{OneTime, Purpose},
        secret::SecretHash,
        session::{
            Family, FamilyAdded, FoundRefresh, NewFamily, Proof, Rotated, Rotation, Session,
        },
    },
    store::{
        StoreResult,
        sessions::{Budget, Marked, Repeat, SessionStore},
    },
};

/// The columns of a session, in the order [`read`] takes them.
macro_rules! columns {
    () => {
        "user_id, sid, tenant_id, client_id, site_key, acr, amr, auth_time, remember, created_at, \
         last_active_at, expires_at, ip, user_agent, device, device_at, browser, clients, model"
    };
}

fn open(tx: &Tx<'_>, session: &Session) -> Result<(), Fault> {
    tx.run(
        concat!(
            "INSERT INTO sessions (",
            columns!(),
            ") VALUES (:user_id, :sid, :tenant_id, :client_id, :site_key, :acr, :amr, :auth_time,
                 :remember, :created_at, :last_active_at, :expires_at, :ip, :user_agent, :device,
                 :device_at, :browser, :clients, :model)"
        ),
        named_params! {
            ":user_id": session.user_id,
            ":sid": session.sid,
            ":tenant_id": session.tenant_id,
            ":client_id": session.client_id,
            ":site_key": session.site_key,
            ":acr": session.proof.acr.acr(),
            ":amr": serde_json::to_string(&session.proof.amr)?,
            ":auth_time": session.proof.auth_time.millis(),
            ":remember": session.remember,
            ":created_at": session.created_at.millis(),
            ":last_active_at": session.last_active_at.millis(),
            ":expires_at": session.expires_at.millis(),
            ":ip": session.ip,
            ":user_agent": session.user_agent,
            ":device": session.device,
            ":device_at": session.proof.device_at.map(Time::millis),
            ":browser": session.browser.as_ref().map(SecretHash::as_bytes),
            ":clients": serde_json::to_string(&session.clients)?,
            ":model": session.proof.model,
        },
    )?;
    Ok(())
}

/// The session of this person and name that lives at `now`.
pub(super) fn find(
    connection: &Connection,
    user_id: Uuid,
    sid: Uuid,
    now: Time,
) -> Result<Option<Session>, Fault> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM sessions WHERE user_id = ?1 AND sid = ?2 AND expires_at > ?3"
    );
    Ok(connection.one(sql, params![user_id, sid, now.millis()], read)?)
}

fn list(connection: &Connection, user_id: Uuid, now: Time) -> Result<Vec<Session>, Fault> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM sessions WHERE user_id = ?1 AND expires_at > ?2 ORDER BY created_at DESC, sid DESC"
    );
    Ok(connection.all(sql, params![user_id, now.millis()], read)?)
}

/// Notes that the session did something. Says whether it lives.
pub(super) fn touch(tx: &Tx<'_>, user_id: Uuid, sid: Uuid, now: Time) -> Result<bool, Fault> {
    let sql = "UPDATE sessions SET last_active_at = max(last_active_at, ?3)
         WHERE user_id = ?1 AND sid = ?2 AND expires_at > ?3";
    Ok(tx.run(sql, params![user_id, sid, now.millis()])? == 1)
}

fn raise(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    proof: &Proof,
    now: Time,
) -> Result<Option<Session>, Fault> {
    let sql = concat!(
        "UPDATE sessions SET acr = ?4, amr = ?5, auth_time = ?6, device_at = ?7, model = ?8,
             last_active_at = max(last_active_at, ?3)
         WHERE user_id = ?1 AND sid = ?2 AND expires_at > ?3 RETURNING ",
        columns!()
    );
    let amr = serde_json::to_string(&proof.amr)?;
    let params = params![
        user_id,
        sid,
        now.millis(),
        proof.acr.acr(),
        amr,
        proof.auth_time.millis(),
        proof.device_at.map(Time::millis),
        proof.model,
    ];
    Ok(tx.one(sql, params, read)?)
}

/// Gives the session of a browser a new proof and a new hash in the place of the presented one.
fn raise_browser(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    presented: &SecretHash,
    proof: &Proof,
    browser: &SecretHash,
    now: Time,
) -> Result<Option<Session>, Fault> {
    let renewed = tx.run(
        "UPDATE sessions SET browser = ?4
         WHERE user_id = ?1 AND sid = ?2 AND browser = ?3 AND expires_at > ?5",
        params![user_id, sid, presented.as_bytes(), browser.as_bytes(), now.millis()],
    )?;
    if renewed == 0 { Ok(None) } else { raise(tx, user_id, sid, proof, now) }
}

/// Notes that a client takes part in a session, once, and that the session did something. Says
/// whether it lives.
pub(super) fn take_part(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    client_id: &str,
    now: Time,
) -> Result<bool, Fault> {
    let sql = "UPDATE sessions SET last_active_at = max(last_active_at, ?3),
             clients = CASE WHEN EXISTS (SELECT 1 FROM json_each(clients) WHERE value = ?4)
                 THEN clients ELSE json_insert(clients, '$[#]', ?4) END
         WHERE user_id = ?1 AND sid = ?2 AND expires_at > ?3";
    Ok(tx.run(sql, params![user_id, sid, now.millis(), client_id])? == 1)
}

/// Closes what is too many of the same client beside a session that is being opened, the one begun
/// first before the others; their names.
fn make_room(tx: &Tx<'_>, session: &Session, keep: u32) -> Result<Vec<Uuid>, Fault> {
    let sql = "DELETE FROM sessions WHERE user_id = ?1 AND sid IN
             (SELECT sid FROM sessions WHERE user_id = ?1 AND client_id = ?2 AND expires_at > ?3
              ORDER BY created_at DESC, sid DESC LIMIT -1 OFFSET ?4)
         RETURNING sid";
    let begun = session.created_at.millis();
    let params = params![session.user_id, session.client_id, begun, keep.saturating_sub(1)];
    Ok(tx.all(sql, params, |row| row.get(0))?)
}

/// Closes a session; its families go with it. Says whether it was there.
pub(super) fn close(tx: &Tx<'_>, user_id: Uuid, sid: Uuid) -> Result<bool, Fault> {
    Ok(tx.run("DELETE FROM sessions WHERE user_id = ?1 AND sid = ?2", [user_id, sid])? == 1)
}

fn close_all(tx: &Tx<'_>, user_id: Uuid, except: Option<Uuid>) -> Result<Vec<Uuid>, Fault> {
    let sql = "DELETE FROM sessions WHERE user_id = ?1 AND sid IS NOT ?2 RETURNING sid";
    Ok(tx.all(sql, params![user_id, except], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        user_id: row.get(0)?,
        sid: row.get(1)?,
        tenant_id: row.get(2)?,
        client_id: row.get(3)?,
        site_key: row.get(4)?,
        proof: Proof {
            acr: named(row, 5, Level::from_acr)?,
            amr: json(row, 6)?,
            auth_time: time(row, 7)?,
            device_at: time_opt(row, 15)?,
            model: row.get(18)?,
        },
        remember: row.get(8)?,
        created_at: time(row, 9)?,
        last_active_at: time(row, 10)?,
        expires_at: time(row, 11)?,
        ip: row.get(12)?,
        user_agent: row.get(13)?,
        device: row.get(14)?,
        browser: hash_opt(row, 16)?,
        clients: json(row, 17)?,
    })
}

#[async_trait]
impl SessionStore for Embedded {
    async fn open_session(
        &self,
        session: &Session,
        family: Option<&NewFamily>,
        keep: u32,
    ) -> StoreResult<Vec<Uuid>> {
        let (session, family) = (session.clone(), family.cloned());
        self.change_at(session.created_at, move |tx| {
            let closed = make_room(tx, &session, keep)?;
            open(tx, &session)?;
            if let Some(family) = &family {
                refresh::insert(tx, session.user_id, session.sid, family)?;
            }
            Ok(closed)
        })
        .await
    }

    async fn find_session(
        &self,
        user_id: Uuid,
        sid: Uuid,
        now: Time,
    ) -> StoreResult<Option<Session>> {
        self.find(SESSION, |connection| find(connection, user_id, sid, now))
    }

    async fn list_sessions(&self, user_id: Uuid, now: Time) -> StoreResult<Vec<Session>> {
        self.list(SESSION, move |connection| list(connection, user_id, now)).await
    }

    async fn touch_session(&self, user_id: Uuid, sid: Uuid, now: Time) -> StoreResult<bool> {
        self.change_at(now, move |tx| touch(tx, user_id, sid, now)).await
    }

    async fn raise_session(
        &self,
        user_id: Uuid,
        sid: Uuid,
        proof: &Proof,
        family: &NewFamily,
        now: Time,
    ) -> StoreResult<Option<Session>> {
        let (proof, family) = (proof.clone(), family.clone());
        self.change_at(now, move |tx| {
            let session = raise(tx, user_id, sid, &proof, now)?;
            if session.is_some() {
                refresh::replace(tx, user_id, sid, &family)?;
            }
            Ok(session)
        })
        .await
    }

    async fn raise_browser(
        &self,
        user_id: Uuid,
        sid: Uuid,
        presented: &SecretHash,
        proof: &Proof,
        browser: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<Session>> {
        let (presented, proof, browser) = (*presented, proof.clone(), *browser);
        self.change_at(now, move |tx| {
            raise_browser(tx, user_id, sid, &presented, &proof, &browser, now)
        })
        .await
    }

    async fn close_session(&self, user_id: Uuid, sid: Uuid) -> StoreResult<bool> {
        self.change_session(move |tx| close(tx, user_id, sid)).await
    }

    async fn close_sessions(&self, user_id: Uuid, except: Option<Uuid>) -> StoreResult<Vec<Uuid>> {
        self.change_session(move |tx| close_all(tx, user_id, except)).await
    }

    async fn add_family(
        &self,
        user_id: Uuid,
        sid: Uuid,
        family: &NewFamily,
        keep: u32,
        now: Time,
    ) -> StoreResult<FamilyAdded> {
        let family = family.clone();
        self.change_at(now, move |tx| refresh::add(tx, user_id, sid, &family, keep, now)).await
    }

    async fn rotate_refresh(&self, rotation: &Rotation, now: Time) -> StoreResult<Rotated> {
        let rotation = rotation.clone();
        self.change_at(now, move |tx| refresh::rotate(tx, &rotation, now)).await
    }

    async fn find_refresh(
        &self,
        user_id: Uuid,
        sid: Uuid,
        family_id: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<FoundRefresh>> {
        self.find(SESSION, |connection| {
            refresh::find_token(connection, user_id, sid, family_id, hash, now)
        })
    }

    async fn list_families(&self, user_id: Uuid, now: Time) -> StoreResult<Vec<Family>> {
        self.list(SESSION, move |connection| refresh::list(connection, user_id, now)).await
    }

    async fn remove_family(&self, user_id: Uuid, sid: Uuid, family_id: Uuid) -> StoreResult<bool> {
        self.change_session(move |tx| refresh::remove(tx, user_id, sid, family_id)).await
    }

    async fn keep_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        request: &AuthorizationRequest,
    ) -> StoreResult<()> {
        let (hash, request) = (*hash, request.clone());
        self.change_session(move |tx| authorizations::keep(tx, kind, &hash, &request)).await
    }

    async fn find_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>> {
        self.find(SESSION, |connection| authorizations::find(connection, kind, hash, now))
    }

    async fn note_in_flow(
        &self,
        hash: &SecretHash,
        done: Done,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>> {
        let hash = *hash;
        self.change_at(now, move |tx| authorizations::note(tx, &hash, done, now)).await
    }

    async fn consume_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>> {
        let hash = *hash;
        self.change_at(now, move |tx| authorizations::consume(tx, kind, &hash, now)).await
    }

    async fn issue_code(&self, hash: &SecretHash, code: &Code) -> StoreResult<bool> {
        let (hash, code) = (*hash, code.clone());
        self.change_at(code.issued_at, move |tx| authorizations::issue(tx, &hash, &code)).await
    }

    async fn redeem_code(
        &self,
        hash: &SecretHash,
        remembered_until: Time,
        now: Time,
    ) -> StoreResult<Redeemed> {
        let hash = *hash;
        self.change_at(now, move |tx| authorizations::redeem(tx, &hash, remembered_until, now))
            .await
    }

    async fn begin_device(&self, device: &DeviceGrant) -> StoreResult<bool> {
        let device = device.clone();
        self.change_at(device.created_at, move |tx| device_grants::begin(tx, &device)).await
    }

    async fn find_device(&self, user_code: &str, now: Time) -> StoreResult<Option<DeviceGrant>> {
        self.find(SESSION, |connection| device_grants::find(connection, user_code, now))
    }

    async fn decide_device(
        &self,
        user_code: &str,
        decision: &DeviceDecision,
        now: Time,
    ) -> StoreResult<bool> {
        let (user_code, decision) = (user_code.to_owned(), decision.clone());
        self.change_at(now, move |tx| device_grants::decide(tx, &user_code, &decision, now)).await
    }

    async fn poll_device(
        &self,
        hash: &SecretHash,
        client_id: &str,
        interval: Duration,
        now: Time,
    ) -> StoreResult<Polled> {
        let (hash, client_id) = (*hash, client_id.to_owned());
        self.change_at(now, move |tx| device_grants::poll(tx, &hash, &client_id, interval, now))
            .await
    }

    async fn mark_once(
        &self,
        key: &SecretHash,
        _issued_at: Time,
        until: Time,
        now: Time,
    ) -> StoreResult<Marked> {
        let key = *key;
        self.change_at(now, move |tx| marks::once(tx, &key, until, now)).await
    }

    async fn begin_login(&self, hash: &SecretHash, login: &PendingLogin) -> StoreResult<()> {
        let (hash, login) = (*hash, login.clone());
        self.change_at(login.created_at, move |tx| logins::begin(tx, &hash, &login)).await
    }

    async fn find_login(&self, hash: &SecretHash, now: Time) -> StoreResult<Option<PendingLogin>> {
        self.find(SESSION, |connection| logins::find(connection, hash, now))
    }

    async fn consume_login(
        &self,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<PendingLogin>> {
        let hash = *hash;
        self.change_at(now, move |tx| logins::consume(tx, &hash, now)).await
    }

    async fn put_one_time(&self, one_time: &OneTime) -> StoreResult<()> {
        let one_time = one_time.clone();
        self.change_session(move |tx| one_time::put(tx, &one_time)).await
    }

    async fn find_one_time(
        &self,
        purpose: Purpose,
        owner: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<OneTime>> {
        self.find(SESSION, |connection| one_time::find(connection, purpose, owner, hash, now))
    }

    async fn consume_one_time(
        &self,
        purpose: Purpose,
        owner: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<OneTime>> {
        let hash = *hash;
        self.change_at(now, move |tx| one_time::consume(tx, purpose, owner, &hash, now)).await
    }

    async fn begin_request(
        &self,
        key: &SecretHash,
        claimed_until: Time,
        now: Time,
    ) -> StoreResult<Repeat> {
        let key = *key;
        self.change_at(now, move |tx| requests::begin(tx, &key, claimed_until, now)).await
    }

    async fn finish_request(
        &self,
        key: &SecretHash,
        mark: &SecretHash,
        answer: &str,
        expires_at: Time,
    ) -> StoreResult<()> {
        let (key, mark, answer) = (*key, *mark, answer.to_owned());
        self.change_session(move |tx| requests::finish(tx, &key, &mark, &answer, expires_at)).await
    }

    async fn drop_request(&self, key: &SecretHash) -> StoreResult<()> {
        let key = *key;
        self.change_session(move |tx| requests::forget(tx, &key)).await
    }

    async fn count_try(
        &self,
        key: &str,
        limit: u32,
        window: Duration,
        now: Time,
    ) -> StoreResult<Budget> {
        let key = key.to_owned();
        self.change_at(now, move |tx| tries::count(tx, &key, limit, window, now)).await
    }

    async fn forgive_try(&self, key: &str, at: Time) -> StoreResult<()> {
        let key = key.to_owned();
        self.change_session(move |tx| tries::forgive(tx, &key, at)).await
    }

    async fn note_followers(&self, followers: &[Follower], now: Time) -> StoreResult<()> {
        self.followers.note(followers, now);
        Ok(())
    }

    async fn list_followers(&self, now: Time) -> StoreResult<Vec<Follower>> {
        Ok(self.followers.list(now))
    }

    async fn check(&self) -> StoreResult<()> {
        self.change_session(|_| Ok(())).await
    }
}
