//! `/account/api-keys`: personal API keys: which there are, and how to make and revoke one. A new one
//! is shown once: until it is kept, and for a few minutes at most, the browser carries it, sealed: no
//! store has it in plain text.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use jwks::{Time, site::Site};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::member::{self, Member};
use crate::{
    auth::{
        AuthError,
        api_keys::{self, Made, Wanted},
    },
    domain::api_key::ApiKey,
    http::{
        oauth::call::Call,
        pages::{
            carried::Carried,
            views::account::{
                ApiKeyProblem, ApiKeyRow, ApiKeys, Life, MadeApiKey, NewApiKey, Notice, Section,
                SiteChoice, When,
            },
            visit::Paged,
        },
        route::{Credential, Route, get, post},
    },
};

const PATH: &str = Section::ApiKeys.path();
const NEW: &str = "/account/api-keys/new";
const MADE: &str = "/account/api-keys/made";
/// What carries a new key to its page.
const KEY: Carried = Carried::new("sb_key", "key-page");
const TTL: Duration = Duration::from_secs(300);
/// The lives that can be chosen, days: as far as the settings allow, and what those allow at most.
const LIVES: [u64; 4] = [7, 30, 90, 180];

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Browser, show),
        post(PATH, Credential::Browser, submit),
        get(NEW, Credential::Browser, show_new),
        post(NEW, Credential::Browser, submit_new),
        get(MADE, Credential::Browser, show_made),
        post(MADE, Credential::Browser, submit_made),
    ]
}

/// GET /account/api-keys
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let keys = api_keys::list(member.app(), &member.caller).await?;
    let sites = member.app().identity.list_sites().await.map_err(AuthError::from)?;
    let view = ApiKeys {
        look: &member.visit.look,
        shell: member.shell(Section::ApiKeys),
        keys: keys.iter().map(|key| row(&member, key, &sites)).collect(),
    };
    Ok(member.page(StatusCode::OK, &view))
}

fn row(member: &Member, key: &ApiKey, sites: &[Site]) -> ApiKeyRow {
    let when = |at| When::of(&member.visit.look, at, member.now);
    ApiKeyRow {
        id: key.id.to_string(),
        name: key.name.clone(),
        sites: key.sites.iter().map(|key| called(key, sites)).collect(),
        scopes: key.scopes.clone(),
        networks: key.networks.iter().map(ToString::to_string).collect(),
        since: when(key.created_at),
        used: key.last_used_at.map(when),
        until: when(key.expires_at),
        is_expired: key.is_expired(member.now),
    }
}

/// What a site is called.
fn called(site_key: &str, sites: &[Site]) -> String {
    let site = sites.iter().find(|site| site.site_key == site_key && !site.name.is_empty());
    site.map_or(site_key, |site| &site.name).to_owned()
}

/// POST /account/api-keys: revokes one.
async fn submit(call: Call) -> Response {
    member::submitted(call, submitted).await
}

async fn submitted(member: Member) -> Paged {
    let came = match member.given("revoke").and_then(|id| Uuid::parse_str(id).ok()) {
        Some(id) => {
            let origin = &member.visit.call.origin;
            api_keys::revoke(member.app(), origin, &member.caller, id).await
        }
        None => Err(AuthError::NotFound),
    };
    member.after(came).await?;
    Ok(member.done(Notice::ApiKeyRevoked, PATH))
}

/// GET /account/api-keys/new
async fn show_new(call: Call) -> Response {
    member::shown(call, new_shown).await
}

async fn new_shown(member: Member) -> Paged {
    // Before the form is filled in, and not after.
    member.prove().await?;
    form(&member, &Wanted::default(), None, StatusCode::OK, &[]).await
}

async fn form(
    member: &Member,
    filled: &Wanted,
    days: Option<u64>,
    status: StatusCode,
    problems: &[ApiKeyProblem],
) -> Paged {
    let sites = api_keys::sites(member.app(), &member.caller).await?;
    let sites = sites.iter().map(|site| SiteChoice {
        key: site.site_key.clone(),
        name: if site.name.is_empty() { site.site_key.clone() } else { site.name.clone() },
        scopes: asked_of_keys(site),
        is_chosen: filled.sites.contains(&site.site_key),
    });
    let lives = lives(member.app().config.tokens.api_key_ttl);
    let chosen = days.or(lives.iter().copied().find(|days| *days >= 90)).or(lives.last().copied());
    let scopes = filled.scopes.join(" ");
    let networks = filled.networks.join(", ");
    let view = NewApiKey {
        look: &member.visit.look,
        shell: member.shell(Section::ApiKeys),
        name: &filled.name,
        scopes: &scopes,
        networks: &networks,
        no_network: api_keys::not_a_network(&filled.networks),
        sites: sites.collect(),
        lives: lives
            .into_iter()
            .map(|days| Life { days, is_chosen: Some(days) == chosen })
            .collect(),
        problems,
    };
    Ok(member.page(status, &view))
}

/// The scopes that a site asks of keys, anywhere.
fn asked_of_keys(site: &Site) -> Vec<String> {
    let rules = site.policy.rules.iter().filter_map(|rule| rule.accept.as_ref());
    let accepts = rules.chain([&site.policy.accept]).filter_map(|accept| accept.api_key.as_ref());
    let mut scopes: Vec<String> = accepts.flat_map(|rule| rule.scopes.clone()).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

/// PURE: the lives that can be chosen where `most` seconds are the longest, in days.
fn lives(most: u64) -> Vec<u64> {
    let most = (most / (24 * 3600)).max(1);
    let mut lives: Vec<u64> = LIVES.into_iter().filter(|days| *days < most).collect();
    lives.push(most);
    lives
}

/// POST /account/api-keys/new
async fn submit_new(call: Call) -> Response {
    member::submitted(call, new_submitted).await
}

async fn new_submitted(mut member: Member) -> Paged {
    let text = |name: &str| member.given(name).unwrap_or_default().to_owned();
    let days = text("days").parse::<u64>().ok();
    let longest = Duration::from_secs(member.app().config.tokens.api_key_ttl);
    let life = |days: u64| Duration::from_secs(days.saturating_mul(24 * 3600)).min(longest);
    let wanted = Wanted {
        name: text("name"),
        scopes: text("scopes").split_whitespace().map(str::to_owned).collect(),
        sites: member.visit.params.all("site").map(str::to_owned).collect(),
        networks: text("networks")
            .split(|sign: char| sign == ',' || sign.is_whitespace())
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        expires_at: days.map(|days| member.now.plus(life(days))),
    };
    let origin = &member.visit.call.origin;
    let came = api_keys::create(member.app(), origin, &member.caller, wanted.clone()).await;
    let problems = match &came {
        Err(AuthError::Invalid(problems)) => {
            problems.iter().map(|problem| ApiKeyProblem::of(problem.field)).collect()
        }
        Err(AuthError::Conflict(api_keys::TOO_MANY)) => vec![ApiKeyProblem::TooMany],
        _ => Vec::new(),
    };
    if !problems.is_empty() {
        return form(&member, &wanted, days, StatusCode::UNPROCESSABLE_ENTITY, &problems).await;
    }
    let made = member.after(came).await?;
    keep(&mut member, &made)?;
    Ok(member.visit.redirect(MADE))
}

/// What the page that shows a new key is shown of it.
#[derive(Serialize, Deserialize)]
struct Shown {
    name: String,
    expires_at: Time,
    key: String,
}

fn keep(member: &mut Member, made: &Made) -> Result<(), AuthError> {
    let shown = Shown {
        name: made.key.name.clone(),
        expires_at: made.key.expires_at,
        key: made.presented.as_str().to_owned(),
    };
    let text =
        serde_json::to_vec(&shown).map_err(|error| AuthError::Internal(error.to_string()))?;
    KEY.keep(&mut member.visit, member.caller.user.id, &text, TTL)
}

fn carried(member: &Member) -> Option<Shown> {
    serde_json::from_slice(&KEY.read(&member.visit, member.caller.user.id)?).ok()
}

/// GET /account/api-keys/made
async fn show_made(call: Call) -> Response {
    member::shown(call, made_shown).await
}

async fn made_shown(member: Member) -> Paged {
    let Some(shown) = carried(&member) else { return Ok(member.visit.redirect(PATH)) };
    let view = MadeApiKey {
        look: &member.visit.look,
        shell: member.shell(Section::ApiKeys),
        name: &shown.name,
        key: &shown.key,
        until: When::of(&member.visit.look, shown.expires_at, member.now),
    };
    Ok(member.page(StatusCode::OK, &view))
}

/// POST /account/api-keys/made: it is kept elsewhere now.
async fn submit_made(call: Call) -> Response {
    member::submitted(call, made_submitted).await
}

async fn made_submitted(mut member: Member) -> Paged {
    KEY.forget(&mut member.visit, member.caller.user.id);
    Ok(member.done(Notice::ApiKeyKept, PATH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_life_is_offered_that_the_settings_do_not_allow() {
        const DAY: u64 = 24 * 3600;
        assert_eq!(lives(90 * DAY), [7, 30, 90]);
        assert_eq!(lives(365 * DAY), [7, 30, 90, 180, 365]);
        assert_eq!(lives(20 * DAY), [7, 20]);
        assert_eq!(lives(3600), [1]);
    }
}
