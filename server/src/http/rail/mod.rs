//! The Auth Rail: `/api/v1/auth`. JSON in camelCase, one envelope for answers, one for errors. Other
//! surfaces of its dialect read and answer by the same parts.

pub mod answer;
pub mod body;
pub mod call;
mod clients;
mod devices;
mod mfa;
mod passkey;
mod recovery;
pub mod refusals;
mod registration;
mod routes;
mod session;
pub(super) mod shapes;
mod sign_in;

use std::sync::Arc;

use axum::Router;

pub use crate::domain::instant::rfc3339;
pub use clients::{admin, surface as clients};
pub use routes::with_what_follows;

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

/// What every surface of this dialect answers in the envelope where it has no row, and tells of
/// budgets.
pub fn finish(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(axum::middleware::from_fn(answer::metered))
}
