//! The shape of the code, held by reading its `use` lines and paths: who may name whom, and which
//! file may name which library.

#![allow(clippy::unwrap_used, reason = "a test ends when its sources cannot be read")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder or file of a package, and what nothing in it may name.
const MAY_NOT_NAME: &[(&str, &[&str])] = &[
    // Pure: no store, no surface, no clock, no I/O.
    ("jwks/src", &["tokio", "async fn", "SystemTime::now", "std::fs", "std::net::Tcp"]),
    (
        "server/src/domain",
        &[
            "async fn",
            "SystemTime",
            "std::fs",
            "tokio",
            "crate::store",
            "crate::auth",
            "crate::app",
            "crate::http",
            "crate::admin",
            "crate::feed",
            "crate::tokens",
            "crate::oauth",
            "crate::config",
        ],
    ),
    (
        "server/src/store",
        &[
            "crate::auth",
            "crate::app",
            "crate::http",
            "crate::admin",
            "crate::tokens",
            "crate::oauth",
        ],
    ),
    // Who somebody is has nothing to do with what a client may.
    ("server/src/auth", &["crate::http", "crate::admin", "crate::router", "crate::oauth"]),
    ("server/src/oauth", &["crate::http", "crate::admin", "crate::router", "axum"]),
    ("server/src/admin", &["crate::http", "crate::router"]),
    ("server/src/feed", &["crate::auth", "crate::http", "crate::admin"]),
    ("server/src/tokens.rs", &["crate::http", "crate::admin", "crate::oauth"]),
    // Surfaces do not know one another.
    (
        "server/src/http/rail",
        &["crate::http::pages", "http::pages", "http::feed", "crate::http::oauth", "http::oauth"],
    ),
    (
        "server/src/http/account",
        &["crate::http::pages", "http::pages", "http::feed", "crate::http::oauth", "http::oauth"],
    ),
    ("server/src/http/oauth", &["crate::http::rail", "http::rail", "http::feed"]),
    ("server/src/http/pages", &["crate::http::rail", "http::rail", "http::feed"]),
    // The edge knows the contract and not the server.
    ("edge/src", &["use server::"]),
];

/// A library, and the only places that may name it.
const NAMED_ONLY_IN: &[(&str, &[&str])] = &[
    ("jsonwebtoken::", &["jwks/src"]),
    ("argon2::", &["server/src/auth/hasher.rs"]),
    ("totp_rs::", &["server/src/auth/mfa/totp.rs"]),
    ("webauthn_rs_core::", &["server/src/auth/mfa/webauthn.rs"]),
    ("serde_cbor_2::", &["server/src/auth/mfa/webauthn.rs"]),
    ("qrcode::", &["server/src/auth/mfa/totp.rs"]),
    ("phonenumber::", &["server/src/domain/phone.rs"]),
    ("zxcvbn::", &["server/src/auth/password.rs"]),
    ("lettre::", &["server/src/mailer.rs"]),
    ("rusqlite::", &["server/src/store/embedded"]),
    ("tokio_postgres::", &["server/src/store/postgres", "server/src/store/conformance"]),
    ("deadpool_postgres::", &["server/src/store/postgres"]),
    ("redis::aio", &["server/src/store/redis", "server/src/store/conformance"]),
    ("redis::Script", &["server/src/store/redis"]),
    ("oxide_auth::", &["server/src/oauth/engine"]),
    ("chrono::", &["server/src/oauth/engine"]),
    ("fluent_templates::", &["server/src/texts.rs"]),
    ("reqwest::", &["server/src/outgoing.rs", "server/src/telemetry.rs", "edge/src"]),
    ("figment::", &["server/src/config"]),
    ("pingora::", &["edge/src"]),
    ("use edge::", &["server/src/main.rs", "server/src/run", "edge/src"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every source file of the product, by its path from the root, with its lines that are code.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = ["jwks/src", "server/src", "edge/src"].map(|part| root().join(part)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let code: Vec<String> = fs::read_to_string(&path)
                    .unwrap()
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .map(ToOwned::to_owned)
                    .collect();
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, code.join("\n")));
            }
        }
    }
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

/// Whether `code` names `path`, as a whole word at its beginning.
fn names(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':' && c != '.')
    })
}

/// `use crate::{a::b, c}` as `crate::a::b crate::c`, so that nested imports are seen.
fn flattened(code: &str) -> String {
    let mut flat = code.to_owned();
    for piece in code.split("use crate::{").skip(1) {
        let (mut depth, mut name) = (1, String::new());
        for c in piece.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && c == ',' {
                flat.push_str(&format!("\nuse crate::{}", name.trim()));
                name.clear();
            } else {
                name.push(c);
            }
        }
        flat.push_str(&format!("\nuse crate::{}", name.trim()));
    }
    flat
}

#[test]
fn nothing_names_what_lies_above_it() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        // What tests beside the code name is their own business.
        let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code = flattened(code);
        for (place, banned) in MAY_NOT_NAME {
            if !file.starts_with(place) || file.contains("/tests") || file.contains("/conformance")
            {
                continue;
            }
            wrong.extend(
                banned
                    .iter()
                    .filter(|name| names(&code, name))
                    .map(|name| format!("{file} names {name}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_library_is_named_in_one_place() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (library, places) in NAMED_ONLY_IN {
            if names(code, library) && !places.iter().any(|place| file.starts_with(place)) {
                wrong.push(format!("{file} names {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_nested_import_is_seen() {
    let code = flattened("use crate::{\n    app::App,\n    http::{origin, rail},\n};\n");
    assert!(names(&code, "crate::http"));
    assert!(!names(&code, "crate::store"));
}

/// What makes something reachable, and the only files that may say it.
const REACHABLE_BY: &[(&str, &[&str])] = &[
    (".route(", &["server/src/http/route.rs"]),
    (".nest(", &["server/src/http/route.rs"]),
    (".fallback(", &["server/src/http/rail/mod.rs"]),
    ("Router::new(", &["server/src/http/route.rs", "server/src/router.rs"]),
    ("Router::default(", &[]),
    ("route_service", &[]),
    ("nest_service", &[]),
    ("fallback_service", &[]),
];

#[test]
fn a_route_is_reachable_only_by_its_row() {
    // A site of its own, which is no part of the server.
    let sources = sources()
        .into_iter()
        .filter(|(file, _)| file.starts_with("server/src") && file != "server/src/demo.rs");
    let mut wrong = Vec::new();
    for (file, code) in sources {
        let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        // Broken lines say the same.
        let code: String = code.split_whitespace().collect();
        for (means, places) in REACHABLE_BY {
            if code.contains(means) && !places.contains(&file.as_str()) {
                wrong.push(format!("{file} says {means}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
