//! What a person granted a client, by its names: what endings of it are compared with.

use uuid::{Uuid, Version};

use crate::Time;

/// When a grant was given, as its name says (a UUID of version 7); any ending kills one whose name
/// does not.
#[must_use]
pub fn given_at(grant_id: Uuid) -> Time {
    let millis = i64::try_from(grant_id.as_u128() >> 80).unwrap_or(0);
    let is_dated = grant_id.get_version() == Some(Version::SortRand);
    Time::from_millis(if is_dated { millis } else { i64::MIN })
}

/// What an ending of everything that one person (`sub`) granted one client is called: both names,
/// one behind the other. All names of people are of one length, so that no two pairs share it.
#[must_use]
pub fn consent_id(sub: Uuid, client_id: &str) -> String {
    format!("{sub}{client_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_tells_by_its_name_when_it_was_given() {
        let millis = 1_800_000_000_123;
        let name = uuid::Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid();
        assert_eq!(given_at(name), Time::from_millis(i64::try_from(millis).unwrap()));
        let undated = uuid::Builder::from_random_bytes([7; 16]).into_uuid();
        assert!(given_at(undated) < Time::from_secs(0));
    }
}
