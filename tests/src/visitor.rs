//! Somebody at a browser who goes to sites behind an edge: it keeps the cookies of each host apart,
//! goes to the server where it is sent there, and comes back. Without JavaScript.

use std::collections::BTreeMap;

use reqwest::{Client, Method, Url};

use crate::{
    answer::Answer,
    browser::{Browser, encoded},
    person::Person,
    rail::{client, send},
    relying_party::has,
    world::World,
};

/// The browser of one person.
#[derive(Clone)]
pub struct Visitor {
    client: Client,
    /// What it shows and holds of the server.
    pub server: Browser,
    /// The port of the edge, whatever an address says: a browser that went to another edge.
    pub port: u16,
    issuer: String,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    /// The answer that is shown, of a site.
    shown: Option<(Url, Answer)>,
}

impl Visitor {
    /// A new browser of somebody who calls the first edge and the first server.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            client: client(),
            server: Browser::new(world),
            port: world.edge().port(),
            issuer: world.issuer(),
            cookies: BTreeMap::new(),
            shown: None,
        }
    }

    /// Goes to an address of a site, and wherever that leads, until a page is shown: of a site, or of
    /// the server.
    pub async fn get(&mut self, url: &str) -> &Answer {
        let url: Url = url.parse().unwrap();
        let answer = self.navigate(Method::GET, url.clone(), None, "none").await;
        self.follow(url, answer).await
    }

    /// The same without following anything.
    pub async fn step(&mut self, url: &str) -> Answer {
        self.navigate(Method::GET, url.parse().unwrap(), None, "none").await
    }

    /// Posts a form from a page of the same site, and goes wherever that leads.
    pub async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> &Answer {
        let url: Url = url.parse().unwrap();
        let answer = self.post_only(url.as_str(), fields).await;
        self.follow(url, answer).await
    }

    /// The same without following anything.
    pub async fn post_only(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = Some(encoded(&fields).into_bytes());
        self.navigate(Method::POST, url.parse().unwrap(), body, "same-origin").await
    }

    /// A call of a script at a site, with these fields besides.
    pub async fn call(&mut self, method: &str, url: &str, fields: &[(&str, &str)]) -> Answer {
        let url: Url = url.parse().unwrap();
        let mut request = self
            .client
            .request(method.parse().unwrap(), self.address(&url))
            .header("host", host_of(&url))
            .header("accept", "application/json");
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("sec-fetch-site")) {
            request = request.header("sec-fetch-site", "same-origin");
        }
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("sec-fetch-mode")) {
            request = request.header("sec-fetch-mode", "cors");
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.send(&url, request).await
    }

    /// Answers the pages of the server as `person`, and goes back to the site.
    ///
    /// # Panics
    /// When a page asks for something else.
    pub async fn sign_in(&mut self, world: &World, person: &Person) -> &Answer {
        for _ in 0..6 {
            if self.server.left().is_some() {
                return self.come_back().await;
            }
            if has(&self.server, "password") {
                let fields = [("username", person.email.as_str()), ("password", &person.password)];
                self.server.submit(&fields).await;
            } else if has(&self.server, "code") {
                let code = person.code(world);
                self.server.submit(&[("code", &code)]).await;
            } else {
                let page = self.server.page();
                panic!("nothing to answer at {}: {}", page.url, page.answer.text);
            }
        }
        panic!("no end of pages, the last {}", self.server.page().url)
    }

    /// Goes where the server sends it.
    ///
    /// # Panics
    /// When the server shows a page.
    pub async fn come_back(&mut self) -> &Answer {
        let back = self
            .server
            .left()
            .unwrap_or_else(|| panic!("still at the server: {}", self.server.page().answer.text));
        let url: Url = back.url.parse().unwrap();
        let answer = self.navigate(Method::GET, url.clone(), None, "cross-site").await;
        self.follow(url, answer).await
    }

    /// Follows what `answer` of `url` says.
    ///
    /// # Panics
    /// When that never ends.
    pub async fn follow(&mut self, mut url: Url, mut answer: Answer) -> &Answer {
        for _ in 0..10 {
            let refresh = answer.header("refresh").strip_prefix("0;url=").map(ToOwned::to_owned);
            let location = refresh.unwrap_or_else(|| answer.header("location").to_owned());
            if location.is_empty() {
                return &self.shown.insert((url, answer)).1;
            }
            let target = url.join(&location).unwrap();
            if target.origin().ascii_serialization() == self.issuer {
                self.server.get(target.as_str()).await;
                let Some(left) = self.server.left() else {
                    self.shown = Some((url, answer));
                    return &self.server.page().answer;
                };
                url = left.url.parse().unwrap();
                answer = self.navigate(Method::GET, url.clone(), None, "cross-site").await;
            } else {
                url = target;
                answer = self.navigate(Method::GET, url.clone(), None, "cross-site").await;
            }
        }
        panic!("redirects without an end, the last to {url}")
    }

    /// Where the page of a site is that is shown.
    ///
    /// # Panics
    /// Before the first.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.shown.as_ref().unwrap().0
    }

    /// The cookie of this name that it holds of a host.
    #[must_use]
    pub fn cookie(&self, host: &str, name: &str) -> Option<&str> {
        self.cookies.get(host)?.get(name).map(String::as_str)
    }

    /// The names of the cookies that it holds of a host.
    #[must_use]
    pub fn cookie_names(&self, host: &str) -> Vec<&str> {
        let held = self.cookies.get(host);
        held.into_iter().flat_map(|held| held.keys().map(String::as_str)).collect()
    }

    /// Puts a cookie in; takes one out that has no value.
    pub fn set_cookie(&mut self, host: &str, name: &str, value: &str) {
        let held = self.cookies.entry(host.to_owned()).or_default();
        if value.is_empty() {
            held.remove(name);
        } else {
            held.insert(name.to_owned(), value.to_owned());
        }
    }

    async fn navigate(
        &mut self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
        site: &str,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, self.address(&url))
            .header("host", host_of(&url))
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-site", site)
            .header("sec-fetch-mode", "navigate");
        if let Some(body) = body {
            request = request
                .header("origin", url.origin().ascii_serialization())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body);
        }
        self.send(&url, request).await
    }

    async fn send(&mut self, url: &Url, mut request: reqwest::RequestBuilder) -> Answer {
        let host = url.host_str().unwrap_or_default().to_owned();
        if let Some(held) = self.cookies.get(&host).filter(|held| !held.is_empty()) {
            let held: Vec<String> =
                held.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", held.join("; "));
        }
        let answer = send(request).await;
        for field in answer.headers.get_all("set-cookie") {
            let field = field.to_str().unwrap();
            let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
            let (name, value) = pair.trim().split_once('=').unwrap();
            let is_removed = attributes.split(';').any(|one| one.trim() == "Max-Age=0");
            self.set_cookie(&host, name, if is_removed { "" } else { value });
        }
        answer
    }

    fn address(&self, url: &Url) -> String {
        let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
        format!("http://127.0.0.1:{}{}{query}", self.port, url.path())
    }
}

fn host_of(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", url.host_str().unwrap_or_default())
}
