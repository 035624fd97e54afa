//! The languages of the edge's own pages.

use std::{collections::HashMap, sync::LazyLock};

use http::{HeaderMap, header};

/// The texts in English, each with the German one in the line below it.
static GERMAN: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines: Vec<&str> = include_str!("german.txt").lines().filter(|it| !it.is_empty()).collect();
    lines.chunks_exact(2).map(|pair| (pair[0], pair[1].trim_start())).collect()
});

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The one that every text is written in.
    English,
    /// Another.
    German,
}

impl Language {
    /// The one that whoever sent these fields likes best (`Accept-Language`, RFC 9110 section 12.5.4),
    /// of those there are.
    #[must_use]
    pub fn of(fields: &HeaderMap) -> Self {
        let accepted = fields.get(header::ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok());
        let (mut best, mut liked) = (0.0, Self::English);
        for range in accepted.unwrap_or_default().split(',').take(32) {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok());
            let language = match tag.trim().split('-').next().unwrap_or_default() {
                tag if tag.eq_ignore_ascii_case("en") => Self::English,
                tag if tag.eq_ignore_ascii_case("de") => Self::German,
                _ => continue,
            };
            if let Some(weight) = weight.filter(|weight| *weight > best) {
                (best, liked) = (weight, language);
            }
        }
        liked
    }

    /// What is said for `english`.
    #[must_use]
    pub fn say(self, english: &str) -> &str {
        match self {
            Self::English => english,
            Self::German => GERMAN.get(english).copied().unwrap_or(english),
        }
    }

    /// As `lang` names it (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_liked_best() {
        let of = |accepted: &'static str| {
            let field = (header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
            Language::of(&HeaderMap::from_iter([field]))
        };
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
        assert_eq!(of("de-AT, en;q=0.8"), Language::German);
        assert_eq!(of("en;q=0.3, DE;q=0.4"), Language::German);
        assert_eq!(of("de;q=0.3, en;q=0.4"), Language::English);
        assert_eq!(of("de;q=0"), Language::English);
        assert_eq!(of("fr, de;q=0.1"), Language::German);
        assert_eq!(of("tlh, deutsch, ;;q"), Language::English);
    }

    /// The texts between quotes in a source, but for those of its tests.
    fn texts(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]").next().unwrap();
        let lines = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let source = lines.collect::<Vec<_>>().join("\n");
        let source = source.replace("\\\n", "").replace("\\\"", "'").replace("'\"'", "");
        source.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_text_of_a_page_is_there_in_german() {
        let answers =
            [include_str!("reason.rs"), include_str!("reply.rs"), include_str!("brand.rs")];
        let pages = [
            include_str!("page.rs"),
            include_str!("come_back.rs"),
            include_str!("kept_form.rs"),
            include_str!("sign_out.rs"),
        ];
        let is_word = |text: &String| {
            let mut letters = text.chars();
            letters.next().is_some_and(char::is_uppercase)
                && letters.next().is_some_and(char::is_lowercase)
        };
        let is_sentence = |text: &String| is_word(text) && text.ends_with(['.', '?', ':']);
        let sentences = answers.into_iter().flat_map(texts).filter(is_sentence);
        let words = pages.into_iter().flat_map(texts).filter(is_word);
        let said: Vec<String> = sentences.chain(words).collect();
        for text in &said {
            assert!(GERMAN.contains_key(text.as_str()), "{text}");
        }
        for text in GERMAN.keys() {
            assert!(said.iter().any(|said| said == text), "nobody says: {text}");
        }
    }
}
