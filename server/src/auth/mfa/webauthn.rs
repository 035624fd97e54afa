//! Passkeys and security keys (WebAuthn Level 3): what an authenticator is asked, and whether what
//! it answers is right. The only file that names webauthn-rs, and reads
//! CBOR.
//!
//! Of that the core is used, and not what is built upon it, which knows but two kinds of
//! credential: those that always verify their owner, and those that never name them. What the core
//! leaves to its callers is done in [`ceremony`](super::ceremony) (each challenge is judged once), by
//! the store (no counter goes back) and here.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    proto::{
        AttestationConveyancePreference, AuthenticationState, Credential, PublicKeyCredential,
        RegisterPublicKeyCredential, RegistrationState, RequestRegistrationExtensions,
        ResidentKeyRequirement, UserVerificationPolicy,
    },
};

use crate::{
    auth::error::{AuthError, AuthResult},
    domain::{
        passkey::{Passkey, PasskeyUse},
        user::User,
    },
};

/// How long a challenge may be answered.
pub const LIFE: Duration = Duration::from_secs(300);
/// What authenticators show of this server beside its host.
const NAME: &str = "Signalbox";
/// The longest name of a credential (WebAuthn Level 3 section 4, "credential ID").
const NAME_LIMIT: usize = 1023;

/// This server, as authenticators know it: RP id and origin are those of its public address.
pub struct RelyingParty {
    core: WebauthnCore,
    id: String,
}

/// What is asked of a new passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// It must verify its owner; else it does where it can.
    pub verified: bool,
    /// It is to say what model it is.
    pub attested: bool,
}

/// A challenge: what the browser is given, and what its answer is judged by.
pub struct Asked {
    /// The options of `navigator.credentials.create` or `.get`: their `publicKey`, in JSON.
    pub options: Value,
    /// The challenge, as it comes back.
    pub challenge: String,
    /// What is kept here.
    pub state: String,
}

/// What became of an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is right.
    Right(Asserted),
    /// It is right but for its counter, which is behind: somebody may have copied the key.
    Behind,
    /// It is wrong.
    Wrong,
}

/// An assertion that is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// Whether it verified its owner.
    pub user_verified: bool,
    /// What it said of itself.
    pub used: PasskeyUse,
}

impl RelyingParty {
    /// Of the server at `public_url`.
    #[must_use]
    pub fn new(public_url: &Url) -> Self {
        let id = public_url.host_str().unwrap_or_default().to_owned();
        let origins = vec![public_url.clone()];
        let core = WebauthnCore::new_unsafe_experts_only(
            NAME,
            &id,
            origins,
            LIFE,
            Some(false),
            Some(false),
        );
        Self { core, id }
    }

    /// Asks for a new passkey of `user`, who has `known` already.
    ///
    /// # Errors
    /// [`AuthError::Internal`] when the library fails.
    pub fn ask_for_new(&self, user: &User, known: &[Passkey], wanted: Wanted) -> AuthResult<Asked> {
        let policy = verification(wanted.verified);
        let name = if user.name.is_empty() { &user.email } else { &user.name };
        let extensions = RequestRegistrationExtensions {
            cred_props: Some(true),
            uvm: None,
            ..RequestRegistrationExtensions::default()
        };
        let attestation = match wanted.attested {
            true => AttestationConveyancePreference::Direct,
            false => AttestationConveyancePreference::None,
        };
        let builder = self
            .core
            .new_challenge_register_builder(user.id.as_bytes(), &user.email, name)
            .map_err(internal)?
            .attestation(attestation)
            .user_verification_policy(policy)
            .exclude_credentials(Some(
                known.iter().map(|passkey| passkey.credential_id.clone()).collect(),
            ))
            .extensions(Some(extensions));
        let (mut asked, state) =
            self.core.generate_challenge_register(builder).map_err(internal)?;
        // Where it can, it names its owner by itself; a security key without room is as good beside
        // a password.
        if let Some(selection) = &mut asked.public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Preferred);
        }
        Asked::of(&asked.public_key, &state)
    }

    /// Judges the answer for a new passkey, which will be of factor `factor_id`; `None`: it is wrong.
    ///
    /// # Errors
    /// [`AuthError::Internal`] when what was kept cannot be read.
    pub fn judge_new(
        &self,
        state: &str,
        answer: &Value,
        factor_id: Uuid,
        user: &User,
    ) -> AuthResult<Option<Passkey>> {
        let state: RegistrationState = serde_json::from_str(state).map_err(internal)?;
        let Some(answer) = read::<RegisterPublicKeyCredential>(answer) else { return Ok(None) };
        let credential = match self.core.register_credential(&answer, &state, None) {
            Ok(credential) => credential,
            Err(reason) => {
                tracing::info!(?reason, "a passkey was not registered");
                return Ok(None);
            }
        };
        let credential_id = credential.cred_id.clone();
        if credential_id.is_empty() || credential_id.len() > NAME_LIMIT {
            return Ok(None);
        }
        let discoverable = answer.extensions.cred_props.and_then(|props| props.rk);
        Ok(Some(Passkey {
            factor_id,
            user_id: user.id,
            model: model(&answer.response.attestation_object),
            backup_eligible: credential.backup_eligible,
            backed_up: credential.backup_state,
            discoverable,
            user_verified: credential.user_verified,
            counter: credential.counter,
            record: serde_json::to_string(&credential).map_err(internal)?,
            credential_id,
        }))
    }

    /// Asks for one of `passkeys`; of nobody's in particular where there are none: whoever has one
    /// says who they are with it. `verified`: it must verify its owner, and else does where it can.
    ///
    /// # Errors
    /// [`AuthError::Internal`] when the library fails.
    pub fn ask(&self, passkeys: &[Passkey], verified: bool) -> AuthResult<Asked> {
        let builder = self
            .core
            .new_challenge_authenticate_builder(Vec::new(), Some(verification(verified)))
            .map_err(internal)?;
        // Whose passkey may answer is judged by what is stored when the answer comes.
        let (asked, state) =
            self.core.generate_challenge_authenticate(builder).map_err(internal)?;
        let mut asked = Asked::of(&asked.public_key, &state)?;
        let allowed = passkeys.iter().map(|passkey| {
            let id = URL_SAFE_NO_PAD.encode(&passkey.credential_id);
            json!({ "type": "public-key", "id": id })
        });
        asked.options["allowCredentials"] = allowed.collect();
        Ok(asked)
    }

    /// Judges whether `passkey` answered.
    ///
    /// # Errors
    /// [`AuthError::Internal`] when what was kept cannot be read.
    pub fn judge(&self, state: &str, answer: &Value, passkey: &Passkey) -> AuthResult<Judged> {
        let mut state: AuthenticationState = serde_json::from_str(state).map_err(internal)?;
        let mut credential: Credential = serde_json::from_str(&passkey.record).map_err(internal)?;
        credential.counter = passkey.counter;
        credential.backup_state = passkey.backed_up;
        state.set_allowed_credentials(vec![credential]);
        let Some(answer) = read::<PublicKeyCredential>(answer) else { return Ok(Judged::Wrong) };
        Ok(match self.core.authenticate_credential(&answer, &state) {
            Ok(right) => Judged::Right(Asserted {
                user_verified: right.user_verified(),
                used: PasskeyUse { counter: right.counter(), backed_up: right.backup_state() },
            }),
            Err(WebauthnError::CredentialPossibleCompromise) => {
                tracing::warn!(factor = %passkey.factor_id, "the counter of a passkey went back");
                Judged::Behind
            }
            Err(reason) => {
                tracing::info!(?reason, factor = %passkey.factor_id, "a passkey was not proved");
                Judged::Wrong
            }
        })
    }

    /// The RP id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Asked {
    fn of(options: &impl serde::Serialize, state: &impl serde::Serialize) -> AuthResult<Self> {
        let options = serde_json::to_value(options).map_err(internal)?;
        let challenge = options["challenge"].as_str().unwrap_or_default().to_owned();
        let state = serde_json::to_string(state).map_err(internal)?;
        Ok(Self { options, challenge, state })
    }
}

/// The challenge that somebody answers, as they say; `None`: it is no answer of a browser, or one
/// that was given in a frame of somebody else's page.
#[must_use]
pub fn challenge_of(answer: &Value) -> Option<String> {
    let client_data = bytes_of(&answer["response"]["clientDataJSON"])?;
    let client_data: Value = serde_json::from_slice(&client_data).ok()?;
    if client_data["crossOrigin"].as_bool().unwrap_or(false) {
        return None;
    }
    client_data["challenge"].as_str().map(ToOwned::to_owned)
}

/// Which passkey answers, as it says.
#[must_use]
pub fn credential_id_of(answer: &Value) -> Option<Vec<u8>> {
    bytes_of(&answer["rawId"]).filter(|id| !id.is_empty() && id.len() <= NAME_LIMIT)
}

/// Whose passkey answers, as it says: only one that names its owner by itself does.
#[must_use]
pub fn owner_of(answer: &Value) -> Option<Uuid> {
    let handle = bytes_of(&answer["response"]["userHandle"])?;
    Uuid::from_slice(&handle).ok()
}

/// The model of an authenticator, as its data says (WebAuthn Level 3 section 6.5.1): behind the RP id's
/// hash, the flags and the counter. Noughts say none.
fn model(attestation_object: &[u8]) -> Option<Uuid> {
    let object: Cbor = serde_cbor_2::from_slice(attestation_object).ok()?;
    let Cbor::Map(members) = object else { return None };
    let Some(Cbor::Bytes(data)) = members.get(&Cbor::Text("authData".to_owned())) else {
        return None;
    };
    let model = Uuid::from_slice(data.get(37..53)?).ok()?;
    Some(model).filter(|model| !model.is_nil())
}

fn bytes_of(text: &Value) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_str()?.trim_end_matches('=')).ok()
}

fn read<T: serde::de::DeserializeOwned>(answer: &Value) -> Option<T> {
    serde_json::from_value(answer.clone()).ok()
}

fn verification(required: bool) -> UserVerificationPolicy {
    if required { UserVerificationPolicy::Required } else { UserVerificationPolicy::Preferred }
}

fn internal(error: impl std::fmt::Display) -> AuthError {
    AuthError::Internal(format!("webauthn: {error}"))
}
