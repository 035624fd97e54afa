//! The surface of OAuth 2.x and OpenID Connect: the wire of `crate::oauth`.
//!
//! Every endpoint is reached at the root (what discovery names) and, where the contract says so, under
//! `/api/v1/oauth2` too: two rows with one handler.

pub mod answer;
pub mod authorize;
pub mod call;
pub mod device;
pub mod discovery;
mod documents;
pub mod logout;
pub mod registration;
pub mod response_mode;
pub mod token;

use super::route::Surface;

/// The surface.
pub fn surface() -> Surface {
    let rows = [
        discovery::routes(),
        authorize::routes(),
        token::routes(),
        registration::routes(),
        device::routes(),
        logout::routes(),
    ];
    Surface::new("OAuth", rows.into_iter().flatten().map(documents::documented).collect())
}
