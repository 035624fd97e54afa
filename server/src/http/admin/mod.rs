//! `/api/v1/admin`: what admins do, in the dialect of the Auth Rail. Each call asks for the role and a
//! second factor (rule 30).

mod decisions;
mod sites;

use super::{
    rail::{finish, with_what_follows},
    route::Surface,
};

/// The surface.
pub fn surface() -> Surface {
    let routes = [sites::routes(), decisions::routes()].into_iter().flatten();
    Surface {
        name: "Admin",
        base: "/api/v1/admin",
        envelope: true,
        routes: routes.map(with_what_follows).collect(),
        finish,
    }
}
