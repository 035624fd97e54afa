//! The identity store on Postgres: one statement, or one transaction, is one act.
//!
//! What must be so is asked in the `WHERE` clause of the statement that changes it. Locks are
//! taken in one order in every act (an advisory lock, rows, the sessions that are ended, what waits
//! for that, the row of both sequences), and that last one always just before the commit.

mod act;
mod api_keys;
mod audit;
mod cells;
mod clients;
mod consents;
mod devices;
mod edges;
mod errands;
mod factors;
mod feed;
mod journal;
mod keys;
mod listen;
mod passkeys;
mod places;
mod schema;
mod server;
mod sites;
mod sweep;
mod tenants;
mod users;
mod warnings;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use jwks::{
    Time,
    api_key::KeyHolder,
    cutoff::{CutOff, CutOffKind},
    feed::{Entry, Snapshot},
    record::Refused,
    site::Site,
};
use refinery::Target;
use tokio::{sync::watch, task::AbortHandle};
use tokio_postgres::{NoTls, error::SqlState};
use uuid::Uuid;

use self::{cells::Cells, server::Server};
use super::{
    StoreError, StoreResult,
    identity::{
        AccountChange, AccountChanged, AddressChanged, ApiKeyMade, Backlog, ClientChanged,
        Confirmation, Confirmed, Consumed, Created, Denied, FactorChange, FactorEdit, Guess,
        IdentityStore, Joined, KeyAdded, NewAddress, NewPassword, NewPhone, PeopleWanted,
        ProfileChanged, Registered, SitePut, SiteWanted, Subject,
    },
};
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

/// How many connections one server holds at most.
const CONNECTIONS: usize = 16;
/// How long making a connection may take. Also how long an outage can outlive itself: whoever is
/// connecting when a silent server speaks again does not hear of it.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// How long an act may take, waiting for a connection included.
const ACT_LIMIT: Duration = Duration::from_millis(2500);

/// The identity store on Postgres.
pub struct Postgres {
    pool: Pool,
    server: Server,
    grown: watch::Sender<u64>,
    listener: AbortHandle,
}

/// What a Postgres server tells of itself.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// `server_version_num`: 150004 is 15.4.
    pub version: u32,
    /// Its clock.
    pub clock: Time,
}

impl Postgres {
    /// The store at `url` (`postgres://user:password@host:port/database?…`). Nothing is connected
    /// yet: a server that is away only makes the acts fail until it is back. To be called within
    /// a tokio runtime, on which a task follows the feed until the store is dropped.
    ///
    /// With `sslmode=require` (or `verify-full`, `verify-ca`) the connection is encrypted and the
    /// server's certificate and name are checked against the machine's certificates (or those
    /// that the environment variable `SSL_CERT_FILE` names); otherwise it is in the clear.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the URL cannot be read, or the machine has no certificates.
    pub fn new(url: &str) -> StoreResult<Arc<Self>> {
        let server = Server::new(url)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let config = server.config.clone();
        let manager = match server.tls.clone() {
            Some(tls) => Manager::from_config(config, tls, recycling),
            None => Manager::from_config(config, NoTls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CONNECT_LIMIT))
            .build()
            .map_err(broken)?;
        let grown = watch::Sender::new(0);
        let listener = tokio::spawn(listen::follow(server.clone(), grown.clone())).abort_handle();
        Ok(Arc::new(Self { pool, server, grown, listener }))
    }

    /// What the server tells of itself.
    ///
    /// # Errors
    /// [`StoreError`] as for any act.
    pub async fn facts(&self) -> StoreResult<Facts> {
        let row = self
            .act()
            .await?
            .row(
                "SELECT current_setting('server_version_num')::bigint AS version,
                        (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock",
                &[],
            )
            .await?
            .ok_or_else(|| broken("no answer"))?;
        let cells = Cells(&row);
        Ok(Facts { version: cells.count("version")?, clock: cells.time("clock")? })
    }

    /// Brings the schema to what this program knows. Several replicas may do so at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when Postgres is away; [`StoreError::Broken`] when the schema
    /// is newer than this program, or another one.
    pub async fn migrate(&self) -> StoreResult<()> {
        schema::migrate(&self.server, Target::Latest).await
    }

    /// Brings an empty database to the schema of version `version`, as an older program left it.
    #[cfg(test)]
    pub(in crate::store) async fn migrate_to(
        &self,
        version: refinery::SchemaVersion,
    ) -> StoreResult<()> {
        schema::migrate(&self.server, Target::Version(version)).await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn unavailable(cause: impl ToString) -> StoreError {
    StoreError::Unavailable { store: "identity", cause: cause.to_string() }
}

fn broken(cause: impl ToString) -> StoreError {
    StoreError::Broken { store: "identity", cause: cause.to_string() }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let passes = match error.code() {
            Some(code) => passes(code),
            None => {
                let cause = std::error::Error::source(&error);
                error.is_closed() || cause.is_some_and(|cause| cause.is::<std::io::Error>())
            }
        };
        let cause = explain(&error);
        if passes { unavailable(cause) } else { broken(cause) }
    }
}

/// Whether the same statement may succeed later. Classes of SQLSTATE (Postgres, appendix A).
fn passes(code: &SqlState) -> bool {
    // Connection lost, resources short, operator intervened (a timeout is one), lost to another
    // transaction; the server has become a standby.
    ["08", "53", "57", "40"].iter().any(|class| code.code().starts_with(class))
        || [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code)
}

/// The driver's own text hides what the server said.
fn explain(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[async_trait]
impl IdentityStore for Postgres {
    async fn register_user(&self, user: &User, event: &Event) -> StoreResult<Registered> {
        users::register(self, user, event).await
    }

    async fn create_user(
        &self,
        user: &User,
        factors: &[Factor],
        codes: &[BackupCode],
        first_admin: bool,
        event: &Event,
    ) -> StoreResult<Created> {
        users::create(self, user, factors, codes, first_admin, event).await
    }

    async fn find_user(&self, id: Uuid) -> StoreResult<Option<User>> {
        users::find(self, id).await
    }

    async fn find_user_by_login(&self, key: &str) -> StoreResult<Option<User>> {
        users::find_by_login(self, key).await
    }

    async fn list_users(
        &self,
        wanted: &PeopleWanted,
        skip: u64,
        limit: u32,
    ) -> StoreResult<Vec<User>> {
        users::list(self, wanted, skip, limit).await
    }

    async fn count_users(&self, wanted: &PeopleWanted) -> StoreResult<u64> {
        users::count(self, wanted).await
    }

    async fn change_account(
        &self,
        change: &AccountChange,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<AccountChanged> {
        users::change_account(self, change, cut_offs, now, event).await
    }

    async fn find_subject_and_ends(
        &self,
        id: Uuid,
        sid: Uuid,
        named: &[(CutOffKind, String)],
    ) -> StoreResult<Option<Subject>> {
        users::find_subject(self, id, sid, named).await
    }

    async fn activate_user(
        &self,
        id: Uuid,
        email_key: &str,
        password_changed_at: Option<Time>,
        now: Time,
        event: &Event,
    ) -> StoreResult<bool> {
        users::activate(self, id, email_key, password_changed_at, now, event).await
    }

    async fn change_password(
        &self,
        password: &NewPassword,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<bool> {
        users::change_password(self, password, cut_offs, now, event).await
    }

    async fn change_profile(
        &self,
        user: &User,
        expected: Time,
        now: Time,
        event: &Event,
    ) -> StoreResult<ProfileChanged> {
        users::change_profile(self, user, expected, now, event).await
    }

    async fn change_address(
        &self,
        new: &NewAddress,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<AddressChanged> {
        users::change_address(self, new, cut_offs, now, event).await
    }

    async fn change_phone(&self, new: &NewPhone, now: Time, event: &Event) -> StoreResult<bool> {
        users::change_phone(self, new, now, event).await
    }

    async fn renew_password_hash(&self, id: Uuid, old: &str, new: &str) -> StoreResult<bool> {
        users::renew_password_hash(self, id, old, new).await
    }

    async fn record_login(&self, id: Uuid, now: Time, event: &Event) -> StoreResult<()> {
        users::record_login(self, id, now, event).await
    }

    async fn has_admin(&self) -> StoreResult<bool> {
        users::has_admin(self).await
    }

    async fn count_admins_without_factor(&self) -> StoreResult<u64> {
        users::count_admins_without_factor(self).await
    }

    async fn list_factors(&self, user_id: Uuid) -> StoreResult<Vec<Factor>> {
        factors::list(self, user_id).await
    }

    async fn enrol_factors(
        &self,
        user_id: Uuid,
        factors: &[Factor],
        codes: &[BackupCode],
    ) -> StoreResult<()> {
        factors::enrol(self, user_id, factors, codes).await
    }

    async fn confirm_factor(
        &self,
        confirmation: &Confirmation,
        now: Time,
        event: &Event,
    ) -> StoreResult<Confirmed> {
        factors::confirm(self, confirmation, now, event).await
    }

    async fn forgive_guess(&self, id: Uuid, known: bool) -> StoreResult<()> {
        factors::forgive_guess(self, id, known).await
    }

    async fn count_guess(&self, id: Uuid, known: bool, limit: u32) -> StoreResult<Guess> {
        factors::count_guess(self, id, known, limit).await
    }

    async fn use_factor(&self, id: Uuid, now: Time) -> StoreResult<()> {
        factors::use_factor(self, id, now).await
    }

    async fn consume_totp_step(&self, id: Uuid, step: u64, now: Time) -> StoreResult<Consumed> {
        factors::consume_totp_step(self, id, step, now).await
    }

    async fn list_passkeys(&self, user_id: Uuid) -> StoreResult<Vec<Passkey>> {
        passkeys::list(self, user_id).await
    }

    async fn find_passkey(&self, credential_id: &[u8]) -> StoreResult<Option<Passkey>> {
        passkeys::find(self, credential_id).await
    }

    async fn use_passkey(
        &self,
        factor_id: Uuid,
        used: PasskeyUse,
        now: Time,
    ) -> StoreResult<Consumed> {
        passkeys::spend(self, factor_id, used, now).await
    }

    async fn find_backup_code(
        &self,
        factor_id: Uuid,
        prefix: &str,
    ) -> StoreResult<Option<BackupCode>> {
        factors::find_backup_code(self, factor_id, prefix).await
    }

    async fn consume_backup_code(
        &self,
        factor_id: Uuid,
        prefix: &str,
        now: Time,
    ) -> StoreResult<Consumed> {
        factors::consume_backup_code(self, factor_id, prefix, now).await
    }

    async fn change_factors(
        &self,
        change: &FactorChange,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<bool> {
        factors::change(self, change, cut_offs, now, event).await
    }

    async fn edit_factor(&self, edit: &FactorEdit, event: &Event) -> StoreResult<bool> {
        factors::edit(self, edit, event).await
    }

    async fn count_backup_codes(&self, factor_id: Uuid) -> StoreResult<u32> {
        factors::count_backup_codes(self, factor_id).await
    }

    async fn put_warning(&self, warning: &Warning) -> StoreResult<()> {
        warnings::put(self, warning).await
    }

    async fn find_warning(&self, id: Uuid, now: Time) -> StoreResult<Option<Warning>> {
        warnings::find(self, id, now).await
    }

    async fn has_lost_factor(&self, user_id: Uuid, now: Time) -> StoreResult<bool> {
        warnings::has_lost_factor(self, user_id, now).await
    }

    async fn deny(
        &self,
        denial: &Denial,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<Denied> {
        warnings::deny(self, denial, cut_offs, now, event).await
    }

    async fn note_place(&self, place: &Place, keep: u32, now: Time) -> StoreResult<bool> {
        places::note(self, place, keep, now).await
    }

    async fn trust_device(&self, device: &TrustedDevice, keep: u32) -> StoreResult<()> {
        devices::trust(self, device, keep).await
    }

    async fn find_device(&self, user_id: Uuid, id: Uuid) -> StoreResult<Option<TrustedDevice>> {
        devices::find(self, user_id, id).await
    }

    async fn touch_device(&self, user_id: Uuid, id: Uuid, now: Time) -> StoreResult<()> {
        devices::touch(self, user_id, id, now).await
    }

    async fn list_devices(&self, user_id: Uuid) -> StoreResult<Vec<TrustedDevice>> {
        devices::list(self, user_id).await
    }

    async fn remove_devices(
        &self,
        user_id: Uuid,
        ids: &[Uuid],
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<u64> {
        devices::remove(self, user_id, ids, cut_offs, event).await
    }

    async fn create_tenant(&self, tenant: &Tenant, event: &Event) -> StoreResult<bool> {
        tenants::create(self, tenant, event).await
    }

    async fn find_tenant(&self, id: &str) -> StoreResult<Option<Tenant>> {
        tenants::find(self, id).await
    }

    async fn list_tenants(&self) -> StoreResult<Vec<Tenant>> {
        tenants::list(self).await
    }

    async fn join_tenant(&self, membership: &Membership, event: &Event) -> StoreResult<Joined> {
        tenants::join(self, membership, event).await
    }

    async fn list_memberships(&self, user_id: Uuid) -> StoreResult<Vec<Membership>> {
        tenants::list_memberships(self, user_id).await
    }

    async fn create_client(&self, client: &Client, event: &Event) -> StoreResult<bool> {
        clients::create(self, client, event).await
    }

    async fn find_client(&self, client_id: &str) -> StoreResult<Option<Client>> {
        clients::find(self, client_id).await
    }

    async fn list_clients(&self, after: &str, limit: u32) -> StoreResult<Vec<Client>> {
        clients::list(self, after, limit).await
    }

    async fn count_clients(&self) -> StoreResult<u64> {
        clients::count(self).await
    }

    async fn replace_client(
        &self,
        client: &Client,
        expected: Time,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<ClientChanged> {
        clients::replace(self, client, expected, cut_offs, event).await
    }

    async fn remove_client(
        &self,
        client_id: &str,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<ClientChanged> {
        clients::remove(self, client_id, cut_offs, event).await
    }

    async fn create_initial_access(
        &self,
        access: &InitialAccess,
        event: &Event,
    ) -> StoreResult<()> {
        clients::create_initial_access(self, access, event).await
    }

    async fn find_initial_access(
        &self,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<InitialAccess>> {
        clients::find_initial_access(self, hash, now).await
    }

    async fn find_consent(&self, user_id: Uuid, client_id: &str) -> StoreResult<Option<Consent>> {
        consents::find(self, user_id, client_id).await
    }

    async fn grant_consent(&self, consent: &Consent, event: &Event) -> StoreResult<bool> {
        consents::grant(self, consent, event).await
    }

    async fn list_consents(&self, user_id: Uuid) -> StoreResult<Vec<Consent>> {
        consents::list(self, user_id).await
    }

    async fn withdraw_consent(
        &self,
        user_id: Uuid,
        client_id: &str,
        cut_offs: &[CutOff],
        told: &[Uuid],
        event: &Event,
    ) -> StoreResult<()> {
        consents::withdraw(self, user_id, client_id, cut_offs, told, event).await
    }

    async fn create_api_key(
        &self,
        key: &ApiKey,
        expected_epoch: u64,
        dead_until: Option<Time>,
        most: u32,
        event: &Event,
    ) -> StoreResult<ApiKeyMade> {
        api_keys::create(self, key, expected_epoch, dead_until, most, event).await
    }

    async fn find_api_key(&self, id: Uuid) -> StoreResult<Option<ApiKey>> {
        api_keys::find(self, id).await
    }

    async fn list_api_keys(&self, user_id: Uuid) -> StoreResult<Vec<ApiKey>> {
        api_keys::list(self, user_id).await
    }

    async fn page_api_keys(
        &self,
        owner: Option<Uuid>,
        after: Option<Uuid>,
        skip: u64,
        limit: u32,
    ) -> StoreResult<Vec<ApiKey>> {
        api_keys::page(self, owner, after, skip, limit).await
    }

    async fn count_api_keys(&self, owner: Option<Uuid>, after: Option<Uuid>) -> StoreResult<u64> {
        api_keys::count(self, owner, after).await
    }

    async fn revoke_api_key(
        &self,
        user_id: Uuid,
        id: Uuid,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<bool> {
        api_keys::revoke(self, user_id, id, cut_offs, event).await
    }

    async fn find_key_holder(&self, key: Uuid, now: Time) -> StoreResult<Option<KeyHolder>> {
        api_keys::holder_of(self, key, now).await
    }

    async fn note_key_uses(&self, uses: &[(Uuid, Time)]) -> StoreResult<()> {
        api_keys::note_uses(self, uses).await
    }

    async fn find_cut_offs(&self, named: &[(CutOffKind, String)]) -> StoreResult<Vec<CutOff>> {
        feed::find_cut_offs(self, named).await
    }

    async fn cut_off(&self, cut_offs: &[CutOff], event: &Event) -> StoreResult<()> {
        feed::cut_off(self, cut_offs, event).await
    }

    async fn append_event(&self, event: &Event) -> StoreResult<()> {
        audit::append(self, event).await
    }

    async fn list_audit(&self, after: u64, limit: u32) -> StoreResult<Vec<AuditRow>> {
        audit::list(self, after, limit).await
    }

    async fn list_audit_about(
        &self,
        user_id: Uuid,
        since: Time,
        after: Option<(Time, u64)>,
        limit: u32,
    ) -> StoreResult<Vec<AuditRow>> {
        audit::list_about(self, user_id, since, after, limit).await
    }

    async fn count_audit_about(&self, user_id: Uuid, since: Time, most: u32) -> StoreResult<u64> {
        audit::count_about(self, user_id, since, most).await
    }

    async fn put_site(&self, site: &Site, only_new: bool, event: &Event) -> StoreResult<SitePut> {
        let wanted = if only_new { SiteWanted::New } else { SiteWanted::Any };
        sites::put(self, site, wanted, event).await
    }

    async fn replace_site(&self, site: &Site, version: u64, event: &Event) -> StoreResult<SitePut> {
        sites::put(self, site, SiteWanted::InPlaceOf(version), event).await
    }

    async fn remove_site(&self, site_key: &str, version: u64, event: &Event) -> StoreResult<bool> {
        sites::remove(self, site_key, version, event).await
    }

    async fn find_site(&self, site_key: &str) -> StoreResult<Option<Site>> {
        sites::find(self, site_key).await
    }

    async fn list_sites(&self) -> StoreResult<Vec<Site>> {
        sites::list(&mut self.act().await?).await
    }

    async fn add_signing_key(
        &self,
        key: &KeyRow,
        expected: Option<&str>,
        predecessor_expires_at: Option<Time>,
        event: &Event,
    ) -> StoreResult<KeyAdded> {
        keys::add(self, key, expected, predecessor_expires_at, event).await
    }

    async fn list_signing_keys(&self, now: Time) -> StoreResult<Vec<KeyRow>> {
        keys::list(&mut self.act().await?, now).await
    }

    async fn queue_errand(&self, errand: &ErrandRow) -> StoreResult<()> {
        errands::queue(self, errand).await
    }

    async fn claim_errands(
        &self,
        now: Time,
        lease_end: Time,
        limit: u32,
    ) -> StoreResult<Vec<ErrandRow>> {
        errands::claim(self, now, lease_end, limit).await
    }

    async fn rewrite_errand(
        &self,
        id: Uuid,
        attempts: u32,
        sealed: &[u8],
        expires_at: Time,
    ) -> StoreResult<bool> {
        errands::rewrite(self, id, attempts, sealed, expires_at).await
    }

    async fn defer_errand(&self, id: Uuid, attempts: u32, due_at: Time) -> StoreResult<bool> {
        errands::defer(self, id, attempts, due_at).await
    }

    async fn finish_errand(&self, id: Uuid) -> StoreResult<()> {
        errands::finish(self, id).await
    }

    async fn errand_backlog(&self) -> StoreResult<Backlog> {
        errands::backlog(self).await
    }

    async fn create_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<bool> {
        edges::create(self, edge, event).await
    }

    async fn renew_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<()> {
        edges::renew(self, edge, event).await
    }

    async fn find_edge(&self, hash: &SecretHash) -> StoreResult<Option<EdgeRow>> {
        edges::find(self, hash).await
    }

    async fn remove_edge(&self, name: &str, event: &Event) -> StoreResult<bool> {
        edges::remove(self, name, event).await
    }

    async fn put_edge_key(&self, key: &EdgeKey) -> StoreResult<bool> {
        edges::put_key(self, key).await
    }

    async fn list_edge_keys(&self, since: Time) -> StoreResult<Vec<EdgeKey>> {
        edges::list_keys(self, since).await
    }

    async fn keep_refusals(
        &self,
        edge_id: Uuid,
        refused: &[Refused],
        since: Time,
    ) -> StoreResult<()> {
        edges::keep_refusals(self, edge_id, refused, since).await
    }

    async fn find_refusal(&self, id: &str, since: Time) -> StoreResult<Option<EdgeRefusal>> {
        edges::find_refusal(self, id, since).await
    }

    async fn snapshot(&self, issuer: &str, keys: u32, now: Time) -> StoreResult<Snapshot> {
        feed::snapshot(self, issuer, keys, now).await
    }

    async fn list_feed(&self, after: u64, limit: u32) -> StoreResult<Vec<Entry>> {
        feed::list(self, after, limit).await
    }

    async fn feed_head(&self) -> StoreResult<(String, u64)> {
        feed::head(&mut self.act().await?).await
    }

    fn feed_changes(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    async fn sweep(&self, now: Time) -> StoreResult<u64> {
        sweep::sweep(self, now).await
    }

    /// Asks for the head, so that a database without our schema does not count as an answer.
    async fn check(&self) -> StoreResult<()> {
        self.feed_head().await.map(drop)
    }
}
