//! Secrets of clients: what the store keeps of them.

use crate::{app::App, domain::secret::SecretHash};

/// What is stored of the `secret` of `client_id`: its HMAC under the sealing key. Operators choose
/// secrets that can be guessed; whoever copies the store cannot try guesses against this.
#[must_use]
pub fn secret_mac(app: &App, client_id: &str, secret: &str) -> SecretHash {
    app.sealer.digest(&format!("client-secret:{client_id}"), secret.as_bytes())
}
