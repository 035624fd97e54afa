//! An API key that somebody presents (rule 29), and what it is good for.

use jwks::{
    Time,
    api_key::{self, Digest, Known},
};
use uuid::Uuid;

pub use jwks::api_key::{Asked, Verdict};

use super::error::AuthResult;
use crate::{
    app::App,
    domain::{
        api_key::{ApiKey, PresentedKey},
        secret::SecretHash,
        user::UserStatus,
    },
    store::identity::Subject,
};

/// Judges a key that somebody presents. A slip of the hand is told without a look-up.
///
/// # Errors
/// When the store fails.
pub async fn verify(
    app: &App,
    presented: &str,
    asked: Asked<'_>,
) -> AuthResult<(Verdict, Option<ApiKey>)> {
    let Some(presented) = PresentedKey::parse(presented) else {
        return Ok((Verdict::Unknown, None));
    };
    let Some(key) = app.identity.find_api_key(presented.id()).await? else {
        return Ok((Verdict::Unknown, None));
    };
    let owner = app.identity.find_subject(key.user_id, Uuid::nil()).await?;
    let verdict = judge(&key, &presented.hash(), owner.as_ref(), asked, app.clock.now());
    Ok((verdict, (verdict != Verdict::Unknown).then_some(key)))
}

/// PURE: what a key of this row, presented with this hash, is good for at `now`.
#[must_use]
pub fn judge(
    key: &ApiKey,
    presented: &SecretHash,
    owner: Option<&Subject>,
    asked: Asked<'_>,
    now: Time,
) -> Verdict {
    let digest = Digest::from_bytes(*key.hash.as_bytes());
    let owner = owner.filter(|owner| owner.user.id == key.user_id);
    let known = owner.map(|owner| Known {
        digest: &digest,
        scopes: &key.scopes,
        sites: &key.sites,
        expires_at: key.expires_at,
        is_ended: owner.user_cut_off.as_ref().is_some_and(|cut_off| key.is_ended_by(cut_off)),
        is_owner_active: owner.user.status == UserStatus::Active,
    });
    api_key::judge(known, &Digest::from_bytes(*presented.as_bytes()), asked, now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jwks::cutoff::{CutOff, CutOffKind};

    use super::*;
    use crate::{
        auth::registration::new_user,
        domain::{login::normalise_address, user::User},
    };

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn owner() -> Subject {
        let address = normalise_address("ada@example.com").unwrap();
        let user = User { status: UserStatus::Active, ..new_user(address, "Ada", None, NOW) };
        Subject {
            user,
            memberships: Vec::new(),
            session_cut_off: None,
            user_cut_off: None,
            ended: Vec::new(),
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn key(owner: &Subject) -> (ApiKey, PresentedKey) {
        let presented = PresentedKey::new(Uuid::from_u128(7), [9; 32]);
        let key = ApiKey {
            id: presented.id(),
            user_id: owner.user.id,
            hash: presented.hash(),
            name: "CI".to_owned(),
            scopes: texts(&["read", "write"]),
            sites: texts(&["wiki"]),
            networks: Vec::new(),
            created_at: NOW,
            expires_at: NOW.plus(Duration::from_secs(60)),
            last_used_at: None,
        };
        (key, presented)
    }

    #[test]
    fn a_key_is_good_for_what_it_was_made_for_and_nothing_else() {
        let owner = owner();
        let (key, presented) = key(&owner);
        let judged = |site_key, scopes: &[&str]| {
            let asked = Asked { site_key, scopes: &texts(scopes) };
            judge(&key, &presented.hash(), Some(&owner), asked, NOW)
        };
        assert_eq!(judged(None, &[]), Verdict::Good);
        assert_eq!(judged(Some("wiki"), &["write", "read"]), Verdict::Good);
        assert_eq!(judged(Some("shop"), &[]), Verdict::OtherSite);
        assert_eq!(judged(Some("Wiki"), &[]), Verdict::OtherSite);
        assert_eq!(judged(Some("wiki"), &["read", "admin"]), Verdict::Scope);
        assert_eq!(judged(Some("wiki"), &["rea"]), Verdict::Scope);
    }

    #[test]
    fn a_key_ends_with_its_time_its_owner_and_everything_of_its_owner() {
        let sound = owner();
        let (key, presented) = key(&sound);
        let judged = |owner: &Subject, now| {
            judge(&key, &presented.hash(), Some(owner), Asked::default(), now)
        };
        let last = key.expires_at.minus(Duration::from_millis(1));
        assert_eq!(judged(&sound, last), Verdict::Good);
        assert_eq!(judged(&sound, key.expires_at), Verdict::Expired);
        for status in [UserStatus::Disabled, UserStatus::Blocked, UserStatus::Pending] {
            let mut owner = sound.clone();
            owner.user.status = status;
            assert_eq!(judged(&owner, NOW), Verdict::OwnerInactive);
        }
        let mut ended = sound.clone();
        let id = ended.user.id.to_string();
        ended.user_cut_off = Some(CutOff { kind: CutOffKind::User, id, at: NOW, until: NOW });
        assert_eq!(judged(&ended, NOW), Verdict::Ended);

        let asked = Asked::default();
        let other = SecretHash::of("another");
        assert_eq!(judge(&key, &other, Some(&sound), asked, NOW), Verdict::Unknown);
        assert_eq!(judge(&key, &presented.hash(), None, asked, NOW), Verdict::Unknown);
        let mut stranger = sound;
        stranger.user.id = Uuid::from_u128(8);
        let judged = judge(&key, &presented.hash(), Some(&stranger), asked, NOW);
        assert_eq!(judged, Verdict::Unknown);
    }
}
