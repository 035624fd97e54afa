//! The contract of the identity store: whatever would give power back if it were lost.

use async_trait::async_trait;
use jwks::{
    Time,
    cutoff::CutOff,
    feed::{Entry, Snapshot},
    site::Site,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::StoreResult;
use crate::domain::{
    audit::{AuditRow, Event},
    edge::EdgeRow,
    factor::{BackupCode, Factor},
    key::KeyRow,
    secret::SecretHash,
    user::User,
};

/// How a registration went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// A new, pending account.
    Created,
    /// The address had a pending account that somebody registered (with a password, without roles): its password (`password_hash`, `password_changed_at`),
    /// names (`email` as written, `name`, `given_name`, `family_name`) and times (`created_at`,
    /// `updated_at`) were replaced by the newer ones, and nothing else was. Carries the id it has
    /// had all along.
    Renewed(Uuid),
    /// The address belongs to somebody.
    Taken(Uuid),
}

/// How making an account went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It exists now.
    Created,
    /// The address belongs to somebody.
    AddressTaken,
    /// The user name belongs to somebody.
    UsernameTaken,
    /// Only for the first admin: there is one already.
    AdminExists,
}

/// How a confirmation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The factor counts now, and so do the backup codes that came with it.
    Confirmed,
    /// It has been confirmed before.
    Already,
    /// No such factor.
    Gone,
}

/// How the consumption of a one-time code went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// This call consumed it.
    Consumed,
    /// Another one had.
    Replayed,
    /// No such factor or code.
    Gone,
}

/// How counting a guess went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Counted: this many in a row, this one included.
    Counted(u32),
    /// As many in a row as are allowed; not counted, and not to be judged.
    Locked,
    /// No such factor.
    Gone,
}

/// How putting a site went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SitePut {
    /// Stored, with this version.
    Stored(u64),
    /// Nothing differs but the version; nothing was written.
    Unchanged(u64),
    /// A site of this key exists, and a new one was asked for.
    Exists,
    /// Another site answers to this host.
    HostTaken,
}

/// How adding a signing key went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAdded {
    /// It is published.
    Added,
    /// The newest key of that algorithm is not the expected one: somebody else was faster.
    Raced,
}

/// Everything about a person that a bearer or a refresh is judged by, in one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The person as they are now.
    pub user: User,
    /// The ending of this session, if it was ended.
    pub session_cut_off: Option<CutOff>,
    /// The newest ending of everything of this person, if any.
    pub user_cut_off: Option<CutOff>,
}

/// Users, factors, sites, keys, edges, endings, the feed and the audit log.
///
/// Whatever changes identity takes its audit event and its feed entry and writes all together.
/// Every act that writes with an event of an id that is already in the log succeeds without
/// adding a second row.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    // ---- people -------------------------------------------------------------------------

    /// Registers `user` (status pending), whose address nobody has proved.
    ///
    /// The event is written for `Created` and `Renewed`, with `user_id` set to the account's.
    async fn register_user(&self, user: &User, event: &Event) -> StoreResult<Registered>;

    /// Makes an account as it stands, with factors and backup codes (all as given, confirmed or
    /// not). `first_admin`: only if no account holds the admin role; judged before the address,
    /// which is judged before the user name.
    async fn create_user(
        &self,
        user: &User,
        factors: &[Factor],
        codes: &[BackupCode],
        first_admin: bool,
        event: &Event,
    ) -> StoreResult<Created>;

    /// The person of this id.
    async fn find_user(&self, id: Uuid) -> StoreResult<Option<User>>;

    /// The person whose `email_key` is `key`, else whose `username_key` is.
    async fn find_user_by_login(&self, key: &str) -> StoreResult<Option<User>>;

    /// The person of this id, and whether the session or everything of theirs was ended.
    async fn find_subject(&self, id: Uuid, sid: Uuid) -> StoreResult<Option<Subject>>;

    /// Marks the address proved and a pending account active (and so changed at `now`), if its
    /// `email_key` and `password_changed_at` are still these. `false`: they are not, or the account is not
    /// pending; nothing changed.
    async fn activate_user(
        &self,
        id: Uuid,
        email_key: &str,
        password_changed_at: Option<Time>,
        now: Time,
        event: &Event,
    ) -> StoreResult<bool>;

    /// Replaces a password hash by one of the same password with newer parameters. `false`: the
    /// stored one is not `old` any more; nothing changed.
    async fn renew_password_hash(&self, id: Uuid, old: &str, new: &str) -> StoreResult<bool>;

    /// Notes a successful sign-in (`last_login_at`), with its event.
    async fn record_login(&self, id: Uuid, now: Time, event: &Event) -> StoreResult<()>;

    /// Whether any account that is active or pending holds the admin role.
    async fn has_admin(&self) -> StoreResult<bool>;

    /// How many accounts that are active or pending hold the admin role without a confirmed
    /// factor.
    async fn count_admins_without_factor(&self) -> StoreResult<u64>;

    // ---- factors ------------------------------------------------------------------------

    /// Every factor of a person, confirmed or not, oldest first.
    async fn list_factors(&self, user_id: Uuid) -> StoreResult<Vec<Factor>>;

    /// Adds unconfirmed factors with the backup codes that come with them. What the person had
    /// unconfirmed of the same methods goes, with its codes.
    async fn enrol_factors(
        &self,
        user_id: Uuid,
        factors: &[Factor],
        codes: &[BackupCode],
    ) -> StoreResult<()>;

    /// Confirms factor `id` of the person, having seen its code of `step`, which is spent by that:
    /// the factor was used at `now`, and its row of guesses ends. Confirms an unconfirmed factor
    /// of [`jwks::policy::Method::BackupCode`] of theirs with it (`confirmed_at` alone), and
    /// raises `factor_epoch`, so that the person changed at `now`. `name` replaces the factor's
    /// name where given.
    async fn confirm_factor(
        &self,
        user_id: Uuid,
        id: Uuid,
        name: Option<&str>,
        step: Option<u64>,
        now: Time,
        event: &Event,
    ) -> StoreResult<Confirmed>;

    /// Counts a guess at factor `id` before it is judged, up to `limit` in a row.
    async fn count_guess(&self, id: Uuid, limit: u32) -> StoreResult<Guess>;

    /// Takes back one counted guess at factor `id`: it was a code of another one.
    async fn forgive_guess(&self, id: Uuid) -> StoreResult<()>;

    /// Spends `step` and every older one of factor `id`, used at `now`, and ends the row of
    /// guesses. Replayed: that step, or a newer one, was spent before.
    async fn consume_totp_step(&self, id: Uuid, step: u64, now: Time) -> StoreResult<Consumed>;

    /// The code of `prefix` of backup-code factor `factor_id`, used or not.
    async fn find_backup_code(
        &self,
        factor_id: Uuid,
        prefix: &str,
    ) -> StoreResult<Option<BackupCode>>;

    /// Spends that code, and ends the row of guesses at its factor, used at `now`.
    async fn consume_backup_code(
        &self,
        factor_id: Uuid,
        prefix: &str,
        now: Time,
    ) -> StoreResult<Consumed>;

    // ---- endings and the log ------------------------------------------------------------

    /// Writes endings, a feed entry for each, and the event. An ending of the same kind and id
    /// takes the later `at` and `until`, and the feed entry says so. Every feed entry, of this
    /// act and of others, is of the event's `at`.
    async fn cut_off(&self, cut_offs: &[CutOff], event: &Event) -> StoreResult<()>;

    /// Writes an event that changes nothing else.
    async fn append_event(&self, event: &Event) -> StoreResult<()>;

    /// Rows of the log after `seq`, in order, at most `limit`.
    async fn list_audit(&self, after: u64, limit: u32) -> StoreResult<Vec<AuditRow>>;

    // ---- sites --------------------------------------------------------------------------

    /// Stores a site with the version after the stored one (1 for a new one; `site.version` is
    /// not looked at), its feed entry and the event. `only_new`: only if the key is free.
    async fn put_site(&self, site: &Site, only_new: bool, event: &Event) -> StoreResult<SitePut>;

    /// Removes a site, with its feed entry and the event. `false`: no such site.
    async fn remove_site(&self, site_key: &str, event: &Event) -> StoreResult<bool>;

    /// The site of this key.
    async fn find_site(&self, site_key: &str) -> StoreResult<Option<Site>>;

    /// Every site, by key.
    async fn list_sites(&self) -> StoreResult<Vec<Site>>;

    // ---- keys ---------------------------------------------------------------------------

    /// Publishes a signing key, if the newest key of its algorithm is `expected` (`None`: there
    /// is none). Sets `expires_at` of that predecessor to `predecessor_expires_at`, and writes a
    /// feed entry with the set of keys that are not expired at `key.published_at`, and the event.
    async fn add_signing_key(
        &self,
        key: &KeyRow,
        expected: Option<&str>,
        predecessor_expires_at: Option<Time>,
        event: &Event,
    ) -> StoreResult<KeyAdded>;

    /// Every signing key that is not expired at `now`, oldest first.
    async fn list_signing_keys(&self, now: Time) -> StoreResult<Vec<KeyRow>>;

    // ---- edges and the feed -------------------------------------------------------------

    /// Registers an edge. `false`: the name is taken.
    async fn create_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<bool>;

    /// Replaces the credential (`hash` alone) of the edge of this name, or registers it.
    async fn renew_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<()>;

    /// The edge whose credential hashes to `hash`.
    async fn find_edge(&self, hash: &SecretHash) -> StoreResult<Option<EdgeRow>>;

    /// Everything an edge must know, as of one sequence number: keys not expired at `now`, sites,
    /// endings whose `until` lies after `now`. `issuer` is put in as given.
    async fn snapshot(&self, issuer: &str, now: Time) -> StoreResult<Snapshot>;

    /// Entries of the feed after `seq`, in order, at most `limit`. Numbers become visible in
    /// order: who has seen `n` will never find a new entry below it.
    async fn list_feed(&self, after: u64, limit: u32) -> StoreResult<Vec<Entry>>;

    /// The epoch of the feed and its newest sequence number (0: none).
    async fn feed_head(&self) -> StoreResult<(String, u64)>;

    /// A value that changes whenever the feed may have grown, whoever wrote to it.
    fn feed_changes(&self) -> watch::Receiver<u64>;

    /// Whether the store answers.
    async fn check(&self) -> StoreResult<()>;
}
