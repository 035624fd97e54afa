//! What the suite of every pair does not ask: outages, TTLs, eviction.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jwks::{
    Time,
    policy::{Level, Method},
};
use redis::Commands;
use uuid::Uuid;

use super::{
    fresh_space, redis_url,
    relay::{Looks, Relay},
};
use crate::{
    domain::{
        authorization::{AuthorizationRequest, Code, RequestKind},
        device_grant::DeviceGrant,
        login::{Outstanding, PendingLogin},
        one_time::{OneTime, Purpose},
        secret::SecretHash,
        session::{NewFamily, Proof, Session},
    },
    store::{SessionStore, StoreError, conformance::samples, redis::Redis, sessions::Marked},
};

const NOW: Time = Time::from_secs(1_800_000_000);

fn session(user_id: Uuid) -> (Session, NewFamily) {
    let session = Session {
        sid: Uuid::now_v7(),
        user_id,
        tenant_id: "default".to_owned(),
        client_id: "rail".to_owned(),
        site_key: None,
        proof: Proof {
            acr: Level::OneFactor,
            amr: Vec::new(),
            auth_time: NOW,
            device_at: None,
            model: None,
        },
        remember: false,
        created_at: NOW,
        last_active_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(3600)),
        ip: "127.0.0.1".to_owned(),
        user_agent: "agent".to_owned(),
        device: "a device".to_owned(),
        browser: None,
        clients: Vec::new(),
    };
    let family = NewFamily {
        id: Uuid::new_v4(),
        client_id: "rail".to_owned(),
        scope: String::new(),
        hash: SecretHash::of("first"),
        expires_at: NOW.plus(Duration::from_secs(600)),
        granted: None,
    };
    (session, family)
}

async fn through_a_relay() -> (Arc<Redis>, Relay) {
    let url = redis_url();
    let relay = Relay::to(url.split(',').next().unwrap(), 6379).await;
    let store = Redis::new(&format!("redis://127.0.0.1:{}", relay.port())).unwrap();
    (store, relay)
}

/// Fails at once, or in time.
async fn fails_in_time(store: &Redis) {
    let asked = Instant::now();
    let answer = store.check().await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

/// Answers within the 2 s of rule 36.
async fn recovers(store: &Redis) {
    let back = Instant::now();
    while let Err(error) = store.check().await {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(back.elapsed() < Duration::from_secs(2), "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_store_whose_server_is_away_is_made_and_works_once_the_server_is_there() {
    let (store, relay) = through_a_relay().await;
    relay.look(Looks::Away);
    fails_in_time(&store).await;
    relay.look(Looks::Well);
    recovers(&store).await;
    relay.look(Looks::Away);
    fails_in_time(&store).await;
    relay.look(Looks::Well);
    recovers(&store).await;
}

#[tokio::test]
async fn a_hung_server_is_given_up_in_time() {
    let (store, relay) = through_a_relay().await;
    store.check().await.unwrap();
    relay.look(Looks::Hung);
    fails_in_time(&store).await;
    fails_in_time(&store).await;
    relay.look(Looks::Well);
    recovers(&store).await;
}

#[tokio::test]
async fn a_connection_closed_while_nobody_used_it_costs_no_act() {
    let (store, relay) = through_a_relay().await;
    store.check().await.unwrap();
    relay.look(Looks::Away);
    let noticed = async {
        while !store.has_lost_its_connection().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), noticed).await.unwrap();
    relay.look(Looks::Well);
    recovers(&store).await;
}

#[tokio::test]
async fn no_try_counts_as_none_while_the_counters_are_away() {
    let (store, relay) = through_a_relay().await;
    relay.look(Looks::Away);
    let counted = store.count_try("away", 5, Duration::from_secs(60), NOW).await;
    assert!(matches!(counted, Err(StoreError::Unavailable { .. })), "{counted:?}");
}

#[tokio::test]
async fn every_key_goes_by_itself() {
    let url = redis_url();
    let space = fresh_space();
    let store = Redis::in_space(&url, &space).unwrap();
    let user_id = Uuid::new_v4();
    let mark = user_id.to_string();
    let hash = SecretHash::of(&mark);
    let (session, family) = session(user_id);
    store.open_session(&session, Some(&family), 100).await.unwrap();
    assert!(store.touch_session(user_id, session.sid, NOW).await.unwrap());
    let login = PendingLogin {
        user_id,
        tenant_id: "default".into(),
        outstanding: Outstanding::Verify,
        client_id: "rail".to_owned(),
        site_key: None,
        methods: vec![Method::Totp],
        shown: vec!["pwd".to_owned()],
        factor_proved_at: None,
        recovers: false,
        password_changed_at: Some(NOW),
        factor_epoch: 2,
        remember: false,
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(600)),
    };
    store.begin_login(&hash, &login).await.unwrap();
    for purpose in Purpose::ALL {
        let bound_to = String::new();
        let expires_at = NOW.plus(Duration::from_secs(1800));
        let one_time = OneTime { purpose, owner: user_id, hash, bound_to, expires_at };
        store.put_one_time(&one_time).await.unwrap();
    }
    let (begun, done) = (SecretHash::of("begun"), SecretHash::of("done"));
    let until = NOW.plus(Duration::from_secs(60));
    store.begin_request(&begun, until, NOW).await.unwrap();
    store.finish_request(&done, &hash, "answer", until).await.unwrap();
    store.count_try(&mark, 5, Duration::from_secs(60), NOW).await.unwrap();
    let request = AuthorizationRequest {
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(600)),
        ..samples::authorization()
    };
    for kind in [RequestKind::Pushed, RequestKind::Flow] {
        store.keep_request(kind, &hash, &request).await.unwrap();
    }
    let code = Code {
        issued_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(60)),
        ..samples::authorization_code(&session, "shop")
    };
    for (code_hash, redeemed) in [(begun, false), (done, true)] {
        assert!(store.issue_code(&code_hash, &code).await.unwrap());
        if redeemed {
            store.redeem_code(&code_hash, until, NOW).await.unwrap();
        }
    }
    let device = DeviceGrant {
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(600)),
        ..samples::device_grant(&mark, &mark)
    };
    assert!(store.begin_device(&device).await.unwrap());
    store.poll_device(&device.hash, "tv", Duration::from_secs(5), NOW).await.unwrap();
    assert_eq!(store.mark_once(&hash, NOW, until, NOW).await.unwrap(), Marked::First);

    let keys = [
        format!("{space}:s:{{{mark}}}:{}", session.sid),
        format!("{space}:u:{{{mark}}}"),
        format!("{space}:l:{{{}}}", hash.to_text()),
        format!("{space}:o:{{{mark}}}:verify_email"),
        format!("{space}:o:{{{mark}}}:reset_password"),
        format!("{space}:o:{{{mark}}}:invitation"),
        format!("{space}:o:{{{mark}}}:first_admin"),
        format!("{space}:o:{{{mark}}}:sent_code"),
        format!("{space}:o:{{{mark}}}:new_address"),
        format!("{space}:o:{{{mark}}}:new_phone"),
        format!("{space}:o:{{{mark}}}:recovery"),
        format!("{space}:o:{{{mark}}}:passkey_challenge"),
        format!("{space}:o:{{{mark}}}:kept_form"),
        format!("{space}:r:{{{}}}", begun.to_text()),
        format!("{space}:r:{{{}}}", done.to_text()),
        format!("{space}:t:{{{mark}}}"),
        format!("{space}:a:{{{}}}:pushed", hash.to_text()),
        format!("{space}:a:{{{}}}:flow", hash.to_text()),
        format!("{space}:c:{{{}}}", begun.to_text()),
        format!("{space}:c:{{{}}}", done.to_text()),
        format!("{space}:d:{{{}}}", hash.to_text()),
        format!("{space}:e:{{{}}}", device.hash.to_text()),
        format!("{space}:m:{{m{}}}:{}", hash.as_bytes()[0] % 16, hash.to_text()),
        format!("{space}:b:{{m{}}}", hash.as_bytes()[0] % 16),
    ];
    let seeds: Vec<&str> = url.split(',').filter(|seed| !seed.is_empty()).collect();
    let mut ttls = Vec::new();
    if url.contains(',') {
        let mut cluster =
            redis::cluster::ClusterClient::new(seeds).unwrap().get_connection().unwrap();
        for key in &keys {
            ttls.push(cluster.pttl::<_, i64>(key).unwrap());
        }
    } else {
        let mut node = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
        for key in &keys {
            ttls.push(node.pttl::<_, i64>(key).unwrap());
        }
        let named: Vec<String> = node.scan_match(format!("{space}:*")).unwrap().flatten().collect();
        let memory = format!("{space}:b:");
        let known = |key: &String| keys.contains(key) || key.starts_with(&memory);
        assert!(named.iter().all(known), "{named:?}");
        assert!(named.iter().all(|key| node.pttl::<_, i64>(key).unwrap() > 0), "{named:?}");
    }
    assert!(ttls.iter().all(|ttl| *ttl > 0), "{keys:?} {ttls:?}");
    // The session's row outlives the session, by not much.
    assert!((3_600_000..3_700_000).contains(&ttls[0]), "{ttls:?}");
}

/// Forgets these keys, as a server does that loses its data.
fn forget(keys: &[String]) {
    let url = redis_url();
    let forgotten: u32 = if url.contains(',') {
        let seeds: Vec<&str> = url.split(',').filter(|seed| !seed.is_empty()).collect();
        let cluster = redis::cluster::ClusterClient::new(seeds).unwrap();
        cluster.get_connection().unwrap().del(keys).unwrap()
    } else {
        redis::Client::open(url.as_str()).unwrap().get_connection().unwrap().del(keys).unwrap()
    };
    assert_eq!(forgotten as usize, keys.len());
}

#[tokio::test]
async fn what_was_made_before_the_memory_began_counts_as_come() {
    let (url, space) = (redis_url(), fresh_space());
    let store = Redis::in_space(&url, &space).unwrap();
    let now = |secs| NOW.plus(Duration::from_secs(secs));
    let mark = async |key: &str, issued_at, at| {
        store.mark_once(&SecretHash::of(key), now(issued_at), now(900), now(at)).await.unwrap()
    };
    // Since the connection was made, and not since the first mark.
    assert_eq!(mark("first", 1, 2).await, Marked::First);
    let long_ago = Time::from_secs(1_600_000_000);
    let old = store.mark_once(&SecretHash::of("old"), long_ago, now(900), now(3)).await.unwrap();
    assert_eq!(old, Marked::BeforeMemory);

    let hash = SecretHash::of("first");
    let memory = format!("{{m{}}}", hash.as_bytes()[0] % 16);
    forget(&[format!("{space}:b:{memory}"), format!("{space}:m:{memory}:{}", hash.to_text())]);
    // The same that came before the loss, and what was made as early.
    assert_eq!(mark("first", 1, 10).await, Marked::BeforeMemory);
    for issued_at in [9, 10] {
        assert_eq!(mark("first", issued_at, 11).await, Marked::BeforeMemory);
    }
    assert_eq!(mark("first", 11, 12).await, Marked::First);
    assert_eq!(mark("first", 11, 12).await, Marked::Again);
    // Another server finds the memory as it is.
    let other = Redis::in_space(&url, &space).unwrap();
    let again = other.mark_once(&SecretHash::of("first"), now(11), now(900), now(13)).await;
    assert_eq!(again.unwrap(), Marked::Again);
}

#[tokio::test]
async fn a_policy_that_drops_live_rows_is_reported() {
    let url = redis_url();
    let space = fresh_space();
    let store = Redis::in_space(&url, &space).unwrap();
    let node = url.split(',').next().unwrap();
    let mut node = redis::Client::open(node).unwrap().get_connection().unwrap();
    let mut set = |policy: &str| {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg("maxmemory-policy")
            .arg(policy)
            .exec(&mut node)
            .unwrap();
    };
    // No memory limit is set, so the policy does nothing to the tests beside this one.
    set("noeviction");
    let before = store.eviction_policies().await.unwrap();
    set("volatile-ttl");
    let after = store.facts().await.unwrap();
    set("noeviction");
    assert_eq!(
        (before.as_slice(), after.eviction_policies.as_slice()),
        (["noeviction".to_owned()].as_slice(), ["volatile-ttl".to_owned()].as_slice(),)
    );
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_refused() {
    for url in ["", "http://127.0.0.1", "redis://127.0.0.1:port", "redis://127.0.0.1,http://b"] {
        let made = Redis::new(url);
        assert!(matches!(made, Err(StoreError::Broken { .. })), "{url}");
    }
}

#[tokio::test]
async fn a_new_session_takes_what_is_over_out_of_the_persons_index() {
    let (url, space, owner) = (redis_url(), fresh_space(), Uuid::new_v4());
    let store = Redis::in_space(&url, &space).unwrap();
    for minutes in [1, 2, 3, 60] {
        let (mut over, family) = session(owner);
        over.expires_at = NOW.plus(Duration::from_secs(minutes * 60));
        store.open_session(&over, Some(&family), 100).await.unwrap();
    }
    let (mut later, family) = session(owner);
    later.created_at = NOW.plus(Duration::from_secs(180));
    later.expires_at = NOW.plus(Duration::from_secs(7200));
    assert_eq!(store.open_session(&later, Some(&family), 2).await.unwrap(), Vec::<Uuid>::new());
    let index = format!("{space}:u:{{{owner}}}");
    let held: Vec<String> = if url.contains(',') {
        let seeds: Vec<&str> = url.split(',').filter(|seed| !seed.is_empty()).collect();
        let cluster = redis::cluster::ClusterClient::new(seeds).unwrap();
        cluster.get_connection().unwrap().zrange(&index, 0, -1).unwrap()
    } else {
        let node = redis::Client::open(url.as_str()).unwrap();
        node.get_connection().unwrap().zrange(&index, 0, -1).unwrap()
    };
    assert_eq!(held.len(), 2, "{held:?}");
    assert_eq!(held[1], later.sid.to_string());
}
