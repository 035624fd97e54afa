//! Telephone numbers, as they are kept: E.164.

use std::fmt;

use phonenumber::{Mode, Type, country, metadata::DATABASE};

/// Most characters of a number as somebody types it.
const TYPED: usize = 64;
/// Codes of no country (ITU-T E.164 annex D): satellites, networks of many countries, numbers for
/// life, free and premium ones. Messages there cost a multiple, or are somebody's income.
const NOWHERE: [u16; 10] = [800, 808, 870, 878, 879, 881, 882, 883, 888, 979];
/// How many of its last digits are shown to those who know it.
const SHOWN: usize = 2;

/// A number that a message can be sent to (ITU-T E.164): a plus sign, the country's code and the
/// rest, digits alone. What it prints for debugging is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// A number as somebody types it: with the code of its country, or without it as one of
    /// `country` (ISO 3166-1, two letters). `None` where there can be no such number, and where messages to it are somebody's
    /// income.
    #[must_use]
    pub fn read(typed: &str, country: Option<&str>) -> Option<Self> {
        let typed = typed.trim();
        let plain = |c: char| c.is_ascii_digit() || "+-/.() \u{a0}".contains(c);
        if typed.len() > TYPED || !typed.chars().all(plain) {
            return None;
        }
        let country: Option<country::Id> = country.and_then(|name| name.parse().ok());
        let read = phonenumber::parse(country, typed).ok()?;
        let earns = matches!(
            read.number_type(&DATABASE),
            Type::PremiumRate
                | Type::PersonalNumber
                | Type::SharedCost
                | Type::TollFree
                | Type::Uan
                | Type::Pager
                | Type::Voicemail
                | Type::ShortCode
                | Type::StandardRate
                | Type::Carrier
                | Type::NoInternational
                | Type::Emergency
        );
        let is_nowhere = NOWHERE.contains(&read.country().code());
        (read.is_valid() && !earns && !is_nowhere && read.extension().is_none())
            .then(|| Self(read.format().mode(Mode::E164).to_string()))
    }

    /// A number that was read before, as it was kept: what is known of the world's numbers may have
    /// changed since.
    #[must_use]
    pub const fn kept(number: String) -> Self {
        Self(number)
    }

    /// As it is kept and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// So much of it that its owner knows it again: `+49•••••12`. As many dots for every number.
    #[must_use]
    pub fn masked(&self) -> String {
        masked(&self.0)
    }
}

/// What is shown of a number, E.164 or not.
#[must_use]
pub fn masked(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let code = if number.starts_with('+') { code_length(&digits) } else { 0 };
    if digits.len() < code + 2 * SHOWN {
        return "•••••".to_owned();
    }
    let plus = if code > 0 { "+" } else { "" };
    let text = |digits: &[char]| digits.iter().collect::<String>();
    format!("{plus}{}•••••{}", text(&digits[..code]), text(&digits[digits.len() - SHOWN..]))
}

/// How many digits the code of its country has (ITU-T E.164, list of assigned codes): no code is the
/// beginning of another.
fn code_length(digits: &[char]) -> usize {
    match digits {
        ['1' | '7', ..] => 1,
        ['2', '0' | '7', ..]
        | ['3', '0'..='4' | '6' | '9', ..]
        | ['4', '0' | '1' | '3'..='9', ..]
        | ['5', '1'..='8', ..]
        | ['6', '0'..='6', ..]
        | ['8', '1' | '2' | '4' | '6', ..]
        | ['9', '0'..='5' | '8', ..] => 2,
        _ => 3,
    }
}

/// Whether there is a country of this name (ISO 3166-1, two letters).
#[must_use]
pub fn is_country(name: &str) -> bool {
    name.parse::<country::Id>().is_ok()
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> Option<PhoneNumber> {
        PhoneNumber::read(typed, None)
    }

    #[test]
    fn a_number_is_kept_as_e164_however_it_is_typed() {
        for typed in ["+49 1512 3456789", " +49 (0) 1512/345-6789 ", "+4915123456789"] {
            assert_eq!(read(typed).unwrap().as_str(), "+4915123456789", "{typed}");
        }
        let german = PhoneNumber::read("01512 3456789", Some("DE")).unwrap();
        assert_eq!(german.as_str(), "+4915123456789");
        let british = PhoneNumber::read("+447400123456", Some("DE")).unwrap();
        assert_eq!(british.as_str(), "+447400123456");
    }

    #[test]
    fn what_is_no_number_is_none() {
        for typed in [
            "",
            "+",
            "+49",
            "01512 3456789",
            "+4915",
            "+49151234567890123",
            "+999123456789",
            "ada@example.com",
            "+49 1512 3456789 ext. 5",
            "+49 1512 3456789;123",
            "tel:+4915123456789",
            "+٤٩١٥١٢٣٤٥٦٧٨٩",
        ] {
            assert_eq!(read(typed), None, "{typed}");
        }
        assert_eq!(read(&format!("+49{}15123456789", " ".repeat(TYPED))), None);
    }

    #[test]
    fn no_message_goes_where_it_is_somebodys_income() {
        for typed in [
            // Premium rate, shared cost and free of charge.
            "+49 900 1234567",
            "+49 180 5012345",
            "+49 800 1234567",
            // Personal numbers, whose callers pay whoever rents them out.
            "+44 70 1234 5678",
            // Satellites, networks of many countries, and the premium rate of all of them.
            "+870 773 111 632",
            "+881 612 345 678",
            "+883 5100 12345678",
            "+979 123 456 789",
        ] {
            assert_eq!(read(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_masked_number_shows_the_country_and_two_digits() {
        let number = read("+4915123456789").unwrap();
        assert_eq!(number.masked(), "+49•••••89");
        assert_eq!(format!("{number:?}"), "+49•••••89");
        assert_eq!(read("+1 202 456 1111").unwrap().masked(), "+1•••••11");
        assert_eq!(read("+353 85 012 3456").unwrap().masked(), "+353•••••56");
        // What an operator wrote down may be anything.
        for (kept, shown) in [("030 1234567", "•••••67"), ("+44", "•••••"), ("call me", "•••••")]
        {
            assert_eq!(masked(kept), shown);
        }
    }
}
