//! Verifies `X-Auth-Assertion` with aws-lc-rs, base64 and serde_json.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// What `token` says at `now` (seconds since 1970); `None`: it proves nothing. `keys` is what
/// `/.signalbox/jwks.json` gives; fetch it again, seldom, where it lacks a `kid`.
pub fn verify(token: &str, keys: &Value, issuer: &str, audience: &str, now: i64) -> Option<Value> {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    if header["typ"] != "site-assertion+jwt" || header["alg"] != "EdDSA" || header.get("crit").is_some() {
        return None;
    }
    let is_named = |key: &&Value| key["crv"] == "Ed25519" && key["kid"] == header["kid"];
    let key = keys["keys"].as_array()?.iter().find(is_named)?;
    let key = UnparsedPublicKey::new(&ED25519, decode(key["x"].as_str()?)?);
    key.verify(message.as_bytes(), &decode(signature)?).ok()?;
    let claims: Value = serde_json::from_slice(&decode(claims)?).ok()?;
    let is_ours = claims["iss"] == issuer && claims["aud"] == audience;
    let is_now = claims["exp"].as_i64()? > now && claims["iat"].as_i64()? <= now + 10;
    (is_ours && is_now).then_some(claims)
}
