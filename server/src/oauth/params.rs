//! The parameters of an OAuth request, form-encoded or in a query, as they came.

use std::collections::HashSet;

use super::{OAuthError, OAuthResult};

/// The most parameters of a request, those counted that nobody knows here.
const MOST: usize = 100;

/// The parameters of a request (RFC 6749 sections 3.1 and 3.2): a parameter without a value counts as
/// absent, unknown ones are ignored, and one that comes twice is refused, but for `resource`
/// (RFC 8707 section 2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// From name and value pairs, decoded.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// From name and value pairs, decoded, that a caller sent.
    ///
    /// # Errors
    /// `invalid_request` for more of them than any request has, and for NUL: no text of ours holds
    /// one, and a store may not take it.
    pub fn sent(pairs: impl Iterator<Item = (String, String)>) -> OAuthResult<Self> {
        let pairs: Vec<_> = pairs.take(MOST + 1).collect();
        if pairs.len() > MOST {
            let text = format!("more than {MOST} parameters; leave out what is not needed here");
            return Err(OAuthError::request(text));
        }
        if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(OAuthError::request("a parameter holds NUL"));
        }
        Ok(Self::new(pairs))
    }

    /// From `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// As [`Self::sent`].
    pub fn parse(text: &str) -> OAuthResult<Self> {
        Self::sent(url::form_urlencoded::parse(text.as_bytes()).into_owned())
    }

    /// The value of `name`; the first, where it came several times.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of `name`.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The name of a parameter that came twice and may not.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let names = self.0.iter().map(|(name, _)| name.as_str());
        names.filter(|name| *name != "resource").find(|name| !seen.insert(*name))
    }

    /// All of them, as they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_comes_once_and_resource_as_often_as_it_likes() {
        let repeated = |text| Params::parse(text).unwrap().repeated().map(ToOwned::to_owned);
        assert_eq!(repeated("a=1&b=2&resource=x&resource=y&c=3"), None);
        assert_eq!(repeated("a=1&b=2&c=3&b=2").as_deref(), Some("b"));
        // Without a value it counts as absent.
        assert_eq!(repeated("a=1&a="), None);
    }

    #[test]
    fn a_request_has_at_most_a_hundred_parameters() {
        let many = |count: u32| (0..count).map(|n| format!("p{n}=&")).collect::<String>();
        assert!(Params::parse(&many(100)).is_ok());
        let refused = Params::parse(&many(101)).unwrap_err().to_string();
        assert!(refused.contains("more than 100 parameters; leave out"), "{refused}");
    }

    #[test]
    fn nul_is_in_no_parameter() {
        for text in ["a=x%00", "%00a=x", "b=1&%00="] {
            assert!(Params::parse(text).is_err(), "{text}");
        }
    }
}
