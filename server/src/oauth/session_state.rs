//! Session management (OpenID Connect Session Management 1.0): by what a client's page learns,
//! without asking the server, that somebody signed in or out.
//!
//! The state of a browser is a hash of the names of its sessions. It is in a cookie that the page
//! `/check_session` may read; each authorization response carries a salted hash of it, which that
//! page computes again when it is asked.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;
use uuid::Uuid;

use crate::{
    clock::random,
    domain::secret::{SecretHash, sha256_hex},
};

/// What the state of a browser is where nobody is signed in: the cookie is not there then.
pub const NOBODY: &str = "";

/// The state of a browser that holds these sessions: another one after every sign-in and sign-out,
/// and the same whichever of them was used last.
#[must_use]
pub fn browser_state(sids: impl IntoIterator<Item = Uuid>) -> String {
    let mut names: Vec<String> = sids.into_iter().map(|sid| sid.to_string()).collect();
    if names.is_empty() {
        return NOBODY.to_owned();
    }
    names.sort_unstable();
    SecretHash::of(&format!("browser-state:{}", names.join(" "))).to_text()
}

/// `session_state` of a successful authorization response (section 2): for the page of this client
/// at the origin of `redirect_uri`, and a browser of that state.
#[must_use]
pub fn session_state(client_id: &str, redirect_uri: &str, browser_state: &str) -> String {
    let origin = Url::parse(redirect_uri)
        .map_or_else(|_| "null".to_owned(), |uri| uri.origin().ascii_serialization());
    let salt = URL_SAFE_NO_PAD.encode(random::<12>());
    salted(client_id, &origin, browser_state, &salt)
}

/// As `check_session.js` computes it.
fn salted(client_id: &str, origin: &str, browser_state: &str, salt: &str) -> String {
    let hash = sha256_hex(format!("{client_id} {origin} {browser_state} {salt}").as_bytes());
    format!("{hash}.{salt}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_browser_changes_with_who_is_signed_in_and_not_with_who_is_first() {
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let both = browser_state([one, two]);
        assert_eq!(both, browser_state([two, one]));
        assert_ne!(both, browser_state([one]));
        assert_ne!(browser_state([one]), browser_state([two]));
        assert_eq!(browser_state([]), NOBODY);
        assert!(!both.contains([' ', ';', '=']));
    }

    #[test]
    fn a_session_state_is_of_one_client_origin_browser_and_salt() {
        let state = session_state("c", "https://app.example:8443/cb?x=1", "s");
        let (hash, salt) = state.split_once('.').unwrap();
        assert_eq!(hash.len(), 64);
        assert!(!salt.is_empty() && !state.contains(' '));
        assert_eq!(state, salted("c", "https://app.example:8443", "s", salt));
        assert_ne!(state, session_state("c", "https://app.example:8443/cb?x=1", "s"));
        for (client, origin, browser) in [
            ("d", "https://app.example:8443", "s"),
            ("c", "https://app.example", "s"),
            ("c", "https://app.example:8443", "t"),
        ] {
            assert_ne!(state, salted(client, origin, browser, salt));
        }
    }
}
