//! What every page of an account has around it: who is signed in, where else there is to go, and what
//! was just done.

use crate::http::pages::views::{Form, Look, Person};

/// The frame of a page.
#[derive(Clone, Debug)]
pub struct Shell<'v> {
    /// Who is signed in.
    pub who: Person<'v>,
    /// Where they are.
    pub here: Section,
    /// What was just done.
    pub notice: Option<Notice>,
    /// What every form of the page carries; each has an action of its own.
    pub form: Form<'v>,
}

impl Shell<'_> {
    /// Where there is to go, in order.
    #[must_use]
    pub fn places(&self) -> &'static [Section] {
        Section::ALL
    }

    /// Whether they are there.
    #[must_use]
    pub fn is_at(&self, place: &Section) -> bool {
        self.here == *place
    }
}

/// A page, or a few that belong together, as the navigation knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// How things stand.
    Overview,
    /// Where they may go.
    Sites,
    /// What is told of the person.
    Profile,
    /// Password, factors, backup codes.
    Security,
    /// Trusted devices.
    Devices,
    /// Where they are signed in.
    Sessions,
    /// What they allowed to whom.
    Apps,
    /// Keys of their own.
    ApiKeys,
    /// What happened lately.
    Activity,
}

impl Section {
    /// All that there are, in the order in which they are shown.
    pub const ALL: &'static [Self] = &[
        Self::Overview,
        Self::Sites,
        Self::Profile,
        Self::Security,
        Self::Devices,
        Self::Sessions,
        Self::Apps,
        Self::ApiKeys,
        Self::Activity,
    ];

    /// Its address.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/account",
            Self::Sites => "/account/sites",
            Self::Profile => "/account/profile",
            Self::Security => "/account/security",
            Self::Devices => "/account/devices",
            Self::Sessions => "/account/sessions",
            Self::Apps => "/account/apps",
            Self::ApiKeys => "/account/api-keys",
            Self::Activity => "/account/activity",
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(self, look: &Look) -> String {
        match self {
            Self::Overview => look.text("account-overview"),
            Self::Sites => look.text("account-sites"),
            Self::Profile => look.text("account-profile"),
            Self::Security => look.text("account-security"),
            Self::Devices => look.text("account-devices"),
            Self::Sessions => look.text("account-sessions"),
            Self::Apps => look.text("account-apps"),
            Self::ApiKeys => look.text("account-api-keys"),
            Self::Activity => look.text("account-activity"),
        }
    }

    /// Its picture: what is drawn in a square of 24 (`d` of an SVG path).
    #[must_use]
    pub const fn picture(self) -> &'static str {
        match self {
            Self::Overview => "M4 11.5 12 5l8 6.5M6 10v9h4.5v-5h3v5H18v-9",
            Self::Sites => "M3.5 5h17v14h-17zM3.5 9.5h17M6.5 7.25h1M9.5 7.25h1",
            Self::Profile => {
                "M12 12a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5M4.5 20c.6-3.7 3.6-5.5 7.5-5.5s6.9 1.8 7.5 5.5"
            }
            Self::Security => {
                "M12 3.5 5 6v5.5c0 4.4 2.9 7.6 7 9 4.1-1.4 7-4.6 7-9V6zM9 12l2.2 2.2L15.2 10"
            }
            Self::Devices => "M4 6h12v9H4zM2.5 18.5h11M17 10h4.5v9H17z",
            Self::Sessions => "M4 5h16v11H4zM9 20h6M12 16v4",
            Self::Apps => "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM13.5 13.5h6v6h-6z",
            Self::ApiKeys => {
                "M8 15.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5M11.7 11.75H21v3M17.5 11.75v2.5"
            }
            Self::Activity => "M3.5 12.5h4l3-7 4 13 2.5-6h3.5",
        }
    }
}

/// What was just done, said on the page that comes after it. Only these can be said: no words of a
/// request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The profile has changed.
    ProfileSaved,
    /// So has the mail address.
    EmailChanged,
    /// So has the telephone number.
    PhoneChanged,
    /// There is none any more.
    PhoneRemoved,
    /// The password has changed.
    PasswordChanged,
    /// A factor counts from now on.
    FactorAdded,
    /// A factor has another name.
    FactorRenamed,
    /// A factor is what sign-in begins with.
    FactorPreferred,
    /// A factor counts no more.
    FactorRemoved,
    /// There are new backup codes, and they were seen.
    CodesKept,
    /// A device is trusted no more.
    DeviceEnded,
    /// None is.
    DevicesEnded,
    /// A session has ended.
    SessionEnded,
    /// All but this one have.
    SessionsEnded,
    /// A new API key was seen.
    ApiKeyKept,
    /// An API key is good nowhere any more.
    ApiKeyRevoked,
    /// An app is let in no more.
    AppEnded,
    /// What was to be changed is not there, or not any more.
    Gone,
    /// It was changed elsewhere at the same moment: nothing was done.
    Overtaken,
}

impl Notice {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::ProfileSaved,
        Self::EmailChanged,
        Self::PhoneChanged,
        Self::PhoneRemoved,
        Self::PasswordChanged,
        Self::FactorAdded,
        Self::FactorRenamed,
        Self::FactorPreferred,
        Self::FactorRemoved,
        Self::CodesKept,
        Self::DeviceEnded,
        Self::DevicesEnded,
        Self::SessionEnded,
        Self::SessionsEnded,
        Self::ApiKeyKept,
        Self::ApiKeyRevoked,
        Self::AppEnded,
        Self::Gone,
        Self::Overtaken,
    ];

    /// As the browser carries it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ProfileSaved => "profile-saved",
            Self::EmailChanged => "email-changed",
            Self::PhoneChanged => "phone-changed",
            Self::PhoneRemoved => "phone-removed",
            Self::PasswordChanged => "password-changed",
            Self::FactorAdded => "factor-added",
            Self::FactorRenamed => "factor-renamed",
            Self::FactorPreferred => "factor-preferred",
            Self::FactorRemoved => "factor-removed",
            Self::CodesKept => "codes-kept",
            Self::DeviceEnded => "device-ended",
            Self::DevicesEnded => "devices-ended",
            Self::SessionEnded => "session-ended",
            Self::SessionsEnded => "sessions-ended",
            Self::ApiKeyKept => "api-key-kept",
            Self::ApiKeyRevoked => "api-key-revoked",
            Self::AppEnded => "app-ended",
            Self::Gone => "gone",
            Self::Overtaken => "overtaken",
        }
    }

    /// Whether it was done as asked.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        !matches!(self, Self::Gone | Self::Overtaken)
    }

    /// In words.
    #[must_use]
    pub fn text(&self, look: &Look) -> String {
        match self {
            Self::ProfileSaved => look.text("notice-profile-saved"),
            Self::EmailChanged => look.text("notice-email-changed"),
            Self::PhoneChanged => look.text("notice-phone-changed"),
            Self::PhoneRemoved => look.text("notice-phone-removed"),
            Self::PasswordChanged => look.text("notice-password-changed"),
            Self::FactorAdded => look.text("notice-factor-added"),
            Self::FactorRenamed => look.text("notice-factor-renamed"),
            Self::FactorPreferred => look.text("notice-factor-preferred"),
            Self::FactorRemoved => look.text("notice-factor-removed"),
            Self::CodesKept => look.text("notice-codes-kept"),
            Self::DeviceEnded => look.text("notice-device-ended"),
            Self::DevicesEnded => look.text("notice-devices-ended"),
            Self::SessionEnded => look.text("notice-session-ended"),
            Self::SessionsEnded => look.text("notice-sessions-ended"),
            Self::ApiKeyKept => look.text("notice-api-key-kept"),
            Self::ApiKeyRevoked => look.text("notice-api-key-revoked"),
            Self::AppEnded => look.text("notice-app-ended"),
            Self::Gone => look.text("notice-gone"),
            Self::Overtaken => look.text("notice-overtaken"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_has_a_word_of_its_own() {
        for notice in Notice::ALL {
            let same = Notice::ALL.into_iter().filter(|other| other.word() == notice.word());
            assert_eq!(same.collect::<Vec<_>>(), [notice]);
        }
    }
}
