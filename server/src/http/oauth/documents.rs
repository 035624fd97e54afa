//! What is said of the endpoints in `/openapi.json` and `/docs`: each is described by its own
//! document, and this is how it is spoken here.

mod registration;

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::{
    config::Config,
    http::route::{
        Field, Refusal, Route, Shape, any, flag, foreign, list, number, object, one_of, shape, text,
    },
    oauth::{discovery, grants, par::PUSHED_TTL},
};

/// What the documented rows of endpoints begin with that are reached in two places. The same at the
/// root, which discovery names, speak alike.
const BASE: &str = "/api/v1/oauth2/";

/// The row with what is said about it.
pub fn documented(route: Route) -> Route {
    let method = route.method.as_str().to_owned();
    let Some(endpoint) = route.path.strip_prefix(BASE) else { return at_the_root(route) };
    match (method.as_str(), endpoint) {
        ("GET", "authorize") => at_authorize(route).takes(authorization_request()),
        ("POST", "authorize") => at_authorize(route).takes_form(authorization_request()),
        ("POST", "par") => by_client(route)
            .does(
                "Push an authorization request",
                "RFC 9126. What is good here is good at `/authorize`, where `request_uri` and \
                `client_id` alone are sent.",
            )
            .takes_form(authorization_request())
            .answers(
                201,
                object([
                    text("request_uri", "Names the request, once.").like("urn:ietf:params:oauth:…"),
                    number("expires_in", "Its life, seconds.").like(PUSHED_TTL.as_secs()),
                ]),
            )
            .refuses(AUTHORIZATION_CODES),
        ("POST", "token") => by_client(route)
            .does(
                "Get tokens",
                "RFC 6749 section 3.2: for a code, a refresh token, a device code, or for the \
                client itself.",
            )
            .takes_form(token_request())
            .answers(200, token_response())
            .refuses(TOKEN_CODES),
        ("POST", "introspect") => by_client(route)
            .does(
                "Ask what a token is",
                "RFC 7662. What is unknown, over, or another client's refresh token is not active.",
            )
            .takes_form([token("What is asked about."), hint()])
            .answers(200, introspected()),
        ("POST", "revoke") => by_client(route)
            .does("Give a token back", "RFC 7009. What is unknown is as good as given back.")
            .takes_form([token("What is given back."), hint()])
            .answers(200, object([]))
            .ends()
            .refuses([refusal(503, "temporarily_unavailable", BUSY)]),
        ("POST", "device_authorization") => by_client(route)
            .does("Begin on a device without a browser", "RFC 8628 section 3.1.")
            .takes_form([client_id(), scope(), resource()])
            .answers(200, device_authorization())
            .refuses([
                refusal(400, "unauthorized_client", "This grant is not registered for it."),
                refusal(400, "invalid_scope", "A scope is not registered for it."),
                refusal(400, "invalid_target", "A resource is not registered for it."),
            ]),
        ("GET", "userinfo") => userinfo(route),
        ("POST", "userinfo") => {
            let about = "The access token, where it is not in the header.";
            userinfo(route).takes_form([text("access_token", about).optional()])
        }
        _ => route,
    }
}

/// What is reached at the root alone.
fn at_the_root(route: Route) -> Route {
    match route.path {
        "/.well-known/openid-configuration" => described(
            route,
            "OpenID Connect Discovery section 4. `registration_endpoint` is missing where nobody \
            registers.",
        ),
        "/.well-known/oauth-authorization-server" => {
            described(route, "RFC 8414 section 3: the same document.")
        }
        "/register" => registration::at_register(route),
        "/register/{client_id}" => registration::at_client(route),
        _ => route,
    }
}

fn described(route: Route, text: &'static str) -> Route {
    route.does("What there is here", text).answers(200, metadata())
}

/// The metadata of the server, by what it says by default.
fn metadata() -> Shape {
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| discovery::document("https://login.example.com", &Config::default()));
    let field = |(name, value): (&'static String, &'static Value)| match value {
        Value::Array(values) => {
            let example = values.first().cloned().unwrap_or_default();
            list(name, text("", "").like(example), "").like(value.clone())
        }
        Value::Bool(_) => flag(name, "").like(value.clone()),
        _ => text(name, "").like(value.clone()),
    };
    let members = DOCUMENT.as_object().into_iter().flatten();
    let fields = members.map(field).map(|field| match field.name {
        "registration_endpoint" => field.optional(),
        _ => field,
    });
    shape("ServerMetadata", fields)
}

const BUSY: &str =
    "The service is busy, or waits for a store: `Retry-After` says when to try again.";

const fn refusal(status: u16, code: &'static str, about: &'static str) -> Refusal {
    Refusal { status, code, about }
}

/// Of requests for a code.
const AUTHORIZATION_CODES: [Refusal; 12] = [
    refusal(400, "unauthorized_client", "This grant is not registered for it."),
    refusal(400, "access_denied", "The person or the server said no."),
    refusal(400, "unsupported_response_type", "There is `code` and nothing else."),
    refusal(400, "invalid_scope", "A scope is not registered for it."),
    refusal(400, "invalid_target", "A resource is not registered for it."),
    refusal(400, "invalid_request_uri", "It is unknown, spent, or another client's."),
    refusal(400, "request_not_supported", "Request objects are not read."),
    refusal(400, "request_uri_not_supported", "Nothing is fetched from a `request_uri`."),
    refusal(400, "registration_not_supported", "No client registers in passing."),
    refusal(400, "login_required", "Nobody may be asked, and nobody is signed in."),
    refusal(400, "consent_required", "Nobody may be asked, and nothing was allowed."),
    refusal(400, "unmet_authentication_requirements", "The level asked for cannot be reached."),
];

/// Of requests for tokens.
const TOKEN_CODES: [Refusal; 9] = [
    refusal(400, "invalid_grant", "The code or refresh token is unknown, spent, over, or not its."),
    refusal(400, "unauthorized_client", "This grant is not registered for it."),
    refusal(400, "unsupported_grant_type", "There is no such grant."),
    refusal(400, "invalid_scope", "A scope is not registered for it, or was not granted."),
    refusal(400, "invalid_target", "A resource is not registered for it, or was not granted."),
    refusal(400, "access_denied", "The person said no to the device."),
    refusal(400, "authorization_pending", "The person has not answered the device yet."),
    refusal(400, "slow_down", "The device asks too often."),
    refusal(400, "expired_token", "The device code is over."),
];

/// How any of these endpoints may refuse.
fn any_of_them() -> [Refusal; 4] {
    [
        refusal(400, "invalid_request", "A parameter is missing, repeated or malformed."),
        refusal(429, "temporarily_unavailable", "Too many tries: `Retry-After` says how long."),
        refusal(500, "server_error", "Something went wrong: `X-Request-ID` names it in the log."),
        refusal(503, "temporarily_unavailable", BUSY),
    ]
}

/// An endpoint that clients call.
fn by_client(route: Route) -> Route {
    let unknown = "The client is unknown, or does not show what is registered for it.";
    route.takes_form(client_authentication()).refuses(any_of_them()).refuses([refusal(
        401,
        "invalid_client",
        unknown,
    )])
}

fn at_authorize(route: Route) -> Route {
    route
        .does(
            "Ask for a code",
            "RFC 6749 section 4.1, OpenID Connect Core section 3.1.2; for browsers.",
        )
        .gives(303, "", "On to a page, or back to the client with a code or an error.")
        .gives(200, "text/html", "A form that carries the answer, for `form_post`.")
        .gives(400, "text/html", "What is wrong, where nobody may be sent back.")
        .gives(429, "text/html", "Too many tries.")
        .gives(500, "text/html", "Something went wrong.")
        .gives(503, "text/html", "The service waits for a store.")
}

fn userinfo(route: Route) -> Route {
    let unknown = "The token is unknown, over, or meant for somebody else.";
    route
        .does("Who signed in", "OpenID Connect Core section 5.3: what the token's scopes ask for.")
        .answers(200, userinfo_response())
        .gives(200, "application/jwt", "Signed, where the client is registered so.")
        .refuses(any_of_them())
        .refuses([
            refusal(401, "invalid_token", unknown),
            refusal(403, "insufficient_scope", "The token has no scope `openid`."),
        ])
}

fn client_id() -> Field {
    text("client_id", "The client, where it does not show itself another way.")
        .like("wiki")
        .optional()
}

fn client_authentication() -> [Field; 3] {
    [
        text("client_secret", "Of a client registered for `client_secret_post`.").optional(),
        text("client_assertion", "Of a client registered for `private_key_jwt` (RFC 7523).")
            .optional(),
        text("client_assertion_type", "What that is.")
            .like("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .optional(),
    ]
}

fn scope() -> Field {
    text("scope", "What is asked for, with a space between two.").like("openid email").optional()
}

fn resource() -> Field {
    let about = "Where the access token is to be good (RFC 8707): of the client's audiences or the issuer; \
                 may be repeated. Else at the first of them, and at the issuer for `openid`.";
    text("resource", about).optional()
}

fn token(about: &'static str) -> Field {
    text("token", about)
}

fn hint() -> Field {
    text("token_type_hint", "Not looked at: a token says itself what it is.").optional()
}

fn authorization_request() -> Vec<Field> {
    let optional = |name, about| text(name, about).optional();
    vec![
        text("client_id", "The client.").like("wiki"),
        optional("response_type", "`code`; needed unless `request_uri` is sent."),
        optional("redirect_uri", "One of the registered ones, byte for byte."),
        scope(),
        optional("state", "Comes back unchanged."),
        optional("code_challenge", "RFC 7636."),
        one_of("code_challenge_method", &["S256"], "The only one.").optional(),
        optional("nonce", "Stands in the ID token."),
        optional("prompt", "`none`, or of `login`, `consent` and `select_account`."),
        optional("max_age", "How old the sign-in may be, seconds."),
        optional("acr_values", "Levels asked for, best first."),
        optional("claims", "Claims asked for by name (OpenID Connect Core section 5.5)."),
        optional("login_hint", "Who will likely sign in."),
        optional("id_token_hint", "Who must be signed in."),
        optional("ui_locales", "Languages for the pages, best first."),
        one_of("response_mode", &["query", "fragment", "form_post"], "How the answer travels.")
            .optional(),
        optional("request_uri", "A request that was pushed (RFC 9126)."),
        resource(),
    ]
}

fn token_request() -> Vec<Field> {
    let optional = |name, about| text(name, about).optional();
    let names: Vec<&str> = grants::names().collect();
    vec![
        one_of("grant_type", &names, "For what."),
        client_id(),
        optional("code", "The code."),
        optional("redirect_uri", "As it was asked with, where it was."),
        optional("code_verifier", "RFC 7636; where a challenge was sent."),
        optional("refresh_token", "The newest one."),
        optional("device_code", "RFC 8628."),
        scope(),
        optional(
            "resource",
            "Where the access token is to be good, of what was granted (RFC 8707).",
        ),
    ]
}

fn token_response() -> Shape {
    shape(
        "TokenResponse",
        [
            text("access_token", "JWT access token (RFC 9068).").like("eyJ…"),
            one_of("token_type", &["Bearer"], "How it is sent."),
            number("expires_in", "Its life, seconds.").like(3600),
            text("scope", "What it is good for.").like("openid email"),
            text("refresh_token", "Good once, for the next pair.").like("sbr_…").optional(),
            text("id_token", "Who signed in (OpenID Connect Core section 2).")
                .like("eyJ…")
                .optional(),
        ],
    )
}

fn introspected() -> Shape {
    let optional = |name, about| text(name, about).optional();
    shape(
        "Introspection",
        [
            flag("active", "Whether it counts. Nothing else is said of what does not."),
            one_of("token_type", &["Bearer"], "Of an access token.").optional(),
            optional("iss", "This server."),
            optional("sub", "The person, or the client that speaks for itself."),
            any("aud", "Where it is good: one, or a list.", json!("https://api.example.com"))
                .optional(),
            optional("client_id", "Whose it is."),
            optional("scope", "What it is good for."),
            number("iat", "When it was issued.").optional(),
            number("exp", "When it is over.").optional(),
            optional("jti", "Its name."),
            number("auth_time", "When the person proved who they are.").optional(),
            optional("acr", "How sure that is."),
            list("amr", text("", "").like("pwd"), "How it was proved.").optional(),
            optional("sid", "The session."),
            optional("tenant_id", "The tenant of the session."),
            list("roles", text("", "").like("clerk"), "Roles there.").optional(),
        ],
    )
}

fn device_authorization() -> Shape {
    object([
        text("device_code", "With which the device polls `/token`.").like("sbdc_…"),
        text("user_code", "What the device shows.").like("WDJB-MJHT"),
        text("verification_uri", "Where somebody types it."),
        text("verification_uri_complete", "The same with the code, for a QR code."),
        number("expires_in", "The life of both, seconds.").like(600),
        number("interval", "Seconds between two polls.").like(5),
    ])
}

fn userinfo_response() -> Shape {
    let optional = |name| text(name, "").optional();
    let mut fields = vec![text("sub", "The person.")];
    fields.extend(
        [
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "tenant_id",
            "email",
            "phone_number",
        ]
        .map(optional),
    );
    fields.push(number("updated_at", "").optional());
    fields
        .extend(["email_verified", "phone_number_verified"].map(|name| flag(name, "").optional()));
    fields.push(list("roles", text("", "").like("clerk"), "").optional());
    fields.push(foreign("address", "", json!({ "country": "Austria" })).optional());
    shape("Userinfo", fields)
}
