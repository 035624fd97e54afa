//! Sealing: what must be read again but not by whoever copies the store (rule 33).

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey},
    hmac,
};

use crate::domain::secret::SecretHash;

const NONCE: usize = 12;

/// Seals and opens small secrets with AES-256-GCM-SIV (RFC 8452) under the key of the
/// configuration. Each secret is bound to a name, so that a sealed value is of no use in another
/// row.
pub struct Sealer {
    key: RandomizedNonceKey,
    digests: hmac::Key,
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
        // A key of its own for digests: one key is never used by two algorithms.
        let derived =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"signalbox digests, version 1");
        Ok(Self {
            key: RandomizedNonceKey::new(&AES_256_GCM_SIV, key).map_err(|_| Unsealable)?,
            digests: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        })
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

    /// A digest of `content` for `name` that nobody computes without the key (HMAC-SHA-256): the
    /// content may be something that can be guessed.
    #[must_use]
    pub fn digest(&self, name: &str, content: &[u8]) -> SecretHash {
        let mut context = hmac::Context::with_key(&self.digests);
        context.update(name.as_bytes());
        // No name holds it, so no two pairs run together into one text.
        context.update(&[0]);
        context.update(content);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        SecretHash::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_digest_is_of_its_name_content_and_key() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let digest = sealer.digest("register:key", b"a");
        assert_eq!(sealer.digest("register:key", b"a"), digest);
        assert_ne!(sealer.digest("register:key", b"b"), digest);
        assert_ne!(sealer.digest("register:mark", b"a"), digest);
        assert_ne!(Sealer::new(&[2; 32]).unwrap().digest("register:key", b"a"), digest);
        assert_ne!(SecretHash::of("a"), digest);
    }
}
