//! `/decisions`: why an edge refused a request.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use serde_json::json;

use crate::{
    admin,
    auth::AuthError,
    http::{
        rail::{
            admin as authenticate,
            answer::RailError,
            call::Call,
            refusals::{NOT_FOUND, STEP_UP_REQUIRED},
        },
        route::{
            Credential::Admin, Route, flag, foreign, get, instant, list, number, object, shape,
            text,
        },
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    let need = object([
        text("need", "What, in a word.").like("proof"),
        text("text", "The same in words.").like("a proof of urn:signalbox:2fa"),
    ]);
    let request =
        json!({ "method": "GET", "host": "wiki.example.com", "path": "/pay", "ip": "192.0.2.1" });
    let caller = json!({ "credential": "bearer", "acr": "urn:signalbox:1fa", "amr": ["pwd"] });
    let asked = json!({ "rule": 0, "place": "/pay", "require": "2fa" });
    let again = json!({ "outcome": "insufficient", "status": 401 });
    let decision = shape(
        "Decision",
        [
            text("id", "What stood in `X-Signalbox-Decision`.").like("d_abcdefghijkl"),
            instant("at", "When it was refused."),
            text("edge", "The edge that did.").like("edge-1"),
            text("siteKey", "The site, where the host named one.").like("wiki").nullable(),
            number("siteVersion", "The version of the site that was judged by.").nullable(),
            number("siteVersionNow", "The version that holds now.").nullable(),
            number("status", "What was answered.").like(401),
            text("reason", "Why, in a word.").like("insufficient"),
            text("summary", "Why, in words."),
            foreign("request", "What was asked for, without its query.", request).nullable(),
            foreign("caller", "Who asked, as far as that was shown.", caller).nullable(),
            foreign(
                "asked",
                "What the policy, or the rule of it that speaks of the request, asks.",
                asked,
            )
            .nullable(),
            foreign(
                "judgedAgain",
                "What the same request, at the instant it was refused, comes to by the sites, keys and \
                people of today.",
                again,
            )
            .nullable(),
            list(
                "wouldPass",
                crate::http::route::within("", need, ""),
                "What it would have taken, all of it.",
            ),
            flag("passesThen", "Whether that is enough."),
        ],
    );
    vec![
        get("/decisions/{decisionId}", Admin, show)
            .does(
                "Explain a refusal",
                "For admins, with a second factor. Every refusal of an edge carries an id, which is \
                explained for 24 hours: the request is judged again as it was.",
            )
            .answers(200, decision)
            .refuses([STEP_UP_REQUIRED, NOT_FOUND]),
    ]
}

/// GET /decisions/{decisionId}
async fn show(path: Path<String>, call: Call) -> Response {
    let result = try_show(&call, &path.0).await;
    call.end(result)
}

async fn try_show(call: &Call, id: &str) -> Result<Response, RailError> {
    authenticate(call).await?;
    let explained = admin::explain_decision(&call.app, id).await?;
    Ok(call.answer(StatusCode::OK, explained.ok_or(AuthError::NotFound)?))
}
