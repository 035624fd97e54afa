//! How long what is kept of a request may be: it is kept for whoever asks, before anybody signs in.

use jwks::site_session::ASKED_OF;

use crate::oauth::{OAuthError, OAuthResult, params::Params};

/// The longest value of each parameter that is kept as it came, bytes. The others are judged by what
/// is registered.
const LONGEST: [(&str, usize); 7] = [
    ("state", 2048),
    ("nonce", 1024),
    ("login_hint", 1024),
    ("claims", 4096),
    ("acr_values", 1024),
    ("ui_locales", 1024),
    (ASKED_OF, 2048),
];

/// PURE: whether everything is of a length that is kept.
///
/// # Errors
/// `invalid_request`, which names what is too long.
pub fn judge(params: &Params) -> OAuthResult<()> {
    for (name, longest) in LONGEST {
        if params.all(name).any(|value| value.len() > longest) {
            let text = format!("{name} is longer than {longest} bytes; send a shorter one");
            return Err(OAuthError::request(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_that_is_kept_has_its_longest_value() {
        for (name, longest) in LONGEST {
            let of = |length| Params::new(vec![(name.to_owned(), "x".repeat(length))]);
            assert!(judge(&of(longest)).is_ok(), "{name}");
            let refused = judge(&of(longest + 1)).unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
        }
    }
}
