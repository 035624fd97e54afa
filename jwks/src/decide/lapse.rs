//! When a permit lapses by itself: the next instant at which the same request could be judged
//! otherwise though nothing that is known has changed.

use std::time::Duration;

use super::Permit;
use crate::{Time, facts::Facts, policy::OnStale, verify::LEEWAY};

/// Spans are inclusive: a proof of just that age still counts.
const TICK: Duration = Duration::from_millis(1);

/// The first instant after `now` at which `permit`, given to `facts`, may be no more; `None`: only
/// something that happens ends it.
#[must_use]
pub fn lapses_at(permit: &Permit, facts: &Facts<'_>, now: Time) -> Option<Time> {
    let policy = &permit.site().policy;
    let stale = (policy.on_stale == OnStale::Deny)
        .then(|| facts.view_confirmed_at.plus(policy.max_staleness()).plus(TICK));
    let key = permit.api_key().map(|key| key.record().expires_at);
    let mut instants = [stale, key, None, None, None, None];
    if let Some(token) = permit.token() {
        let asked = policy.effective(facts.method, facts.path.unwrap_or("/"));
        let max_age = asked.max_auth_age.map(Duration::from_secs);
        let after = |begun: Option<Time>, span: Option<Duration>| {
            begun.zip(span).map(|(begun, span)| begun.plus(span).plus(TICK))
        };
        instants[2] = Some(token.expires_at().plus(LEEWAY));
        instants[3] = after(token.auth_time(), max_age);
        instants[4] = after(token.device_time(), asked.trusted_device.span());
        instants[5] = after(token.device_time(), max_age);
    }
    instants.into_iter().flatten().filter(|instant| *instant > now).min()
}
