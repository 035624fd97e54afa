//! `/activity`: what happened lately to an account.

use axum::response::Response;
use serde_json::{Value, json};

use crate::{
    auth::{
        activity::{self, Activity, By, Named},
        bearer::Place,
    },
    http::{
        rail::{
            answer::{self, RailError},
            call::Call,
            rfc3339,
        },
        route::{Credential::Bearer, Route, get, id, instant, number, one_of, shape, text, within},
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    let client = shape(
        "NamedClient",
        [
            text("id", "Its `client_id`.").like("wiki"),
            text("name", "Its name for people; null when it is no more.").like("Wiki").nullable(),
        ],
    );
    let event = shape(
        "Activity",
        [
            id("id", "The event."),
            text("event", "What happened.").like("auth.login.success"),
            instant("at", "When."),
            one_of("by", &["owner", "other", "unknown"], "Who did it: `other` is an admin."),
            text("ip", "From where; null where that is another's to know.")
                .like("192.0.2.7")
                .nullable(),
            text("userAgent", "With what.").like("Mozilla/5.0 …").nullable(),
            text("device", "The same in words.").like("Firefox on Linux").nullable(),
            within("client", client, "The client it is about, or that it happened through.")
                .nullable(),
            text("site", "The site it happened at.").like("demo").nullable(),
            text("method", "The method of the factor it is about.").like("TOTP").nullable(),
            text("name", "What the device or key it is about is called.").like("Laptop").nullable(),
            text("reason", "Why, in a word.").like("password").nullable(),
            id("sessionId", "The session it is about.").nullable(),
            number("sessions", "How many sessions ended.").like(0),
        ],
    );
    vec![
        get("/activity", Bearer, list_page)
            .does(
                "List what happened lately",
                "To the caller's account, newest first: of the last 90 days, and a thousand events \
                at most.",
            )
            .lists(event),
    ]
}

/// GET /activity
async fn list_page(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let (page, per_page) = call.page()?;
    let skipped = page.saturating_sub(1).saturating_mul(per_page);
    let (found, total) = activity::page(&call.app, &caller, skipped, per_page).await?;
    let items = found.iter().map(shown).collect();
    Ok(answer::page(&call.origin.request_id, items, page, per_page, total))
}

fn shown(activity: &Activity) -> Value {
    let from = activity.from.as_ref();
    json!({
        "id": activity.id,
        "event": activity.action,
        "at": rfc3339(activity.at),
        "by": match activity.by {
            By::Owner => "owner",
            By::Other => "other",
            By::Unknown => "unknown",
        },
        "ip": from.map(|from| &from.ip),
        "userAgent": from.map(|from| &from.user_agent),
        "device": from.map(|from| &from.device),
        "client": activity.client.as_ref().map(|Named { id, name }| json!({ "id": id, "name": name })),
        "site": activity.site_key,
        "method": activity.method,
        "name": activity.name,
        "reason": activity.reason,
        "sessionId": activity.sid,
        "sessions": activity.sessions,
    })
}
