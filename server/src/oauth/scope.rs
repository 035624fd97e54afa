//! The scopes there are.

use crate::domain::client::Client;

/// OpenID Connect Core section 3.1.2.1: makes a request one of OpenID Connect.
pub const OPENID: &str = "openid";
/// OpenID Connect Core section 11: refresh tokens that outlive the browser's session.
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scopes of OpenID Connect Core section 5.4, and those above. Any other is what an operator
/// registers for a client.
pub const STANDARD: [&str; 6] = [OPENID, "profile", "email", "address", "phone", OFFLINE_ACCESS];

/// The claims that a scope asks for (OpenID Connect Core section 5.4), and those of our own that
/// come with it; none for any other scope.
#[must_use]
pub fn claims(scope: &str) -> &'static [&'static str] {
    match scope {
        "profile" => &[
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
            "updated_at",
            "tenant_id",
            "roles",
        ],
        "email" => &["email", "email_verified"],
        "address" => &["address"],
        "phone" => &["phone_number", "phone_number_verified"],
        _ => &[],
    }
}

/// Of the scopes that are asked for those that this client may have: those it registered, or, where
/// it registered none, the standard ones. Others are left out, as though they were unknown (OpenID
/// Connect Core section 3.1.2.1). `offline_access` is left out besides where it could lead to
/// nothing: without `openid`, or where the client may not refresh (section 11). Nobody gets it
/// unasked: whoever is not a first party has it only by consent.
#[must_use]
pub fn allowed(client: &Client, asked: &str) -> String {
    let registered = client.metadata.scope.as_deref();
    let may = |scope: &str| match registered {
        Some(registered) => registered.split(' ').any(|own| own == scope),
        None => STANDARD.contains(&scope),
    };
    let is_openid = asked.split(' ').any(|scope| scope == OPENID);
    let leads_somewhere =
        |scope: &str| scope != OFFLINE_ACCESS || (is_openid && client.may_use("refresh_token"));
    let mut scopes: Vec<&str> = Vec::new();
    for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
        if may(scope) && leads_somewhere(scope) && !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes.join(" ")
}
