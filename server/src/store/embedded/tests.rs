use std::path::PathBuf;

use jwks::cutoff::CutOffKind;
use rusqlite::Connection;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{audit::Action, authorization::RequestKind},
    store::{
        IdentityStore, SessionStore,
        conformance::samples::{
            at, authorization, authorization_code, create, cut_off, device_grant, event, family,
            hash, secs, session, user,
        },
    },
};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("signalbox-{}", Uuid::new_v4())))
    }

    fn open(&self) -> Arc<Embedded> {
        Embedded::open(&self.0).unwrap()
    }

    /// A connection past the store, to see what is stored.
    fn connect(&self) -> Connection {
        Connection::open(self.0.join(FILE)).unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.connect().query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn mode(&self, file: &str) -> u32 {
        std::fs::metadata(self.0.join(file)).unwrap().permissions().mode() & 0o777
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn the_folder_and_its_files_are_for_the_owner_alone() {
    let folder = Folder::new();
    let store = folder.open();
    store.append_event(&event(Action::Logout)).await.unwrap();
    assert_eq!(folder.mode("."), 0o700);
    for file in ["signalbox.db", "signalbox.db-wal", "signalbox.db-shm"] {
        assert_eq!(folder.mode(file), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_database_that_others_could_read_is_closed_to_them() {
    let folder = Folder::new();
    drop(folder.open());
    let file = folder.0.join(FILE);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = folder.open();
    assert_eq!(folder.mode(FILE), 0o600);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_the_store_is_opened_again() {
    let folder = Folder::new();
    let store = folder.open();
    let (person, session) = (user("ada"), session(Uuid::new_v4()));
    create(&*store, &person).await;
    store.open_session(&session, Some(&family("token")), 100).await.unwrap();
    let (epoch, _) = store.feed_head().await.unwrap();
    drop(store);

    let store = folder.open();
    assert_eq!(store.find_user(person.id).await.unwrap(), Some(person));
    let found = store.find_session(session.user_id, session.sid, at(1)).await.unwrap();
    assert_eq!(found, Some(session));
    assert_eq!(store.feed_head().await.unwrap().0, epoch);
    assert_ne!(Folder::new().open().feed_head().await.unwrap().0, epoch);
}

#[tokio::test]
async fn every_commit_reaches_the_disk() {
    let folder = Folder::new();
    let store = folder.open();
    let settings = store
        .change(|tx| {
            let setting =
                |name: &str| tx.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
            let full: i64 = setting("synchronous")?;
            let keys: i64 = setting("foreign_keys")?;
            let journal: String = tx.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            Ok((full, keys, journal))
        })
        .await
        .unwrap();
    assert_eq!(settings, (2, 1, "wal".to_owned()));
}

#[tokio::test]
async fn a_database_newer_than_the_program_is_refused_and_left_alone() {
    let folder = Folder::new();
    drop(folder.open());
    let migrations = folder.count("refinery_schema_history");
    let migration = "INSERT INTO refinery_schema_history
         VALUES (999, 'of_tomorrow', '2030-01-01T00:00:00Z', '1')";
    folder.connect().execute(migration, []).unwrap();
    let Err(StoreError::Broken { cause, .. }) = Embedded::open(&folder.0) else {
        panic!("a newer database was opened")
    };
    assert!(cause.contains("newer than this program"), "{cause}");
    assert_eq!(folder.count("refinery_schema_history"), migrations + 1);
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused() {
    let folder = Folder::new();
    std::fs::create_dir(&folder.0).unwrap();
    std::fs::write(folder.0.join(FILE), "a text that is no database, and long enough to see it")
        .unwrap();
    assert!(matches!(Embedded::open(&folder.0), Err(StoreError::Broken { .. })));
    let file = folder.0.join(FILE);
    assert!(matches!(Embedded::open(&file), Err(StoreError::Unavailable { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_need_far_fewer_commits_than_they_write() {
    let folder = Folder::new();
    let store = folder.open();
    let (writers, writes) = (32, 16);
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..writes {
                    store.append_event(&event(Action::LoginFailed)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(folder.count("audit"), writers * writes);
    let commits = store.commits();
    assert!(commits <= (writers * writes / 3) as u64, "{commits} commits");
}

#[tokio::test]
async fn a_full_disk_fails_the_act_and_leaves_nothing_half_written() {
    let folder = Folder::new();
    let store = folder.open();
    store.append_event(&event(Action::Logout)).await.unwrap();
    store
        .change(|tx| {
            let pages: i64 = tx.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            tx.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            Ok(())
        })
        .await
        .unwrap();
    let mut big = event(Action::Logout);
    big.details = serde_json::json!({ "much": "x".repeat(100_000) });
    let cut = cut_off(CutOffKind::Client, "rail", at(1), at(2));
    let refused = store.cut_off(&[cut], &big).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { store: IDENTITY, .. })));
    assert_eq!((folder.count("audit"), folder.count("cut_offs"), folder.count("feed")), (1, 0, 0));

    store
        .change(|tx| {
            tx.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()))?;
            Ok(())
        })
        .await
        .unwrap();
    store.append_event(&big).await.unwrap();
    assert_eq!(folder.count("audit"), 2);
}

#[tokio::test]
async fn what_is_over_is_swept_away_bit_by_bit() {
    let folder = Folder::new();
    let store = folder.open();
    let opened = 450;
    let owner = Uuid::new_v4();
    for _ in 0..opened {
        let mut session = session(owner);
        session.expires_at = at(0).plus(secs(3600));
        store.open_session(&session, Some(&family("token")), 1000).await.unwrap();
    }
    let living = session(owner);
    store.open_session(&living, Some(&family("token")), 1000).await.unwrap();
    store.count_try("key", 1, secs(60), at(0)).await.unwrap();
    store.begin_request(&hash("key"), at(0).plus(secs(60)), at(0)).await.unwrap();
    store.keep_request(RequestKind::Flow, &hash("flow"), &authorization()).await.unwrap();
    assert!(store.issue_code(&hash("code"), &authorization_code(&living, "shop")).await.unwrap());
    assert!(store.begin_device(&device_grant("device", "BCDFGHJK")).await.unwrap());
    store.mark_once(&hash("mark"), at(0), at(0).plus(secs(60)), at(0)).await.unwrap();
    let kept = ["authorization_requests", "codes", "device_grants", "marks"];
    assert_eq!(kept.map(|table| folder.count(table)), [1; 4]);
    assert_eq!(folder.count("sessions"), opened + 1);

    let mut left = Vec::new();
    for moment in 0..4 {
        let now = at(moment).plus(secs(3600));
        assert!(store.touch_session(owner, living.sid, now).await.unwrap());
        left.push(folder.count("sessions"));
    }
    assert_eq!(left, [251, 51, 1, 1]);
    assert_eq!(folder.count("refresh_families"), 1);
    assert_eq!((folder.count("tries"), folder.count("requests")), (0, 0));
    assert_eq!(kept.map(|table| folder.count(table)), [0; 4]);
}

#[tokio::test]
async fn a_data_folder_of_the_first_schema_is_brought_up_to_date() {
    let folder = Folder::new();
    std::fs::create_dir(&folder.0).unwrap();
    let mut old = folder.connect();
    schema::migrate_to(&mut old, 1);
    let (person, opened) = (user("ada"), session(Uuid::new_v4()));
    old.execute(
        "INSERT INTO users (id, tenant_id, status, email, email_key, name, guid, roles, claims,
             factor_epoch, created_at, updated_at, is_admin)
         VALUES (?1, 'default', 'active', 'a@b.example', 'a@b.example', 'Ada', 'g', '[\"editor\"]',
             '{}', 3, 1, 2, 0)",
        [person.id],
    )
    .unwrap();
    old.execute(
        "INSERT INTO sessions (user_id, sid, tenant_id, client_id, acr, amr, auth_time, remember,
             created_at, last_active_at, expires_at, ip, user_agent, device)
         VALUES (?1, ?2, 'default', 'rail', ?3, '[\"pwd\"]', 5, 1, 6, 7, ?4, 'ip', 'ua', 'device')",
        rusqlite::params![
            person.id,
            opened.sid,
            opened.proof.acr.acr(),
            opened.expires_at.millis()
        ],
    )
    .unwrap();
    old.execute(
        "INSERT INTO refresh_families (user_id, sid, id, client_id, scope, live_hash, expires_at)
         VALUES (?1, ?2, ?2, 'rail', '', ?3, ?4)",
        rusqlite::params![
            person.id,
            opened.sid,
            hash("token").as_bytes(),
            opened.expires_at.millis()
        ],
    )
    .unwrap();
    drop(old);

    let store = folder.open();
    let subject = store.find_subject(person.id, opened.sid).await.unwrap().unwrap();
    assert_eq!((subject.user.email_key.as_str(), subject.user.factor_epoch), ("a@b.example", 3));
    assert_eq!(subject.memberships, []);
    let held = store.find_session(person.id, opened.sid, at(0)).await.unwrap().unwrap();
    assert_eq!((held.client_id.as_str(), held.proof.device_at), ("rail", None));
    assert_eq!(held.proof.model, None);
    assert_eq!((held.browser, held.clients), (None, Vec::new()));
    let tenants = store.list_tenants().await.unwrap();
    assert_eq!(tenants.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["default"]);
    assert_eq!(folder.count("refresh_families"), 1);
    assert!(store.close_session(person.id, opened.sid).await.unwrap());
    assert_eq!(folder.count("refresh_families"), 0);
    drop(store);
    drop(folder.open());
}
