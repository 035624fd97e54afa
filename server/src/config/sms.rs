use serde::{Deserialize, Serialize};

/// How a gateway is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SmsMethod {
    /// With a body.
    #[default]
    #[serde(rename = "POST")]
    Post,
    /// With a body.
    #[serde(rename = "PUT")]
    Put,
    /// By the address alone.
    #[serde(rename = "GET")]
    Get,
}

/// What the body of a request to a gateway is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsFormat {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// `[sms]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsSection {
    /// `capture` (shown at /dev/outbox, on loopback only; elsewhere as `off`), `off` (nobody sets up
    /// codes by SMS), or the address of a gateway: https, or http on loopback. In its path and query
    /// the placeholders of `sms.body` may stand.
    pub url: String,
    /// How the gateway is asked.
    pub method: SmsMethod,
    /// Header fields, such as `"Authorization: Bearer {secret}"`; one alone may stand there without
    /// the brackets.
    #[serde(deserialize_with = "super::outgoing::one_or_many::deserialize")]
    pub headers: Vec<String>,
    /// What the body is: its media type, and how what is put into it is escaped.
    pub format: SmsFormat,
    /// The body. `{to}` is the number (`+4915123456789`), `{digits}` the same without the plus sign,
    /// `{text}` the message, `{id}` a name of the message that is the same at every try, `{secret}` the
    /// setting `sms.secret`. In JSON they stand within quotes.
    pub body: String,
    /// What proves to the gateway who asks: put in the place of `{secret}`.
    #[serde(skip_serializing)]
    pub secret: Option<String>,
    /// The status of an answer that says the message was taken: one, or the first and the last of a
    /// range.
    pub success_status: String,
    /// What the answer's body must hold besides.
    pub success_contains: Option<String>,
    /// What the answer's body, which is JSON then, must say besides: a JSON pointer (RFC 6901), alone or
    /// with `=` and the value that must be there, such as `/messages/0/status=0`.
    pub success_json: Option<String>,
    /// The country (ISO 3166-1, two letters) of numbers that people type without a country's code;
    /// unset: such a number is none.
    pub country: Option<String>,
}

impl Default for SmsSection {
    fn default() -> Self {
        Self {
            url: "capture".into(),
            method: SmsMethod::Post,
            headers: Vec::new(),
            format: SmsFormat::Json,
            body: r#"{"to":"{to}","text":"{text}"}"#.into(),
            secret: None,
            success_status: "200-299".into(),
            success_contains: None,
            success_json: None,
            country: None,
        }
    }
}
