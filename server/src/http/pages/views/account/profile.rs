//! `/account/profile`: what somebody says of themselves.

use askama::Template;

use super::Shell;
use crate::{
    auth::{error::FieldProblem, profile::path},
    domain::profile::Field,
    http::pages::views::{Look, Policy, Problem, View, problem::field_problem},
};

/// What they say, to be read.
#[derive(Template)]
#[template(path = "pages/account/profile.html")]
pub struct ProfilePage<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// What they say, in the order of [`Field::ALL`]; what they leave out is none of it.
    pub said: Vec<(Field, &'v str)>,
    /// Whether the mail address is proved.
    pub is_verified: bool,
    /// The telephone number, masked, and whether it is proved.
    pub phone: Option<(String, bool)>,
    /// Whether a number can be proved here.
    pub sends_messages: bool,
}

/// A field with its value, as it is shown.
struct Fact {
    name: String,
    value: String,
}

impl ProfilePage<'_> {
    fn has_phone_page(&self) -> bool {
        self.sends_messages || self.phone.is_some()
    }

    fn about(&self) -> Vec<Fact> {
        self.facts(|field| !field.is_of_address() && !is_elsewhere(field))
    }

    fn elsewhere(&self) -> Vec<Fact> {
        self.facts(is_elsewhere)
    }

    fn address(&self) -> Vec<Fact> {
        self.facts(Field::is_of_address)
    }

    fn facts(&self, wanted: fn(Field) -> bool) -> Vec<Fact> {
        let said = self.said.iter().filter(|(field, _)| wanted(*field));
        let fact = |(field, value): &(Field, &str)| Fact {
            name: label(self.look, *field),
            value: (*value).to_owned(),
        };
        said.map(fact).collect()
    }
}

impl View for ProfilePage<'_> {}

/// Addresses of the web, language and time zone.
fn is_elsewhere(field: Field) -> bool {
    matches!(
        field,
        Field::Profile | Field::Website | Field::Picture | Field::Locale | Field::Zoneinfo
    )
}

/// What they say, to be changed: a field of each name.
#[derive(Template)]
#[template(path = "pages/account/profile_edit.html")]
pub struct ProfileEdit<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// What is filled in.
    pub said: Vec<(Field, String)>,
    /// What is wrong with the fields.
    pub problems: &'v [FieldProblem],
    /// Why it is shown again, whatever is filled in.
    pub problem: Option<Problem>,
}

/// An input of the form.
struct Input {
    id: &'static str,
    label: String,
    hint: String,
    value: String,
    problem: String,
    autocomplete: &'static str,
    kind: &'static str,
    limit: usize,
    has_lines: bool,
    is_wide: bool,
    is_required: bool,
}

impl ProfileEdit<'_> {
    fn about(&self) -> Vec<Input> {
        self.inputs(|field| !field.is_of_address() && !is_elsewhere(field))
    }

    fn elsewhere(&self) -> Vec<Input> {
        self.inputs(is_elsewhere)
    }

    /// The parts of the address; the whole of it is put together by whoever sends something there.
    fn address(&self) -> Vec<Input> {
        self.inputs(|field| field.is_of_address() && field != Field::Formatted)
    }

    fn inputs(&self, wanted: fn(Field) -> bool) -> Vec<Input> {
        let fields = Field::ALL.into_iter().filter(|field| wanted(*field));
        fields.map(|field| self.input(field)).collect()
    }

    fn input(&self, field: Field) -> Input {
        let said = self.said.iter().find(|(said, _)| *said == field);
        Input {
            id: field.claim(),
            label: label(self.look, field),
            hint: hint(self.look, field),
            value: said.map(|(_, value)| value.clone()).unwrap_or_default(),
            problem: field_problem(self.look, self.problems, path(field)),
            autocomplete: autocomplete(field),
            kind: match field {
                Field::Profile | Field::Website | Field::Picture => "url",
                _ => "text",
            },
            limit: field.limit(),
            has_lines: field.has_lines(),
            is_wide: is_wide(field),
            is_required: field == Field::Name,
        }
    }
}

impl View for ProfileEdit<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}

fn is_wide(field: Field) -> bool {
    matches!(
        field,
        Field::Name | Field::Profile | Field::Website | Field::Picture | Field::StreetAddress
    )
}

/// What browsers know of it (HTML, "autofill field").
const fn autocomplete(field: Field) -> &'static str {
    match field {
        Field::Name => "name",
        Field::GivenName => "given-name",
        Field::FamilyName => "family-name",
        Field::MiddleName => "additional-name",
        Field::Nickname => "nickname",
        Field::PreferredUsername => "username",
        Field::Gender => "sex",
        Field::Birthdate => "bday",
        Field::Website => "url",
        Field::Picture => "photo",
        Field::Locale => "language",
        Field::StreetAddress => "street-address",
        Field::PostalCode => "postal-code",
        Field::Locality => "address-level2",
        Field::Region => "address-level1",
        Field::Country => "country-name",
        Field::Profile | Field::Zoneinfo | Field::Formatted => "off",
    }
}

fn label(look: &Look, field: Field) -> String {
    match field {
        Field::Name => look.text("profile-name"),
        Field::GivenName => look.text("profile-given-name"),
        Field::FamilyName => look.text("profile-family-name"),
        Field::MiddleName => look.text("profile-middle-name"),
        Field::Nickname => look.text("profile-nickname"),
        Field::PreferredUsername => look.text("profile-username"),
        Field::Gender => look.text("profile-gender"),
        Field::Birthdate => look.text("profile-birthdate"),
        Field::Profile => look.text("profile-profile"),
        Field::Website => look.text("profile-website"),
        Field::Picture => look.text("profile-picture"),
        Field::Locale => look.text("profile-locale"),
        Field::Zoneinfo => look.text("profile-zoneinfo"),
        Field::Formatted => look.text("profile-formatted"),
        Field::StreetAddress => look.text("profile-street"),
        Field::PostalCode => look.text("profile-postal-code"),
        Field::Locality => look.text("profile-locality"),
        Field::Region => look.text("profile-region"),
        Field::Country => look.text("profile-country"),
    }
}

/// What is to be known beside its name; "" where that says all.
fn hint(look: &Look, field: Field) -> String {
    match field {
        Field::PreferredUsername => look.text("profile-username-hint"),
        Field::Birthdate => look.text("profile-birthdate-hint"),
        Field::Locale => look.text("profile-locale-hint"),
        Field::Zoneinfo => look.text("profile-zoneinfo-hint"),
        _ => String::new(),
    }
}
