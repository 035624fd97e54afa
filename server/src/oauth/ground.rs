//! Where the use cases are tried: an app over a real store, people, clients and codes in it.

use std::{sync::Arc, time::Duration};

use jwks::{Algorithm, Time, policy::Level};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    OAuthResult, audience,
    client_secret::secret_mac,
    grants::{self, Issued},
    params::Params,
};
use crate::{
    app::App,
    auth::{
        login::SESSIONS_KEPT,
        origin::{Origin, RAIL},
        registration::new_user,
    },
    clock::{Clock, new_id, random},
    config::Config,
    data_dir::tests::Scratch,
    domain::{
        audit::Action,
        authorization::{Code, Granted},
        client::{Client, ClientAuthMethod, Metadata, Registrar},
        login::normalise_address,
        secret::{OpaqueToken, TokenKind},
        session::{Proof, Session},
        user::{User, UserStatus},
    },
    store::embedded::Embedded,
};

pub const SECRET: &str = "bench-secret";
pub const CALLBACK: &str = "https://app.example/cb";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub struct Ground {
    pub app: Arc<App>,
    pub origin: Origin,
    _folder: Scratch,
}

impl Ground {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    /// Where clients may be fetched from on this machine.
    pub async fn allowing_loopback() -> Self {
        let mut config = Config::default();
        config.outgoing.allow_private = vec!["127.0.0.0/8".parse().unwrap()];
        Self::with(config).await
    }

    /// With settings of one's own.
    pub async fn with(config: Config) -> Self {
        let folder = Scratch::new();
        let store = Embedded::open(&folder.0).unwrap();
        let clock = Clock::system();
        let app =
            App::assemble(config, folder.0.clone(), clock, store.clone(), store, [7; 32]).unwrap();
        app.prepare().await.unwrap();
        let origin = Origin {
            ip: [192, 0, 2, 7].into(),
            user_agent: String::new(),
            request_id: "req_1".into(),
            client_id: RAIL.into(),
            known: None,
        };
        Self { app, origin, _folder: folder }
    }

    /// A confidential client that may do everything; `change` makes it another.
    pub async fn client(&self, client_id: &str, change: impl FnOnce(&mut Client)) -> Arc<Client> {
        let now = self.app.clock.now();
        let grants = ["authorization_code", "refresh_token", "client_credentials"];
        let mut client = Client {
            client_id: client_id.to_owned(),
            secret: Some(secret_mac(&self.app, client_id, SECRET)),
            registration_token: None,
            registrar: Registrar::Operator,
            metadata: Metadata {
                redirect_uris: vec![CALLBACK.to_owned()],
                token_endpoint_auth_method: ClientAuthMethod::ClientSecretPost,
                grant_types: grants.map(ToOwned::to_owned).to_vec(),
                response_types: vec!["code".to_owned()],
                scope: Some("openid profile email offline_access api admin".to_owned()),
                id_token_signed_response_alg: Some(Algorithm::ES256),
                first_party: true,
                ..Metadata::default()
            },
            created_at: now,
            updated_at: now,
        };
        change(&mut client);
        let event = self.origin.event(Action::ClientCreated, None, now, json!({}));
        assert!(self.app.identity.create_client(&client, &event).await.unwrap());
        Arc::new(client)
    }

    pub async fn person(&self) -> User {
        let now = self.app.clock.now();
        let address = normalise_address("ada@example.com").unwrap();
        let user = User {
            status: UserStatus::Active,
            roles: vec!["clerk".to_owned()],
            ..new_user(address, "Ada", None, now)
        };
        let event = self.origin.event(Action::UserCreated, Some(&user), now, json!({}));
        self.app.identity.create_user(&user, &[], &[], false, &event).await.unwrap();
        user
    }

    /// A session of the person in a browser.
    pub async fn session(&self, user: &User) -> Session {
        let now = self.app.clock.now();
        let session = Session {
            sid: new_id(now),
            user_id: user.id,
            tenant_id: user.tenant_id.clone(),
            client_id: "browser".to_owned(),
            site_key: None,
            proof: proof(now),
            remember: true,
            created_at: now,
            last_active_at: now,
            expires_at: now.plus(Duration::from_secs(86_400)),
            ip: "192.0.2.7".to_owned(),
            user_agent: String::new(),
            device: String::new(),
            browser: None,
            clients: Vec::new(),
        };
        self.app.sessions.open_session(&session, None, SESSIONS_KEPT).await.unwrap();
        session
    }

    /// A code for `client`, as the authorization endpoint makes it; `change` makes it another.
    pub async fn code(
        &self,
        client: &Client,
        session: &Session,
        scope: &str,
        change: impl FnOnce(&mut Code),
    ) -> (OpaqueToken, Code) {
        let now = self.app.clock.now();
        let token = OpaqueToken::new(TokenKind::Code, &[], random());
        let mut code = Code {
            client_id: client.client_id.clone(),
            redirect_uri: CALLBACK.to_owned(),
            names_redirect_uri: true,
            user_id: session.user_id,
            sid: session.sid,
            scope: scope.to_owned(),
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            pkce: Some(format!("{CHALLENGE}S")),
            granted: Granted {
                grant_id: new_id(now),
                proof: session.proof.clone(),
                resource: audience::asked(
                    &self.app.issuer,
                    client,
                    scope,
                    &Params::new(Vec::new()),
                )
                .unwrap(),
                claims: Default::default(),
                id_sid: session.sid,
            },
            issued_at: now,
            expires_at: now.plus(Duration::from_secs(60)),
        };
        change(&mut code);
        assert!(self.app.sessions.issue_code(&token.hash(), &code).await.unwrap());
        (token, code)
    }

    /// Asks the token endpoint, with the client's secret in the body.
    pub async fn ask(&self, client: &Client, params: &[(&str, &str)]) -> OAuthResult<Issued> {
        let params = signed(client, params);
        grants::issue(&self.app, self.origin.clone(), None, &params, "/token").await
    }

    pub async fn redeem(&self, client: &Client, code: &OpaqueToken) -> OAuthResult<Issued> {
        self.ask(client, &redemption(code.as_str())).await
    }

    pub async fn refresh(&self, client: &Client, token: &str) -> OAuthResult<Issued> {
        self.ask(client, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// What introspection says of a token.
    pub async fn introspect(&self, client: &Client, token: &str) -> Value {
        let params = signed(client, &[("token", token)]);
        let told =
            super::introspection::introspect(&self.app, &self.origin, None, &params, "/introspect");
        told.await.unwrap().into()
    }

    pub async fn is_active(&self, client: &Client, token: &str) -> bool {
        self.introspect(client, token).await["active"].as_bool().unwrap()
    }
}

pub fn proof(now: Time) -> Proof {
    Proof {
        acr: Level::OneFactor,
        amr: vec!["pwd".into()],
        auth_time: now,
        device_at: None,
        model: None,
    }
}

/// A redemption of `code` with everything that goes with it.
pub fn redemption(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// `params` with what shows who the client is.
pub fn signed(client: &Client, params: &[(&str, &str)]) -> Params {
    let mut all = vec![("client_id", client.client_id.as_str())];
    if !client.is_public() {
        all.push(("client_secret", SECRET));
    }
    all.extend(params);
    Params::new(all.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let body = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// Names the session where it is asked for by text.
pub fn id(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}
