//! Which client is calling (RFC 6749 section 2.3, RFC 7523 section 2.2; rule 16).

use std::sync::Arc;

use super::{OAuthResult, params::Params};
use crate::{app::App, auth::origin::Origin, domain::client::Client};

/// Authenticates the client of a request to `endpoint` (its path, such as `/token`), by exactly one
/// method, the registered one. A public client says its `client_id` and has nothing else to show.
///
/// `authorization`: the value of the `Authorization` header, if it came.
///
/// # Errors
/// [`super::OAuthError::InvalidClient`], [`super::OAuthError::InvalidRequest`] for two methods at
/// once.
pub async fn authenticate(
    app: &App,
    origin: &Origin,
    authorization: Option<&str>,
    params: &Params,
    endpoint: &str,
) -> OAuthResult<Arc<Client>> {
    let _ = (app, origin, authorization, params, endpoint);
    todo!()
}
