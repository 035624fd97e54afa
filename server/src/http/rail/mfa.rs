//! `/mfa/…`

use axum::response::Response;
use http::StatusCode;
use jwks::policy::Method;
use serde_json::json;

use super::{
    answer::RailError,
    body::Body,
    call::{Call, is_mfa_token},
    sign_in::signed_in,
};
use crate::{
    auth::{
        AuthError,
        bearer::Place,
        mfa::{self, Standing, challenge, enrol, verify},
        origin::RAIL,
    },
    domain::login::Outstanding,
};

/// POST /mfa/setup
pub async fn set_up(call: Call) -> Response {
    let result = try_set_up(&call).await;
    call.end(result)
}

async fn try_set_up(call: &Call) -> Result<Response, RailError> {
    let (standing, mut body) = standing(call, Outstanding::Enrol).await?;
    let method = required_method(&mut body);
    offered(method)?;
    body.finish()?;
    let new = enrol::set_up(&call.app, &standing, method).await?;
    let mut answer = json!({
        "method": method.as_str(),
        "secret": new.totp.base32,
        "otpauthUri": new.totp.uri,
        "qrCode": new.totp.qr_code,
    });
    if let Some(codes) = new.backup_codes {
        answer["backupCodes"] = codes.into();
    }
    Ok(call.answer(StatusCode::OK, answer))
}

/// POST /mfa/setup/confirm
pub async fn confirm(call: Call) -> Response {
    let result = try_confirm(&call).await;
    call.end(result)
}

async fn try_confirm(call: &Call) -> Result<Response, RailError> {
    let (standing, mut body) = standing(call, Outstanding::Enrol).await?;
    let method = required_method(&mut body);
    offered(method)?;
    let code = body.string("code");
    let name = body.optional_string("name");
    body.finish()?;
    let name = name.as_deref();
    let enrolled = enrol::confirm(&call.app, &call.origin, standing, method, &code, name).await?;
    let answer = match enrolled {
        enrol::Enrolled::Enabled(method) => json!({ "method": method.as_str(), "enabled": true }),
        enrol::Enrolled::SignedIn(method, tokens) => {
            let mut answer = signed_in(&tokens);
            answer["method"] = method.as_str().into();
            answer["enabled"] = true.into();
            answer
        }
    };
    Ok(call.answer(StatusCode::OK, answer))
}

/// POST /mfa/challenge
pub async fn challenge(call: Call) -> Response {
    let result = try_challenge(&call).await;
    call.end(result)
}

async fn try_challenge(call: &Call) -> Result<Response, RailError> {
    let (standing, mut body) = standing(call, Outstanding::Verify).await?;
    let method = required_method(&mut body);
    body.finish()?;
    challenge::challenge(&call.app, &standing, method).await?;
    Ok(call.answer(StatusCode::OK, json!({ "method": method.as_str(), "sent": false })))
}

/// POST /mfa/verify
pub async fn verify(call: Call) -> Response {
    let result = try_verify(&call).await;
    call.end(result)
}

async fn try_verify(call: &Call) -> Result<Response, RailError> {
    let (standing, mut body) = standing(call, Outstanding::Verify).await?;
    let code = body.string("code");
    let method = optional_method(&mut body);
    let site_key = body.optional_string("siteKey");
    if body.optional_bool("trustDevice") == Some(true) {
        body.problem("trustDevice", "is not available; leave it out, or send false");
    }
    body.finish()?;
    let answer = verify::Answer { code: &code, method, site_key: site_key.as_deref() };
    let tokens = verify::verify(&call.app, &call.origin, standing, answer).await?;
    Ok(call.answer(StatusCode::OK, signed_in(&tokens)))
}

/// Who stands before a factor: by the `mfaToken` in the body or as bearer, or by an access token.
/// Half a sign-in only for what is outstanding in it. Credentials are judged before the rest of
/// the body.
async fn standing(call: &Call, outstanding: Outstanding) -> Result<(Standing, Body), RailError> {
    let half =
        async |token: &str| mfa::half_signed_in(&call.app, token, RAIL, Some(outstanding)).await;
    let standing = match call.bearer()? {
        Some(token) if is_mfa_token(token) => Some(half(token).await?),
        Some(_) => Some(Standing::Full(Box::new(call.caller(Place::Issuer).await?))),
        None => None,
    };
    let mut body = call.body()?;
    let token = body.optional_string("mfaToken");
    let standing = match (standing, token) {
        (Some(standing), None) => standing,
        (None, Some(token)) => half(&token).await?,
        (Some(standing), Some(_)) => {
            body.problem("mfaToken", "is given beside a bearer token; send one of them");
            standing
        }
        (None, None) => return Err(AuthError::NoCredential.into()),
    };
    Ok((standing, body))
}

/// Judged before the other fields: which of them belong there depends on the method.
fn offered(method: Method) -> Result<(), RailError> {
    if mfa::OFFERED.contains(&method) {
        Ok(())
    } else {
        Err(AuthError::MethodNotOffered(mfa::OFFERED.to_vec()).into())
    }
}

fn required_method(body: &mut Body) -> Method {
    // What stands in for an unreadable one is never used: the body does not finish then.
    optional_string_method(body, true).unwrap_or(Method::Totp)
}

fn optional_method(body: &mut Body) -> Option<Method> {
    optional_string_method(body, false)
}

fn optional_string_method(body: &mut Body, required: bool) -> Option<Method> {
    let name = if required { body.string("method") } else { body.optional_string("method")? };
    let method = Method::ALL.into_iter().find(|method| method.as_str() == name);
    if method.is_none() && !name.is_empty() {
        let known = Method::ALL.map(Method::as_str).join(", ");
        body.problem("method", &format!("must be one of {known}"));
    }
    method
}
