//! `/recovery`: who has lost every factor, and has a link of an administrator, shows the password and
//! goes on to the enrolment of a new one.

use axum::response::Response;
use http::StatusCode;
use jwks::Time;

use super::{
    answer,
    views::{Person, Problem, Recovery, RecoveryWaits, When},
    visit::{Paged, Visit, end},
};
use crate::{
    auth::{
        AuthError,
        mfa::recovery::{self, Found},
    },
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
};

const PATH: &str = "/recovery";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Link, show), post(PATH, Credential::Form, submit)]
}

/// GET /recovery?token=…
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, async |visit| form(&visit, None).await).await
}

/// POST /recovery
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(visit: Visit) -> Paged {
    let token = visit.params.get("token").unwrap_or_default();
    let password = visit.params.get("password").unwrap_or_default();
    match recovery::recover(&visit.call.app, &visit.call.origin, token, password).await {
        Ok(half) => Ok(visit.go_on_half(&half)),
        // It is not good yet: the page says from when on.
        Err(AuthError::Forbidden) => form(&visit, None).await,
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => form(&visit, Some(problem)).await,
            None => Err(reason.into()),
        },
    }
}

async fn form(visit: &Visit, problem: Option<Problem>) -> Paged {
    let token = visit.params.get("token").unwrap_or_default();
    let Found { user, opens_at, .. } = recovery::find(&visit.call.app, token).await?;
    let who = Person { name: &user.name, address: &user.email, not_you: None };
    let now = visit.call.app.clock.now();
    if now < opens_at {
        let when = When::of(&visit.look, full_minute(opens_at), now);
        let view = RecoveryWaits { look: &visit.look, who, opens_at: &when.exact };
        return Ok(visit.finish(answer::page(StatusCode::FORBIDDEN, &view)));
    }
    let csrf = visit.csrf();
    let form = visit.form(PATH, &csrf, &[("token", token)]);
    let view = Recovery { look: &visit.look, form, who, problem };
    Ok(visit.finish(answer::form(problem, &view)))
}

/// The full minute that is not before: earlier the link is not good.
fn full_minute(at: Time) -> Time {
    Time::from_secs((at.secs() + 59).div_euclid(60) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_that_is_told_is_not_too_early() {
        let minute = Time::from_secs(1_900_000_020);
        assert_eq!(full_minute(Time::from_secs(1_900_000_000)), minute);
        assert_eq!(full_minute(minute), minute);
    }
}
