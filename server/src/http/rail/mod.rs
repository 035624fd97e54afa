//! The Auth Rail: `/api/v1/auth`. JSON in camelCase, one envelope for answers, one for errors.

mod answer;
mod body;
mod call;
mod mfa;
mod registration;
mod session;
mod sign_in;

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodRouter, delete, get, post},
};

use crate::app::App;

/// The routes of the Auth Rail.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/login", only(post(sign_in::login)))
        .route("/refresh", only(post(sign_in::refresh)))
        .route("/logout", only(post(session::log_out)))
        .route("/reauthenticate", only(post(sign_in::reauthenticate)))
        .route("/register", only(post(registration::register)))
        .route("/verify-email", only(post(registration::verify_email)))
        .route("/resend-verification", only(post(registration::resend)))
        .route("/mfa/setup", only(post(mfa::set_up)))
        .route("/mfa/setup/confirm", only(post(mfa::confirm)))
        .route("/mfa/challenge", only(post(mfa::challenge)))
        .route("/mfa/verify", only(post(mfa::verify)))
        .route("/sessions", only(get(session::list).delete(session::revoke_others)))
        .route("/sessions/{session_id}", only(delete(session::revoke)))
        .route("/me", only(get(session::me)))
        .fallback(answer::no_such_route)
}

/// A route whose other methods are answered in the envelope too.
fn only(route: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    route.fallback_service(answer::wrong_method.with_state(()))
}
