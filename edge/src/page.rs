//! The few pages of the edge's own, in the look of the site that they speak for.

use http::StatusCode;

/// A page of the edge's own. Its words are the edge's, in English; [`Language`](crate::language::Language)
/// has them in others.
pub struct Page<'p> {
    /// How it is answered.
    pub status: StatusCode,
    /// What it shows above its heading.
    pub sign: Sign,
    /// Its heading.
    pub title: &'p str,
    /// What it says; nothing that somebody else wrote.
    pub message: &'p str,
    /// The id under which a refusal is explained.
    pub decision: Option<&'p str>,
    /// What can be done.
    pub actions: Vec<Action>,
    /// The issuer, where its forms are answered by a redirect there.
    pub forms_to: Option<&'p str>,
    /// Where browsers go from it by themselves.
    pub refresh: Option<&'p str>,
    /// Whether it is worth while to ask again in a little, and browsers do so by themselves.
    pub again: bool,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
}

/// What a page shows above its heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Nothing: it asks something.
    None,
    /// It went well.
    Good,
    /// It did not.
    Bad,
}

/// Something that can be done from a page.
pub enum Action {
    /// Go to this address.
    Go {
        /// What it is called.
        label: &'static str,
        /// The address.
        to: String,
    },
    /// Post nothing but the button.
    Post {
        /// What it is called.
        label: &'static str,
        /// The address.
        to: String,
        /// The name of the button.
        name: &'static str,
    },
}

impl<'p> Page<'p> {
    /// A bare one.
    #[must_use]
    pub const fn new(status: StatusCode) -> Self {
        Self {
            status,
            sign: sign(status),
            title: title(status),
            message: "",
            decision: None,
            actions: Vec::new(),
            forms_to: None,
            refresh: None,
            again: false,
            challenge: None,
        }
    }

    /// One that says why something is refused.
    #[must_use]
    pub fn refusal(status: StatusCode, message: &'p str, decision: Option<&'p str>) -> Self {
        Self { message, decision, ..Self::new(status) }
    }
}

const fn sign(status: StatusCode) -> Sign {
    match status.as_u16() {
        200 | 401 => Sign::None,
        _ => Sign::Bad,
    }
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
