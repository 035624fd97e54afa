//! The Content-Security-Policy of a page (rule 32).

use url::{Host, Url};

/// Everything from here, nothing inline, nobody's frame. Pictures may be data: QR codes.
const STRICT: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'self'";

/// What a page may do beyond [`STRICT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    scripts: bool,
    forms: Vec<String>,
    frames: Vec<String>,
}

impl Policy {
    /// Scripts of ours run. Every page can be used without.
    #[must_use]
    pub fn with_scripts(mut self) -> Self {
        self.scripts = true;
        self
    }

    /// Answers to its forms may redirect to this address: browsers hold `form-action` against
    /// redirects too.
    #[must_use]
    pub fn leading_to(mut self, address: Option<&str>) -> Self {
        self.forms.extend(address.and_then(source));
        self
    }

    /// It shows these addresses in frames.
    #[must_use]
    pub fn framing(mut self, addresses: &[String]) -> Self {
        self.frames.extend(addresses.iter().filter_map(|address| source(address)));
        self
    }
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(STRICT)?;
        self.forms.iter().try_for_each(|source| write!(f, " {source}"))?;
        if !self.frames.is_empty() {
            write!(f, "; frame-src {}", self.frames.join(" "))?;
        }
        if self.scripts {
            f.write_str("; script-src 'self'")?;
        }
        Ok(())
    }
}

/// The source expression (CSP level 3 section 2.3.1) for an address: its origin; its scheme where
/// the grammar cannot say the host (IPv6, schemes of apps).
fn source(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(Host::Domain(_) | Host::Ipv4(_))) => {
            Some(url.origin().ascii_serialization())
        }
        (scheme, _) => Some(format!("{scheme}:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_asks_for_nothing_may_do_nothing() {
        let policy = Policy::default().to_string();
        assert_eq!(policy, STRICT);
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
    }

    #[test]
    fn a_form_may_lead_to_the_origin_of_its_client_alone() {
        for (address, source) in [
            ("https://app.example/cb?a=b;c", "https://app.example"),
            ("https://app.example:8443/cb", "https://app.example:8443"),
            ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152"),
            ("http://[::1]:49152/cb", "http:"),
            ("com.example.app:/cb", "com.example.app:"),
        ] {
            let policy = Policy::default().leading_to(Some(address)).to_string();
            assert!(policy.ends_with(&format!("form-action 'self' {source}")), "{policy}");
        }
        assert_eq!(Policy::default().leading_to(None), Policy::default());
        assert_eq!(Policy::default().leading_to(Some("no address")), Policy::default());
    }

    #[test]
    fn frames_and_scripts_are_named() {
        let frames = ["https://a.example/out".to_owned(), "https://b.example/out".to_owned()];
        let policy = Policy::default().framing(&frames).with_scripts().to_string();
        let (_, rest) = policy.split_once("frame-src ").unwrap();
        assert_eq!(rest, "https://a.example https://b.example; script-src 'self'");
    }
}
