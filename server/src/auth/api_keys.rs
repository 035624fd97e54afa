//! Personal API keys (rule 29): make, list, revoke. A key acts for its owner at the sites and
//! with the scopes it was made for, and nowhere else: no endpoint of an account or an admin takes one.

use std::{collections::BTreeSet, time::Duration};

use ipnet::IpNet;
use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
    policy::{Allow, is_scope, read_network},
    site::Site,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    bearer::Caller,
    error::{AuthError, AuthResult, FieldProblem, NOT_ACTIVE, PROOF_CHANGED},
    mfa::require_proof,
    origin::Origin,
    sessions::GRACE,
    throttle, warnings,
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        api_key::{ApiKey, PresentedKey, dead_until},
        audit::{Action, Event},
        secret::SecretHash,
        user::{User, UserStatus},
    },
    letters::news::{self, News},
    store::identity::{ApiKeyMade, Subject},
};

/// The longest name, characters.
pub const NAME_LIMIT: usize = 100;
/// The most scopes, and the most sites, of one key.
const MOST: usize = 20;
/// The longest scope, characters.
const SCOPE_LIMIT: usize = 64;
/// The most networks that one key is bound to.
const MOST_NETWORKS: usize = 16;
/// What is said again of a network that is none: more than any has, characters.
const SAID_AGAIN: usize = 64;

/// What a [`AuthError::Conflict`] says to who has as many keys as may be.
pub const TOO_MANY: &str = "there are as many keys as may be; revoke one first";

/// What somebody wants of a new key.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The sites it is good at.
    pub sites: Vec<String>,
    /// The networks and addresses it is good from; none: from wherever the sites let callers in.
    pub networks: Vec<String>,
    /// When it is over; `None`: when the settings say at the latest.
    pub expires_at: Option<Time>,
}

/// A key that was just made: the only time that it is seen whole.
pub struct Made {
    /// What is kept of it.
    pub key: ApiKey,
    /// The key.
    pub presented: PresentedKey,
}

/// Makes a key for the caller, after a fresh proof, and tells them by a letter.
///
/// # Errors
/// [`AuthError::StepUpRequired`]; [`AuthError::Invalid`] names the fields that cannot be taken;
/// [`AuthError::Conflict`] when they have as many as may be, or their factors or password changed
/// meanwhile; [`AuthError::TooMany`].
pub async fn create(
    app: &App,
    origin: &Origin,
    caller: &Caller,
    wanted: Wanted,
) -> AuthResult<Made> {
    let now = app.clock.now();
    let user_id = caller.user.id;
    require_proof(app, caller, now).await?;
    // Keys act where their owner is at home, whatever tenant they are asked for in.
    let owner = app.identity.find_subject(user_id, Uuid::nil()).await?;
    let owner = owner.ok_or(AuthError::InvalidToken)?;
    let sites = sites_open_to(app, &owner.user).await?;
    let (epoch, news) = (caller.user.factor_epoch, news::api_key_created);
    make(app, Order { owner, epoch, sites, wanted, news }, now, |id, details| {
        origin.event_of(id, Action::ApiKeyCreated, Some(user_id), now, details)
    })
    .await
}

/// Makes a key of the person `owner_id` for an admin, after a fresh proof of the admin's. Tells the person by
/// a letter.
///
/// # Errors
/// As [`create`]; [`AuthError::Invalid`] where there is no such person, and [`AuthError::Conflict`] where they
/// may not sign in.
pub async fn create_for(
    app: &App,
    origin: &Origin,
    admin: &Caller,
    owner_id: Uuid,
    wanted: Wanted,
) -> AuthResult<Made> {
    let now = app.clock.now();
    require_proof(app, admin, now).await?;
    let owner = app.identity.find_subject(owner_id, Uuid::nil()).await?;
    let owner = owner.ok_or_else(|| AuthError::field("user_id", "names nobody"))?;
    if owner.user.status != UserStatus::Active {
        return Err(AuthError::Conflict(NOT_ACTIVE));
    }
    let sites = sites_open_to(app, &owner.user).await?;
    let (epoch, news) = (owner.user.factor_epoch, news::api_key_created_by_admin);
    make(app, Order { owner, epoch, sites, wanted, news }, now, |id, details| Event {
        actor: Some(admin.user.id),
        ..origin.event_of(id, Action::ApiKeyCreated, Some(owner_id), now, details)
    })
    .await
}

/// A key that is to be made.
struct Order {
    owner: Subject,
    /// The `factor_epoch` of the row that it was judged by.
    epoch: u64,
    /// The sites that it may be made for.
    sites: Vec<Site>,
    wanted: Wanted,
    /// What its owner is told.
    news: fn(&User, &ApiKey) -> News,
}

/// Makes it, and tells its owner.
async fn make(
    app: &App,
    order: Order,
    now: Time,
    event: impl FnOnce(Uuid, Value) -> Event,
) -> AuthResult<Made> {
    let Order { owner, epoch, sites, wanted, news } = order;
    let user_id = owner.user.id;
    let longest = now.plus(Duration::from_secs(app.config.tokens.api_key_ttl));
    let wanted = judge_wanted(wanted, &sites, longest, now).map_err(AuthError::Invalid)?;
    throttle::count_api_key(app, user_id, now).await?;
    let dead = owner.user_cut_off.as_ref().map(dead_until);
    // An ending of everything ends what was made in the second it falls in; this was made after it.
    let made_at = dead.map_or(now, |dead| now.max(dead.plus(Duration::from_millis(1))));
    let id = new_id(now);
    let presented = PresentedKey::new(id, random());
    let key = ApiKey {
        id,
        user_id,
        hash: presented.hash(),
        name: wanted.name,
        scopes: wanted.scopes,
        sites: wanted.sites,
        networks: wanted.networks,
        created_at: made_at,
        expires_at: wanted.expires_at,
        last_used_at: None,
    };
    let details = json!({
        "key": id, "name": key.name, "scopes": key.scopes, "sites": key.sites,
        "networks": key.networks, "expires_at": key.expires_at,
    });
    let event = event(id, details);
    let most = app.config.limits.api_keys_per_person;
    match app.identity.create_api_key(&key, epoch, dead, most, &event).await? {
        ApiKeyMade::Made => {}
        ApiKeyMade::TooMany => {
            return Err(AuthError::Conflict(TOO_MANY));
        }
        ApiKeyMade::Overtaken => {
            return Err(AuthError::Conflict(PROOF_CHANGED));
        }
    }
    warnings::tell(app, news(&owner.user, &key), now).await?;
    Ok(Made { key, presented })
}

/// The caller's keys, newest first: those that are good, and for a while those that expired.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App, caller: &Caller) -> AuthResult<Vec<ApiKey>> {
    let user_id = caller.user.id;
    let mut keys = app.identity.list_api_keys(user_id).await?;
    let owner = app.identity.find_subject(user_id, Uuid::nil()).await?;
    let ended = owner.and_then(|owner| owner.user_cut_off);
    keys.retain(|key| !ended.as_ref().is_some_and(|cut_off| key.is_ended_by(cut_off)));
    Ok(keys)
}

/// Revokes a key of the caller's: it is good nowhere from then on, and the edges hear of it. It takes
/// power away and asks for no fresh proof.
///
/// # Errors
/// [`AuthError::NotFound`] when it is none of theirs.
pub async fn revoke(app: &App, origin: &Origin, caller: &Caller, id: Uuid) -> AuthResult<()> {
    let user_id = caller.user.id;
    let key = app.identity.find_api_key(id).await?.filter(|key| key.user_id == user_id);
    let key = key.ok_or(AuthError::NotFound)?;
    let now = app.clock.now();
    end(app, &key, now, |act, details| {
        origin.event_of(act, Action::ApiKeyRevoked, Some(user_id), now, details)
    })
    .await
}

/// As [`revoke`], for an admin: a key of whomever.
///
/// # Errors
/// [`AuthError::NotFound`] when there is none of this id.
pub async fn revoke_for(app: &App, origin: &Origin, admin: &Caller, id: Uuid) -> AuthResult<()> {
    let key = app.identity.find_api_key(id).await?.ok_or(AuthError::NotFound)?;
    let now = app.clock.now();
    end(app, &key, now, |act, details| Event {
        actor: Some(admin.user.id),
        ..origin.event_of(act, Action::ApiKeyRevoked, Some(key.user_id), now, details)
    })
    .await
}

async fn end(
    app: &App,
    key: &ApiKey,
    now: Time,
    event: impl FnOnce(Uuid, Value) -> Event,
) -> AuthResult<()> {
    let id = key.id;
    // Named by the key, which is revoked once.
    let act = SecretHash::of(&format!("api key revoked\n{id}")).to_id();
    let event = event(act, json!({ "key": id, "name": key.name }));
    match app.identity.revoke_api_key(key.user_id, id, &[key_end(key, now)], &event).await? {
        true => Ok(()),
        false => Err(AuthError::NotFound),
    }
}

/// The ending of a key at `now`, remembered for as long as it would have lived.
fn key_end(key: &ApiKey, now: Time) -> CutOff {
    let until = key.expires_at.max(now).plus(GRACE);
    // Its id is never given again.
    CutOff { kind: CutOffKind::ApiKey, id: key.id.to_string(), at: until, until }
}

/// The sites that a key of the caller can be made for: what a form offers.
///
/// # Errors
/// When the store fails.
pub async fn sites(app: &App, caller: &Caller) -> AuthResult<Vec<Site>> {
    let owner = app.identity.find_user(caller.user.id).await?.ok_or(AuthError::InvalidToken)?;
    sites_open_to(app, &owner).await
}

async fn sites_open_to(app: &App, owner: &User) -> AuthResult<Vec<Site>> {
    let mut sites = app.identity.list_sites().await?;
    sites.retain(|site| takes_keys_of(site, owner));
    Ok(sites)
}

/// PURE: whether any part of a site takes API keys and lets `owner` in, who stands where they are at
/// home. From which network a key is used is judged when it is.
fn takes_keys_of(site: &Site, owner: &User) -> bool {
    let policy = &site.policy;
    let parts = policy.rules.iter().map(|rule| {
        let accept = rule.accept.as_ref().unwrap_or(&policy.accept);
        (accept, rule.allow.as_ref().unwrap_or(&policy.allow))
    });
    let mut parts = parts.chain([(&policy.accept, &policy.allow)]);
    let sub = owner.id.to_string();
    let lets_in = |allow: &Allow| {
        let roles = owner.roles.iter().map(String::as_str);
        allow.names(&sub, roles, Some(&owner.tenant_id))
    };
    parts.any(|(accept, allow)| accept.api_key.is_some() && lets_in(allow))
}

/// What can be made of what was wanted.
#[derive(Debug)]
struct Judged {
    name: String,
    scopes: Vec<String>,
    sites: Vec<String>,
    networks: Vec<IpNet>,
    expires_at: Time,
}

/// PURE: what is wanted of a key, each scope, site and network once and in order; or what is wrong with it.
/// `sites`: those that take keys of its owner. That there are others is nobody's to learn here.
fn judge_wanted(
    wanted: Wanted,
    sites: &[Site],
    longest: Time,
    now: Time,
) -> Result<Judged, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut problem = |field, message: String| problems.push(FieldProblem::new(field, message));
    let name = wanted.name.trim();
    if name.is_empty() || name.chars().count() > NAME_LIMIT {
        problem("name", format!("must have 1 to {NAME_LIMIT} characters"));
    } else if name.chars().any(char::is_control) {
        problem("name", "must not contain control characters".to_owned());
    }
    let scopes: BTreeSet<String> = wanted.scopes.into_iter().collect();
    if scopes.len() > MOST {
        problem("scopes", format!("must be {MOST} at most"));
    } else if !scopes.iter().all(|scope| is_scope(scope) && scope.len() <= SCOPE_LIMIT) {
        let rule = "must each be 1 to 64 printable characters without space, \" and \\";
        problem("scopes", rule.to_owned());
    }
    let named: BTreeSet<String> = wanted.sites.into_iter().collect();
    let is_open = |key: &String| sites.iter().any(|site| site.site_key == *key);
    if named.is_empty() || named.len() > MOST {
        problem("sites", format!("must be 1 to {MOST}"));
    } else if !named.iter().all(is_open) {
        problem("sites", "must each be a site that takes API keys of their owner".to_owned());
    }
    let networks = match read_networks(&wanted.networks) {
        Ok(networks) => networks,
        Err(message) => {
            problem("networks", message);
            Vec::new()
        }
    };
    if wanted.expires_at.is_some_and(|at| at <= now || at > longest) {
        let days = longest.since(now).as_secs().div_ceil(24 * 3600);
        problem("expires_at", format!("must lie ahead, {days} days at most"));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Judged {
        name: name.to_owned(),
        scopes: scopes.into_iter().collect(),
        sites: named.into_iter().collect(),
        networks,
        expires_at: wanted.expires_at.unwrap_or(longest),
    })
}

/// PURE: the networks that these texts name; or what is wrong with them.
fn read_networks(texts: &[String]) -> Result<Vec<IpNet>, String> {
    let mut networks = BTreeSet::new();
    for text in texts {
        let Some(network) = read_network(text) else {
            let said: String = text.chars().take(SAID_AGAIN).collect();
            return Err(format!(
                "`{said}` is neither an address nor a network such as 192.0.2.0/24 or 2001:db8::/32"
            ));
        };
        networks.insert(network);
    }
    match networks.len() {
        0..=MOST_NETWORKS => Ok(networks.into_iter().collect()),
        _ => Err(format!("must be {MOST_NETWORKS} at most")),
    }
}

/// PURE: the first of these texts that is no network.
#[must_use]
pub fn not_a_network(texts: &[String]) -> Option<&str> {
    texts.iter().map(String::as_str).find(|text| read_network(text).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::registration::new_user,
        domain::{login::normalise_address, user::UserStatus},
    };

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn owner() -> User {
        let address = normalise_address("ada@example.com").unwrap();
        User { status: UserStatus::Active, ..new_user(address, "Ada", None, NOW) }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn site(policy: serde_json::Value) -> Site {
        serde_json::from_value(json!({
            "site_key": "wiki",
            "base_url": "https://wiki.example.com",
            "hosts": ["wiki.example.com"],
            "upstreams": ["http://127.0.0.1:3000"],
            "policy": policy,
        }))
        .unwrap()
    }

    #[test]
    fn a_key_is_for_sites_that_take_keys_and_let_its_owner_in() {
        let mut user = owner();
        user.roles = texts(&["clerk"]);
        user.tenant_id = "acme".to_owned();
        let takes = |policy| takes_keys_of(&site(policy), &user);
        let accept = json!({ "api_key": { "scopes": ["read"] } });
        assert!(!takes(json!({})));
        assert!(takes(json!({ "accept": accept })));
        for (allow, lets_in) in [
            (json!({ "roles": ["clerk", "admin"], "tenants": ["acme"] }), true),
            (json!({ "networks": ["10.0.0.0/8"] }), true),
            (json!({ "users": [user.id] }), true),
            (json!({ "roles": ["admin"] }), false),
            (json!({ "tenants": ["default"] }), false),
            (json!({ "users": ["somebody"], "roles": ["clerk"] }), false),
        ] {
            assert_eq!(takes(json!({ "accept": accept, "allow": allow })), lets_in, "{allow}");
        }
        // A rule may take keys where the rest of the site does not, and let in whom it does not.
        let allow = json!({ "roles": ["admin"] });
        let api = json!({ "prefix": "/api", "accept": accept });
        assert!(takes(json!({ "rules": [api] })));
        assert!(!takes(json!({ "rules": [api], "allow": allow })));
        let open = json!({ "prefix": "/api", "accept": accept, "allow": {} });
        assert!(takes(json!({ "rules": [open], "allow": allow })));
    }

    #[test]
    fn what_cannot_be_taken_of_a_new_key_is_named() {
        let sites = [site(json!({}))];
        let longest = NOW.plus(Duration::from_secs(90 * 24 * 3600));
        let good = Wanted {
            name: " CI ".to_owned(),
            scopes: texts(&["write", "read", "write"]),
            sites: texts(&["wiki", "wiki"]),
            networks: texts(&["2001:db8::1", "10.1.2.3/8", "192.0.2.7", "10.0.0.0/8"]),
            expires_at: Some(longest),
        };
        let judged = judge_wanted(good.clone(), &sites, longest, NOW).unwrap();
        assert_eq!(judged.name, "CI");
        assert_eq!(judged.scopes, ["read", "write"]);
        assert_eq!(judged.sites, ["wiki"]);
        let networks: Vec<String> = judged.networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::1/128"]);
        let wrong = |change: fn(&mut Wanted)| {
            let mut wanted = good.clone();
            change(&mut wanted);
            let problems = judge_wanted(wanted, &sites, longest, NOW).unwrap_err();
            problems.iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(wrong(|wanted| wanted.name = "  ".to_owned()), ["name"]);
        assert_eq!(wrong(|wanted| wanted.name = "a\u{7}".to_owned()), ["name"]);
        assert_eq!(wrong(|wanted| wanted.name = "x".repeat(101)), ["name"]);
        for scope in ["", "a b", "a\"", "a\\", "é", &"x".repeat(65)] {
            let mut wanted = good.clone();
            wanted.scopes.push(scope.to_owned());
            assert!(judge_wanted(wanted, &sites, longest, NOW).is_err(), "{scope}");
        }
        assert_eq!(
            wrong(|wanted| wanted.scopes = (0..21).map(|number| number.to_string()).collect()),
            ["scopes"]
        );
        assert_eq!(wrong(|wanted| wanted.sites.clear()), ["sites"]);
        assert_eq!(wrong(|wanted| wanted.sites.push("shop".to_owned())), ["sites"]);
        for network in ["", " ", "10.0.0.0/33", "10.0.0/8", "wiki", "::ffff:10.0.0.1", "::1%eth0"] {
            let wanted = Wanted { networks: texts(&["10.0.0.0/8", network]), ..good.clone() };
            let problems = judge_wanted(wanted, &sites, longest, NOW).unwrap_err();
            assert_eq!((problems.len(), problems[0].field), (1, "networks"), "{network}");
            assert!(problems[0].message.starts_with(&format!("`{network}`")), "{problems:?}");
        }
        let many = |count: u8| (0..count).map(|last| format!("192.0.2.{last}")).collect();
        let wanted = Wanted { networks: many(16), ..good.clone() };
        assert_eq!(judge_wanted(wanted, &sites, longest, NOW).unwrap().networks.len(), 16);
        let wanted = Wanted { networks: many(17), ..good.clone() };
        assert_eq!(judge_wanted(wanted, &sites, longest, NOW).unwrap_err()[0].field, "networks");
        assert_eq!(wrong(|wanted| wanted.expires_at = Some(NOW)), ["expires_at"]);
        assert_eq!(
            wrong(|wanted| wanted.expires_at = Some(NOW.plus(Duration::from_secs(91 * 86_400)))),
            ["expires_at"]
        );
    }
}
