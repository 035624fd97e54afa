//! Request bodies: one JSON object, read field by field, so that every field that is missing,
//! doubled, unknown or of the wrong type is named in one answer.

use jwks::Time;
use serde_json::Value;

use crate::{domain::instant::from_rfc3339, http::members::Members};

/// The most problems that are told at once: what callers send must not swell answers and logs.
const TOLD: usize = 20;

/// The fields of a body, taken out one after the other.
#[derive(Debug)]
pub struct Body {
    fields: Vec<(String, Value)>,
    problems: Vec<(String, String)>,
}

/// What is wrong with a body: fields, named as they were sent, and the remedy.
#[derive(Debug)]
pub struct BodyProblems(pub Vec<(String, String)>);

impl Body {
    /// Reads a body; an empty one is an object without members.
    pub fn read(bytes: &[u8]) -> Self {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Self { fields: Vec::new(), problems: Vec::new() };
        }
        match serde_json::from_slice::<Members>(bytes) {
            Ok(Members(fields)) => {
                let mut problems = Vec::new();
                for (at, (name, _)) in fields.iter().enumerate() {
                    if fields[..at].iter().any(|(other, _)| other == name) {
                        problems.push((clip(name), "is given twice; send it once".to_owned()));
                    }
                }
                Self { fields, problems }
            }
            // The parser's own words name a place and no content.
            Err(error) => Self {
                fields: Vec::new(),
                problems: vec![(
                    "body".to_owned(),
                    format!(
                        "is not a JSON object (line {}, column {})",
                        error.line(),
                        error.column()
                    ),
                )],
            },
        }
    }

    /// Everything in it, to be judged as one.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn whole(self) -> Result<serde_json::Map<String, Value>, BodyProblems> {
        match self.problems.is_empty() {
            true => Ok(self.fields.into_iter().collect()),
            false => Err(BodyProblems(self.problems)),
        }
    }

    /// A string that must be there.
    pub fn string(&mut self, name: &str) -> String {
        self.optional_string(name).unwrap_or_else(|| {
            if !self.is_broken() {
                self.problem(name, "is missing");
            }
            String::new()
        })
    }

    /// A string that may be left out or null.
    pub fn optional_string(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if text.contains('\0') => {
                self.problem(name, "must not contain NUL");
                None
            }
            Value::String(text) => Some(text),
            Value::Null => None,
            _ => {
                self.problem(name, "must be a string");
                None
            }
        }
    }

    /// A text to put in the place of what there is: `None` where it is left out, `Some(None)` where
    /// it is null, which takes away what there is (RFC 7396).
    pub fn patched_string(&mut self, name: &str) -> Option<Option<String>> {
        match self.take(name)? {
            Value::Null => Some(None),
            Value::String(text) if !text.contains('\0') => Some(Some(text)),
            Value::String(_) => {
                self.problem(name, "must not contain NUL");
                None
            }
            _ => {
                self.problem(name, "must be a string, or null");
                None
            }
        }
    }

    /// An object whose members are such texts, or null in the place of all of them. Give it to
    /// [`Self::absorb`] when it is read.
    pub fn patched_object(&mut self, name: &str) -> Option<Option<Self>> {
        match self.take(name)? {
            Value::Null => Some(None),
            Value::Object(members) => {
                Some(Some(Self { fields: members.into_iter().collect(), problems: Vec::new() }))
            }
            _ => {
                self.problem(name, "must be an object, or null");
                None
            }
        }
    }

    /// Ends the reading of an object within, and takes over what is wrong with it.
    pub fn absorb(&mut self, name: &str, within: Self) {
        if let Err(BodyProblems(problems)) = within.finish() {
            for (field, message) in problems {
                self.problem(&format!("{name}.{field}"), &message);
            }
        }
    }

    /// A truth value that may be left out or null.
    pub fn optional_bool(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            Value::Null => None,
            _ => {
                self.problem(name, "must be true or false");
                None
            }
        }
    }

    /// An object that may be left out or null.
    pub fn optional_object(&mut self, name: &str) -> Option<Value> {
        match self.take(name)? {
            value @ Value::Object(_) => Some(value),
            Value::Null => None,
            _ => {
                self.problem(name, "must be an object");
                None
            }
        }
    }

    /// A list of strings that may be left out or null.
    pub fn optional_strings(&mut self, name: &str) -> Option<Vec<String>> {
        let texts = match self.take(name)? {
            Value::Null => return None,
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) if !text.contains('\0') => Some(text),
                    _ => None,
                })
                .collect::<Option<Vec<String>>>(),
            _ => None,
        };
        if texts.is_none() {
            self.problem(name, "must be a list of strings");
        }
        texts
    }

    /// A list of texts to put in the place of what there is, as [`Self::patched_string`]: null is none of
    /// them.
    pub fn patched_strings(&mut self, name: &str) -> Option<Vec<String>> {
        let is_null = self.fields.iter().any(|(field, value)| field == name && value.is_null());
        match self.optional_strings(name) {
            None if is_null => Some(Vec::new()),
            texts => texts,
        }
    }

    /// An instant that may be left out or null.
    pub fn optional_instant(&mut self, name: &str) -> Option<Time> {
        let said = self.optional_string(name)?;
        let instant = from_rfc3339(&said);
        if instant.is_none() {
            self.problem(name, "must be an instant, like 2030-01-31T12:00:00Z");
        }
        instant
    }

    /// A list of strings that must be there.
    pub fn strings(&mut self, name: &str) -> Vec<String> {
        self.optional_strings(name).unwrap_or_else(|| {
            if !self.is_broken() {
                self.problem(name, "is missing");
            }
            Vec::new()
        })
    }

    /// Notes a problem of a field, unless it has one already.
    pub fn problem(&mut self, name: &str, message: &str) {
        if !self.problems.iter().any(|(field, _)| field == name) {
            self.problems.push((name.to_owned(), message.to_owned()));
        }
    }

    /// Ends the reading: what was not asked for is unknown.
    ///
    /// # Errors
    /// Everything that was found wrong.
    pub fn finish(mut self) -> Result<(), BodyProblems> {
        let unknown: Vec<String> = self.fields.iter().map(|(name, _)| clip(name)).collect();
        for name in unknown {
            if self.problems.len() >= TOLD {
                break;
            }
            if !self.problems.iter().any(|(field, _)| *field == name) {
                self.problems.push((name, "is not known here; leave it out".to_owned()));
            }
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        self.problems.truncate(TOLD);
        Err(BodyProblems(self.problems))
    }

    fn is_broken(&self) -> bool {
        self.problems.iter().any(|(field, _)| field == "body")
    }

    /// What there is of a field, whatever it is.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(field, _)| field == name)?;
        let (_, value) = self.fields.swap_remove(at);
        self.fields.retain(|(field, _)| field != name);
        Some(value)
    }
}

/// Field names come from the caller: shown, but not at any length.
fn clip(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &str) -> Vec<(String, String)> {
        let mut body = Body::read(json.as_bytes());
        body.string("email");
        body.optional_bool("rememberMe");
        body.finish().err().map_or_else(Vec::new, |problems| problems.0)
    }

    #[test]
    fn every_wrong_field_is_named_in_one_answer() {
        let found = problems(r#"{"rememberMe":"yes","isAdmin":true}"#);
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["email", "rememberMe", "isAdmin"]);
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        let found = problems(r#"{"email":"a@b.c","email":"d@e.f"}"#);
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("twice"));
    }

    #[test]
    fn what_is_no_object_is_one_problem() {
        let deep = "[".repeat(20_000);
        for bad in ["[]", "nonsense", "{\"email\":", "\"text\"", "{\"a\":1}x", deep.as_str()] {
            let found = problems(bad);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, "body");
        }
    }

    #[test]
    fn a_body_of_nothing_but_mistakes_is_answered_in_short() {
        let many: Vec<String> = (0..2000).map(|number| format!("\"{number}\":0")).collect();
        let found = problems(&format!("{{{}}}", many.join(",")));
        assert_eq!(found.len(), 20);
    }

    #[test]
    fn null_takes_away_and_what_is_left_out_stays() {
        let json = r#"{"a":null,"b":"x","address":{"c":null,"d":7,"isAdmin":true}}"#;
        let mut body = Body::read(json.as_bytes());
        assert_eq!(body.patched_string("a"), Some(None));
        assert_eq!(body.patched_string("b"), Some(Some("x".to_owned())));
        assert_eq!(body.patched_string("z"), None);
        let mut within = body.patched_object("address").unwrap().unwrap();
        assert_eq!(within.patched_string("c"), Some(None));
        assert_eq!(within.patched_string("d"), None);
        body.absorb("address", within);
        let problems = body.finish().unwrap_err().0;
        let fields: Vec<&str> = problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["address.d", "address.isAdmin"]);
    }

    #[test]
    fn null_in_the_place_of_a_list_is_an_empty_one() {
        let mut body = Body::read(br#"{"a":null,"b":["x"],"c":["x",1]}"#);
        assert_eq!(body.patched_strings("a"), Some(Vec::new()));
        assert_eq!(body.patched_strings("b"), Some(vec!["x".to_owned()]));
        assert_eq!(body.patched_strings("c"), None);
        assert_eq!(body.patched_strings("z"), None);
        assert_eq!(body.finish().unwrap_err().0[0].0, "c");
    }

    #[test]
    fn nul_is_in_no_field() {
        assert_eq!(problems(r#"{"email":"a\u0000@b.c"}"#).len(), 1);
    }
}
