//! /register and its management addresses.

use crate::http::route::Route;

/// The rows.
pub fn routes() -> Vec<Route> {
    Vec::new()
}
