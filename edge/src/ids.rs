//! Names for requests and refusals. They must be unlikely to meet, not hard to guess: nothing
//! opens with them. So each thread makes its own, from one seed of the operating system.

use std::cell::Cell;

use http::HeaderValue;
use uuid::{Builder, Uuid};

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

thread_local! {
    static STATE: Cell<u64> = Cell::new(Uuid::new_v4().as_u64_pair().0 ^ Uuid::new_v4().as_u64_pair().1);
}

/// SplitMix64.
#[must_use]
pub fn next() -> u64 {
    STATE.with(|state| {
        let seed = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(seed);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// The id of a request: a UUID.
#[must_use]
pub fn request_id() -> HeaderValue {
    let bytes = (u128::from(next()) << 64 | u128::from(next())).to_be_bytes();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = Builder::from_random_bytes(bytes).into_uuid().hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
}

/// The id of a refusal: `d_` and 12 characters (60 bits).
#[must_use]
pub fn decision_id() -> String {
    let mut bits = next();
    let mut id = String::with_capacity(14);
    id.push_str("d_");
    for _ in 0..12 {
        id.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_have_their_form_and_do_not_repeat() {
        let ids: HashSet<String> = (0..10_000).map(|_| decision_id()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 14 && id.starts_with("d_")));
        let one = request_id();
        assert_eq!(Uuid::parse_str(one.to_str().unwrap()).unwrap().get_version_num(), 4);
        assert_ne!(one, request_id());
    }
}
