//! WHAT MAY THIS CLIENT DO: the authorization server (OAuth 2.x, OpenID Connect). Use cases only;
//! `http/oauth` speaks the wire.

pub mod audience;
pub mod authorize;
pub mod claims;
pub mod client_auth;
pub mod client_keys;
pub mod client_secret;
pub mod clients;
pub mod connected_apps;
pub mod device;
pub mod discovery;
pub mod end_session;
pub mod engine;
pub mod error;
pub mod grant_end;
pub mod grants;
pub mod id_token_hint;
pub mod introspection;
pub mod kept_form;
pub mod liveness;
pub mod logos;
pub mod logout;
pub mod metadata;
pub mod par;
pub mod params;
pub mod registered_uri;
pub mod registration;
pub mod revocation;
pub mod scope;
pub mod session_state;
pub mod site_client;
pub mod userinfo;

#[cfg(test)]
pub(crate) mod ground;

pub use error::{OAuthError, OAuthResult};
