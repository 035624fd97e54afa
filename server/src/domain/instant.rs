//! Instants as programs write and read them.

use jwks::Time;

/// RFC 3339, UTC; "" for one that no calendar has.
#[must_use]
pub fn rfc3339(at: Time) -> String {
    jiff::Timestamp::from_millisecond(at.millis())
        .map_or_else(|_| String::new(), |stamp| stamp.to_string())
}

/// The instant that is written so (RFC 3339), to the millisecond; `None`: it is none.
#[must_use]
pub fn from_rfc3339(text: &str) -> Option<Time> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    Some(Time::from_millis(stamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_that_is_written_is_read_again() {
        let at = Time::from_millis(1_900_000_000_250);
        assert_eq!(rfc3339(at), "2030-03-17T17:46:40.25Z");
        assert_eq!(from_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(from_rfc3339("2030-03-17T18:46:40.25+01:00"), Some(at));
        assert_eq!(from_rfc3339("tomorrow"), None);
        assert_eq!(rfc3339(Time::from_millis(i64::MAX)), "");
    }
}
