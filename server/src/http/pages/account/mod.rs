//! `/account`: what somebody sees and changes of their own account, in a browser that they are signed
//! in in. Whoever is not is sent to sign in, and comes back; half a sign-in opens nothing. Whoever
//! changes something proves who they are within the five minutes before ([`Member::prove`]).
//!
//! Each page is a file. It shows its view in the frame of [`Member::shell`]; what was done is said on
//! the page after it ([`Member::done`]).

mod activity;
mod address;
mod api_keys;
mod apps;
pub mod codes;
mod confirm;
mod devices;
mod factor;
pub mod member;
mod overview;
mod password;
mod profile;
mod security;
mod sessions;
mod sites;

use crate::http::route::Route;

/// The rows.
pub fn routes() -> Vec<Route> {
    [
        overview::routes(),
        sites::routes(),
        profile::routes(),
        address::routes(),
        password::routes(),
        security::routes(),
        factor::routes(),
        codes::routes(),
        devices::routes(),
        sessions::routes(),
        api_keys::routes(),
        apps::routes(),
        activity::routes(),
        confirm::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
