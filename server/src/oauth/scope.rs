//! The scopes there are.

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
