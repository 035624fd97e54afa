//! What a client asks a person for, and what of it they have not allowed yet.

use std::collections::BTreeSet;

use crate::{
    domain::{authorization::AuthorizationRequest, consent::Consent},
    oauth::scope,
};

/// Claims that say nothing of a person that the sign-in itself does not.
const OF_THE_SIGN_IN: [&str; 13] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "azp",
    "auth_time",
    "acr",
    "amr",
    "sid",
];

/// What is asked for, or what of it is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Scopes, in the order they were asked for.
    pub scopes: Vec<String>,
    /// Claims by name, beyond those of the scopes.
    pub claims: Vec<String>,
    /// Places (RFC 8707), beyond this server.
    pub resources: Vec<String>,
}

impl Asks {
    /// Everything that `request` asks for. What a client hears of this server, `issuer`, it asks for
    /// by scopes and claims.
    #[must_use]
    pub fn of(request: &AuthorizationRequest, issuer: &str) -> Self {
        let scopes: Vec<String> = request
            .scope
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        let covered = |claim: &&String| {
            OF_THE_SIGN_IN.contains(&claim.as_str())
                || scopes.iter().any(|scope| scope::claims(scope).contains(&claim.as_str()))
        };
        let claims = request.claims.userinfo.keys().chain(request.claims.id_token.keys());
        let claims: BTreeSet<&String> = claims.filter(|claim| !covered(claim)).collect();
        let resources = request.resource.iter().filter(|resource| *resource != issuer);
        Self {
            claims: claims.into_iter().cloned().collect(),
            scopes,
            resources: resources.cloned().collect(),
        }
    }

    /// What of it `consent` does not hold.
    #[must_use]
    pub fn beyond(&self, consent: Option<&Consent>) -> Self {
        let Some(consent) = consent else { return self.clone() };
        let new = |asked: &[String], given: &[String]| {
            asked.iter().filter(|one| !given.contains(one)).cloned().collect()
        };
        Self {
            scopes: new(&self.scopes, &consent.scopes),
            claims: new(&self.claims, &consent.claims),
            resources: new(&self.resources, &consent.resources),
        }
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.claims.is_empty() && self.resources.is_empty()
    }
}
