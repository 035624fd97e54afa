//! What is left of what was granted: a client's registration may have shrunk since.

use crate::{
    domain::client::Client,
    oauth::{audience, scope},
};

/// What of a grant its client may still have.
#[derive(Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Scopes, space-separated.
    pub scope: String,
    /// Where access tokens may be good.
    pub resource: Vec<String>,
}

/// PURE: of the scopes and resources that were granted once those that `client` may ask for now.
/// `None`: too little is left for tokens. There is no place where they would be good, no scope where
/// there were some, or the grant was to outlive the browser's session and may not any more. The
/// client can ask anew.
#[must_use]
pub fn remaining(
    issuer: &str,
    client: &Client,
    granted_scope: &str,
    granted_resource: &[String],
) -> Option<Remaining> {
    let left = scope::allowed(client, granted_scope);
    let has = |scope: &str| scope.split(' ').any(|one| one == scope::OFFLINE_ACCESS);
    if left.is_empty() && !granted_scope.is_empty() || has(granted_scope) && !has(&left) {
        return None;
    }
    let may = |resource: &&String| audience::may_ask_for(issuer, client, resource);
    let resource: Vec<String> = granted_resource.iter().filter(may).cloned().collect();
    (!resource.is_empty()).then_some(Remaining { scope: left, resource })
}
