//! The routes are the rows that the surfaces declare, and no others.

use std::sync::Arc;

use axum::{Router, middleware};

use crate::{
    app::App,
    http::{
        observe,
        route::{Route, Surface},
        surfaces, wait,
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
    let calls = table().into_iter().filter(|(_, _, route)| route.ends);
    let calls = calls.map(|(_, path, route)| (route.method, path));
    let waiting = wait::Waiting::new(app.clone(), calls);
    let waiting = middleware::from_fn_with_state(waiting, wait::for_edges);
    observe::observed(router.with_state(app).layer(waiting))
}
