//! The Content-Security-Policy of a page (rule 32).

use url::{Host, Url};

/// Everything from here, nothing inline, nobody's frame. Pictures may be data: QR codes.
const STRICT: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'self'";

/// What a page may do beyond [`STRICT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    scripts: bool,
    calls: bool,
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

    /// Its scripts may ask this server something.
    #[must_use]
    pub fn calling_home(mut self) -> Self {
        self.calls = true;
        self
    }

    /// Answers to its forms may lead to this address, and on from there by whatever way its owner
    /// has: Chromium holds `form-action` against every redirect after a form, also those of others.
    /// So it admits the address, and beyond it what is reached by the same scheme (`http:` admits
    /// `https` too, CSP level 3 section 6.7.2.8).
    #[must_use]
    pub fn leading_to(mut self, address: Option<&str>) -> Self {
        if let Some(url) = address.and_then(|address| Url::parse(address).ok()) {
            let (target, any) = (source(&url), scheme(&url));
            self.forms = if target == any { vec![any] } else { vec![target, any] };
        }
        self
    }

    /// It shows these addresses in frames.
    #[must_use]
    pub fn framing(mut self, addresses: &[String]) -> Self {
        let frames = addresses.iter().filter_map(|address| Url::parse(address).ok());
        self.frames.extend(frames.map(|url| source(&url)));
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
        if self.calls {
            f.write_str("; connect-src 'self'")?;
        }
        Ok(())
    }
}

/// The source expression (CSP level 3 section 2.3.1) for an address: its origin; its scheme where
/// the grammar cannot say the host (IPv6, schemes of apps).
fn source(url: &Url) -> String {
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(Host::Domain(_) | Host::Ipv4(_))) => {
            url.origin().ascii_serialization()
        }
        _ => scheme(url),
    }
}

fn scheme(url: &Url) -> String {
    format!("{}:", url.scheme())
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
    fn a_form_may_lead_to_its_client_and_on_from_there() {
        for (address, source) in [
            ("https://app.example/cb?a=b;c", "https://app.example https:"),
            ("https://app.example:8443/cb", "https://app.example:8443 https:"),
            ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152 http:"),
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
        let policy = Policy::default().with_scripts().calling_home().to_string();
        assert_eq!(policy, format!("{STRICT}; script-src 'self'; connect-src 'self'"));
    }
}
