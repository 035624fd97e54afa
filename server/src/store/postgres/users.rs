//! People.

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
};
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use super::{
    Postgres,
    act::Act,
    api_keys, broken,
    cells::{Cells, millis, stored},
    factors, feed, unavailable,
};
use crate::{
    domain::{
        audit::Event,
        factor::{BackupCode, Factor},
        tenant::Membership,
        user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
    },
    store::{
        StoreResult,
        identity::{
            AccountChange, AccountChanged, AddressChanged, Created, NewAddress, NewPassword,
            NewPhone, PeopleWanted, ProfileChanged, Registered, Subject,
        },
    },
};

/// The columns of a person. Named, because a prepared `*` fails on the replicas that are still
/// running when a newer one adds a column.
macro_rules! columns {
    () => {
        "id, tenant_id, status, email, email_key, email_verified_at, username, username_key, name,
         given_name, family_name, backup_email, locale, phone, phone_verified_at, rual_code, guid,
         roles, claims, password_hash, password_changed_at, factor_epoch, created_at, updated_at,
         last_login_at"
    };
}

/// Those who are wanted: of a part of a key, a part of a name, a status and the one they come after. Of names
/// ASCII letters alone have a case, as in every other store.
macro_rules! wanted {
    () => {
        " FROM users
         WHERE ($1::text IS NULL OR strpos(email_key, $1) > 0 OR strpos(username_key, $1) > 0
                 OR strpos(lower(name COLLATE \"C\"), $2::text) > 0)
             AND ($3::text IS NULL OR status = $3) AND id < $4"
    };
}

pub(super) async fn register(
    store: &Postgres,
    user: &User,
    event: &Event,
) -> StoreResult<Registered> {
    let mut act = store.transaction().await?;
    let registered = match insert(&mut act, user, Some("email_key")).await? {
        true => Registered::Created,
        false => match renew_pending(&mut act, user).await? {
            Some(id) => Registered::Renewed(id),
            None => {
                let owner = id_of_address(&mut act, &user.email_key).await?;
                act.roll_back().await?;
                // Gone between the statements: whoever asks again will get the address.
                return owner
                    .map(Registered::Taken)
                    .ok_or_else(|| unavailable("the address has just become free"));
            }
        },
    };
    let id = match registered {
        Registered::Renewed(id) => id,
        _ => user.id,
    };
    let event = Event { user_id: Some(id), ..event.clone() };
    store.commit_with(act, &[], &event).await?;
    Ok(registered)
}

async fn renew_pending(act: &mut Act, user: &User) -> StoreResult<Option<Uuid>> {
    let row = act
        .row(
            "UPDATE users SET email = $2, name = $3, given_name = $4, family_name = $5,
                 password_hash = $6, password_changed_at = $7, created_at = $8, updated_at = $9
             WHERE email_key = $1 AND status = $10
                 AND password_hash IS NOT NULL AND roles = '{}' RETURNING id",
            &[
                &user.email_key,
                &user.email,
                &user.name,
                &user.given_name,
                &user.family_name,
                &user.password_hash,
                &millis(user.password_changed_at),
                &user.created_at.millis(),
                &user.updated_at.millis(),
                &UserStatus::Pending.as_str(),
            ],
        )
        .await?;
    row.map(|row| Cells(&row).get("id")).transpose()
}

pub(super) async fn create(
    store: &Postgres,
    user: &User,
    factors: &[Factor],
    codes: &[BackupCode],
    first_admin: bool,
    event: &Event,
) -> StoreResult<Created> {
    let mut act = store.transaction().await?;
    if first_admin {
        // There is no row yet to compete for.
        act.rows("SELECT pg_advisory_xact_lock(hashtext('first_admin'))", &[]).await?;
        let admin =
            act.row("SELECT 1 FROM users WHERE roles @> ARRAY[$1] LIMIT 1", &[&ADMIN_ROLE]).await?;
        if admin.is_some() {
            act.roll_back().await?;
            return Ok(Created::AdminExists);
        }
    }
    if !insert(&mut act, user, None).await? {
        let owner = id_of_address(&mut act, &user.email_key).await?;
        act.roll_back().await?;
        return Ok(match owner {
            Some(_) => Created::AddressTaken,
            None => Created::UsernameTaken,
        });
    }
    factors::insert(&mut act, factors, codes).await?;
    store.commit_with(act, &[], event).await?;
    Ok(Created::Created)
}

/// Whether a row was made. A conflict on the given unique column (`None`: on any) makes none.
async fn insert(act: &mut Act, user: &User, conflict: Option<&str>) -> StoreResult<bool> {
    let conflict = conflict.map(|column| format!("({column})")).unwrap_or_default();
    let sql = format!(
        "INSERT INTO users ({columns})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22, $23, $24, $25)
         ON CONFLICT {conflict} DO NOTHING",
        columns = columns!()
    );
    let made = act
        .change(
            &sql,
            &[
                &user.id,
                &user.tenant_id,
                &user.status.as_str(),
                &user.email,
                &user.email_key,
                &millis(user.email_verified_at),
                &user.username,
                &user.username_key,
                &user.name,
                &user.given_name,
                &user.family_name,
                &user.backup_email,
                &user.locale,
                &user.phone,
                &millis(user.phone_verified_at),
                &user.rual_code,
                &user.guid,
                &user.roles,
                &Json(&user.claims),
                &user.password_hash,
                &millis(user.password_changed_at),
                &stored(user.factor_epoch),
                &user.created_at.millis(),
                &user.updated_at.millis(),
                &millis(user.last_login_at),
            ],
        )
        .await?;
    Ok(made == 1)
}

async fn id_of_address(act: &mut Act, email_key: &str) -> StoreResult<Option<Uuid>> {
    let row = act.row("SELECT id FROM users WHERE email_key = $1", &[&email_key]).await?;
    row.map(|row| Cells(&row).get("id")).transpose()
}

pub(super) async fn find(store: &Postgres, id: Uuid) -> StoreResult<Option<User>> {
    let sql = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
    let row = store.act().await?.row(sql, &[&id]).await?;
    row.map(|row| read(&Cells(&row))).transpose()
}

pub(super) async fn find_by_login(store: &Postgres, key: &str) -> StoreResult<Option<User>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE email_key = $1 OR username_key = $1
         ORDER BY email_key = $1 DESC LIMIT 1"
    );
    let row = store.act().await?.row(sql, &[&key]).await?;
    row.map(|row| read(&Cells(&row))).transpose()
}

/// People by id, newest first.
pub(super) async fn list(
    store: &Postgres,
    wanted: &PeopleWanted,
    skip: u64,
    limit: u32,
) -> StoreResult<Vec<User>> {
    let sql = concat!("SELECT ", columns!(), wanted!(), " ORDER BY id DESC LIMIT $5 OFFSET $6");
    let ((key, name), status) = (wanted.parts(), wanted.status.map(UserStatus::as_str));
    let (after, limit, skip) =
        (wanted.after.unwrap_or(Uuid::max()), i64::from(limit), stored(skip));
    let params: [&(dyn ToSql + Sync); 6] = [&key, &name, &status, &after, &limit, &skip];
    let rows = store.act().await?.rows(sql, &params).await?;
    rows.iter().map(|row| read(&Cells(row))).collect()
}

/// How many they are.
pub(super) async fn count(store: &Postgres, wanted: &PeopleWanted) -> StoreResult<u64> {
    let sql = concat!("SELECT count(*) AS people", wanted!());
    let ((key, name), status) = (wanted.parts(), wanted.status.map(UserStatus::as_str));
    let after = wanted.after.unwrap_or(Uuid::max());
    let row = store.act().await?.row(sql, &[&key, &name, &status, &after]).await?;
    Cells(&row.ok_or_else(|| broken("a count has no row"))?).count("people")
}

pub(super) async fn change_account(
    store: &Postgres,
    change: &AccountChange,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> StoreResult<AccountChanged> {
    let active = UserStatus::Active.as_str();
    let mut act = store.transaction().await?;
    // Of two admins who would each make the other the last one, the second sees what the first has done.
    act.rows("SELECT pg_advisory_xact_lock(hashtext('admins'))", &[]).await?;
    let held = act
        .row(
            "SELECT roles @> ARRAY[$3] AND status = $4 AND tenant_id = $5 AS is_admin FROM users
             WHERE id = $1 AND updated_at = $2 FOR NO KEY UPDATE",
            &[&change.user_id, &change.expected.millis(), &ADMIN_ROLE, &active, &DEFAULT_TENANT],
        )
        .await?;
    let Some(held) = held else {
        act.roll_back().await?;
        return Ok(AccountChanged::Overtaken);
    };
    if Cells(&held).get("is_admin")? && !change.is_admin() {
        let other = act
            .row(
                "SELECT 1 FROM users
                 WHERE roles @> ARRAY[$2] AND status = $3 AND tenant_id = $4 AND id <> $1 LIMIT 1",
                &[&change.user_id, &ADMIN_ROLE, &active, &DEFAULT_TENANT],
            )
            .await?;
        if other.is_none() {
            act.roll_back().await?;
            return Ok(AccountChanged::LastAdmin);
        }
    }
    act.change(
        "UPDATE users SET name = $2, roles = $3, tenant_id = $4, status = $5,
             updated_at = greatest($6::bigint, updated_at + 1),
             factor_epoch = factor_epoch + $7::bigint
         WHERE id = $1",
        &[
            &change.user_id,
            &change.name,
            &change.roles,
            &change.tenant_id,
            &change.status.as_str(),
            &now.millis(),
            &i64::from(change.ends),
        ],
    )
    .await?;
    act.change(
        "DELETE FROM memberships WHERE user_id = $1 AND tenant_id = $2",
        &[&change.user_id, &change.tenant_id],
    )
    .await?;
    let mut changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    changes.extend(api_keys::told_if_any(&mut act, change.user_id, event.at).await?);
    store.commit_with(act, &changes, event).await?;
    Ok(AccountChanged::Changed)
}

/// The memberships come in the same rows: one for each, or one without. Other endings come from a
/// statement of their own, sent in the same breath.
pub(super) async fn find_subject(
    store: &Postgres,
    id: Uuid,
    sid: Uuid,
    named: &[(CutOffKind, String)],
) -> StoreResult<Option<Subject>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", session_at, session_until_at, person_at, person_until_at, place, place_roles, place_at
         FROM users
         LEFT JOIN (SELECT at AS session_at, until_at AS session_until_at FROM cut_offs
             WHERE kind = $2 AND id = $3) session ON TRUE
         LEFT JOIN (SELECT at AS person_at, until_at AS person_until_at FROM cut_offs
             WHERE kind = $4 AND id = $5) person ON TRUE
         LEFT JOIN (SELECT tenant_id AS place, roles AS place_roles, created_at AS place_at
             FROM memberships WHERE user_id = $1) places ON TRUE
         WHERE users.id = $1"
    );
    let (session, user) = (CutOffKind::Session.as_str(), CutOffKind::User.as_str());
    let (sid_text, id_text) = (sid.to_string(), id.to_string());
    let params: [&(dyn ToSql + Sync); 5] = [&id, &session, &sid_text, &user, &id_text];
    let mut act = store.act().await?;
    let (rows, ended) = if named.is_empty() {
        (act.rows(sql, &params).await?, Vec::new())
    } else {
        let asking = feed::Named::of(named);
        let ends = (asking.sql.as_str(), &*asking.params());
        let (rows, ends) = act.both_rows((sql, &params), ends).await?;
        (rows, asking.read(&ends)?)
    };
    let Some(first) = rows.first() else { return Ok(None) };
    let cells = Cells(first);
    let ending = |kind, id: Uuid, at, until| -> StoreResult<Option<CutOff>> {
        let ends = cells.time_if_any(at)?.zip(cells.time_if_any(until)?);
        Ok(ends.map(|(at, until)| CutOff { kind, id: id.to_string(), at, until }))
    };
    let mut memberships: Vec<Membership> = Vec::new();
    for row in &rows {
        let cells = Cells(row);
        if let Some(tenant_id) = cells.get("place")? {
            let (roles, created_at) = (cells.get("place_roles")?, cells.time("place_at")?);
            memberships.push(Membership { user_id: id, tenant_id, roles, created_at });
        }
    }
    // Here, because every refresh would pay for a sort of one row there.
    memberships.sort_by(|one, other| one.tenant_id.cmp(&other.tenant_id));
    Ok(Some(Subject {
        user: read(&cells)?,
        memberships,
        session_cut_off: ending(CutOffKind::Session, sid, "session_at", "session_until_at")?,
        user_cut_off: ending(CutOffKind::User, id, "person_at", "person_until_at")?,
        ended,
    }))
}

pub(super) async fn activate(
    store: &Postgres,
    id: Uuid,
    email_key: &str,
    password_changed_at: Option<Time>,
    now: Time,
    event: &Event,
) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let activated = act
        .change(
            "UPDATE users SET status = $5, email_verified_at = $4, updated_at = $4
             WHERE id = $1 AND email_key = $2 AND password_changed_at IS NOT DISTINCT FROM $3
                 AND status = $6",
            &[
                &id,
                &email_key,
                &millis(password_changed_at),
                &now.millis(),
                &UserStatus::Active.as_str(),
                &UserStatus::Pending.as_str(),
            ],
        )
        .await?;
    if activated == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    store.commit_with(act, &[], event).await?;
    Ok(true)
}

pub(super) async fn change_password(
    store: &Postgres,
    password: &NewPassword,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> StoreResult<bool> {
    let invited = password.invited.as_ref();
    let mut act = store.transaction().await?;
    let changed = act
        .change(
            "UPDATE users SET password_hash = $4, password_changed_at = $5, updated_at = $5,
                 factor_epoch = factor_epoch + 1, status = $6,
                 tenant_id = coalesce($8, tenant_id), roles = coalesce($9, roles),
                 name = coalesce($10, name),
                 email_verified_at = coalesce(email_verified_at,
                     CASE WHEN $3::text IS NOT NULL THEN $5::bigint END)
             WHERE id = $1 AND factor_epoch = $2 AND email_key = coalesce($3, email_key)
                 AND (status = $6 OR status IN ($7, $11) AND $3 IS NOT NULL)",
            &[
                &password.user_id,
                &stored(password.expected_epoch),
                &password.proves_address,
                &password.hash,
                &now.millis(),
                &UserStatus::Active.as_str(),
                &UserStatus::Pending.as_str(),
                &invited.map(|invited| &invited.tenant_id),
                &invited.map(|invited| &invited.roles),
                &invited.map(|invited| &invited.name),
                &UserStatus::Blocked.as_str(),
            ],
        )
        .await?;
    if changed == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    let mut changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    changes.extend(api_keys::told_if_any(&mut act, password.user_id, event.at).await?);
    store.commit_with(act, &changes, event).await?;
    Ok(true)
}

pub(super) async fn change_profile(
    store: &Postgres,
    user: &User,
    expected: Time,
    now: Time,
    event: &Event,
) -> StoreResult<ProfileChanged> {
    let mut act = store.transaction().await?;
    let changed = act
        .change_unless_taken(
            "UPDATE users SET username = $3, username_key = $4, name = $5, given_name = $6,
                 family_name = $7, locale = $8, claims = $9, updated_at = greatest($10::bigint, $2::bigint + 1)
             WHERE id = $1 AND updated_at = $2",
            &[
                &user.id,
                &expected.millis(),
                &user.username,
                &user.username_key,
                &user.name,
                &user.given_name,
                &user.family_name,
                &user.locale,
                &Json(&user.claims),
                &now.millis(),
            ],
        )
        .await?;
    let refused = match changed {
        None => Some(ProfileChanged::UsernameTaken),
        Some(0) => Some(ProfileChanged::Overtaken),
        Some(_) => None,
    };
    if let Some(refused) = refused {
        act.roll_back().await?;
        return Ok(refused);
    }
    let told = api_keys::told_if_any(&mut act, user.id, event.at).await?;
    store.commit_with(act, told.as_slice(), event).await?;
    Ok(ProfileChanged::Changed)
}

pub(super) async fn change_address(
    store: &Postgres,
    new: &NewAddress,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> StoreResult<AddressChanged> {
    let mut act = store.transaction().await?;
    if let Some(displaced) = new.displaces {
        act.change(
            "DELETE FROM users
             WHERE id = $1 AND email_key = $2 AND status = $3 AND id <> $4
                 AND password_hash IS NOT NULL AND roles = '{}'",
            &[&displaced, &new.address.key, &UserStatus::Pending.as_str(), &new.user_id],
        )
        .await?;
    }
    let changed = act
        .change_unless_taken(
            "UPDATE users SET email = $3, email_key = $4, email_verified_at = $5, updated_at = $5,
                 factor_epoch = factor_epoch + 1
             WHERE id = $1 AND factor_epoch = $2 AND status = $6",
            &[
                &new.user_id,
                &stored(new.expected_epoch),
                &new.address.display,
                &new.address.key,
                &now.millis(),
                &UserStatus::Active.as_str(),
            ],
        )
        .await?;
    let refused = match changed {
        None => AddressChanged::Taken,
        Some(0) => AddressChanged::Overtaken,
        Some(_) => {
            let mut changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
            changes.extend(api_keys::told_if_any(&mut act, new.user_id, event.at).await?);
            store.commit_with(act, &changes, event).await?;
            return Ok(AddressChanged::Changed);
        }
    };
    act.roll_back().await?;
    Ok(refused)
}

pub(super) async fn change_phone(
    store: &Postgres,
    new: &NewPhone,
    now: Time,
    event: &Event,
) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let changed = act
        .change(
            "UPDATE users SET phone = $3, updated_at = $4,
                 phone_verified_at = CASE WHEN $3::text IS NOT NULL THEN $4::bigint END
             WHERE id = $1 AND factor_epoch = $2 AND status = $5",
            &[
                &new.user_id,
                &stored(new.expected_epoch),
                &new.phone,
                &now.millis(),
                &UserStatus::Active.as_str(),
            ],
        )
        .await?;
    if changed == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    store.commit_with(act, &[], event).await?;
    Ok(true)
}

pub(super) async fn renew_password_hash(
    store: &Postgres,
    id: Uuid,
    old: &str,
    new: &str,
) -> StoreResult<bool> {
    let renewed = store
        .act()
        .await?
        .change(
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
            &[&id, &old, &new],
        )
        .await?;
    Ok(renewed == 1)
}

pub(super) async fn record_login(
    store: &Postgres,
    id: Uuid,
    now: Time,
    event: &Event,
) -> StoreResult<()> {
    let mut act = store.transaction().await?;
    act.change("UPDATE users SET last_login_at = $2 WHERE id = $1", &[&id, &now.millis()]).await?;
    store.commit_with(act, &[], event).await
}

pub(super) async fn has_admin(store: &Postgres) -> StoreResult<bool> {
    let row = store
        .act()
        .await?
        .row(
            "SELECT 1 FROM users WHERE roles @> ARRAY[$1] AND status IN ($2, $3) LIMIT 1",
            &[&ADMIN_ROLE, &UserStatus::Active.as_str(), &UserStatus::Pending.as_str()],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn count_admins_without_factor(store: &Postgres) -> StoreResult<u64> {
    let row = store
        .act()
        .await?
        .row(
            "SELECT count(*) AS admins FROM users
              WHERE roles @> ARRAY[$1] AND status IN ($2, $3) AND NOT EXISTS (
                  SELECT 1 FROM factors
                   WHERE factors.user_id = users.id AND confirmed_at IS NOT NULL)",
            &[&ADMIN_ROLE, &UserStatus::Active.as_str(), &UserStatus::Pending.as_str()],
        )
        .await?;
    row.map_or(Ok(0), |row| Cells(&row).count("admins"))
}

/// Acts on what belongs to a person come one after the other.
pub(super) async fn lock_person(act: &mut Act, user_id: Uuid) -> StoreResult<()> {
    act.rows("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE", &[&user_id]).await?;
    Ok(())
}

fn read(cells: &Cells<'_>) -> StoreResult<User> {
    Ok(User {
        id: cells.get("id")?,
        tenant_id: cells.get("tenant_id")?,
        status: cells.named("status", UserStatus::parse)?,
        email: cells.get("email")?,
        email_key: cells.get("email_key")?,
        email_verified_at: cells.time_if_any("email_verified_at")?,
        username: cells.get("username")?,
        username_key: cells.get("username_key")?,
        name: cells.get("name")?,
        given_name: cells.get("given_name")?,
        family_name: cells.get("family_name")?,
        backup_email: cells.get("backup_email")?,
        locale: cells.get("locale")?,
        phone: cells.get("phone")?,
        phone_verified_at: cells.time_if_any("phone_verified_at")?,
        rual_code: cells.get("rual_code")?,
        guid: cells.get("guid")?,
        roles: cells.get("roles")?,
        claims: cells.get::<Json<_>>("claims")?.0,
        password_hash: cells.get("password_hash")?,
        password_changed_at: cells.time_if_any("password_changed_at")?,
        factor_epoch: cells.count("factor_epoch")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
        last_login_at: cells.time_if_any("last_login_at")?,
    })
}
