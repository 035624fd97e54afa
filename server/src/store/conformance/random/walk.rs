//! An act carried out on a pair, and everything that is stored after it all.

use std::time::Duration;

use jwks::{Time, cutoff::CutOffKind, policy::Method};
use uuid::Uuid;

use super::{
    act::Act,
    model::{FIRST_TOKEN, Walk, family_of, id, login_hash},
};
use crate::{
    domain::{
        api_key::ApiKey,
        audit::Action,
        authorization::{AuthorizationRequest, Code, Done},
        client::{Client, InitialAccess},
        consent::Consent,
        device::TrustedDevice,
        device_grant::{DeviceDecision, DeviceGrant},
        errand::ErrandRow,
        factor::Factor,
        login::Address,
        passkey::{Passkey, PasskeyUse},
        place::Place,
        session::{Proof, Rotated, Session},
        tenant::{Membership, Tenant},
        user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
        warning::{Denial, Warning},
    },
    store::{
        StoreResult,
        conformance::samples::{
            allowed, api_key, at, authorization, authorization_code, client, code, consent,
            cut_off, device, device_grant, edge, errand, factor, hash, key, login, membership,
            one_time, passkey, pending_user, rotation, secs, session, site, tenant, user, warning,
        },
        identity::{
            AccountChange, Confirmation, FEED_KEPT, FactorChange, Invited, NewAddress, NewPassword,
            NewPhone,
        },
    },
};

/// How long a spent token may come again here: a few acts.
const RETRY_WINDOW: Duration = Duration::from_millis(60);

impl Walk {
    /// What the pair answers to an act, as text.
    pub(super) async fn take(&mut self, act: &Act) -> String {
        self.acts += 1;
        self.now = self.now.plus(Duration::from_millis(1));
        let answer = match act {
            Act::Wait(millis) => {
                self.now = self.now.plus(Duration::from_millis(*millis));
                Ok(String::new())
            }
            act => match self.change_identity(act).await {
                Some(answer) => answer,
                None => self.change_sessions(act).await,
            },
        };
        // Causes are for the log, and differ.
        answer.unwrap_or_else(|_| "failed".to_owned())
    }

    /// `None`: the act is none of the identity store's.
    async fn change_identity(&mut self, act: &Act) -> Option<StoreResult<String>> {
        self.identity_act(act).await.transpose()
    }

    async fn identity_act(&mut self, act: &Act) -> StoreResult<Option<String>> {
        let store = self.pair.identity.clone();
        let now = self.now;
        Ok(Some(match act {
            Act::Register { person, again } => {
                let user = User {
                    id: id(1, *person + if *again { 100 } else { 0 }),
                    username: None,
                    username_key: None,
                    password_changed_at: Some(now),
                    created_at: now,
                    ..pending_user(&format!("person{person}"))
                };
                let event = self.event(Action::UserCreated);
                format!("{:?}", store.register_user(&user, &event).await?)
            }
            Act::Create { person, name, admin, first_admin } => {
                let roles = if *admin { vec![ADMIN_ROLE.to_owned()] } else { Vec::new() };
                let user = User {
                    id: id(1, *person),
                    username_key: Some(format!("name{name}")),
                    status: if *admin { UserStatus::Pending } else { UserStatus::Active },
                    roles,
                    ..user(&format!("person{person}"))
                };
                let event = self.event(Action::UserCreated);
                let made = store.create_user(&user, &[], &[], *first_admin, &event).await?;
                format!("{made:?}")
            }
            Act::Activate { person, as_registered } => {
                let key = format!("person{person}@example.com");
                let held = store.find_user_by_login(&key).await?;
                let changed = held.as_ref().and_then(|user| user.password_changed_at);
                let changed = if *as_registered { changed } else { Some(at(0)) };
                let of = held.map_or(id(1, *person), |user| user.id);
                let event = self.event(Action::EmailVerified);
                format!("{:?}", store.activate_user(of, &key, changed, now, &event).await?)
            }
            Act::RenewPassword { person, right } => {
                let of = id(1, *person);
                let held = store.find_user(of).await?.and_then(|user| user.password_hash);
                let old = held.filter(|_| *right).unwrap_or_else(|| "other".to_owned());
                let new = format!("hash {}", self.acts);
                format!("{:?}", store.renew_password_hash(of, &old, &new).await?)
            }
            Act::RecordLogin { person } => {
                let event = self.event(Action::LoginSuccess);
                format!("{:?}", store.record_login(id(1, *person), now, &event).await?)
            }
            Act::Enrol { person, method, with_codes } => {
                let mut factors = vec![factor(id(1, *person), *method)];
                if *with_codes && *method != Method::BackupCode {
                    factors.push(factor(id(1, *person), Method::BackupCode));
                }
                for (number, factor) in (0..).zip(&mut factors) {
                    factor.id = id(5, self.acts * 2 + number);
                    factor.created_at = now;
                }
                let codes: Vec<_> = factors
                    .iter()
                    .filter(|factor| factor.method == Method::BackupCode)
                    .map(|factor| code(factor.id, "aaaa"))
                    .collect();
                format!("{:?}", store.enrol_factors(id(1, *person), &factors, &codes).await?)
            }
            Act::Confirm { person, place, step, ahead } => {
                let named = self.factor(*person, *place).await?;
                let confirmation = Confirmation {
                    user_id: id(1, *person),
                    id: named,
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    name: step.map(|step| format!("named {step}")),
                    step: *step,
                    replaces: step.is_some_and(|step| step.is_multiple_of(3)),
                    proves_phone: step.map(|_| "+31201234567".to_owned()),
                    // Two factors of one sequence share a name where their steps are the same.
                    passkey: step.map(|step| Passkey {
                        credential_id: vec![u8::try_from(step).unwrap_or(u8::MAX)],
                        model: None,
                        counter: 0,
                        ..passkey(&Factor { id: named, ..factor(id(1, *person), Method::Hardware) })
                    }),
                    cut_offs: Vec::new(),
                };
                let event = self.event(Action::MfaEnabled);
                format!("{:?}", store.confirm_factor(&confirmation, now, &event).await?)
            }
            Act::Guess { person, place } => {
                let factor = self.factor(*person, *place).await?;
                format!("{:?}", store.count_guess(factor, self.acts.is_multiple_of(2), 2).await?)
            }
            Act::SpendStep { person, place, step } => {
                let factor = self.factor(*person, *place).await?;
                format!("{:?}", store.consume_totp_step(factor, *step, now).await?)
            }
            Act::UsePasskey { person, place, counter } => {
                let factor = self.factor(*person, *place).await?;
                let used = PasskeyUse { counter: *counter, backed_up: counter % 2 == 0 };
                let spent = store.use_passkey(factor, used, now).await?;
                format!("{spent:?} {:?}", store.list_passkeys(id(1, *person)).await?)
            }
            Act::SpendCode { person, place } => {
                let factor = self.factor(*person, *place).await?;
                let found = store.find_backup_code(factor, "aaaa").await?;
                let spent = store.consume_backup_code(factor, "aaaa", now).await?;
                format!("{found:?} {spent:?}")
            }
            Act::CutOff { kind, of, ago, life } => {
                let of = match kind {
                    CutOffKind::Session => self.session(*of).sid.to_string(),
                    CutOffKind::User => id(1, *of).to_string(),
                    CutOffKind::Client
                    | CutOffKind::Consent
                    | CutOffKind::ApiKey
                    | CutOffKind::Grant
                    | CutOffKind::Token => format!("name{of}"),
                };
                let ended_at = now.minus(Duration::from_millis(*ago));
                let until = now.plus(Duration::from_millis(*life));
                let cut = cut_off(*kind, &of, ended_at, until);
                let event = self.event(Action::SessionRevoked);
                format!("{:?}", store.cut_off(&[cut], &event).await?)
            }
            Act::PutSite { site: number, hosts, only_new } => {
                let hosts: Vec<String> = hosts.iter().map(|host| format!("h{host}")).collect();
                let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
                let site = site(&format!("site{number}"), &hosts);
                let event = self.event(Action::PolicyUpdated);
                format!("{:?}", store.put_site(&site, *only_new, &event).await?)
            }
            Act::RemoveSite { site } => {
                let event = self.event(Action::PolicyUpdated);
                let key = format!("site{site}");
                let held = store.find_site(&key).await?.map_or(1, |site| site.version);
                format!("{:?}", store.remove_site(&key, held, &event).await?)
            }
            Act::AddKey { algorithm, right, life } => {
                let keys = store.list_signing_keys(Time::default()).await?;
                let newest = keys.iter().rfind(|key| key.algorithm == *algorithm);
                let newest = newest.map(|key| key.kid.clone()).filter(|_| *right);
                let key = key(&format!("key{}", self.acts), *algorithm, now);
                let end = now.plus(Duration::from_millis(*life));
                let event = self.event(Action::KeyRotated);
                let added =
                    store.add_signing_key(&key, newest.as_deref(), Some(end), &event).await?;
                format!("{added:?}")
            }
            Act::CreateEdge { name, renew } => {
                let mut edge = edge(&format!("edge{name}"), &format!("credential {}", self.acts));
                edge.id = id(6, self.acts);
                let event = self.event(Action::EdgeCreated);
                let made = if *renew {
                    format!("{:?}", store.renew_edge(&edge, &event).await?)
                } else {
                    format!("{:?}", store.create_edge(&edge, &event).await?)
                };
                format!("{made} {:?}", store.find_edge(&edge.hash).await?)
            }
            Act::AppendAgain => {
                let Some(event) = self.last_event.clone() else { return Ok(Some(String::new())) };
                format!("{:?}", store.append_event(&event).await?)
            }
            Act::ChangePassword { person, by_link, ahead } => {
                let password = NewPassword {
                    user_id: id(1, *person),
                    hash: format!("hash {}", self.acts),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    proves_address: by_link.then(|| format!("person{person}@example.com")),
                    invited: (*by_link && self.acts.is_multiple_of(2)).then(|| Invited {
                        tenant_id: "guests".to_owned(),
                        roles: vec![ADMIN_ROLE.to_owned()],
                        name: format!("name {}", self.acts),
                    }),
                };
                let of = password.user_id.to_string();
                let ended = cut_off(CutOffKind::User, &of, now, now.plus(secs(1)));
                let event = self.event(Action::PasswordChanged);
                format!("{:?}", store.change_password(&password, &[ended], now, &event).await?)
            }
            Act::ChangeAddress { person, to, displaces, ahead } => {
                let key = format!("person{to}@example.com");
                let holder = store.find_user_by_login(&key).await?.map(|holder| holder.id);
                let new = NewAddress {
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    address: Address { display: format!("Person{to}@example.com"), key },
                    displaces: holder.filter(|_| *displaces),
                };
                let event = self.event(Action::EmailChanged);
                format!("{:?}", store.change_address(&new, &[], now, &event).await?)
            }
            Act::ChangePhone { person, phone, ahead } => {
                let new = NewPhone {
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    phone: phone.map(|phone| format!("+3120123456{phone}")),
                };
                let event = self.event(Action::PhoneChanged);
                format!("{:?}", store.change_phone(&new, now, &event).await?)
            }
            Act::ChangeFactors { person, places, add, ahead } => {
                let mut remove = Vec::new();
                for place in places {
                    remove.push(self.factor(*person, *place).await?);
                }
                let mut factors = Vec::new();
                if let Some(method) = add {
                    let mut factor = factor(id(1, *person), *method);
                    factor.id = id(8, self.acts);
                    factor.created_at = now;
                    factors.push(factor);
                }
                let codes = factors.iter().map(|factor| code(factor.id, "aaaa")).collect();
                let change = FactorChange {
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    remove,
                    add: factors,
                    codes,
                };
                let event = self.event(Action::MfaDisabled);
                format!("{:?}", store.change_factors(&change, &[], now, &event).await?)
            }
            Act::TrustDevice { person, life, keep } => {
                let device = TrustedDevice {
                    id: id(7, self.acts),
                    hash: hash(&format!("device {}", self.acts)),
                    factor_epoch: self.epoch(*person, 0).await?,
                    created_at: now,
                    last_used_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..device(id(1, *person))
                };
                format!("{:?}", store.trust_device(&device, *keep).await?)
            }
            Act::Warn { person, number } => {
                let warned = User { id: id(1, *person), ..user(&format!("person{person}")) };
                let warning = Warning {
                    id: id(9, u64::from(*person) * 10 + u64::from(*number)),
                    lost_factor: false,
                    created_at: now,
                    used_at: None,
                    ..warning(&warned)
                };
                let put = store.put_warning(&warning).await;
                format!("{:?} {:?}", put.is_ok(), store.find_warning(warning.id, now).await?)
            }
            Act::Deny { person, number, address, ahead } => {
                let restored = address.map(|number| Address {
                    display: format!("Person{number}@example.com"),
                    key: format!("person{number}@example.com"),
                });
                let holder = match &restored {
                    Some(address) => store.find_user_by_login(&address.key).await?,
                    None => None,
                };
                let denial = Denial {
                    warning_id: id(9, u64::from(*person) * 10 + u64::from(*number)),
                    user_id: id(1, *person),
                    expected_epoch: self.epoch(*person, *ahead).await?,
                    status: UserStatus::Blocked,
                    restored,
                    gives_way: holder.map(|holder| holder.id),
                    remove: vec![self.factor(*person, 0).await?],
                    numbers_after: now.minus(secs(u64::from(*number))),
                };
                let of = denial.user_id.to_string();
                let ended = cut_off(CutOffKind::User, &of, now, now.plus(secs(1)));
                let event = self.event(Action::AccountBlocked);
                format!("{:?}", store.deny(&denial, &[ended], now, &event).await?)
            }
            Act::ChangeAccount { person, status, admin, tenant, right, ends } => {
                let held = store.find_user(id(1, *person)).await?;
                let updated_at = held.map_or(now, |held| held.updated_at);
                let change = AccountChange {
                    user_id: id(1, *person),
                    expected: if *right { updated_at } else { updated_at.plus(secs(1)) },
                    name: format!("Changed {status}"),
                    roles: if *admin { vec![ADMIN_ROLE.to_owned()] } else { Vec::new() },
                    tenant_id: tenant
                        .map_or(DEFAULT_TENANT.to_owned(), |number| format!("tenant{number}")),
                    status: [
                        UserStatus::Pending,
                        UserStatus::Active,
                        UserStatus::Disabled,
                        UserStatus::Blocked,
                    ][*status],
                    ends: *ends,
                };
                let of = change.user_id.to_string();
                let ended = cut_off(CutOffKind::User, &of, now, now.plus(secs(1)));
                let ended = if *ends { vec![ended] } else { Vec::new() };
                let event = self.event(Action::UserUpdated);
                format!("{:?}", store.change_account(&change, &ended, now, &event).await?)
            }
            Act::NotePlace { person, number } => {
                let place = Place {
                    user_id: id(1, *person),
                    agent: format!("agent {number}"),
                    network: "n".to_owned(),
                };
                format!("{:?}", store.note_place(&place, 3, now).await?)
            }
            Act::TouchDevice { person, place } => {
                let device = self.device(*person, *place).await?;
                store.touch_device(id(1, *person), device, now).await?;
                format!("{:?}", store.find_device(id(1, *person), device).await?)
            }
            Act::RemoveDevices { person, places } => {
                let mut devices = Vec::new();
                for place in places {
                    devices.push(self.device(*person, *place).await?);
                }
                let event = self.event(Action::DeviceRevoked);
                format!("{:?}", store.remove_devices(id(1, *person), &devices, &[], &event).await?)
            }
            Act::CreateTenant { number } => {
                let tenant = Tenant { created_at: now, ..tenant(&format!("tenant{number}")) };
                let event = self.event(Action::TenantCreated);
                format!("{:?}", store.create_tenant(&tenant, &event).await?)
            }
            Act::Join { person, number } => {
                // The last one is everybody's own.
                let tenant_id = match number {
                    3 => user("").tenant_id,
                    number => format!("tenant{number}"),
                };
                let membership = Membership {
                    roles: vec![format!("role {}", self.acts)],
                    created_at: now,
                    ..membership(id(1, *person), &tenant_id)
                };
                let event = self.event(Action::TenantJoined);
                format!("{:?}", store.join_tenant(&membership, &event).await?)
            }
            Act::Sweep { kept } => {
                let now = now.minus(Duration::from_millis(*kept)).plus(FEED_KEPT);
                format!("{:?}", store.sweep(now).await?)
            }
            Act::CreateClient { client: number } => {
                let created_at = self.now;
                let client = Client {
                    created_at,
                    updated_at: created_at,
                    ..client(&format!("client{number}"))
                };
                let event = self.event(Action::ClientCreated);
                format!("{:?}", store.create_client(&client, &event).await?)
            }
            Act::ReplaceClient { client: number, right, ended } => {
                let id = format!("client{number}");
                let held = store.find_client(&id).await?;
                let expected = held.filter(|_| *right).map_or(at(0), |held| held.updated_at);
                let mut new = Client { updated_at: now, ..client(&id) };
                new.metadata.client_name = Some(format!("name {}", self.acts));
                let (cuts, event) = (self.end_of(*ended), self.event(Action::ClientUpdated));
                format!("{:?}", store.replace_client(&new, expected, &cuts, &event).await?)
            }
            Act::RemoveClient { client, ended } => {
                let (cuts, event) = (self.end_of(*ended), self.event(Action::ClientRemoved));
                let id = format!("client{client}");
                format!("{:?}", store.remove_client(&id, &cuts, &event).await?)
            }
            Act::Consent { person, client, names } => {
                let texts = |of: &str| names.iter().map(|name| format!("{of} {name}")).collect();
                let given = Consent {
                    scopes: texts("scope"),
                    claims: texts("claim"),
                    resources: texts("resource"),
                    created_at: now,
                    granted_at: now,
                    ..consent(id(1, *person), &format!("client{client}"))
                };
                let event = self.event(Action::ConsentGranted);
                format!("{:?}", store.grant_consent(&given, &event).await?)
            }
            Act::Withdraw { person, client, told, ended } => {
                let (cuts, event) = (self.end_of(*ended), self.event(Action::ConsentRevoked));
                let (of, client) = (id(1, *person), format!("client{client}"));
                let told = [id(9, *told)];
                format!("{:?}", store.withdraw_consent(of, &client, &cuts, &told, &event).await?)
            }
            Act::CreateApiKey { person, life, most, dead, right } => {
                let key = ApiKey {
                    id: id(8, self.acts),
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    last_used_at: None,
                    ..api_key(id(1, *person))
                };
                let epoch = self.epoch(*person, u64::from(!right)).await?;
                let dead = dead.map(|ago| now.minus(Duration::from_millis(ago)));
                let event = self.event(Action::ApiKeyCreated);
                format!("{:?}", store.create_api_key(&key, epoch, dead, *most, &event).await?)
            }
            Act::RevokeApiKey { person, by, place } => {
                let keys = store.list_api_keys(id(1, *person)).await?;
                let key = keys.get(*place).map_or(id(8, 0_u64), |key| key.id);
                let end = cut_off(CutOffKind::ApiKey, &key.to_string(), now, now.plus(secs(9)));
                let event = self.event(Action::ApiKeyRevoked);
                format!("{:?}", store.revoke_api_key(id(1, *by), key, &[end], &event).await?)
            }
            Act::NoteKeyUses { person, ago } => {
                let at = now.minus(Duration::from_millis(*ago));
                let keys = store.list_api_keys(id(1, *person)).await?;
                let uses: Vec<(Uuid, Time)> = keys.iter().map(|key| (key.id, at)).collect();
                format!("{:?}", store.note_key_uses(&uses).await?)
            }
            Act::ListAbout { person, span, limit } => {
                let since = now.minus(Duration::from_millis(*span));
                let of = id(1, *person);
                let rows = store.list_audit_about(of, since, None, *limit).await?;
                let after = rows.last().map(|row| (row.event.at, row.seq));
                let more = store.list_audit_about(of, since, after, *limit).await?;
                let count = store.count_audit_about(of, since, *limit).await?;
                format!("{rows:?} {more:?} {count}")
            }
            Act::CreateInitialAccess { life } => {
                self.accesses += 1;
                let access = InitialAccess {
                    hash: hash(&format!("access {}", self.accesses)),
                    name: format!("name {}", self.acts),
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                };
                let event = self.event(Action::InitialAccessCreated);
                format!("{:?}", store.create_initial_access(&access, &event).await?)
            }
            Act::QueueErrand { number, delay, waits } => {
                let errand = ErrandRow {
                    id: id(9, *number),
                    sealed: self.acts.to_be_bytes().to_vec(),
                    queued_at: now,
                    due_at: now.plus(Duration::from_millis(*delay)),
                    waits_for: waits.map(|session| self.session(session).sid),
                    ..errand(0, 0)
                };
                format!("{:?}", store.queue_errand(&errand).await?)
            }
            Act::ClaimErrands { lease } => {
                // All that are due: which of those due at one instant come first is nobody's concern.
                let lease_end = now.plus(Duration::from_millis(*lease));
                format!("{:?}", store.claim_errands(now, lease_end, 100).await?)
            }
            Act::FinishErrand { number } => {
                format!("{:?}", store.finish_errand(id(9, *number)).await?)
            }
            _ => return Ok(None),
        }))
    }

    async fn change_sessions(&mut self, act: &Act) -> StoreResult<String> {
        let store = self.pair.sessions.clone();
        let now = self.now;
        Ok(match act {
            Act::OpenSession { person, life, keep } => {
                let session = Session {
                    sid: id(3, self.acts),
                    client_id: ["rail", "pages"][usize::from(*life % 2 == 0)].to_owned(),
                    created_at: now,
                    last_active_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    proof: Proof { auth_time: now, ..session(id(1, *person)).proof },
                    ..session(id(1, *person))
                };
                let family = self.family("rail");
                let first = (*life % 5 != 0).then_some(&family);
                let mut closed = store.open_session(&session, first, *keep).await?;
                closed.sort();
                self.remember(&session, family);
                self.opened.push(session);
                format!("{closed:?}")
            }
            Act::AddFamily { session, other_client, keep } => {
                let session = self.session(*session);
                let family = self.family(if *other_client { "shop" } else { "rail" });
                let (user_id, sid) = (session.user_id, session.sid);
                let added = store.add_family(user_id, sid, &family, *keep, now).await?;
                self.remember(&session, family);
                format!("{added:?}")
            }
            Act::Rotate { session, family, age, wrong_client } => {
                let session = self.session(*session);
                let successor = format!("token {}", self.acts);
                let lines = self.families.iter_mut().rev();
                let mut lines = lines.filter(|line| line.session.sid == session.sid);
                let Some(line) = lines.nth(usize::from(*family)) else {
                    let unknown =
                        rotation(&session, &family_of(self.acts), FIRST_TOKEN, &successor);
                    return Ok(format!("{:?}", store.rotate_refresh(&unknown, now).await?));
                };
                let presented = line.tokens.iter().rev().nth(*age);
                let presented = presented.map_or("never issued", String::as_str);
                let mut rotation = rotation(&session, &line.family, presented, &successor);
                rotation.ttl = secs(3);
                rotation.retry_window = RETRY_WINDOW;
                if *wrong_client {
                    rotation.client_id = "thief".to_owned();
                }
                let rotated = store.rotate_refresh(&rotation, now).await?;
                if matches!(rotated, Rotated::Fresh(_) | Rotated::Retried(_)) {
                    line.tokens.push(successor);
                }
                format!("{rotated:?}")
            }
            Act::FindRefresh { session, family, right } => {
                let (line, token) = self.newest(*session, *family);
                let hash = hash(if *right { &token } else { "never issued" });
                let Session { user_id, sid, .. } = self.session(*session);
                format!("{:?}", store.find_refresh(user_id, sid, line, &hash, now).await?)
            }
            Act::RemoveFamily { session, family } => {
                let (line, token) = self.newest(*session, *family);
                let Session { user_id, sid, .. } = self.session(*session);
                // Whether one that is over is still there to be removed is nobody's concern.
                let living = store.find_refresh(user_id, sid, line, &hash(&token), now).await?;
                let removed = store.remove_family(user_id, sid, line).await?;
                format!("{:?}", living.is_some() && removed)
            }
            Act::RaiseBrowser { session, right } => {
                let Session { user_id, sid, mut proof, .. } = self.session(*session);
                proof.auth_time = now;
                let held = store.find_session(user_id, sid, now).await?;
                let held = held.and_then(|session| session.browser).filter(|_| *right);
                let (held, new) =
                    (held.unwrap_or(hash("wrong")), hash(&format!("browser {}", self.acts)));
                let raised = store.raise_browser(user_id, sid, &held, &proof, &new, now).await?;
                format!("{raised:?}")
            }
            Act::KeepRequest { kind, name, life } => {
                let request = AuthorizationRequest {
                    state: Some(format!("state {}", self.acts)),
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..authorization()
                };
                let name = hash(&format!("flow {name}"));
                format!("{:?}", store.keep_request(*kind, &name, &request).await?)
            }
            Act::NoteInFlow { name, what } => {
                let sid = Uuid::from_u128(u128::from(self.acts));
                let acts =
                    [Done::Chosen(sid), Done::SignedIn(sid), Done::Allowed(sid), Done::Answered];
                let (name, done) = (hash(&format!("flow {name}")), acts[usize::from(*what)]);
                format!("{:?}", store.note_in_flow(&name, done, now).await?)
            }
            Act::ConsumeRequest { kind, name } => {
                let name = hash(&format!("flow {name}"));
                let found = store.find_request(*kind, &name, now).await?;
                format!("{found:?} {:?}", store.consume_request(*kind, &name, now).await?)
            }
            Act::IssueCode { session, client, life } => {
                self.codes += 1;
                let code = Code {
                    issued_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..authorization_code(&self.session(*session), &format!("client{client}"))
                };
                let name = hash(&format!("code {}", self.codes));
                format!("{:?}", store.issue_code(&name, &code).await?)
            }
            Act::RedeemCode { age, remembered } => {
                let name = hash(&format!("code {}", self.codes.saturating_sub(*age)));
                let until = now.plus(Duration::from_millis(*remembered));
                format!("{:?}", store.redeem_code(&name, until, now).await?)
            }
            Act::BeginDevice { user_code, life } => {
                self.devices += 1;
                let device = DeviceGrant {
                    created_at: now,
                    expires_at: now.plus(Duration::from_millis(*life)),
                    ..device_grant(&format!("device {}", self.devices), &format!("U{user_code}"))
                };
                format!("{:?}", store.begin_device(&device).await?)
            }
            Act::DecideDevice { user_code, allow } => {
                let user_code = format!("U{user_code}");
                let found = store.find_device(&user_code, now).await?;
                let decision = match allow {
                    Some(session) => allowed(&self.session(*session)),
                    None => DeviceDecision::Denied,
                };
                format!("{found:?} {:?}", store.decide_device(&user_code, &decision, now).await?)
            }
            Act::PollDevice { age, wrong_client } => {
                let name = hash(&format!("device {}", self.devices.saturating_sub(*age)));
                let client = if *wrong_client { "thief" } else { "tv" };
                let interval = Duration::from_millis(10);
                format!("{:?}", store.poll_device(&name, client, interval, now).await?)
            }
            Act::MarkOnce { key, life } => {
                let until = now.plus(Duration::from_millis(*life));
                let key = hash(&format!("mark {key}"));
                format!("{:?}", store.mark_once(&key, now, until, now).await?)
            }
            Act::Touch { session } => {
                let Session { user_id, sid, .. } = self.session(*session);
                format!("{:?}", store.touch_session(user_id, sid, now).await?)
            }
            Act::Raise { session } => {
                let Session { user_id, sid, mut proof, .. } = self.session(*session);
                proof.auth_time = now;
                let family = self.family("rail");
                let raised = store.raise_session(user_id, sid, &proof, &family, now).await?;
                if let Some(raised) = &raised {
                    self.remember(raised, family);
                }
                format!("{raised:?}")
            }
            Act::Close { session } => {
                let Session { user_id, sid, .. } = self.session(*session);
                // Whether a session that is over is still there to be closed is nobody's concern.
                let living = store.find_session(user_id, sid, now).await?.is_some();
                let closed = store.close_session(user_id, sid).await?;
                format!("{:?}", living && closed)
            }
            Act::CloseAll { person, except } => {
                let except = except.map(|session| self.session(session).sid);
                let living = store.list_sessions(id(1, *person), now).await?;
                let mut closed = store.close_sessions(id(1, *person), except).await?;
                closed.retain(|sid| living.iter().any(|session| session.sid == *sid));
                closed.sort();
                format!("{closed:?}")
            }
            Act::BeginLogin => {
                self.logins += 1;
                let mut login = login(id(1, self.logins));
                login.created_at = now;
                login.expires_at = now.plus(secs(1));
                format!("{:?}", store.begin_login(&login_hash(self.logins), &login).await?)
            }
            Act::ConsumeLogin { age } => {
                let hash = login_hash(self.logins.saturating_sub(*age));
                let found = store.find_login(&hash, now).await?;
                format!("{found:?} {:?}", store.consume_login(&hash, now).await?)
            }
            Act::PutOneTime { purpose, person, token } => {
                let mut one = one_time(*purpose, id(1, *person), &format!("once {token}"));
                one.expires_at = now.plus(secs(1));
                format!("{:?}", store.put_one_time(&one).await?)
            }
            Act::ConsumeOneTime { purpose, person, token } => {
                let (owner, hash) = (id(1, *person), hash(&format!("once {token}")));
                let found = store.find_one_time(*purpose, owner, &hash, now).await?;
                let consumed = store.consume_one_time(*purpose, owner, &hash, now).await?;
                format!("{found:?} {consumed:?}")
            }
            Act::BeginRequest { key, life } => {
                let (key, until) = (hash(&format!("request {key}")), Duration::from_millis(*life));
                format!("{:?}", store.begin_request(&key, now.plus(until), now).await?)
            }
            Act::FinishRequest { key, life } => {
                let (key, mark) = (hash(&format!("request {key}")), hash("mark"));
                let (answer, ends) = (self.acts.to_string(), Duration::from_millis(*life));
                store.finish_request(&key, &mark, &answer, now.plus(ends)).await?;
                String::new()
            }
            Act::DropRequest { key } => {
                format!("{:?}", store.drop_request(&hash(&format!("request {key}"))).await?)
            }
            Act::Try { key, limit } => {
                let window = Duration::from_millis(50);
                let budget = store.count_try(&format!("key {key}"), *limit, window, now).await?;
                format!("{budget:?}")
            }
            Act::Forgive { key, ago } => {
                let then = now.minus(Duration::from_millis(*ago));
                format!("{:?}", store.forgive_try(&format!("key {key}"), then).await?)
            }
            other => panic!("{other:?} is an act of no store"),
        })
    }

    /// All that can be read, as text.
    pub(super) async fn everything(&self) -> StoreResult<Vec<String>> {
        let (identity, sessions) = (&self.pair.identity, &self.pair.sessions);
        let mut all = Vec::new();
        for person in 0..3_u8 {
            for key in [format!("person{person}@example.com"), format!("name{person}")] {
                all.push(format!("{:?}", identity.find_user_by_login(&key).await?));
            }
            for session in &self.opened {
                let subject = identity.find_subject(id(1, person), session.sid).await?;
                all.push(format!("{subject:?}"));
            }
            let factors = identity.list_factors(id(1, person)).await?;
            for factor in &factors {
                all.push(format!("{:?}", identity.count_backup_codes(factor.id).await?));
            }
            all.push(format!("{factors:?}"));
            all.push(format!("{:?}", identity.list_devices(id(1, person)).await?));
            all.push(format!("{:?}", identity.list_memberships(id(1, person)).await?));
            all.push(format!("{:?}", identity.list_api_keys(id(1, person)).await?));
            all.push(format!("{:?}", identity.list_consents(id(1, person)).await?));
            let about = identity.list_audit_about(id(1, person), at(0), None, 1000).await?;
            all.push(format!("{about:?}"));
            for client in 0..3_u8 {
                let client = format!("client{client}");
                all.push(format!("{:?}", identity.find_consent(id(1, person), &client).await?));
            }
            all.push(format!("{:?}", sessions.list_families(id(1, person), self.now).await?));
            // As JSON, which shows the hashes.
            let sessions = sessions.list_sessions(id(1, person), self.now).await?;
            all.push(serde_json::to_string(&sessions).unwrap());
        }
        let mut tenants = identity.list_tenants().await?;
        // The first one is as old as its store.
        tenants.retain(|tenant| tenant.id != DEFAULT_TENANT);
        all.push(format!("{tenants:?}"));
        let clients = identity.list_clients("", 100).await?;
        all.push(format!("{} {}", clients.len(), identity.count_clients().await?));
        all.push(serde_json::to_string(&clients).unwrap());
        for number in 1..=self.accesses {
            let hash = hash(&format!("access {number}"));
            all.push(format!("{:?}", identity.find_initial_access(&hash, self.now).await?));
        }
        let named = self.opened.iter().map(|session| session.sid.to_string());
        let named: Vec<_> = named.map(|sid| (CutOffKind::Session, sid)).collect();
        all.push(format!("{:?}", identity.find_cut_offs(&named).await?));
        all.push(format!("{:?}", identity.errand_backlog().await?));
        let far = self.now.plus(secs(9));
        all.push(format!("{:?}", identity.claim_errands(far, far, 100).await?));
        all.push(format!("{:?}", identity.has_admin().await?));
        all.push(format!("{:?}", identity.list_signing_keys(self.now).await?));
        let mut snapshot = identity.snapshot("https://issuer.example", 100_000, self.now).await?;
        snapshot.epoch.clear();
        snapshot.cut_offs.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
        all.push(format!("{snapshot:?}"));
        all.push(format!("{:?}", identity.list_feed(0, 10_000).await?));
        all.push(format!("{:?}", identity.list_audit(0, 10_000).await?));
        Ok(all)
    }
}
