//! /device_authorization.

use crate::http::route::Route;

/// The rows.
pub fn routes() -> Vec<Route> {
    Vec::new()
}
