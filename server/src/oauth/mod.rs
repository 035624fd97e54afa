//! WHAT MAY THIS CLIENT DO: the authorization server (OAuth 2.x, OpenID Connect). Use cases only;
//! `http/oauth` speaks the wire.

pub mod client_auth;
pub mod client_secret;
pub mod clients;
pub mod discovery;
pub mod error;
pub mod grant_types;
pub mod logos;
pub mod metadata;
pub mod params;
pub mod registered_uri;
pub mod registration;
pub mod scope;

pub use error::{OAuthError, OAuthResult};
