//! A gateway that is reached by HTTPS, as its operator describes it in `[sms]`.

use std::{ops::RangeInclusive, sync::Arc};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{
    SmsSender,
    template::{Escape, Filling, fill},
};
use crate::{
    config::{Problem, SmsFormat, SmsMethod, SmsSection, check::is_loopback},
    domain::{errand::Text, phone::is_country},
    mailer::Undelivered,
    outgoing::{Outgoing, OutgoingError},
};

/// Answers that speak of this message, and would not change if it were sent again.
const FOR_GOOD: [u16; 8] = [400, 404, 405, 406, 410, 413, 415, 422];
/// What stands in for a message while settings are judged: whatever ends a place is in it.
const PROBE: Filling<'_> =
    Filling { to: "+4915123456789", text: "\"'\\{}&=\n", id: Uuid::nil(), secret: "secret" };

/// A gateway.
pub struct Gateway {
    settings: SmsSection,
    success: Success,
    outgoing: Arc<Outgoing>,
}

/// Which answers say that a message was taken.
struct Success {
    statuses: RangeInclusive<u16>,
    contains: Option<String>,
    /// A JSON pointer, and what must be there; `None`: anything that says something.
    json: Option<(String, Option<String>)>,
}

impl Gateway {
    /// The gateway of these settings.
    ///
    /// # Errors
    /// The first of them that cannot be used.
    pub fn new(settings: &SmsSection, outgoing: Arc<Outgoing>) -> Result<Self, Problem> {
        if let Some(problem) = judge(settings).into_iter().next() {
            return Err(problem);
        }
        let success = Success::of(settings)?;
        Ok(Self { settings: settings.clone(), success, outgoing })
    }
}

#[async_trait]
impl SmsSender for Gateway {
    async fn deliver(&self, id: Uuid, text: &Text) -> Result<(), Undelivered> {
        let secret = self.settings.secret.as_deref().unwrap_or_default();
        let filling = Filling { to: &text.to, text: &text.text, id, secret };
        let request = request(&self.settings, &filling)
            .map_err(|problem| Undelivered::Later(problem.to_string()))?;
        let (status, body) = match self.outgoing.call(request).await {
            Ok(answer) => answer,
            Err(OutgoingError::TooLarge) => {
                let cause = "the gateway answered more than 64 KiB";
                return Err(Undelivered::Never(cause.to_owned()));
            }
            Err(error) => return Err(Undelivered::Later(format!("the gateway {error}"))),
        };
        self.success.judge(status, &body)
    }
}

impl Success {
    fn of(settings: &SmsSection) -> Result<Self, Problem> {
        let text = settings.success_status.as_str();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let status = |text: &str| text.trim().parse().ok().filter(|at| (100..600).contains(at));
        let statuses = status(first).zip(status(last)).filter(|(first, last)| first <= last);
        let Some((first, last)) = statuses else {
            let what = "is neither a status nor a range of them";
            return Err(Problem::new("sms.success_status", what, "200-299"));
        };
        let json = settings.success_json.as_deref().map(|text| match text.rsplit_once('=') {
            Some((pointer, value)) => (pointer.to_owned(), Some(value.to_owned())),
            None => (text.to_owned(), None),
        });
        if let Some((pointer, _)) = &json
            && !pointer.is_empty()
            && !pointer.starts_with('/')
        {
            let what = "is no JSON pointer";
            return Err(Problem::new("sms.success_json", what, "/messages/0/status=0"));
        }
        Ok(Self { statuses: first..=last, contains: settings.success_contains.clone(), json })
    }

    /// What an answer says of the message. It may quote the number, so nothing of it is told.
    fn judge(&self, status: StatusCode, body: &[u8]) -> Result<(), Undelivered> {
        let status = status.as_u16();
        if !self.statuses.contains(&status) {
            let cause = format!("the gateway answered {status}");
            return Err(match FOR_GOOD.contains(&status) {
                true => Undelivered::Never(cause),
                false => Undelivered::Later(cause),
            });
        }
        let contains = |part: &String| String::from_utf8_lossy(body).contains(part.as_str());
        let says = |(pointer, wanted): &(String, Option<String>)| {
            let read: Option<Value> = serde_json::from_slice(body).ok();
            let found = read.as_ref().and_then(|read| read.pointer(pointer));
            match (found, wanted) {
                (None, _) => false,
                (Some(Value::String(text)), Some(wanted)) => text == wanted,
                (Some(value), Some(wanted)) => value.to_string() == *wanted,
                (Some(value), None) => !matches!(value, Value::Null | Value::Bool(false)),
            }
        };
        if self.contains.as_ref().is_none_or(contains) && self.json.as_ref().is_none_or(says) {
            Ok(())
        } else {
            // It was heard, and refused: what is sent again would be paid again.
            Err(Undelivered::Never("the gateway did not take the message".to_owned()))
        }
    }
}

/// The request for a message.
fn request(settings: &SmsSection, filling: &Filling<'_>) -> Result<Request<String>, Problem> {
    let wrong = || Problem::new("sms.url", "is not a web address", "https://…");
    let url = Url::parse(&fill(&settings.url, filling, Escape::Percent)).map_err(|_| wrong())?;
    let (method, body) = match settings.method {
        SmsMethod::Post => (Method::POST, Some(&settings.body)),
        SmsMethod::Put => (Method::PUT, Some(&settings.body)),
        SmsMethod::Get => (Method::GET, None),
    };
    let (escape, media) = match settings.format {
        SmsFormat::Json => (Escape::Json, "application/json"),
        SmsFormat::Form => (Escape::Percent, "application/x-www-form-urlencoded"),
    };
    let mut headers = HeaderMap::new();
    if body.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    for field in &settings.headers {
        let (name, value) = field_of(field, filling)?;
        headers.insert(name, value);
    }
    let body = body.map(|body| fill(body, filling, escape)).unwrap_or_default();
    let mut request =
        Request::builder().method(method).uri(url.as_str()).body(body).map_err(|_| wrong())?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A header field of a setting. What is wrong with it names the setting alone: it may hold a secret.
fn field_of(field: &str, filling: &Filling<'_>) -> Result<(HeaderName, HeaderValue), Problem> {
    let wrong = || Problem::new("sms.headers", "holds what is no header field", "\"Name: value\"");
    let (name, value) = field.split_once(':').ok_or_else(wrong)?;
    let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
    let value = fill(value.trim(), filling, Escape::None);
    let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Everything that is wrong with the settings of a gateway; with those of none, nothing is but its
/// country.
pub(super) fn judge(settings: &SmsSection) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |setting: &str, what: &str, remedy: &str| {
        problems.push(Problem::new(setting, what, remedy));
    };
    if let Some(name) = &settings.country
        && !is_country(name)
    {
        add("sms.country", "is not a country", "two letters of ISO 3166-1, such as DE");
    }
    if ["capture", "off"].contains(&settings.url.as_str()) {
        return problems;
    }
    let in_url = fill(&settings.url, &PROBE, Escape::Percent);
    match (Url::parse(&in_url), Url::parse(&fill(&settings.url, &OTHER, Escape::Percent))) {
        (Ok(url), Ok(other)) => {
            let same = url.scheme() == other.scheme()
                && url.host_str() == other.host_str()
                && url.port() == other.port();
            if !["https", "http"].contains(&url.scheme()) || url.host().is_none() || !same {
                add("sms.url", "is neither `capture` nor `off` nor a gateway's address", GATEWAY);
            } else if url.scheme() == "http" && !is_loopback(&url) {
                add("sms.url", "sends codes over a network in plaintext", GATEWAY);
            } else if !url.username().is_empty() || url.password().is_some() {
                let remedy = "a header field, such as \"Authorization: Basic {secret}\"";
                add("sms.url", "has a user name or a password", remedy);
            }
        }
        _ => add("sms.url", "is neither `capture` nor `off` nor a gateway's address", GATEWAY),
    }
    let body = match settings.method {
        SmsMethod::Post | SmsMethod::Put => settings.body.as_str(),
        SmsMethod::Get => "",
    };
    let names = |place: &str| body.contains(place) || settings.url.contains(place);
    if !names("{to}") && !names("{digits}") {
        add("sms.body", "has no place for the number", "{to} or {digits}, there or in sms.url");
    }
    if !names("{text}") {
        add("sms.body", "has no place for the message", "{text}, there or in sms.url");
    }
    if settings.format == SmsFormat::Json && !body.is_empty() {
        let filled = fill(body, &PROBE, Escape::Json);
        if serde_json::from_str::<Value>(&filled).is_err() {
            let what = "is no JSON once everything is in its place";
            add("sms.body", what, r#"{"to":"{to}","text":"{text}"}, or sms.format = "form""#);
        }
    }
    for field in &settings.headers {
        if let Err(problem) = field_of(field, &PROBE) {
            problems.push(problem);
        }
    }
    let in_headers = settings.headers.iter().any(|field| field.contains("{secret}"));
    match (&settings.secret, in_headers || names("{secret}")) {
        (None, true) => problems.push(Problem::new(
            "sms.secret",
            "is not set, and {secret} stands in another setting",
            "a file of its own, by SIGNALBOX__SMS__SECRET_FILE",
        )),
        (Some(_), false) => problems.push(Problem::new(
            "sms.secret",
            "is set, and {secret} stands nowhere",
            "\"Authorization: Bearer {secret}\" in sms.headers",
        )),
        (Some(secret), true) if !secret.chars().all(|c| (' '..='~').contains(&c)) => {
            let what = "holds other characters than printable ones of ASCII";
            problems.push(Problem::new("sms.secret", what, "one line, as it was given"));
        }
        _ => {}
    }
    if let Err(problem) = Success::of(settings) {
        problems.push(problem);
    }
    problems
}

const GATEWAY: &str = "https://sms.example.com/messages";
/// Another message: an address whose host differs with it leads wherever the message says.
const OTHER: Filling<'_> = Filling { to: "+15550100", text: "x", id: Uuid::max(), secret: "other" };

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut SmsSection)) -> SmsSection {
        let mut settings =
            SmsSection { url: "https://sms.example.com/send".into(), ..SmsSection::default() };
        change(&mut settings);
        settings
    }

    fn wrong(change: impl FnOnce(&mut SmsSection)) -> Vec<String> {
        judge(&settings(change)).into_iter().map(|problem| problem.setting).collect()
    }

    #[test]
    fn a_gateway_is_described_soundly_or_refused_by_the_setting() {
        assert!(wrong(|_| {}).is_empty());
        assert!(wrong(|sms| sms.url = "capture".into()).is_empty());
        assert!(wrong(|sms| sms.url = "off".into()).is_empty());
        assert!(wrong(|sms| sms.url = "http://127.0.0.1:1234/send".into()).is_empty());
        for url in [
            "http://sms.example.com/send",
            "http://10.1.2.3/send",
            "ftp://sms.example.com",
            "sms.example.com",
            "https://user:pass@sms.example.com/send",
            "https://{digits}.example.com/send",
            "https://sms.example.com:{digits}/send",
        ] {
            assert_eq!(wrong(|sms| sms.url = url.into()), ["sms.url"], "{url}");
        }
        assert_eq!(wrong(|sms| sms.body = r#"{"to":{to},"text":"{text}"}"#.into()), ["sms.body"]);
        assert_eq!(wrong(|sms| sms.body = r#"{"text":"{text}"}"#.into()), ["sms.body"]);
        assert_eq!(wrong(|sms| sms.body = r#"{"to":"{to}"}"#.into()), ["sms.body"]);
        assert_eq!(wrong(|sms| sms.method = SmsMethod::Get), ["sms.body", "sms.body"]);
        assert!(
            wrong(|sms| {
                sms.method = SmsMethod::Get;
                sms.url = "https://sms.example.com/?to={digits}&text={text}".into();
            })
            .is_empty()
        );
        assert!(
            wrong(|sms| {
                sms.format = SmsFormat::Form;
                sms.body = "to={to}&text={text}".into();
            })
            .is_empty()
        );
        let bearer = || vec!["Authorization: Bearer {secret}".to_owned()];
        assert_eq!(wrong(|sms| sms.headers = bearer()), ["sms.secret"]);
        assert_eq!(wrong(|sms| sms.secret = Some("x".into())), ["sms.secret"]);
        assert!(
            wrong(|sms| {
                sms.headers = bearer();
                sms.secret = Some("x".into());
            })
            .is_empty()
        );
        assert_eq!(wrong(|sms| sms.headers = vec!["nonsense".into()]), ["sms.headers"]);
        assert_eq!(wrong(|sms| sms.headers = vec!["a: b\nc: d".into()]), ["sms.headers"]);
        for status in ["", "ok", "299-200", "20", "200-"] {
            assert_eq!(wrong(|sms| sms.success_status = status.into()), ["sms.success_status"]);
        }
        assert_eq!(wrong(|sms| sms.success_json = Some("ok".into())), ["sms.success_json"]);
        assert_eq!(wrong(|sms| sms.country = Some("Atlantis".into())), ["sms.country"]);
        assert!(wrong(|sms| sms.country = Some("DE".into())).is_empty());
    }

    #[test]
    fn an_answer_says_whether_the_message_was_taken() {
        let judged = |change: fn(&mut SmsSection), status: u16, body: &str| {
            let success = Success::of(&settings(change)).unwrap();
            let judged = success.judge(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            match judged {
                Ok(()) => "taken",
                Err(Undelivered::Later(_)) => "later",
                Err(Undelivered::Never(_)) => "never",
            }
        };
        for (status, wanted) in [
            (200, "taken"),
            (202, "taken"),
            (302, "later"),
            (400, "never"),
            (401, "later"),
            (403, "later"),
            (422, "never"),
            (429, "later"),
            (500, "later"),
            (503, "later"),
        ] {
            assert_eq!(judged(|_| {}, status, ""), wanted, "{status}");
        }
        let contains: fn(&mut SmsSection) = |sms| sms.success_contains = Some("OK".into());
        assert_eq!(judged(contains, 200, "100 OK"), "taken");
        assert_eq!(judged(contains, 200, "error 7"), "never");
        assert_eq!(judged(contains, 500, "OK"), "later");
        let value: fn(&mut SmsSection) = |sms| sms.success_json = Some("/a/0/status=0".into());
        assert_eq!(judged(value, 200, r#"{"a":[{"status":"0"}]}"#), "taken");
        assert_eq!(judged(value, 200, r#"{"a":[{"status":0}]}"#), "taken");
        assert_eq!(judged(value, 200, r#"{"a":[{"status":"4"}]}"#), "never");
        assert_eq!(judged(value, 200, "no JSON"), "never");
        let there: fn(&mut SmsSection) = |sms| sms.success_json = Some("/id".into());
        assert_eq!(judged(there, 200, r#"{"id":"x"}"#), "taken");
        assert_eq!(judged(there, 200, r#"{"id":null}"#), "never");
        assert_eq!(judged(there, 200, "{}"), "never");
        let one: fn(&mut SmsSection) = |sms| sms.success_status = "202".into();
        assert_eq!(judged(one, 202, ""), "taken");
        assert_eq!(judged(one, 200, ""), "later");
    }
}
