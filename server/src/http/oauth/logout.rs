//! /end_session and /check_session.

use crate::http::route::Route;

/// The rows.
pub fn routes() -> Vec<Route> {
    Vec::new()
}
