//! A client of the server.

use std::time::Instant;

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use serde_json::Value;

use crate::{answer::Answer, document};

/// Where the Auth Rail is.
pub const BASE: &str = "/api/v1/auth";

/// A client of one server.
#[derive(Clone)]
pub struct Rail {
    client: Client,
    address: String,
}

/// A client that follows nothing, trusts nothing and asks nobody on its way.
pub(crate) fn client() -> Client {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .tls_certs_only([])
        .user_agent("signalbox-tests")
        .build()
        .unwrap()
}

impl Rail {
    /// A client of the server at `address`, `http://host:port`.
    #[must_use]
    pub fn new(address: String) -> Self {
        Self { client: client(), address }
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A request to an endpoint of the Auth Rail.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        self.client.request(method, format!("{}{BASE}{path}", self.address))
    }

    /// A request to any path of the server.
    pub fn request_root(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        self.client.request(method, format!("{}{path}", self.address))
    }

    /// Calls any path of the server.
    pub async fn root(&self, method: &str, path: &str) -> Answer {
        send(self.request_root(method, path)).await
    }

    /// Posts a form, as a browser does from a page of this server.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self
            .request_root("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html");
        send(request.body(body.join("&"))).await
    }

    /// POST without a bearer.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request("POST", path).json(&body)).await
    }

    /// POST with a bearer.
    pub async fn post_as(&self, bearer: &str, path: &str, body: Value) -> Answer {
        send(self.request("POST", path).bearer_auth(bearer).json(&body)).await
    }

    /// Any method with a bearer, without a body.
    pub async fn call_as(&self, bearer: &str, method: &str, path: &str) -> Answer {
        send(self.request(method, path).bearer_auth(bearer)).await
    }
}

/// Sends a request, and reads the answer to its end.
///
/// # Panics
/// When there is no whole answer, or a server gives one that it does not declare.
pub async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// The same, where the connection may break.
///
/// # Errors
/// When there is no whole answer.
pub async fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let (client, request) = request.build_split();
    let request = request?;
    let (method, url) = (request.method().clone(), request.url().clone());
    let sent = Instant::now();
    let response = client.execute(request).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let answer = Answer { status, headers, text, elapsed: sent.elapsed() };
    document::judge(&client, method.as_str(), &url, &answer).await;
    Ok(answer)
}

fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).into()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
