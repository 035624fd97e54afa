//! What happened lately to an account, as its owner sees it: their rows of the audit log, without what
//! belongs to others.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use jwks::Time;
use serde_json::Value;
use uuid::Uuid;

use super::{bearer::Caller, error::AuthResult, origin::device_of};
use crate::{
    app::App,
    domain::audit::{Action, AuditRow, Event},
};

/// How far back people see.
pub const SEEN: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How many events they see at most.
const MOST: u32 = 1000;
/// How many rows are read at once.
const BATCH: u32 = 100;
/// Members of an event's details that name a client it is about.
const CLIENTS: [&str; 3] = ["client", "client_id", "issued_to"];

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The owner of the account, or whoever passed for them.
    Owner,
    /// Somebody else who may: an admin, or a command of an operator.
    Other,
    /// Nobody knows: a request that showed nobody, such as a spent token that came back.
    Unknown,
}

/// From where, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whence {
    /// The address.
    pub ip: String,
    /// `User-Agent`, cut to 256 bytes; empty when there was none.
    pub user_agent: String,
    /// What that is, in a few words.
    pub device: String,
}

/// An OAuth client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name for programs.
    pub id: String,
    /// Its name for people; `None`: it is no more.
    pub name: Option<String>,
}

/// Something that happened to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its name.
    pub id: Uuid,
    /// Where it stands in the log: what comes after it is asked for by this.
    pub cursor: Cursor,
    /// When.
    pub at: Time,
    /// What.
    pub action: Action,
    /// Who did it.
    pub by: By,
    /// From where; `None` where that is somebody else's to know, or nobody knows.
    pub from: Option<Whence>,
    /// The client it is about, or that it happened through.
    pub client: Option<Named>,
    /// The site it happened at.
    pub site_key: Option<String>,
    /// The method of the factor it is about, as it is named on every surface.
    pub method: Option<String>,
    /// What the thing it is about is called: a device, an API key.
    pub name: Option<String>,
    /// Why, in a word: of a sign-in that failed, or of sessions that ended.
    pub reason: Option<String>,
    /// The session it is about; of several none.
    pub sid: Option<Uuid>,
    /// How many sessions ended.
    pub sessions: usize,
}

/// A place in the log of one person: newest first, whatever comes after it is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    at: Time,
    seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.millis(), self.seq)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, seq) = text.split_once('-').ok_or(())?;
        let at = Time::from_millis(at.parse().map_err(|_| ())?);
        Ok(Self { at, seq: seq.parse().map_err(|_| ())? })
    }
}

/// What happened to the caller's account, newest first, at most `limit` and a hundred: what comes after
/// `after`, where it is given. Nothing older than [`SEEN`].
///
/// # Errors
/// When the store fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    after: Option<Cursor>,
    limit: u32,
) -> AuthResult<Vec<Activity>> {
    let since = app.clock.now().minus(SEEN);
    let rows = rows(app, caller.user.id, since, after, limit.min(BATCH)).await?;
    describe_all(app, caller.user.id, rows).await
}

/// A page of what happened to the caller's account, newest first, and how much there is: the newest
/// thousand events of the last [`SEEN`]. `skipped`: how many come before the page.
///
/// # Errors
/// When the store fails.
pub async fn page(
    app: &App,
    caller: &Caller,
    skipped: usize,
    limit: usize,
) -> AuthResult<(Vec<Activity>, usize)> {
    let user_id = caller.user.id;
    let since = app.clock.now().minus(SEEN);
    let total = app.identity.count_audit_about(user_id, since, MOST).await?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let limit = limit.min(total.saturating_sub(skipped));
    let (mut to_skip, mut after, mut found) = (skipped, None, Vec::new());
    while found.len() < limit {
        let batch = rows(app, user_id, since, after, BATCH).await?;
        let Some(last) = batch.last() else { break };
        after = Some(cursor(last));
        let passed = to_skip.min(batch.len());
        to_skip -= passed;
        found.extend(batch.into_iter().skip(passed));
    }
    found.truncate(limit);
    Ok((describe_all(app, user_id, found).await?, total))
}

async fn rows(
    app: &App,
    user_id: Uuid,
    since: Time,
    after: Option<Cursor>,
    limit: u32,
) -> AuthResult<Vec<AuditRow>> {
    let after = after.map(|cursor| (cursor.at, cursor.seq));
    Ok(app.identity.list_audit_about(user_id, since, after, limit).await?)
}

fn cursor(row: &AuditRow) -> Cursor {
    Cursor { at: row.event.at, seq: row.seq }
}

/// Each client is looked up once, however often it comes.
async fn describe_all(app: &App, user_id: Uuid, rows: Vec<AuditRow>) -> AuthResult<Vec<Activity>> {
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    for row in &rows {
        for id in client_of(&row.event).into_iter().chain(row.event.client_id.as_deref()) {
            if !names.contains_key(id) {
                let client = app.identity.find_client(id).await?;
                names.insert(id.to_owned(), client.map(|client| client.name().to_owned()));
            }
        }
    }
    Ok(rows.iter().map(|row| describe(user_id, row, &names)).collect())
}

/// The client that an event says it is about.
fn client_of(event: &Event) -> Option<&str> {
    CLIENTS.iter().find_map(|member| text(event, member))
}

fn text<'e>(event: &'e Event, member: &str) -> Option<&'e str> {
    event.details.get(member).and_then(Value::as_str)
}

/// PURE: what the owner of an account sees of a row about it. Of the details nothing but what is named
/// here: what an event says besides may be another's. `names`: of every client that may be meant; the
/// surfaces of this server are none.
fn describe(user_id: Uuid, row: &AuditRow, names: &BTreeMap<String, Option<String>>) -> Activity {
    let event = &row.event;
    let by = match event.actor {
        Some(actor) if actor == user_id => By::Owner,
        Some(_) => By::Other,
        // Whatever no request brought about, a command did, or this server by itself.
        None if event.request_id.is_none() => By::Other,
        None => By::Unknown,
    };
    let from = event.ip.clone().filter(|_| by != By::Other).map(|ip| {
        let user_agent = event.user_agent.clone().unwrap_or_default();
        Whence { ip, device: device_of(&user_agent), user_agent }
    });
    let about = client_of(event)
        .map(|id| Named { id: id.to_owned(), name: names.get(id).cloned().flatten() });
    let through = || {
        let id = event.client_id.as_ref()?;
        let name = names.get(id).cloned().flatten()?;
        Some(Named { id: id.clone(), name: Some(name) })
    };
    let sids = event.details.get("sids").and_then(Value::as_array).map_or(0, Vec::len);
    let sid = text(event, "sid").and_then(|sid| Uuid::parse_str(sid).ok());
    Activity {
        id: event.id,
        cursor: cursor(row),
        at: event.at,
        action: event.action,
        by,
        from,
        client: about.or_else(through),
        site_key: event.site_key.clone(),
        method: text(event, "method").map(str::to_owned),
        name: text(event, "name").map(str::to_owned),
        reason: text(event, "reason").map(str::to_owned),
        sid,
        sessions: sids,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(change: impl FnOnce(&mut Event)) -> AuditRow {
        let mut event = Event {
            id: Uuid::from_u128(1),
            at: Time::from_millis(5),
            action: Action::LoginFailed,
            actor: Some(Uuid::from_u128(7)),
            user_id: Some(Uuid::from_u128(7)),
            site_key: None,
            client_id: Some("rail".to_owned()),
            ip: Some("192.0.2.7".to_owned()),
            user_agent: Some("curl/8".to_owned()),
            request_id: Some("req_1".to_owned()),
            details: json!({}),
        };
        change(&mut event);
        AuditRow { seq: 3, event, hash: String::new() }
    }

    fn seen(row: &AuditRow) -> Activity {
        let names = [("rail", None), ("wiki", Some("Wiki")), ("gone", None)];
        let names = names.map(|(id, name)| (id.to_owned(), name.map(str::to_owned)));
        describe(Uuid::from_u128(7), row, &names.into())
    }

    #[test]
    fn where_an_admin_sits_is_not_for_the_person_they_act_on() {
        let own = seen(&row(|_| {}));
        assert_eq!((own.by, own.from.unwrap().device.as_str()), (By::Owner, "curl"));
        let by_admin = seen(&row(|event| event.actor = Some(Uuid::from_u128(8))));
        assert_eq!((by_admin.by, by_admin.from), (By::Other, None));
        let by_command = seen(&row(|event| (event.actor, event.request_id) = (None, None)));
        assert_eq!((by_command.by, by_command.from), (By::Other, None));
        // Whoever came with a spent token is nobody's secret.
        let by_nobody = seen(&row(|event| event.actor = None));
        assert_eq!((by_nobody.by, by_nobody.from.unwrap().ip.as_str()), (By::Unknown, "192.0.2.7"));
    }

    #[test]
    fn of_the_details_only_what_is_named_is_seen() {
        let details = json!({
            "reason": "code", "method": "TOTP", "name": "Laptop", "email": "eve@example.com",
            "sids": [Uuid::nil(), Uuid::nil()], "client": "wiki", "sid": 7,
        });
        let seen = seen(&row(|event| event.details = details));
        assert_eq!(seen.reason.as_deref(), Some("code"));
        assert_eq!(seen.method.as_deref(), Some("TOTP"));
        assert_eq!(seen.name.as_deref(), Some("Laptop"));
        assert_eq!((seen.sid, seen.sessions), (None, 2));
        let wiki = Named { id: "wiki".to_owned(), name: Some("Wiki".to_owned()) };
        assert_eq!(seen.client.as_ref(), Some(&wiki));
        assert!(!format!("{seen:?}").contains("eve@"));
    }

    #[test]
    fn a_surface_of_this_server_is_no_client_and_one_that_is_gone_has_no_name() {
        assert_eq!(seen(&row(|_| {})).client, None);
        let through = seen(&row(|event| event.client_id = Some("wiki".to_owned())));
        assert_eq!(through.client.unwrap().id, "wiki");
        let about = seen(&row(|event| event.details = json!({ "client_id": "gone" })));
        assert_eq!(about.client, Some(Named { id: "gone".to_owned(), name: None }));
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = Cursor { at: Time::from_millis(1_800_000_000_123), seq: 42 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "-", "1", "1-", "-1-2x", "a-1", "1--1"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
