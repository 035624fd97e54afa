use std::sync::Arc;

use ipnet::IpNet;
use jwks::{
    explain::{self, Asked, Explanation, Remedy},
    facts::Sender,
    policy::Method,
    record::{RecordedCredential, RecordedFacts, RecordedToken},
    view::View,
};
use serde_json::{Value, json};

use super::{AdminError, AdminResult, rfc3339};
use crate::{app::App, domain::edge::EdgeRefusal, feed::refusals};

/// Why a request was refused, and what would have passed. `None`: no edge has told of this id, or it was
/// more than a day ago.
///
/// # Errors
/// When the store fails.
pub async fn explain_decision(app: &Arc<App>, id: &str) -> AdminResult<Option<Value>> {
    let Some(EdgeRefusal { edge, refused }) = refusals::find(app, id).await? else {
        return Ok(None);
    };
    let mut snapshot = app
        .identity
        .snapshot(&app.issuer, app.config.limits.keys_at_edges, app.clock.now())
        .await?;
    let facts = refused.facts.as_ref();
    if let Some(RecordedCredential::ApiKey(Some(shown))) = facts.map(|facts| &facts.presented) {
        let holder = app.identity.find_key_holder(shown.id, app.clock.now()).await?;
        snapshot.key_holders.extend(holder);
    }
    // What ended afterwards had not ended then.
    snapshot.cut_offs.retain(|cut_off| cut_off.at <= refused.at);
    let view = View::from_snapshot(snapshot);
    let site = refused.site_key.as_deref();
    let version_now =
        view.sites().find(|held| Some(held.site_key.as_str()) == site).map(|held| held.version);
    let judged = refused.facts.as_ref().map(|facts| explain::explain(&view, facts, refused.at));
    let changed = refused.site_version.is_some() && refused.site_version != version_now;
    Ok(Some(json!({
        "id": refused.id,
        "at": rfc3339(refused.at),
        "edge": edge,
        "siteKey": refused.site_key,
        "siteVersion": refused.site_version,
        "siteVersionNow": version_now,
        "status": refused.status,
        "reason": refused.reason,
        "summary": summary(&refused.reason, judged.as_ref(), changed),
        "request": refused.facts.as_ref().map(request),
        "caller": refused.facts.as_ref().map(caller),
        "asked": judged.as_ref().and_then(|judged| judged.asked.as_ref()).map(asked),
        "judgedAgain": judged.as_ref().map(|judged| {
            json!({ "outcome": judged.outcome, "status": judged.status })
        }),
        "wouldPass": judged.as_ref().map_or_else(Vec::new, |judged| {
            judged.would_pass.iter().map(remedy).collect()
        }),
        "passesThen": judged.as_ref().is_some_and(|judged| judged.passes_then),
    })))
}

/// For the command line.
pub(super) async fn explain(app: &Arc<App>, id: &str) -> AdminResult<Value> {
    explain_decision(app, id).await?.ok_or_else(|| {
        AdminError::invalid("ID", "no edge has told of such a refusal within the last day")
    })
}

fn summary(reason: &str, judged: Option<&Explanation>, changed: bool) -> String {
    let Some(judged) = judged else {
        return format!("Refused for something that no policy judges: {reason}.");
    };
    let needs: Vec<String> = judged.would_pass.iter().map(sentence).collect();
    let mut summary = match needs.is_empty() {
        true if judged.outcome == "allow" => {
            format!("The policy lets it in; it was refused for something else: {reason}.")
        }
        true => format!("Refused: {reason}."),
        false => format!("Refused: {reason}. It would have taken {}.", needs.join("; and ")),
    };
    if changed {
        summary.push_str(" The site has changed since: judged again by what it is now.");
    }
    summary
}

fn request(facts: &RecordedFacts) -> Value {
    let request = &facts.request;
    json!({
        "method": request.method,
        "host": request.host,
        "path": request.path.as_deref().ok(),
        "malformed": request.path.as_ref().err().map(|malformed| malformed.as_str()),
        "ip": request.peer.to_canonical().to_string(),
        "navigation": facts.navigation,
        "sender": match &request.sender {
            Sender::Own => "own",
            Sender::Origin(origin) => origin,
            Sender::Foreign => "foreign",
        },
        "upgrade": request.upgrade,
        "viewConfirmedAt": rfc3339(facts.view_confirmed_at),
    })
}

fn caller(facts: &RecordedFacts) -> Value {
    match (&facts.presented, &facts.session) {
        (RecordedCredential::Nothing, None) => json!({ "credential": "none" }),
        (RecordedCredential::Nothing, Some(session)) => token("session", session),
        (RecordedCredential::ApiKey(shown), _) => {
            json!({ "credential": "api_key", "keyId": shown.map(|shown| shown.id) })
        }
        (RecordedCredential::Unsupported, _) => json!({ "credential": "unsupported" }),
        (RecordedCredential::Conflicting, _) => json!({ "credential": "conflicting" }),
        (RecordedCredential::Bearer(bearer), _) => token("bearer", bearer),
    }
}

fn token(credential: &str, token: &RecordedToken) -> Value {
    match token {
        RecordedToken::Refused(why) => json!({ "credential": credential, "wrong": why.as_str() }),
        RecordedToken::Good(claims) => json!({
            "credential": credential,
            "userId": claims.sub,
            "clientId": claims.client_id,
            "sessionId": claims.sid,
            "tenantId": claims.tenant_id,
            "roles": claims.roles,
            "acr": claims.acr,
            "amr": claims.amr,
            "authTime": claims.auth_time,
            "audience": claims.aud,
            "scope": claims.scope,
            "expiresAt": rfc3339(jwks::Time::from_secs(claims.exp)),
        }),
    }
}

fn asked(asked: &Asked) -> Value {
    json!({
        "rule": asked.rule,
        "place": asked.place,
        "require": asked.require,
        "allowedFactors": asked.allowed_factors,
        "maxAuthAge": asked.max_auth_age,
    })
}

fn remedy(remedy: &Remedy) -> Value {
    let written = json!(remedy);
    json!({ "need": written["need"], "text": sentence(remedy) })
}

fn sentence(remedy: &Remedy) -> String {
    let one_of = |what: &str, names: &[String]| match names {
        [] => None,
        names => Some(format!("{what} {}", names.join(" or "))),
    };
    match remedy {
        Remedy::SignIn { audience } => {
            format!("a sign-in, or a token for {audience} that is good")
        }
        Remedy::Proof { acr, max_age, factors } => {
            let mut text = format!("a proof of {}", acr.acr());
            if !factors.is_empty() {
                let names: Vec<&str> = factors.iter().copied().map(Method::as_str).collect();
                text.push_str(&format!(" by {}", names.join(" or ")));
            }
            if let Some(max_age) = max_age {
                text.push_str(&format!(", at most {max_age} s old"));
            }
            text
        }
        Remedy::Person { roles, users, tenants } => {
            let kinds =
                [one_of("the role", roles), one_of("as", users), one_of("of the tenant", tenants)];
            let kinds: Vec<String> = kinds.into_iter().flatten().collect();
            format!("somebody with {}", kinds.join(", "))
        }
        Remedy::Network { networks, of_key } => {
            let one_of = |networks: &[IpNet]| {
                let names: Vec<String> = networks.iter().map(ToString::to_string).collect();
                (!names.is_empty()).then(|| names.join(" or "))
            };
            let of_key =
                one_of(of_key).map(|names| format!("{names}, which the API key is bound to"));
            let kinds: Vec<String> = [one_of(networks), of_key].into_iter().flatten().collect();
            format!("an address in {}", kinds.join(", and in "))
        }
        Remedy::Scopes { scopes } => format!("the scopes {}", scopes.join(" ")),
        Remedy::OtherCredential => "a credential of a kind that the site accepts".to_owned(),
        Remedy::ApiKey { site_key } => format!("an API key that is good at {site_key}"),
        Remedy::OwnPage => "a request that a page of the site itself sends".to_owned(),
        Remedy::OneCredential => "one credential instead of two".to_owned(),
        Remedy::PlainRequest => "an address that can be read in one way only".to_owned(),
        Remedy::KnownHost => "a host that a site answers to".to_owned(),
        Remedy::ActiveSite => "the site to be switched on".to_owned(),
        Remedy::FreshView => "an edge that has heard from the server lately".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_networks_an_address_is_not_in_is_said() {
        let said = |networks: &[&str], of_key: &[&str]| {
            let read = |networks: &[&str]| networks.iter().map(|it| it.parse().unwrap()).collect();
            sentence(&Remedy::Network { networks: read(networks), of_key: read(of_key) })
        };
        let (site, key) = (["10.0.0.0/8", "fd00::/8"], ["192.0.2.7/32"]);
        assert_eq!(said(&site, &[]), "an address in 10.0.0.0/8 or fd00::/8");
        let own = "192.0.2.7/32, which the API key is bound to";
        assert_eq!(said(&[], &key), format!("an address in {own}"));
        assert_eq!(said(&site[..1], &key), format!("an address in 10.0.0.0/8, and in {own}"));
    }
}
