//! The metadata of the authorization server.

use crate::http::route::Route;

/// The rows.
pub fn routes() -> Vec<Route> {
    Vec::new()
}
