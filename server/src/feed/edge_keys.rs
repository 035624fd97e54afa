//! The keys with which edges sign assertions: all edges' in one set, so that an app need not know which
//! of them it is behind.

use std::time::Duration;

use jwks::{
    Algorithm,
    key_set::{Jwk, JwkSet, KeySet, ThumbprintHash},
};

use crate::{
    app::App,
    domain::edge::{EdgeKey, EdgeRow},
    store::StoreResult,
};

/// How long a key is published after its edge was last heard of.
const PUBLISHED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Takes the key of an edge, and gives those of all. `None`: it is no key that an edge has, or another edge
/// has it.
///
/// # Errors
/// When the store fails.
pub async fn take(app: &App, edge: &EdgeRow, jwk: Jwk) -> StoreResult<Option<JwkSet>> {
    let Some(kid) = name_of(&jwk) else { return Ok(None) };
    let key = EdgeKey { edge_id: edge.id, kid, jwk, told_at: app.clock.now() };
    if app.identity.put_edge_key(&key).await? { all(app).await.map(Some) } else { Ok(None) }
}

/// The keys of all edges that were heard of lately.
///
/// # Errors
/// When the store fails.
pub async fn all(app: &App) -> StoreResult<JwkSet> {
    let since = app.clock.now().minus(PUBLISHED_FOR);
    let keys = app.identity.list_edge_keys(since).await?;
    Ok(JwkSet { keys: keys.into_iter().map(|key| key.jwk).collect() })
}

/// PURE: the name of a key that can verify assertions. It is made of the key (RFC 7638), so that nobody names
/// theirs like another's, which verifiers would take the one for.
fn name_of(jwk: &Jwk) -> Option<String> {
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
    let is_readable =
        !KeySet::from_jwks(&JwkSet { keys: vec![jwk.clone()] }).to_jwks().keys.is_empty();
    let algorithm = serde_json::to_value(jwk).ok().map(|jwk| jwk["alg"].clone());
    let is_usable = is_readable && algorithm.is_some_and(|name| name == Algorithm::EdDSA.as_str());
    let is_named_so = jwk.common.key_id.as_ref() == Some(&kid);
    (is_usable && is_named_so).then_some(kid)
}

#[cfg(test)]
mod tests {
    use jwks::signing_key::SigningKey;

    use super::*;

    #[test]
    fn a_key_of_an_edge_is_named_by_its_thumbprint() {
        let [own, other] = [(), ()].map(|()| SigningKey::generate(Algorithm::EdDSA).unwrap());
        assert_eq!(name_of(own.public_jwk()).as_deref(), Some(own.kid()));
        for kid in [None, Some(other.kid().to_owned()), Some("edge".to_owned())] {
            let mut jwk = own.public_jwk().clone();
            jwk.common.key_id = kid;
            assert_eq!(name_of(&jwk), None, "{jwk:?}");
        }
        let elliptic = SigningKey::generate(Algorithm::ES256).unwrap();
        assert_eq!(name_of(elliptic.public_jwk()), None);
    }
}
