//! The server's own description of itself, `/openapi.json`, and whether an answer is one of those
//! that it declares. Every answer that any test receives from a server is judged by it.

use std::{collections::BTreeSet, sync::Mutex};

use reqwest::{Client, Url};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::answer::Answer;

/// What the documented interface lies under; elsewhere a path may be undocumented.
const BASE: &str = "/api/v1/";

/// The addresses that are servers': the same paths at an edge are a site's.
static SERVERS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on what comes from `address` is judged.
pub(crate) fn belongs_to_a_server(address: &str) {
    SERVERS.lock().unwrap().insert(address.to_owned());
}

/// Judges an answer.
///
/// # Panics
/// When a server gave it that does not declare it.
pub(crate) async fn judge(client: &Client, method: &str, url: &Url, answer: &Answer) {
    static DOCUMENT: OnceCell<Value> = OnceCell::const_new();
    let address = url.origin().ascii_serialization();
    if !SERVERS.lock().unwrap().contains(&address) {
        return;
    }
    let read = async || -> reqwest::Result<Value> {
        client.get(format!("{address}/openapi.json")).send().await?.json().await
    };
    // One document for all: they are one program. Some tests end a server as it answers.
    let Ok(document) = DOCUMENT.get_or_try_init(read).await else { return };
    if let Err(lie) = declared(document, method, url.path(), answer) {
        panic!("{method} {}: {lie}\n{} {}", url.path(), answer.status, answer.text);
    }
}

/// Whether `document` declares this answer to a call of `method` at `path`.
///
/// # Errors
/// What it does not declare.
pub fn declared(document: &Value, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
    let Some(item) = find(document, path) else {
        return if path.starts_with(BASE) { refused(document, answer, 404) } else { Ok(()) };
    };
    // HEAD is GET without the body.
    let Some(operation) = item.get(method.to_lowercase()) else {
        // The OAuth endpoints do not speak in the envelope.
        let is_oauth = path.starts_with("/api/v1/oauth2/") && answer.text.is_empty();
        return if method == "HEAD"
            || !path.starts_with(BASE)
            || is_oauth && (answer.status == 405 || method == "OPTIONS")
        {
            Ok(())
        } else {
            refused(document, answer, 405)
        };
    };
    let response = &operation["responses"][answer.status.to_string()];
    if response.is_null() {
        return Err("this status is not declared".to_owned());
    }
    match response.get("content") {
        Some(content) => {
            let media = answer.header("content-type").split(';').next().unwrap_or_default();
            if media != "application/json" && content.get(media).is_some() {
                return Ok(());
            }
            let body = body(answer)?;
            holds(document, &content["application/json"]["schema"], &body, "body")
        }
        None if answer.text.is_empty() => Ok(()),
        None => Err("a body is not declared".to_owned()),
    }
}

/// An answer of this status, with an error in the envelope.
fn refused(document: &Value, answer: &Answer, status: u16) -> Result<(), String> {
    if answer.status != status {
        return Err(format!("it is not declared, and not answered {status}"));
    }
    let body = body(answer)?;
    let schemas = &document["components"]["schemas"];
    holds(document, &schemas["Error"], &body["error"], "error")?;
    holds(document, &schemas["Meta"], &body["meta"], "meta")
}

fn body(answer: &Answer) -> Result<Value, String> {
    if answer.header("content-type") != "application/json" {
        return Err("the body is not declared as JSON".to_owned());
    }
    serde_json::from_str(&answer.text).map_err(|error| error.to_string())
}

/// The path item whose template `path` matches, the plainest first.
fn find<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    let paths = document["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let mut parts = path.split('/');
        template.split('/').all(|wanted| {
            let part = parts.next();
            part == Some(wanted) || wanted.starts_with('{') && part.is_some_and(|p| !p.is_empty())
        }) && parts.next().is_none()
    };
    paths.get(path).or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, v)| v))
}

/// Whether `value` holds to `schema`, as far as the document uses JSON Schema.
///
/// # Errors
/// Where it does not, and why.
///
/// # Panics
/// When the schema uses more than is understood here.
pub fn holds(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let check = |schema: &Value, value: &Value, at: &str| holds(document, schema, value, at);
    for (keyword, wanted) in schema.as_object().unwrap() {
        let held = match keyword.as_str() {
            "$ref" => {
                let pointer = wanted.as_str().unwrap().trim_start_matches('#');
                check(document.pointer(pointer).unwrap(), value, at)?;
                true
            }
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|name| is_a(value, name)),
                name => is_a(value, name),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "format" => value.as_str().is_none_or(|text| is_formatted(text, wanted)),
            "minimum" => value.as_i64().is_none_or(|number| Some(number) >= wanted.as_i64()),
            "maximum" => value.as_i64().is_none_or(|number| Some(number) <= wanted.as_i64()),
            "required" => {
                let missing = wanted.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                let missing = missing.filter(|name| value.get(name).is_none()).collect::<Vec<_>>();
                if !missing.is_empty() {
                    return Err(format!("{at}: {missing:?} is missing"));
                }
                true
            }
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        check(schema, member, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let declared = |name: &String| schema["properties"].get(name).is_some();
                let members = value.as_object().into_iter().flat_map(serde_json::Map::keys);
                let other: Vec<_> = members.filter(|name| !declared(name)).collect();
                if !other.is_empty() {
                    return Err(format!("{at}: {other:?} is not declared"));
                }
                true
            }
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(wanted, item, &format!("{at}[{number}]"))?;
                }
                true
            }
            "allOf" => {
                for schema in wanted.as_array().unwrap() {
                    check(schema, value, at)?;
                }
                true
            }
            "oneOf" | "anyOf" => {
                let tried = wanted.as_array().unwrap().iter().map(|s| check(s, value, at));
                let (good, bad): (Vec<_>, Vec<_>) = tried.partition(Result::is_ok);
                if good.is_empty() {
                    return Err(format!("{at}: none of {bad:?}"));
                }
                keyword == "anyOf" || good.len() == 1
            }
            "description" | "examples" | "default" => true,
            other => panic!("{at}: the document uses `{other}`"),
        };
        if !held {
            return Err(format!("{at}: {keyword} {wanted}"));
        }
    }
    Ok(())
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("the document has the type {other}"),
    }
}

fn is_formatted(text: &str, format: &Value) -> bool {
    let shape = |pattern: &str| {
        text.len() >= pattern.len()
            && pattern.bytes().zip(text.bytes()).all(|(wanted, found)| match wanted {
                b'x' => found.is_ascii_hexdigit(),
                b'0' => found.is_ascii_digit(),
                other => other == found,
            })
    };
    match format.as_str().unwrap() {
        "uuid" => text.len() == 36 && shape("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        "date-time" => shape("0000-00-00T00:00:00") && text.ends_with('Z'),
        other => panic!("the document has the format {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        let one = json!({
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": { "type": "string", "format": "uuid" },
                "at": { "type": ["string", "null"], "format": "date-time" },
                "many": { "type": "array", "items": { "enum": ["a", "b"] } },
            },
            "additionalProperties": false,
        });
        let schema = json!({ "oneOf": [{ "$ref": "#/components/schemas/One" }, { "const": 1 }] });
        let answer = json!({ "content": { "application/json": { "schema": schema } } });
        let open = json!({ "type": "object" });
        json!({
            "paths": { "/api/v1/things/{id}": { "get": { "responses": { "200": answer } } } },
            "components": { "schemas": { "One": one, "Error": open, "Meta": open } },
        })
    }

    fn judged(method: &str, path: &str, status: u16, body: &Value) -> Result<(), String> {
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        let text = body.to_string();
        let answer = Answer { status, headers, text, elapsed: Duration::ZERO };
        declared(&document(), method, path, &answer)
    }

    const ID: &str = "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";

    #[test]
    fn what_is_declared_is_believed() {
        for good in [
            json!({ "id": ID }),
            json!({ "id": ID, "at": null, "many": ["a", "b"] }),
            json!({ "id": ID, "at": "2026-03-01T09:30:00.5Z", "many": [] }),
            json!(1),
        ] {
            assert_eq!(judged("GET", "/api/v1/things/x", 200, &good), Ok(()));
        }
        assert_eq!(judged("GET", "/somewhere", 200, &json!("else")), Ok(()));
    }

    #[test]
    fn every_lie_is_found() {
        for bad in [
            json!({}),
            json!({ "id": "x" }),
            json!({ "id": null }),
            json!({ "id": ID, "more": 1 }),
            json!({ "id": ID, "at": "soon" }),
            json!({ "id": ID, "at": 7 }),
            json!({ "id": ID, "many": ["a", "c"] }),
            json!(2),
        ] {
            assert!(judged("GET", "/api/v1/things/x", 200, &bad).is_err(), "{bad}");
        }
        let refusal = json!({ "error": {}, "meta": {} });
        for (method, path, status) in [
            ("GET", "/api/v1/things/x", 201),
            ("GET", "/api/v1/things/x", 500),
            ("GET", "/api/v1/things/", 200),
            ("GET", "/api/v1/other", 401),
            ("PUT", "/api/v1/things/x", 404),
        ] {
            assert!(judged(method, path, status, &refusal).is_err(), "{method} {path} {status}");
        }
        assert_eq!(judged("GET", "/api/v1/other", 404, &refusal), Ok(()));
        assert_eq!(judged("PUT", "/api/v1/things/x", 405, &refusal), Ok(()));
        assert!(judged("GET", "/api/v1/other", 404, &json!({ "meta": {} })).is_err());
    }
}
