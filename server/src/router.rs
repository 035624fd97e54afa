//! Every surface; its routes are the rows it declares, and no others.

use std::sync::Arc;

use axum::Router;

use crate::{
    app::App,
    http::{
        feed, health, observe, outbox, pages, rail,
        route::{Route, Surface},
        well_known,
    },
};

/// The surfaces, in the order they are documented in.
#[must_use]
pub fn surfaces() -> Vec<Surface> {
    vec![
        rail::surface(),
        well_known::surface(),
        health::surface(),
        pages::surface(),
        feed::surface(),
        outbox::surface(),
    ]
}

/// Every route of every surface, with the path it is reached at.
#[must_use]
pub fn table() -> Vec<(String, Route)> {
    let rows = |surface: Surface| {
        let base = surface.base;
        surface.routes.into_iter().map(move |route| (format!("{base}{}", route.path), route))
    };
    surfaces().into_iter().flat_map(rows).collect()
}

/// The router of the server.
pub fn router(app: Arc<App>) -> Router {
    let router =
        surfaces().into_iter().fold(Router::new(), |all, surface| all.merge(surface.router()));
    observe::observed(router.with_state(app))
}
