//! The audit log.

use jwks::{Algorithm, cutoff::CutOffKind};
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, create, cut_off, edge, event, key, site, user, whole_log, written},
};
use crate::domain::audit::{Action, AuditRow, Event, GENESIS, chain};

/// Fails unless the rows are numbered from 1 without gaps and chained from the first on.
pub(super) fn assert_chained(log: &[AuditRow]) {
    let mut previous = GENESIS.to_owned();
    for (seq, row) in (1..).zip(log) {
        assert_eq!(row.seq, seq);
        assert_eq!(row.hash, chain(&previous, seq, &row.event), "row {seq}");
        previous.clone_from(&row.hash);
    }
}

pub(super) async fn events_come_back_whole_in_order_and_chained(pair: &Pair) {
    let store = &*pair.identity;
    let bare = Event {
        actor: None,
        user_id: None,
        site_key: None,
        client_id: None,
        ip: None,
        user_agent: None,
        request_id: None,
        details: serde_json::json!({}),
        ..event(Action::LoginFailed)
    };
    let events: Vec<Event> =
        [event(Action::LoginSuccess), bare, event(Action::Logout), event(Action::AccountLocked)]
            .into();
    for event in &events {
        store.append_event(event).await.unwrap();
    }
    let log = whole_log(store).await;
    assert_eq!(log.iter().map(|row| row.event.clone()).collect::<Vec<_>>(), events);
    assert_chained(&log);
    assert_eq!(store.list_audit(0, 3).await.unwrap(), log[..3]);
    assert_eq!(store.list_audit(1, 2).await.unwrap(), log[1..3]);
    assert_eq!(store.list_audit(3, 100).await.unwrap(), log[3..]);
    assert_eq!(store.list_audit(4, 100).await.unwrap(), []);
    assert_eq!(store.list_audit(0, 0).await.unwrap(), []);
    assert_eq!(store.feed_head().await.unwrap().1, 0, "an event alone is no change");
}

pub(super) async fn an_empty_log_has_no_rows(pair: &Pair) {
    assert_eq!(whole_log(&*pair.identity).await, []);
    pair.identity.check().await.unwrap();
    pair.sessions.check().await.unwrap();
}

pub(super) async fn an_act_tried_again_adds_no_second_row(pair: &Pair) {
    let store = &*pair.identity;
    let person = user("ada");
    create(store, &person).await;

    let appended = event(Action::LoginFailed);
    let login = event(Action::LoginSuccess);
    let ending = event(Action::SessionRevoked);
    let renewal = event(Action::EdgeCreated);
    let changed = event(Action::PolicyUpdated);
    let cut = cut_off(CutOffKind::User, &person.id.to_string(), at(1), at(2));
    let edge = edge("north", "credential");
    for round in 0..2 {
        store.append_event(&appended).await.unwrap();
        store.record_login(person.id, at(60), &login).await.unwrap();
        store.cut_off(std::slice::from_ref(&cut), &ending).await.unwrap();
        store.renew_edge(&edge, &renewal).await.unwrap();
        let mut site = site("shop", &["shop.example"]);
        site.name = format!("round {round}");
        store.put_site(&site, false, &changed).await.unwrap();
    }
    let log = whole_log(store).await;
    let ids: Vec<Uuid> = log[1..].iter().map(|row| row.event.id).collect();
    assert_eq!(ids, [appended.id, login.id, ending.id, renewal.id, changed.id]);
    assert_chained(&log);

    // An act of another kind under an id that is in the log does its work all the same.
    let rows = written(store).await.0;
    let key = key("k1", Algorithm::ES256, at(0));
    store.add_signing_key(&key, None, None, &appended).await.unwrap();
    assert_eq!(store.list_signing_keys(at(1)).await.unwrap(), [key]);
    assert_eq!(written(store).await.0, rows);
}

pub(super) async fn the_rows_about_a_person_come_newest_first_in_pages(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (Uuid::new_v4(), Uuid::new_v4());
    // Two of one instant, and one whose clock was behind.
    for (who, moment) in
        [(ada, 10), (ada, 30), (bob, 30), (ada, 30), (ada, 20), (bob, 5), (ada, 40)]
    {
        let event = Event { at: at(moment), user_id: Some(who), ..event(Action::LoginSuccess) };
        store.append_event(&event).await.unwrap();
    }
    let nobodys = Event { user_id: None, at: at(35), ..event(Action::LoginFailed) };
    store.append_event(&nobodys).await.unwrap();
    let log = whole_log(store).await;
    let row = |seq: usize| log[seq - 1].clone();
    let list = async |since, after: Option<&AuditRow>, limit| {
        let after = after.map(|row| (row.event.at, row.seq));
        store.list_audit_about(ada, at(since), after, limit).await.unwrap()
    };
    let newest_first = [row(7), row(4), row(2), row(5), row(1)];
    assert_eq!(list(0, None, 100).await, newest_first);
    assert_eq!(list(0, None, 2).await, newest_first[..2]);
    assert_eq!(list(0, Some(&row(4)), 2).await, newest_first[2..4]);
    assert_eq!(list(0, Some(&row(5)), 100).await, newest_first[4..]);
    assert_eq!(list(0, Some(&row(1)), 100).await, []);
    assert_eq!(list(20, None, 100).await, newest_first[..4]);
    assert_eq!(list(21, Some(&row(7)), 100).await, newest_first[1..3]);
    assert_eq!(list(0, None, 0).await, []);
    assert_eq!(store.list_audit_about(Uuid::new_v4(), at(0), None, 9).await.unwrap(), []);
}

pub(super) async fn the_rows_about_a_person_are_counted_up_to_a_number(pair: &Pair) {
    let store = &*pair.identity;
    let ada = Uuid::new_v4();
    for moment in [10, 20, 20, 30] {
        let event = Event { at: at(moment), user_id: Some(ada), ..event(Action::LoginSuccess) };
        store.append_event(&event).await.unwrap();
    }
    let count = async |since, most| store.count_audit_about(ada, at(since), most).await.unwrap();
    for ((since, most), counted) in
        [((0, 100), 4), ((11, 100), 3), ((30, 100), 1), ((31, 100), 0), ((0, 3), 3), ((0, 0), 0)]
    {
        assert_eq!(count(since, most).await, counted, "{since} {most}");
    }
    assert_eq!(store.count_audit_about(Uuid::new_v4(), at(0), 9).await.unwrap(), 0);
}
