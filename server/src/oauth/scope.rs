//! The scopes there are.

/// OpenID Connect Core section 3.1.2.1: makes a request one of OpenID Connect.
pub const OPENID: &str = "openid";
/// OpenID Connect Core section 11: refresh tokens that outlive the browser's session.
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scopes of OpenID Connect Core section 5.4, and those above. Any other is what an operator
/// registers for a client.
pub const STANDARD: [&str; 6] = [OPENID, "profile", "email", "address", "phone", OFFLINE_ACCESS];
