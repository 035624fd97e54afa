//! The parameters of an OAuth request, form-encoded or in a query, as they came.

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

    /// From `application/x-www-form-urlencoded` text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::new(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
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
        let names = || self.0.iter().map(|(name, _)| name.as_str());
        names()
            .filter(|name| *name != "resource")
            .find(|name| names().filter(|n| n == name).count() > 1)
    }

    /// All of them, as they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
