//! One-time tokens that travel by mail or by the operator's terminal.

use jwks::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::secret::SecretHash;

/// What a one-time token is for. One kind can never be consumed as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Prove a mail address.
    VerifyEmail,
    /// Choose a new password.
    ResetPassword,
    /// Accept an invitation.
    Invitation,
    /// Make the first admin.
    FirstAdmin,
    /// Prove a factor, or confirm one: a code that was sent.
    SentCode,
    /// Prove the mail address that is to take the place of the present one: a code that was mailed.
    NewAddress,
    /// Prove the telephone number that is to take the place of the present one: a code that was sent.
    NewPhone,
    /// Set up a factor in the place of all that were lost.
    Recovery,
    /// Prove a passkey, or set one up: the challenge that it answers.
    PasskeyChallenge,
    /// Send a form that somebody posted before they had to sign in: `bound_to` is the form, sealed.
    KeptForm,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 10] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::Invitation,
        Self::FirstAdmin,
        Self::SentCode,
        Self::NewAddress,
        Self::NewPhone,
        Self::Recovery,
        Self::PasskeyChallenge,
        Self::KeptForm,
    ];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::Invitation => "invitation",
            Self::FirstAdmin => "first_admin",
            Self::SentCode => "sent_code",
            Self::NewAddress => "new_address",
            Self::NewPhone => "new_phone",
            Self::Recovery => "recovery",
            Self::PasskeyChallenge => "passkey_challenge",
            Self::KeptForm => "kept_form",
        }
    }

    /// The purpose stored as `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// A one-time token as the store keeps it. There is at most one for each purpose and owner: a
/// newer one takes the older one's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTime {
    /// What it is for.
    pub purpose: Purpose,
    /// The person; nil for [`Purpose::FirstAdmin`]; a name made of tenant and address for
    /// [`Purpose::Invitation`], of factor and challenge for [`Purpose::SentCode`], of who was
    /// asked and what for with [`Purpose::PasskeyChallenge`], of the token with
    /// [`Purpose::KeptForm`].
    pub owner: Uuid,
    /// Hash of the token.
    pub hash: SecretHash,
    /// What else must still be so when it is consumed (the address, when the password was set).
    pub bound_to: String,
    /// When it dies.
    pub expires_at: Time,
}
