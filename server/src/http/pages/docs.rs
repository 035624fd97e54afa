//! `/docs`: the documented routes, to read. What `/openapi.json` is for programs.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use http::{Method, StatusCode};
use serde_json::Value;

use super::{answer, views::View};
use crate::{
    app::App,
    domain::login::Outstanding,
    http::{
        openapi::{enveloped, example, form_example, reason, request_example},
        route::{Credential, Field, Kind, Refusal, Route, Shape, Surface},
        surfaces,
    },
};

#[derive(Template)]
#[template(path = "docs.html")]
struct Docs {
    issuer: String,
    chapters: Vec<Chapter>,
}

impl View for Docs {}

/// A surface.
struct Chapter {
    name: &'static str,
    endpoints: Vec<Endpoint>,
}

/// A route, in words.
struct Endpoint {
    anchor: String,
    method: String,
    path: String,
    summary: &'static str,
    text: Vec<Piece>,
    asks: &'static str,
    fresh: bool,
    limited: bool,
    list: bool,
    headers: Vec<(&'static str, &'static str)>,
    takes: Vec<Member>,
    answers: Vec<Answer>,
    refuses: Vec<(Refusal, Vec<Piece>)>,
    call: String,
    shown: String,
}

/// What it answers.
struct Answer {
    status: u16,
    reason: &'static str,
    members: Vec<Member>,
}

/// A member of a body or an answer.
struct Member {
    name: String,
    kind: String,
    optional: bool,
    about: Vec<Piece>,
}

/// A piece of a sentence: words, or code.
struct Piece {
    is_code: bool,
    text: String,
}

/// GET /docs
pub async fn show(State(app): State<Arc<App>>) -> Response {
    let chapters = surfaces().into_iter().map(|surface| Chapter {
        name: surface.name,
        endpoints: surface
            .routes
            .iter()
            .filter(|route| !route.summary.is_empty())
            .map(|route| endpoint(&app.issuer, &surface, route))
            .collect(),
    });
    let chapters = chapters.filter(|chapter| !chapter.endpoints.is_empty()).collect();
    answer::page(StatusCode::OK, &Docs { issuer: app.issuer.clone(), chapters })
}

fn endpoint(issuer: &str, surface: &Surface, route: &Route) -> Endpoint {
    let path = format!("{}{}", surface.base, route.path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = route.method.as_str();
    let anchor = words.fold(method.to_lowercase(), |anchor, word| anchor + "-" + word);
    Endpoint {
        anchor,
        method: method.to_owned(),
        call: call(issuer, &path, route),
        path,
        summary: route.summary,
        text: pieces(route.text),
        asks: asks(route.credential),
        fresh: route.fresh,
        limited: route.limited,
        list: route.list,
        headers: route.headers.clone(),
        takes: members(&route.takes),
        answers: route
            .answers
            .iter()
            .map(|(status, shape)| answered(*status, shape))
            .chain(route.gives.iter().map(|(status, _, about)| given(*status, about)))
            .collect(),
        refuses: route.refuses.iter().map(|one| (*one, pieces(one.about))).collect(),
        shown: shown(surface, route),
    }
}

fn answered(status: u16, shape: &Shape) -> Answer {
    Answer { status, reason: reason(status), members: members(&shape.fields) }
}

/// What is no JSON, in a word.
fn given(status: u16, about: &'static str) -> Answer {
    let kind = if status < 400 { "answer" } else { "page" };
    let member = Member {
        name: kind.to_owned(),
        kind: String::new(),
        optional: false,
        about: pieces(about),
    };
    Answer { status, reason: reason(status), members: vec![member] }
}

fn asks(credential: Credential) -> &'static str {
    match credential {
        Credential::Anybody => "no credential",
        Credential::Bearer => "access token",
        Credential::BearerOrMfaToken(Outstanding::Verify) => {
            "mfaToken of who must prove a factor, or access token"
        }
        Credential::BearerOrMfaToken(Outstanding::Enrol) => {
            "mfaToken of who must set up a factor, or access token"
        }
        Credential::ToGiveUp => "any access token or mfaToken",
        Credential::RefreshToken => "refresh token in the body",
        Credential::OneTimeToken => "mailed token in the body",
        Credential::Link | Credential::Form => "mailed link",
        Credential::Edge => "edge credential",
        Credential::InitialAccess => "initial access token",
        Credential::Registration => "registration access token",
        Credential::Admin => "access token of an admin with a second factor",
        Credential::Loopback => "this machine",
        Credential::Client => "client authentication",
        Credential::OpenIdToken => "access token with the scope openid",
        Credential::Browser => "a browser's session",
    }
}

/// The members, those of objects within behind their names.
fn members(fields: &[Field]) -> Vec<Member> {
    let mut found = Vec::new();
    for field in fields {
        let null = if field.nullable { " or null" } else { "" };
        found.push(Member {
            name: field.name.to_owned(),
            kind: format!("{}{null}", kind(&field.kind)),
            optional: field.optional,
            about: pieces(field.about),
        });
        if let Kind::Object(shape) = &field.kind {
            let within = members(&shape.fields);
            found.extend(within.into_iter().map(|member| Member {
                name: format!("{}.{}", field.name, member.name),
                ..member
            }));
        }
    }
    found
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::OneOf(words) => words.join(" | "),
        Kind::Id => "UUID".to_owned(),
        Kind::Instant => "RFC 3339 time".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Flag => "true | false".to_owned(),
        Kind::Always(value) => value.to_string(),
        Kind::Object(_) | Kind::Foreign => "object".to_owned(),
        Kind::Any => "see there".to_owned(),
        Kind::List(item) => format!("list of {}", self::kind(&item.kind)),
    }
}

/// A call that can be pasted into a shell.
fn call(issuer: &str, path: &str, route: &Route) -> String {
    let must_be_given = route.takes.iter().any(|field| !field.optional);
    let mut lines = vec![match route.method {
        Method::GET if must_be_given => {
            return format!("curl '{issuer}{path}?{}'", form_example(route));
        }
        Method::GET => format!("curl {issuer}{path}"),
        _ => format!("curl -X {} {issuer}{path}", route.method),
    }];
    if route.credential.takes_bearer() {
        lines.push(r#"-H "Authorization: Bearer $TOKEN""#.to_owned());
    }
    if must_be_given {
        if route.form {
            lines.push(format!("-d '{}'", form_example(route)));
        } else {
            lines.push("-H 'Content-Type: application/json'".to_owned());
            lines.push(format!("-d '{}'", request_example(route)));
        }
    }
    lines.join(" \\\n  ")
}

/// An answer as it is sent.
fn shown(surface: &Surface, route: &Route) -> String {
    let Some((_, shape)) = route.answers.first() else {
        return String::new();
    };
    let mut data = example(&shape.fields);
    if route.list {
        data = Value::Array(vec![data]);
    }
    let body = if surface.envelope { enveloped(data, route.list) } else { data };
    serde_json::to_string_pretty(&body).unwrap_or_default()
}

/// A sentence whose code stands between backticks.
fn pieces(text: &str) -> Vec<Piece> {
    let pieces = text.split('`').enumerate();
    let pieces = pieces.map(|(at, text)| Piece { is_code: at % 2 == 1, text: text.to_owned() });
    pieces.filter(|piece| !piece.text.is_empty()).collect()
}
