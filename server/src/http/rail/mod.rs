//! The Auth Rail: `/api/v1/auth`. JSON in camelCase, one envelope for answers, one for errors.

mod answer;
mod body;
mod call;
mod clients;
mod devices;
mod mfa;
mod passkey;
mod recovery;
mod refusals;
mod registration;
mod routes;
mod session;
mod shapes;
mod sign_in;

use std::sync::Arc;

use axum::Router;

pub use clients::surface as clients;

use super::route::Surface;
use crate::app::App;

/// The Auth Rail.
pub fn surface() -> Surface {
    Surface {
        name: "Auth Rail",
        base: "/api/v1/auth",
        envelope: true,
        routes: routes::routes(),
        finish,
    }
}

/// What both surfaces of this dialect answer in the envelope where they have no row, and tell of
/// budgets.
fn finish(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(axum::middleware::from_fn(answer::metered))
}
