//! API keys: judged by what the site takes, their scopes, whom it lets in, and the networks they are bound
//! to themselves. They prove no level.

use super::{Objection, network_is_allowed, site_is_served, view_is_fresh_enough};
use crate::{
    Time,
    api_key::{self, Asked, HeldKey, Known, Shown, Verdict},
    cutoff::CutOffKind,
    decision::{ChallengeReason, RefusalReason},
    facts::Facts,
    policy::takes_from,
    site::Site,
    view::View,
};

/// The key that may pass.
pub(super) fn judge(
    view: &View,
    site: &Site,
    path: &str,
    facts: &Facts<'_>,
    (shown, looked_up): (Option<&Shown>, Option<&HeldKey>),
    now: Time,
) -> Result<HeldKey, Objection> {
    site_is_served(site)?;
    view_is_fresh_enough(site, facts.view_confirmed_at, now)?;

    let asked = site.policy.effective(facts.method, path);
    if asked.accept.session && facts.session.is_some() {
        return Err(RefusalReason::ConflictingCredentials.into());
    }
    let needed = asked.accept.api_key.as_ref().ok_or(RefusalReason::CredentialNotAccepted)?;
    let unknown = ChallengeReason::ApiKey(Verdict::Unknown);
    let shown = shown.ok_or(unknown)?;
    // What the view holds is newer than what was said before.
    let looked_up = looked_up.filter(|held| held.record().id == shown.id);
    let held = view.api_key(shown.id).or(looked_up).ok_or(unknown)?;
    let wanted = Asked { site_key: Some(&site.site_key), scopes: &needed.scopes };
    let (holder, record) = (held.holder(), held.record());
    let known = Known {
        digest: &record.digest,
        scopes: &record.scopes,
        sites: &record.sites,
        expires_at: record.expires_at,
        is_ended: is_ended(view, held),
        is_owner_active: holder.active,
    };
    match api_key::judge(Some(known), &shown.digest, wanted, now) {
        Verdict::Good => {}
        Verdict::Scope => return Err(RefusalReason::Scope.into()),
        why => return Err(ChallengeReason::ApiKey(why).into()),
    }
    network_is_allowed(asked.allow, facts.peer)?;
    if !takes_from(&record.networks, facts.peer) {
        return Err(RefusalReason::Network.into());
    }
    let roles = holder.roles.iter().map(String::as_str);
    let mut buffer = uuid::Uuid::encode_buffer();
    let sub = holder.user_id.hyphenated().encode_lower(&mut buffer);
    if !asked.allow.names(sub, roles, Some(&holder.tenant_id)) {
        return Err(RefusalReason::NotAllowed.into());
    }
    Ok(held.clone())
}

/// A view forgets a key with its ending; this holds where the two come in another order.
fn is_ended(view: &View, held: &HeldKey) -> bool {
    let mut buffer = uuid::Uuid::encode_buffer();
    let created_at = held.record().created_at;
    let key = held.record().id.hyphenated().encode_lower(&mut buffer);
    if view.is_cut_off(CutOffKind::ApiKey, key, created_at) {
        return true;
    }
    let owner = held.holder().user_id.hyphenated().encode_lower(&mut buffer);
    let ended_at = view.cut_off_at(CutOffKind::User, owner);
    ended_at.is_some_and(|at| created_at <= api_key::dead_until(at))
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc, time::Duration};

    use ipnet::IpNet;
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        api_key::{Digest, KeyHolder, KeyRecord},
        cutoff::CutOff,
        decide::{Decision, decide, lapse::lapses_at},
        facts::Presented,
        feed::{Change, Entry, Snapshot},
        policy::read_network,
    };

    const NOW: Time = Time::from_secs(1_800_000_100);
    const MADE: Time = Time::from_secs(1_800_000_000);
    const OVER: Time = Time::from_secs(1_800_000_300);
    const KEY: Uuid = Uuid::from_u128(11);
    const ADA: Uuid = Uuid::from_u128(1);

    fn holder() -> KeyHolder {
        KeyHolder {
            user_id: ADA,
            email: "ada@example.test".into(),
            name: "Ada".into(),
            roles: vec!["clerk".into()],
            tenant_id: "acme".into(),
            active: true,
            keys: vec![KeyRecord {
                id: KEY,
                digest: Digest::of("the key"),
                scopes: vec!["read".into()],
                sites: vec!["wiki".into()],
                networks: Box::default(),
                created_at: MADE,
                expires_at: OVER,
            }],
        }
    }

    fn view(policy: &serde_json::Value, holder: KeyHolder) -> View {
        let site = json!({
            "site_key": "wiki", "base_url": "https://wiki.example", "hosts": ["wiki.example"],
            "upstreams": ["http://127.0.0.1:9000"], "policy": policy,
        });
        View::from_snapshot(Snapshot {
            seq: 1,
            epoch: "e".into(),
            issuer: "https://id.example".into(),
            keys: serde_json::from_value(json!({ "keys": [] })).unwrap(),
            sites: vec![serde_json::from_value(site).unwrap()],
            cut_offs: vec![],
            key_holders: vec![holder],
            more_keys: false,
        })
    }

    fn key_of(id: Uuid, key: &str) -> Presented {
        let shown = Shown { id, digest: Digest::of(key) };
        Presented::ApiKey { shown: Some(shown), looked_up: None }
    }

    fn facts(key: &str) -> Facts<'static> {
        Facts {
            host: Some("wiki.example"),
            method: "GET",
            path: Ok("/page"),
            peer: IpAddr::from([10, 0, 0, 7]),
            presented: key_of(KEY, key),
            session: None,
            sender: crate::facts::Sender::Own,
            upgrade: false,
            view_confirmed_at: NOW,
        }
    }

    fn taking() -> serde_json::Value {
        json!({ "accept": { "api_key": { "scopes": ["read"] } } })
    }

    fn said(view: &View, facts: &Facts<'_>, now: Time) -> &'static str {
        decide(view, facts, now).as_str()
    }

    #[test]
    fn a_key_opens_the_sites_that_take_it_whatever_level_they_ask_for() {
        let facts = facts("the key");
        let lapse = |policy: &serde_json::Value| {
            let Decision::Allow(permit) = decide(&view(policy, holder()), &facts, NOW) else {
                panic!("the key was refused")
            };
            assert_eq!(permit.api_key().unwrap().holder().user_id, ADA);
            assert!(permit.token().is_none());
            lapses_at(&permit, &facts, NOW)
        };
        let mut policy = json!({ "require": "phishing_resistant", "accept": taking()["accept"] });
        assert_eq!(lapse(&policy), Some(OVER));
        policy["max_staleness"] = 100.into();
        let stale = NOW.plus(Duration::from_millis(100_001));
        assert_eq!(lapse(&policy), Some(stale));
        policy["on_stale"] = "allow".into();
        assert_eq!(lapse(&policy), Some(OVER));
        assert_eq!(said(&view(&json!({}), holder()), &facts, NOW), "credential_not_accepted");
        let public = json!({ "require": "public" });
        assert_eq!(said(&view(&public, holder()), &facts, NOW), "credential_not_accepted");
    }

    #[test]
    fn a_key_is_refused_for_what_is_wrong_with_it() {
        let (good, facts) = (view(&taking(), holder()), facts("the key"));
        assert_eq!(said(&good, &facts, NOW), "allow");
        assert_eq!(said(&good, &facts, OVER), "key_expired");
        let shown = |presented| Facts { presented, ..facts.clone() };
        assert_eq!(
            said(&good, &shown(Presented::ApiKey { shown: None, looked_up: None }), NOW),
            "key_unknown"
        );
        let wrong = key_of(KEY, "another");
        assert_eq!(said(&good, &shown(wrong), NOW), "key_unknown");
        let beside =
            Facts { session: Some(Err(crate::verify::TokenError::Expired)), ..facts.clone() };
        assert_eq!(said(&good, &beside, NOW), "conflicting_credentials");
        let nobodys = key_of(ADA, "the key");
        assert_eq!(said(&good, &shown(nobodys), NOW), "key_unknown");
        let inactive = KeyHolder { active: false, ..holder() };
        assert_eq!(said(&view(&taking(), inactive), &facts, NOW), "key_owner_inactive");
        let mut elsewhere = holder();
        elsewhere.keys[0].sites = vec!["shop".into()];
        assert_eq!(said(&view(&taking(), elsewhere), &facts, NOW), "key_other_site");
        let more = json!({ "accept": { "api_key": { "scopes": ["read", "write"] } } });
        assert_eq!(said(&view(&more, holder()), &facts, NOW), "scope");
    }

    #[test]
    fn a_key_that_was_looked_up_is_held_to_what_the_view_knows() {
        let nobody = KeyHolder { keys: vec![], ..holder() };
        let (empty, good) = (view(&taking(), nobody), facts("the key"));
        assert_eq!(said(&empty, &good, NOW), "key_unknown");
        let looked_up = |holder: KeyHolder| Facts {
            presented: Presented::ApiKey {
                shown: Some(Shown { id: KEY, digest: Digest::of("the key") }),
                looked_up: HeldKey::new(Arc::new(holder), 0),
            },
            ..good.clone()
        };
        assert_eq!(said(&empty, &looked_up(holder()), NOW), "allow");
        let inactive = KeyHolder { active: false, ..holder() };
        assert_eq!(said(&empty, &looked_up(inactive.clone()), NOW), "key_owner_inactive");
        // What came over the feed since is what counts.
        assert_eq!(
            said(&view(&taking(), inactive), &looked_up(holder()), NOW),
            "key_owner_inactive"
        );
        let mut another = holder();
        another.keys[0].id = ADA;
        assert_eq!(said(&empty, &looked_up(another), NOW), "key_unknown");
        for (kind, id) in [(CutOffKind::User, ADA), (CutOffKind::ApiKey, KEY)] {
            let mut ended = empty.clone();
            let cut = CutOff { kind, id: id.to_string(), at: NOW, until: OVER };
            ended.apply(&[Entry { seq: 2, at: NOW, change: Change::CutOff(cut) }], NOW);
            assert_eq!(said(&ended, &looked_up(holder()), NOW), "key_ended");
        }
    }

    #[test]
    fn a_key_enters_where_its_owner_may() {
        let facts = facts("the key");
        for (allow, expected) in [
            (json!({ "roles": ["clerk"], "tenants": ["acme"] }), "allow"),
            (json!({ "users": [ADA] }), "allow"),
            (json!({ "users": ["somebody"] }), "not_allowed"),
            (json!({ "roles": ["admin"] }), "not_allowed"),
            (json!({ "networks": ["10.0.0.0/8"] }), "allow"),
            (json!({ "networks": ["192.0.2.0/24"] }), "network"),
        ] {
            let policy = json!({ "accept": taking()["accept"], "allow": allow });
            assert_eq!(said(&view(&policy, holder()), &facts, NOW), expected, "{allow}");
        }
    }

    fn bound_to(networks: &[&str]) -> KeyHolder {
        let mut bound = holder();
        bound.keys[0].networks = networks.iter().map(|it| read_network(it).unwrap()).collect();
        bound
    }

    #[test]
    fn a_key_that_is_bound_to_networks_is_good_from_there_alone() {
        for (networks, from, expected) in [
            (&[][..], "198.51.100.9", "allow"),
            (&["192.0.2.0/24", "10.0.0.7"], "10.0.0.7", "allow"),
            (&["192.0.2.0/24", "10.0.0.7"], "::ffff:10.0.0.7", "allow"),
            (&["192.0.2.0/24", "10.0.0.7"], "10.0.0.8", "network"),
            (&["192.0.2.0/24", "10.0.0.7"], "2001:db8::1", "network"),
            (&["2001:db8::/32"], "2001:db8::1", "allow"),
            (&["2001:db8::1"], "2001:db8::2", "network"),
            // All of one family is not all.
            (&["0.0.0.0/0"], "2001:db8::1", "network"),
            (&["::/0"], "10.0.0.7", "network"),
        ] {
            let facts = Facts { peer: from.parse().unwrap(), ..facts("the key") };
            let view = view(&taking(), bound_to(networks));
            assert_eq!(said(&view, &facts, NOW), expected, "{networks:?} from {from}");
        }
        // What the site says holds as well, and who does not hold the key learns nothing of either.
        let kept = json!({ "accept": taking()["accept"], "allow": { "networks": ["10.0.0.0/8"] } });
        let facts = facts("the key");
        assert_eq!(said(&view(&kept, bound_to(&["10.0.0.0/24"])), &facts, NOW), "allow");
        assert_eq!(said(&view(&kept, bound_to(&["10.0.1.0/24"])), &facts, NOW), "network");
        let kept =
            json!({ "accept": taking()["accept"], "allow": { "networks": ["10.1.0.0/16"] } });
        assert_eq!(said(&view(&kept, bound_to(&["10.0.0.0/24"])), &facts, NOW), "network");
        let other = Facts { presented: key_of(KEY, "another"), ..facts };
        let elsewhere = view(&taking(), bound_to(&["192.0.2.0/24"]));
        assert_eq!(said(&elsewhere, &other, NOW), "key_unknown");
    }

    #[test]
    fn what_is_said_of_a_key_without_networks_binds_it_to_none() {
        let mut written = serde_json::to_value(&holder().keys[0]).unwrap();
        assert!(written.as_object().unwrap().get("networks").is_none(), "{written}");
        assert_eq!(serde_json::from_value::<KeyRecord>(written.clone()).unwrap(), holder().keys[0]);
        written["networks"] = json!(["10.0.0.7/32", "2001:db8::/32"]);
        let bound = bound_to(&["10.0.0.7", "2001:db8::/32"]).keys.remove(0);
        assert_eq!(serde_json::to_value(&bound).unwrap(), written);
        assert_eq!(serde_json::from_value::<KeyRecord>(written).unwrap(), bound);
    }

    fn addresses() -> impl Strategy<Value = IpAddr> {
        // Near one another, so that networks hold some of them.
        prop_oneof![
            (0..8_u8, 0..4_u8).prop_map(|(third, last)| IpAddr::from([10, 0, third, last])),
            (0..8_u16, 0..4_u16)
                .prop_map(|(some, last)| { IpAddr::from([0x2001, 0xdb8, 0, some, 0, 0, 0, last]) }),
            (0..4_u8).prop_map(|last| {
                IpAddr::from(std::net::Ipv4Addr::new(10, 0, 0, last).to_ipv6_mapped())
            }),
        ]
    }

    fn networks() -> impl Strategy<Value = Vec<IpNet>> {
        let network = (addresses(), 0..=128_u8).prop_map(|(address, bits)| {
            let address = address.to_canonical();
            IpNet::new(address, if address.is_ipv4() { bits % 33 } else { bits }).unwrap()
        });
        proptest::collection::vec(network, 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_key_that_is_bound_to_networks_never_opens_more(
            of_site in networks(),
            mut bound in networks(),
            more in networks(),
            peer in addresses(),
        ) {
            let policy = json!({ "accept": taking()["accept"], "allow": { "networks": of_site } });
            let facts = Facts { peer, ..facts("the key") };
            let opens = |networks: &[IpNet]| {
                let mut holder = holder();
                holder.keys[0].networks = networks.into();
                said(&view(&policy, holder), &facts, NOW) == "allow"
            };
            prop_assert!(!opens(&bound) || opens(&[]));
            // Nor does one that is bound to fewer of them.
            if !bound.is_empty() {
                let few = bound.clone();
                bound.extend(more);
                prop_assert!(!opens(&few) || opens(&bound));
            }
        }
    }

    #[test]
    fn endings_reach_a_key_in_whichever_order_they_are_told() {
        let cut = |kind, id: Uuid, at: Time| CutOff { kind, id: id.to_string(), at, until: OVER };
        let just_dead = MADE.minus(Duration::from_secs(1));
        for (end, dead) in [
            (cut(CutOffKind::User, ADA, just_dead), true),
            (cut(CutOffKind::User, ADA, just_dead.minus(Duration::from_millis(1))), false),
            (cut(CutOffKind::ApiKey, KEY, OVER), true),
            (cut(CutOffKind::ApiKey, ADA, OVER), false),
        ] {
            let told = Change::CutOff(end);
            let known = Change::KeyHolder(Box::new(holder()));
            for changes in [[told.clone(), known.clone()], [known, told]] {
                let mut view = view(&taking(), holder());
                let entries: Vec<Entry> = (2..)
                    .zip(changes)
                    .map(|(seq, change)| Entry { seq, at: NOW, change })
                    .collect();
                view.apply(&entries, NOW);
                let allowed = said(&view, &facts("the key"), NOW) == "allow";
                assert_eq!(allowed, !dead, "{entries:?}");
            }
        }
    }
}
