//! `/mfa/…`

use axum::{extract::Path, response::Response};
use http::StatusCode;
use jwks::policy::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{self, RailError},
    body::Body,
    call::{Call, is_mfa_token},
    rfc3339,
    sign_in::{half_signed_in, signed_in, welcome},
};
use crate::{
    auth::{
        AuthError,
        bearer::Place,
        login::SignedIn,
        mfa::{
            self, Standing,
            challenge::{self, Begun},
            enrol::{self, Confirmation, Source, Wanted},
            manage::{self, Listed},
            verify::{self, Given},
            webauthn,
        },
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
    offered(call, method)?;
    let phone = body.optional_string("phone");
    if phone.is_some() && method != Method::Sms {
        body.problem("phone", "is for SMS alone; leave it out");
    }
    body.finish()?;
    let wanted = Wanted { phone: phone.as_deref(), ..Wanted::of(method) };
    let new = enrol::set_up(&call.app, &call.origin, &standing, wanted).await?;
    let mut answer = match new.source {
        Source::Authenticator(totp) => json!({
            "method": method.as_str(),
            "secret": totp.base32,
            "otpauthUri": totp.uri,
            "qrCode": totp.qr_code,
        }),
        Source::Sent(sent) => json!({
            "method": method.as_str(),
            "sentTo": sent.sent_to,
            "expiresIn": sent.expires_in,
        }),
        Source::Passkey(options) => json!({
            "method": method.as_str(),
            "publicKey": options,
            "expiresIn": webauthn::LIFE.as_secs(),
        }),
    };
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
    offered(call, method)?;
    let proof = Proof::read(&mut body);
    let name = body.optional_string("name");
    let trust_device = body.optional_bool("trustDevice").unwrap_or(false);
    if trust_device && matches!(standing, Standing::Full(_)) {
        body.problem("trustDevice", "is for the end of a sign-in; leave it out, or send false");
    }
    body.finish()?;
    let name = name.as_deref();
    let (factor_id, browser) = (None, None);
    let (given, site_key) = (proof.given(), None);
    let confirmation =
        Confirmation { factor_id, method, given, name, site_key, trust_device, browser };
    let enrolled = enrol::confirm(&call.app, &call.origin, standing, confirmation).await?;
    match enrolled.held {
        None => {
            let answer = json!({ "method": method.as_str(), "enabled": true });
            Ok(call.answer(StatusCode::OK, answer))
        }
        Some(held) => {
            let tokens = held.tokens()?;
            let mut answer = signed_in(&tokens);
            answer["method"] = method.as_str().into();
            answer["enabled"] = true.into();
            welcome(call, &tokens, enrolled.device.as_ref(), answer)
        }
    }
}

/// POST /mfa/challenge
pub async fn challenge(call: Call) -> Response {
    let result = try_challenge(&call).await;
    call.end(result)
}

async fn try_challenge(call: &Call) -> Result<Response, RailError> {
    let (standing, mut body) = standing(call, Outstanding::Verify).await?;
    let method = required_method(&mut body);
    let site_key = body.optional_string("siteKey");
    body.finish()?;
    let (app, site_key) = (&call.app, site_key.as_deref());
    let begun = challenge::challenge(app, &call.origin, &standing, method, site_key).await?;
    let mut answer = json!({ "method": method.as_str(), "sent": false });
    match begun {
        Begun::Nothing => {}
        Begun::Sent(sent) => {
            answer["sent"] = true.into();
            answer["sentTo"] = sent.sent_to.into();
            answer["expiresIn"] = sent.expires_in.into();
        }
        Begun::Asked(options) => {
            answer["publicKey"] = options;
            answer["expiresIn"] = webauthn::LIFE.as_secs().into();
        }
    }
    Ok(call.answer(StatusCode::OK, answer))
}

/// POST /mfa/verify
pub async fn verify(call: Call) -> Response {
    let result = try_verify(&call).await;
    call.end(result)
}

async fn try_verify(call: &Call) -> Result<Response, RailError> {
    let (standing, mut body) = standing(call, Outstanding::Verify).await?;
    let method = optional_method(&mut body);
    let proof = Proof::read(&mut body);
    let site_key = body.optional_string("siteKey");
    let trust_device = body.optional_bool("trustDevice").unwrap_or(false);
    body.finish()?;
    let site_key = site_key.as_deref();
    let given = proof.given();
    let answer = verify::Answer { given, method, site_key, trust_device, browser: None };
    let proved = verify::verify(&call.app, &call.origin, standing, answer).await?;
    match proved.signed_in {
        SignedIn::Whole(held) => {
            let tokens = held.tokens()?;
            welcome(call, &tokens, proved.device.as_ref(), signed_in(&tokens))
        }
        SignedIn::Half(half) => Ok(call.answer(StatusCode::OK, half_signed_in(&half))),
    }
}

/// GET /mfa/methods
pub async fn list(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let (page, per_page) = call.page()?;
    let listed = manage::list(&call.app, &caller).await?;
    let items = listed.iter().map(factor).collect();
    Ok(answer::list(&call.origin.request_id, items, page, per_page))
}

/// PATCH /mfa/methods/:id
pub async fn edit(path: Path<String>, call: Call) -> Response {
    let result = try_edit(&call, &path.0).await;
    call.end(result)
}

async fn try_edit(call: &Call, id: &str) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let mut body = call.body()?;
    let name = body.optional_string("name");
    let default = body.optional_bool("default");
    if default == Some(false) {
        body.problem("default", "must be true: make another one the default instead");
    }
    body.finish()?;
    let id = Uuid::parse_str(id).map_err(|_| AuthError::NotFound)?;
    let (app, prefer) = (&call.app, default.unwrap_or(false));
    manage::edit(app, &call.origin, &caller, id, name.as_deref(), prefer).await?;
    let listed = manage::list(app, &caller).await?;
    let listed = listed.iter().find(|listed| listed.factor.id == id).ok_or(AuthError::NotFound)?;
    Ok(call.answer(StatusCode::OK, factor(listed)))
}

/// DELETE /mfa/methods/:id
pub async fn remove(path: Path<String>, call: Call) -> Response {
    let result = try_remove(&call, &path.0).await;
    call.end(result)
}

async fn try_remove(call: &Call, id: &str) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let id = Uuid::parse_str(id).map_err(|_| AuthError::NotFound)?;
    manage::remove(&call.app, &call.origin, &caller, id).await?;
    Ok(call.answer(StatusCode::OK, json!({ "id": id, "removed": true })))
}

/// POST /mfa/backup-codes
pub async fn renew_backup_codes(call: Call) -> Response {
    let result = try_renew_backup_codes(&call).await;
    call.end(result)
}

async fn try_renew_backup_codes(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    call.body()?.finish()?;
    let codes = manage::renew_backup_codes(&call.app, &call.origin, &caller).await?;
    Ok(call.answer(StatusCode::OK, json!({ "backupCodes": codes })))
}

fn factor(listed: &Listed) -> Value {
    let factor = &listed.factor;
    let mut item = json!({
        "id": factor.id,
        "method": factor.method.as_str(),
        "name": factor.name,
        "default": listed.is_default,
        "createdAt": rfc3339(factor.created_at),
        "lastUsedAt": factor.last_used_at.map(rfc3339),
    });
    if let Some(remaining) = listed.remaining {
        item["remaining"] = remaining.into();
    }
    if let Some(passkey) = &listed.passkey {
        item["synced"] = passkey.backup_eligible.into();
        item["backedUp"] = passkey.backed_up.into();
        item["model"] = json!(passkey.model);
    }
    item
}

/// What somebody proves a factor with.
struct Proof {
    code: Option<String>,
    credential: Option<Value>,
}

impl Proof {
    /// `credential` of a passkey, `code` of every other method. That one is missing is said once it is
    /// known who asks.
    fn read(body: &mut Body) -> Self {
        let (code, credential) = (body.optional_string("code"), body.optional_object("credential"));
        if code.is_some() && credential.is_some() {
            body.problem("code", "is given beside a credential; send one of them");
        }
        Self { code, credential }
    }

    fn given(&self) -> Given<'_> {
        match (&self.credential, &self.code) {
            (Some(credential), _) => Given::Credential(credential),
            (None, Some(code)) => Given::Code(code),
            (None, None) => Given::Nothing,
        }
    }
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
fn offered(call: &Call, method: Method) -> Result<(), RailError> {
    let here = mfa::offered_here(&call.app);
    if here.contains(&method) { Ok(()) } else { Err(AuthError::MethodNotOffered(here).into()) }
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
