//! The routes are the rows that the surfaces declare, and no others.

use std::sync::Arc;

use axum::Router;

use crate::{
    app::App,
    http::{
        observe,
        route::{Route, Surface},
        surfaces,
    },
};

/// Every route of every surface: the surface's name, the path it is reached at, and its row.
#[must_use]
pub fn table() -> Vec<(&'static str, String, Route)> {
    let rows = |surface: Surface| {
        let Surface { name, base, routes, .. } = surface;
        routes.into_iter().map(move |route| (name, format!("{base}{}", route.path), route))
    };
    surfaces().into_iter().flat_map(rows).collect()
}

/// The router of the server.
pub fn router(app: Arc<App>) -> Router {
    let router =
        surfaces().into_iter().fold(Router::new(), |all, surface| all.merge(surface.router()));
    observe::observed(router.with_state(app))
}
