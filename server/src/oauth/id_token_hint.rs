//! `id_token_hint`: an ID token of ours that a client shows again.

use jwks::{
    claims::{ID_TOKEN_TYPE, IdClaims},
    verify::{TokenError, verify_signed},
};

use crate::app::App;

/// Why a hint says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHint {
    /// It names a key that is not published, as of one that is older than any token that is alive.
    Outlived,
    /// It is no ID token that was signed here.
    Foreign,
}

/// What an ID token of ours says, whether or not its life is over: it is a hint, and opens nothing
/// (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2).
///
/// # Errors
/// [`NoHint`].
pub fn read(app: &App, hint: &str) -> Result<IdClaims, NoHint> {
    match verify_signed::<IdClaims>(&app.keys.published(), ID_TOKEN_TYPE, hint) {
        Ok(claims) if claims.iss == app.issuer => Ok(claims),
        Err(TokenError::UnknownKey) => Err(NoHint::Outlived),
        Ok(_) | Err(_) => Err(NoHint::Foreign),
    }
}
