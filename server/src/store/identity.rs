//! The contract of the identity store: whatever would give power back if it were lost.

mod acts;

use std::time::Duration;

use async_trait::async_trait;
use jwks::{
    Time,
    api_key::KeyHolder,
    cutoff::{CutOff, CutOffKind},
    feed::{Entry, Snapshot},
    record::Refused,
    site::Site,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::StoreResult;
use crate::domain::{
    api_key::ApiKey,
    audit::{AuditRow, Event},
    client::{Client, InitialAccess},
    consent::Consent,
    device::TrustedDevice,
    edge::{EdgeKey, EdgeRefusal, EdgeRow},
    errand::ErrandRow,
    factor::{BackupCode, Factor},
    key::KeyRow,
    passkey::{Passkey, PasskeyUse},
    place::Place,
    secret::SecretHash,
    tenant::{Membership, Tenant},
    user::User,
    warning::{Denial, Warning},
};

pub use acts::{
    AccountChange, AccountChanged, AddressChanged, ApiKeyMade, Backlog, ClientChanged,
    Confirmation, Confirmed, Consumed, Created, Denied, FactorChange, FactorEdit, Guess, Invited,
    Joined, KeyAdded, NewAddress, NewPassword, NewPhone, PeopleWanted, ProfileChanged, Registered,
    SitePut, SiteWanted, Subject,
};

/// How much longer an ending is kept than the access tokens it can kill live: as long as any
/// session may last (`tokens.session_ttl`), and a day. An ending is durable before its session is
/// closed; where that second act was cut short, the ending alone keeps the refresh tokens dead.
/// And a clock that jumped ahead and was put right again must not have brought the ended back.
pub const ENDINGS_KEPT: Duration = Duration::from_secs(367 * 24 * 60 * 60);
/// How long an entry of the feed is kept.
pub const FEED_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long an API key that expired is kept, so that its owner sees what became of it.
pub const EXPIRED_KEYS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How many keys of one edge are kept.
pub const EDGE_KEYS_KEPT: u32 = 8;
/// How many refusals of one edge are kept.
pub const REFUSALS_KEPT: u32 = 5000;
/// The most rows of a kind that one sweep takes.
pub const SWEPT_AT_ONCE: u32 = 1000;

/// Users, factors, sites, keys, errands, edges, endings, the feed and the audit log.
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

    /// These people, by id, newest first: at most `limit`, after the first `skip` of them.
    async fn list_users(
        &self,
        wanted: &PeopleWanted,
        skip: u64,
        limit: u32,
    ) -> StoreResult<Vec<User>>;

    /// How many they are.
    async fn count_users(&self, wanted: &PeopleWanted) -> StoreResult<u64>;

    /// Makes of an account at `now` what an admin says, if it is of the version `expected`, which is judged
    /// first: `name`, `roles`, `tenant_id`, `status`. A place in the tenant where they are at home then
    /// goes. `updated_at` is `now`, and a millisecond after `expected` at least. Nobody who may do what
    /// admins do loses that while nobody else may. Writes the endings with a feed entry for each, as
    /// [`Self::cut_off`].
    async fn change_account(
        &self,
        change: &AccountChange,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<AccountChanged>;

    /// The person of this id, and whether the session or everything of theirs was ended.
    async fn find_subject(&self, id: Uuid, sid: Uuid) -> StoreResult<Option<Subject>> {
        self.find_subject_and_ends(id, sid, &[]).await
    }

    /// As [`Self::find_subject`], and in the same read those of these other endings that were
    /// written, as [`Self::find_cut_offs`].
    async fn find_subject_and_ends(
        &self,
        id: Uuid,
        sid: Uuid,
        named: &[(CutOffKind, String)],
    ) -> StoreResult<Option<Subject>>;

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

    /// Sets a new password at `now`: hash, `password_changed_at`, `updated_at`, and the next
    /// `factor_epoch`. Writes the endings with a feed entry for each, as [`Self::cut_off`].
    /// `false`: what has to be so is not; nothing changed.
    async fn change_password(
        &self,
        password: &NewPassword,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<bool>;

    /// Replaces what somebody says of themselves: `username` with its key, `name`, `given_name`,
    /// `family_name`, `locale` and `claims` of `user`, if the row is of version `expected`
    /// (`updated_at`), which is judged before the user name. `updated_at` is `now`, and a millisecond
    /// after `expected` at least.
    async fn change_profile(
        &self,
        user: &User,
        expected: Time,
        now: Time,
        event: &Event,
    ) -> StoreResult<ProfileChanged>;

    /// Gives an active person another mail address, proved at `now`: `email`, `email_key`,
    /// `email_verified_at`, `updated_at`, and the next `factor_epoch`. Writes the endings with a feed
    /// entry for each, as [`Self::cut_off`].
    async fn change_address(
        &self,
        new: &NewAddress,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<AddressChanged>;

    /// Gives an active person another telephone number, proved at `now`, or none: `phone`,
    /// `phone_verified_at`, `updated_at`. `false`: what has to be so is not; nothing changed.
    async fn change_phone(&self, new: &NewPhone, now: Time, event: &Event) -> StoreResult<bool>;

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

    /// Every factor of a person, confirmed or not: the one that they prefer, then the others, oldest
    /// first.
    async fn list_factors(&self, user_id: Uuid) -> StoreResult<Vec<Factor>>;

    /// Adds unconfirmed factors with the backup codes that come with them. What the person had
    /// unconfirmed of the same methods goes, with its codes; where codes come with the new ones,
    /// everything that they had unconfirmed goes: one first set-up takes the place of another.
    async fn enrol_factors(
        &self,
        user_id: Uuid,
        factors: &[Factor],
        codes: &[BackupCode],
    ) -> StoreResult<()>;

    /// Confirms a factor, and spends the step of the code that was seen, or keeps its passkey: the
    /// factor was used at `now`, and its row of guesses ends. Where it replaces the others, they go
    /// first. Confirms with it (`confirmed_at` alone) the unconfirmed factor of
    /// [`jwks::policy::Method::BackupCode`] of theirs that was made at the same time, if no other
    /// factor counts yet, and raises `factor_epoch`, so that the person changed at `now`. Proves the
    /// person's number where the code did. Only while `factor_epoch` is the expected one, which is
    /// asked after [`Confirmed::Gone`] and [`Confirmed::Already`], and before [`Confirmed::Taken`].
    /// Writes the endings with a feed entry for each, as [`Self::cut_off`].
    async fn confirm_factor(
        &self,
        confirmation: &Confirmation,
        now: Time,
        event: &Event,
    ) -> StoreResult<Confirmed>;

    /// Counts a guess at factor `id` before it is judged, up to `limit` in a row. Those from
    /// devices that are `known` are a row of their own. A right code ends both.
    async fn count_guess(&self, id: Uuid, known: bool, limit: u32) -> StoreResult<Guess>;

    /// Takes back one guess at factor `id` that was counted so: it was a code of another one.
    async fn forgive_guess(&self, id: Uuid, known: bool) -> StoreResult<()>;

    /// Notes that factor `id` was proved at `now`, by a code that is kept elsewhere: ends the row
    /// of guesses.
    async fn use_factor(&self, id: Uuid, now: Time) -> StoreResult<()>;

    /// Spends `step` and every older one of factor `id`, used at `now`, and ends the row of
    /// guesses. Replayed: that step, or a newer one, was spent before.
    async fn consume_totp_step(&self, id: Uuid, step: u64, now: Time) -> StoreResult<Consumed>;

    /// Every passkey of a person, by the age of its factor, oldest first.
    async fn list_passkeys(&self, user_id: Uuid) -> StoreResult<Vec<Passkey>>;

    /// The passkey that its authenticator calls so.
    async fn find_passkey(&self, credential_id: &[u8]) -> StoreResult<Option<Passkey>>;

    /// Notes that the passkey of factor `factor_id` was used at `now`, and what it said; that ends
    /// the row of guesses. Its counter goes up, or is 0 and stays it. Replayed: it would not; nothing
    /// changed.
    async fn use_passkey(
        &self,
        factor_id: Uuid,
        used: PasskeyUse,
        now: Time,
    ) -> StoreResult<Consumed>;

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

    /// Changes a person's factors at `now` (`updated_at`) and raises `factor_epoch`. Writes the
    /// endings with a feed entry for each, as [`Self::cut_off`]. `false`: the epoch is another
    /// one, or a factor to be removed is not there; nothing changed.
    async fn change_factors(
        &self,
        change: &FactorChange,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<bool>;

    /// Renames a confirmed factor, or has the person begin with it. `false`: no such factor; nothing
    /// changed.
    async fn edit_factor(&self, edit: &FactorEdit, event: &Event) -> StoreResult<bool>;

    /// How many codes of backup-code factor `factor_id` are unused.
    async fn count_backup_codes(&self, factor_id: Uuid) -> StoreResult<u32>;

    // ---- what people were told, and where they sign in --------------------------------------

    /// Keeps a warning.
    async fn put_warning(&self, warning: &Warning) -> StoreResult<()>;

    /// The warning of this id, used or not, as long as it is not over at `now`.
    async fn find_warning(&self, id: Uuid, now: Time) -> StoreResult<Option<Warning>>;

    /// Whether a warning to this person, used or not and not over at `now`, tells of the loss of a
    /// factor that they had for long.
    async fn has_lost_factor(&self, user_id: Uuid, now: Time) -> StoreResult<bool>;

    /// Does at `now` (`updated_at`) what the denial says: the status; the restored address, proved
    /// now, in the place of the pending account that gives way; no number that was proved too late; no
    /// factors of those to be removed that are there still, no trusted device, no place; and the next
    /// `factor_epoch`. Where an address was restored, what the person was told elsewhere since the
    /// warning is gone. Writes the endings with a feed entry for each, as [`Self::cut_off`].
    async fn deny(
        &self,
        denial: &Denial,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<Denied>;

    /// Notes that somebody signed in from a place at `now`; whether they had not before. While they
    /// have more than `keep`, the other one used longest ago is forgotten.
    async fn note_place(&self, place: &Place, keep: u32, now: Time) -> StoreResult<bool>;

    // ---- trusted devices ----------------------------------------------------------------

    /// Adds a trusted device. What the person has of devices that expired at `device.created_at`
    /// or are of another `factor_epoch` goes, and so does, while there are more than `keep` with
    /// this one, the other one used longest ago.
    async fn trust_device(&self, device: &TrustedDevice, keep: u32) -> StoreResult<()>;

    /// That device of the person, of whatever epoch and expired or not.
    async fn find_device(&self, user_id: Uuid, id: Uuid) -> StoreResult<Option<TrustedDevice>>;

    /// Notes that a device was used at `now`.
    async fn touch_device(&self, user_id: Uuid, id: Uuid, now: Time) -> StoreResult<()>;

    /// Every device of the person, last used first.
    async fn list_devices(&self, user_id: Uuid) -> StoreResult<Vec<TrustedDevice>>;

    /// Removes the devices of these ids that are the person's; how many. The endings are of what
    /// rests on them. The event is written if any device was there, or there are endings.
    async fn remove_devices(
        &self,
        user_id: Uuid,
        ids: &[Uuid],
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<u64>;

    // ---- tenants ------------------------------------------------------------------------

    /// Makes a tenant. `false`: the id is taken.
    async fn create_tenant(&self, tenant: &Tenant, event: &Event) -> StoreResult<bool>;

    /// The tenant of this id.
    async fn find_tenant(&self, id: &str) -> StoreResult<Option<Tenant>>;

    /// Every tenant, by id.
    async fn list_tenants(&self) -> StoreResult<Vec<Tenant>>;

    /// Makes a person a member of a tenant that is not their own, with these roles.
    async fn join_tenant(&self, membership: &Membership, event: &Event) -> StoreResult<Joined>;

    /// The tenants a person was invited into besides their own, by tenant.
    async fn list_memberships(&self, user_id: Uuid) -> StoreResult<Vec<Membership>>;

    // ---- clients and consents -----------------------------------------------------------

    /// Registers a client. `false`: the `client_id` is, or was once, another's; nothing changed.
    async fn create_client(&self, client: &Client, event: &Event) -> StoreResult<bool>;

    /// The client of this id.
    async fn find_client(&self, client_id: &str) -> StoreResult<Option<Client>>;

    /// Clients whose id comes after `after` ("" for the first), by id, at most `limit`.
    async fn list_clients(&self, after: &str, limit: u32) -> StoreResult<Vec<Client>>;

    /// How many clients there are.
    async fn count_clients(&self) -> StoreResult<u64>;

    /// Puts `client` in the place of the one of its id, if that is of version `expected`
    /// (`updated_at`). `created_at` stays, and `updated_at` is a millisecond after `expected` at
    /// least, so that two changes of one instant are two versions. Where `cut_offs` are given they are written as
    /// [`Self::cut_off`] does. Wakes [`Self::feed_changes`] here and at every other server, so that
    /// nobody goes by an older version for long.
    async fn replace_client(
        &self,
        client: &Client,
        expected: Time,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<ClientChanged>;

    /// Removes a client with its consents, and writes the endings, as [`Self::replace_client`]. Its
    /// id is never given again.
    async fn remove_client(
        &self,
        client_id: &str,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<ClientChanged>;

    /// Keeps a token with which clients register themselves.
    async fn create_initial_access(&self, access: &InitialAccess, event: &Event)
    -> StoreResult<()>;

    /// The one of this hash that is alive at `now`.
    async fn find_initial_access(
        &self,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<InitialAccess>>;

    /// What this person allowed this client.
    async fn find_consent(&self, user_id: Uuid, client_id: &str) -> StoreResult<Option<Consent>>;

    /// Remembers a consent: its scopes, claims and resources are added to those that were given
    /// before, `created_at` stays, `granted_at` is the later one. `false`: no such person or
    /// client; nothing changed.
    async fn grant_consent(&self, consent: &Consent, event: &Event) -> StoreResult<bool>;

    /// What this person allowed clients, by client.
    async fn list_consents(&self, user_id: Uuid) -> StoreResult<Vec<Consent>>;

    /// Forgets what this person allowed this client, if it was anything, and writes the endings, as
    /// [`Self::cut_off`]. Those of the errands `told` that wait are due at the event's `at`, as if
    /// the session that each waits for had ended.
    async fn withdraw_consent(
        &self,
        user_id: Uuid,
        client_id: &str,
        cut_offs: &[CutOff],
        told: &[Uuid],
        event: &Event,
    ) -> StoreResult<()>;

    // ---- API keys -----------------------------------------------------------------------

    /// Makes an API key of a person who is active and whose `factor_epoch` is `expected_epoch`,
    /// which is asked first, unless they have `most` already. What they have of keys that expired at
    /// `key.created_at`, or were made until `dead_until`, goes with that and does not count.
    async fn create_api_key(
        &self,
        key: &ApiKey,
        expected_epoch: u64,
        dead_until: Option<Time>,
        most: u32,
        event: &Event,
    ) -> StoreResult<ApiKeyMade>;

    /// The key of this id, expired or not.
    async fn find_api_key(&self, id: Uuid) -> StoreResult<Option<ApiKey>>;

    /// Every key of a person, expired or not, newest first.
    async fn list_api_keys(&self, user_id: Uuid) -> StoreResult<Vec<ApiKey>>;

    /// Keys of this person, or of everybody, expired or not, by id, newest first: those that come after
    /// `after`, where it is given; at most `limit`, after the first `skip` of them.
    async fn page_api_keys(
        &self,
        owner: Option<Uuid>,
        after: Option<Uuid>,
        skip: u64,
        limit: u32,
    ) -> StoreResult<Vec<ApiKey>>;

    /// How many they are.
    async fn count_api_keys(&self, owner: Option<Uuid>, after: Option<Uuid>) -> StoreResult<u64>;

    /// Removes the key of this id if it is the person's, and writes the endings, as
    /// [`Self::cut_off`]. The feed then says what keys the person has left. `false`: it is none of theirs; nothing changed.
    async fn revoke_api_key(
        &self,
        user_id: Uuid,
        id: Uuid,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<bool>;

    /// The person whose key this is, with all of theirs that are good at `now`.
    async fn find_key_holder(&self, key: Uuid, now: Time) -> StoreResult<Option<KeyHolder>>;
    /// Notes when these keys were used; never earlier than noted before. Those that are gone are
    /// passed over.
    async fn note_key_uses(&self, uses: &[(Uuid, Time)]) -> StoreResult<()>;

    // ---- endings and the log ------------------------------------------------------------

    /// Those of these endings that were written, in the order they are named.
    async fn find_cut_offs(&self, named: &[(CutOffKind, String)]) -> StoreResult<Vec<CutOff>>;

    /// Writes endings, a feed entry for each, and the event. The errands that wait for the end of
    /// a session that is ended here (or by any other act that writes endings) are due at the
    /// event's `at` and wait no more. An ending of the same kind and id
    /// takes the later `at` and `until`, and the feed entry says so. Every feed entry, of this
    /// act and of others, is of the event's `at`.
    async fn cut_off(&self, cut_offs: &[CutOff], event: &Event) -> StoreResult<()>;

    /// Writes an event that changes nothing else.
    async fn append_event(&self, event: &Event) -> StoreResult<()>;

    /// Rows of the log after `seq`, in order, at most `limit`.
    async fn list_audit(&self, after: u64, limit: u32) -> StoreResult<Vec<AuditRow>>;

    /// Rows of the log about this person (`user_id`) of `since` or later, newest first, at most
    /// `limit`: those that come after `after` (when that row's event was, and its place), where it is
    /// given.
    async fn list_audit_about(
        &self,
        user_id: Uuid,
        since: Time,
        after: Option<(Time, u64)>,
        limit: u32,
    ) -> StoreResult<Vec<AuditRow>>;

    /// How many such rows there are; counted up to `most`.
    async fn count_audit_about(&self, user_id: Uuid, since: Time, most: u32) -> StoreResult<u64>;

    // ---- sites --------------------------------------------------------------------------

    /// Stores a site with the version after the stored one (1 for a new one; `site.version` is
    /// not looked at), its feed entry and the event. `only_new`: only if the key is free.
    async fn put_site(&self, site: &Site, only_new: bool, event: &Event) -> StoreResult<SitePut>;

    /// Stores a site in the place of the one of its key, if that has this version.
    async fn replace_site(&self, site: &Site, version: u64, event: &Event) -> StoreResult<SitePut>;

    /// Removes a site that has this version, with its feed entry and the event. `false`: there is none.
    async fn remove_site(&self, site_key: &str, version: u64, event: &Event) -> StoreResult<bool>;

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

    // ---- errands ------------------------------------------------------------------------

    /// Keeps an errand until it is finished. One of the same id that is kept already stays as it
    /// is: the same errand was queued before. One that waits for the end of a session that has
    /// ended is due at once.
    async fn queue_errand(&self, errand: &ErrandRow) -> StoreResult<()>;

    /// Claims errands that are due at `now`, those due longest first, at most `limit`: each counts
    /// one more attempt, waits for no session any more, and is due again at `lease_end` unless it
    /// is finished or deferred by then. As they stand afterwards, in the order in which they were queued. Of any number of
    /// callers, one gets an errand.
    async fn claim_errands(
        &self,
        now: Time,
        lease_end: Time,
        limit: u32,
    ) -> StoreResult<Vec<ErrandRow>>;

    /// Puts other content, with an end of its own, into the errand whose claim is `attempts`.
    /// `false`: it was claimed again since, or is gone; nothing changed.
    async fn rewrite_errand(
        &self,
        id: Uuid,
        attempts: u32,
        sealed: &[u8],
        expires_at: Time,
    ) -> StoreResult<bool>;

    /// Gives up the claim `attempts`: the errand is due at `due_at`. `false`: it was claimed again
    /// since, or is gone; nothing changed.
    async fn defer_errand(&self, id: Uuid, attempts: u32, due_at: Time) -> StoreResult<bool>;

    /// Removes an errand, whoever holds it: it is done, or given up.
    async fn finish_errand(&self, id: Uuid) -> StoreResult<()>;

    /// What waits.
    async fn errand_backlog(&self) -> StoreResult<Backlog>;

    // ---- edges and the feed -------------------------------------------------------------

    /// Registers an edge. `false`: the name is taken.
    async fn create_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<bool>;

    /// Replaces the credential (`hash` alone) of the edge of this name, which loses its keys, or registers
    /// it.
    async fn renew_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<()>;

    /// The edge whose credential hashes to `hash`.
    async fn find_edge(&self, hash: &SecretHash) -> StoreResult<Option<EdgeRow>>;

    /// Removes the edge of this name, with its keys and what it refused. `false`: there is none.
    async fn remove_edge(&self, name: &str, event: &Event) -> StoreResult<bool>;

    /// Keeps a key of an edge, or notes that the edge still has it. `false`: another edge has one of this
    /// `kid`; nothing changed. Of the keys of one edge the
    /// [`EDGE_KEYS_KEPT`] told of last are kept.
    async fn put_edge_key(&self, key: &EdgeKey) -> StoreResult<bool>;

    /// The keys of all edges that were told of after `since`, by edge and name.
    async fn list_edge_keys(&self, since: Time) -> StoreResult<Vec<EdgeKey>>;

    /// Keeps what an edge refused, each under its id; one that is there already stays. Forgets what the
    /// edge refused at or before `since`, and beyond [`REFUSALS_KEPT`] the oldest, anonymous ones
    /// first.
    async fn keep_refusals(
        &self,
        edge_id: Uuid,
        refused: &[Refused],
        since: Time,
    ) -> StoreResult<()>;

    /// What was refused under this id after `since`.
    async fn find_refusal(&self, id: &str, since: Time) -> StoreResult<Option<EdgeRefusal>>;

    /// Everything an edge must know, as of one sequence number: keys not expired at `now`, sites,
    /// endings whose `until` lies after `now`, or no further back than
    /// [`CutOff::KEPT_BEYOND`], and at most so many API keys. `issuer` is put in as given.
    async fn snapshot(&self, issuer: &str, keys: u32, now: Time) -> StoreResult<Snapshot>;

    /// Entries of the feed after `seq`, in order, at most `limit`. Numbers become visible in
    /// order: who has seen `n` will never find a new entry below it.
    async fn list_feed(&self, after: u64, limit: u32) -> StoreResult<Vec<Entry>>;

    /// The epoch of the feed and its newest sequence number (0: none).
    async fn feed_head(&self) -> StoreResult<(String, u64)>;

    /// A value that changes whenever the feed may have grown or a client was changed, whoever did
    /// it.
    fn feed_changes(&self) -> watch::Receiver<u64>;

    /// Forgets what nobody can ask for any more at `now`: endings whose `until` lies as far back
    /// as [`ENDINGS_KEPT`], and the oldest feed entries, up to the first that is younger than
    /// [`FEED_KEPT`], but never the newest, initial access tokens and warnings that are over, and API
    /// keys that have been for [`EXPIRED_KEYS_KEPT`]. At most [`SWEPT_AT_ONCE`] rows of a kind, so that
    /// no act waits long behind it; how many rows went. Who comes to the feed from further back than
    /// its oldest entry takes a snapshot.
    async fn sweep(&self, now: Time) -> StoreResult<u64>;

    /// Whether the store answers.
    async fn check(&self) -> StoreResult<()>;
}
