//! The account of whoever asks: `/api/v1/account`. JSON in the dialect of the Auth Rail, whose access
//! tokens count here, and nothing else does (rule 29).

mod addresses;

use super::{
    rail::{finish, routes::with_what_follows},
    route::{Route, Surface},
};

/// The account.
pub fn surface() -> Surface {
    let rows: [Vec<Route>; 1] = [
        addresses::routes(), //
    ];
    Surface {
        name: "Account",
        base: "/api/v1/account",
        envelope: true,
        routes: rows.into_iter().flatten().map(with_what_follows).collect(),
        finish,
    }
}
