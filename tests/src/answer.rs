//! What came back, and what must hold of every answer in the envelope.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
    /// From the sending to the last byte.
    pub elapsed: Duration,
}

impl Answer {
    /// A header field as text; `""` where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    /// Asks for this status and no other.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// `data` of an envelope with this status.
    #[must_use]
    #[track_caller]
    pub fn data(&self, status: u16) -> Value {
        self.expect(status);
        let mut body = self.in_envelope();
        assert!(body.get("error").is_none(), "{body}");
        body["data"].take()
    }

    /// `error` of an envelope with this status and code.
    #[must_use]
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> Value {
        self.expect(status);
        let mut body = self.in_envelope();
        assert_eq!(body["error"]["code"], code, "{body}");
        assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(body.get("data").is_none(), "{body}");
        body["error"].take()
    }

    /// As [`error`](Self::error), of which no more is asked.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        drop(self.error(status, code));
    }

    /// The fields that a `VALIDATION_ERROR` names, in its order.
    #[must_use]
    #[track_caller]
    pub fn wrong_fields(&self) -> Vec<String> {
        let error = self.error(422, "VALIDATION_ERROR");
        let details = error["details"].as_array().unwrap_or_else(|| panic!("{error}"));
        assert!(
            details.iter().all(|detail| detail["message"].as_str().is_some_and(|m| !m.is_empty())),
            "{error}"
        );
        details.iter().map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
    }

    /// The body without what differs from answer to answer.
    #[must_use]
    #[track_caller]
    pub fn without_meta(&self) -> Value {
        let mut body = self.in_envelope();
        body["meta"].take();
        body
    }

    #[track_caller]
    fn in_envelope(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{}", self.text);
        let body = self.json();
        let meta = &body["meta"];
        let id = meta["requestId"].as_str().unwrap_or_else(|| panic!("{body}"));
        assert!(!id.is_empty(), "{body}");
        assert_eq!(self.header("x-request-id"), id, "{body}");
        let stamp = meta["timestamp"].as_str().unwrap_or_else(|| panic!("{body}"));
        assert!(stamp.len() >= 20 && stamp.as_bytes()[10] == b'T', "{body}");
        assert!(stamp.ends_with('Z'), "{body}");
        body
    }
}
