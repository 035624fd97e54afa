//! `/account/profile`: what somebody says of themselves; `/account/profile/edit` changes it.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use jwks::policy::Method;
use url::form_urlencoded;

use super::member::{self, Member};
use crate::{
    auth::{AuthError, error::FieldProblem, mfa::works_here, profile},
    domain::{
        phone::masked,
        profile::{Change, Field},
    },
    http::{
        oauth::call::Call,
        pages::{
            answer,
            carried::Carried,
            views::{
                Problem,
                account::{Notice, ProfileEdit, ProfilePage, Section},
            },
            visit::{Paged, Stop},
        },
        route::{Credential, Route, get, post},
    },
};

const PATH: &str = Section::Profile.path();
const EDIT: &str = "/account/profile/edit";
/// What was filled in by somebody whose proof was too old when they sent it: they find it again when
/// they come back.
const DRAFT: Carried = Carried::new("sb_draft", "draft");
const DRAFT_TTL: Duration = Duration::from_secs(600);

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Browser, show),
        get(EDIT, Credential::Browser, edit),
        post(EDIT, Credential::Browser, submit),
    ]
}

/// GET /account/profile
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let user = &member.caller.user;
    let said = Field::ALL.into_iter().filter_map(|field| Some((field, field.of(user)?)));
    let view = ProfilePage {
        look: &member.visit.look,
        shell: member.shell(Section::Profile),
        said: said.collect(),
        is_verified: user.email_verified_at.is_some(),
        phone: user.phone.as_deref().map(|phone| (masked(phone), user.phone_verified_at.is_some())),
        sends_messages: works_here(member.app(), Method::Sms),
    };
    Ok(member.page(StatusCode::OK, &view))
}

/// GET /account/profile/edit
async fn edit(call: Call) -> Response {
    member::shown(call, edited).await
}

async fn edited(mut member: Member) -> Paged {
    member.prove().await?;
    let draft = take_draft(&mut member);
    let user = &member.caller.user;
    let said = Field::ALL.into_iter().map(|field| {
        let drafted = draft.iter().find(|(name, _)| name == field.claim());
        let drafted = drafted.map(|(_, value)| value.clone());
        (field, drafted.unwrap_or_else(|| field.of(user).unwrap_or_default().to_owned()))
    });
    let said = said.collect();
    Ok(page(&member, said, &[], None))
}

fn page(
    member: &Member,
    said: Vec<(Field, String)>,
    problems: &[FieldProblem],
    problem: Option<Problem>,
) -> Response {
    let view = ProfileEdit {
        look: &member.visit.look,
        shell: member.shell(Section::Profile),
        said,
        problems,
        problem,
    };
    match problem {
        Some(_) => member.visit.finish(answer::form(problem, &view)),
        None => member.page(answer::status_of(problems), &view),
    }
}

/// POST /account/profile/edit
async fn submit(call: Call) -> Response {
    member::submitted(call, submitted).await
}

async fn submitted(mut member: Member) -> Paged {
    // What is left empty does not come at all; the whole address is not asked for.
    let asked = Field::ALL.into_iter().filter(|field| *field != Field::Formatted);
    let filled = asked.map(|field| {
        let said = member.given(field.claim()).unwrap_or_default();
        (field, said.replace("\r\n", "\n"))
    });
    let filled: Vec<(Field, String)> = filled.collect();
    if let Err(to_proof) = member.prove().await {
        keep_draft(&mut member, &filled)?;
        return match to_proof {
            Stop::Answered(response) => Ok(member.visit.finish(*response)),
            other => Err(other),
        };
    }
    let mut changes: Vec<Change> =
        filled.iter().map(|(field, said)| (*field, Some(said.clone()))).collect();
    let user = &member.caller.user;
    let is_new = |(field, said): &&(Field, String)| {
        field.is_of_address() && field.of(user).unwrap_or_default() != said.trim()
    };
    if filled.iter().any(|filled| is_new(&filled)) {
        // The address as on an envelope, which the form does not ask for, would be another one.
        changes.push((Field::Formatted, None));
    }
    let (app, origin) = (member.app(), &member.visit.call.origin);
    match profile::change(app, origin, &member.caller, &changes).await {
        Ok(_) => Ok(member.done(Notice::ProfileSaved, PATH)),
        Err(AuthError::Invalid(problems)) => Ok(page(&member, filled, &problems, None)),
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(page(&member, filled, &[], Some(problem))),
            None => member.after(Err(reason)).await,
        },
    }
}

fn keep_draft(member: &mut Member, filled: &[(Field, String)]) -> Result<(), AuthError> {
    let text = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filled.iter().map(|(field, said)| (field.claim(), said)))
        .finish();
    let user_id = member.caller.user.id;
    DRAFT.keep(&mut member.visit, user_id, text.as_bytes(), DRAFT_TTL)
}

/// What was filled in before, once.
fn take_draft(member: &mut Member) -> Vec<(String, String)> {
    let Some(text) = DRAFT.read(&member.visit, member.caller.user.id) else { return Vec::new() };
    DRAFT.forget(&mut member.visit, member.caller.user.id);
    form_urlencoded::parse(&text).into_owned().collect()
}
