//! How a site looks on the pages on which the edge speaks for it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use jwks::{site::Site, site_session};

use crate::page::{Page, escaped};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto 0;\
padding:0 1.5rem;color:#1c2430;background:#fff}h1{font-size:1.5rem;margin:0 0 .5rem}\
p{margin:.5rem 0}form{margin:.75rem 0}button{font:inherit;padding:.4rem 1rem}a{color:inherit}\
code{font-size:.9em;color:#5a6472}.brand{display:flex;gap:.75rem;align-items:center;\
margin:0 0 1.5rem;font-weight:600}.brand img{max-height:2.5rem;max-width:12rem}\
@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14181f}code{color:#98a2b0}}";

/// The look of one site's pages.
pub struct Brand {
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
        if let Some(color) = branding.color.as_deref().filter(|color| is_color(color)) {
            let _ = write!(style, "main{{border-top:.3rem solid {color};padding-top:1.5rem}}");
        }
        // Nothing is loaded from anybody else: that would tell them who is here.
        let logo = branding.logo.as_deref().and_then(|logo| Some((logo, origin(logo)?)));
        let logo = logo.filter(|(_, from)| site_session::origins(site).any(|own| own == *from));
        let mut masthead = String::new();
        if logo.is_some() || !site.name.is_empty() {
            masthead.push_str("<div class=\"brand\">");
            if let Some((logo, _)) = logo {
                let _ = write!(masthead, "<img src=\"{}\" alt=\"\">", escaped(logo));
            }
            let _ = write!(masthead, "<span>{}</span></div>", escaped(&site.name));
        }
        let support = branding.support.as_deref().filter(|support| !support.is_empty());
        let support = support.map(support_line).unwrap_or_default();
        let images = logo.map(|(_, origin)| format!("; img-src {origin}")).unwrap_or_default();
        Self { policy: policy(&style, &images), style, masthead, support }
    }

    /// How the edge looks where no site is named.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            policy: policy(STYLE, ""),
            style: STYLE.to_owned(),
            masthead: String::new(),
            support: String::new(),
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
    pub fn page(&self, page: &Page<'_>) -> String {
        let Self { style, masthead, support, .. } = self;
        let Page { title, message, actions, .. } = page;
        let reference = page.decision.map(reference).unwrap_or_default();
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
             <style>{style}</style></head><body><main>{masthead}<h1>{title}</h1><p>{message}</p>\
             {actions}{support}{reference}</main></body></html>"
        )
    }
}

/// How a person names a refusal.
fn reference(decision: &str) -> String {
    format!("<p>If you ask for help, name this reference: <code>{decision}</code></p>")
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
        brand.page(&Page::refusal(StatusCode::FORBIDDEN, "Not you.", Some("d_x")))
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
            "solid #aa3366",
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
