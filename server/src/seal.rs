//! Sealing: what must be read again but not by whoever copies the store (rule 33).

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey},
    hmac,
};

use crate::domain::secret::SecretHash;

const NONCE: usize = 12;
/// What tells the key of [`Sealer::mac`] from the one that seals.
const MAC_KEY: &[u8] = b"signalbox mac key 1";

/// Seals and opens small secrets with AES-256-GCM-SIV (RFC 8452) under the key of the
/// configuration. Each secret is bound to a name, so that a sealed value is of no use in another
/// row.
pub struct Sealer {
    key: RandomizedNonceKey,
    mac_key: hmac::Key,
}

/// A sealed value that this key and name do not open.
#[derive(Debug, thiserror::Error)]
#[error("a sealed value does not open: it was sealed with another `server.sealing_key`, or moved")]
pub struct Unsealable;

impl Sealer {
    /// With a key of 32 bytes.
    ///
    /// # Errors
    /// [`Unsealable`] if the library refuses the key.
    pub fn new(key: &[u8; 32]) -> Result<Self, Unsealable> {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), MAC_KEY);
        Ok(Self {
            key: RandomizedNonceKey::new(&AES_256_GCM_SIV, key).map_err(|_| Unsealable)?,
            mac_key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        })
    }

    /// What stands for a short secret in a store: HMAC-SHA256 (RFC 2104) of `value` for `name`,
    /// which holds no NUL, under a key derived from the configuration's. A plain hash of six
    /// digits is those six digits to anybody with a minute.
    #[must_use]
    pub fn mac(&self, name: &str, value: &str) -> SecretHash {
        let mut context = hmac::Context::with_key(&self.mac_key);
        context.update(name.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        SecretHash::from_mac(&context.sign())
    }

    /// Seals `secret` for `name`.
    ///
    /// # Errors
    /// [`Unsealable`] if the library fails.
    pub fn seal(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let mut body = secret.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut body)
            .map_err(|_| Unsealable)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what was sealed for `name`.
    ///
    /// # Errors
    /// [`Unsealable`] for another key, another name, or anything changed.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let (nonce, body) = sealed.split_at_checked(NONCE).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut body = body.to_vec();
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut body)
            .map_err(|_| Unsealable)?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_secret_is_another_under_another_name_or_key() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let mac = sealer.mac("code:1", "123456");
        assert_eq!(mac, Sealer::new(&[1; 32]).unwrap().mac("code:1", "123456"));
        for other in [
            sealer.mac("code:2", "123456"),
            sealer.mac("code:1", "123457"),
            sealer.mac("code:11", "23456"),
            Sealer::new(&[2; 32]).unwrap().mac("code:1", "123456"),
            SecretHash::of("123456"),
        ] {
            assert_ne!(mac, other);
        }
    }

    #[test]
    fn a_sealed_secret_opens_only_under_its_own_name_and_key() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let sealed = sealer.seal("factor:1", b"secret").unwrap();
        assert_eq!(sealer.open("factor:1", &sealed).unwrap(), b"secret");
        assert!(sealer.open("factor:2", &sealed).is_err());
        assert!(Sealer::new(&[2; 32]).unwrap().open("factor:1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer.open("factor:1", &changed).is_err(), "byte {at}");
        }
    }
}
