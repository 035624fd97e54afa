//! Endings.

use jwks::{
    cutoff::{CutOff, CutOffKind},
    feed::Change,
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, create, cut_off, event, membership, tenant, user, whole_log},
};
use crate::{domain::audit::Action, store::identity::Subject};

pub(super) async fn a_person_comes_with_the_endings_of_the_session_and_of_everything(pair: &Pair) {
    let store = &*pair.identity;
    let (person, other) = (user("ada"), user("bob"));
    create(store, &person).await;
    create(store, &other).await;
    let (sid, other_sid) = (Uuid::now_v7(), Uuid::now_v7());
    let subject = store.find_subject(person.id, sid).await.unwrap().unwrap();
    assert_eq!(subject.user, person);
    assert_eq!((subject.session_cut_off, subject.user_cut_off), (None, None));

    let session = cut_off(CutOffKind::Session, &sid.to_string(), at(10), at(1000));
    let everything = cut_off(CutOffKind::User, &person.id.to_string(), at(11), at(1001));
    // Of the same text, but of another kind: no ending of this person or session.
    let client = cut_off(CutOffKind::Client, &other_sid.to_string(), at(12), at(1002));
    let act = event(Action::SessionRevoked);
    store.cut_off(&[session.clone(), client], &act).await.unwrap();
    let subject = store.find_subject(person.id, sid).await.unwrap().unwrap();
    assert_eq!((subject.session_cut_off, subject.user_cut_off), (Some(session.clone()), None));

    store
        .cut_off(std::slice::from_ref(&everything), &event(Action::PasswordChanged))
        .await
        .unwrap();
    let subject = store.find_subject(person.id, sid).await.unwrap().unwrap();
    assert_eq!(subject.session_cut_off, Some(session));
    assert_eq!(subject.user_cut_off.as_ref(), Some(&everything));
    let subject = store.find_subject(person.id, other_sid).await.unwrap().unwrap();
    assert_eq!((subject.session_cut_off, subject.user_cut_off), (None, Some(everything)));
    let subject = store.find_subject(other.id, other_sid).await.unwrap().unwrap();
    assert_eq!((subject.session_cut_off, subject.user_cut_off), (None, None));
    assert_eq!(whole_log(store).await[2].event, act);
}

pub(super) async fn an_ending_takes_the_later_instants_and_the_feed_says_so(pair: &Pair) {
    let store = &*pair.identity;
    let mut event = event(Action::SessionRevoked);
    let mut expected = Vec::new();
    for (moment, (at_millis, until, held_at, held_until)) in
        (0..).zip([(20, 2000, 20, 2000), (10, 3000, 20, 3000), (30, 1000, 30, 3000)])
    {
        event.id = Uuid::new_v4();
        event.at = at(100 + moment);
        let cut = cut_off(CutOffKind::Client, "rail", at(at_millis), at(until));
        store.cut_off(std::slice::from_ref(&cut), &event).await.unwrap();
        let held = CutOff { at: at(held_at), until: at(held_until), ..cut };
        expected.push((event.at, Change::CutOff(held.clone())));
        let snapshot = store.snapshot("https://issuer.example", 100_000, at(0)).await.unwrap();
        assert_eq!(snapshot.cut_offs, [held]);
    }
    let feed = store.list_feed(0, 100).await.unwrap();
    let feed: Vec<_> = feed.into_iter().map(|entry| (entry.at, entry.change)).collect();
    assert_eq!(feed, expected);
}

pub(super) async fn every_kind_of_ending_is_in_the_snapshot_until_a_day_after_it_matters(
    pair: &Pair,
) {
    let store = &*pair.identity;
    let mut cuts = [
        cut_off(CutOffKind::Session, &Uuid::now_v7().to_string(), at(1), at(100)),
        cut_off(CutOffKind::User, &Uuid::now_v7().to_string(), at(2), at(101)),
        cut_off(CutOffKind::Client, "a client: \"ü\"", at(3), at(102)),
        cut_off(CutOffKind::ApiKey, "key", at(4), at(103)),
    ];
    store.cut_off(&cuts, &event(Action::SessionRevoked)).await.unwrap();
    assert_eq!(store.list_feed(0, 100).await.unwrap().len(), cuts.len());
    cuts.sort_by_key(|cut| cut.until);
    for (gone, now) in [(0, 99), (1, 100), (2, 101), (4, 103)] {
        let now = at(now).plus(CutOff::KEPT_BEYOND);
        let mut held =
            store.snapshot("https://issuer.example", 100_000, now).await.unwrap().cut_offs;
        held.sort_by_key(|cut| cut.until);
        assert_eq!(held, cuts[gone..], "at {now:?}");
    }
}

pub(super) async fn the_endings_that_were_written_are_found_as_they_are_named(pair: &Pair) {
    let store = &*pair.identity;
    let mut cuts: Vec<_> = (0..)
        .zip(CutOffKind::ALL)
        .map(|(place, kind)| cut_off(kind, "the same \"id\" ü", at(place), at(100 + place)))
        .collect();
    cuts.push(cut_off(CutOffKind::Token, "another", at(50), at(200)));
    store.cut_off(&cuts, &event(Action::TokenRevoked)).await.unwrap();
    cuts.reverse();
    let mut named: Vec<_> = cuts.iter().map(|cut| (cut.kind, cut.id.clone())).collect();
    assert_eq!(store.find_cut_offs(&named).await.unwrap(), cuts);
    named.insert(1, (CutOffKind::Grant, "another".to_owned()));
    named.insert(3, (CutOffKind::Session, "nobody's".to_owned()));
    assert_eq!(store.find_cut_offs(&named).await.unwrap(), cuts);
    assert_eq!(store.find_cut_offs(&named[..2]).await.unwrap(), cuts[..1]);
    assert_eq!(store.find_cut_offs(&[]).await.unwrap(), []);
}

pub(super) async fn a_person_comes_with_other_endings_in_the_same_read(pair: &Pair) {
    let (store, person, sid) = (&*pair.identity, user("ada"), Uuid::now_v7());
    create(store, &person).await;
    for tenant_id in ["one", "other"] {
        store.create_tenant(&tenant(tenant_id), &event(Action::TenantCreated)).await.unwrap();
        let place = membership(person.id, tenant_id);
        store.join_tenant(&place, &event(Action::TenantJoined)).await.unwrap();
    }
    let ends = [
        cut_off(CutOffKind::Session, &sid.to_string(), at(1), at(101)),
        cut_off(CutOffKind::Grant, "a grant \"ü\"", at(2), at(102)),
        cut_off(CutOffKind::Token, "a token", at(3), at(103)),
        cut_off(CutOffKind::Client, "shop", at(4), at(104)),
    ];
    let [session, grant, token, client] = ends.clone();
    store.cut_off(&ends, &event(Action::TokenRevoked)).await.unwrap();
    let find = async |sid, named: &[(CutOffKind, &str)]| {
        let named: Vec<_> = named.iter().map(|(kind, id)| (*kind, (*id).to_owned())).collect();
        store.find_subject_and_ends(person.id, sid, &named).await.unwrap().unwrap()
    };
    let (a_token, a_grant) = ((CutOffKind::Token, "a token"), (CutOffKind::Grant, "a grant \"ü\""));
    let found = find(sid, &[a_token, (CutOffKind::Grant, "a token"), a_grant]).await;
    let plain = store.find_subject(person.id, sid).await.unwrap().unwrap();
    assert_eq!((plain.session_cut_off.clone(), plain.ended.len()), (Some(session), 0));
    assert_eq!(plain.memberships.len(), 2);
    assert_eq!(found, Subject { ended: vec![token, grant], ..plain });
    let found = find(Uuid::now_v7(), &[(CutOffKind::Client, "shop")]).await;
    assert_eq!((found.session_cut_off, found.ended), (None, vec![client]));
    assert_eq!(find(sid, &[(CutOffKind::User, "nobody")]).await.ended, []);
    let named = [(CutOffKind::Client, "shop".to_owned())];
    let nobody = store.find_subject_and_ends(Uuid::new_v4(), sid, &named).await.unwrap();
    assert_eq!(nobody, None);
}
