//! What the suite of every pair does not ask: outages, migrations, replicas.

use std::time::{Duration, Instant};

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{database::Database, relay::Looks};
use crate::{
    domain::audit::{Action, Event},
    store::{IdentityStore, StoreError, conformance::samples, postgres::Postgres},
};

const NOW: Time = Time::from_secs(1_800_000_000);

fn event() -> Event {
    Event {
        id: Uuid::now_v7(),
        at: NOW,
        action: Action::Logout,
        actor: None,
        user_id: None,
        site_key: None,
        client_id: None,
        ip: None,
        user_agent: None,
        request_id: None,
        details: serde_json::json!({}),
    }
}

fn ending(id: &str) -> CutOff {
    CutOff {
        kind: CutOffKind::Client,
        id: id.to_owned(),
        at: NOW,
        until: NOW.plus(Duration::from_secs(900)),
    }
}

/// Fails at once, or in time.
async fn fails_in_time(store: &Postgres) {
    let asked = Instant::now();
    let answer = store.check().await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

/// Answers within the 2 s of rule 36.
async fn recovers(store: &Postgres) {
    let back = Instant::now();
    while let Err(error) = store.check().await {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(back.elapsed() < Duration::from_secs(2), "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_store_whose_server_is_away_is_made_and_works_once_the_server_is_there() {
    let database = Database::make().await;
    let relay = database.relay().await;
    relay.look(Looks::Away);
    let store = Postgres::new(&database.url_through(&relay)).unwrap();
    fails_in_time(&store).await;
    let migrated = store.migrate().await;
    assert!(matches!(migrated, Err(StoreError::Unavailable { .. })), "{migrated:?}");
    relay.look(Looks::Well);
    while store.migrate().await.is_err() {}
    recovers(&store).await;
}

#[tokio::test]
async fn a_hung_server_is_given_up_in_time_and_its_connections_are_not_used_again() {
    let (_migrated, database) = Database::with_store().await;
    let relay = database.relay().await;
    let store = Postgres::new(&database.url_through(&relay)).unwrap();
    store.check().await.unwrap();
    relay.look(Looks::Hung);
    fails_in_time(&store).await;
    fails_in_time(&store).await;
    let migrated = timeout(Duration::from_secs(3), store.migrate()).await.unwrap();
    assert!(matches!(migrated, Err(StoreError::Unavailable { .. })), "{migrated:?}");
    relay.look(Looks::Well);
    recovers(&store).await;
}

#[tokio::test]
async fn connections_cut_by_a_restart_are_made_anew() {
    let (_migrated, database) = Database::with_store().await;
    let relay = database.relay().await;
    let store = Postgres::new(&database.url_through(&relay)).unwrap();
    store.check().await.unwrap();
    relay.look(Looks::Away);
    fails_in_time(&store).await;
    relay.look(Looks::Well);
    recovers(&store).await;
}

#[tokio::test]
async fn replicas_that_start_at_once_migrate_once() {
    let database = Database::make().await;
    let replicas: Vec<_> = (0..6)
        .map(|_| {
            let store = Postgres::new(&database.url()).unwrap();
            tokio::spawn(async move { store.migrate().await.map(|()| store) })
        })
        .collect();
    let mut epochs = Vec::new();
    for replica in replicas {
        let store = replica.await.unwrap().unwrap();
        epochs.push(store.feed_head().await.unwrap());
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 1);
}

#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let database = Database::make().await;
    let store = Postgres::new(&database.url()).unwrap();
    store.migrate_to(1).await.unwrap();
    let id = Uuid::from_u128(7);
    database
        .run(&format!(
            "INSERT INTO users (id, tenant_id, status, email, email_key, name, guid, roles, claims,
                 factor_epoch, created_at, updated_at)
             VALUES ('{id}', 'default', 'active', 'a@b.example', 'a@b.example', 'Ada', 'g',
                 '{{editor}}', '{{}}', 3, 1, 2)"
        ))
        .await;
    store.migrate().await.unwrap();
    let subject = store.find_subject(id, Uuid::nil()).await.unwrap().unwrap();
    assert_eq!((subject.user.email_key.as_str(), subject.user.factor_epoch), ("a@b.example", 3));
    assert_eq!(subject.memberships, []);
    let tenants = store.list_tenants().await.unwrap();
    assert_eq!(tenants.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["default"]);
    store.migrate().await.unwrap();
}

#[tokio::test]
async fn one_replica_sweeps_at_a_time() {
    let (store, database) = Database::with_store().await;
    store.cut_off(&[ending("app"), ending("other")], &event()).await.unwrap();
    let other = Postgres::new(&database.url()).unwrap();
    let now = NOW.plus(Duration::from_secs(2 * 366 * 24 * 3600));
    let (mine, theirs) = tokio::join!(store.sweep(now), other.sweep(now));
    let gone = mine.unwrap() + theirs.unwrap();
    assert_eq!(gone, 3);
    assert_eq!(store.list_feed(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused() {
    let (writer, database) = Database::with_store().await;
    database
        .run(
            "INSERT INTO refinery_schema_history
             SELECT 999, 'of_tomorrow', applied_on, checksum FROM refinery_schema_history LIMIT 1",
        )
        .await;
    let migrated = writer.migrate().await;
    assert!(matches!(migrated, Err(StoreError::Broken { .. })), "{migrated:?}");
}

#[tokio::test]
async fn a_database_without_the_schema_does_not_pass_for_an_answer() {
    let database = Database::make().await;
    let store = Postgres::new(&database.url()).unwrap();
    let answer = store.check().await;
    assert!(matches!(answer, Err(StoreError::Broken { .. })), "{answer:?}");
}

/// Waits until the feed that `follower` sees reaches `seq`, looking only when told to.
async fn hears_of(follower: &Postgres, seq: u64) {
    let mut changes = follower.feed_changes();
    let hearing = async {
        while follower.feed_head().await.map_or(0, |(_, head)| head) < seq {
            changes.changed().await.unwrap();
        }
    };
    timeout(Duration::from_secs(10), hearing).await.unwrap();
}

#[tokio::test]
async fn a_replica_hears_of_what_another_one_wrote() {
    let (writer, database) = Database::with_store().await;
    let follower = Postgres::new(&database.url()).unwrap();
    for seq in 1..=5 {
        writer.cut_off(&[ending("app")], &event()).await.unwrap();
        hears_of(&follower, seq).await;
    }
}

#[tokio::test]
async fn a_replica_hears_of_a_client_that_another_one_changed() {
    let (writer, database) = Database::with_store().await;
    let follower = Postgres::new(&database.url()).unwrap();
    // The first head it sees counts as growth; from then on it listens, and the head stays.
    let mut changes = follower.feed_changes();
    timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
    let mut client = samples::client("shop");
    assert!(writer.create_client(&client, &event()).await.unwrap());
    for _ in 0..3 {
        changes.mark_unchanged();
        writer.replace_client(&client, client.updated_at, &[], &event()).await.unwrap();
        timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
        client = follower.find_client("shop").await.unwrap().unwrap();
    }
    changes.mark_unchanged();
    writer.remove_client("shop", &[], &event()).await.unwrap();
    timeout(Duration::from_secs(10), changes.changed()).await.unwrap().unwrap();
    assert_eq!(follower.find_client("shop").await.unwrap(), None);
}

#[tokio::test]
async fn a_replica_hears_of_what_was_written_while_it_was_cut_off() {
    let (writer, database) = Database::with_store().await;
    let relay = database.relay().await;
    let follower = Postgres::new(&database.url_through(&relay)).unwrap();
    writer.cut_off(&[ending("app")], &event()).await.unwrap();
    hears_of(&follower, 1).await;
    relay.look(Looks::Away);
    fails_in_time(&follower).await;
    writer.cut_off(&[ending("app")], &event()).await.unwrap();
    relay.look(Looks::Well);
    recovers(&follower).await;
    hears_of(&follower, 2).await;
}

#[tokio::test]
async fn who_has_seen_a_number_of_the_feed_never_finds_a_new_one_below_it() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let (writer, database) = Database::with_store().await;
    let replicas =
        [Postgres::new(&database.url()).unwrap(), Postgres::new(&database.url()).unwrap()];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = replicas[usize::from(writer % 2 == 0)].clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let ended = [ending(&format!("a{writer}")), ending(&format!("b{writer}"))];
                    store.cut_off(&ended, &event()).await.unwrap();
                }
            })
        })
        .collect();
    let mut seen = 0;
    while seen < 2 * WRITERS * EACH {
        for entry in writer.list_feed(seen, 7).await.unwrap() {
            assert_eq!(entry.seq, seen + 1);
            seen = entry.seq;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(writer.list_audit(0, 1000).await.unwrap().len() as u64, WRITERS * EACH);
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_refused() {
    let made = Postgres::new("postgres://host:port:5432/x");
    assert!(matches!(made, Err(StoreError::Broken { .. })));
}
