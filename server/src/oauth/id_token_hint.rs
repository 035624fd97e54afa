//! `id_token_hint`: an ID token of ours that a client shows again.

use jwks::{
    claims::{ID_TOKEN_TYPE, IdClaims},
    verify::verify_signed,
};

use crate::app::App;

/// What an ID token of ours says, whether or not its life is over: it is a hint, and opens nothing
/// (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2). `None` for anything else,
/// and for one whose key is published no more.
#[must_use]
pub fn read(app: &App, hint: &str) -> Option<IdClaims> {
    let claims: IdClaims = verify_signed(&app.keys.published(), ID_TOKEN_TYPE, hint).ok()?;
    (claims.iss == app.issuer).then_some(claims)
}
