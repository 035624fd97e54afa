//! The keys of clients: registered with them, or fetched from where they are (`jwks_uri`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jwks::{Time, foreign::ForeignKeys};
use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;

use crate::{app::App, domain::client::Client, outgoing::Outgoing};

/// The shortest time between two fetches for one client, whatever came meanwhile (rule 9).
const FETCH_INTERVAL: Duration = Duration::from_secs(30);
/// How long fetched keys are used without asking again: a key that a client took away is dead by
/// then, if its home answers.
const FRESH: Duration = Duration::from_secs(600);
/// How long they are used while their home gives none: nobody is shut out because it was away once.
const STALE: Duration = Duration::from_secs(60 * 60);
/// The most clients whose keys are held.
const CLIENTS: usize = 10_000;

/// The fetched keys of each client.
#[derive(Default)]
pub struct ClientKeys(Mutex<HashMap<String, Arc<AsyncMutex<Fetched>>>>);

#[derive(Default)]
struct Fetched {
    /// Where they are from.
    uri: String,
    keys: Option<Arc<ForeignKeys>>,
    fetched_at: Option<Time>,
    tried_at: Option<Time>,
}

impl Fetched {
    /// What may be used of it at `now`.
    fn keys_at(&self, now: Time) -> Option<Arc<ForeignKeys>> {
        self.keys.clone().filter(|_| self.fetched_at.is_some_and(|at| now.since(at) < STALE))
    }
}

impl ClientKeys {
    fn of(&self, client_id: &str) -> Arc<AsyncMutex<Fetched>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CLIENTS && !held.contains_key(client_id) {
            held.clear();
        }
        held.entry(client_id.to_owned()).or_default().clone()
    }
}

/// The keys of `client`; none where it has none or they cannot be had. `anew`: a key is wanted that
/// is not among those held.
pub async fn find(app: &App, client: &Client, anew: bool, now: Time) -> Option<Arc<ForeignKeys>> {
    let Some(uri) = &client.metadata.jwks_uri else {
        let registered = client.metadata.jwks.as_ref()?;
        return ForeignKeys::from_document(registered).map(Arc::new);
    };
    let entry = app.client_keys.of(&client.client_id);
    // Whoever comes while somebody fetches waits here, and has what was fetched.
    let mut held = entry.lock_owned().await;
    if held.uri != *uri {
        *held = Fetched { uri: uri.clone(), ..Fetched::default() };
    }
    let is_fresh = held.fetched_at.is_some_and(|at| now.since(at) < FRESH);
    let may_try = held.tried_at.is_none_or(|at| now.since(at) >= FETCH_INTERVAL);
    if !((anew || !is_fresh) && may_try) {
        return held.keys_at(now);
    }
    held.tried_at = Some(now);
    let (outgoing, client_id) = (app.outgoing.clone(), client.client_id.clone());
    // A task of its own: whoever asked first may hang up, and others have need of the answer, whose
    // next fetch would be a while off.
    let fetched = tokio::spawn(async move {
        if let Some(keys) = fetch(&outgoing, &client_id, &held.uri).await {
            held.keys = Some(Arc::new(keys));
            held.fetched_at = Some(now);
        }
        held.keys_at(now)
    });
    fetched.await.ok().flatten()
}

async fn fetch(outgoing: &Outgoing, client_id: &str, uri: &str) -> Option<ForeignKeys> {
    let document = match outgoing.get(uri).await {
        Ok(document) => document,
        Err(error) => {
            tracing::warn!(client_id, %error, "a client's keys cannot be had");
            return None;
        }
    };
    let keys = serde_json::from_slice::<Value>(&document).ok();
    let keys = keys.as_ref().and_then(ForeignKeys::from_document);
    if keys.is_none() {
        tracing::warn!(client_id, "a client's jwks_uri gives no key set");
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jwks::{Algorithm, signing_key::SigningKey};
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::oauth::ground::Ground;

    /// A client's own server, which gives its keys away.
    struct Home {
        uri: String,
        document: Arc<Mutex<String>>,
        /// Held by whoever lets it wait with its answers.
        answers: Arc<AsyncMutex<()>>,
        asked: Arc<AtomicUsize>,
    }

    impl Home {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("http://{}/jwks", listener.local_addr().unwrap());
            let document = Arc::new(Mutex::new(String::new()));
            let answers = Arc::new(AsyncMutex::new(()));
            let asked = Arc::new(AtomicUsize::new(0));
            let (answer, count, may_answer) = (document.clone(), asked.clone(), answers.clone());
            tokio::spawn(async move {
                while let Ok((mut link, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    drop(may_answer.lock().await);
                    let body = answer.lock().unwrap().clone();
                    let mut request = [0; 2048];
                    drop(link.read(&mut request).await);
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        body.len()
                    );
                    drop(link.write_all(format!("{head}{body}").as_bytes()).await);
                }
            });
            Self { uri, document, answers, asked }
        }

        fn has(&self, key: &SigningKey) {
            let document = json!({ "keys": [key.public_jwk()] });
            *self.document.lock().unwrap() = document.to_string();
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    fn verifies(keys: Option<&ForeignKeys>, key: &SigningKey) -> bool {
        let token = key.sign("JWT", &json!({})).unwrap();
        keys.is_some_and(|keys| keys.verify::<Value>(&["JWT"], None, &token).is_ok())
    }

    #[tokio::test]
    async fn an_unknown_key_costs_at_most_one_fetch_per_thirty_seconds() {
        let home = Home::new().await;
        let ground = Ground::allowing_loopback().await;
        let uri = home.uri.clone();
        let client = ground.client("app", |client| client.metadata.jwks_uri = Some(uri)).await;
        let keys = [(); 3].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
        let at = |secs: i64| Time::from_secs(1_000_000 + secs);
        let found = async |anew, secs| find(&ground.app, &client, anew, at(secs)).await;

        home.has(&keys[0]);
        let all = futures_util::future::join_all((0..8).map(|_| found(false, 0))).await;
        assert!(all.iter().all(|one| verifies(one.as_deref(), &keys[0])));
        assert_eq!(home.asked(), 1);

        home.has(&keys[1]);
        assert!(!verifies(found(true, 29).await.as_deref(), &keys[1]));
        assert_eq!(home.asked(), 1);
        assert!(verifies(found(true, 30).await.as_deref(), &keys[1]));
        assert_eq!(home.asked(), 2);

        // What a client takes away is dead when the keys are asked for anew.
        home.has(&keys[2]);
        assert!(verifies(found(false, 629).await.as_deref(), &keys[1]));
        assert!(verifies(found(false, 630).await.as_deref(), &keys[2]));
        assert_eq!(home.asked(), 3);
        *home.document.lock().unwrap() = "nonsense".to_owned();
        assert!(verifies(found(true, 660).await.as_deref(), &keys[2]));
    }

    #[tokio::test]
    async fn keys_outlive_the_failures_of_their_home_for_an_hour() {
        let home = Home::new().await;
        let ground = Ground::allowing_loopback().await;
        let uri = home.uri.clone();
        let client = ground.client("app", |client| client.metadata.jwks_uri = Some(uri)).await;
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let at = |secs: i64| Time::from_secs(1_000_000 + secs);
        let found = async |anew, secs| find(&ground.app, &client, anew, at(secs)).await;

        home.has(&key);
        assert!(verifies(found(false, 0).await.as_deref(), &key));
        *home.document.lock().unwrap() = "nonsense".to_owned();
        for secs in [600, 601, 1200, 3599] {
            assert!(verifies(found(false, secs).await.as_deref(), &key), "{secs}");
        }
        assert_eq!(home.asked(), 4);
        assert!(found(false, 3600).await.is_none());
        assert!(found(false, 3630).await.is_none());
        home.has(&key);
        assert!(verifies(found(false, 3660).await.as_deref(), &key));
    }

    #[tokio::test]
    async fn whoever_asks_first_and_hangs_up_leaves_the_keys_to_the_next() {
        let home = Home::new().await;
        let ground = Ground::allowing_loopback().await;
        let uri = home.uri.clone();
        let client = ground.client("app", |client| client.metadata.jwks_uri = Some(uri)).await;
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        home.has(&key);
        let waits = home.answers.clone().lock_owned().await;
        let now = Time::from_secs(1_000_000);
        let (app, named) = (ground.app.clone(), client.clone());
        let first = tokio::spawn(async move { find(&app, &named, false, now).await });
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while home.asked() == 0 {
            assert!(std::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        drop(waits);
        let later = now.plus(Duration::from_secs(1));
        assert!(verifies(find(&ground.app, &client, false, later).await.as_deref(), &key));
        assert_eq!(home.asked(), 1);
    }
}
