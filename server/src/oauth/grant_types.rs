//! The grants there are, by the names of their `grant_type`. A new one is one row here and one file
//! beside the others.

/// RFC 6749 section 4.1.
pub const AUTHORIZATION_CODE: &str = "authorization_code";
/// RFC 6749 section 6.
pub const REFRESH_TOKEN: &str = "refresh_token";
/// RFC 6749 section 4.4.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";
/// RFC 8628 section 3.4.
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// All of them, in the order discovery lists them.
pub const ALL: [&str; 4] = [AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS, DEVICE_CODE];
