//! What an edge asks of the server directly, as the client that every edge is: for the sessions of
//! browsers, and for API keys that the view has no room for; and what it tells. No request that carries a session waits
//! for it, but one whose token is over.

use std::{net::IpAddr, time::Duration};

use jwks::{
    api_key::KeyHolder,
    site_session::{CLIENT_ID, GRANT_TYPE, LARGEST_SEALED_FORM},
};
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use url::form_urlencoded;
use uuid::Uuid;

use crate::config::EdgeConfig;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
/// What an answer with tokens may be long.
const MAX_ANSWER: usize = 64 * 1024;

/// Why the server gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It said no, by this error code (RFC 6749 section 5.2).
    #[error("the server said {0}")]
    Refused(String),
    /// It was not there, or could not answer.
    #[error("the server is away: {0}")]
    Away(String),
}

impl From<reqwest::Error> for Denied {
    fn from(error: reqwest::Error) -> Self {
        // The address of a request is in its error; it holds no secret here, but is of no use either.
        Self::Away(error.without_url().to_string())
    }
}

/// What the server gives for a code, or for a token that is renewed.
#[derive(Deserialize)]
pub struct Tokens {
    /// Good at the site.
    pub access_token: String,
    /// Says who signed in, and what for.
    #[serde(default)]
    pub id_token: String,
}

#[derive(Deserialize)]
struct Error {
    error: String,
}

/// The way to the server.
pub struct Backchannel {
    client: Client,
    server: String,
    credential: String,
}

impl Backchannel {
    /// The way to the server whose feed is followed.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(config: &EdgeConfig) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .build()?;
        Ok(Self {
            client,
            server: config.server_url.as_str().trim_end_matches('/').to_owned(),
            credential: config.credential.clone(),
        })
    }

    /// Redeems a code that was sent to `redirect_uri`, for tokens that are good at `resource`.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn redeem(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
        resource: &str,
    ) -> Result<Tokens, Denied> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
            ("resource", resource),
        ];
        read(self.post("/token", &pairs).await?).await
    }

    /// Has the token of a session renewed.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn renew(&self, token: &str) -> Result<Tokens, Denied> {
        let pairs = [("grant_type", GRANT_TYPE), ("token", token)];
        read(self.post("/token", &pairs).await?).await
    }

    /// Ends the session that a token is of.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn end(&self, token: &str) -> Result<(), Denied> {
        let _: serde::de::IgnoredAny =
            read(self.post("/revoke", &[("token", token)]).await?).await?;
        Ok(())
    }

    /// Keeps what was sealed of a form of somebody at this address.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn keep(&self, name: &str, ip: IpAddr, sealed: Vec<u8>) -> Result<(), Denied> {
        let address = format!("{}/edge/forms/{name}?ip={}", self.server, ip.to_canonical());
        let sending = self.client.post(address).bearer_auth(&self.credential).body(sealed);
        match sending.send().await?.status() {
            StatusCode::NO_CONTENT => Ok(()),
            other => Err(Denied::Away(format!("it answered {other}"))),
        }
    }

    /// Takes it away. `None`: it is over, or was taken.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn take(&self, name: &str) -> Result<Option<Vec<u8>>, Denied> {
        let address = format!("{}/edge/forms/{name}/taken", self.server);
        let response = self.client.post(address).bearer_auth(&self.credential).send().await?;
        match response.status() {
            StatusCode::OK => Ok(Some(whole(response, LARGEST_SEALED_FORM).await?)),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(Denied::Away(format!("it answered {other}"))),
        }
    }

    /// The person whose API key this is. `None`: it is none.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn key_holder(&self, key: Uuid) -> Result<Option<KeyHolder>, Denied> {
        let address = format!("{}/feed/key", self.server);
        let asking = self.client.post(address).bearer_auth(&self.credential);
        let response = asking.json(&serde_json::json!({ "key": key })).send().await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => read(response).await.map(Some),
        }
    }

    /// Tells something, as JSON.
    ///
    /// # Errors
    /// The server was not there, or did not take it.
    pub async fn tell(&self, path: &str, json: String) -> Result<Response, reqwest::Error> {
        let telling = self.client.post(format!("{}{path}", self.server));
        let telling = telling.bearer_auth(&self.credential);
        let telling = telling.header(http::header::CONTENT_TYPE, "application/json").body(json);
        let told = telling.send().await.and_then(Response::error_for_status);
        told.map_err(reqwest::Error::without_url)
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Response, reqwest::Error> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.client
            .post(format!("{}{path}", self.server))
            .basic_auth(CLIENT_ID, Some(&self.credential))
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
    }
}

async fn whole(mut response: Response, most: usize) -> Result<Vec<u8>, Denied> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(Denied::Away("the answer is too long".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Denied> {
    let status = response.status();
    let body = whole(response, MAX_ANSWER).await?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|error| Denied::Away(error.to_string()));
    }
    let away = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    match serde_json::from_slice::<Error>(&body) {
        Ok(refused) if !away => Err(Denied::Refused(refused.error)),
        _ => Err(Denied::Away(format!("it answered {status}"))),
    }
}
