//! The Auth Rail: `/api/v1/auth`. JSON in camelCase, one envelope for answers, one for errors.

mod answer;
mod body;
mod call;
mod clients;
mod devices;
mod mfa;
mod recovery;
mod refusals;
mod registration;
mod routes;
mod session;
mod shapes;
mod sign_in;

pub use clients::surface as clients;

use super::route::Surface;

/// The Auth Rail.
pub fn surface() -> Surface {
    Surface {
        name: "Auth Rail",
        base: "/api/v1/auth",
        envelope: true,
        routes: routes::routes(),
        finish: |router| {
            router
                .fallback(answer::no_such_route)
                .method_not_allowed_fallback(answer::wrong_method)
                .layer(axum::middleware::from_fn(answer::metered))
        },
    }
}
