//! What a passkey or security key left here when it was registered (WebAuthn Level 3 section 4,
//! "credential record").

use uuid::Uuid;

/// The credential of a confirmed factor of method [`jwks::policy::Method::Hardware`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The factor it belongs to: one of them, one factor.
    pub factor_id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What its authenticator calls it. No two are called the same.
    pub credential_id: Vec<u8>,
    /// Its public key and what else was learnt at its registration, in the form of the library that
    /// judges it (JSON). Never changes.
    pub record: String,
    /// The model of its authenticator (AAGUID), as that said; `None`: it said none. Only an
    /// attestation that leads to its maker's root would prove it.
    pub model: Option<Uuid>,
    /// Whether it may be copied to other devices of its owner.
    pub backup_eligible: bool,
    /// Whether it was, when last heard of.
    pub backed_up: bool,
    /// Whether its authenticator can name its owner by itself; `None`: the browser did not say.
    pub discoverable: Option<bool>,
    /// Whether its owner was verified (by PIN, finger, face) when it was registered.
    pub user_verified: bool,
    /// How many signatures it made, as it last said; 0 where it does not count.
    pub counter: u32,
}

/// What a passkey said when it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasskeyUse {
    /// How many signatures it has made; 0 where it does not count.
    pub counter: u32,
    /// Whether it is copied to other devices.
    pub backed_up: bool,
}
