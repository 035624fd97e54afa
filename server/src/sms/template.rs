//! What is sent to a gateway, with places for what differs from message to message.

use std::borrow::Cow;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

/// What is put into the places.
pub struct Filling<'f> {
    /// `{to}`; without its plus sign, `{digits}`.
    pub to: &'f str,
    /// `{text}`.
    pub text: &'f str,
    /// `{id}`.
    pub id: Uuid,
    /// `{secret}`.
    pub secret: &'f str,
}

/// Where something is put: what in it would end the place it is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// Within quotes (RFC 8259 section 7).
    Json,
    /// A value of a form, or of an address.
    Percent,
    /// A header field.
    None,
}

/// `template` with everything in its place. What is put in is read no further: a message that holds
/// `{secret}` says just that.
pub fn fill(template: &str, filling: &Filling<'_>, escape: Escape) -> String {
    let id = filling.id.to_string();
    let places = [
        ("{to}", filling.to),
        ("{digits}", filling.to.trim_start_matches('+')),
        ("{text}", filling.text),
        ("{id}", id.as_str()),
        ("{secret}", filling.secret),
    ];
    let mut filled = String::with_capacity(template.len() + filling.text.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        match places.iter().find(|(place, _)| from.starts_with(place)) {
            Some((place, value)) => {
                filled.push_str(&escaped(value, escape));
                rest = &from[place.len()..];
            }
            None => {
                filled.push('{');
                rest = &from[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

fn escaped(value: &str, escape: Escape) -> Cow<'_, str> {
    match escape {
        Escape::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned().into()
        }
        Escape::Percent => utf8_percent_encode(value, NON_ALPHANUMERIC).into(),
        Escape::None => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn filling(text: &str) -> Filling<'_> {
        Filling { to: "+4915123456789", text, id: Uuid::nil(), secret: "s&\"c" }
    }

    #[test]
    fn everything_is_put_in_its_place_once() {
        let filled = fill("a{to}b{digits}c{ {nothing} {text}}", &filling("{secret}"), Escape::None);
        assert_eq!(filled, "a+4915123456789b4915123456789c{ {nothing} {secret}}");
        let filled = fill("Bearer {secret} {id}", &filling(""), Escape::None);
        assert_eq!(filled, "Bearer s&\"c 00000000-0000-0000-0000-000000000000");
    }

    proptest! {
        #[test]
        fn nothing_breaks_out_of_its_place(text in ".*") {
            let body = fill(r#"{"a":{"to":"{to}"},"b":["{text}"],"c":"{secret}"}"#, &filling(&text), Escape::Json);
            let read: Value = serde_json::from_str(&body).unwrap();
            let wanted = json!({ "a": { "to": "+4915123456789" }, "b": [text], "c": "s&\"c" });
            prop_assert_eq!(read, wanted);
            let body = fill("to={to}&text={text}&key={secret}", &filling(&text), Escape::Percent);
            let read: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let wanted = [("to", "+4915123456789"), ("text", &text), ("key", "s&\"c")];
            let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
            prop_assert_eq!(read, wanted);
        }
    }
}
