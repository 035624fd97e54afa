//! The session store on Redis: one script, or one command, is one act.
//!
//! Every key of an act carries the same hash tag, so that the same scripts run on a cluster. A
//! session's hash owns its refresh families: to close it is one `DEL`, and no family can outlive
//! it. JSON stays opaque to the scripts (Lua would round its numbers and turn empty arrays into
//! objects); what they judge by lies beside it in fields of its own.

mod authorizations;
mod device_grants;
mod followers;
mod keys;
mod link;
mod logins;
mod marks;
mod one_time;
mod requests;
mod sessions;
mod throttles;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use jwks::Time;
use uuid::Uuid;

use self::{keys::Keys, link::Link};
use super::{
    StoreError, StoreResult,
    sessions::{Budget, Marked, Repeat, SessionStore},
};
use crate::domain::{
    authorization::{AuthorizationRequest, Code, Done, Redeemed, RequestKind},
    device_grant::{DeviceDecision, DeviceGrant, Polled},
    edge::Follower,
    login::PendingLogin,
    one_time::{OneTime, Purpose},
    secret::SecretHash,
    session::{Family, FamilyAdded, FoundRefresh, NewFamily, Proof, Rotated, Rotation, Session},
};

/// The session store on Redis, a single node or a cluster.
pub struct Redis {
    link: Link,
    keys: Keys,
}

impl Redis {
    /// The store at `url` (`redis://`, or `rediss://` for TLS); several URLs separated by commas
    /// (or one and a trailing comma) name the seeds of a cluster. Nothing is connected yet: a
    /// server that is away only makes the acts fail until it is back.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the URL cannot be read.
    pub fn new(url: &str) -> StoreResult<Arc<Self>> {
        Self::in_space(url, "sb")
    }

    /// As [`Self::new`], with names of keys that begin with `space` instead of `sb`: several
    /// installations can share one server without meeting.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn in_space(url: &str, space: &str) -> StoreResult<Arc<Self>> {
        let keys = Keys::of(space);
        Ok(Arc::new(Self { link: Link::new(url, keys.memories())?, keys }))
    }

    /// Whether the connection there was has been found lost.
    #[cfg(test)]
    pub(in crate::store) async fn has_lost_its_connection(&self) -> bool {
        self.link.is_lost().await
    }

    /// What the server, or each node of a cluster, tells of itself.
    ///
    /// # Errors
    /// [`StoreError`] as for any act.
    pub async fn facts(&self) -> StoreResult<Facts> {
        let (seconds, micros): (i64, i64) = self.link.query(&::redis::cmd("TIME")).await?;
        Ok(Facts {
            eviction_policies: self.eviction_policies().await?,
            appends: self.told("persistence", "aof_enabled:").await? == ["1"],
            clock: Time::from_millis(seconds * 1000 + micros / 1000),
        })
    }

    /// The `maxmemory-policy` of the server, or the different ones of a cluster's nodes. Every
    /// key has a TTL, so each policy but `noeviction` can drop state while it is alive.
    ///
    /// # Errors
    /// [`StoreError`] as for any act.
    pub async fn eviction_policies(&self) -> StoreResult<Vec<String>> {
        self.told("memory", "maxmemory_policy:").await
    }

    /// The different values of a field of `INFO`, which hosted servers allow where they forbid
    /// `CONFIG`.
    async fn told(&self, section: &str, field: &str) -> StoreResult<Vec<String>> {
        let info: ::redis::Value = self.link.query(::redis::cmd("INFO").arg(section)).await?;
        let mut texts = Vec::new();
        collect_texts(&info, &mut texts);
        let mut values: Vec<String> = texts
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.strip_prefix(field))
            .map(|value| value.trim().to_owned())
            .collect();
        values.sort();
        values.dedup();
        Ok(values)
    }
}

/// What a Redis server, or the nodes of a cluster, tell of themselves.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The different eviction policies.
    pub eviction_policies: Vec<String>,
    /// Whether every write goes into a file that is read at the start (`appendonly`).
    pub appends: bool,
    /// Its clock.
    pub clock: Time,
}

/// A cluster answers `INFO` with a map of nodes, a single node with one text.
fn collect_texts(value: &::redis::Value, texts: &mut Vec<String>) {
    use ::redis::Value;
    match value {
        Value::BulkString(bytes) => texts.push(String::from_utf8_lossy(bytes).into_owned()),
        Value::VerbatimString { text, .. } => texts.push(text.to_string()),
        Value::SimpleString(text) => texts.push(text.to_string()),
        Value::Array(values) => values.iter().for_each(|value| collect_texts(value, texts)),
        Value::Map(pairs) => pairs.iter().for_each(|(_, value)| collect_texts(value, texts)),
        _ => {}
    }
}

fn unavailable(cause: impl ToString) -> StoreError {
    StoreError::Unavailable { store: "session", cause: cause.to_string() }
}

fn broken(cause: impl ToString) -> StoreError {
    StoreError::Broken { store: "session", cause: cause.to_string() }
}

/// How much longer than it lives a row stays, so that replicas whose clocks differ judge it by
/// its own instants. No truth rests on it.
const SLACK: Duration = Duration::from_secs(60);
/// No key stays longer than this, however far its end is put.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The TTL, in milliseconds, of a row that lives for `life`.
fn ttl_millis(life: Duration) -> u64 {
    u64::try_from(life.min(LONGEST).saturating_add(SLACK).as_millis()).unwrap_or(u64::MAX)
}

/// The shortest time a row is kept that does not say since when it lives.
const KEPT_AT_LEAST: Duration = Duration::from_secs(24 * 3600);

/// How long a row is kept that lives until `expires_at`. The machine's clock only decides how
/// long garbage stays; the truth is the row's own instant.
fn kept_until(expires_at: Time) -> Duration {
    expires_at.since(machine_time()).max(KEPT_AT_LEAST)
}

/// What this machine's clock says.
fn machine_time() -> Time {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(clock.as_millis()).unwrap_or(i64::MAX))
}

#[async_trait]
impl SessionStore for Redis {
    async fn open_session(
        &self,
        session: &Session,
        family: Option<&NewFamily>,
        keep: u32,
    ) -> StoreResult<Vec<Uuid>> {
        sessions::open(self, session, family, keep).await
    }

    async fn find_session(
        &self,
        user_id: Uuid,
        sid: Uuid,
        now: Time,
    ) -> StoreResult<Option<Session>> {
        sessions::find(self, user_id, sid, now).await
    }

    async fn list_sessions(&self, user_id: Uuid, now: Time) -> StoreResult<Vec<Session>> {
        sessions::list(self, user_id, now).await
    }

    async fn touch_session(&self, user_id: Uuid, sid: Uuid, now: Time) -> StoreResult<bool> {
        sessions::touch(self, user_id, sid, now).await
    }

    async fn raise_session(
        &self,
        user_id: Uuid,
        sid: Uuid,
        proof: &Proof,
        family: &NewFamily,
        now: Time,
    ) -> StoreResult<Option<Session>> {
        sessions::raise(self, user_id, sid, proof, family, now).await
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
        sessions::raise_browser(self, user_id, sid, presented, proof, browser, now).await
    }

    async fn close_session(&self, user_id: Uuid, sid: Uuid) -> StoreResult<bool> {
        sessions::close(self, user_id, sid).await
    }

    async fn close_sessions(&self, user_id: Uuid, except: Option<Uuid>) -> StoreResult<Vec<Uuid>> {
        sessions::close_all(self, user_id, except).await
    }

    async fn add_family(
        &self,
        user_id: Uuid,
        sid: Uuid,
        family: &NewFamily,
        keep: u32,
        now: Time,
    ) -> StoreResult<FamilyAdded> {
        sessions::add_family(self, user_id, sid, family, keep, now).await
    }

    async fn rotate_refresh(&self, rotation: &Rotation, now: Time) -> StoreResult<Rotated> {
        sessions::rotate(self, rotation, now).await
    }

    async fn find_refresh(
        &self,
        user_id: Uuid,
        sid: Uuid,
        family_id: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<FoundRefresh>> {
        sessions::find_refresh(self, user_id, sid, family_id, hash, now).await
    }

    async fn list_families(&self, user_id: Uuid, now: Time) -> StoreResult<Vec<Family>> {
        sessions::list_families(self, user_id, now).await
    }

    async fn remove_family(&self, user_id: Uuid, sid: Uuid, family_id: Uuid) -> StoreResult<bool> {
        sessions::remove_family(self, user_id, sid, family_id).await
    }

    async fn keep_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        request: &AuthorizationRequest,
    ) -> StoreResult<()> {
        authorizations::keep(self, kind, hash, request).await
    }

    async fn find_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>> {
        authorizations::find(self, kind, hash, now).await
    }

    async fn note_in_flow(
        &self,
        hash: &SecretHash,
        done: Done,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>> {
        authorizations::note(self, hash, done, now).await
    }

    async fn consume_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>> {
        authorizations::consume(self, kind, hash, now).await
    }

    async fn issue_code(&self, hash: &SecretHash, code: &Code) -> StoreResult<bool> {
        authorizations::issue(self, hash, code).await
    }

    async fn redeem_code(
        &self,
        hash: &SecretHash,
        remembered_until: Time,
        now: Time,
    ) -> StoreResult<Redeemed> {
        authorizations::redeem(self, hash, remembered_until, now).await
    }

    async fn begin_device(&self, device: &DeviceGrant) -> StoreResult<bool> {
        device_grants::begin(self, device).await
    }

    async fn find_device(&self, user_code: &str, now: Time) -> StoreResult<Option<DeviceGrant>> {
        device_grants::find(self, user_code, now).await
    }

    async fn decide_device(
        &self,
        user_code: &str,
        decision: &DeviceDecision,
        now: Time,
    ) -> StoreResult<bool> {
        device_grants::decide(self, user_code, decision, now).await
    }

    async fn poll_device(
        &self,
        hash: &SecretHash,
        client_id: &str,
        interval: Duration,
        now: Time,
    ) -> StoreResult<Polled> {
        device_grants::poll(self, hash, client_id, interval, now).await
    }

    async fn mark_once(
        &self,
        key: &SecretHash,
        issued_at: Time,
        until: Time,
        now: Time,
    ) -> StoreResult<Marked> {
        marks::once(self, key, issued_at, until, now).await
    }

    async fn begin_login(&self, hash: &SecretHash, login: &PendingLogin) -> StoreResult<()> {
        logins::begin(self, hash, login).await
    }

    async fn find_login(&self, hash: &SecretHash, now: Time) -> StoreResult<Option<PendingLogin>> {
        logins::find(self, hash, now).await
    }

    async fn consume_login(
        &self,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<PendingLogin>> {
        logins::consume(self, hash, now).await
    }

    async fn put_one_time(&self, one_time: &OneTime) -> StoreResult<()> {
        one_time::put(self, one_time).await
    }

    async fn find_one_time(
        &self,
        purpose: Purpose,
        owner: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<OneTime>> {
        one_time::find(self, purpose, owner, hash, now).await
    }

    async fn consume_one_time(
        &self,
        purpose: Purpose,
        owner: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<OneTime>> {
        one_time::consume(self, purpose, owner, hash, now).await
    }

    async fn begin_request(
        &self,
        key: &SecretHash,
        claimed_until: Time,
        now: Time,
    ) -> StoreResult<Repeat> {
        requests::begin(self, key, claimed_until, now).await
    }

    async fn finish_request(
        &self,
        key: &SecretHash,
        mark: &SecretHash,
        answer: &str,
        expires_at: Time,
    ) -> StoreResult<()> {
        requests::finish(self, key, mark, answer, expires_at).await
    }

    async fn drop_request(&self, key: &SecretHash) -> StoreResult<()> {
        requests::forget(self, key).await
    }

    async fn count_try(
        &self,
        key: &str,
        limit: u32,
        window: Duration,
        now: Time,
    ) -> StoreResult<Budget> {
        throttles::count(self, key, limit, window, now).await
    }

    async fn forgive_try(&self, key: &str, at: Time) -> StoreResult<()> {
        throttles::forgive(self, key, at).await
    }

    async fn note_followers(&self, edges: &[Follower], now: Time) -> StoreResult<()> {
        followers::note(self, edges, now).await
    }

    async fn list_followers(&self, now: Time) -> StoreResult<Vec<Follower>> {
        followers::list(self, now).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.link.query::<()>(&::redis::cmd("PING")).await
    }
}
