//! The few pages of the edge's own, in the look of the site that they speak for.

use http::StatusCode;

/// A page of the edge's own.
pub struct Page<'p> {
    /// How it is answered.
    pub status: StatusCode,
    /// Its heading.
    pub title: &'p str,
    /// What it says; nothing that somebody else wrote.
    pub message: String,
    /// The id under which a refusal is explained.
    pub decision: Option<&'p str>,
    /// What can be done: HTML.
    pub actions: String,
    /// The issuer, where its forms are answered by a redirect there.
    pub forms_to: Option<&'p str>,
    /// Where browsers go from it by themselves.
    pub refresh: Option<&'p str>,
    /// Whether it is worth while to ask again in a little.
    pub again: bool,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
}

impl<'p> Page<'p> {
    /// A bare one.
    #[must_use]
    pub const fn new(status: StatusCode) -> Self {
        Self {
            status,
            title: title(status),
            message: String::new(),
            decision: None,
            actions: String::new(),
            forms_to: None,
            refresh: None,
            again: false,
            challenge: None,
        }
    }

    /// One that says why something is refused.
    #[must_use]
    pub fn refusal(status: StatusCode, message: &str, decision: Option<&'p str>) -> Self {
        Self { message: message.to_owned(), decision, ..Self::new(status) }
    }
}

/// `text` as it can stand in HTML, in an attribute too.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

const fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Please sign in",
        403 => "No entry",
        404 => "Not found",
        421 => "No such site",
        429 => "Too many requests",
        503 => "Not available",
        502 | 504 => "The site does not answer",
        400..500 => "This request was not accepted",
        _ => "Something went wrong",
    }
}
