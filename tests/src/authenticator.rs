//! A passkey or security key in software, and the browser it is plugged into: it answers what
//! `navigator.credentials` is asked, and lies where a test wants it to.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{Answer, Person, Session, world::World};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// One credential, its authenticator and its browser. What it says is in its fields, to be changed.
pub struct Authenticator {
    key: EcdsaKeyPair,
    /// What it calls its credential.
    pub credential_id: Vec<u8>,
    /// Its model.
    pub aaguid: [u8; 16],
    /// The origin of the page that asks it.
    pub origin: String,
    /// The RP id that it signs for.
    pub rp_id: String,
    /// Whether it verifies its owner.
    pub verifies: bool,
    /// Whether its owner touches it.
    pub is_touched: bool,
    /// Whether its key is copied to other devices.
    pub is_synced: bool,
    /// Whether it counts; how far.
    pub counter: Option<u32>,
    /// Its owner, where it names them by itself.
    pub owner: Option<Vec<u8>>,
    /// Whether the page that asks is a frame in one of another origin.
    pub is_framed: bool,
    /// Whether it says what it is, where that is asked for.
    pub attests: bool,
}

impl Authenticator {
    /// A passkey of somebody who visits the pages of the world: it verifies them, and stays in its
    /// device.
    ///
    /// # Panics
    /// When there are no random bytes.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let mut credential_id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut credential_id).unwrap();
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            credential_id,
            aaguid: *b"signalbox-tests!",
            origin: world.issuer(),
            rp_id: "localhost".to_owned(),
            verifies: true,
            is_touched: true,
            is_synced: false,
            counter: Some(0),
            owner: None,
            is_framed: false,
            attests: true,
        }
    }

    /// Its model, as policies name it.
    #[must_use]
    pub fn model(&self) -> String {
        let hex: String = self.aaguid.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }

    /// What `navigator.credentials.create` gives.
    ///
    /// # Panics
    /// When the options are none.
    pub fn create(&mut self, options: &Value) -> Value {
        self.owner = Some(bytes(&options["user"]["id"]));
        let client_data = self.client_data("webauthn.create", options);
        let mut data = self.data(ATTESTED);
        data.extend(self.aaguid);
        data.extend(u16::try_from(self.credential_id.len()).unwrap().to_be_bytes());
        data.extend(&self.credential_id);
        data.extend(self.public_key());
        let is_attested = self.attests && options["attestation"] == "direct";
        let (format, statement) = match is_attested {
            // Of itself: nobody vouches for it (WebAuthn Level 3 section 8.2, "self attestation").
            true => {
                let signature = self.signature(&data, &client_data);
                let mut map = vec![0xa2];
                map.extend(cbor_text("alg"));
                map.push(0x26);
                map.extend(cbor_text("sig"));
                map.extend(cbor_bytes(&signature));
                ("packed", map)
            }
            false => ("none", vec![0xa0]),
        };
        let mut object = vec![0xa3];
        object.extend(cbor_text("fmt"));
        object.extend(cbor_text(format));
        object.extend(cbor_text("attStmt"));
        object.extend(statement);
        object.extend(cbor_text("authData"));
        object.extend(cbor_bytes(&data));
        let id = text(&self.credential_id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": {
                "clientDataJSON": text(&client_data),
                "attestationObject": text(&object),
                "transports": ["internal"],
            },
            "clientExtensionResults": { "credProps": { "rk": true } },
        })
    }

    /// What `navigator.credentials.get` gives.
    ///
    /// # Panics
    /// When the options are none.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter = self.counter.map(|counter| counter + 1);
        self.assertion(options)
    }

    /// The same without counting.
    ///
    /// # Panics
    /// When the options are none.
    #[must_use]
    pub fn assertion(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(0);
        let signature = self.signature(&data, &client_data);
        let id = text(&self.credential_id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": {
                "clientDataJSON": text(&client_data),
                "authenticatorData": text(&data),
                "signature": text(&signature),
                "userHandle": self.owner.as_deref().map(text),
            },
            "clientExtensionResults": {},
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = options["challenge"].as_str().unwrap();
        let data = json!({
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.is_framed,
        });
        data.to_string().into_bytes()
    }

    /// What it signs, beside the client's data (WebAuthn Level 3 section 6.1).
    fn data(&self, more: u8) -> Vec<u8> {
        let flags = [
            (self.is_touched, USER_PRESENT),
            (self.verifies, USER_VERIFIED),
            (self.is_synced, BACKUP_ELIGIBLE | BACKED_UP),
            (true, more),
        ];
        let flags =
            flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag);
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.unwrap_or(0).to_be_bytes());
        data
    }

    fn signature(&self, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let signed = [data, digest(&SHA256, client_data).as_ref()].concat();
        self.key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec()
    }

    /// Its key for ES256 (RFC 9053 section 7.1.1).
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
        key.extend(cbor_bytes(&point[1..33]));
        key.push(0x22);
        key.extend(cbor_bytes(&point[33..]));
        key
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

fn cbor_text(text: &str) -> Vec<u8> {
    headed(0x60, text.as_bytes())
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    headed(0x40, bytes)
}

/// A string of bytes or letters (RFC 8949 section 3).
fn headed(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let mut made = match length {
        0..24 => vec![kind | u8::try_from(length).unwrap()],
        24..256 => vec![kind | 24, u8::try_from(length).unwrap()],
        _ => [&[kind | 25][..], &length.to_be_bytes()].concat(),
    };
    made.extend(content);
    made
}

impl World {
    /// Somebody with a verified address and a passkey.
    pub async fn enrolled_with_passkey(&self) -> (Person, Authenticator) {
        let mut person = self.person().await;
        let session = self.sign_in(&person).await;
        let mut passkey = Authenticator::new(self);
        self.enrol_passkey(&mut person, &session, &mut passkey).await;
        (person, passkey)
    }

    /// Sets a passkey up for somebody who has just signed in.
    pub async fn enrol_passkey(
        &self,
        person: &mut Person,
        session: &Session,
        passkey: &mut Authenticator,
    ) {
        let rail = self.rail();
        let wanted = json!({ "method": "HARDWARE" });
        let set_up = rail.post_as(&session.access, "/mfa/setup", wanted).await.data(200);
        person.take_secrets(&set_up);
        let answer =
            json!({ "method": "HARDWARE", "credential": passkey.create(&set_up["publicKey"]) });
        let confirmed = rail.post_as(&session.access, "/mfa/setup/confirm", answer).await;
        assert_eq!(confirmed.data(200)["enabled"], true);
    }

    /// What a passkey of nobody in particular is asked with.
    pub async fn passkey_options(&self) -> Value {
        self.rail().post("/passkey/options", json!({})).await.data(200)["publicKey"].take()
    }

    /// Signs in with a passkey alone.
    pub async fn sign_in_by_passkey(&self, passkey: &mut Authenticator) -> Answer {
        let credential = passkey.get(&self.passkey_options().await);
        self.rail().post("/passkey", json!({ "credential": credential })).await
    }

    /// What the passkeys of somebody who is half signed in are asked with.
    pub async fn half_options(&self, half: &str) -> Value {
        let wanted = json!({ "mfaToken": half, "method": "HARDWARE" });
        self.rail().post("/mfa/challenge", wanted).await.data(200)["publicKey"].take()
    }
}
