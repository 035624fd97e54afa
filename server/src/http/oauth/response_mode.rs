//! How an answer travels to the client: one arm for each response mode (OAuth 2.0 Multiple Response
//! Types section 2.1, Form Post Response Mode).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use url::form_urlencoded;

use super::answer;
use crate::{
    app::App,
    domain::authorization::ResponseMode,
    http::pages::{
        answer as page,
        views::{FormPost, Look},
    },
    oauth::{
        OAuthError,
        authorize::{Answer, Destination},
    },
};

/// Sends a browser to the client with a code. Every answer says who gives it (RFC 9207).
pub fn answered(app: &App, look: &Look, answer: &Answer) -> Response {
    let mut fields = vec![("code", answer.code.as_str())];
    fields.extend(answer.session_state.as_deref().map(|state| ("session_state", state)));
    send(app, look, &answer.to, fields)
}

/// Sends a browser to the client with an error, and logs it.
pub fn refused(app: &App, look: &Look, to: &Destination, reason: &OAuthError) -> Response {
    let row = answer::logged(reason);
    send(app, look, to, vec![("error", row.code), ("error_description", &row.text)])
}

fn send<'a>(
    app: &'a App,
    look: &Look,
    to: &'a Destination,
    mut fields: Vec<(&'a str, &'a str)>,
) -> Response {
    fields.extend(to.state.as_deref().map(|state| ("state", state)));
    fields.push(("iss", &app.issuer));
    let uri = &to.redirect_uri;
    match to.response_mode {
        ResponseMode::Query => redirect(&with_query(uri, &fields)),
        ResponseMode::Fragment => redirect(&format!("{uri}#{}", encoded(&fields))),
        ResponseMode::FormPost => {
            page::page(StatusCode::OK, &FormPost { look, action: uri, fields })
        }
    }
}

/// 303: whatever was posted here is not posted there (rule 11). Nobody keeps it.
fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(to) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// The address as it is registered, its query kept, with more behind it (RFC 6749 section 3.1.2).
fn with_query(uri: &str, fields: &[(&str, &str)]) -> String {
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{joint}{}", encoded(fields))
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registered_query_is_kept() {
        let fields = [("code", "a b"), ("state", "x&y=z")];
        for (uri, whole) in [
            ("https://a.example/cb", "https://a.example/cb?code=a+b&state=x%26y%3Dz"),
            ("https://a.example/cb?", "https://a.example/cb?code=a+b&state=x%26y%3Dz"),
            ("https://a.example/cb?p=1", "https://a.example/cb?p=1&code=a+b&state=x%26y%3Dz"),
            ("com.example.app:/cb", "com.example.app:/cb?code=a+b&state=x%26y%3Dz"),
        ] {
            assert_eq!(with_query(uri, &fields), whole);
        }
    }
}
