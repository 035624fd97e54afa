//! What a route is: one row, declared once. The router, the tests, `/openapi.json` and `/docs` all
//! read the same rows; what is in no row cannot be reached.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;
use serde_json::{Value, json};

use crate::{app::App, domain::login::Outstanding};

/// Routes that speak one dialect under one address.
pub struct Surface {
    /// What it is called in the documentation and in the tests.
    pub name: &'static str,
    /// What its paths begin with.
    pub base: &'static str,
    /// Whether its answers are in the envelope of the Auth Rail.
    pub envelope: bool,
    /// Its rows.
    pub routes: Vec<Route>,
    /// What is added to its router: answers for paths and methods of its own that no row has.
    pub finish: fn(Router<Arc<App>>) -> Router<Arc<App>>,
}

impl Surface {
    /// A surface at the root, which leaves what it does not know to the router.
    #[must_use]
    pub fn new(name: &'static str, routes: Vec<Route>) -> Self {
        Self { name, base: "", envelope: false, routes, finish: |router| router }
    }

    /// Its router: the only place where routes are made.
    pub fn router(self) -> Router<Arc<App>> {
        let router = self
            .routes
            .into_iter()
            .fold(Router::new(), |router, route| router.route(route.path, route.handler));
        let router = (self.finish)(router);
        if self.base.is_empty() { router } else { Router::new().nest(self.base, router) }
    }
}

/// What a route asks of whoever calls it. What is not expressly named does not count there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing: it answers anybody, and nobody otherwise.
    Anybody,
    /// An access token that is meant for this server.
    Bearer,
    /// An access token that is meant for this server; or an `mfaToken`, as bearer or in the body,
    /// of somebody who has just this outstanding.
    BearerOrMfaToken(Outstanding),
    /// An access token that is meant for anywhere, or any `mfaToken`: the call takes power away.
    ToGiveUp,
    /// A refresh token, in the body.
    RefreshToken,
    /// A token that was mailed, in the body.
    OneTimeToken,
    /// A token that was mailed or printed, in the address: it shows a form and changes nothing.
    Link,
    /// A token that was mailed or printed, in a form that a page of this server sent.
    Form,
    /// The credential of an edge.
    Edge,
    /// A token with which clients register themselves, unless anybody may.
    InitialAccess,
    /// The token with which this very client manages itself.
    Registration,
    /// An access token of an admin that shows a second factor.
    Admin,
    /// A caller on this machine, while mail is captured.
    Loopback,
    /// What an OAuth client is registered to show (RFC 6749 section 2.3).
    Client,
    /// An access token of a client, meant for this server, with the scope `openid`.
    OpenIdToken,
    /// The session of a browser. Whoever has none is sent to sign in, and comes back.
    Browser,
}

impl Credential {
    /// Its name in the documentation and in the tests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anybody => "none",
            Self::Bearer => "bearer",
            Self::BearerOrMfaToken(Outstanding::Verify) => "bearer or mfaToken to verify",
            Self::BearerOrMfaToken(Outstanding::Enrol) => "bearer or mfaToken to enrol",
            Self::ToGiveUp => "any bearer or mfaToken",
            Self::RefreshToken => "refresh token",
            Self::OneTimeToken => "one-time token",
            Self::Link => "link",
            Self::Form => "form",
            Self::Edge => "edge",
            Self::InitialAccess => "initial access token",
            Self::Registration => "registration access token",
            Self::Admin => "admin",
            Self::Loopback => "loopback",
            Self::Client => "client",
            Self::OpenIdToken => "access token with openid",
            Self::Browser => "browser session",
        }
    }

    /// Whether an access token counts.
    #[must_use]
    pub const fn takes_bearer(self) -> bool {
        matches!(self, Self::Bearer | Self::BearerOrMfaToken(_) | Self::ToGiveUp | Self::Admin)
    }
}

/// One route: what reaches it, what it asks for, who answers, and what is said about it.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below the surface's base; parameters in braces.
    pub path: &'static str,
    /// What it asks of its caller.
    pub credential: Credential,
    /// Whether an access token must show a proof of the last five minutes.
    pub fresh: bool,
    /// Whether it answers so many calls and no more.
    pub limited: bool,
    /// Whether it answers pages of a list.
    pub list: bool,
    /// Whether a call may wait until every edge knows what it ended (`?wait=edges`).
    pub ends: bool,
    /// Whether its body may be a form as well as JSON.
    pub form: bool,
    /// Whether what is not known in its body is ignored.
    pub open: bool,
    /// One line about it; "" where it is no part of the documented interface.
    pub summary: &'static str,
    /// More about it.
    pub text: &'static str,
    /// Request header fields of its own, with what they do.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The members of its body.
    pub takes: Vec<Field>,
    /// What it answers: the status, and the members of the answer. Several of one status are
    /// alternatives.
    pub answers: Vec<(u16, Shape)>,
    /// What else it answers that is no JSON: the status, the media type ("" without a body), and what
    /// that is.
    pub gives: Vec<(u16, &'static str, &'static str)>,
    /// How else it may answer.
    pub refuses: Vec<Refusal>,
    handler: MethodRouter<Arc<App>>,
}

impl Route {
    fn new<H, T>(
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        credential: Credential,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        Self {
            method,
            path,
            credential,
            fresh: false,
            limited: false,
            list: false,
            ends: false,
            form: false,
            open: false,
            summary: "",
            text: "",
            headers: Vec::new(),
            takes: Vec::new(),
            answers: Vec::new(),
            gives: Vec::new(),
            refuses: Vec::new(),
            handler: on(filter, handler),
        }
    }

    /// Says what it does: in a line, and in as many words as it needs.
    #[must_use]
    pub fn does(mut self, summary: &'static str, text: &'static str) -> Self {
        (self.summary, self.text) = (summary, text);
        self
    }

    /// Asks for a proof of the last five minutes.
    #[must_use]
    pub const fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Answers so many calls and no more.
    #[must_use]
    pub const fn limited(mut self) -> Self {
        self.limited = true;
        self
    }

    /// Reads a request header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, about: &'static str) -> Self {
        self.headers.push((name, about));
        self
    }

    /// Takes a body of these members, and no others.
    #[must_use]
    pub fn takes(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.takes.extend(fields);
        self
    }

    /// Takes a body of these members, and ignores others.
    #[must_use]
    pub fn takes_open(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.open = true;
        self.takes(fields)
    }

    /// Takes the parameters of an OAuth request: a form, or JSON.
    #[must_use]
    pub fn takes_form(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.form = true;
        self.takes_open(fields)
    }

    /// Answers `shape` with `status`; said again with the same status, one or the other.
    #[must_use]
    pub fn answers(mut self, status: u16, shape: Shape) -> Self {
        self.answers.push((status, shape));
        self
    }

    /// Ends something, as said so far: a call may wait until every edge knows of it.
    #[must_use]
    pub fn ends(mut self) -> Self {
        self.ends = true;
        let known: Vec<&Shape> = self
            .answers
            .iter()
            .filter(|(status, _)| *status == 200)
            .map(|(_, shape)| shape)
            .collect();
        let about = "Edges that have not said so within 2 s; null: that is not known.";
        let behind = list("edgesBehind", text("", "").like("north"), about).nullable();
        let behind =
            |shape: &Shape| (202, object(shape.fields.iter().cloned().chain([behind.clone()])));
        let waited: Vec<(u16, Shape)> = known.into_iter().map(behind).collect();
        self.answers.extend(waited);
        self
    }

    /// Also answers something that is no JSON, or nothing.
    #[must_use]
    pub fn gives(mut self, status: u16, media: &'static str, about: &'static str) -> Self {
        self.gives.push((status, media, about));
        self
    }

    /// Answers a page of a list of `shape`.
    #[must_use]
    pub fn lists(mut self, shape: Shape) -> Self {
        self.list = true;
        self.answers(200, shape)
    }

    /// May also answer these.
    #[must_use]
    pub fn refuses(mut self, refusals: impl IntoIterator<Item = Refusal>) -> Self {
        self.refuses.extend(refusals);
        self
    }

    /// The parameters in its path.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// A route for GET (and HEAD).
pub fn get<H, T>(path: &'static str, credential: Credential, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    Route::new(Method::GET, MethodFilter::GET, path, credential, handler)
}

/// A route for POST.
pub fn post<H, T>(path: &'static str, credential: Credential, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    Route::new(Method::POST, MethodFilter::POST, path, credential, handler)
}

/// A route for OPTIONS: what a page of another origin may ask here (Fetch, CORS preflight).
pub fn options<H, T>(path: &'static str, credential: Credential, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    Route::new(Method::OPTIONS, MethodFilter::OPTIONS, path, credential, handler)
}

/// A route for PUT.
pub fn put<H, T>(path: &'static str, credential: Credential, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    Route::new(Method::PUT, MethodFilter::PUT, path, credential, handler)
}

/// A route for PATCH.
pub fn patch<H, T>(path: &'static str, credential: Credential, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    Route::new(Method::PATCH, MethodFilter::PATCH, path, credential, handler)
}

/// A route for DELETE.
pub fn delete<H, T>(path: &'static str, credential: Credential, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    Route::new(Method::DELETE, MethodFilter::DELETE, path, credential, handler)
}

/// An answer that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// What it means to a caller.
    pub about: &'static str,
}

/// The members of an object.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it is called where it is described once for all; "" where it is described in place.
    pub name: &'static str,
    /// Its members: these, and no others.
    pub fields: Vec<Field>,
}

/// A shape with a name of its own.
pub fn shape(name: &'static str, fields: impl IntoIterator<Item = Field>) -> Shape {
    Shape { name, fields: fields.into_iter().collect() }
}

/// A shape that only one route has.
pub fn object(fields: impl IntoIterator<Item = Field>) -> Shape {
    shape("", fields)
}

/// A member of a body or an answer.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it is for.
    pub about: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it may look like.
    pub example: Value,
}

/// What a member may hold.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// Text: one of these.
    OneOf(Vec<&'static str>),
    /// Text: a UUID.
    Id,
    /// Text: an instant, RFC 3339.
    Instant,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// This truth value and no other.
    Always(bool),
    /// An object.
    Object(Shape),
    /// A list of what another field holds.
    List(Box<Field>),
    /// An object whose members are described elsewhere.
    Foreign,
    /// What is described in words alone.
    Any,
}

impl Field {
    fn new(name: &'static str, kind: Kind, about: &'static str, example: Value) -> Self {
        Self { name, kind, about, optional: false, nullable: false, example }
    }

    /// May be left out.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// May be null.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Looks like this, for instance.
    #[must_use]
    pub fn like(mut self, example: impl Into<Value>) -> Self {
        self.example = example.into();
        self
    }
}

/// Text.
#[must_use]
pub fn text(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Text, about, json!("…"))
}

/// One of a few words.
#[must_use]
pub fn one_of(name: &'static str, words: &[&'static str], about: &'static str) -> Field {
    Field::new(name, Kind::OneOf(words.to_vec()), about, words.first().copied().into())
}

/// A UUID.
#[must_use]
pub fn id(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Id, about, json!("0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"))
}

/// An instant.
#[must_use]
pub fn instant(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Instant, about, json!("2026-03-01T09:30:00Z"))
}

/// A whole number.
#[must_use]
pub fn number(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Number, about, json!(1))
}

/// True or false.
#[must_use]
pub fn flag(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Flag, about, json!(true))
}

/// One truth value and never the other.
#[must_use]
pub fn always(name: &'static str, value: bool, about: &'static str) -> Field {
    Field::new(name, Kind::Always(value), about, json!(value))
}

/// An object within.
#[must_use]
pub fn within(name: &'static str, shape: Shape, about: &'static str) -> Field {
    let example = shape.fields.iter().map(|field| (field.name.to_owned(), field.example.clone()));
    let example = example.collect();
    Field::new(name, Kind::Object(shape), about, example)
}

/// A list of what `item` holds.
#[must_use]
pub fn list(name: &'static str, item: Field, about: &'static str) -> Field {
    let example = json!([item.example]);
    Field::new(name, Kind::List(Box::new(item)), about, example)
}

/// An object that is described elsewhere.
#[must_use]
pub fn foreign(name: &'static str, about: &'static str, example: Value) -> Field {
    Field::new(name, Kind::Foreign, about, example)
}

/// What is described in words alone.
#[must_use]
pub fn any(name: &'static str, about: &'static str, example: Value) -> Field {
    Field::new(name, Kind::Any, about, example)
}
