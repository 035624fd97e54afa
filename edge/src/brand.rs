//! How a site looks on the pages on which the edge speaks for it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use jwks::{accent, site::Site, site_session};

use crate::{
    language::Language,
    page::{Action, Page, Sign},
};

const STYLE: &str = include_str!("style.css");

/// The look of one site's pages.
pub struct Brand {
    style: String,
    /// Name and logo, as HTML.
    masthead: String,
    /// Its name, as HTML.
    name: String,
    /// Whom to ask, as HTML.
    support: Option<String>,
    /// `Content-Security-Policy`: this style and this logo, and nothing else.
    pub policy: HeaderValue,
}

impl Brand {
    /// How `site` looks.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        let branding = &site.branding;
        let mut style = STYLE.to_owned();
        style.extend(branding.color.as_deref().and_then(accent::style));
        // Nothing is loaded from anybody else: that would tell them who is here.
        let logo = branding.logo.as_deref().and_then(|logo| Some((logo, origin(logo)?)));
        let logo = logo.filter(|(_, from)| site_session::origins(site).any(|own| own == *from));
        let picture = match &logo {
            Some((logo, _)) => format!("<img src=\"{}\" alt=\"\">", escaped(logo)),
            None => "<span class=\"lamp\" aria-hidden=\"true\"></span>".to_owned(),
        };
        let name = escaped(&site.name);
        let masthead = match (&logo, name.is_empty()) {
            (None, true) => String::new(),
            _ => format!("<p class=\"brand\">{picture}<bdi>{name}</bdi></p>"),
        };
        let support = branding.support.as_deref().filter(|support| !support.is_empty());
        let support = support.map(link_to);
        let images = logo.map(|(_, origin)| format!("; img-src {origin}")).unwrap_or_default();
        Self { policy: policy(&style, &images), style, masthead, name, support }
    }

    /// How the edge looks where no site is named.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            policy: policy(STYLE, ""),
            style: STYLE.to_owned(),
            masthead: String::new(),
            name: String::new(),
            support: None,
        }
    }

    /// The policy of a page whose forms are answered by a redirect to `issuer`.
    #[must_use]
    pub fn policy_with_forms_to(&self, issuer: &str) -> HeaderValue {
        let policy = self.policy.to_str().unwrap_or_default();
        let forms = format!("form-action 'self' {issuer}");
        header_of(policy.replace("form-action 'none'", &forms))
    }

    /// `page` in this look. Its words are the edge's own, so nothing in them needs escaping.
    #[must_use]
    pub fn page(&self, page: &Page<'_>, language: Language) -> String {
        let Self { style, masthead, name, support, .. } = self;
        let lang = language.tag();
        let (title, message) = (language.say(page.title), language.say(page.message));
        let joint = if name.is_empty() { "" } else { " · " };
        let sign = match page.sign {
            _ if page.again => Some("sign wait"),
            Sign::Good => Some("sign good"),
            Sign::Bad => Some("sign"),
            Sign::None => None,
        };
        let align = if sign.is_some() { " class=\"middle\"" } else { "" };
        let sign = sign.map(|class| format!("<p class=\"{class}\" aria-hidden=\"true\"></p>"));
        let sign = sign.unwrap_or_default();
        let mut html = format!(
            "<!doctype html><html lang=\"{lang}\" dir=\"ltr\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\"><title>{title}{joint}{name}</title>\
             <style>{style}</style></head><body><main>{masthead}{sign}<h1{align}>{title}</h1>\
             <p{align}>{message}</p>"
        );
        if page.again {
            let again = language.say("This page tries again by itself.");
            let _ = write!(html, "<p class=\"hint middle\">{again}</p>");
        }
        for action in &page.actions {
            html.push_str(&button(action, language));
        }
        if let Some(decision) = page.decision {
            let ask = language.say("If you ask for help, name this reference:");
            let _ = write!(html, "<p class=\"details\">{ask} <code>{decision}</code></p>");
        }
        html.push_str("</main>");
        if let Some(support) = support {
            let ask = language.say("Need help?");
            let _ = write!(html, "<footer><p>{ask} {support}</p></footer>");
        }
        html.push_str("</body></html>");
        html
    }
}

fn button(action: &Action, language: Language) -> String {
    match action {
        Action::Go { label, to } => {
            format!("<a class=\"button\" href=\"{}\">{}</a>", escaped(to), language.say(label))
        }
        Action::Post { label, to, name } => format!(
            "<form method=\"post\" action=\"{}\"><button name=\"{name}\" value=\"1\">{}</button></form>",
            escaped(to),
            language.say(label)
        ),
    }
}

/// `text` as it can stand in HTML, in an attribute too.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// This style, these images, and nothing else.
fn policy(style: &str, images: &str) -> HeaderValue {
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'{images}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    header_of(policy)
}

/// What cannot be said allows nothing.
fn header_of(policy: String) -> HeaderValue {
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// The origin of an address, fit for a policy; `None`: nothing is shown from there.
fn origin(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let origin = url.origin().ascii_serialization();
    (is_web && !origin.contains([';', ',', ' ', '\''])).then_some(origin)
}

/// A mail address or a page is a link; anything else is said.
fn link_to(support: &str) -> String {
    let shown = escaped(support);
    let is_word = !support.contains(char::is_whitespace);
    if is_word && (support.starts_with("https://") || support.starts_with("http://")) {
        format!("<a href=\"{shown}\">{shown}</a>")
    } else if is_word && support.contains('@') && !support.contains(':') {
        format!("<a href=\"mailto:{shown}\">{shown}</a>")
    } else {
        format!("<bdi>{shown}</bdi>")
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    fn brand(name: &str, branding: serde_json::Value) -> Brand {
        let site: Site = serde_json::from_value(json!({
            "site_key": "app", "name": name, "base_url": "https://app.test", "hosts": ["app.test"],
            "upstreams": ["http://127.0.0.1:1"], "branding": branding,
        }))
        .unwrap();
        Brand::of(&site)
    }

    fn shown(brand: &Brand) -> String {
        let page = Page::refusal(StatusCode::FORBIDDEN, "Not you.", Some("d_x"));
        brand.page(&page, Language::English)
    }

    #[test]
    fn pages_allow_their_own_style_and_nothing_else() {
        let brand = Brand::plain();
        let policy = brand.policy.to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("unsafe"));
        let page = shown(&brand);
        assert!(page.contains(&format!("<style>{STYLE}</style>")));
        assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
        let forms = brand.policy_with_forms_to("https://id.test");
        assert!(forms.to_str().unwrap().contains("; form-action 'self' https://id.test;"));
    }

    #[test]
    fn a_page_shows_colour_logo_and_support_and_allows_nothing_else() {
        let brand = brand(
            "The Wiki",
            json!({ "color": "#aa3366", "logo": "https://app.test/l.png?a=b&c", "support": "help@app.test" }),
        );
        let page = shown(&brand);
        for shown in [
            "The Wiki",
            "--accent: #aa3366",
            "<img src=\"https://app.test/l.png?a=b&amp;c\"",
            "href=\"mailto:help@app.test\"",
            "d_x",
        ] {
            assert!(page.contains(shown), "{shown} in {page}");
        }
        let policy = brand.policy.to_str().unwrap();
        assert!(policy.contains("; img-src https://app.test; "), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("l.png"));
    }

    #[test]
    fn a_page_speaks_the_language_of_who_reads_it() {
        let page = Page {
            actions: vec![Action::Go { label: "Try again", to: "/a?b&c".into() }],
            again: true,
            ..Page::new(StatusCode::SERVICE_UNAVAILABLE)
        };
        let shown = brand("Das Wiki", json!({})).page(&page, Language::German);
        for part in [
            "<html lang=\"de\" dir=\"ltr\">",
            "<title>Nicht verfügbar · Das Wiki</title>",
            "Diese Seite versucht es von selbst noch einmal.",
            "<a class=\"button\" href=\"/a?b&amp;c\">Noch einmal versuchen</a>",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn what_a_site_says_of_itself_is_text_and_no_markup() {
        let evil = "<script>alert(1)</script>\" onerror='x'";
        let brand = brand(
            evil,
            json!({ "color": "red;}", "logo": "javascript:alert(1)", "support": evil }),
        );
        let elsewhere = self::brand("x", json!({ "logo": "https://cdn.test/l.png" }));
        assert!(!shown(&elsewhere).contains("<img"));
        let page = shown(&brand);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("red;}"));
        assert!(!page.contains("onerror='"));
        assert!(!brand.policy.to_str().unwrap().contains("img-src"));
    }
}
