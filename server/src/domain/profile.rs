//! What somebody says of themselves: the standard claims of OpenID Connect Core section 5.1 that
//! nobody has to prove. Pure.

use jwks::Time;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;
use url::Url;

use super::{login::username_key, text::acts, user::User};

/// The member of a person's claims that holds the parts of their address (section 5.1.1).
const ADDRESS: &str = "address";

/// One thing that somebody may say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Whole name; everybody has one.
    Name,
    /// Given names.
    GivenName,
    /// Family names.
    FamilyName,
    /// Names between the two.
    MiddleName,
    /// What friends say.
    Nickname,
    /// The name to sign in with beside the mail address; nobody else's.
    PreferredUsername,
    /// Address of a page about them.
    Profile,
    /// Address of a picture of them.
    Picture,
    /// Address of a page of theirs.
    Website,
    /// In whatever word they choose.
    Gender,
    /// `1815-12-10`, `0000-12-10` or `1815`.
    Birthdate,
    /// A name of the IANA time zone database.
    Zoneinfo,
    /// A language tag (BCP 47).
    Locale,
    /// The whole postal address, as on an envelope.
    Formatted,
    /// Street, house and whatever else comes before the town.
    StreetAddress,
    /// Town.
    Locality,
    /// State, province or region.
    Region,
    /// Postal code.
    PostalCode,
    /// Country.
    Country,
}

/// What is to become of one of them; `None`: it is taken away.
pub type Change = (Field, Option<String>);

impl Field {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Self; 19] = [
        Self::Name,
        Self::GivenName,
        Self::MiddleName,
        Self::FamilyName,
        Self::Nickname,
        Self::PreferredUsername,
        Self::Gender,
        Self::Birthdate,
        Self::Profile,
        Self::Website,
        Self::Picture,
        Self::Locale,
        Self::Zoneinfo,
        Self::Formatted,
        Self::StreetAddress,
        Self::PostalCode,
        Self::Locality,
        Self::Region,
        Self::Country,
    ];

    /// The claim's name; of a part of the address, its name there.
    #[must_use]
    pub const fn claim(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::MiddleName => "middle_name",
            Self::Nickname => "nickname",
            Self::PreferredUsername => "preferred_username",
            Self::Profile => "profile",
            Self::Picture => "picture",
            Self::Website => "website",
            Self::Gender => "gender",
            Self::Birthdate => "birthdate",
            Self::Zoneinfo => "zoneinfo",
            Self::Locale => "locale",
            Self::Formatted => "formatted",
            Self::StreetAddress => "street_address",
            Self::Locality => "locality",
            Self::Region => "region",
            Self::PostalCode => "postal_code",
            Self::Country => "country",
        }
    }

    /// Whether it is a part of the address.
    #[must_use]
    pub const fn is_of_address(self) -> bool {
        matches!(
            self,
            Self::Formatted
                | Self::StreetAddress
                | Self::Locality
                | Self::Region
                | Self::PostalCode
                | Self::Country
        )
    }

    /// The most characters it may have.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Name => 200,
            Self::Profile | Self::Picture | Self::Website => 500,
            Self::Formatted => 400,
            Self::StreetAddress => 300,
            Self::PreferredUsername | Self::Locale => 32,
            Self::Birthdate => 10,
            Self::PostalCode => 20,
            Self::Zoneinfo | Self::Gender => 64,
            _ => 100,
        }
    }

    /// Whether it may have several lines.
    #[must_use]
    pub const fn has_lines(self) -> bool {
        matches!(self, Self::Formatted | Self::StreetAddress)
    }

    /// What they say now, as clients are told it.
    #[must_use]
    pub fn of(self, user: &User) -> Option<&str> {
        let column = match self {
            Self::Name => Some(user.name.as_str()),
            Self::GivenName => user.given_name.as_deref(),
            Self::FamilyName => user.family_name.as_deref(),
            Self::PreferredUsername => user.username.as_deref(),
            Self::Locale => user.locale.as_deref(),
            _ => None,
        };
        let claims = match self.is_of_address() {
            true => user.claims.get(ADDRESS).and_then(Value::as_object),
            false => Some(&user.claims),
        };
        let claim = || claims?.get(self.claim())?.as_str();
        column.filter(|text| !text.is_empty()).or_else(claim).filter(|text| !text.is_empty())
    }

    /// Says something else from now on.
    fn put(self, user: &mut User, said: Option<String>) {
        if self.is_of_address() {
            let held = user.claims.entry(ADDRESS).or_insert_with(|| Map::new().into());
            if !held.is_object() {
                *held = Map::new().into();
            }
            if let Some(parts) = held.as_object_mut() {
                parts.remove(self.claim());
                if let Some(said) = said {
                    parts.insert(self.claim().to_owned(), said.into());
                }
                if parts.is_empty() {
                    user.claims.remove(ADDRESS);
                }
            }
            return;
        }
        // What came with the account lies among the claims, and would be told again.
        user.claims.remove(self.claim());
        match self {
            Self::Name => user.name = said.unwrap_or_default(),
            Self::GivenName => user.given_name = said,
            Self::FamilyName => user.family_name = said,
            Self::Locale => user.locale = said,
            Self::PreferredUsername => {
                user.username_key = said.as_deref().map(username_key);
                user.username = said;
            }
            _ => {
                if let Some(said) = said {
                    user.claims.insert(self.claim().to_owned(), said.into());
                }
            }
        }
    }

    /// Whether it may be said at `now`; and what is wrong with it, with the remedy.
    fn judge(self, said: &str, now: Time) -> Result<(), String> {
        let is_plain = |c: char| !acts(c) || (c == '\n' && self.has_lines());
        if !said.chars().all(is_plain) {
            return Err("must not contain control characters".to_owned());
        }
        if said.chars().count() > self.limit() {
            return Err(format!("must have at most {} characters", self.limit()));
        }
        let (is_right, remedy) = match self {
            Self::Profile | Self::Picture | Self::Website => {
                (is_web_address(said), "must be a web address, like https://ada.example")
            }
            Self::PreferredUsername => (
                is_username(said),
                "must be 3 to 32 letters from a to z, digits, dots, hyphens or underscores",
            ),
            Self::Birthdate => {
                (is_birthdate(said, now), "must be a past date like 1815-12-10, or a year")
            }
            Self::Zoneinfo => (is_zone(said), "must be a time zone, like Europe/London"),
            Self::Locale => (is_language_tag(said), "must be a language tag, like en-GB"),
            _ => (true, ""),
        };
        if is_right { Ok(()) } else { Err(remedy.to_owned()) }
    }
}

/// The person with these changes made at `now`; or everything that is wrong with them. What is said
/// already is not judged again: an administrator may have said it.
///
/// # Errors
/// The fields that cannot be taken, and the remedy for each.
pub fn changed(user: &User, changes: &[Change], now: Time) -> Result<User, Vec<(Field, String)>> {
    let (mut new, mut problems) = (user.clone(), Vec::new());
    for (field, said) in changes {
        let said = said.as_deref().map(normalised).filter(|said| !said.is_empty());
        if said.as_deref() == field.of(user) {
            continue;
        }
        match &said {
            None if *field == Field::Name => {
                let limit = field.limit();
                problems.push((*field, format!("must have 1 to {limit} characters")));
            }
            Some(said) => match field.judge(said, now) {
                Ok(()) => field.put(&mut new, Some(said.clone())),
                Err(problem) => problems.push((*field, problem)),
            },
            None => field.put(&mut new, None),
        }
    }
    if problems.is_empty() { Ok(new) } else { Err(problems) }
}

/// The fields in which two states of a person differ.
#[must_use]
pub fn difference(one: &User, other: &User) -> Vec<Field> {
    Field::ALL.into_iter().filter(|field| field.of(one) != field.of(other)).collect()
}

/// Trimmed, composed, its lines ended as text is here and not as forms send it.
fn normalised(said: &str) -> String {
    said.replace("\r\n", "\n").trim().nfc().collect()
}

/// `http` or `https`, and no name or password in it.
fn is_web_address(said: &str) -> bool {
    let has_space = said.chars().any(char::is_whitespace);
    !has_space
        && Url::parse(said).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        })
}

/// Nothing that a mail address could be, nor anything that looks like the name of somebody else in
/// other letters.
fn is_username(said: &str) -> bool {
    let is_of_it = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    said.len() >= 3
        && said.chars().all(is_of_it)
        && said.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_birthdate(said: &str, now: Time) -> bool {
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let today = jiff::Timestamp::from_millisecond(now.millis()).unwrap_or_default();
    // East of Greenwich it is tomorrow already.
    let tomorrow =
        today.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(jiff::Span::new().days(1));
    if digits(said, 4) {
        let year = said.parse::<i16>().unwrap_or(0);
        return (1800..=tomorrow.year()).contains(&year);
    }
    let parts: Vec<&str> = said.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    if !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return false;
    }
    // The year may be kept for oneself; then it may have been any, also one with 29 February.
    let is_left_out = year == "0000";
    let year = if is_left_out { 2000 } else { year.parse().unwrap_or(0) };
    let (month, day) = (month.parse().unwrap_or(0), day.parse().unwrap_or(0));
    let date = jiff::civil::Date::new(year, month, day);
    date.is_ok_and(|date| is_left_out || (date.year() >= 1800 && date <= tomorrow))
}

/// The form of a name of the time zone database. Which there are changes several times a year.
fn is_zone(said: &str) -> bool {
    let is_of_it = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    let mut parts = said.split('/');
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(is_of_it)
    };
    let count = said.split('/').count();
    (said == "UTC" || (2..=3).contains(&count)) && parts.all(is_part)
}

/// The form of a language tag (RFC 5646): a language, and subtags of at most eight letters or digits.
fn is_language_tag(said: &str) -> bool {
    let mut subtags = said.split('-');
    let is_language = |tag: &str| {
        (2..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let is_subtag = |tag: &str| {
        (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    subtags.next().is_some_and(is_language) && subtags.all(is_subtag)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::conformance::samples::{bare_user, user};

    const NOW: Time = Time::from_secs(1_795_339_800);

    fn judged(field: Field, said: &str) -> bool {
        field.judge(&normalised(said), NOW).is_ok()
    }

    #[test]
    fn what_is_said_is_told_and_what_is_taken_away_is_not() {
        let said = |field: Field| {
            let text = match field {
                Field::Profile | Field::Picture | Field::Website => "https://ada.example/x",
                Field::PreferredUsername => "ada.lovelace",
                Field::Birthdate => "1815-12-10",
                Field::Zoneinfo => "Europe/London",
                Field::Locale => "en-GB",
                _ => " Words ",
            };
            (field, Some(text.to_owned()))
        };
        let before = bare_user("somebody");
        let changes: Vec<Change> = Field::ALL.into_iter().map(said).collect();
        let full = changed(&before, &changes, NOW).unwrap();
        for (field, said) in &changes {
            assert_eq!(field.of(&full), said.as_deref().map(str::trim), "{field:?}");
        }
        assert_eq!(full.username_key.as_deref(), Some("ada.lovelace"));
        assert_eq!(full.claims["address"]["locality"], json!("Words"));
        let nothing: Vec<Change> =
            Field::ALL.into_iter().skip(1).map(|field| (field, None)).collect();
        let bare = changed(&full, &nothing, NOW).unwrap();
        for field in Field::ALL.into_iter().skip(1) {
            assert_eq!(field.of(&bare), None, "{field:?}");
        }
        assert!(!bare.claims.contains_key("address"));
    }

    #[test]
    fn nobody_is_without_a_name() {
        for said in [None, Some(String::new()), Some(" \r\n ".to_owned())] {
            let problems = changed(&user("somebody"), &[(Field::Name, said)], NOW).unwrap_err();
            assert_eq!(problems[0].0, Field::Name);
        }
    }

    #[test]
    fn what_came_with_the_account_is_replaced_and_what_is_no_claim_of_these_stays() {
        let mut before = user("somebody");
        before.given_name = None;
        before.claims = json!({ "given_name": "Old", "employee": 7, "address": "a text" })
            .as_object()
            .unwrap()
            .clone();
        assert_eq!(Field::GivenName.of(&before), Some("Old"));
        let changes = [(Field::GivenName, None), (Field::Country, Some("Latvia".to_owned()))];
        let after = changed(&before, &changes, NOW).unwrap();
        assert_eq!(Field::GivenName.of(&after), None);
        assert_eq!(after.claims["employee"], 7);
        assert_eq!(after.claims["address"], json!({ "country": "Latvia" }));
        assert_eq!(difference(&before, &after), [Field::GivenName, Field::Country]);
    }

    #[test]
    fn what_is_said_already_is_not_judged_again() {
        let mut before = user("somebody");
        before.username = Some("of an administrator".to_owned());
        let same = [(Field::PreferredUsername, before.username.clone())];
        assert!(changed(&before, &same, NOW).is_ok());
        let other = [(Field::PreferredUsername, Some("of another one".to_owned()))];
        assert!(changed(&before, &other, NOW).is_err());
    }

    #[test]
    fn an_address_of_the_web_runs_nothing_and_holds_no_password() {
        for good in ["https://ada.example", "http://ada.example/x?y=z#a", "https://bücher.example"]
        {
            assert!(judged(Field::Website, good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt://ada.example/%0aalert(1)",
            "data:text/html,x",
            "ftp://ada.example",
            "https://ada:secret@ada.example",
            "https://",
            "ada.example",
            "https://ada.example/a b",
            "//ada.example",
        ] {
            assert!(!judged(Field::Website, bad), "{bad}");
        }
    }

    #[test]
    fn a_user_name_is_no_mail_address_and_looks_like_nobody_elses() {
        for good in ["ada", "Ada.Lovelace-1815", "a_b"] {
            assert!(judged(Field::PreferredUsername, good), "{good}");
        }
        for bad in ["ab", "ada@example.com", "ada lovelace", "аda", ".ada", "ada\u{200b}"] {
            assert!(!judged(Field::PreferredUsername, bad), "{bad}");
        }
    }

    #[test]
    fn a_date_of_birth_has_been_and_may_keep_its_year_or_be_one() {
        for good in ["1815-12-10", "0000-02-29", "1815", "2026-11-22"] {
            assert!(judged(Field::Birthdate, good), "{good}");
        }
        for bad in
            ["2026-11-24", "2030", "1815-13-01", "1815-2-1", "10.12.1815", "0000-02-30", "0000"]
        {
            assert!(!judged(Field::Birthdate, bad), "{bad}");
        }
    }

    #[test]
    fn zones_and_languages_have_their_forms() {
        for good in ["Europe/London", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+3"] {
            assert!(judged(Field::Zoneinfo, good), "{good}");
        }
        for bad in ["London", "Europe/", "../etc/passwd", "Europe/London/x/y", "<b>/x"] {
            assert!(!judged(Field::Zoneinfo, bad), "{bad}");
        }
        for good in ["en", "en-GB", "zh-Hant-TW", "de-CH-1996"] {
            assert!(judged(Field::Locale, good), "{good}");
        }
        for bad in ["e", "en-beyondeight", "en_GB", "en-", "12"] {
            assert!(!judged(Field::Locale, bad), "{bad}");
        }
    }

    #[test]
    fn nothing_turns_the_words_around_it_and_only_addresses_have_lines() {
        for bad in ["a\u{202e}b", "a\u{2066}b", "a\0b", "a\u{1b}[31m", "a\nb"] {
            assert!(!judged(Field::Nickname, bad), "{bad:?}");
        }
        assert!(judged(Field::StreetAddress, "12 St James's Square\r\nFlat 3"));
        assert!(!judged(Field::Nickname, &"x".repeat(101)));
    }
}
