//! `/users`: people. Each change names the version that it was made for.

use axum::{extract::Path, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::{VERSION, version};
use crate::{
    admin::{self, AccountEdit, AdminError, NewUser},
    auth::{AuthError, bearer::Caller, error::FieldProblem},
    clock::new_id,
    domain::{
        audit::{Action, Event},
        user::{User, UserStatus},
    },
    http::{
        rail::{
            admin as authenticate,
            answer::{self, RailError},
            body::Body,
            call::Call,
            refusals::{CONFLICT, NOT_FOUND, STEP_UP_REQUIRED},
            rfc3339,
        },
        route::{
            Credential::Admin, Field, Route, flag, get, id, instant, list, number, one_of, patch,
            post, shape, text,
        },
    },
    store::identity::{AccountChanged, PeopleWanted},
};

/// The longest part that is looked for, characters.
const SEARCH_LIMIT: usize = 256;
const STATUSES: [&str; 4] = ["active", "pending", "disabled", "blocked"];

/// The rows.
pub fn routes() -> Vec<Route> {
    let made = {
        let about = "Until when the link is good that was mailed, where one was asked for.";
        let invitation = instant("invitationExpiresAt", about).optional();
        shape("NewAccount", fields().into_iter().chain([invitation]))
    };
    let user = || shape("Account", fields());
    vec![
        get("/users", Admin, list_page)
            .does(
                "List people",
                "For admins, with a second factor; newest first. A list goes on after the last one of a page \
                with `after`; `pagination` is of what comes after it then.",
            )
            .takes([
                text("search", "A part of the mail address, the user name or the name.")
                    .like("ada")
                    .optional(),
                one_of("status", &STATUSES, "Where the account stands.").optional(),
                id("after", "The person after whom the list goes on.").optional(),
            ])
            .lists(user())
            .refuses([STEP_UP_REQUIRED]),
        post("/users", Admin, create)
            .does(
                "Make an account",
                "For admins, with a second factor. Without a password its owner chooses one: by a link that \
                is mailed where `invite` asks for it, or as somebody who has forgotten theirs. Either proves \
                the address.",
            )
            .takes([
                email(),
                name().optional(),
                username().optional(),
                roles().optional(),
                tenant().optional(),
                text("password", "The password.").like("gravel lantern orbit").optional(),
                flag("active", "Whether the address counts as proved.").optional(),
                flag("invite", "Whether a link is mailed with which they choose a password.")
                    .optional(),
            ])
            .answers(201, made)
            .refuses([STEP_UP_REQUIRED, CONFLICT]),
        get("/users/{userId}", Admin, show)
            .does("Show a person", "For admins, with a second factor. `ETag` is the version.")
            .answers(200, user())
            .refuses([STEP_UP_REQUIRED, NOT_FOUND]),
        patch("/users/{userId}", Admin, change)
            .does(
                "Change an account",
                "For admins, with a second factor. What is left out stays. Who may not sign in any more has \
                nothing left: no session, no API key; who loses a role or moves to another tenant signs in \
                anew. `active` opens what is `disabled` or `blocked`; an address is proved by its owner alone. \
                The last admin stays one.",
            )
            .header("If-Match", "The version that is changed, as `ETag` gave it.")
            .takes([name(), roles(), tenant(), status()].map(Field::optional))
            .takes([number(VERSION, "The one that is changed; `If-Match` says it too.")
                .like(1_893_456_000_000_u64)
                .optional()])
            .answers(200, user())
            .ends()
            .refuses([STEP_UP_REQUIRED, NOT_FOUND, CONFLICT]),
    ]
}

fn email() -> Field {
    text("email", "Mail address.").like("ada@example.com")
}

fn name() -> Field {
    text("name", "Whole name.").like("Ada Lovelace")
}

fn username() -> Field {
    text("username", "A name to sign in with beside the mail address.").like("ada")
}

fn roles() -> Field {
    list("roles", text("", "").like("clerk"), "Roles at home; `admin` in the default tenant alone.")
}

fn tenant() -> Field {
    text("tenantId", "The tenant they are at home in.").like("default")
}

fn status() -> Field {
    one_of(
        "status",
        &STATUSES,
        "Where the account stands; `pending`: nobody has proved its address.",
    )
}

fn fields() -> Vec<Field> {
    vec![
        id("id", "The person, everywhere."),
        email(),
        flag("emailVerified", "Whether they have proved it."),
        username().nullable(),
        name(),
        status(),
        tenant(),
        roles(),
        flag("hasPassword", "Whether one was ever chosen."),
        instant("createdAt", "When the account was made."),
        instant("updatedAt", "When it last changed."),
        instant("lastLoginAt", "When they last signed in.").nullable(),
        number(VERSION, "Rises with every change.").like(1_893_456_000_000_u64),
    ]
}

fn described(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "emailVerified": user.email_verified_at.is_some(),
        "username": user.username,
        "name": user.name,
        "status": user.status.as_str(),
        "tenantId": user.tenant_id,
        "roles": user.roles,
        "hasPassword": user.password_hash.is_some(),
        "createdAt": rfc3339(user.created_at),
        "updatedAt": rfc3339(user.updated_at),
        "lastLoginAt": user.last_login_at.map(rfc3339),
        "version": user.updated_at.millis(),
    })
}

/// GET /users
async fn list_page(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    authenticate(call).await?;
    let (page, per_page) = call.page()?;
    let wanted = wanted(call)?;
    let store = &call.app.identity;
    let total = store.count_users(&wanted).await.map_err(AuthError::Store)?;
    let skip = u64::try_from((page - 1).saturating_mul(per_page)).unwrap_or(u64::MAX);
    let limit = u32::try_from(per_page).unwrap_or(u32::MAX);
    let users = store.list_users(&wanted, skip, limit).await.map_err(AuthError::Store)?;
    let items = users.iter().map(described).collect();
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    Ok(answer::page(&call.origin.request_id, items, page, per_page, total))
}

fn wanted(call: &Call) -> Result<PeopleWanted, RailError> {
    let search = call.query("search").map(|text| text.trim().nfc().collect::<String>());
    let is_long = |text: &String| text.chars().count() > SEARCH_LIMIT;
    if search.as_ref().is_some_and(|text| is_long(text) || text.chars().any(char::is_control)) {
        let rule = format!(
            "must have at most {SEARCH_LIMIT} characters, none of them a control character"
        );
        return Err(AuthError::field("search", rule).into());
    }
    let status = call.query("status").map(|name| {
        let rule = format!("must be one of {}", STATUSES.join(", "));
        UserStatus::parse(&name).ok_or_else(|| AuthError::field("status", rule))
    });
    Ok(PeopleWanted {
        search: search.filter(|text| !text.is_empty()),
        status: status.transpose()?,
        after: call.query_id("after")?,
    })
}

/// POST /users
async fn create(call: Call) -> Response {
    let result = try_create(&call).await;
    call.end(result)
}

async fn try_create(call: &Call) -> Result<Response, RailError> {
    let caller = authenticate(call).await?;
    let mut body = call.body()?;
    let new = NewUser {
        email: body.string("email"),
        username: body.optional_string("username"),
        name: body.optional_string("name"),
        roles: body.optional_strings("roles").unwrap_or_default(),
        tenant: body.optional_string("tenantId"),
        password: body.optional_string("password"),
        active: body.optional_bool("active").unwrap_or_default(),
        ..NewUser::default()
    };
    let invite = body.optional_bool("invite").unwrap_or_default();
    if invite && (new.active || new.password.is_some()) {
        body.problem("invite", "is for an account that has no password and is not active yet");
    }
    body.finish()?;
    let made = |user: &User| {
        let details = json!({ "roles": user.roles, "tenant": user.tenant_id });
        event(call, &caller, user.id, Action::UserCreated, user.created_at, details)
    };
    let user = admin::create_user(&call.app, &new, made).await.map_err(told)?;
    let mut answer = described(&user);
    if invite {
        let details = json!({ "tenant": user.tenant_id, "roles": user.roles });
        let now = call.app.clock.now();
        let invited = event(call, &caller, user.id, Action::UserInvited, now, details);
        let until = admin::invite_user(&call.app, &user, &invited).await.map_err(told)?;
        answer["invitationExpiresAt"] = rfc3339(until).into();
    }
    Ok(tagged(call.answer(StatusCode::CREATED, answer), &user))
}

/// GET /users/{userId}
async fn show(path: Path<String>, call: Call) -> Response {
    let result = try_show(&call, &path.0).await;
    call.end(result)
}

async fn try_show(call: &Call, user_id: &str) -> Result<Response, RailError> {
    authenticate(call).await?;
    shown(call, &found(call, user_id).await?)
}

/// PATCH /users/{userId}
async fn change(path: Path<String>, call: Call) -> Response {
    let result = try_change(&call, &path.0).await;
    call.end(result)
}

async fn try_change(call: &Call, user_id: &str) -> Result<Response, RailError> {
    let caller = authenticate(call).await?;
    let mut body = call.body()?;
    let edit = AccountEdit {
        name: kept(&mut body, "name"),
        roles: body.patched_strings("roles"),
        tenant: kept(&mut body, "tenantId"),
        status: status_in(&mut body),
    };
    let named = body.take(VERSION);
    let version = version(call, named)?.unwrap_or_else(|message| {
        body.problem(VERSION, message);
        None
    });
    if version.is_none() {
        body.problem(VERSION, "is missing: send the one that you read, or If-Match");
    }
    body.finish()?;
    let held = found(call, user_id).await?;
    if u64::try_from(held.updated_at.millis()).ok() != version {
        return Err(overtaken());
    }
    let act = |action, at, details| event(call, &caller, held.id, action, at, details);
    match admin::change_account(&call.app, &held, edit, act).await.map_err(told)? {
        AccountChanged::Changed => shown(call, &found(call, user_id).await?),
        AccountChanged::Overtaken => Err(overtaken()),
        AccountChanged::LastAdmin => {
            Err(AuthError::Conflict("there would be no admin any more who may sign in").into())
        }
    }
}

/// A text that everybody has: null takes it from nobody.
fn kept(body: &mut Body, name: &str) -> Option<String> {
    let text = body.patched_string(name)?;
    if text.is_none() {
        body.problem(name, "cannot be taken away; leave it out, or send another");
    }
    text
}

fn status_in(body: &mut Body) -> Option<UserStatus> {
    let status = UserStatus::parse(&kept(body, "status")?);
    if status.is_none() {
        body.problem("status", &format!("must be one of {}", STATUSES.join(", ")));
    }
    status
}

async fn found(call: &Call, user_id: &str) -> Result<User, RailError> {
    let id = Uuid::parse_str(user_id).map_err(|_| AuthError::NotFound)?;
    let found = call.app.identity.find_user(id).await.map_err(AuthError::Store)?;
    Ok(found.ok_or(AuthError::NotFound)?)
}

fn shown(call: &Call, user: &User) -> Result<Response, RailError> {
    Ok(tagged(call.answer(StatusCode::OK, described(user)), user))
}

fn tagged(mut response: Response, user: &User) -> Response {
    if let Ok(version) = HeaderValue::try_from(format!("\"{}\"", user.updated_at.millis())) {
        response.headers_mut().insert(header::ETAG, version);
    }
    response
}

/// What an admin did to somebody.
fn event(
    call: &Call,
    caller: &Caller,
    user_id: Uuid,
    action: Action,
    at: jwks::Time,
    details: Value,
) -> Event {
    Event {
        actor: Some(caller.user.id),
        ..call.origin.event_of(new_id(at), action, Some(user_id), at, details)
    }
}

fn overtaken() -> RailError {
    AuthError::Conflict("the account has another version by now; read it again").into()
}

/// What the use cases say, whose arguments are called as on the command line.
fn told(error: AdminError) -> RailError {
    let field = |argument: &str| match argument {
        "--email" => "email",
        "--username" => "username",
        "--name" => "name",
        "--role" => "roles",
        "--tenant" => "tenant_id",
        "--password-stdin" => "password",
        _ => "status",
    };
    match error {
        AdminError::Invalid { argument, what } => {
            AuthError::Invalid(vec![FieldProblem::new(field(argument), what)]).into()
        }
        AdminError::Taken { argument: "--email", .. } => {
            AuthError::Conflict("the mail address belongs to an account").into()
        }
        AdminError::Taken { .. } => {
            AuthError::Conflict("the user name belongs to an account").into()
        }
        other => other.into(),
    }
}
