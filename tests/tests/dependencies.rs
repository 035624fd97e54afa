//! What the workspace depends on: under which licences, and on nothing that is banned.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{HashMap, HashSet},
    process::Command,
};

use serde_json::Value;

/// Licences under which code may be part of the binary.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    // File by file: what judges passkeys is used as it is published.
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// One provider of cryptography everywhere.
const BANNED: [&str; 3] = ["native-tls", "openssl", "openssl-sys"];

/// What is shipped.
const SHIPPED: [&str; 3] = ["server", "edge", "jwks"];

struct Metadata(Value);

impl Metadata {
    fn read() -> Self {
        // Without a platform, cargo would ask for packages that this machine never needs.
        let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform"])
            .arg(platform)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0["packages"].as_array().unwrap().iter()
    }

    /// The packages that `roots` are built of, without following those that `through` refuses.
    fn built_of(&self, roots: &[&str], through: impl Fn(&str) -> bool) -> HashSet<String> {
        let names: HashMap<&str, &str> =
            self.packages().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let nodes: HashMap<&str, &Value> = self.0["resolve"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (text(&node["id"]), node))
            .collect();
        let mut open: Vec<&str> = self.0["workspace_members"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .filter(|id| roots.contains(&names[id]))
            .collect();
        assert_eq!(open.len(), roots.len());
        let mut seen: HashSet<&str> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            if !through(names[id]) {
                continue;
            }
            for dependency in nodes[id]["deps"].as_array().unwrap() {
                let kinds = dependency["dep_kinds"].as_array().unwrap();
                let for_tests_only = kinds.iter().all(|kind| kind["kind"] == "dev");
                let next = text(&dependency["pkg"]);
                if !for_tests_only && seen.insert(next) {
                    open.push(next);
                }
            }
        }
        seen.into_iter().map(|id| names[id].to_owned()).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Whether an SPDX expression can be met with allowed licences alone.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words);
    assert!(rest.is_empty(), "{expression}");
    met
}

fn any<'w>(words: &'w [&'w str]) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = all(words);
    while let ["OR", more @ ..] = rest {
        let (other, left) = all(more);
        (met, rest) = (met || other, left);
    }
    (met, rest)
}

fn all<'w>(words: &'w [&'w str]) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = one(words);
    while let ["AND", more @ ..] = rest {
        let (other, left) = one(more);
        (met, rest) = (met && other, left);
    }
    (met, rest)
}

fn one<'w>(words: &'w [&'w str]) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inner @ ..] => {
            let (met, rest) = any(inner);
            let [")", rest @ ..] = rest else { panic!("unbalanced: {words:?}") };
            (met, rest)
        }
        [name, "WITH", exception, rest @ ..] => {
            (ALLOWED.contains(&format!("{name} WITH {exception}").as_str()), rest)
        }
        [name, rest @ ..] => (ALLOWED.contains(name), rest),
        [] => panic!("a licence is missing"),
    }
}

#[test]
fn an_expression_is_met_as_spdx_says() {
    for met in [
        "MIT",
        "MIT/Apache-2.0",
        "LGPL-2.1-or-later OR MIT",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_allowed(met), "{met}");
    }
    for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND GPL-3.0", "MIT WITH GPL"] {
        assert!(!is_allowed(unmet), "{unmet}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let metadata = Metadata::read();
    let used = metadata.built_of(&SHIPPED, |_| true);
    let refused: Vec<String> = metadata
        .packages()
        .filter(|package| used.contains(text(&package["name"])))
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| {
            format!("{} {}: {}", package["name"], package["version"], package["license"])
        })
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn banned_crates_are_absent() {
    let used = Metadata::read().built_of(&SHIPPED, |_| true);
    assert!(used.len() > 100, "only {} packages were seen", used.len());
    let found: Vec<&str> = BANNED.into_iter().filter(|name| used.contains(*name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn ring_comes_with_pingora_alone() {
    let metadata = Metadata::read();
    let used = metadata.built_of(&SHIPPED, |_| true);
    // Features add up over the graph, so it is asked who asks: for the crate, or for the feature
    // of that name of another.
    let asks = |package: &&Value| {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        dependencies.filter(|one| is_always_built(one)).any(|one| {
            let features = one["features"].as_array().into_iter().flatten();
            one["name"] == "ring" || features.into_iter().any(|feature| feature == "ring")
        })
    };
    let asking: Vec<&str> = metadata
        .packages()
        .filter(|package| used.contains(text(&package["name"])))
        .filter(asks)
        .map(|package| text(&package["name"]))
        .collect();
    assert_eq!(asking, ["pingora-rustls"]);
}

/// Its private keys leak by their timing (RUSTSEC-2023-0071). What judges passkeys has none: it
/// verifies, by public keys alone.
#[test]
fn rsa_comes_with_passkeys_alone() {
    let metadata = Metadata::read();
    let without = metadata.built_of(&SHIPPED, |name| name != "webauthn-rs-core");
    assert!(!without.contains("rsa"));
}

/// Neither for tests or build scripts alone, nor for some targets, nor by choice.
fn is_always_built(dependency: &Value) -> bool {
    dependency["kind"].is_null()
        && dependency["target"].is_null()
        && dependency["optional"] == false
}
