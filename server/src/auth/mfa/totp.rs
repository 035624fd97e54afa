//! Time-based one-time passwords (RFC 6238): six digits, 30 seconds, one step of leeway either
//! way. The only file that names totp-rs and the QR encoder.

use base64::{Engine, engine::general_purpose::STANDARD};
use jwks::Time;
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::{
    app::App,
    auth::error::{AuthError, AuthResult},
    clock::random,
    domain::factor::Factor,
};

/// Length of a step, seconds.
pub const STEP: u64 = 30;
const DIGITS: u8 = 6;
const SKEW: u16 = 1;
/// The edge of a QR module, pixels, and the quiet zone around it, modules.
const MODULE: usize = 6;
const QUIET: usize = 4;

/// A new secret, as the person's authenticator takes it.
pub struct NewTotp {
    /// The secret, 160 bits.
    pub secret: Vec<u8>,
    /// The same in base32.
    pub base32: String,
    /// `otpauth://` address.
    pub uri: String,
    /// That address as a QR code: a PNG data URL.
    pub qr_code: String,
}

/// Makes a secret for `account` (a mail address).
///
/// # Errors
/// [`AuthError::Internal`] when an encoder fails.
pub fn generate(app: &App, account: &str) -> AuthResult<NewTotp> {
    describe(app, account, random::<20>().to_vec())
}

/// How `secret` is shown to the person.
///
/// # Errors
/// [`AuthError::Internal`] when an encoder fails.
pub fn describe(app: &App, account: &str, secret: Vec<u8>) -> AuthResult<NewTotp> {
    let issuer = app.issuer.split("://").nth(1).unwrap_or("Signalbox");
    // A colon parts issuer and account in the address, so neither may hold one.
    let issuer = format!("Signalbox ({})", issuer.replace(':', " "));
    let totp = builder(&secret)
        .with_account_name(account.replace(':', " "))
        .with_issuer(Some(issuer))
        .build()
        .map_err(internal)?;
    let uri = totp.to_url().map_err(internal)?;
    let qr_code = qr_png(&uri)?;
    let base32 = Secret::from(secret.clone()).to_base32();
    Ok(NewTotp { secret, base32, uri, qr_code })
}

/// The step whose code `code` is at `now`, if any: one step early to one step late.
#[must_use]
pub fn matching_step(secret: &[u8], code: &str, now: Time) -> Option<u64> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != usize::from(DIGITS) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    totp(secret)?.check(&digits, u64::try_from(now.secs()).ok()?)
}

/// The code of `secret` (base32) at `now`.
#[must_use]
pub fn code_at(base32: &str, now: Time) -> Option<String> {
    let secret = Secret::try_from_base32(base32).ok()?;
    let totp = builder(secret.as_ref()).build().ok()?;
    Some(totp.generate(u64::try_from(now.secs()).ok()?).to_string())
}

/// The name under which a factor's secret is sealed.
#[must_use]
pub fn sealed_name(factor: &Factor) -> String {
    format!("factor:{}", factor.id)
}

fn totp(secret: &[u8]) -> Option<Totp> {
    builder(secret).build().ok()
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW)
        .with_step_duration(STEP)
        .with_secret(secret.to_vec())
}

fn internal(error: impl std::fmt::Display) -> AuthError {
    AuthError::Internal(error.to_string())
}

/// A QR code as a PNG data URL: one bit a pixel.
fn qr_png(text: &str) -> AuthResult<String> {
    let code = qrcode::QrCode::new(text).map_err(internal)?;
    let modules = code.width();
    let colors = code.to_colors();
    let width = (modules + 2 * QUIET) * MODULE;
    let dark = |pixel_x: usize, pixel_y: usize| {
        let (x, y) = (pixel_x / MODULE, pixel_y / MODULE);
        (QUIET..QUIET + modules).contains(&x)
            && (QUIET..QUIET + modules).contains(&y)
            && colors[(y - QUIET) * modules + (x - QUIET)] == qrcode::Color::Dark
    };
    let mut pixels = Vec::with_capacity(width * width.div_ceil(8));
    for y in 0..width {
        for byte in 0..width.div_ceil(8) {
            let bits = (0..8).fold(0u8, |bits, bit| {
                let x = byte * 8 + bit;
                (bits << 1) | u8::from(x >= width || !dark(x, y))
            });
            pixels.push(bits);
        }
    }
    let mut file = Vec::new();
    let side = u32::try_from(width).map_err(internal)?;
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(internal)?;
    writer.write_image_data(&pixels).map_err(internal)?;
    writer.finish().map_err(internal)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, the last six of eight digits.
        let base32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (second, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            assert_eq!(code_at(base32, Time::from_secs(second)).unwrap(), code);
        }
    }

    #[test]
    fn a_code_counts_one_step_early_to_one_step_late_and_blanks_are_ignored() {
        let secret = b"12345678901234567890";
        let at = |second| matching_step(secret, "287 082", Time::from_secs(second));
        assert_eq!(at(59), Some(1));
        assert_eq!(at(0), Some(1));
        assert_eq!(at(89), Some(1));
        assert_eq!(at(90), None);
        assert_eq!(matching_step(secret, "28708", Time::from_secs(59)), None);
        assert_eq!(matching_step(secret, "٢٨٧٠٨٢", Time::from_secs(59)), None);
    }

    #[test]
    fn a_qr_code_is_a_png() {
        let url = qr_png("otpauth://totp/x").unwrap();
        let file = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        assert_eq!(reader.info().width % 6, 0);
    }
}
