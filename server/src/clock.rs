//! The clock, and the one source of random bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use jwks::Time;
use uuid::{Uuid, Version};

/// Tells the time to the millisecond.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    #[cfg(feature = "test-clock")]
    offset_file: Option<std::path::PathBuf>,
}

impl Clock {
    /// The system's clock. With the feature `test-clock`, put forward by the milliseconds that the
    /// file named by `SIGNALBOX_TEST_CLOCK` holds.
    #[must_use]
    pub fn system() -> Self {
        Self {
            #[cfg(feature = "test-clock")]
            offset_file: std::env::var_os("SIGNALBOX_TEST_CLOCK").map(Into::into),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        Time::from_millis(millis.saturating_add(self.offset()))
    }

    #[cfg(feature = "test-clock")]
    fn offset(&self) -> i64 {
        self.offset_file
            .as_ref()
            .and_then(|file| std::fs::read_to_string(file).ok())
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0)
    }

    #[cfg(not(feature = "test-clock"))]
    #[allow(clippy::unused_self, reason = "the test clock looks at itself")]
    const fn offset(&self) -> i64 {
        0
    }
}

/// Random bytes from the operating system's generator, through aws-lc.
///
/// # Panics
/// When the generator fails: nothing safe could be done without it.
#[must_use]
#[allow(clippy::expect_used, reason = "without random bytes nothing can go on")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the random generator works");
    bytes
}

/// A new UUID of version 7 whose milliseconds are those of `now`.
#[must_use]
pub fn new_id(now: Time) -> Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random::<10>()).into_uuid()
}

/// When a name was made by [`new_id`]; before everything else where it was not.
#[must_use]
pub fn made_at(id: Uuid) -> Time {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
    let is_dated = id.get_version() == Some(Version::SortRand);
    Time::from_millis(if is_dated { millis } else { i64::MIN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_when_it_was_made() {
        let now = Time::from_millis(1_800_000_000_123);
        assert_eq!(made_at(new_id(now)), now);
        assert!(made_at(Uuid::new_v4()) < Time::from_secs(0));
    }
}
