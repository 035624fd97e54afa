//! Surfaces: they parse, call a use case, and render. No rules live here.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::client::Client;

pub mod account;
mod admin;
pub mod cookies;
pub mod feed;
pub mod health;
pub mod kept_form;
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
pub mod wait;
pub mod well_known;

/// Largest body, bytes (rule 34).
pub const BODY_LIMIT: usize = 16 * 1024;
/// How long a body may take: nobody holds a connection with a byte a minute.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// Where this server serves the picture of a client, if it has one.
#[must_use]
pub fn logo_path(client: &Client) -> Option<String> {
    let id = utf8_percent_encode(&client.client_id, NON_ALPHANUMERIC);
    client.metadata.logo_uri.as_ref().map(|_| format!("/clients/{id}/logo"))
}

/// The surfaces, in the order they are documented in.
#[must_use]
pub fn surfaces() -> Vec<route::Surface> {
    vec![
        rail::surface(),
        rail::clients(),
        account::surface(),
        admin::surface(),
        oauth::surface(),
        well_known::surface(),
        health::surface(),
        openapi::surface(),
        pages::surface(),
        feed::surface(),
        kept_form::surface(),
        outbox::surface(),
    ]
}
