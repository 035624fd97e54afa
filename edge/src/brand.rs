//! How a site looks on the pages on which the edge speaks for it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use jwks::site::Site;

use crate::reply::{STYLE, reference};

/// The look of one site's pages.
pub struct Brand {
    plain: bool,
    style: String,
    /// Name and logo, as HTML.
    masthead: String,
    /// Whom to ask, as HTML.
    support: String,
    /// `Content-Security-Policy`: this style and this logo, and nothing else.
    pub policy: HeaderValue,
}

impl Brand {
    /// How `site` looks.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        let branding = &site.branding;
        let mut style = STYLE.to_owned();
        style.push_str(
            ".brand{display:flex;gap:.75rem;align-items:center;margin:0 0 1.5rem;font-weight:600}\
             .brand img{max-height:2.5rem;max-width:12rem}",
        );
        if let Some(color) = branding.color.as_deref().filter(|color| is_color(color)) {
            let _ = write!(style, "main{{border-top:.3rem solid {color};padding-top:1.5rem}}");
        }
        let logo = branding.logo.as_deref().and_then(|logo| Some((logo, origin(logo)?)));
        let mut masthead = String::from("<div class=\"brand\">");
        if let Some((logo, _)) = logo {
            let _ = write!(masthead, "<img src=\"{}\" alt=\"\">", escaped(logo));
        }
        let _ = write!(masthead, "<span>{}</span></div>", escaped(&site.name));
        let support = branding.support.as_deref().filter(|support| !support.is_empty());
        let support = support.map(support_line).unwrap_or_default();
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let images = logo.map(|(_, origin)| format!("; img-src {origin}")).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'{images}; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        );
        Self {
            plain: *branding == jwks::site::Branding::default(),
            style,
            masthead,
            support,
            policy: HeaderValue::try_from(policy)
                .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'")),
        }
    }

    /// Whether the site says nothing of its looks.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.plain
    }

    /// A refusal on a page of the site.
    #[must_use]
    pub fn page(&self, title: &str, message: &str, decision: &str) -> String {
        let Self { style, masthead, support, .. } = self;
        let reference = reference(decision);
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
             <style>{style}</style></head><body><main>{masthead}<h1>{title}</h1><p>{message}</p>\
             {support}{reference}</main></body></html>"
        )
    }
}

fn is_color(color: &str) -> bool {
    color.strip_prefix('#').is_some_and(|digits| {
        digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// The origin of an address, fit for a policy; `None`: nothing is shown from there.
fn origin(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let origin = url.origin().ascii_serialization();
    (is_web && !origin.contains([';', ',', ' ', '\''])).then_some(origin)
}

/// A mail address or a page is a link; anything else is said.
fn support_line(support: &str) -> String {
    let shown = escaped(support);
    let is_word = !support.contains(char::is_whitespace);
    if is_word && (support.starts_with("https://") || support.starts_with("http://")) {
        format!("<p>Help: <a href=\"{shown}\">{shown}</a></p>")
    } else if is_word && support.contains('@') && !support.contains(':') {
        format!("<p>Help: <a href=\"mailto:{shown}\">{shown}</a></p>")
    } else {
        format!("<p>Help: {shown}</p>")
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_page_shows_colour_logo_and_support_and_allows_nothing_else() {
        let brand = brand(
            "The Wiki",
            json!({ "color": "#aa3366", "logo": "https://cdn.test/l.png?a=b&c", "support": "help@app.test" }),
        );
        let page = brand.page("No entry", "Not you.", "d_x");
        for shown in [
            "The Wiki",
            "solid #aa3366",
            "<img src=\"https://cdn.test/l.png?a=b&amp;c\"",
            "href=\"mailto:help@app.test\"",
            "d_x",
        ] {
            assert!(page.contains(shown), "{shown} in {page}");
        }
        let policy = brand.policy.to_str().unwrap();
        assert!(policy.contains("; img-src https://cdn.test; "), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("l.png"));
    }

    #[test]
    fn what_a_site_says_of_itself_is_text_and_no_markup() {
        let evil = "<script>alert(1)</script>\" onerror='x'";
        let brand = brand(
            evil,
            json!({ "color": "red;}", "logo": "javascript:alert(1)", "support": evil }),
        );
        let page = brand.page("No entry", "No.", "d_x");
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("red;}"));
        assert!(!page.contains("onerror='"));
        assert!(!brand.policy.to_str().unwrap().contains("img-src"));
        assert!(!brand.is_plain() && self::brand("x", json!({})).is_plain());
    }
}
