//! `/openapi.json`: the JSON surfaces as an OpenAPI 3.1 document, made of the rows that are the
//! router.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    route::{Credential, Field, Kind, Refusal, Route, Shape, Surface, get},
    surfaces,
};
use crate::app::App;

const ABOUT: &str = "Sign-in, second factors, sessions and tokens. An `mfaToken` is half a \
    sign-in: it opens only the calls that name it, as bearer or as a member of the body.";

/// The document, and nothing else.
pub fn surface() -> Surface {
    Surface::new("Documentation", vec![get("/openapi.json", Credential::Anybody, serve)])
}

/// GET /openapi.json
async fn serve(State(app): State<Arc<App>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, document(&app.issuer, &surfaces()).to_string()).into_response()
}

/// The document of these surfaces, which are reached at `issuer`.
#[must_use]
pub fn document(issuer: &str, surfaces: &[Surface]) -> Value {
    let (mut tags, mut paths, mut schemas) = (Vec::new(), Map::new(), common_schemas());
    for surface in surfaces {
        let documented = surface.routes.iter().filter(|route| !route.summary.is_empty());
        for route in documented {
            if !tags.iter().any(|tag: &Value| tag["name"] == surface.name) {
                tags.push(json!({ "name": surface.name }));
            }
            let path = format!("{}{}", surface.base, route.path);
            let method = route.method.as_str().to_lowercase();
            paths.entry(path).or_insert_with(|| json!({}))[method] = operation(surface, route);
            for (_, shape) in &route.answers {
                collect(shape, &mut schemas);
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Signalbox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": issuer }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token.",
                },
                "mfaToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Half a sign-in; may be sent as `mfaToken` in the body instead.",
                },
                "initialAccessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "With which clients register themselves, unless anybody may.",
                },
                "registrationAccessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "With which one client manages itself.",
                },
            },
        },
    })
}

fn common_schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let closed = |required: &[&str], properties: Value| {
        json!({
            "type": "object",
            "required": required,
            "properties": properties,
            "additionalProperties": false,
        })
    };
    let detail = closed(&["field", "message"], json!({ "field": text, "message": text }));
    let meta = json!({
        "requestId": { "type": "string", "examples": ["req_4f8c1b2a"] },
        "timestamp": { "type": "string", "format": "date-time" },
    });
    let error = json!({
        "code": text,
        "message": { "type": "string", "description": "For people; may change." },
        "details": { "type": "array", "items": detail },
        "acrValues": { "type": "array", "items": text, "description": "The level to reach." },
        "maxAge": { "type": "integer", "description": "How old the proof may be, seconds." },
    });
    let oauth_error = json!({
        "error": text,
        "error_description": { "type": "string", "description": "For developers; may change." },
    });
    let pagination = json!({
        "page": { "type": "integer", "minimum": 1 },
        "perPage": { "type": "integer", "minimum": 1, "maximum": 100 },
        "total": { "type": "integer" },
        "totalPages": { "type": "integer" },
        "hasMore": { "type": "boolean" },
    });
    let pages = ["page", "perPage", "total", "totalPages", "hasMore"];
    [
        ("Meta", closed(&["requestId", "timestamp"], meta)),
        ("Error", closed(&["code", "message"], error)),
        ("OAuthError", closed(&["error", "error_description"], oauth_error)),
        ("Pagination", closed(&pages, pagination)),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}

fn operation(surface: &Surface, route: &Route) -> Value {
    let mut operation = json!({
        "operationId": operation_id(surface, route),
        "tags": [surface.name],
        "summary": route.summary,
        "description": route.text,
        "parameters": parameters(route),
        "responses": responses(surface, route),
        "security": security(route.credential),
    });
    if !route.takes.is_empty() && route.method != Method::GET {
        let mut schema = members(&route.takes, true);
        if route.open {
            // RFC 6749 section 3.2, RFC 7591 section 2.
            schema["additionalProperties"] = true.into();
        }
        let body = json!({ "schema": schema, "example": request_example(route) });
        let mut content = json!({ "application/json": body });
        if route.form {
            content["application/x-www-form-urlencoded"] = body;
        }
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

/// `post /api/v1/auth/mfa/setup/confirm` as `postAuthMfaSetupConfirm`. Surfaces may have a path in
/// common below their bases.
fn operation_id(surface: &Surface, route: &Route) -> String {
    let path = format!("{}{}", surface.base, route.path);
    let path = path.trim_start_matches("/api/v1");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.fold(route.method.as_str().to_lowercase(), |id, word| {
        let (first, rest) = word.split_at(1);
        id + &first.to_uppercase() + rest
    })
}

fn security(credential: Credential) -> Value {
    match credential {
        Credential::Bearer | Credential::Admin => json!([{ "bearer": [] }]),
        Credential::BearerOrMfaToken(_) | Credential::ToGiveUp => {
            json!([{ "bearer": [] }, { "mfaToken": [] }])
        }
        Credential::InitialAccess => json!([{ "initialAccessToken": [] }, {}]),
        Credential::Registration => json!([{ "registrationAccessToken": [] }]),
        _ => json!([]),
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let text = json!({ "type": "string" });
    let path = route
        .parameters()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text }));
    let pages = [("page", 1_000_000, 1), ("perPage", 100, 20)].map(|(name, maximum, default)| {
        let schema =
            json!({ "type": "integer", "minimum": 1, "maximum": maximum, "default": default });
        json!({ "name": name, "in": "query", "schema": schema })
    });
    let headers = route.headers.iter().map(|(name, about)| {
        json!({ "name": name, "in": "header", "description": about, "schema": text })
    });
    let query = route.takes.iter().filter(|_| route.method == Method::GET).map(|field| {
        let schema = held(&field.kind, false);
        let (name, about, required) = (field.name, field.about, !field.optional);
        json!({
            "name": name, "in": "query", "description": about, "required": required,
            "schema": schema,
        })
    });
    let wait = json!({
        "name": "wait",
        "in": "query",
        "description": "Answers when every edge knows what was ended, after 2 s at the latest.",
        "schema": { "type": "string", "enum": ["edges"] },
    });
    let query = query.chain(route.ends.then_some(wait));
    path.chain(query).chain(pages.into_iter().filter(|_| route.list)).chain(headers).collect()
}

fn responses(surface: &Surface, route: &Route) -> Value {
    let mut responses = Map::new();
    for (status, _) in &route.answers {
        let shapes = route.answers.iter().filter(|(other, _)| other == status);
        let shapes: Vec<&Shape> = shapes.map(|(_, shape)| shape).collect();
        responses.insert(status.to_string(), answer(surface, route, *status, &shapes));
    }
    for Refusal { status, .. } in &route.refuses {
        let refusals: Vec<&Refusal> =
            route.refuses.iter().filter(|refusal| refusal.status == *status).collect();
        responses.insert(status.to_string(), refused(surface, *status, &refusals));
    }
    for (status, media, about) in &route.gives {
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({}));
        let described = match response["description"].as_str() {
            Some(before) => format!("{before}\n\n{about}"),
            None => (*about).to_owned(),
        };
        response["description"] = described.into();
        if !media.is_empty() {
            response["content"][*media] = json!({ "schema": { "type": "string" } });
        }
    }
    responses.into()
}

fn answer(surface: &Surface, route: &Route, status: u16, shapes: &[&Shape]) -> Value {
    let mut data = match shapes {
        [one] => referred(one),
        several => {
            json!({ "oneOf": several.iter().map(|shape| referred(shape)).collect::<Vec<_>>() })
        }
    };
    let mut shown = shapes.first().map_or(Value::Null, |shape| example(&shape.fields));
    if route.list {
        data = json!({ "type": "array", "items": data });
        shown = json!([shown]);
    }
    let (schema, example) = if surface.envelope {
        let mut required = vec!["data", "meta"];
        let mut properties =
            json!({ "data": data, "meta": { "$ref": "#/components/schemas/Meta" } });
        if route.list {
            required.push("pagination");
            properties["pagination"] = json!({ "$ref": "#/components/schemas/Pagination" });
        }
        let schema = json!({
            "type": "object",
            "required": required,
            "properties": properties,
            "additionalProperties": false,
        });
        (schema, enveloped(shown, route.list))
    } else {
        (data, shown)
    };
    let content = json!({ "schema": schema, "example": example });
    json!({ "description": reason(status), "content": { "application/json": content } })
}

fn refused(surface: &Surface, status: u16, refusals: &[&Refusal]) -> Value {
    let about: Vec<String> = refusals
        .iter()
        .map(
            |Refusal { code, about, .. }| {
                if code.is_empty() { (*about).to_owned() } else { format!("`{code}`: {about}") }
            },
        )
        .collect();
    let mut response = json!({ "description": about.join("\n\n") });
    let codes: Vec<&str> =
        refusals.iter().map(|refusal| refusal.code).filter(|code| !code.is_empty()).collect();
    if !codes.is_empty() {
        let error = json!({ "allOf": [
            { "$ref": "#/components/schemas/Error" },
            { "properties": { "code": { "enum": codes } } },
        ] });
        let enveloped = json!({
            "type": "object",
            "required": ["error", "meta"],
            "properties": { "error": error, "meta": { "$ref": "#/components/schemas/Meta" } },
            "additionalProperties": false,
        });
        let plain = json!({ "allOf": [
            { "$ref": "#/components/schemas/OAuthError" },
            { "properties": { "error": { "enum": codes } } },
        ] });
        // Who showed no token is told nothing but that (RFC 6750 section 3.1).
        let nothing = json!({ "type": "object", "additionalProperties": false });
        let plain = if codes.contains(&"invalid_token") {
            json!({ "anyOf": [plain, nothing] })
        } else {
            plain
        };
        let schema = if surface.envelope { enveloped } else { plain };
        response["content"] = json!({ "application/json": { "schema": schema } });
    }
    let seconds = json!({ "schema": { "type": "integer" } });
    if [429, 503].contains(&status) {
        response["headers"] = json!({ "Retry-After": seconds });
    }
    if status == 429 && surface.envelope {
        for name in ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"] {
            response["headers"][name] = seconds.clone();
        }
    }
    response
}

/// An example of an answer as it is sent.
#[must_use]
pub fn enveloped(data: Value, list: bool) -> Value {
    let meta = json!({ "requestId": "req_4f8c1b2a", "timestamp": "2026-03-01T09:30:00Z" });
    let mut body = json!({ "data": data, "meta": meta });
    if list {
        let pagination = json!({
            "page": 1, "perPage": 20, "total": 1, "totalPages": 1, "hasMore": false,
        });
        body["pagination"] = pagination;
    }
    body
}

/// An example of a body: what must be in it.
#[must_use]
pub fn request_example(route: &Route) -> Value {
    let required = route.takes.iter().filter(|field| !field.optional);
    required.map(|field| (field.name.to_owned(), field.example.clone())).collect()
}

/// The same as a form.
#[must_use]
pub fn form_example(route: &Route) -> String {
    let required = route.takes.iter().filter(|field| !field.optional);
    let pairs = required.map(|field| match &field.example {
        Value::String(text) => (field.name, text.clone()),
        other => (field.name, other.to_string()),
    });
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// An example of these members.
#[must_use]
pub fn example(fields: &[Field]) -> Value {
    fields.iter().map(|field| (field.name.to_owned(), field.example.clone())).collect()
}

/// What a status is called.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or_default()
}

fn collect(shape: &Shape, schemas: &mut Map<String, Value>) {
    if !shape.name.is_empty() {
        schemas.insert(shape.name.to_owned(), members(&shape.fields, false));
    }
    for field in &shape.fields {
        match &field.kind {
            Kind::Object(within) => collect(within, schemas),
            Kind::List(item) => {
                if let Kind::Object(within) = &item.kind {
                    collect(within, schemas);
                }
            }
            _ => {}
        }
    }
}

fn referred(shape: &Shape) -> Value {
    if shape.name.is_empty() {
        members(&shape.fields, false)
    } else {
        json!({ "$ref": format!("#/components/schemas/{}", shape.name) })
    }
}

/// An object of these members and no others. What may be left out of a request may be null there.
fn members(fields: &[Field], request: bool) -> Value {
    let required: Vec<&str> =
        fields.iter().filter(|field| !field.optional).map(|field| field.name).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let nullable = field.nullable || request && field.optional;
            let mut schema = held(&field.kind, nullable);
            if !field.about.is_empty() {
                schema["description"] = field.about.into();
            }
            (field.name.to_owned(), schema)
        })
        .collect();
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn held(kind: &Kind, nullable: bool) -> Value {
    let typed = |name: &str| if nullable { json!([name, "null"]) } else { json!(name) };
    match kind {
        Kind::Text => json!({ "type": typed("string") }),
        Kind::OneOf(words) => {
            let null = nullable.then_some(Value::Null);
            let words: Vec<Value> = words.iter().map(|word| json!(word)).chain(null).collect();
            json!({ "type": typed("string"), "enum": words })
        }
        Kind::Id => json!({ "type": typed("string"), "format": "uuid" }),
        Kind::Instant => json!({ "type": typed("string"), "format": "date-time" }),
        Kind::Number => json!({ "type": typed("integer") }),
        Kind::Flag => json!({ "type": typed("boolean") }),
        Kind::Always(value) => json!({ "type": "boolean", "const": value }),
        Kind::Object(shape) if nullable => {
            json!({ "anyOf": [referred(shape), { "type": "null" }] })
        }
        Kind::Object(shape) => referred(shape),
        Kind::List(item) => {
            json!({ "type": typed("array"), "items": held(&item.kind, item.nullable) })
        }
        Kind::Foreign => json!({ "type": typed("object") }),
        Kind::Any => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn operations() -> Vec<(String, Value)> {
        let document = document("https://login.example.com", &surfaces());
        let paths = document["paths"].as_object().unwrap().clone();
        let operations = paths.into_iter().flat_map(|(path, item)| {
            let item = item.as_object().unwrap().clone();
            item.into_iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
        });
        operations.collect()
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let operations = operations();
        let names = operations.iter().map(|(_, operation)| operation["operationId"].to_string());
        assert_eq!(names.collect::<BTreeSet<_>>().len(), operations.len());
    }

    #[test]
    fn clients_read_how_they_begin() {
        let operations = operations();
        let find = |name: &str| &operations.iter().find(|(found, _)| found == name).unwrap().1;
        for name in [
            "get /.well-known/openid-configuration",
            "get /.well-known/oauth-authorization-server",
            "get /.well-known/jwks.json",
            "get /register/{client_id}",
            "put /register/{client_id}",
            "delete /register/{client_id}",
        ] {
            find(name);
        }
        let body = &find("post /register")["requestBody"]["content"]["application/json"];
        assert_eq!(body["schema"]["additionalProperties"], true);
        let pushed = &find("post /api/v1/oauth2/par")["responses"]["201"];
        assert_eq!(pushed["content"]["application/json"]["example"]["expires_in"], 600);
    }
}
