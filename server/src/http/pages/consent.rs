//! `/consent`: whether a client gets what it asks for.

use axum::response::Response;
use http::StatusCode;

use super::{
    answer,
    views::{ClientCard, Consent, Person},
    visit::{Paged, Visit, Way, end},
};
use crate::{
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::{
        OAuthError,
        authorize::{Step, is_remembered},
    },
};

const PATH: &str = "/consent";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Anybody, show), post(PATH, Credential::Form, submit)]
}

/// GET /consent
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let judgement = visit.judge().await?;
    visit.brand(judgement.as_ref());
    let Some(Step::Consent(sid, asks)) = judgement.map(|judgement| judgement.step) else {
        return visit.go_on().await;
    };
    let (Some(held), Some(flow)) = (visit.browser.find(sid), visit.flow()) else {
        return visit.go_on().await;
    };
    let words = |words: &'_ [String]| words.to_vec();
    let (scopes, claims, resources) =
        (words(&asks.scopes), words(&asks.claims), words(&asks.resources));
    let (csrf, not_you, sid) = (visit.csrf(), visit.not_you(), sid.to_string());
    let view = Consent {
        look: &visit.look,
        form: visit.form(PATH, &csrf, &[("account", &sid)]),
        client: ClientCard::of(&flow.client),
        who: Person { name: &held.user.name, address: &held.user.email, not_you: Some(&not_you) },
        scopes: scopes.iter().map(String::as_str).collect(),
        claims: claims.iter().map(String::as_str).collect(),
        audiences: resources.iter().map(String::as_str).collect(),
        is_remembered: is_remembered(&flow.client, &flow.request),
    };
    let page = answer::page(StatusCode::OK, &view);
    Ok(visit.finish(page))
}

/// POST /consent
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    let decision = visit.params.get("decision").map(str::to_owned);
    if decision.as_deref() == Some("deny") && visit.flow().is_some() {
        return visit.refuse(OAuthError::AccessDenied("the person said no".into()));
    }
    let step = visit.judge().await?.map(|judgement| judgement.step);
    if let (Some("allow"), Some(Step::Consent(sid, asks)), Way::Flow(flow)) =
        (decision.as_deref(), step, &mut visit.way)
        && let Some(held) = visit.browser.find(sid)
        // Whoever was shown the page, and nobody who signed in in another tab since.
        && visit.params.get("account") == Some(sid.to_string().as_str())
    {
        flow.allow(&visit.call.app, &visit.call.origin, held, &asks).await?;
    }
    visit.go_on().await
}
