//! The audit log: ordered, and each row chained to the one before it by a hash.

use jwks::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What happened. The name is the event's name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Somebody signed in.
    #[serde(rename = "auth.login.success")]
    LoginSuccess,
    /// Somebody tried to.
    #[serde(rename = "auth.login.failed")]
    LoginFailed,
    /// Somebody signed out.
    #[serde(rename = "auth.logout")]
    Logout,
    /// A password was changed or reset.
    #[serde(rename = "auth.password.changed")]
    PasswordChanged,
    /// A factor was confirmed.
    #[serde(rename = "auth.mfa.enabled")]
    MfaEnabled,
    /// A factor was removed.
    #[serde(rename = "auth.mfa.disabled")]
    MfaDisabled,
    /// A factor was renamed, or made the one to begin with.
    #[serde(rename = "auth.mfa.updated")]
    MfaUpdated,
    /// Somebody changed what they say of themselves.
    #[serde(rename = "auth.profile.updated")]
    ProfileUpdated,
    /// A session was ended by its owner or an admin.
    #[serde(rename = "auth.session.revoked")]
    SessionRevoked,
    /// A spent refresh token came back.
    #[serde(rename = "auth.refresh.reused")]
    RefreshReused,
    /// A factor was locked after too many guesses.
    #[serde(rename = "auth.account.locked")]
    AccountLocked,
    /// The owner of an account said "this wasn't me".
    #[serde(rename = "auth.account.blocked")]
    AccountBlocked,
    /// An operator or an admin opened an account that was blocked or disabled.
    #[serde(rename = "auth.account.unblocked")]
    AccountUnblocked,
    /// An operator made a link for somebody who has lost every factor.
    #[serde(rename = "auth.recovery.issued")]
    RecoveryIssued,
    /// Somebody used it, with the right password.
    #[serde(rename = "auth.recovery.used")]
    RecoveryUsed,
    /// An account was made.
    #[serde(rename = "auth.user.created")]
    UserCreated,
    /// An admin changed an account: its name, roles, tenant or status.
    #[serde(rename = "auth.user.updated")]
    UserUpdated,
    /// Somebody registered an address that has an owner.
    #[serde(rename = "auth.register.refused")]
    RegisterRefused,
    /// A mail address was proved.
    #[serde(rename = "auth.email.verified")]
    EmailVerified,
    /// Somebody asked for another mail address.
    #[serde(rename = "auth.email.change_requested")]
    EmailChangeRequested,
    /// A proved mail address took the place of the one before.
    #[serde(rename = "auth.email.changed")]
    EmailChanged,
    /// A proved telephone number took the place of the one before, or there is none any more.
    #[serde(rename = "auth.phone.changed")]
    PhoneChanged,
    /// Somebody asked for a link to choose a new password.
    #[serde(rename = "auth.password.reset_requested")]
    ResetRequested,
    /// A device was trusted.
    #[serde(rename = "auth.device.trusted")]
    DeviceTrusted,
    /// Devices are trusted no more.
    #[serde(rename = "auth.device.revoked")]
    DeviceRevoked,
    /// A tenant was made.
    #[serde(rename = "auth.tenant.created")]
    TenantCreated,
    /// Somebody was invited.
    #[serde(rename = "auth.user.invited")]
    UserInvited,
    /// Somebody joined a tenant.
    #[serde(rename = "auth.tenant.joined")]
    TenantJoined,
    /// An API key was made.
    #[serde(rename = "auth.api_key.created")]
    ApiKeyCreated,
    /// An API key was revoked.
    #[serde(rename = "auth.api_key.revoked")]
    ApiKeyRevoked,
    /// A site or its policy changed.
    #[serde(rename = "auth.policy.updated")]
    PolicyUpdated,
    /// A client was registered.
    #[serde(rename = "oauth.client.created")]
    ClientCreated,
    /// A client's registration changed.
    #[serde(rename = "oauth.client.updated")]
    ClientUpdated,
    /// A client is no more.
    #[serde(rename = "oauth.client.removed")]
    ClientRemoved,
    /// A token was made with which clients register themselves.
    #[serde(rename = "oauth.initial_access.created")]
    InitialAccessCreated,
    /// Somebody allowed a client what it asked for.
    #[serde(rename = "oauth.consent.granted")]
    ConsentGranted,
    /// Somebody took back what they had allowed a client; what came of it has ended.
    #[serde(rename = "oauth.consent.revoked")]
    ConsentRevoked,
    /// A code came a second time; what came of it has ended.
    #[serde(rename = "oauth.code.reused")]
    CodeReused,
    /// A client gave a token back (RFC 7009).
    #[serde(rename = "oauth.token.revoked")]
    TokenRevoked,
    /// A signing key was made.
    #[serde(rename = "auth.key.rotated")]
    KeyRotated,
    /// An edge was given a credential.
    #[serde(rename = "auth.edge.created")]
    EdgeCreated,
    /// An edge is no more.
    #[serde(rename = "auth.edge.removed")]
    EdgeRemoved,
}

impl Action {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    }
}

/// An event to be written. `id` names the act, so that a retry adds no second row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Names the act; unique.
    pub id: Uuid,
    /// When.
    pub at: Time,
    /// What.
    pub action: Action,
    /// Who did it; `None`: nobody known.
    pub actor: Option<Uuid>,
    /// To whom it was done.
    pub user_id: Option<Uuid>,
    /// On which site.
    pub site_key: Option<String>,
    /// Through which surface or client.
    pub client_id: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// With what, cut to 256 bytes.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// More, without secrets: an object.
    pub details: serde_json::Value,
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its place: 1, 2, 3, without gaps.
    pub seq: u64,
    /// The event.
    pub event: Event,
    /// [`chain`] of the row before (zeros for the first), this row's place and its event; hex.
    pub hash: String,
}

/// What stands in for the hash of the row before the first.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of a row: SHA-256 over the hash before it, its place, and the event as JSON (keys of
/// `details` in order, as `serde_json` writes them). Hex, 64 digits.
#[must_use]
pub fn chain(previous: &str, seq: u64, event: &Event) -> String {
    let body = serde_json::to_string(event).unwrap_or_default();
    super::secret::sha256_hex(format!("{previous}\n{seq}\n{body}").as_bytes())
}
