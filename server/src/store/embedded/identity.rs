//! The identity store, act by act.

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

use super::{
    Embedded, IDENTITY, api_keys, audit, clients, consents, cut_offs, devices, edges, errands,
    factors, feed, keys, passkeys, places, sites, sweep, tenants, users, warnings,
};
use crate::{
    domain::{
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
    },
    store::{
        StoreResult,
        identity::{
            AccountChange, AccountChanged, AddressChanged, ApiKeyMade, Backlog, ClientChanged,
            Confirmation, Confirmed, Consumed, Created, Denied, FactorChange, FactorEdit, Guess,
            IdentityStore, Joined, KeyAdded, NewAddress, NewPassword, NewPhone, PeopleWanted,
            ProfileChanged, Registered, SitePut, SiteWanted, Subject,
        },
    },
};

#[async_trait]
impl IdentityStore for Embedded {
    async fn register_user(&self, user: &User, event: &Event) -> StoreResult<Registered> {
        let (user, event) = (user.clone(), event.clone());
        self.change(move |tx| users::register(tx, &user, &event)).await
    }

    async fn create_user(
        &self,
        user: &User,
        factors: &[Factor],
        codes: &[BackupCode],
        first_admin: bool,
        event: &Event,
    ) -> StoreResult<Created> {
        let (user, event) = (user.clone(), event.clone());
        let (factors, codes) = (factors.to_vec(), codes.to_vec());
        self.change(move |tx| users::create(tx, &user, &factors, &codes, first_admin, &event)).await
    }

    async fn find_user(&self, id: Uuid) -> StoreResult<Option<User>> {
        self.find(IDENTITY, |connection| users::find(connection, id))
    }

    async fn find_user_by_login(&self, key: &str) -> StoreResult<Option<User>> {
        self.find(IDENTITY, |connection| users::find_by_login(connection, key))
    }

    async fn list_users(
        &self,
        wanted: &PeopleWanted,
        skip: u64,
        limit: u32,
    ) -> StoreResult<Vec<User>> {
        let wanted = wanted.clone();
        self.list(IDENTITY, move |connection| users::list(connection, &wanted, skip, limit)).await
    }

    async fn count_users(&self, wanted: &PeopleWanted) -> StoreResult<u64> {
        let wanted = wanted.clone();
        self.list(IDENTITY, move |connection| users::count(connection, &wanted)).await
    }

    async fn change_account(
        &self,
        change: &AccountChange,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<AccountChanged> {
        let (change, cut_offs, event) = (change.clone(), cut_offs.to_vec(), event.clone());
        self.change(move |tx| users::change_account(tx, &change, &cut_offs, now, &event)).await
    }

    async fn find_subject_and_ends(
        &self,
        id: Uuid,
        sid: Uuid,
        named: &[(CutOffKind, String)],
    ) -> StoreResult<Option<Subject>> {
        self.find(IDENTITY, |connection| users::find_subject(connection, id, sid, named))
    }

    async fn activate_user(
        &self,
        id: Uuid,
        email_key: &str,
        password_changed_at: Option<Time>,
        now: Time,
        event: &Event,
    ) -> StoreResult<bool> {
        let (email_key, event) = (email_key.to_owned(), event.clone());
        self.change(move |tx| users::activate(tx, id, &email_key, password_changed_at, now, &event))
            .await
    }

    async fn change_password(
        &self,
        password: &NewPassword,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<bool> {
        let (password, cut_offs, event) = (password.clone(), cut_offs.to_vec(), event.clone());
        self.change(move |tx| users::change_password(tx, &password, &cut_offs, now, &event)).await
    }

    async fn change_profile(
        &self,
        user: &User,
        expected: Time,
        now: Time,
        event: &Event,
    ) -> StoreResult<ProfileChanged> {
        let (user, event) = (user.clone(), event.clone());
        self.change(move |tx| users::change_profile(tx, &user, expected, now, &event)).await
    }

    async fn change_address(
        &self,
        new: &NewAddress,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<AddressChanged> {
        let (new, cut_offs, event) = (new.clone(), cut_offs.to_vec(), event.clone());
        self.change(move |tx| users::change_address(tx, &new, &cut_offs, now, &event)).await
    }

    async fn change_phone(&self, new: &NewPhone, now: Time, event: &Event) -> StoreResult<bool> {
        let (new, event) = (new.clone(), event.clone());
        self.change(move |tx| users::change_phone(tx, &new, now, &event)).await
    }

    async fn renew_password_hash(&self, id: Uuid, old: &str, new: &str) -> StoreResult<bool> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.change(move |tx| users::renew_password_hash(tx, id, &old, &new)).await
    }

    async fn record_login(&self, id: Uuid, now: Time, event: &Event) -> StoreResult<()> {
        let event = event.clone();
        self.change(move |tx| users::record_login(tx, id, now, &event)).await
    }

    async fn has_admin(&self) -> StoreResult<bool> {
        self.find(IDENTITY, users::has_admin)
    }

    async fn count_admins_without_factor(&self) -> StoreResult<u64> {
        self.find(IDENTITY, users::count_admins_without_factor)
    }

    async fn list_factors(&self, user_id: Uuid) -> StoreResult<Vec<Factor>> {
        self.find(IDENTITY, |connection| factors::list(connection, user_id))
    }

    async fn enrol_factors(
        &self,
        user_id: Uuid,
        factors: &[Factor],
        codes: &[BackupCode],
    ) -> StoreResult<()> {
        let (factors, codes) = (factors.to_vec(), codes.to_vec());
        self.change(move |tx| factors::enrol(tx, user_id, &factors, &codes)).await
    }

    async fn confirm_factor(
        &self,
        confirmation: &Confirmation,
        now: Time,
        event: &Event,
    ) -> StoreResult<Confirmed> {
        let (confirmation, event) = (confirmation.clone(), event.clone());
        self.change(move |tx| factors::confirm(tx, &confirmation, now, &event)).await
    }

    async fn forgive_guess(&self, id: Uuid, known: bool) -> StoreResult<()> {
        self.change(move |tx| factors::forgive_guess(tx, id, known)).await
    }

    async fn count_guess(&self, id: Uuid, known: bool, limit: u32) -> StoreResult<Guess> {
        self.change(move |tx| factors::count_guess(tx, id, known, limit)).await
    }

    async fn use_factor(&self, id: Uuid, now: Time) -> StoreResult<()> {
        self.change(move |tx| factors::proved(tx, id, now)).await
    }

    async fn consume_totp_step(&self, id: Uuid, step: u64, now: Time) -> StoreResult<Consumed> {
        self.change(move |tx| factors::consume_step(tx, id, step, now)).await
    }

    async fn list_passkeys(&self, user_id: Uuid) -> StoreResult<Vec<Passkey>> {
        self.find(IDENTITY, |connection| passkeys::list(connection, user_id))
    }

    async fn find_passkey(&self, credential_id: &[u8]) -> StoreResult<Option<Passkey>> {
        self.find(IDENTITY, |connection| passkeys::find(connection, credential_id))
    }

    async fn use_passkey(
        &self,
        factor_id: Uuid,
        used: PasskeyUse,
        now: Time,
    ) -> StoreResult<Consumed> {
        self.change(move |tx| passkeys::spend(tx, factor_id, used, now)).await
    }

    async fn find_backup_code(
        &self,
        factor_id: Uuid,
        prefix: &str,
    ) -> StoreResult<Option<BackupCode>> {
        self.find(IDENTITY, |connection| factors::find_code(connection, factor_id, prefix))
    }

    async fn consume_backup_code(
        &self,
        factor_id: Uuid,
        prefix: &str,
        now: Time,
    ) -> StoreResult<Consumed> {
        let prefix = prefix.to_owned();
        self.change(move |tx| factors::consume_code(tx, factor_id, &prefix, now)).await
    }

    async fn change_factors(
        &self,
        change: &FactorChange,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<bool> {
        let (change, cut_offs, event) = (change.clone(), cut_offs.to_vec(), event.clone());
        self.change(move |tx| factors::change(tx, &change, &cut_offs, now, &event)).await
    }

    async fn edit_factor(&self, edit: &FactorEdit, event: &Event) -> StoreResult<bool> {
        let (edit, event) = (edit.clone(), event.clone());
        self.change(move |tx| factors::edit(tx, &edit, &event)).await
    }

    async fn count_backup_codes(&self, factor_id: Uuid) -> StoreResult<u32> {
        self.find(IDENTITY, |connection| factors::count_codes(connection, factor_id))
    }

    async fn put_warning(&self, warning: &Warning) -> StoreResult<()> {
        let warning = warning.clone();
        self.change(move |tx| warnings::put(tx, &warning)).await
    }

    async fn find_warning(&self, id: Uuid, now: Time) -> StoreResult<Option<Warning>> {
        self.find(IDENTITY, |connection| warnings::find(connection, id, now))
    }

    async fn has_lost_factor(&self, user_id: Uuid, now: Time) -> StoreResult<bool> {
        self.find(IDENTITY, |connection| warnings::has_lost_factor(connection, user_id, now))
    }

    async fn deny(
        &self,
        denial: &Denial,
        cut_offs: &[CutOff],
        now: Time,
        event: &Event,
    ) -> StoreResult<Denied> {
        let (denial, cut_offs, event) = (denial.clone(), cut_offs.to_vec(), event.clone());
        self.change(move |tx| warnings::deny(tx, &denial, &cut_offs, now, &event)).await
    }

    async fn note_place(&self, place: &Place, keep: u32, now: Time) -> StoreResult<bool> {
        let place = place.clone();
        self.change(move |tx| places::note(tx, &place, keep, now)).await
    }

    async fn trust_device(&self, device: &TrustedDevice, keep: u32) -> StoreResult<()> {
        let device = device.clone();
        self.change(move |tx| devices::trust(tx, &device, keep)).await
    }

    async fn find_device(&self, user_id: Uuid, id: Uuid) -> StoreResult<Option<TrustedDevice>> {
        self.find(IDENTITY, |connection| devices::find(connection, user_id, id))
    }

    async fn touch_device(&self, user_id: Uuid, id: Uuid, now: Time) -> StoreResult<()> {
        self.change(move |tx| devices::touch(tx, user_id, id, now)).await
    }

    async fn list_devices(&self, user_id: Uuid) -> StoreResult<Vec<TrustedDevice>> {
        self.find(IDENTITY, |connection| devices::list(connection, user_id))
    }

    async fn remove_devices(
        &self,
        user_id: Uuid,
        ids: &[Uuid],
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<u64> {
        let (ids, cut_offs, event) = (ids.to_vec(), cut_offs.to_vec(), event.clone());
        self.change(move |tx| devices::remove(tx, user_id, &ids, &cut_offs, &event)).await
    }

    async fn create_tenant(&self, tenant: &Tenant, event: &Event) -> StoreResult<bool> {
        let (tenant, event) = (tenant.clone(), event.clone());
        self.change(move |tx| tenants::create(tx, &tenant, &event)).await
    }

    async fn find_tenant(&self, id: &str) -> StoreResult<Option<Tenant>> {
        self.find(IDENTITY, |connection| tenants::find(connection, id))
    }

    async fn list_tenants(&self) -> StoreResult<Vec<Tenant>> {
        self.list(IDENTITY, tenants::list).await
    }

    async fn join_tenant(&self, membership: &Membership, event: &Event) -> StoreResult<Joined> {
        let (membership, event) = (membership.clone(), event.clone());
        self.change(move |tx| tenants::join(tx, &membership, &event)).await
    }

    async fn list_memberships(&self, user_id: Uuid) -> StoreResult<Vec<Membership>> {
        self.find(IDENTITY, |connection| tenants::list_memberships(connection, user_id))
    }

    async fn create_client(&self, client: &Client, event: &Event) -> StoreResult<bool> {
        let (client, event) = (client.clone(), event.clone());
        self.change(move |tx| clients::create(tx, &client, &event)).await
    }

    async fn find_client(&self, client_id: &str) -> StoreResult<Option<Client>> {
        self.find(IDENTITY, |connection| clients::find(connection, client_id))
    }

    async fn list_clients(&self, after: &str, limit: u32) -> StoreResult<Vec<Client>> {
        let after = after.to_owned();
        self.list(IDENTITY, move |connection| clients::list(connection, &after, limit)).await
    }

    async fn count_clients(&self) -> StoreResult<u64> {
        self.find(IDENTITY, clients::count)
    }

    async fn replace_client(
        &self,
        client: &Client,
        expected: Time,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<ClientChanged> {
        let (client, cut_offs, event) = (client.clone(), cut_offs.to_vec(), event.clone());
        self.change(move |tx| clients::replace(tx, &client, expected, &cut_offs, &event)).await
    }

    async fn remove_client(
        &self,
        client_id: &str,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<ClientChanged> {
        let (client_id, cut_offs) = (client_id.to_owned(), cut_offs.to_vec());
        let event = event.clone();
        self.change(move |tx| clients::remove(tx, &client_id, &cut_offs, &event)).await
    }

    async fn create_initial_access(
        &self,
        access: &InitialAccess,
        event: &Event,
    ) -> StoreResult<()> {
        let (access, event) = (access.clone(), event.clone());
        self.change(move |tx| clients::create_initial_access(tx, &access, &event)).await
    }

    async fn find_initial_access(
        &self,
        hash: &SecretHash,
        now: Time,
    ) -> StoreResult<Option<InitialAccess>> {
        self.find(IDENTITY, |connection| clients::find_initial_access(connection, hash, now))
    }

    async fn find_consent(&self, user_id: Uuid, client_id: &str) -> StoreResult<Option<Consent>> {
        self.find(IDENTITY, |connection| consents::find(connection, user_id, client_id))
    }

    async fn grant_consent(&self, consent: &Consent, event: &Event) -> StoreResult<bool> {
        let (consent, event) = (consent.clone(), event.clone());
        self.change(move |tx| consents::grant(tx, &consent, &event)).await
    }

    async fn list_consents(&self, user_id: Uuid) -> StoreResult<Vec<Consent>> {
        self.list(IDENTITY, move |connection| consents::list(connection, user_id)).await
    }

    async fn withdraw_consent(
        &self,
        user_id: Uuid,
        client_id: &str,
        cut_offs: &[CutOff],
        told: &[Uuid],
        event: &Event,
    ) -> StoreResult<()> {
        let (client_id, cut_offs) = (client_id.to_owned(), cut_offs.to_vec());
        let (told, event) = (told.to_vec(), event.clone());
        self.change(move |tx| consents::withdraw(tx, user_id, &client_id, &cut_offs, &told, &event))
            .await
    }

    async fn create_api_key(
        &self,
        key: &ApiKey,
        expected_epoch: u64,
        dead_until: Option<Time>,
        most: u32,
        event: &Event,
    ) -> StoreResult<ApiKeyMade> {
        let (key, event) = (key.clone(), event.clone());
        self.change(move |tx| api_keys::create(tx, &key, expected_epoch, dead_until, most, &event))
            .await
    }

    async fn find_api_key(&self, id: Uuid) -> StoreResult<Option<ApiKey>> {
        self.find(IDENTITY, |connection| api_keys::find(connection, id))
    }

    async fn list_api_keys(&self, user_id: Uuid) -> StoreResult<Vec<ApiKey>> {
        self.find(IDENTITY, |connection| api_keys::list(connection, user_id))
    }

    async fn page_api_keys(
        &self,
        owner: Option<Uuid>,
        after: Option<Uuid>,
        skip: u64,
        limit: u32,
    ) -> StoreResult<Vec<ApiKey>> {
        self.list(IDENTITY, move |connection| api_keys::page(connection, owner, after, skip, limit))
            .await
    }

    async fn count_api_keys(&self, owner: Option<Uuid>, after: Option<Uuid>) -> StoreResult<u64> {
        self.list(IDENTITY, move |connection| api_keys::count(connection, owner, after)).await
    }

    async fn revoke_api_key(
        &self,
        user_id: Uuid,
        id: Uuid,
        cut_offs: &[CutOff],
        event: &Event,
    ) -> StoreResult<bool> {
        let (cut_offs, event) = (cut_offs.to_vec(), event.clone());
        self.change(move |tx| api_keys::revoke(tx, user_id, id, &cut_offs, &event)).await
    }

    async fn find_key_holder(&self, key: Uuid, now: Time) -> StoreResult<Option<KeyHolder>> {
        self.find(IDENTITY, |connection| api_keys::holder_of(connection, key, now))
    }

    async fn note_key_uses(&self, uses: &[(Uuid, Time)]) -> StoreResult<()> {
        let uses = uses.to_vec();
        self.change(move |tx| api_keys::note_uses(tx, &uses)).await
    }

    async fn find_cut_offs(&self, named: &[(CutOffKind, String)]) -> StoreResult<Vec<CutOff>> {
        self.find(IDENTITY, |connection| cut_offs::find(connection, named))
    }

    async fn cut_off(&self, cut_offs: &[CutOff], event: &Event) -> StoreResult<()> {
        let (cut_offs, event) = (cut_offs.to_vec(), event.clone());
        self.change(move |tx| cut_offs::put(tx, &cut_offs, &event)).await
    }

    async fn append_event(&self, event: &Event) -> StoreResult<()> {
        let event = event.clone();
        self.change(move |tx| audit::append(tx, &event)).await
    }

    async fn list_audit(&self, after: u64, limit: u32) -> StoreResult<Vec<AuditRow>> {
        self.list(IDENTITY, move |connection| audit::list(connection, after, limit)).await
    }

    async fn list_audit_about(
        &self,
        user_id: Uuid,
        since: Time,
        after: Option<(Time, u64)>,
        limit: u32,
    ) -> StoreResult<Vec<AuditRow>> {
        self.list(IDENTITY, move |connection| {
            audit::list_about(connection, user_id, since, after, limit)
        })
        .await
    }

    async fn count_audit_about(&self, user_id: Uuid, since: Time, most: u32) -> StoreResult<u64> {
        self.find(IDENTITY, |connection| audit::count_about(connection, user_id, since, most))
    }

    async fn put_site(&self, site: &Site, only_new: bool, event: &Event) -> StoreResult<SitePut> {
        let wanted = if only_new { SiteWanted::New } else { SiteWanted::Any };
        let (site, event) = (site.clone(), event.clone());
        self.change(move |tx| sites::put(tx, &site, wanted, &event)).await
    }

    async fn replace_site(&self, site: &Site, version: u64, event: &Event) -> StoreResult<SitePut> {
        let wanted = SiteWanted::InPlaceOf(version);
        let (site, event) = (site.clone(), event.clone());
        self.change(move |tx| sites::put(tx, &site, wanted, &event)).await
    }

    async fn remove_site(&self, site_key: &str, version: u64, event: &Event) -> StoreResult<bool> {
        let (site_key, event) = (site_key.to_owned(), event.clone());
        self.change(move |tx| sites::remove(tx, &site_key, version, &event)).await
    }

    async fn find_site(&self, site_key: &str) -> StoreResult<Option<Site>> {
        self.find(IDENTITY, |connection| sites::find(connection, site_key))
    }

    async fn list_sites(&self) -> StoreResult<Vec<Site>> {
        self.list(IDENTITY, sites::list).await
    }

    async fn add_signing_key(
        &self,
        key: &KeyRow,
        expected: Option<&str>,
        predecessor_expires_at: Option<Time>,
        event: &Event,
    ) -> StoreResult<KeyAdded> {
        let (key, expected, event) = (key.clone(), expected.map(str::to_owned), event.clone());
        self.change(move |tx| {
            keys::add(tx, &key, expected.as_deref(), predecessor_expires_at, &event)
        })
        .await
    }

    async fn list_signing_keys(&self, now: Time) -> StoreResult<Vec<KeyRow>> {
        self.find(IDENTITY, |connection| keys::list(connection, now))
    }

    async fn queue_errand(&self, errand: &ErrandRow) -> StoreResult<()> {
        let errand = errand.clone();
        self.change(move |tx| errands::queue(tx, &errand)).await
    }

    async fn claim_errands(
        &self,
        now: Time,
        lease_end: Time,
        limit: u32,
    ) -> StoreResult<Vec<ErrandRow>> {
        if !self.find(IDENTITY, |connection| errands::any_due(connection, now))? {
            return Ok(Vec::new());
        }
        self.change(move |tx| errands::claim(tx, now, lease_end, limit)).await
    }

    async fn rewrite_errand(
        &self,
        id: Uuid,
        attempts: u32,
        sealed: &[u8],
        expires_at: Time,
    ) -> StoreResult<bool> {
        let sealed = sealed.to_vec();
        self.change(move |tx| errands::rewrite(tx, id, attempts, &sealed, expires_at)).await
    }

    async fn defer_errand(&self, id: Uuid, attempts: u32, due_at: Time) -> StoreResult<bool> {
        self.change(move |tx| errands::defer(tx, id, attempts, due_at)).await
    }

    async fn finish_errand(&self, id: Uuid) -> StoreResult<()> {
        self.change(move |tx| errands::finish(tx, id)).await
    }

    async fn errand_backlog(&self) -> StoreResult<Backlog> {
        self.find(IDENTITY, errands::backlog)
    }

    async fn create_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<bool> {
        let (edge, event) = (edge.clone(), event.clone());
        self.change(move |tx| edges::create(tx, &edge, &event)).await
    }

    async fn renew_edge(&self, edge: &EdgeRow, event: &Event) -> StoreResult<()> {
        let (edge, event) = (edge.clone(), event.clone());
        self.change(move |tx| edges::renew(tx, &edge, &event)).await
    }

    async fn find_edge(&self, hash: &SecretHash) -> StoreResult<Option<EdgeRow>> {
        self.find(IDENTITY, |connection| edges::find(connection, hash))
    }

    async fn remove_edge(&self, name: &str, event: &Event) -> StoreResult<bool> {
        let (name, event) = (name.to_owned(), event.clone());
        self.change(move |tx| edges::remove(tx, &name, &event)).await
    }

    async fn put_edge_key(&self, key: &EdgeKey) -> StoreResult<bool> {
        let key = key.clone();
        self.change(move |tx| edges::put_key(tx, &key)).await
    }

    async fn list_edge_keys(&self, since: Time) -> StoreResult<Vec<EdgeKey>> {
        self.find(IDENTITY, |connection| edges::list_keys(connection, since))
    }

    async fn keep_refusals(
        &self,
        edge_id: Uuid,
        refused: &[Refused],
        since: Time,
    ) -> StoreResult<()> {
        let refused = refused.to_vec();
        self.change(move |tx| edges::keep_refusals(tx, edge_id, &refused, since)).await
    }

    async fn find_refusal(&self, id: &str, since: Time) -> StoreResult<Option<EdgeRefusal>> {
        self.find(IDENTITY, |connection| edges::find_refusal(connection, id, since))
    }

    async fn snapshot(&self, issuer: &str, keys: u32, now: Time) -> StoreResult<Snapshot> {
        let issuer = issuer.to_owned();
        self.list(IDENTITY, move |connection| feed::snapshot(connection, &issuer, keys, now)).await
    }

    async fn list_feed(&self, after: u64, limit: u32) -> StoreResult<Vec<Entry>> {
        self.list(IDENTITY, move |connection| feed::list(connection, after, limit)).await
    }

    async fn feed_head(&self) -> StoreResult<(String, u64)> {
        self.find(IDENTITY, feed::head)
    }

    fn feed_changes(&self) -> watch::Receiver<u64> {
        self.feed_watch()
    }

    async fn sweep(&self, now: Time) -> StoreResult<u64> {
        self.change(move |tx| sweep::identity(tx, now)).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.change(|_| Ok(())).await
    }
}
