//! Whether a request is one: every parameter of it, in the order in which what is wrong may be told.

use std::collections::BTreeMap;

use jwks::{Time, site_session::ASKED_OF};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use super::{FLOW_TTL, issue::Destination, lengths};
use crate::{
    app::App,
    domain::{
        authorization::{AuthorizationRequest, ClaimRequest, ClaimsRequest, Prompt, ResponseMode},
        client::Client,
    },
    oauth::{
        OAuthError, OAuthResult, audience,
        engine::authorization::{self as engine, Bound},
        id_token_hint,
        params::Params,
        scope::OPENID,
        site_client,
    },
};

/// The most languages of `ui_locales` that are looked at.
const LOCALES: usize = 10;

/// The most claims that are asked for by name, of userinfo and of the ID token each.
const CLAIMS: usize = 64;
/// The longest name of one, in bytes.
const CLAIM_NAME: usize = 256;

/// Why a request is refused, and who hears of it.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing is known to be good yet: a page says it, at the address where it happened (rule 11).
    Page(OAuthError),
    /// The client hears it, where its answers go.
    Told(Box<Destination>, OAuthError),
}

impl Refusal {
    /// The reason alone, for whoever hears it in the answer to the request itself (RFC 9126).
    #[must_use]
    pub fn reason(self) -> OAuthError {
        match self {
            Self::Page(reason) | Self::Told(_, reason) => reason,
        }
    }
}

/// Validates a request. `pushed_by`: the client that pushed it and proved to be it; `None`: it came
/// with a browser.
///
/// # Errors
/// [`Refusal`], by the error codes of RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6
/// and RFC 8707 section 2.
pub async fn validate(
    app: &App,
    params: &Params,
    pushed_by: Option<&Client>,
    now: Time,
) -> Result<AuthorizationRequest, Refusal> {
    let bound = engine::bind(app, params).await.map_err(Refusal::Page)?;
    if pushed_by.is_some_and(|client| client.client_id != bound.client.client_id) {
        return Err(Refusal::Page(OAuthError::request("client_id is another client's")));
    }
    let response_mode = read_response_mode(params);
    let destination = Destination {
        client_id: bound.client.client_id.clone(),
        redirect_uri: bound.redirect_uri.clone(),
        response_mode: response_mode.as_ref().copied().unwrap_or_default(),
        state: read_state(params),
    };
    let told = |reason| Refusal::Told(Box::new(destination.clone()), reason);
    let mode = response_mode.map_err(told)?;
    if let Some(name) = params.repeated() {
        // Its name is the caller's words, and goes back to nobody unless we know it.
        let text = match KNOWN.iter().find(|known| **known == name) {
            Some(known) => format!("{known} is given twice").into(),
            None => "a parameter is given twice".into(),
        };
        return Err(told(OAuthError::InvalidRequest(text)));
    }
    rest(app, params, bound, mode, pushed_by.is_some(), now).await.map_err(told)
}

/// The parameters that are told by name.
const KNOWN: [&str; 20] = [
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "login_hint",
    "id_token_hint",
    "ui_locales",
    "claims_locales",
    "display",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "registration",
    "dpop_jkt",
];

/// Everything behind the redirect URI.
async fn rest(
    app: &App,
    params: &Params,
    bound: Bound<'_>,
    response_mode: ResponseMode,
    is_pushed: bool,
    now: Time,
) -> OAuthResult<AuthorizationRequest> {
    refuse_objects(params)?;
    lengths::judge(params)?;
    let client = bound.client.clone();
    let (redirect_uri, names_redirect_uri) = (bound.redirect_uri.clone(), bound.names_redirect_uri);
    if client.metadata.require_pushed_authorization_requests && !is_pushed {
        return Err(OAuthError::request("this client must push its requests (RFC 9126)"));
    }
    if !client.may_use("authorization_code") {
        let text = "this client may not use the grant type authorization_code";
        return Err(OAuthError::UnauthorizedClient(text.into()));
    }
    let negotiated = bound.negotiate()?;
    let is_openid = negotiated.scope.split(' ').any(|scope| scope == OPENID);
    let claims = match params.get("claims").filter(|_| is_openid) {
        Some(text) => read_claims(text)?,
        None => ClaimsRequest::default(),
    };
    let hinted = match params.get("id_token_hint") {
        Some(hint) => Some(read_hint(app, hint, &client)?),
        None => None,
    };
    let resource = read_resource(app, params, &client, &negotiated.scope).await?;
    let mut asked_of = None;
    if site_client::is(&client) {
        site_client::judge(app, &redirect_uri, &resource).await?;
        asked_of = params.get(ASKED_OF).map(ToOwned::to_owned);
    }
    Ok(AuthorizationRequest {
        client_id: client.client_id.clone(),
        redirect_uri,
        names_redirect_uri,
        response_mode,
        state: read_state(params),
        scope: negotiated.scope,
        nonce: params.get("nonce").map(ToOwned::to_owned),
        pkce: negotiated.pkce,
        prompt: read_prompt(params.get("prompt"))?,
        max_age: read_max_age(params.get("max_age"))?.or(client.metadata.default_max_age),
        acr_values: match params.get("acr_values") {
            Some(values) => words(values),
            None => client.metadata.default_acr_values.clone(),
        },
        subject_hint: subject(hinted, &claims)?,
        claims,
        login_hint: params.get("login_hint").map(ToOwned::to_owned),
        ui_locales: words(params.get("ui_locales").unwrap_or_default())
            .into_iter()
            .take(LOCALES)
            .collect(),
        resource,
        asked_of,
        pushed: None,
        chosen: None,
        signed_in: None,
        allowed: None,
        is_done: false,
        created_at: now,
        expires_at: now.plus(FLOW_TTL),
    })
}

/// Request objects and registrations within a request are of other documents.
fn refuse_objects(params: &Params) -> OAuthResult<()> {
    if params.get("request").is_some() {
        let text = "request objects are not supported";
        return Err(OAuthError::RequestNotSupported(text.into()));
    }
    if params.get("request_uri").is_some() {
        let text = "request_uri is supported for pushed requests alone";
        return Err(OAuthError::RequestUriNotSupported(text.into()));
    }
    if params.get("registration").is_some() {
        let text = "registration within a request is not supported";
        return Err(OAuthError::RegistrationNotSupported(text.into()));
    }
    Ok(())
}

/// Unchanged; none where it is not known which of two is meant.
fn read_state(params: &Params) -> Option<String> {
    let mut states = params.all("state");
    let state = states.next().map(ToOwned::to_owned);
    state.filter(|_| states.next().is_none())
}

/// How the answer goes. What is wrong with it is told in the query.
fn read_response_mode(params: &Params) -> OAuthResult<ResponseMode> {
    let mut modes = params.all("response_mode");
    let Some(name) = modes.next() else { return Ok(ResponseMode::default()) };
    let known = ResponseMode::ALL.into_iter().find(|mode| mode.as_str() == name);
    known
        .filter(|_| modes.next().is_none())
        .ok_or_else(|| OAuthError::request("response_mode must be query, fragment or form_post"))
}

fn read_prompt(text: Option<&str>) -> OAuthResult<Vec<Prompt>> {
    let mut prompts = Vec::new();
    for word in words(text.unwrap_or_default()) {
        let prompt = match word.as_str() {
            "none" => Prompt::None,
            "login" => Prompt::Login,
            "consent" => Prompt::Consent,
            "select_account" => Prompt::SelectAccount,
            _ => {
                let text = "prompt must be of none, login, consent and select_account";
                return Err(OAuthError::request(text));
            }
        };
        if !prompts.contains(&prompt) {
            prompts.push(prompt);
        }
    }
    if prompts.contains(&Prompt::None) && prompts.len() > 1 {
        return Err(OAuthError::request("prompt=none stands alone"));
    }
    Ok(prompts)
}

fn read_max_age(text: Option<&str>) -> OAuthResult<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| is_number);
    seconds.map(Some).ok_or_else(|| OAuthError::request("max_age must be a number of seconds"))
}

/// The `claims` parameter (OpenID Connect Core section 5.5). Members that are not known are ignored.
/// Names that no claim has, or more than anybody reads, are refused: they are shown to people, and
/// kept with their consent.
fn read_claims(text: &str) -> OAuthResult<ClaimsRequest> {
    let malformed = || OAuthError::request("claims is not the JSON of OpenID Connect Core 5.5");
    let mut sent: Map<String, Value> = serde_json::from_str(text).map_err(|_| malformed())?;
    let is_named = |claims: &Map<String, Value>| {
        let fits = |name: &String| name.len() <= CLAIM_NAME && !name.contains(char::is_control);
        claims.len() <= CLAIMS && claims.keys().all(fits)
    };
    let mut read = |name: &str| match sent.remove(name) {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(Value::Object(claims)) if is_named(&claims) => {
            claims.into_iter().map(|(claim, asked)| Some((claim, read_claim(asked)?))).collect()
        }
        Some(_) => None,
    };
    Ok(ClaimsRequest {
        userinfo: read("userinfo").ok_or_else(malformed)?,
        id_token: read("id_token").ok_or_else(malformed)?,
    })
}

/// One of them: `null`, or an object.
fn read_claim(asked: Value) -> Option<Option<ClaimRequest>> {
    match asked {
        Value::Null => Some(None),
        Value::Object(_) => serde_json::from_value(asked).ok().map(Some),
        _ => None,
    }
}

/// The subject of an ID token that this client was given.
fn read_hint(app: &App, hint: &str, client: &Client) -> OAuthResult<Uuid> {
    let foreign = || OAuthError::request("id_token_hint is no ID token that this client was given");
    let claims = id_token_hint::read(app, hint).map_err(|_| foreign())?;
    let subject = Uuid::parse_str(&claims.sub).ok();
    subject.filter(|_| claims.aud == client.client_id).ok_or_else(foreign)
}

/// Who must be signed in: the subject of the hint, or one that is asked for as the claim `sub`
/// (OpenID Connect Core section 5.5.1).
fn subject(hinted: Option<Uuid>, claims: &ClaimsRequest) -> OAuthResult<Option<Uuid>> {
    let asked = |claims: &BTreeMap<String, Option<ClaimRequest>>| {
        let value = claims.get("sub")?.as_ref()?.value.as_ref()?;
        // One that nobody has is nobody's.
        Some(value.as_str().and_then(|sub| Uuid::parse_str(sub).ok()).unwrap_or_default())
    };
    let asked = [hinted, asked(&claims.id_token), asked(&claims.userinfo)];
    let mut asked = asked.into_iter().flatten();
    let subject = asked.next();
    match asked.all(|other| Some(other) == subject) {
        true => Ok(subject),
        false => Err(OAuthError::request("the request names two subjects")),
    }
}

/// Where the access token is to be good (RFC 8707). What the request names must be absolute URIs,
/// and of our sites only those that are switched on.
async fn read_resource(
    app: &App,
    params: &Params,
    client: &Client,
    scope: &str,
) -> OAuthResult<Vec<String>> {
    let is_place = |text: &str| Url::parse(text).is_ok_and(|url| url.fragment().is_none());
    if !params.all("resource").all(is_place) {
        return Err(OAuthError::InvalidTarget("resource must be an absolute URI".into()));
    }
    let resources = audience::asked(&app.issuer, client, scope, params)?;
    audience::switched_on(app, &resources, audience::is_named(params)).await?;
    Ok(resources)
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

/// What a claim request asks for by its values, one or several.
pub(super) fn values(request: &ClaimRequest) -> impl Iterator<Item = &str> {
    request.value.iter().chain(&request.values).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params::new(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn prompt_none_stands_alone() {
        assert_eq!(read_prompt(Some("none")).unwrap(), [Prompt::None]);
        assert_eq!(
            read_prompt(Some("login consent login")).unwrap(),
            [Prompt::Login, Prompt::Consent]
        );
        assert!(read_prompt(None).unwrap().is_empty());
        for bad in ["none login", "login none", "sometimes", "Login"] {
            assert!(matches!(read_prompt(Some(bad)), Err(OAuthError::InvalidRequest(_))), "{bad}");
        }
    }

    #[test]
    fn max_age_is_a_number_of_seconds() {
        assert_eq!(read_max_age(Some("0")).unwrap(), Some(0));
        assert_eq!(read_max_age(None).unwrap(), None);
        for bad in ["-1", "+1", "1.5", "a", "99999999999999999999999"] {
            assert!(read_max_age(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_claims_parameter_is_read_and_anything_else_refused() {
        let text = r#"{"userinfo":{"email":null,"name":{"essential":true,"x":1}},
            "id_token":{"acr":{"essential":true,"values":["a","b"]}},"other":[1]}"#;
        let claims = read_claims(text).unwrap();
        assert_eq!(claims.userinfo["email"], None);
        assert!(claims.userinfo["name"].as_ref().unwrap().essential);
        let acr = claims.id_token["acr"].as_ref().unwrap();
        assert_eq!(values(acr).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read_claims(r#"{"userinfo":null}"#).unwrap(), ClaimsRequest::default());
        for bad in [
            "",
            "{",
            "[]",
            "1",
            r#"{"userinfo":[]}"#,
            r#"{"userinfo":{"email":true}}"#,
            r#"{"userinfo":{"email":[]}}"#,
            r#"{"userinfo":{"email":{"essential":"yes"}}}"#,
            r#"{"userinfo":{"email":{"values":"x"}}}"#,
        ] {
            assert!(matches!(read_claims(bad), Err(OAuthError::InvalidRequest(_))), "{bad}");
        }
    }

    #[test]
    fn a_claim_is_named_as_claims_are_and_there_are_not_too_many() {
        for place in ["userinfo", "id_token"] {
            let asking = |names: &[String]| {
                let claims: Map<String, Value> =
                    names.iter().map(|name| (name.clone(), Value::Null)).collect();
                read_claims(&serde_json::json!({ place: claims }).to_string())
            };
            let many = |count| (0..count).map(|n| format!("claim-{n}")).collect::<Vec<_>>();
            for good in [vec!["name#de-AT".into()], vec!["x".repeat(CLAIM_NAME)], many(CLAIMS)] {
                assert!(asking(&good).is_ok(), "{good:?}");
            }
            for bad in ["a\u{0}b", "\u{0}", "a\nb", "\u{7f}", "\u{85}"] {
                assert!(asking(&[bad.to_owned()]).is_err(), "{bad:?}");
            }
            assert!(asking(&["x".repeat(CLAIM_NAME + 1)]).is_err());
            assert!(asking(&many(CLAIMS + 1)).is_err());
        }
    }

    #[test]
    fn a_request_names_one_subject() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let asking = |sub: &str| {
            let text = format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#);
            read_claims(&text).unwrap()
        };
        let nothing = ClaimsRequest::default();
        assert_eq!(subject(None, &nothing).unwrap(), None);
        assert_eq!(subject(Some(one), &nothing).unwrap(), Some(one));
        assert_eq!(subject(Some(one), &asking(&one.to_string())).unwrap(), Some(one));
        assert_eq!(subject(None, &asking(&other.to_string())).unwrap(), Some(other));
        assert_eq!(subject(None, &asking("nobody")).unwrap(), Some(Uuid::nil()));
        assert!(subject(Some(one), &asking(&other.to_string())).is_err());
    }

    #[test]
    fn state_is_unchanged_and_of_two_none() {
        let odd = "a b+c%20&=/?#\u{e9}\"<>'".repeat(10);
        assert_eq!(read_state(&params(&[("state", &odd)])).unwrap(), odd);
        assert_eq!(read_state(&params(&[("state", "a"), ("state", "b")])), None);
    }

    #[test]
    fn a_response_mode_is_one_of_three() {
        let mode = |name| read_response_mode(&params(&[("response_mode", name)]));
        assert_eq!(mode("").unwrap(), ResponseMode::Query);
        assert_eq!(mode("form_post").unwrap(), ResponseMode::FormPost);
        for bad in ["jwt", "Query", "web_message"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }
}
