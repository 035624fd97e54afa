//! The query of a request.

use pingora::http::RequestHeader;
use url::form_urlencoded;

use crate::{facts, path};

/// Names and values, decoded.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// What `request` says.
    #[must_use]
    pub fn of(request: &RequestHeader) -> Self {
        let (_, query) = path::split(facts::origin_form(request.raw_path()));
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    /// The value of a parameter that comes once.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(own, _)| own == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_is_not_said() {
        let request = RequestHeader::build("GET", b"/?a=1%26&b=2&b=3&c", None).unwrap();
        let query = Query::of(&request);
        assert_eq!(query.one("a"), Some("1&"));
        assert_eq!((query.one("b"), query.one("c"), query.one("d")), (None, Some(""), None));
    }
}
