//! `/sites`: what is behind the edge. Each change names the version that it was made for.

use axum::{extract::Path, response::Response};
use http::{HeaderValue, StatusCode, header};
use jwks::site::Site;
use serde_json::{Map, Value, json};

use super::{VERSION, version};
use crate::{
    admin::{self, AdminError, SiteDraft},
    auth::AuthError,
    auth::bearer::Caller,
    domain::audit::{Action, Event},
    http::{
        rail::{
            admin as authenticate,
            answer::{self, RailError, wire_name},
            body::BodyProblems,
            call::Call,
            refusals::{CONFLICT, NOT_FOUND, STEP_UP_REQUIRED},
        },
        route::{
            Credential::Admin, Field, Route, Shape, always, delete, flag, foreign, get, list,
            number, object, one_of, patch, post, put, shape, text,
        },
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    let optional = || fields().into_iter().map(Field::optional);
    let version =
        || number(VERSION, "The one that is changed; `If-Match` says it too.").like(3).optional();
    let etag = "The version that is changed, as `ETag` gave it.";
    vec![
        get("/sites", Admin, list_page)
            .does("List the sites", "For admins, with a second factor; by `siteKey`.")
            .lists(site())
            .refuses([STEP_UP_REQUIRED]),
        post("/sites", Admin, create)
            .does(
                "Make a site",
                "For admins, with a second factor. What is left out gets its default: a second factor \
                is asked for. Every edge serves it at once.",
            )
            .takes([key()])
            .takes(fields().into_iter().map(|field| match field.name {
                "hosts" | "upstreams" => field,
                _ => field.optional(),
            }))
            .answers(201, site())
            .refuses([STEP_UP_REQUIRED, CONFLICT]),
        get("/sites/{siteKey}", Admin, show)
            .does("Show a site", "For admins, with a second factor. `ETag` is its version.")
            .answers(200, site())
            .refuses([STEP_UP_REQUIRED, NOT_FOUND]),
        put("/sites/{siteKey}", Admin, replace)
            .does(
                "Replace a site",
                "For admins, with a second factor. What is left out gets its default. In force at \
                every edge at once, for sessions that are open too.",
            )
            .header("If-Match", etag)
            .takes(optional())
            .takes([version()])
            .answers(200, site())
            .ends()
            .refuses([STEP_UP_REQUIRED, NOT_FOUND, CONFLICT]),
        patch("/sites/{siteKey}", Admin, change)
            .does(
                "Change a site",
                "For admins, with a second factor. A merge patch (RFC 7396): objects are merged, \
                lists replaced, null takes away what was said.",
            )
            .header("If-Match", etag)
            .takes(optional())
            .takes([version()])
            .answers(200, site())
            .ends()
            .refuses([STEP_UP_REQUIRED, NOT_FOUND, CONFLICT]),
        delete("/sites/{siteKey}", Admin, remove)
            .does("Remove a site", "For admins, with a second factor. No edge serves it any more.")
            .header("If-Match", etag)
            .answers(
                200,
                object([key(), always("removed", true, "It is gone.")]),
            )
            .ends()
            .refuses([STEP_UP_REQUIRED, NOT_FOUND, CONFLICT]),
    ]
}

fn key() -> Field {
    text("siteKey", "Its name for programs.").like("wiki")
}

fn fields() -> Vec<Field> {
    let host = text("", "").like("wiki.example.com");
    let upstream = text("", "").like("http://127.0.0.1:3000");
    let branding = json!({ "color": "#336699", "support": "help@example.com" });
    let policy = json!({ "require": "2fa", "rules": [] });
    let forwarding = json!({ "health_path": "/health", "read_timeout": 120 });
    vec![
        text("name", "Its name for people.").like("Wiki"),
        text("baseUrl", "Where people reach it; the audience of its tokens.")
            .like("https://wiki.example.com"),
        list("hosts", host, "Hosts it answers to."),
        list("upstreams", upstream, "Where its requests go."),
        one_of("status", &["active", "inactive"], "Whether it is served."),
        foreign("branding", "How it looks: `color`, `logo`, `support`.", branding),
        foreign("policy", "What it asks.", policy),
        foreign("forwarding", "How its requests travel to its upstreams.", forwarding),
        flag("forwardCredentials", "Whether the caller's own `Authorization` is passed on."),
    ]
}

fn site() -> Shape {
    let version = number(VERSION, "Rises by one with every change.");
    shape("Site", [key()].into_iter().chain(fields()).chain([version]))
}

/// GET /sites
async fn list_page(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    authenticate(call).await?;
    let (page, per_page) = call.page()?;
    let sites = call.app.identity.list_sites().await.map_err(AuthError::Store)?;
    let items = sites.iter().map(described).collect();
    Ok(answer::list(&call.origin.request_id, items, page, per_page))
}

/// GET /sites/{siteKey}
async fn show(path: Path<String>, call: Call) -> Response {
    let result = try_show(&call, &path.0).await;
    call.end(result)
}

async fn try_show(call: &Call, site_key: &str) -> Result<Response, RailError> {
    authenticate(call).await?;
    Ok(shown(call, StatusCode::OK, &found(call, site_key).await?))
}

/// POST /sites
async fn create(call: Call) -> Response {
    let result = try_create(&call).await;
    call.end(result)
}

async fn try_create(call: &Call) -> Result<Response, RailError> {
    let caller = authenticate(call).await?;
    let given = call.body()?.whole()?;
    told(problems_of(&given, false))?;
    let site = read(call, given)?;
    let event = event(call, &caller, &site, &["created"]);
    let site = admin::create_site(&call.app, site, &event).await.map_err(taken)?;
    Ok(shown(call, StatusCode::CREATED, &site))
}

/// PUT /sites/{siteKey}
async fn replace(path: Path<String>, call: Call) -> Response {
    let result = try_change(&call, &path.0, |_, given| given).await;
    call.end(result)
}

/// PATCH /sites/{siteKey}
async fn change(path: Path<String>, call: Call) -> Response {
    let result = try_change(&call, &path.0, |held, given| {
        let mut whole = Value::Object(held);
        merge(&mut whole, Value::Object(given));
        match whole {
            Value::Object(whole) => whole,
            _ => Map::new(),
        }
    })
    .await;
    call.end(result)
}

/// Stores what `made` gives of the site as it is and what was sent.
async fn try_change(
    call: &Call,
    site_key: &str,
    made: impl FnOnce(Map<String, Value>, Map<String, Value>) -> Map<String, Value>,
) -> Result<Response, RailError> {
    let caller = authenticate(call).await?;
    let mut given = call.body()?.whole()?;
    let named = given.remove(VERSION);
    let key = given.remove("siteKey");
    let mut problems = problems_of(&given, true);
    let wrong = |field: &str, message: &str| (field.to_owned(), message.to_owned());
    problems.extend(key.map(|_| wrong("siteKey", "is not known here: it stands in the address")));
    let version = version(call, named)?.unwrap_or_else(|message| {
        problems.push(wrong(VERSION, message));
        None
    });
    if version.is_none() && problems.is_empty() {
        problems.push(wrong(VERSION, "is missing: send the one that you read, or If-Match"));
    }
    told(problems)?;
    let version = version.unwrap_or_default();
    let held = found(call, site_key).await?;
    if held.version != version {
        return Err(overtaken());
    }
    let mut before = described(&held);
    let members = before.as_object_mut().map(std::mem::take).unwrap_or_default();
    let mut whole = members.clone();
    whole.remove(VERSION);
    whole.remove("siteKey");
    let mut whole = made(whole, given);
    whole.insert("siteKey".to_owned(), site_key.into());
    let site = read(call, whole)?;
    let after = described(&site);
    let changed: Vec<&str> = members
        .iter()
        .filter(|(name, value)| *name != VERSION && after.get(name.as_str()) != Some(value))
        .map(|(name, _)| name.as_str())
        .collect();
    let event = event(call, &caller, &site, &changed);
    let site = admin::change_site(&call.app, site, version, &event).await.map_err(taken)?;
    Ok(shown(call, StatusCode::OK, &site.ok_or_else(overtaken)?))
}

/// DELETE /sites/{siteKey}
async fn remove(path: Path<String>, call: Call) -> Response {
    let result = try_remove(&call, &path.0).await;
    call.end(result)
}

async fn try_remove(call: &Call, site_key: &str) -> Result<Response, RailError> {
    let caller = authenticate(call).await?;
    let held = found(call, site_key).await?;
    if call.version()?.is_some_and(|version| version != held.version) {
        return Err(overtaken());
    }
    let event = event(call, &caller, &held, &["removed"]);
    let removed = call.app.identity.remove_site(site_key, held.version, &event).await;
    if !removed.map_err(AuthError::Store)? {
        return Err(overtaken());
    }
    Ok(call.answer(StatusCode::OK, json!({ "siteKey": site_key, "removed": true })))
}

async fn found(call: &Call, site_key: &str) -> Result<Site, RailError> {
    let found = call.app.identity.find_site(site_key).await.map_err(AuthError::Store)?;
    Ok(found.ok_or(AuthError::NotFound)?)
}

fn overtaken() -> RailError {
    AuthError::Conflict("the site has another version by now; read it again").into()
}

fn taken(error: AdminError) -> RailError {
    match error {
        AdminError::Taken { argument: "--host", .. } => {
            AuthError::Conflict("another site answers to one of these hosts").into()
        }
        AdminError::Taken { .. } => AuthError::Conflict("there is a site of this key").into(),
        other => other.into(),
    }
}

fn event(call: &Call, caller: &Caller, site: &Site, changed: &[&str]) -> Event {
    let details = json!({ "require": site.policy.require, "changed": changed });
    let now = call.app.clock.now();
    let mut event = call.origin.event(Action::PolicyUpdated, Some(&caller.user), now, details);
    event.site_key = Some(site.site_key.clone());
    event
}

fn shown(call: &Call, status: StatusCode, site: &Site) -> Response {
    let mut response = call.answer(status, described(site));
    if let Ok(version) = HeaderValue::try_from(format!("\"{}\"", site.version)) {
        response.headers_mut().insert(header::ETAG, version);
    }
    response
}

/// A site as it is written here.
fn described(site: &Site) -> Value {
    renamed(json!(site), &wire_name)
}

/// The site that these members describe.
fn read(call: &Call, members: Map<String, Value>) -> Result<Site, RailError> {
    let missing = ["siteKey", "hosts", "upstreams"].into_iter();
    let missing = missing.filter(|name| !members.contains_key(*name));
    told(missing.map(|name| (name.to_owned(), "is missing".to_owned())).collect())?;
    let draft = renamed(Value::Object(members), &own_name);
    let draft: SiteDraft = serde_json::from_value(draft).map_err(|error| {
        BodyProblems(vec![("site".to_owned(), format!("cannot be read: {error}"))])
    })?;
    let site = draft.into_site(&call.app.config.edge);
    let problem = |error: &jwks::site::FieldError| {
        (wire_name(&error.field.to_string()), error.message.to_string())
    };
    match site.validate() {
        Ok(()) => Ok(site),
        Err(errors) => Err(BodyProblems(errors.iter().map(problem).collect()).into()),
    }
}

/// What is wrong with the members of a body, each by itself. `patch`: null takes away.
fn problems_of(given: &Map<String, Value>, patch: bool) -> Vec<(String, String)> {
    let problem = |(name, value): (&String, &Value)| {
        let is_known = name == "siteKey" || fields().iter().any(|field| field.name == *name);
        let why = if !is_known {
            "is not known here".to_owned()
        } else if patch && value.is_null() {
            return None;
        } else {
            let mut probe = json!({ "site_key": "", "hosts": [], "upstreams": [] });
            probe[own_name(name)] = renamed(value.clone(), &own_name);
            match serde_json::from_value::<SiteDraft>(probe) {
                Ok(_) => return None,
                Err(error) => format!("cannot be read: {error}"),
            }
        };
        Some((name.clone(), why))
    };
    given.iter().filter_map(problem).collect()
}

fn told(problems: Vec<(String, String)>) -> Result<(), RailError> {
    if problems.is_empty() { Ok(()) } else { Err(BodyProblems(problems).into()) }
}

/// `value` with every member named anew.
fn renamed(value: Value, name: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter();
            members.map(|(key, value)| (name(&key), renamed(value, name))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| renamed(item, name)).collect(),
        other => other,
    }
}

/// `siteKey` is `site_key`; what is written like the latter is no name here.
fn own_name(name: &str) -> String {
    let mut own = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        match c {
            '_' => own.push_str("__"),
            c if c.is_ascii_uppercase() => {
                own.push('_');
                own.push(c.to_ascii_lowercase());
            }
            c => own.push(c),
        }
    }
    own
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_does_what_its_standard_shows() {
        for (target, patch, expected) in [
            (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
            (json!({ "a": "b", "b": "c" }), json!({ "a": null }), json!({ "b": "c" })),
            (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "c" }), json!({ "a": ["b"] }), json!({ "a": ["b"] })),
            (
                json!({ "a": { "b": "c" } }),
                json!({ "a": { "b": "d", "c": null } }),
                json!({ "a": { "b": "d" } }),
            ),
            (json!({ "a": [{ "b": "c" }] }), json!({ "a": [1] }), json!({ "a": [1] })),
            (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, patch.clone());
            assert_eq!(merged, expected, "{target} {patch}");
        }
    }

    #[test]
    fn members_go_there_and_back_and_only_in_this_spelling() {
        let own = json!({ "site_key": "a", "policy": { "max_auth_age": 1, "rules": [{ "allowed_factors": ["TOTP"] }] } });
        let wire = renamed(own.clone(), &wire_name);
        assert_eq!(wire["policy"]["rules"][0]["allowedFactors"][0], "TOTP");
        assert_eq!(renamed(wire, &own_name), own);
        assert_eq!(own_name("site_key"), "site__key");
    }
}
