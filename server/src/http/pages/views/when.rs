//! Instants as people read them.

use std::time::Duration;

use jwks::Time;

use super::Look;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Beyond so many days a date says more than their number.
const NEAR: u64 = 30 * DAY;

/// An instant: how far away it is, and when it is to the minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// For programs: RFC 3339, UTC.
    pub machine: String,
    /// As it is said: "5 minutes ago", "in 3 days", "22 November 2026".
    pub words: String,
    /// Day and time, UTC.
    pub exact: String,
}

impl When {
    /// `at`, as it is said at `now`.
    #[must_use]
    pub fn of(look: &Look, at: Time, now: Time) -> Self {
        let Ok(stamp) = jiff::Timestamp::from_millisecond(at.millis()) else {
            return Self { machine: String::new(), words: String::new(), exact: String::new() };
        };
        let civil = stamp.to_zoned(jiff::tz::TimeZone::UTC).datetime();
        let day = look.day(civil.day(), civil.month(), civil.year());
        let time = format!("{:02}:{:02} UTC", civil.hour(), civil.minute());
        let (past, future) = (now.since(at), at.since(now));
        let words = match future > Duration::ZERO {
            true => ahead(look, future.as_secs()),
            false => ago(look, past.as_secs()),
        };
        Self {
            machine: stamp.to_string(),
            words: words.unwrap_or_else(|| day.clone()),
            exact: format!("{day}, {time}"),
        }
    }
}

fn ago(look: &Look, seconds: u64) -> Option<String> {
    match seconds {
        0..MINUTE => Some(look.text("when-now")),
        MINUTE..HOUR => Some(look.count("when-minutes-ago", "n", seconds / MINUTE)),
        HOUR..DAY => Some(look.count("when-hours-ago", "n", seconds / HOUR)),
        DAY..NEAR => Some(look.count("when-days-ago", "n", seconds / DAY)),
        _ => None,
    }
}

fn ahead(look: &Look, seconds: u64) -> Option<String> {
    match seconds {
        0..HOUR => Some(look.count("when-in-minutes", "n", seconds.div_ceil(MINUTE))),
        HOUR..DAY => Some(look.count("when-in-hours", "n", seconds / HOUR)),
        DAY..NEAR => Some(look.count("when-in-days", "n", seconds / DAY)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn plain(text: &str) -> String {
        text.replace(['\u{2068}', '\u{2069}'], "")
    }

    #[test]
    fn what_is_near_is_told_by_its_distance_and_what_is_far_by_its_date() {
        let look = Look::of(&HeaderMap::new(), &[]);
        let now = Time::from_secs(1_795_339_800);
        let said = |secs: u64| {
            let at = Time::from_secs(i64::try_from(secs).unwrap());
            plain(&When::of(&look, at, now).words)
        };
        let now = 1_795_339_800;
        assert_eq!(said(now), "just now");
        assert_eq!(said(now - 60), "a minute ago");
        assert_eq!(said(now - 3 * HOUR), "3 hours ago");
        assert_eq!(said(now - 40 * DAY), "13 October 2026");
        assert_eq!(said(now + 50 * MINUTE), "in 50 minutes");
        assert_eq!(said(now + 5 * DAY), "in 5 days");
        assert_eq!(said(now + 400 * DAY), "27 December 2027");
    }

    #[test]
    fn the_date_follows_the_language() {
        let look = Look::of(&HeaderMap::new(), &["de".to_owned()]);
        let at = Time::from_secs(1_795_339_800);
        let when = When::of(&look, at, at);
        assert_eq!(plain(&when.exact), "22. November 2026, 09:30 UTC");
        assert_eq!(when.machine, "2026-11-22T09:30:00Z");
    }
}
