//! Surfaces: they parse, call a use case, and render. No rules live here.

use std::time::Duration;

pub mod cookies;
pub mod feed;
pub mod health;
pub mod listener;
mod members;
pub mod oauth;
pub mod observe;
pub mod openapi;
pub mod origin;
pub mod outbox;
pub mod pages;
pub mod rail;
pub mod route;
pub mod well_known;

/// Largest body, bytes (rule 34).
pub const BODY_LIMIT: usize = 16 * 1024;
/// How long a body may take: nobody holds a connection with a byte a minute.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// The surfaces, in the order they are documented in.
#[must_use]
pub fn surfaces() -> Vec<route::Surface> {
    vec![
        rail::surface(),
        rail::clients(),
        oauth::surface(),
        well_known::surface(),
        health::surface(),
        openapi::surface(),
        pages::surface(),
        feed::surface(),
        outbox::surface(),
    ]
}
