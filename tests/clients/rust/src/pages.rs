//! What a browser does between the request and the answer: it follows redirects, keeps cookies and
//! sends forms.

use openidconnect::{
    HttpRequest, HttpResponse,
    http::{self, Method},
};
use ureq::Agent;
use url::{Url, form_urlencoded};

use crate::Outcome;

/// More steps than any way through the pages has.
const STEPS: usize = 20;

/// Somebody at a browser.
pub struct Browser {
    agent: Agent,
    username: String,
    password: String,
    code: Option<String>,
}

impl Browser {
    pub fn new(username: String, password: String, code: Option<String>) -> Self {
        Self { agent: agent(), username, password, code }
    }

    /// Goes to `start` and through whatever page comes, until it is sent to `target`: where to
    /// exactly.
    pub fn walk(&mut self, start: &Url, target: &str) -> Outcome<Url> {
        let mut here = start.clone();
        let mut answer = self.get(&here)?;
        for _ in 0..STEPS {
            if answer.status().is_redirection() {
                let to = answer.headers().get("location").ok_or("a redirect to nowhere")?;
                here = here.join(to.to_str()?)?;
                if here.as_str().starts_with(target) {
                    return Ok(here);
                }
                answer = self.get(&here)?;
                continue;
            }
            let status = answer.status();
            let page = String::from_utf8(answer.into_body())?;
            if status != 200 {
                return Err(format!("{here} answers {status}: {page}").into());
            }
            let (action, fields) = self
                .fill(&page)
                .ok_or_else(|| format!("no form that somebody could send at {here}: {page}"))?;
            let from = here.clone();
            here = here.join(&action)?;
            let body = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&fields)
                .finish()
                .into_bytes();
            let request = http::Request::post(here.as_str())
                .header("accept", "text/html")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("origin", from.origin().ascii_serialization())
                .body(body)?;
            answer = send(&self.agent, request)?;
        }
        Err(format!("still not at {target} after {STEPS} steps, but at {here}").into())
    }

    fn get(&self, url: &Url) -> Outcome<HttpResponse> {
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header("accept", "text/html")
            .body(Vec::new())?;
        Ok(send(&self.agent, request)?)
    }

    /// The form that can be sent: its action and its fields, filled in.
    fn fill(&mut self, page: &str) -> Option<(String, Vec<(String, String)>)> {
        for form in page.split("<form").skip(1) {
            let (opening, rest) = form.split_once('>')?;
            let inside = rest.split("</form").next()?;
            let own = if has_field(inside, "password") {
                vec![
                    ("username".to_owned(), self.username.clone()),
                    ("password".to_owned(), self.password.clone()),
                ]
            } else if has_field(inside, "code") && self.code.is_some() {
                vec![("code".to_owned(), self.code.take()?)]
            } else {
                let mut buttons = tags(inside, "<button");
                let agreed = buttons.find(|button| {
                    attribute(button, "name").as_deref() == Some("decision")
                        && attribute(button, "value").as_deref() != Some("deny")
                });
                let Some(agreed) = agreed else { continue };
                vec![("decision".to_owned(), attribute(agreed, "value")?)]
            };
            let hidden = tags(inside, "<input")
                .filter(|input| attribute(input, "type").as_deref() == Some("hidden"))
                .filter_map(|input| {
                    Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default()))
                });
            let fields = hidden.chain(own).collect();
            return Some((attribute(opening, "action").unwrap_or_default(), fields));
        }
        None
    }
}

/// Follows nothing, keeps cookies, and takes an answer of any status.
pub fn agent() -> Agent {
    Agent::config_builder().max_redirects(0).http_status_as_error(false).build().into()
}

/// Sends a request.
pub fn send(agent: &Agent, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
    let (head, body) = request.into_parts();
    let answer = if head.method == Method::GET {
        agent.run(http::Request::from_parts(head, ()))?
    } else {
        agent.run(http::Request::from_parts(head, body))?
    };
    let (head, mut body) = answer.into_parts();
    Ok(http::Response::from_parts(head, body.read_to_vec()?))
}

fn tags<'a>(page: &'a str, opening: &'static str) -> impl Iterator<Item = &'a str> {
    page.split(opening).skip(1).filter_map(|rest| rest.split('>').next())
}

fn has_field(form: &str, name: &str) -> bool {
    tags(form, "<input").any(|input| attribute(input, "name").as_deref() == Some(name))
}

/// The value of an attribute of a tag, unescaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag
        .split_once(&format!(" {name}=\""))
        .or_else(|| tag.split_once(&format!("\n{name}=\"")))?;
    let value = value.1.split('"').next()?;
    let plain = value
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    Some(plain)
}
