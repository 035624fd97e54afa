//! The texts of pages and messages: fluent files of each language, part of the binary.

use std::{borrow::Cow, collections::HashMap};

use fluent_templates::{LanguageIdentifier, fluent_bundle::FluentValue, langid, static_loader};
use http::{HeaderMap, header};

use crate::domain::text::inert;

static_loader! {
    static TEXTS = { locales: "./texts", fallback_language: "en" };
}

/// What a text takes: `{ $name }` in its file.
type Arguments<'a> = HashMap<Cow<'static, str>, FluentValue<'a>>;

/// The language of texts that another one lacks, and of those who ask for none we have.
const ENGLISH: LanguageIdentifier = langid!("en");
/// The languages there are.
const LANGUAGES: [LanguageIdentifier; 2] = [ENGLISH, langid!("de")];
/// Scripts that are read from right to left, by the languages written in them.
const RIGHT_TO_LEFT: [&str; 4] = ["ar", "fa", "he", "ur"];

/// The texts in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    language: LanguageIdentifier,
}

impl Texts {
    /// In the first language of `ui_locales` that there is (OpenID Connect Core section 3.1.2.1),
    /// else the one the browser likes best (`Accept-Language`), else English.
    pub fn choose(ui_locales: &[String], headers: &HeaderMap) -> Self {
        let asked = ui_locales.iter().map(String::as_str).find_map(known);
        let accepted = || headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok().and_then(accepted);
        Self { language: asked.or_else(accepted).unwrap_or(ENGLISH) }
    }

    /// In somebody's own language (BCP 47), where there is that; else English.
    pub fn of(locale: Option<&str>) -> Self {
        Self { language: locale.and_then(known).unwrap_or(ENGLISH) }
    }

    /// The language, as `<html lang>` names it.
    pub fn lang(&self) -> &str {
        self.language.language.as_str()
    }

    /// Where its lines begin, as `<html dir>` names it.
    pub fn dir(&self) -> &'static str {
        if RIGHT_TO_LEFT.contains(&self.lang()) { "rtl" } else { "ltr" }
    }

    /// A text that takes nothing.
    pub fn text(&self, key: &str) -> String {
        self.format(key, &Arguments::new())
    }

    /// A text with one name in it: somebody's words, which act on nothing around them.
    pub fn with(&self, key: &str, name: &'static str, value: &str) -> String {
        self.format(key, &Arguments::from([(name.into(), inert(value).into())]))
    }

    /// A text with a number in it.
    pub fn count(&self, key: &str, name: &'static str, value: u64) -> String {
        self.format(key, &Arguments::from([(name.into(), value.into())]))
    }

    /// A day of the calendar: of the month, the month (1 to 12), the year.
    pub fn day(&self, day: i8, month: i8, year: i16) -> String {
        let arguments = Arguments::from([
            ("day".into(), i64::from(day).into()),
            ("month".into(), self.text(&format!("month-{month}")).into()),
            ("year".into(), year.to_string().into()),
        ]);
        self.format("date", &arguments)
    }

    /// As [`Self::with`], for a message of characters alone: without the marks that keep a name from
    /// turning the words around it, which telephones show, and networks count.
    pub fn plain(&self, key: &str, name: &'static str, value: &str) -> String {
        self.with(key, name, value).replace(['\u{2068}', '\u{2069}'], "")
    }

    /// A text whose key was made of somebody's words, where there is one. `n` is for its number,
    /// if it takes one.
    pub fn find(&self, key: &str, n: u64) -> Option<String> {
        self.look_up(key, &Arguments::from([("n".into(), n.into())]))
    }

    fn format(&self, key: &str, arguments: &Arguments) -> String {
        self.look_up(key, arguments).unwrap_or_else(|| {
            tracing::error!(key, "a page asks for a text that there is not");
            key.to_owned()
        })
    }

    fn look_up(&self, key: &str, arguments: &Arguments) -> Option<String> {
        [&self.language, &ENGLISH]
            .into_iter()
            .find_map(|language| TEXTS.lookup_single_language(language, key, Some(arguments)).ok())
    }
}

/// The language there is for a tag (BCP 47): regions and scripts make no difference yet.
fn known(tag: &str) -> Option<LanguageIdentifier> {
    let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.into_iter().find(|one| one.language.as_str().eq_ignore_ascii_case(primary))
}

/// The language of an `Accept-Language` (RFC 9110 section 12.5.4) that is liked best.
fn accepted(field: &str) -> Option<LanguageIdentifier> {
    let mut liked: Option<(f32, LanguageIdentifier)> = None;
    for range in field.split(',').take(32) {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = parameters.trim().strip_prefix("q=");
        let weight = weight.map_or(Some(1.0), |weight| weight.trim().parse().ok()).unwrap_or(0.0);
        let best = liked.as_ref().map_or(0.0, |(weight, _)| *weight);
        if let Some(language) = known(tag).filter(|_| weight > best) {
            liked = Some((weight, language));
        }
    }
    liked.map(|(_, language)| language)
}

#[cfg(test)]
mod tests;
