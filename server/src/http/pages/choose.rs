//! `/choose-account`: which of those who are signed in goes on.

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::{
    answer,
    views::{Account, ChooseAccount, Person},
    visit::{Paged, Visit, Way, end},
};
use crate::{
    domain::authorization::Done,
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::authorize::Step,
};

const PATH: &str = "/choose-account";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Anybody, show), post(PATH, Credential::Form, submit)]
}

/// GET /choose-account
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(visit: Visit) -> Paged {
    let step = visit.judge().await?.map(|judgement| judgement.step);
    if step != Some(Step::Choose) {
        return visit.go_on().await;
    }
    let subject = visit.flow().and_then(|flow| flow.request.subject_hint);
    let csrf = visit.csrf();
    let sessions = || {
        let sessions = visit.browser.sessions.iter();
        sessions.filter(|held| subject.is_none_or(|subject| subject == held.user.id))
    };
    let sids: Vec<String> = sessions().map(|held| held.session.sid.to_string()).collect();
    let accounts = sessions().zip(&sids).map(|(held, sid)| Account {
        sid,
        who: Person { name: &held.user.name, address: &held.user.email, not_you: None },
    });
    let view = ChooseAccount {
        look: &visit.look,
        form: visit.form(PATH, &csrf, &[]),
        client: visit.client(),
        accounts: accounts.collect(),
    };
    Ok(visit.finish(answer::page(StatusCode::OK, &view)))
}

/// POST /choose-account
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    let account = visit.params.get("account").unwrap_or_default().to_owned();
    if account == "other" {
        let link = visit.not_you();
        return Ok(visit.redirect(&link));
    }
    let chosen = Uuid::parse_str(&account).ok().and_then(|sid| visit.browser.find(sid)).cloned();
    if let Some(held) = chosen {
        if let Way::Flow(flow) = &mut visit.way {
            flow.note(&visit.call.app, Done::Chosen(held.session.sid)).await?;
        }
        visit.hold(held).await?;
    }
    visit.go_on().await
}
