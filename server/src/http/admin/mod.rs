//! `/api/v1/admin`: what admins do, in the dialect of the Auth Rail. Each call asks for the role and a
//! second factor (rule 30).

mod api_keys;
mod decisions;
mod sites;
mod users;

use serde_json::Value;

use super::{
    rail::{answer::RailError, call::Call, finish, with_what_follows},
    route::Surface,
};

/// What the version is called that a change is made for.
const VERSION: &str = "version";

/// The surface.
pub fn surface() -> Surface {
    let rows = [sites::routes(), users::routes(), api_keys::routes(), decisions::routes()];
    let routes = rows.into_iter().flatten();
    Surface {
        name: "Admin",
        base: "/api/v1/admin",
        envelope: true,
        routes: routes.map(with_what_follows).collect(),
        finish,
    }
}

/// The version that a change is made for, from the header or the body; or what is wrong with it.
fn version(
    call: &Call,
    given: Option<Value>,
) -> Result<Result<Option<u64>, &'static str>, RailError> {
    let header = call.version()?;
    let body = match given {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_u64() {
            Some(version) => Some(version),
            None => return Ok(Err("must be a version, as it was read")),
        },
    };
    Ok(match (header, body) {
        (Some(one), Some(other)) if one != other => Err("must be the one of If-Match"),
        (one, other) => Ok(one.or(other)),
    })
}
