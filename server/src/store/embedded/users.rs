//! People.

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
};
use rusqlite::{Connection, Row, named_params, params, types::ValueRef};
use uuid::Uuid;

use super::{
    api_keys, audit,
    cached::{Cached, json, named, number, stored, time, time_opt},
    cut_offs, factors,
    fault::Fault,
    tenants,
    writer::Tx,
};
use crate::{
    domain::{
        audit::Event,
        factor::{BackupCode, Factor},
        user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
    },
    store::identity::{
        AccountChange, AccountChanged, AddressChanged, Created, NewAddress, NewPassword, NewPhone,
        PeopleWanted, ProfileChanged, Registered, Subject,
    },
};

/// The columns of a person, in the order [`read`] takes them.
macro_rules! columns {
    () => {
        "u.id, u.tenant_id, u.status, u.email, u.email_key, u.email_verified_at, u.username, \
         u.username_key, u.name, u.given_name, u.family_name, u.backup_email, u.locale, u.phone, \
         u.phone_verified_at, u.rual_code, u.guid, u.roles, u.claims, u.password_hash, \
         u.password_changed_at, u.factor_epoch, u.created_at, u.updated_at, u.last_login_at"
    };
}
const COLUMNS: usize = 25;

/// Those who are wanted: of a part of a key, a part of a name, a status and the one they come after.
macro_rules! wanted {
    () => {
        " FROM users u
         WHERE (?1 IS NULL OR instr(u.email_key, ?1) OR instr(u.username_key, ?1)
                 OR instr(lower(u.name), ?2))
             AND (?3 IS NULL OR u.status = ?3) AND u.id < ?4"
    };
}

/// Registers a pending account, or renews the one the address has.
pub(super) fn register(tx: &Tx<'_>, user: &User, event: &Event) -> Result<Registered, Fault> {
    let holder = tx.one(
        "SELECT id, status = 'pending' AND password_hash IS NOT NULL AND roles = '[]'
             FROM users WHERE email_key = ?1",
        [&user.email_key],
        |row| Ok((row.get::<_, Uuid>(0)?, row.get::<_, bool>(1)?)),
    )?;
    match holder {
        None => {
            insert(tx, user)?;
            audit::append_about(tx, event, user.id)?;
            Ok(Registered::Created)
        }
        Some((id, true)) => {
            tx.run(
                "UPDATE users SET password_hash = ?2, password_changed_at = ?3, name = ?4,
                     given_name = ?5, family_name = ?6, created_at = ?7, updated_at = ?8, email = ?9
                 WHERE id = ?1",
                params![
                    id,
                    user.password_hash,
                    user.password_changed_at.map(Time::millis),
                    user.name,
                    user.given_name,
                    user.family_name,
                    user.created_at.millis(),
                    user.updated_at.millis(),
                    user.email,
                ],
            )?;
            audit::append_about(tx, event, id)?;
            Ok(Registered::Renewed(id))
        }
        Some((id, _)) => Ok(Registered::Taken(id)),
    }
}

/// Makes an account as it stands.
pub(super) fn create(
    tx: &Tx<'_>,
    user: &User,
    factors: &[Factor],
    codes: &[BackupCode],
    first_admin: bool,
    event: &Event,
) -> Result<Created, Fault> {
    if first_admin && tx.any("SELECT 1 FROM users WHERE is_admin = 1 LIMIT 1", [])? {
        return Ok(Created::AdminExists);
    }
    if tx.any("SELECT 1 FROM users WHERE email_key = ?1", [&user.email_key])? {
        return Ok(Created::AddressTaken);
    }
    if tx.any("SELECT 1 FROM users WHERE username_key = ?1", [&user.username_key])? {
        return Ok(Created::UsernameTaken);
    }
    insert(tx, user)?;
    factors::insert(tx, factors, codes)?;
    audit::append(tx, event)?;
    Ok(Created::Created)
}

/// The person of this id.
pub(super) fn find(connection: &Connection, id: Uuid) -> Result<Option<User>, Fault> {
    let sql = concat!("SELECT ", columns!(), " FROM users u WHERE u.id = ?1");
    Ok(connection.one(sql, [id], read)?)
}

/// The person whose address is `key`, else whose user name is.
pub(super) fn find_by_login(connection: &Connection, key: &str) -> Result<Option<User>, Fault> {
    let by_address = concat!("SELECT ", columns!(), " FROM users u WHERE u.email_key = ?1");
    if let Some(user) = connection.one(by_address, [key], read)? {
        return Ok(Some(user));
    }
    let by_name = concat!("SELECT ", columns!(), " FROM users u WHERE u.username_key = ?1");
    Ok(connection.one(by_name, [key], read)?)
}

/// People by id, newest first.
pub(super) fn list(
    connection: &Connection,
    wanted: &PeopleWanted,
    skip: u64,
    limit: u32,
) -> Result<Vec<User>, Fault> {
    let sql = concat!("SELECT ", columns!(), wanted!(), " ORDER BY u.id DESC LIMIT ?5 OFFSET ?6");
    let ((key, name), status) = (wanted.parts(), wanted.status.map(UserStatus::as_str));
    let after = wanted.after.unwrap_or(Uuid::max());
    Ok(connection.all(sql, params![key, name, status, after, limit, stored(skip)], read)?)
}

/// How many they are.
pub(super) fn count(connection: &Connection, wanted: &PeopleWanted) -> Result<u64, Fault> {
    let sql = concat!("SELECT count(*)", wanted!());
    let ((key, name), status) = (wanted.parts(), wanted.status.map(UserStatus::as_str));
    let after = wanted.after.unwrap_or(Uuid::max());
    let count: i64 =
        connection.query_row(sql, params![key, name, status, after], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Makes of an account what an admin says, if it still stands as expected.
pub(super) fn change_account(
    tx: &Tx<'_>,
    change: &AccountChange,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> Result<AccountChanged, Fault> {
    let AccountChange { user_id, expected, name, roles, tenant_id, status, ends } = change;
    let same = "SELECT 1 FROM users WHERE id = ?1 AND updated_at = ?2";
    if !tx.any(same, params![user_id, expected.millis()])? {
        return Ok(AccountChanged::Overtaken);
    }
    let is_the_last = "SELECT 1 FROM users
         WHERE id = ?1 AND is_admin = 1 AND status = 'active' AND tenant_id = ?2 AND NOT EXISTS (
             SELECT 1 FROM users other
              WHERE other.is_admin = 1 AND other.status = 'active' AND other.tenant_id = ?2
                  AND other.id <> ?1)";
    if !change.is_admin() && tx.any(is_the_last, params![user_id, DEFAULT_TENANT])? {
        return Ok(AccountChanged::LastAdmin);
    }
    tx.run(
        "UPDATE users SET name = ?3, roles = ?4, is_admin = ?5, tenant_id = ?6, status = ?7,
             updated_at = max(?8, ?2 + 1), factor_epoch = factor_epoch + ?9
         WHERE id = ?1",
        params![
            user_id,
            expected.millis(),
            name,
            serde_json::to_string(roles)?,
            roles.iter().any(|role| role == ADMIN_ROLE),
            tenant_id,
            status.as_str(),
            now.millis(),
            i64::from(*ends),
        ],
    )?;
    let at_home = "DELETE FROM memberships WHERE user_id = ?1 AND tenant_id = ?2";
    tx.run(at_home, params![user_id, tenant_id])?;
    cut_offs::put(tx, cut_offs, event)?;
    api_keys::tell_if_any(tx, *user_id, event.at)?;
    Ok(AccountChanged::Changed)
}

/// The person with the endings of this session and of everything of theirs, and with their
/// memberships: a row for each, or one without.
pub(super) fn find_subject(
    connection: &Connection,
    id: Uuid,
    sid: Uuid,
    named: &[(CutOffKind, String)],
) -> Result<Option<Subject>, Fault> {
    const MEMBERSHIP: usize = COLUMNS + 4;
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", s.at, s.until, p.at, p.until, m.tenant_id, m.roles, m.created_at FROM users u
         LEFT JOIN cut_offs s ON s.kind = 'session' AND s.id = ?2
         LEFT JOIN cut_offs p ON p.kind = 'user' AND p.id = ?3
         LEFT JOIN memberships m ON m.user_id = ?1
         WHERE u.id = ?1 ORDER BY m.tenant_id"
    );
    let (session, person) = (sid.to_string(), id.to_string());
    let mut subject: Option<Subject> = None;
    connection.all(sql, params![id, session, person], |row| {
        let subject = match subject.take() {
            Some(known) => subject.insert(known),
            None => subject.insert(Subject {
                user: read(row)?,
                memberships: Vec::new(),
                session_cut_off: ending(row, COLUMNS, CutOffKind::Session, &session)?,
                user_cut_off: ending(row, COLUMNS + 2, CutOffKind::User, &person)?,
                ended: Vec::new(),
            }),
        };
        if row.get_ref(MEMBERSHIP)? != ValueRef::Null {
            subject.memberships.push(tenants::read_membership(row, MEMBERSHIP, id)?);
        }
        Ok(())
    })?;
    if let Some(subject) = &mut subject {
        subject.ended = cut_offs::find(connection, named)?;
    }
    Ok(subject)
}

/// Marks the address proved and the pending account active.
pub(super) fn activate(
    tx: &Tx<'_>,
    id: Uuid,
    email_key: &str,
    password_changed_at: Option<Time>,
    now: Time,
    event: &Event,
) -> Result<bool, Fault> {
    let activated = tx.run(
        "UPDATE users SET status = 'active', email_verified_at = ?4, updated_at = ?4
         WHERE id = ?1 AND status = 'pending' AND email_key = ?2 AND password_changed_at IS ?3",
        params![id, email_key, password_changed_at.map(Time::millis), now.millis()],
    )?;
    if activated == 0 {
        return Ok(false);
    }
    audit::append(tx, event)?;
    Ok(true)
}

/// Sets a new password, if the account still stands as expected.
pub(super) fn change_password(
    tx: &Tx<'_>,
    password: &NewPassword,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> Result<bool, Fault> {
    let invited = password.invited.as_ref();
    let roles = invited.map(|invited| serde_json::to_string(&invited.roles)).transpose()?;
    let changed = tx.run(
        "UPDATE users SET password_hash = ?4, password_changed_at = ?5, updated_at = ?5,
             factor_epoch = factor_epoch + 1, status = 'active',
             tenant_id = coalesce(?6, tenant_id), roles = coalesce(?7, roles),
             is_admin = coalesce(?8, is_admin), name = coalesce(?9, name),
             email_verified_at = coalesce(email_verified_at, CASE WHEN ?3 IS NOT NULL THEN ?5 END)
         WHERE id = ?1 AND factor_epoch = ?2 AND email_key = coalesce(?3, email_key)
             AND (status = 'active' OR status IN ('pending', 'blocked') AND ?3 IS NOT NULL)",
        params![
            password.user_id,
            stored(password.expected_epoch),
            password.proves_address,
            password.hash,
            now.millis(),
            invited.map(|invited| &invited.tenant_id),
            roles,
            invited.map(|invited| invited.roles.iter().any(|role| role == ADMIN_ROLE)),
            invited.map(|invited| &invited.name),
        ],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    cut_offs::put(tx, cut_offs, event)?;
    api_keys::tell_if_any(tx, password.user_id, event.at)?;
    Ok(true)
}

/// Replaces what somebody says of themselves, if they are still as expected.
pub(super) fn change_profile(
    tx: &Tx<'_>,
    user: &User,
    expected: Time,
    now: Time,
    event: &Event,
) -> Result<ProfileChanged, Fault> {
    let same = "SELECT 1 FROM users WHERE id = ?1 AND updated_at = ?2";
    if !tx.any(same, params![user.id, expected.millis()])? {
        return Ok(ProfileChanged::Overtaken);
    }
    let taken = "SELECT 1 FROM users WHERE username_key = ?1 AND id <> ?2";
    if tx.any(taken, params![user.username_key, user.id])? {
        return Ok(ProfileChanged::UsernameTaken);
    }
    tx.run(
        "UPDATE users SET username = ?3, username_key = ?4, name = ?5, given_name = ?6,
             family_name = ?7, locale = ?8, claims = ?9, updated_at = max(?10, ?2 + 1)
         WHERE id = ?1",
        params![
            user.id,
            expected.millis(),
            user.username,
            user.username_key,
            user.name,
            user.given_name,
            user.family_name,
            user.locale,
            serde_json::to_string(&user.claims)?,
            now.millis(),
        ],
    )?;
    api_keys::tell_if_any(tx, user.id, event.at)?;
    audit::append(tx, event)?;
    Ok(ProfileChanged::Changed)
}

/// Gives a person another address, in the place of whoever holds it without having proved it.
pub(super) fn change_address(
    tx: &Tx<'_>,
    new: &NewAddress,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> Result<AddressChanged, Fault> {
    let NewAddress { user_id, expected_epoch, address, displaces } = new;
    let sql = "SELECT 1 FROM users WHERE id = ?1 AND factor_epoch = ?2 AND status = 'active'";
    if !tx.any(sql, params![user_id, stored(*expected_epoch)])? {
        return Ok(AddressChanged::Overtaken);
    }
    let holder = tx.one(
        "SELECT id, status = 'pending' AND password_hash IS NOT NULL AND roles = '[]'
             FROM users WHERE email_key = ?1 AND id <> ?2",
        params![address.key, user_id],
        |row| Ok((row.get::<_, Uuid>(0)?, row.get::<_, bool>(1)?)),
    )?;
    match holder {
        Some((id, true)) if *displaces == Some(id) => {
            tx.run("DELETE FROM users WHERE id = ?1", [id])?;
        }
        Some(_) => return Ok(AddressChanged::Taken),
        None => {}
    }
    tx.run(
        "UPDATE users SET email = ?2, email_key = ?3, email_verified_at = ?4, updated_at = ?4,
             factor_epoch = factor_epoch + 1
         WHERE id = ?1",
        params![user_id, address.display, address.key, now.millis()],
    )?;
    cut_offs::put(tx, cut_offs, event)?;
    api_keys::tell_if_any(tx, *user_id, event.at)?;
    Ok(AddressChanged::Changed)
}

/// Gives a person another number, or none.
pub(super) fn change_phone(
    tx: &Tx<'_>,
    new: &NewPhone,
    now: Time,
    event: &Event,
) -> Result<bool, Fault> {
    let changed = tx.run(
        "UPDATE users SET phone = ?3, updated_at = ?4,
             phone_verified_at = CASE WHEN ?3 IS NOT NULL THEN ?4 END
         WHERE id = ?1 AND factor_epoch = ?2 AND status = 'active'",
        params![new.user_id, stored(new.expected_epoch), new.phone, now.millis()],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    audit::append(tx, event)?;
    Ok(true)
}

/// Replaces a password hash, if it is still the old one.
pub(super) fn renew_password_hash(
    tx: &Tx<'_>,
    id: Uuid,
    old: &str,
    new: &str,
) -> Result<bool, Fault> {
    let sql = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
    Ok(tx.run(sql, params![id, old, new])? == 1)
}

/// Notes a sign-in.
pub(super) fn record_login(tx: &Tx<'_>, id: Uuid, now: Time, event: &Event) -> Result<(), Fault> {
    tx.run("UPDATE users SET last_login_at = ?2 WHERE id = ?1", params![id, now.millis()])?;
    audit::append(tx, event)
}

/// Whether anybody who may sign in, or may soon, is an admin.
pub(super) fn has_admin(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM users
         WHERE is_admin = 1 AND status IN ('active', 'pending') LIMIT 1";
    Ok(connection.any(sql, [])?)
}

/// How many of those admins have no confirmed factor.
pub(super) fn count_admins_without_factor(connection: &Connection) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM users
         WHERE is_admin = 1 AND status IN ('active', 'pending') AND NOT EXISTS (
             SELECT 1 FROM factors
              WHERE factors.user_id = users.id AND confirmed_at IS NOT NULL)";
    let count: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn ending(
    row: &Row<'_>,
    first: usize,
    kind: CutOffKind,
    id: &str,
) -> rusqlite::Result<Option<CutOff>> {
    let (at, until) = (time_opt(row, first)?, time_opt(row, first + 1)?);
    Ok(at.zip(until).map(|(at, until)| CutOff { kind, id: id.to_owned(), at, until }))
}

fn insert(tx: &Tx<'_>, user: &User) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO users (id, tenant_id, status, email, email_key, email_verified_at, username,
             username_key, name, given_name, family_name, backup_email, locale, phone,
             phone_verified_at, rual_code, guid, roles, claims, password_hash,
             password_changed_at, factor_epoch, created_at, updated_at, last_login_at, is_admin)
         VALUES (:id, :tenant_id, :status, :email, :email_key, :email_verified_at, :username,
             :username_key, :name, :given_name, :family_name, :backup_email, :locale, :phone,
             :phone_verified_at, :rual_code, :guid, :roles, :claims, :password_hash,
             :password_changed_at, :factor_epoch, :created_at, :updated_at, :last_login_at,
             :is_admin)",
        named_params! {
            ":id": user.id,
            ":tenant_id": user.tenant_id,
            ":status": user.status.as_str(),
            ":email": user.email,
            ":email_key": user.email_key,
            ":email_verified_at": user.email_verified_at.map(Time::millis),
            ":username": user.username,
            ":username_key": user.username_key,
            ":name": user.name,
            ":given_name": user.given_name,
            ":family_name": user.family_name,
            ":backup_email": user.backup_email,
            ":locale": user.locale,
            ":phone": user.phone,
            ":phone_verified_at": user.phone_verified_at.map(Time::millis),
            ":rual_code": user.rual_code,
            ":guid": user.guid,
            ":roles": serde_json::to_string(&user.roles)?,
            ":claims": serde_json::to_string(&user.claims)?,
            ":password_hash": user.password_hash,
            ":password_changed_at": user.password_changed_at.map(Time::millis),
            ":factor_epoch": stored(user.factor_epoch),
            ":created_at": user.created_at.millis(),
            ":updated_at": user.updated_at.millis(),
            ":last_login_at": user.last_login_at.map(Time::millis),
            ":is_admin": user.is_admin(),
        },
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        tenant_id: row.get(1)?,
        status: named(row, 2, UserStatus::parse)?,
        email: row.get(3)?,
        email_key: row.get(4)?,
        email_verified_at: time_opt(row, 5)?,
        username: row.get(6)?,
        username_key: row.get(7)?,
        name: row.get(8)?,
        given_name: row.get(9)?,
        family_name: row.get(10)?,
        backup_email: row.get(11)?,
        locale: row.get(12)?,
        phone: row.get(13)?,
        phone_verified_at: time_opt(row, 14)?,
        rual_code: row.get(15)?,
        guid: row.get(16)?,
        roles: json(row, 17)?,
        claims: json(row, 18)?,
        password_hash: row.get(19)?,
        password_changed_at: time_opt(row, 20)?,
        factor_epoch: number(row, 21)?,
        created_at: time(row, 22)?,
        updated_at: time(row, 23)?,
        last_login_at: time_opt(row, 24)?,
    })
}
