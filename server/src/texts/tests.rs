use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::*;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The files below a folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// The texts of a language: each key with the variables that it takes.
fn written(language: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(&here().join("texts").join(language), ".ftl") {
        let mut key = String::new();
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                key = line.split_once(" =").unwrap().0.to_owned();
                assert!(!texts.contains_key(&key), "{key} is there twice");
                texts.insert(key.clone(), BTreeSet::new());
            }
            for rest in line.split("{ $").skip(1) {
                let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next();
                texts.get_mut(&key).unwrap().insert(name.unwrap().to_owned());
            }
        }
    }
    texts
}

/// Keys that templates and views name, with the variables they give.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let mut sources = files(&here().join("templates"), ".html");
    sources.extend(files(&here().join("src/http/pages"), ".rs"));
    sources.extend(files(&here().join("src/letters"), ".rs"));
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources.iter().filter(|file| !file.ends_with("tests.rs")) {
        let source = std::fs::read_to_string(file).unwrap();
        let words: Vec<&str> = source.split('"').collect();
        for (at, word) in words.iter().enumerate().skip(1) {
            let named = ["text(", "with(", "plain(", "count("].iter().any(|call| {
                let before = words[at - 1].trim_end();
                before.ends_with(&format!("look.{call}"))
                    || before.ends_with(&format!("texts.{call}"))
            });
            if named {
                let variables = used.entry((*word).to_owned()).or_default();
                if !words[at - 1].trim_end().ends_with("text(") {
                    variables.insert(words[at + 2].to_owned());
                }
            }
        }
    }
    used
}

fn headers(accept: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, http::HeaderValue::from_static(accept))])
}

fn german() -> Texts {
    Texts::choose(&["de".to_owned()], &HeaderMap::new())
}

#[test]
fn every_language_has_the_same_texts_and_each_takes_the_same() {
    let english = written("en");
    assert!(english.len() > 100);
    for language in LANGUAGES {
        assert_eq!(written(language.language.as_str()), english, "{language}");
    }
}

#[test]
fn every_text_that_a_page_asks_for_is_there_and_gets_what_it_takes() {
    let (written, used) = (written("en"), used());
    assert!(used.len() > 80, "{}", used.len());
    for (key, variables) in used {
        assert_eq!(Some(&variables), written.get(&key), "{key}");
    }
}

/// Words of a use case or of the wire as they name a text: numbers, and what is put in, as `n`.
fn as_key(words: &str) -> String {
    let mut plain = String::new();
    for (at, part) in words.split('{').enumerate() {
        let (held, rest) =
            if at == 0 { ("", part) } else { part.split_once('}').unwrap_or(("", part)) };
        plain.push_str(if at == 0 || held.contains(' ') { "" } else { "0" });
        plain.push_str(rest);
    }
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let word = |word: &str| match word.parse::<u64>() {
        Ok(_) => "n".to_owned(),
        Err(_) => word.to_ascii_lowercase(),
    };
    words.map(word).collect::<Vec<_>>().join("-")
}

#[test]
fn every_text_is_asked_for_somewhere() {
    let mut sources = files(&here().join("templates"), ".html");
    sources.extend(files(&here().join("src"), ".rs"));
    let (mut words, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for file in sources.iter().filter(|file| !file.ends_with("tests.rs")) {
        for word in std::fs::read_to_string(file).unwrap().split('"') {
            if word.len() < 200 {
                keys.insert(as_key(word));
                words.insert(word.to_owned());
            }
        }
    }
    let is_asked_for = |key: &str| {
        let part = key.strip_suffix("-title").or_else(|| key.strip_suffix("-text"));
        let month = key.strip_prefix("month-").and_then(|month| month.parse::<u8>().ok());
        let mut kinds = ["activity-reason-", "activity-", "claim-", "error-", "field-"].into_iter();
        words.contains(key)
            || part.is_some_and(|part| words.contains(part))
            || month.is_some_and(|month| (1..=12).contains(&month))
            || kinds.any(|kind| key.strip_prefix(kind).is_some_and(|word| keys.contains(word)))
    };
    let dead: Vec<String> = written("en").into_keys().filter(|key| !is_asked_for(key)).collect();
    assert!(dead.is_empty(), "{dead:?}");
    assert!(!is_asked_for("enrol-by-carrier-pigeon"));
}

#[test]
fn every_page_that_says_one_thing_has_both_its_texts() {
    let (written, mut pages) = (written("en"), 0);
    let mut sources = files(&here().join("src/http/pages"), ".rs");
    sources.extend(files(&here().join("src/http/oauth"), ".rs"));
    for file in sources.iter().filter(|file| !file.ends_with("tests.rs")) {
        let source = std::fs::read_to_string(file).unwrap();
        let words: Vec<&str> = source.split('"').collect();
        for (before, key) in words.iter().zip(&words[1..]) {
            let call = before.rfind(['{', ';', '>']).map_or(*before, |at| &before[at..]);
            if call.contains("::message(") || call.contains("(S::") {
                for part in ["title", "text"] {
                    assert!(written.contains_key(&format!("{key}-{part}")), "{key}-{part}");
                }
                pages += 1;
            }
        }
    }
    assert!(pages > 8, "{pages}");
}

#[test]
fn every_text_can_be_written_out_in_every_language() {
    for (key, variables) in written("en") {
        for language in LANGUAGES {
            let texts = Texts { language };
            let arguments = variables.iter().map(|name| (name.clone().into(), 3_u64.into()));
            let text = texts.format(&key, &arguments.collect());
            assert!(!text.is_empty() && text != key && !text.contains('{'), "{key}: {text}");
        }
    }
}

#[test]
fn the_language_is_the_one_asked_for_then_the_one_liked_best_then_english() {
    let choose = |asked: &[&str], accept| {
        let asked: Vec<String> = asked.iter().map(|tag| (*tag).to_owned()).collect();
        Texts::choose(&asked, &headers(accept)).lang().to_owned()
    };
    assert_eq!(choose(&["fr", "de-CH"], "en"), "de");
    assert_eq!(choose(&["fr"], "de-AT,en;q=0.8"), "de");
    assert_eq!(choose(&[], "en;q=0.4, DE;q=0.9, fr"), "de");
    assert_eq!(choose(&[], "de;q=0, en;q=0.1"), "en");
    assert_eq!(choose(&[], "de;q=nonsense, fr"), "en");
    assert_eq!(choose(&[], "*"), "en");
    assert_eq!(Texts::choose(&[], &HeaderMap::new()).lang(), "en");
}

#[test]
fn a_text_that_a_language_lacks_is_shown_in_english() {
    let texts = Texts { language: langid!("he") };
    assert_eq!((texts.text("sign-in-title").as_str(), texts.dir()), ("Sign in", "rtl"));
    assert_eq!(german().text("no-such-text"), "no-such-text");
    assert_eq!(german().dir(), "ltr");
}

#[test]
fn numbers_and_names_are_put_in_place() {
    let one = german().count("problem-too-many", "minutes", 1);
    assert!(one.contains("eine Minute"), "{one}");
    let more = german().count("problem-too-many", "minutes", 15);
    assert!(more.contains("15") && more.contains("Minuten"), "{more}");
}

#[test]
fn a_name_turns_nothing_around_it() {
    let text = german().with("for-client", "client", "evil\u{2069}\u{202e}elpmaxe\n");
    assert!(text.ends_with("\u{2068}evil  elpmaxe \u{2069}"), "{text:?}");
}
