//! `/api/v1/account`: what people keep of themselves, in the dialect of the Auth Rail, and for its own
//! access tokens alone: neither an API key nor a token of an OAuth client opens anything here (rule 29).

mod activity;
mod addresses;
pub(super) mod api_keys;
mod apps;
mod profile;

use super::{
    rail::{finish, with_what_follows},
    route::Surface,
};

/// The surface.
pub fn surface() -> Surface {
    let rows = [
        profile::routes(),
        addresses::routes(),
        api_keys::routes(),
        apps::routes(),
        activity::routes(),
    ];
    let routes = rows.into_iter().flatten();
    Surface {
        name: "Account",
        base: "/api/v1/account",
        envelope: true,
        routes: routes.map(with_what_follows).collect(),
        finish,
    }
}
