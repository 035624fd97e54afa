//! A small browser: it keeps cookies, reads forms, and goes where a page leads, without JavaScript.
//! It never leaves the server: where it is sent elsewhere, that is noted and not called.

use std::collections::BTreeMap;

use reqwest::{Client, Method, Url};

use crate::{
    answer::Answer,
    person::Person,
    rail::{client, send},
    world::World,
};

/// A browser of one person.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    /// The one origin that it calls.
    origin: String,
    agent: String,
    cookies: BTreeMap<String, Cookie>,
    page: Option<Page>,
    left: Option<Left>,
}

/// A cookie that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its value.
    pub value: String,
    /// Everything behind the value, as it came.
    pub attributes: String,
}

/// What is shown.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its address.
    pub url: Url,
    /// How it came.
    pub answer: Answer,
}

/// Where a redirect or a form leads that is no page of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The address, with query and fragment.
    pub url: String,
    /// The fields of a form that would be posted there; `None`: a redirect.
    pub fields: Option<Vec<(String, String)>>,
}

/// A form of a page, with what it would send as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it goes, as written.
    pub action: String,
    /// How, upper case.
    pub method: String,
    /// Its fields that are sent anyway: hidden ones, those filled in, boxes that are checked.
    pub fields: Vec<(String, String)>,
    /// The names of everything that can be filled in, checked or pressed, with its value.
    pub controls: Vec<(String, String)>,
}

impl Browser {
    /// A new browser of somebody who calls the first server.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            client: client(),
            origin: world.issuer(),
            agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            cookies: BTreeMap::new(),
            page: None,
            left: None,
        }
    }

    /// Goes to an address of the server (absolute, or a path), and on as long as it redirects to
    /// itself.
    ///
    /// # Panics
    /// For an address elsewhere.
    pub async fn get(&mut self, url: &str) -> &Page {
        self.step(url).await;
        self.follow().await
    }

    /// Goes to an address of the server, and no further.
    ///
    /// # Panics
    /// For an address elsewhere.
    pub async fn step(&mut self, url: &str) -> &Page {
        let url = self.resolve(url);
        assert_eq!(url.origin().ascii_serialization(), self.origin, "{url} is elsewhere");
        self.call(Method::GET, url, None, "none").await
    }

    /// Fills in the first form of the page that has all these fields (a button is pressed by
    /// naming it), sends it, and goes on as long as the server redirects to itself.
    ///
    /// # Panics
    /// Without such a form.
    pub async fn submit(&mut self, fields: &[(&str, &str)]) -> &Page {
        let form = self.form_with(fields);
        self.send_form(form, fields).await;
        self.follow().await
    }

    /// As [`Self::submit`], without going anywhere from the answer.
    ///
    /// # Panics
    /// Without such a form.
    pub async fn submit_only(&mut self, fields: &[(&str, &str)]) -> &Page {
        let form = self.form_with(fields);
        self.send_form(form, fields).await
    }

    /// Fills in the sign-in page that is shown with somebody's address and password, and sends it.
    ///
    /// # Panics
    /// On any other page.
    pub async fn sign_in(&mut self, person: &Person) -> &Page {
        self.submit(&[("username", &person.email), ("password", &person.password)]).await
    }

    /// Posts fields to a path as a form of a page of ours would, whatever page is shown, and goes on as
    /// long as the server redirects to itself.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> &Page {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = self.resolve(path);
        self.call(Method::POST, url, Some(encoded(&fields)), "same-origin").await;
        self.follow().await
    }

    /// Follows redirects as long as they lead to this server. Where one leads elsewhere,
    /// [`Self::left`] says so.
    ///
    /// # Panics
    /// When they never end.
    pub async fn follow(&mut self) -> &Page {
        for _ in 0..20 {
            if self.left.is_some() || !(300..400).contains(&self.answer().status) {
                return self.page();
            }
            let target = self.answer().header("location").to_owned();
            assert!(!target.is_empty(), "a redirect to nowhere: {:?}", self.answer());
            let url = self.resolve(&target);
            if url.origin().ascii_serialization() == self.origin {
                self.call(Method::GET, url, None, "none").await;
            } else {
                self.left = Some(Left { url: target, fields: None });
            }
        }
        panic!("redirects without an end, the last to {}", self.page().url);
    }

    /// The page that is shown.
    ///
    /// # Panics
    /// Before the first.
    #[must_use]
    #[track_caller]
    pub fn page(&self) -> &Page {
        self.page.as_ref().unwrap()
    }

    /// How the page that is shown came.
    #[must_use]
    #[track_caller]
    pub fn answer(&self) -> &Answer {
        &self.page().answer
    }

    /// The path of the page that is shown.
    #[must_use]
    #[track_caller]
    pub fn path(&self) -> &str {
        self.page().url.path()
    }

    /// Asks for this page of the server to be shown, and not as one that was refused.
    ///
    /// # Panics
    /// When another one is, or it was sent elsewhere.
    #[track_caller]
    pub fn expect_at(&self, path: &str) {
        let Page { url, answer } = self.page();
        let shown = (self.left(), url.path(), answer.status);
        assert_eq!(shown, (None, path, 200), "{url}: {}", answer.text);
    }

    /// Where it was sent that is not this server.
    #[must_use]
    pub const fn left(&self) -> Option<&Left> {
        self.left.as_ref()
    }

    /// The parameters with which it was sent elsewhere: of the query, of the fragment, or of the
    /// form.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    #[track_caller]
    pub fn arrived(&self) -> BTreeMap<String, String> {
        let shown = || format!("{:?}", self.page.as_ref().map(|page| &page.answer.text));
        let left = self.left.as_ref().unwrap_or_else(|| panic!("still here: {}", shown()));
        if let Some(fields) = &left.fields {
            return fields.iter().cloned().collect();
        }
        let mut url: Url = left.url.parse().unwrap();
        if let Some(fragment) = url.fragment().map(ToOwned::to_owned) {
            url.set_query(Some(&fragment));
        }
        url.query_pairs().into_owned().collect()
    }

    /// A cookie that it holds.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&Cookie> {
        self.cookies.get(name)
    }

    /// The names of the cookies that it holds.
    #[must_use]
    pub fn cookie_names(&self) -> Vec<&str> {
        self.cookies.keys().map(String::as_str).collect()
    }

    /// Puts a cookie in; takes one out that has no value.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            let cookie = Cookie { value: value.to_owned(), attributes: String::new() };
            self.cookies.insert(name.to_owned(), cookie);
        }
    }

    /// Forgets the cookies that die with the browser: those without an age.
    pub fn restart(&mut self) {
        self.cookies.retain(|_, cookie| cookie.attributes.contains("Max-Age"));
        (self.page, self.left) = (None, None);
    }

    /// A second tab: the same cookies as they are now, and a page of its own.
    #[must_use]
    pub fn tab(&self) -> Self {
        Self { page: None, left: None, ..self.clone() }
    }

    /// Takes over the cookies of another tab of the same browser.
    pub fn share_cookies_of(&mut self, other: &Self) {
        self.cookies.clone_from(&other.cookies);
    }

    /// The forms of the page that is shown.
    #[must_use]
    #[track_caller]
    pub fn forms(&self) -> Vec<Form> {
        forms(&self.answer().text)
    }

    /// The text of the element of this id, without the elements within it.
    #[must_use]
    #[track_caller]
    pub fn element(&self, id: &str) -> Option<String> {
        let html = &self.answer().text;
        tags(html).into_iter().find(|tag| tag.get("id").as_deref() == Some(id)).map(|tag| {
            let rest = &html[tag.end..];
            unescaped(rest.split('<').next().unwrap_or_default()).trim().to_owned()
        })
    }

    /// The first attribute of this name on the page that is shown.
    #[must_use]
    #[track_caller]
    pub fn attribute(&self, name: &str) -> Option<String> {
        tags(&self.answer().text).iter().find_map(|tag| tag.get(name))
    }

    fn form_with(&self, wanted: &[(&str, &str)]) -> Form {
        let forms = self.forms();
        let has = |form: &Form, name: &str| {
            form.controls.iter().chain(&form.fields).any(|(control, _)| control == name)
        };
        let found = forms.iter().find(|form| wanted.iter().all(|(name, _)| has(form, name)));
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        found.cloned().unwrap_or_else(|| {
            panic!("no form with {names:?} at {}: {}", self.page().url, self.answer().text)
        })
    }

    async fn send_form(&mut self, form: Form, filled_in: &[(&str, &str)]) -> &Page {
        let mut fields = form.fields;
        fields.retain(|(name, _)| !filled_in.iter().any(|(filled, _)| filled == name));
        fields.extend(filled_in.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        let mut url = self.page().url.clone();
        if !form.action.is_empty() {
            url = self.resolve(&form.action);
        }
        if url.origin().ascii_serialization() != self.origin {
            self.left = Some(Left { url: form.action, fields: Some(fields) });
            return self.page();
        }
        if form.method == "POST" {
            self.call(Method::POST, url, Some(encoded(&fields)), "same-origin").await
        } else {
            url.set_query(Some(&encoded(&fields)));
            self.call(Method::GET, url, None, "same-origin").await
        }
    }

    /// As browsers do from pages that say `Referrer-Policy: no-referrer`.
    async fn call(&mut self, method: Method, url: Url, body: Option<String>, site: &str) -> &Page {
        let mut request = self
            .client
            .request(method, url.clone())
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("accept-language", "en")
            .header("user-agent", &self.agent)
            .header("sec-fetch-site", site)
            .header("sec-fetch-mode", "navigate");
        let held: Vec<String> =
            self.cookies.iter().map(|(name, cookie)| format!("{name}={}", cookie.value)).collect();
        if !held.is_empty() {
            request = request.header("cookie", held.join("; "));
        }
        if let Some(body) = body {
            request = request
                .header("origin", "null")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body);
        }
        let answer = send(request).await;
        for field in answer.headers.get_all("set-cookie") {
            self.keep(field.to_str().unwrap());
        }
        self.left = None;
        self.page.insert(Page { url, answer })
    }

    fn keep(&mut self, field: &str) {
        let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
        let (name, value) = pair.trim().split_once('=').unwrap();
        let attributes = attributes.trim().to_owned();
        if attributes.split("; ").any(|one| one == "Max-Age=0") {
            self.cookies.remove(name);
        } else {
            let cookie = Cookie { value: value.to_owned(), attributes };
            self.cookies.insert(name.to_owned(), cookie);
        }
    }

    fn resolve(&self, url: &str) -> Url {
        let here = self
            .page
            .as_ref()
            .map_or_else(|| self.origin.parse::<Url>().unwrap(), |page| page.url.clone());
        here.join(url).unwrap_or_else(|error| panic!("{error}: {url}"))
    }
}

/// Pairs as a form sends them.
#[must_use]
pub fn encoded(pairs: &[(String, String)]) -> String {
    let mut url: Url = "http://localhost/".parse().unwrap();
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// An opening tag.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    /// Where it ends in its page.
    end: usize,
}

impl Tag {
    fn get(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }
}

/// The tags of a page, in order, closing ones with their slash. Reads what this server writes:
/// attributes in double quotes or without a value.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = html[at..].find('<').map(|open| at + open) {
        if html[open..].starts_with("<!--") {
            at = html[open..].find("-->").map_or(html.len(), |end| open + end + 3);
            continue;
        }
        let mut quoted = false;
        let end = html[open..].find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let Some(end) = end.map(|end| open + end) else { break };
        found.push(tag(&html[open + 1..end], end + 1));
        at = end + 1;
    }
    found
}

fn tag(text: &str, end: usize) -> Tag {
    let (name, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            break;
        }
        let stop = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(stop);
        let (value, after) = match after.strip_prefix("=\"") {
            Some(after) => after.split_once('"').unwrap_or((after, "")),
            None => match after.strip_prefix('=') {
                Some(after) => after.split_once(char::is_whitespace).unwrap_or((after, "")),
                None => ("", after),
            },
        };
        attributes.push((name.to_ascii_lowercase(), unescaped(value)));
        rest = after;
    }
    Tag { name: name.to_ascii_lowercase(), attributes, end }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';').unwrap_or((after, ""));
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "nbsp" => '\u{a0}',
            other => {
                let digits = other.strip_prefix('#').unwrap_or_else(|| panic!("&{other};"));
                let number = match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).unwrap(),
                    None => digits.parse().unwrap(),
                };
                char::from_u32(number).unwrap()
            }
        });
        rest = after;
    }
    plain + rest
}

/// The forms of a page. A control outside that names a form by its id (`form="…"`) belongs to it.
fn forms(html: &str) -> Vec<Form> {
    let tags = tags(html);
    let mut found: Vec<(Option<String>, Form)> = Vec::new();
    let mut is_open = false;
    for (at, tag) in tags.iter().enumerate() {
        match tag.name.as_str() {
            "form" => {
                let method = tag.get("method").unwrap_or_default().to_ascii_uppercase();
                let method = if method == "POST" { method } else { "GET".to_owned() };
                let action = tag.get("action").unwrap_or_default();
                found.push((tag.get("id"), Form { action, method, ..Form::default() }));
                is_open = true;
            }
            "/form" => is_open = false,
            "input" | "button" | "select" | "textarea" => {
                let tag = &within(html, tag);
                let owner = match tag.get("form") {
                    Some(id) => found.iter_mut().find(|(own, _)| own.as_ref() == Some(&id)),
                    None => found.last_mut().filter(|_| is_open),
                };
                if let Some((_, form)) = owner {
                    control(form, tag, &tags[at + 1..]);
                }
            }
            _ => {}
        }
    }
    found.into_iter().map(|(_, form)| form).collect()
}

/// A tag with what is between it and its end as its value, where that is what it holds.
fn within(html: &str, tag: &Tag) -> Tag {
    let mut attributes = tag.attributes.clone();
    if tag.name == "textarea" {
        let text = html[tag.end..].split("</textarea").next().unwrap_or_default();
        // The first line break belongs to the tag (HTML, "The textarea element").
        let text = text.strip_prefix('\n').unwrap_or(text);
        attributes.push(("value".to_owned(), unescaped(text)));
    }
    Tag { name: tag.name.clone(), attributes, end: tag.end }
}

fn control(form: &mut Form, tag: &Tag, after: &[Tag]) {
    let Some(name) = tag.get("name") else { return };
    let kind = tag.get("type").unwrap_or_default();
    let value = tag.get("value");
    match (tag.name.as_str(), kind.as_str()) {
        ("button", _) | ("input", "submit") => {
            form.controls.push((name, value.unwrap_or_default()));
        }
        ("input", "checkbox" | "radio") => {
            let value = value.unwrap_or_else(|| "on".to_owned());
            if tag.get("checked").is_some() {
                form.fields.push((name.clone(), value.clone()));
            }
            form.controls.push((name, value));
        }
        ("input", "hidden") => form.fields.push((name, value.unwrap_or_default())),
        ("select", _) => {
            let options = after.iter().take_while(|tag| tag.name != "/select");
            let options: Vec<&Tag> = options.filter(|tag| tag.name == "option").collect();
            let chosen = options.iter().find(|option| option.get("selected").is_some());
            let chosen = chosen.or(options.first()).and_then(|option| option.get("value"));
            form.fields.push((name.clone(), chosen.unwrap_or_default()));
            form.controls.push((name, String::new()));
        }
        _ => {
            let value = value.unwrap_or_default();
            form.fields.push((name.clone(), value.clone()));
            form.controls.push((name, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn a_form_is_read_with_what_it_would_send() {
        let html = r#"<!-- <form> --><form method="post" action="/login?a=1&amp;b=2" id="f">
            <input type=hidden name="csrf" value="a&quot;b&#39;c">
            <input name="username" value="ada" required><input type="checkbox" name="remember" checked>
            <input type="checkbox" name="trust_device" value="yes">
            <button type="submit">Sign in</button></form>
            <button form="f" name="method" value="TOTP">Other</button><form action="/x"></form>"#;
        let found = forms(html);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].method.as_str(), found[1].method.as_str()), ("POST", "GET"));
        assert_eq!(found[0].action, "/login?a=1&b=2");
        let sent = pairs(&[("csrf", "a\"b'c"), ("username", "ada"), ("remember", "on")]);
        assert_eq!(found[0].fields, sent);
        let controls: Vec<&str> = found[0].controls.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(controls, ["username", "remember", "trust_device", "method"]);
    }
}
