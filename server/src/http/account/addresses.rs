//! `/email` and `/phone`: another mail address, another telephone number.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    auth::{
        account_address::{begin_email, begin_phone, confirm_email, confirm_phone, remove_phone},
        bearer::Place,
        mfa::Standing,
        sent_code::Sent,
    },
    domain::phone,
    http::{
        rail::{
            answer::RailError,
            call::Call,
            refusals::*,
            shapes::{self, code, email},
        },
        route::{Credential::Bearer, Field, Route, Shape, always, delete, object, post, text},
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        post("/email", Bearer, change_email)
            .does(
                "Ask for another mail address",
                "Mails a code to the new address; the present one stays until that is proved, and is \
                told. An address that belongs to somebody gets the same answer, and its owner a mail.",
            )
            .takes([email()])
            .answers(200, on_its_way())
            .fresh()
            .limited(),
        post("/email/confirm", Bearer, prove_email)
            .does(
                "Prove the new mail address",
                "With the code, in the session that asked for it. Ends every other session of the \
                caller's, trusts no device any more, and ends every link that was mailed before.",
            )
            .takes([code()])
            .answers(200, object([email(), always("emailVerified", true, "It is proved.")]))
            .refuses([INVALID_CODE, CONFLICT])
            .fresh()
            .limited(),
        post("/phone", Bearer, change_phone)
            .does(
                "Ask for another telephone number",
                "Sends a code to the new number by SMS; the present one stays until that is proved.",
            )
            .takes([shapes::phone("The number, with the code of its country.")])
            .answers(200, on_its_way())
            .fresh()
            .limited(),
        post("/phone/confirm", Bearer, prove_phone)
            .does(
                "Prove the new telephone number",
                "With the code, in the session that asked for it.",
            )
            .takes([code()])
            .answers(
                200,
                object([masked_phone(), always("phoneVerified", true, "It is proved.")]),
            )
            .refuses([INVALID_CODE, CONFLICT])
            .fresh()
            .limited(),
        delete("/phone", Bearer, give_phone_up)
            .does(
                "Remove the telephone number",
                "A factor by SMS keeps its own number.",
            )
            .answers(200, shapes::done("removed"))
            .refuses([NOT_FOUND, CONFLICT])
            .fresh(),
    ]
}

fn on_its_way() -> Shape {
    object([shapes::sent_to(), shapes::code_expires_in()])
}

fn masked_phone() -> Field {
    text("phone", "The number, masked.").like("+49•••••89")
}

/// POST /email
async fn change_email(call: Call) -> Response {
    let result = try_change_email(&call).await;
    call.end(result)
}

async fn try_change_email(call: &Call) -> Result<Response, RailError> {
    let standing = standing(call).await?;
    let email = field(call, "email")?;
    let sent = begin_email(&call.app, &call.origin, &standing, &email).await?;
    Ok(call.answer(StatusCode::OK, way(sent)))
}

/// POST /email/confirm
async fn prove_email(call: Call) -> Response {
    let result = try_prove_email(&call).await;
    call.end(result)
}

async fn try_prove_email(call: &Call) -> Result<Response, RailError> {
    let standing = standing(call).await?;
    let code = field(call, "code")?;
    let user = confirm_email(&call.app, &call.origin, &standing, &code).await?;
    Ok(call.answer(StatusCode::OK, json!({ "email": user.email, "emailVerified": true })))
}

/// POST /phone
async fn change_phone(call: Call) -> Response {
    let result = try_change_phone(&call).await;
    call.end(result)
}

async fn try_change_phone(call: &Call) -> Result<Response, RailError> {
    let standing = standing(call).await?;
    let phone = field(call, "phone")?;
    let sent = begin_phone(&call.app, &call.origin, &standing, &phone).await?;
    Ok(call.answer(StatusCode::OK, way(sent)))
}

/// POST /phone/confirm
async fn prove_phone(call: Call) -> Response {
    let result = try_prove_phone(&call).await;
    call.end(result)
}

async fn try_prove_phone(call: &Call) -> Result<Response, RailError> {
    let standing = standing(call).await?;
    let code = field(call, "code")?;
    let user = confirm_phone(&call.app, &call.origin, &standing, &code).await?;
    let shown = phone::masked(user.phone.as_deref().unwrap_or_default());
    Ok(call.answer(StatusCode::OK, json!({ "phone": shown, "phoneVerified": true })))
}

/// DELETE /phone
async fn give_phone_up(call: Call) -> Response {
    let result = try_give_phone_up(&call).await;
    call.end(result)
}

async fn try_give_phone_up(call: &Call) -> Result<Response, RailError> {
    let standing = standing(call).await?;
    remove_phone(&call.app, &call.origin, &standing).await?;
    Ok(call.answer(StatusCode::OK, json!({ "removed": true })))
}

async fn standing(call: &Call) -> Result<Standing, RailError> {
    Ok(Standing::Full(Box::new(call.caller(Place::Issuer).await?)))
}

/// The only field of the body.
fn field(call: &Call, name: &str) -> Result<String, RailError> {
    let mut body = call.body()?;
    let text = body.string(name);
    body.finish()?;
    Ok(text)
}

fn way(sent: Sent) -> Value {
    json!({ "sentTo": sent.sent_to, "expiresIn": sent.expires_in })
}
