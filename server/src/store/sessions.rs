//! The contract of the session store: rows whose loss can only take power away.

use std::time::Duration;

use async_trait::async_trait;
use jwks::Time;
use uuid::Uuid;

use super::StoreResult;
use crate::domain::{
    authorization::{AuthorizationRequest, Code, Done, Redeemed, RequestKind},
    device_grant::{DeviceDecision, DeviceGrant, Polled},
    edge::Follower,
    login::PendingLogin,
    one_time::{OneTime, Purpose},
    secret::SecretHash,
    session::{Family, FamilyAdded, FoundRefresh, NewFamily, Proof, Rotated, Rotation, Session},
};

/// What a budget has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Whether this try fits; it has been counted if so, and only then.
    pub allowed: bool,
    /// Tries left after this one.
    pub remaining: u32,
    /// When the oldest counted try leaves the window: when one more will fit at the latest.
    pub reset_at: Time,
}

/// What is known of a request that its caller may send again (`X-Idempotency-Key`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing: this caller carries it out.
    First,
    /// Somebody is carrying it out.
    UnderWay,
    /// It was carried out; `mark` is what it was marked with, `answer` what was answered.
    Done {
        /// What tells one request from another under the same key.
        mark: SecretHash,
        /// The answer, as it was kept.
        answer: String,
    },
}

/// Whether something that counts once came for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It did.
    First,
    /// It came before.
    Again,
    /// It is older than this store's memory: whether it came before is not known any more
    /// (rule 37).
    BeforeMemory,
}

/// Sessions, refresh families, pending logins, one-time tokens, throttles, and which edges follow.
///
/// Whatever is past its `expires_at` at `now` does not exist, whether or not it is still stored.
/// `expires_at == now` is past.
#[async_trait]
pub trait SessionStore: Send + Sync {
    // ---- sessions -----------------------------------------------------------------------

    /// Opens a session, with its first refresh family where it has one. While the person has more than `keep` live
    /// ones of the same `client_id` with this one, the other one of those begun first is closed; the
    /// names of those.
    async fn open_session(
        &self,
        session: &Session,
        family: Option<&NewFamily>,
        keep: u32,
    ) -> StoreResult<Vec<Uuid>>;

    /// The session of this person and name.
    async fn find_session(
        &self,
        user_id: Uuid,
        sid: Uuid,
        now: Time,
    ) -> StoreResult<Option<Session>>;

    /// Every session of a person, newest first.
    async fn list_sessions(&self, user_id: Uuid, now: Time) -> StoreResult<Vec<Session>>;

    /// Notes that a session did something at `now`. Says whether it exists.
    async fn touch_session(&self, user_id: Uuid, sid: Uuid, now: Time) -> StoreResult<bool>;

    /// Gives a session a new proof, and `family` in the place of every family of its client; that
    /// is activity at `now`. The session as it is then; `None`: there is none.
    async fn raise_session(
        &self,
        user_id: Uuid,
        sid: Uuid,
        proof: &Proof,
        family: &NewFamily,
        now: Time,
    ) -> StoreResult<Option<Session>>;

    /// Gives the session of a browser a new proof, and a new hash of what the browser holds of it in
    /// the place of `presented`; that is activity at `now`. The session as it is then; `None`: there
    /// is none that `presented` is of.
    async fn raise_browser(
        &self,
        user_id: Uuid,
        sid: Uuid,
        presented: &SecretHash,
        proof: &Proof,
        browser: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<Session>>;

    /// Closes a session with its families. Says whether it was there.
    async fn close_session(&self, user_id: Uuid, sid: Uuid) -> StoreResult<bool>;

    /// Closes every session of a person but `except`; their names.
    async fn close_sessions(&self, user_id: Uuid, except: Option<Uuid>) -> StoreResult<Vec<Uuid>>;

    // ---- refresh families ---------------------------------------------------------------

    /// Adds a family to a session, as [`FamilyAdded`] tells; its token dies no later than that. Of one
    /// client a session has at most `keep` that live, and at least this one. A family was used last
    /// when its last token was spent, or when it was begun, as its name tells.
    async fn add_family(
        &self,
        user_id: Uuid,
        sid: Uuid,
        family: &NewFamily,
        keep: u32,
        now: Time,
    ) -> StoreResult<FamilyAdded>;

    /// Rotates a refresh token, as [`Rotated`] tells. A family whose live token has died is over,
    /// whatever is presented. Then the client is judged, then the live token, then the one spent
    /// last: that one may come again while less than `retry_window` has passed since it was first
    /// spent. Reuse is told and changes nothing. The successor dies `ttl` after
    /// `now`, but no later than the session.
    async fn rotate_refresh(&self, rotation: &Rotation, now: Time) -> StoreResult<Rotated>;

    /// The refresh token of this hash, family and session: the live one, or the one spent last. A family
    /// whose live token has died is over.
    async fn find_refresh(
        &self,
        user_id: Uuid,
        sid: Uuid,
        family_id: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<FoundRefresh>>;

    /// Every refresh family of a person whose live token lives in a session that does, by session
    /// and name.
    async fn list_families(&self, user_id: Uuid, now: Time) -> StoreResult<Vec<Family>>;

    /// Removes a family. Says whether it was there.
    async fn remove_family(&self, user_id: Uuid, sid: Uuid, family_id: Uuid) -> StoreResult<bool>;

    // ---- authorization requests and codes -------------------------------------------------

    /// Keeps an authorization request under the hash of what names it. What is done for it later is
    /// noted ([`note_in_flow`](Self::note_in_flow)), so that nobody writes over what somebody else
    /// noted.
    async fn keep_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        request: &AuthorizationRequest,
    ) -> StoreResult<()>;

    /// The authorization request of that name.
    async fn find_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>>;

    /// Notes what was done for a request that somebody is on the pages for, beside whatever was
    /// noted before or is at the same time: the request as it is then. `None`: there is none of that
    /// name; nothing changed.
    async fn note_in_flow(
        &self,
        hash: &SecretHash,
        done: Done,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>>;

    /// Takes it away. Exactly one caller gets it.
    async fn consume_request(
        &self,
        kind: RequestKind,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<AuthorizationRequest>>;

    /// Keeps a code, and notes in its session that its client takes part; that is activity at
    /// `code.issued_at`. `false`: there is no such session; nothing changed.
    async fn issue_code(&self, hash: &SecretHash, code: &Code) -> StoreResult<bool>;

    /// Redeems a code: exactly one caller does. That it was redeemed is remembered until
    /// `remembered_until`.
    async fn redeem_code(
        &self,
        hash: &SecretHash,
        remembered_until: Time,
        now: Time,
    ) -> StoreResult<Redeemed>;

    // ---- devices that ask to be let in ----------------------------------------------------

    /// Keeps the request of a device. `false`: its user code is another's at `created_at`; nothing
    /// changed.
    async fn begin_device(&self, device: &DeviceGrant) -> StoreResult<bool>;

    /// The request of that user code about which nothing was decided.
    async fn find_device(&self, user_code: &str, now: Time) -> StoreResult<Option<DeviceGrant>>;

    /// Notes what the person said, and where they said yes that the client takes part in their
    /// session; that is activity at `now`. Exactly one caller decides; `false`: it was decided before, or there is no such
    /// request or session.
    async fn decide_device(
        &self,
        user_code: &str,
        decision: &DeviceDecision,
        now: Time,
    ) -> StoreResult<bool>;

    /// Polls for the decision, as [`Polled`] tells. `interval` is that between two polls at first;
    /// each that comes too soon adds as much. An expired request is told from an unknown one for as
    /// long again as it lived.
    async fn poll_device(
        &self,
        hash: &SecretHash,
        client_id: &str,
        interval: Duration,
        now: Time,
    ) -> StoreResult<Polled>;

    // ---- what counts once -----------------------------------------------------------------

    /// Notes that what `key` names came, to be remembered until `until`. `issued_at`: when it was
    /// made, by the clock it is judged by: earlier by as much as its maker's clock may be ahead. Where
    /// that is before this store's memory began, it counts as come.
    async fn mark_once(
        &self,
        key: &SecretHash,
        issued_at: Time,
        until: Time,
        now: Time,
    ) -> StoreResult<Marked>;

    // ---- pending logins -----------------------------------------------------------------

    /// Keeps half a sign-in under the hash of its token.
    async fn begin_login(&self, hash: &SecretHash, login: &PendingLogin) -> StoreResult<()>;

    /// The half sign-in of that token.
    async fn find_login(&self, hash: &SecretHash, now: Time) -> StoreResult<Option<PendingLogin>>;

    /// Takes the half sign-in away. Exactly one caller gets it.
    async fn consume_login(
        &self,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<PendingLogin>>;

    // ---- one-time tokens ----------------------------------------------------------------

    /// Keeps a one-time token; one of the same purpose and owner goes.
    async fn put_one_time(&self, one_time: &OneTime) -> StoreResult<()>;

    /// The token of this purpose and owner, if it hashes to `hash`.
    async fn find_one_time(
        &self,
        purpose: Purpose,
        owner: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<OneTime>>;

    /// Takes that token away. Exactly one caller gets it.
    async fn consume_one_time(
        &self,
        purpose: Purpose,
        owner: Uuid,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<OneTime>>;

    // ---- requests sent again --------------------------------------------------------------

    /// Claims the request of this key until `claimed_until`, unless it was claimed or carried out
    /// before.
    async fn begin_request(
        &self,
        key: &SecretHash,
        claimed_until: Time,
        now: Time,
    ) -> StoreResult<Repeat>;

    /// Keeps the answer of a request that was carried out, until `expires_at`, in the place of a
    /// claim or an older answer.
    async fn finish_request(
        &self,
        key: &SecretHash,
        mark: &SecretHash,
        answer: &str,
        expires_at: Time,
    ) -> StoreResult<()>;

    /// Gives up the claim on a request that was not carried out. An answer stays.
    async fn drop_request(&self, key: &SecretHash) -> StoreResult<()>;

    // ---- throttles ----------------------------------------------------------------------

    /// Counts a try under `key`, if fewer than `limit` were counted within `window` before
    /// `now`. A sliding window: never more than `limit` in any span of that length. Keys are at
    /// most 128 bytes of ASCII without control characters.
    async fn count_try(
        &self,
        key: &str,
        limit: u32,
        window: Duration,
        now: Time,
    ) -> StoreResult<Budget>;

    /// Takes back the newest try counted under `key` at exactly `at`: it turned out not to be a
    /// guess.
    async fn forgive_try(&self, key: &str, at: Time) -> StoreResult<()>;

    // ---- edges ----------------------------------------------------------------------------

    /// Notes edges that follow the feed. Of one that is noted already, and follows at `now`, the higher
    /// number and the later end stay.
    async fn note_followers(&self, followers: &[Follower], now: Time) -> StoreResult<()>;

    /// The edges that follow the feed at `now`, by name.
    async fn list_followers(&self, now: Time) -> StoreResult<Vec<Follower>>;

    /// Whether the store answers.
    async fn check(&self) -> StoreResult<()>;
}
