//! Notices on their way, against a real store and a listener on loopback.

use std::sync::Arc;

use jwks::{
    claims::{LOGOUT_TOKEN_TYPE, LogoutClaims},
    policy::Level,
    verify::verify_signed,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
};

use super::*;
use crate::{
    auth::{
        origin::{Origin, RAIL},
        sessions::session_end,
    },
    clock::{Clock, new_id},
    config::Config,
    data_dir::tests::Scratch,
    domain::{
        audit::Action,
        client::{Client, Metadata, Registrar},
        session::{Proof, Session},
    },
    oauth::logout::await_end,
    store::embedded::Embedded,
};

const HOUR: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    app: Arc<App>,
    origin: Origin,
    courier: JoinHandle<()>,
    _ground: Scratch,
}

impl World {
    async fn new() -> Self {
        let ground = Scratch::new();
        let mut config = Config::default();
        config.outgoing.allow_private = vec!["127.0.0.0/8".parse().unwrap()];
        let store = Embedded::open(&ground.0).unwrap();
        let app =
            App::assemble(config, ground.0.clone(), Clock::system(), store.clone(), store, [7; 32])
                .unwrap();
        app.prepare().await.unwrap();
        let origin = Origin {
            ip: [192, 0, 2, 7].into(),
            user_agent: String::new(),
            request_id: "req_1".into(),
            client_id: RAIL.into(),
            known: None,
        };
        let courier = tokio::spawn(work(app.clone(), std::future::pending()));
        Self { app, origin, courier, _ground: ground }
    }

    async fn client(&self, uri: &str) -> Client {
        let now = self.app.clock.now();
        let client = Client {
            client_id: "app".into(),
            secret: None,
            registration_token: None,
            registrar: Registrar::Operator,
            metadata: Metadata { backchannel_logout_uri: Some(uri.into()), ..Metadata::default() },
            created_at: now,
            updated_at: now,
        };
        let event = self.origin.event(Action::ClientCreated, None, now, json!({}));
        assert!(self.app.identity.create_client(&client, &event).await.unwrap());
        client
    }

    fn session(&self) -> Session {
        let now = self.app.clock.now();
        let proof = Proof {
            acr: Level::OneFactor,
            amr: Vec::new(),
            auth_time: now,
            device_at: None,
            model: None,
        };
        Session {
            sid: new_id(now),
            user_id: new_id(now),
            tenant_id: "default".into(),
            client_id: RAIL.into(),
            site_key: None,
            proof,
            remember: true,
            created_at: now,
            last_active_at: now,
            expires_at: now.plus(HOUR),
            ip: String::new(),
            user_agent: String::new(),
            device: String::new(),
            browser: None,
            clients: Vec::new(),
        }
    }

    async fn end(&self, session: &Session) {
        let now = self.app.clock.now();
        let event = self.origin.event(Action::Logout, None, now, json!({}));
        let ends = [session_end(&self.app, session.sid, now)];
        self.app.identity.cut_off(&ends, &event).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.courier.abort();
    }
}

/// A listener that answers these statuses in turn, and tells the bodies that came.
async fn listener(statuses: &'static [u16]) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/out", listener.local_addr().unwrap());
    let (told, came) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for status in statuses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut text, mut part) = (String::new(), [0; 4096]);
            while !text.contains("logout_token=") {
                let read = stream.read(&mut part).await.unwrap();
                text.push_str(std::str::from_utf8(&part[..read]).unwrap());
            }
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            told.send(body.to_owned()).unwrap();
            let answer =
                format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, came)
}

async fn await_end_of(world: &World, client: &Client, session: &Session, now: Time) {
    let Session { user_id, sid, expires_at, .. } = session;
    await_end(&world.app, client, *user_id, *sid, *expires_at, now).await.unwrap();
}

fn read(app: &App, body: &str) -> LogoutClaims {
    let token = body.strip_prefix("logout_token=").unwrap();
    verify_signed(&app.keys.published(), LOGOUT_TOKEN_TYPE, token).unwrap()
}

#[tokio::test]
async fn the_end_of_a_session_is_told_once_with_a_token_that_names_it() {
    let world = World::new().await;
    let (url, mut came) = listener(&[204, 204]).await;
    let client = world.client(&url).await;
    let [session, other] = [world.session(), world.session()];
    let now = world.app.clock.now();
    for session in [&session, &session, &other] {
        await_end_of(&world, &client, session, now).await;
    }
    world.end(&session).await;
    let body = tokio::time::timeout(PATIENCE, came.recv()).await.unwrap().unwrap();
    let claims = read(&world.app, &body);
    assert_eq!(
        (claims.sid.as_str(), claims.sub.as_str()),
        (&*session.sid.to_string(), &*session.user_id.to_string())
    );
    assert_eq!((claims.aud.as_str(), claims.iss.as_str()), ("app", world.app.issuer.as_str()));
    assert!(claims.exp > claims.iat && claims.exp <= claims.iat + 120);
    assert_eq!(claims.events, json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    // What came next is of the other session: nothing came twice.
    world.end(&other).await;
    let body = tokio::time::timeout(PATIENCE, came.recv()).await.unwrap().unwrap();
    assert_eq!(read(&world.app, &body).sid, other.sid.to_string());
}

#[tokio::test]
async fn a_session_that_is_over_when_its_client_comes_is_told_of_at_once() {
    let world = World::new().await;
    let (url, mut came) = listener(&[200]).await;
    let client = world.client(&url).await;
    let session = world.session();
    world.end(&session).await;
    let now = world.app.clock.now();
    await_end_of(&world, &client, &session, now).await;
    let body = tokio::time::timeout(PATIENCE, came.recv()).await.unwrap().unwrap();
    assert_eq!(read(&world.app, &body).sid, session.sid.to_string());
}

#[tokio::test]
async fn a_client_that_fails_is_told_again_with_a_new_token() {
    let world = World::new().await;
    let (url, mut came) = listener(&[503, 200]).await;
    let client = world.client(&url).await;
    let session = world.session();
    let now = world.app.clock.now();
    await_end_of(&world, &client, &session, now).await;
    world.end(&session).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let body = tokio::time::timeout(PATIENCE, came.recv()).await.unwrap().unwrap();
        let claims = read(&world.app, &body);
        assert_eq!(claims.sid, session.sid.to_string());
        ids.push(claims.jti);
    }
    assert_ne!(ids[0], ids[1]);
}
