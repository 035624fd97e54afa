//! `/profile`: what somebody says of themselves.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    auth::{bearer::Place, profile},
    domain::{
        phone::masked,
        profile::{Change, Field},
        user::User,
    },
    http::{
        rail::{
            answer::{RailError, wire_name},
            body::Body,
            call::Call,
            refusals::CONFLICT,
            rfc3339,
        },
        route::{
            self, Credential::Bearer, Route, Shape, flag, get, instant, patch, shape, text, within,
        },
    },
};

const ADDRESS: &str = "address";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get("/profile", Bearer, show)
            .does("Show the profile", "What the caller says of themselves, as clients are told it.")
            .answers(200, profile_shape()),
        patch("/profile", Bearer, change)
            .does(
                "Change the profile",
                "What is left out stays; null takes away. Addresses and numbers that are to be \
                proved, roles, tenant and status are none of its members.",
            )
            .takes(members().map(route::Field::optional))
            .answers(200, profile_shape())
            .refuses([CONFLICT])
            .fresh()
            .limited(),
    ]
}

/// GET /profile
async fn show(call: Call) -> Response {
    let result = try_show(&call).await;
    call.end(result)
}

async fn try_show(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    Ok(call.answer(StatusCode::OK, shown(&caller.user)))
}

/// PATCH /profile
async fn change(call: Call) -> Response {
    let result = try_change(&call).await;
    call.end(result)
}

async fn try_change(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let mut body = call.body()?;
    let mut changes = read(&mut body, |field| !field.is_of_address());
    match body.patched_object(ADDRESS) {
        None => {}
        Some(None) => changes.extend(parts().map(|part| (part, None))),
        Some(Some(mut within)) => {
            changes.extend(read(&mut within, Field::is_of_address));
            body.absorb(ADDRESS, within);
        }
    }
    body.finish()?;
    let user = profile::change(&call.app, &call.origin, &caller, &changes).await?;
    Ok(call.answer(StatusCode::OK, shown(&user)))
}

fn read(body: &mut Body, wanted: fn(Field) -> bool) -> Vec<Change> {
    let fields = Field::ALL.into_iter().filter(|field| wanted(*field));
    fields
        .filter_map(|field| Some((field, body.patched_string(&wire_name(field.claim()))?)))
        .collect()
}

fn parts() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|field| field.is_of_address())
}

fn shown(user: &User) -> Value {
    let (parts, fields): (Vec<Field>, Vec<Field>) =
        Field::ALL.into_iter().partition(|field| field.is_of_address());
    let said = |fields: Vec<Field>| -> Map<String, Value> {
        fields.into_iter().map(|field| (wire_name(field.claim()), field.of(user).into())).collect()
    };
    let mut profile = said(fields);
    profile.insert(ADDRESS.to_owned(), said(parts).into());
    let proved = json!({
        "email": user.email,
        "emailVerified": user.email_verified_at.is_some(),
        "phoneNumber": user.phone.as_deref().map(masked),
        "phoneNumberVerified": user.phone.is_some() && user.phone_verified_at.is_some(),
        "updatedAt": rfc3339(user.updated_at),
    });
    if let Value::Object(proved) = proved {
        profile.extend(proved);
    }
    profile.into()
}

/// What may be changed.
fn members() -> impl Iterator<Item = route::Field> {
    let address = shape(
        "PostalAddress",
        [
            text("formatted", "All of it, as on an envelope.").nullable(),
            text("streetAddress", "Street, house, and what comes before the town.")
                .nullable()
                .like("12 St James's Square"),
            text("postalCode", "Postal code.").nullable().like("SW1Y 4JH"),
            text("locality", "Town.").nullable().like("London"),
            text("region", "State, province or region.").nullable(),
            text("country", "Country.").nullable().like("United Kingdom"),
        ]
        .map(route::Field::optional),
    );
    [
        text("name", "Whole name; everybody has one.").like("Ada Lovelace"),
        text("givenName", "Given names.").nullable().like("Ada"),
        text("middleName", "Names between the two.").nullable().like("King"),
        text("familyName", "Family names.").nullable().like("Lovelace"),
        text("nickname", "What friends say.").nullable().like("Ada"),
        text("preferredUsername", "A name to sign in with beside the mail address; nobody else's.")
            .nullable()
            .like("ada.lovelace"),
        text("gender", "In whatever word they choose.").nullable().like("female"),
        text("birthdate", "`YYYY-MM-DD`, `0000-MM-DD` or `YYYY`.").nullable().like("1815-12-10"),
        text("profile", "Address of a page about them.").nullable().like("https://ada.example"),
        text("website", "Address of a page of theirs.").nullable().like("https://ada.example"),
        text("picture", "Address of a picture of them.")
            .nullable()
            .like("https://ada.example/ada.png"),
        text("locale", "Language, BCP 47.").nullable().like("en-GB"),
        text("zoneinfo", "Time zone, as the IANA database names it.")
            .nullable()
            .like("Europe/London"),
        within(ADDRESS, address, "Postal address.").nullable(),
    ]
    .into_iter()
}

fn profile_shape() -> Shape {
    let proved = [
        text("email", "Mail address.").like("ada@example.com"),
        flag("emailVerified", "Whether they have proved it."),
        text("phoneNumber", "Telephone number, masked.").nullable().like("+44•••••67"),
        flag("phoneNumberVerified", "Whether they have proved it."),
        instant("updatedAt", "When anything of this last changed."),
    ];
    shape("Profile", members().chain(proved))
}
