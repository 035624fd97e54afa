//! The edge's own cookies: of one host each, never sent on, and never by plain http but on this
//! machine.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use jwks::site_session::{FLOW_COOKIE, SESSION_COOKIE, server_cookie};

/// Browsers take the prefix from the very host alone, over https alone.
const PREFIX: &str = "__Host-";

/// Name and value of every cookie of a request, as far as they are text.
pub fn all(fields: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    fields
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|field| std::str::from_utf8(field.as_bytes()).ok())
        .flat_map(|field| field.split(';'))
        // Other blanks are a part of the name (RFC 6265 section 5.2): browsers take a cookie whose name
        // has one before `__Host-` from any host of the domain.
        .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
}

/// The value of the session's cookie, of a site that is reached over https or not.
#[must_use]
pub fn session(fields: &HeaderMap, secure: bool) -> Option<&str> {
    if !fields.contains_key(header::COOKIE) {
        return None;
    }
    all(fields).find_map(|(name, value)| {
        (own_name(name, secure) == Some(SESSION_COOKIE) && !value.is_empty()).then_some(value)
    })
}

/// Its name without the prefix, where it is one that counts at such a site.
#[must_use]
pub fn own_name(name: &str, secure: bool) -> Option<&str> {
    match (name.strip_prefix(PREFIX), secure) {
        (Some(name), true) => Some(name),
        (None, false) => Some(name),
        _ => None,
    }
}

/// `Set-Cookie` (RFC 6265 section 4.1): kept for `life`; without one, for as long as the browser
/// runs; removed where that is no time at all. `None` for a value that no header field can hold.
#[must_use]
pub fn set(name: &str, value: &str, life: Option<Duration>, secure: bool) -> Option<HeaderValue> {
    let (prefix, only) = if secure { (PREFIX, "; Secure") } else { ("", "") };
    let life = life.map_or_else(String::new, |life| format!("; Max-Age={}", life.as_secs()));
    let field = format!("{prefix}{name}={value}{life}; Path=/; HttpOnly; SameSite=Lax{only}");
    HeaderValue::try_from(field).ok()
}

/// Takes them out of a request that is sent on, and those of the server.
pub fn strip(fields: &mut HeaderMap) {
    let cookies = fields.get_all(header::COOKIE);
    if !cookies.iter().any(|field| names_ours(field.as_bytes())) {
        return;
    }
    let left = cookies.iter().map(|field| without_ours(field.as_bytes()));
    let left: Vec<HeaderValue> = left
        .filter(|field| !field.is_empty())
        .filter_map(|field| HeaderValue::try_from(field).ok())
        .collect();
    fields.remove(header::COOKIE);
    for field in left {
        fields.append(header::COOKIE, field);
    }
}

/// Whether any may be in it: most requests carry none.
fn names_ours(field: &[u8]) -> bool {
    field.windows(3).any(|part| part == b"sb_")
}

fn without_ours(field: &[u8]) -> Vec<u8> {
    let pairs = field.split(|byte| *byte == b';').map(trimmed);
    let kept: Vec<&[u8]> = pairs.filter(|pair| !is_ours(pair)).collect();
    kept.join(&b"; "[..])
}

/// Without blanks and tabs at its ends.
fn trimmed(mut pair: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = pair {
        pair = rest;
    }
    pair
}

fn is_ours(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
    let name = name.strip_prefix(PREFIX.as_bytes()).unwrap_or(name);
    name == SESSION_COOKIE.as_bytes()
        || name.starts_with(FLOW_COOKIE.as_bytes())
        // By plain http, on one machine, all ports are one host to a browser.
        || server_cookie::ALL.iter().any(|theirs| name == theirs.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fields: &[&'static str]) -> HeaderMap {
        let named = |field: &&'static str| (header::COOKIE, HeaderValue::from_static(field));
        fields.iter().map(named).collect()
    }

    #[test]
    fn a_name_with_another_blank_before_it_is_another_name() {
        for blank in ["\u{2000}", "\u{a0}", "\u{85}", "\u{feff}", "\u{b}", "\u{c}"] {
            for name in ["__Host-sb_site", "__Host-sb_flow_x", "sb_site"] {
                let field = HeaderValue::from_bytes(format!("{blank}{name}=planted").as_bytes());
                let Ok(field) = field else { continue };
                let sent = HeaderMap::from_iter([(header::COOKIE, field)]);
                for secure in [true, false] {
                    assert_eq!(session(&sent, secure), None, "{blank:?}{name}");
                    let ours = |(name, _)| {
                        own_name(name, secure).is_some_and(|name| name.starts_with("sb_"))
                    };
                    assert!(!all(&sent).any(ours), "{blank:?}{name}");
                }
            }
        }
        let spaced = sent(&["a=1 ; \t__Host-sb_site=t;b=2"]);
        assert_eq!(session(&spaced, true), Some("t"));
    }

    #[test]
    fn a_cookie_is_of_one_host_and_never_sent_in_the_clear_but_on_this_machine() {
        let ten = Some(Duration::from_secs(600));
        assert_eq!(
            set(SESSION_COOKIE, "v", None, true).unwrap(),
            "__Host-sb_site=v; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            set("sb_flow_x", "v", ten, false).unwrap(),
            "sb_flow_x=v; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"
        );
        assert!(set(SESSION_COOKIE, "a\r\nb", None, true).is_none());
    }

    #[test]
    fn a_session_counts_under_the_name_of_its_scheme_alone() {
        let both = sent(&["a=1; sb_site=plain", "__Host-sb_site=prefixed; b=2"]);
        assert_eq!(session(&both, true), Some("prefixed"));
        assert_eq!(session(&both, false), Some("plain"));
        let other = sent(&["sb_sites=1; __Host-sb_site=", "xsb_site=2"]);
        assert_eq!(session(&other, true), None);
        assert_eq!(session(&other, false), None);
    }

    #[test]
    fn an_app_sees_its_own_cookies_and_none_of_ours() {
        for (before, after) in [
            (vec!["a=1; b=sb_site"], vec!["a=1; b=sb_site"]),
            (vec!["a=1; sb_site=x; b=2"], vec!["a=1; b=2"]),
            (vec!["__Host-sb_site=x"], vec![]),
            (vec!["__Host-sb_flow_abc=x;sb_flow_=y", "c=3"], vec!["c=3"]),
            (vec!["sb_session=s; sb_device=d;sb_known=k ; sb_browser_state=b; d"], vec!["d"]),
            (vec!["sb_sitemap=1; sb_other=2"], vec!["sb_sitemap=1; sb_other=2"]),
            (vec!["sb_site =x; e=5"], vec!["e=5"]),
        ] {
            let mut fields = sent(&before);
            strip(&mut fields);
            let left: Vec<_> = fields.get_all("cookie").iter().collect();
            assert_eq!(left, after, "{before:?}");
        }
    }
}
