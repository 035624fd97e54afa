//! Which addresses a client may register.

use url::Url;

use crate::{config::check::is_loopback, domain::client::ApplicationType};

/// The longest one.
const LIMIT: usize = 2048;

/// A web address: `https`, or `http` on this very machine.
///
/// # Errors
/// What is wrong with it.
pub fn judge_web(text: &str) -> Result<Url, &'static str> {
    let url = read(text)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("must be https; plain http is for loopback alone"),
        _ => Err("must be https"),
    }
}

/// Where answers or people are sent: a web address; of a native app, also one of a scheme of its own
/// (RFC 8252 section 7.1).
///
/// # Errors
/// What is wrong with it.
pub fn judge_redirect(text: &str, kind: ApplicationType) -> Result<Url, &'static str> {
    let url = read(text)?;
    if url.fragment().is_some() {
        return Err("must not have a fragment");
    }
    if ["http", "https"].contains(&url.scheme()) {
        return judge_web(text);
    }
    // A scheme without a dot may be anybody's, or the browser's own: javascript, data, file.
    match kind {
        ApplicationType::Native if url.scheme().contains('.') => Ok(url),
        ApplicationType::Native => {
            Err("must be https, http on loopback, or of a scheme such as com.example.app")
        }
        ApplicationType::Web => {
            Err("must be https; a scheme of an app's own is for application_type native")
        }
    }
}

/// An audience (RFC 8707 section 2).
///
/// # Errors
/// What is wrong with it.
pub fn judge_audience(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "must be an absolute URI")?;
    if url.fragment().is_some() { Err("must not have a fragment") } else { Ok(()) }
}

/// What RFC 3986 calls a URI, as it is written: nothing that a browser would first put right, so
/// that what is compared byte for byte is what is gone to.
fn read(text: &str) -> Result<Url, &'static str> {
    if text.len() > LIMIT {
        return Err("is longer than 2048 characters");
    }
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    if !text.bytes().all(allowed) {
        return Err("holds characters that no URI has");
    }
    let url = Url::parse(text).map_err(|_| "must be an absolute URI")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or a password");
    }
    if ["http", "https"].contains(&url.scheme()) {
        let after_scheme = text.get(url.scheme().len()..).unwrap_or_default();
        if !after_scheme.starts_with("://") || after_scheme.starts_with(":///") {
            return Err("must be an absolute URI");
        }
        if url.host_str().is_none_or(|host| host.contains('*')) {
            return Err("must name a host, without wildcards");
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ApplicationType::{Native, Web};

    #[test]
    fn answers_go_to_https_or_to_this_very_machine() {
        for good in [
            "https://client.example.com/cb",
            "https://client.example.com/cb?foo=bar&x=%20",
            "https://client.example.com:8443/",
            "https://xn--bcher-kva.example/cb",
            "http://localhost:3000/cb",
            "http://app.localhost/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:3000/cb",
        ] {
            assert!(judge_redirect(good, Web).is_ok(), "{good}");
            assert!(judge_redirect(good, Native).is_ok(), "{good}");
        }
        for bad in [
            "",
            "cb",
            "/cb",
            "//client.example.com/cb",
            "https:client.example.com/cb",
            "https:/client.example.com/cb",
            "https:///client.example.com/cb",
            "https://client.example.com/cb#",
            "https://client.example.com/cb#fragment",
            "https://user@client.example.com/cb",
            "https://user:secret@client.example.com/cb",
            "https://*.example.com/cb",
            "https://client.example.com/c b",
            "https://client.example.com\\@evil.example/cb",
            "https://client.example.com/\r\nLocation:x",
            "https://client.example.com/\tcb",
            " https://client.example.com/cb",
            "https://bücher.example/cb",
            "https://client.example.com/<script>",
            "http://client.example.com/cb",
            "http://localhost.example.com/cb",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://client.example.com/x",
            "about:blank",
            "ftp://client.example.com/",
            "urn:ietf:wg:oauth:2.0:oob",
            "myapp:/cb",
        ] {
            assert!(judge_redirect(bad, Web).is_err(), "{bad}");
            assert!(judge_redirect(bad, Native).is_err(), "{bad}");
        }
        let long = format!("https://client.example.com/{}", "a".repeat(LIMIT));
        assert!(judge_redirect(&long, Web).is_err());
    }

    #[test]
    fn a_scheme_of_its_own_is_for_a_native_app_and_has_a_dot() {
        for own in ["com.example.app:/cb", "com.example.app://host/cb"] {
            assert!(judge_redirect(own, Native).is_ok(), "{own}");
            assert!(judge_redirect(own, Web).is_err(), "{own}");
            assert!(judge_web(own).is_err(), "{own}");
        }
        assert!(judge_redirect("com.example.app:/cb#x", Native).is_err());
    }

    #[test]
    fn an_audience_is_an_absolute_uri_without_a_fragment() {
        for good in ["https://api.example.com", "urn:example:api", "http://localhost:8000"] {
            assert!(judge_audience(good).is_ok(), "{good}");
        }
        for bad in ["api", "", "https://api.example.com#x"] {
            assert!(judge_audience(bad).is_err(), "{bad}");
        }
    }
}
