//! A caller of sites behind an edge.

use reqwest::{Client, Method, RequestBuilder};

use crate::{
    answer::Answer,
    rail::{client, send},
};

/// The demo site's host.
pub const DEMO: &str = "demo.localhost";

/// A caller of one edge.
#[derive(Clone)]
pub struct Edge {
    client: Client,
    port: u16,
}

impl Edge {
    /// A caller of the edge on this port of loopback.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { client: client(), port }
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A request to a site.
    pub fn request(&self, method: &str, host: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        let request = self.client.request(method, format!("http://127.0.0.1:{}{path}", self.port));
        request.header("host", format!("{host}:{}", self.port))
    }

    /// GET at the demo site, with a bearer.
    pub async fn demo(&self, bearer: &str) -> Answer {
        self.get(DEMO, "/", bearer).await
    }

    /// GET at any site, with a bearer.
    pub async fn get(&self, host: &str, path: &str, bearer: &str) -> Answer {
        send(self.request("GET", host, path).bearer_auth(bearer)).await
    }

    /// GET at any site, without a credential.
    pub async fn get_anonymously(&self, host: &str, path: &str) -> Answer {
        send(self.request("GET", host, path)).await
    }
}
