//! What the documents say is held by a test is held by one, and what they name is there.

#![allow(clippy::unwrap_used, reason = "a test ends when its sources cannot be read")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The documents that point at tests and files.
const DOCUMENTS: [&str; 2] = ["docs/standards.md", "docs/security.md"];
/// Where the code is.
const SOURCES: [&str; 4] = ["jwks", "server", "edge", "tests"];
/// A test's name is a sentence: what has fewer words is some other name.
const LEAST_WORDS: usize = 4;
/// Names of the standards that are as long as a sentence.
const OTHERS: [&str; 3] =
    ["post_logout_redirect_uri", "request_uri_not_supported", "require_signed_request_object"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn is_sentence(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.chars().all(is_plain) && name.split('_').count() >= LEAST_WORDS
}

/// The names of all functions under `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(name, "target" | "node_modules") {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| {
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
            });
            found.extend(names.map(str::to_owned));
        }
    }
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (names, after))) => {
            names.split(',').map(|name| format!("{before}{name}{after}")).collect()
        }
        None => vec![path.to_owned()],
    }
}

#[test]
fn every_test_that_the_documents_name_is_there() {
    let mut there = BTreeSet::new();
    for folder in SOURCES {
        functions(&root().join(folder), &mut there);
    }
    let mut seen = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for name in quoted(&text).filter(|name| is_sentence(name) && !OTHERS.contains(name)) {
            assert!(there.contains(name), "{document}: there is no test `{name}`");
            seen += 1;
        }
    }
    assert!(seen > 300, "only {seen} tests are named");
}

#[test]
fn what_opens_a_browser_is_left_out_of_the_fast_run() {
    let run = fs::read_to_string(root().join("tests/run")).unwrap();
    let blackbox = fs::read_dir(root().join("tests/tests/blackbox")).unwrap();
    let surfaces = blackbox.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    for entry in surfaces.flat_map(|surface| fs::read_dir(surface).unwrap()) {
        let path = entry.unwrap().path();
        if path.is_file() && fs::read_to_string(&path).unwrap().contains("Window::open()") {
            let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
            let skip = format!("--skip {}::{}", stem(path.parent().unwrap()), stem(&path));
            assert!(run.contains(&skip), "tests/run --fast lacks {skip}");
        }
    }
}

#[test]
fn every_file_that_the_documents_name_is_there() {
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let begins = |path: &&str| SOURCES.iter().any(|it| path.starts_with(&format!("{it}/")));
        for path in quoted(&text).filter(begins).flat_map(expanded) {
            assert!(root().join(&path).exists(), "{document}: there is no {path}");
        }
    }
}
