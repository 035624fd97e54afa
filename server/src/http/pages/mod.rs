//! Pages: rendered on the server, of use without JavaScript.

pub mod account;
pub mod answer;
mod assets;
mod brand;
mod carried;
mod choose;
mod consent;
mod docs;
mod enrol;
mod forgot_password;
mod invitation;
mod mfa;
mod not_me;
mod recovery;
mod reset_password;
mod setup;
mod sign_in;
mod verify_email;
pub mod views;
pub mod visit;

use super::route::{Credential, Surface, get, post};

/// The surface of the pages, as `client_id`.
pub const PAGES: &str = "pages";

/// The pages.
pub fn surface() -> Surface {
    Surface::new(
        "Pages",
        [
            assets::routes(),
            vec![
                get("/setup", Credential::Link, setup::show),
                post("/setup", Credential::Form, setup::submit),
                get("/verify-email", Credential::Anybody, verify_email::show),
                post("/verify-email", Credential::Form, verify_email::submit),
                get("/reset-password", Credential::Link, reset_password::show),
                post("/reset-password", Credential::Form, reset_password::submit),
                get("/not-me", Credential::Link, not_me::show),
                post("/not-me", Credential::Form, not_me::submit),
                get("/invitation", Credential::Link, invitation::show),
                post("/invitation", Credential::Form, invitation::submit),
                get("/docs", Credential::Anybody, docs::show),
            ],
            sign_in::routes(),
            forgot_password::routes(),
            mfa::routes(),
            enrol::routes(),
            recovery::routes(),
            consent::routes(),
            choose::routes(),
            account::routes(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    )
}
