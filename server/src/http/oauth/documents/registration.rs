//! What is said of `/register` and of the addresses where clients manage themselves.

use serde_json::json;

use super::{any_of_them, refusal};
use crate::{
    domain::client::ClientAuthMethod,
    http::route::{Field, Refusal, Route, Shape, flag, foreign, list, number, one_of, shape, text},
    oauth::grants,
};

/// The row at the endpoint itself.
pub fn at_register(route: Route) -> Route {
    refusing(route)
        .does(
            "Register oneself as a client",
            "RFC 7591, OpenID Connect Dynamic Client Registration. With an initial access token as \
            bearer, unless anybody may. What is not known is ignored.",
        )
        .takes_open(sent())
        .answers(201, information())
        .refuses(METADATA_CODES)
        .refuses([refusal(404, "not_found", "Nobody registers here.")])
}

/// The row at the address of one client, by its method.
pub fn at_client(route: Route) -> Route {
    let route = refusing(route);
    match route.method.as_str() {
        "GET" => route
            .does("What is registered of a client", "RFC 7592 section 2.1.")
            .answers(200, information()),
        "PUT" => route
            .does(
                "Change what is registered of a client",
                "RFC 7592 section 2.2: what is left out is as if it had never been registered.",
            )
            .takes_open([text("client_id", "Its own.").like("c-019aa6c831d47b2e8c8e3f5b7d1f2a90")])
            .takes_open(sent())
            .answers(200, information())
            .refuses(METADATA_CODES),
        _ => route
            .does(
                "Remove a client",
                "RFC 7592 section 2.3: ends whatever was issued to it, everywhere.",
            )
            .gives(204, "", "It is gone."),
    }
}

/// Of requests that say what is to be registered (RFC 7591 section 3.2.2).
const METADATA_CODES: [Refusal; 3] = [
    refusal(400, "invalid_redirect_uri", "A redirect URI cannot be registered."),
    refusal(400, "invalid_client_metadata", "A member cannot be registered; the text names it."),
    refusal(400, "unapproved_software_statement", "Nobody's word is taken for a client."),
];

fn refusing(route: Route) -> Route {
    let unknown = "The token is none that opens this; of a client that is gone, none does.";
    route.refuses(any_of_them()).refuses([refusal(401, "invalid_token", unknown)])
}

/// What a client says of itself.
fn sent() -> Vec<Field> {
    metadata().into_iter().map(|(field, _)| field.optional()).collect()
}

/// What is answered to it (RFC 7591 section 3.2.1, RFC 7592 section 3).
fn information() -> Shape {
    let mut fields = vec![
        text("client_id", "Its name.").like("c-019aa6c831d47b2e8c8e3f5b7d1f2a90"),
        number("client_id_issued_at", "When it was registered.").like(1_772_357_400),
        text("client_secret", "Shown this once, where it has one.").like("sbs_…").optional(),
        number("client_secret_expires_at", "Never.").like(0).optional(),
        text("registration_client_uri", "Where it manages itself.")
            .like("https://login.example.com/register/c-019aa6c831d47b2e8c8e3f5b7d1f2a90"),
        text("registration_access_token", "With which it does.").like("sbg_…"),
    ];
    let told = |(field, always): (Field, bool)| if always { field } else { field.optional() };
    fields.extend(metadata().into_iter().map(told));
    shape("ClientInformation", fields)
}

/// What can be registered, and whether an answer always says it.
fn metadata() -> Vec<(Field, bool)> {
    let methods = ClientAuthMethod::ALL.map(ClientAuthMethod::as_str);
    let grants: Vec<&str> = grants::names().collect();
    let maybe = |name, about| (text(name, about), false);
    let texts = |name, about, example: &str| list(name, text("", "").like(example), about);
    let callback = "https://wiki.example.com/cb";
    let algorithm = "ES256";
    vec![
        (texts("redirect_uris", "Where answers may go: compared byte for byte.", callback), true),
        (one_of("token_endpoint_auth_method", &methods, "How it shows who it is."), true),
        maybe("token_endpoint_auth_signing_alg", "What its assertions are signed with."),
        (list("grant_types", one_of("", &grants, ""), "The grants it uses."), true),
        (texts("response_types", "`code`, where it uses codes.", "code"), true),
        maybe("client_name", "Its name for people."),
        maybe("client_uri", "Its home page."),
        maybe("logo_uri", "Its picture: fetched and served by this server."),
        maybe("policy_uri", "Its privacy policy."),
        maybe("tos_uri", "Its terms of service."),
        (text("scope", "What it may ask for, with a space between two.").like("openid"), false),
        (texts("contacts", "Who is responsible for it.", "ops@example.com"), false),
        maybe("jwks_uri", "Where its keys are."),
        (foreign("jwks", "Its keys, in the place of `jwks_uri`.", json!({ "keys": [] })), false),
        maybe("software_id", "Names its software."),
        maybe("software_version", "The version of that."),
        (one_of("application_type", &["web", "native"], "Where it runs."), true),
        (text("id_token_signed_response_alg", "Of its ID tokens.").like(algorithm), false),
        (text("userinfo_signed_response_alg", "Of userinfo, as a JWT.").like(algorithm), false),
        (number("default_max_age", "How old a sign-in may be, seconds.").like(3600), false),
        (flag("require_auth_time", "ID tokens always show it."), true),
        (texts("default_acr_values", "Levels asked for, best first.", "urn:signalbox:2fa"), false),
        maybe("initiate_login_uri", "Where others begin a sign-in with it."),
        (texts("post_logout_redirect_uris", "Where people go after signing out.", callback), false),
        maybe("backchannel_logout_uri", "Where it is told that a session is over."),
        (flag("backchannel_logout_session_required", "The session is always named."), true),
        maybe("frontchannel_logout_uri", "What is framed when somebody signs out."),
        (flag("frontchannel_logout_session_required", "Whether that names the session."), true),
        (flag("require_pushed_authorization_requests", "Whether it must push them."), true),
    ]
}
