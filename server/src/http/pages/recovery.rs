//! `/recovery`: who has lost every factor, and has a link of an administrator, shows the password and
//! goes on to the enrolment of a new one.

use axum::response::Response;
use http::StatusCode;
use jwks::Time;

use super::{
    answer,
    views::{Person, Problem, Recovery, RecoveryWaits},
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
    if visit.call.app.clock.now() < opens_at {
        let opens_at = in_words(opens_at);
        let view = RecoveryWaits { look: &visit.look, who, opens_at: &opens_at };
        return Ok(visit.finish(answer::page(StatusCode::FORBIDDEN, &view)));
    }
    let csrf = visit.csrf();
    let form = visit.form(PATH, &csrf, &[("token", token)]);
    let view = Recovery { look: &visit.look, form, who, problem };
    Ok(visit.finish(answer::form(problem, &view)))
}

/// An instant that every language reads, to the minute and rounded up: earlier it is not good.
fn in_words(at: Time) -> String {
    let minute = (at.secs() + 59).div_euclid(60) * 60;
    let stamp = jiff::Timestamp::from_millisecond(Time::from_secs(minute).millis());
    stamp.unwrap_or_default().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_that_is_told_is_not_too_early() {
        assert_eq!(in_words(Time::from_secs(1_900_000_000)), "2030-03-17 17:47 UTC");
        assert_eq!(in_words(Time::from_secs(1_899_999_960)), "2030-03-17 17:46 UTC");
    }
}
