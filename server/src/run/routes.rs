//! `signalbox routes`: every address the server answers, and what it asks for there.

use serde_json::{Value, json};
use server::router::table;

use super::{Outcome, say};

pub fn list_routes() -> Outcome {
    let routes: Vec<Value> = table()
        .iter()
        .map(|(surface, path, route)| {
            let takes = |field: &server::http::route::Field| {
                json!({ "name": field.name, "optional": field.optional })
            };
            json!({
                "surface": surface,
                "method": route.method.as_str(),
                "path": path,
                "credential": route.credential.name(),
                "fresh": route.fresh,
                "takes": route.takes.iter().map(takes).collect::<Vec<_>>(),
            })
        })
        .collect();
    say(format!("{:#}", Value::Array(routes)))
}
