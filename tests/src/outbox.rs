//! Captured mail.

use serde_json::Value;

use crate::world::World;

impl World {
    /// Everything that was sent to `address` by the first server, newest first.
    pub async fn mails(&self, address: &str) -> Vec<Value> {
        let answer = self.rail().root("GET", "/dev/outbox?format=json").await;
        let mails = answer.expect(200).json();
        let mails = mails.as_array().unwrap().iter();
        mails.filter(|mail| mail["to"] == address).cloned().collect()
    }

    /// The token of the newest link that was sent to `address`.
    ///
    /// # Panics
    /// When there is none.
    pub async fn mailed_token(&self, address: &str) -> String {
        let mails = self.mails(address).await;
        let token = mails.iter().find_map(|mail| token_of(mail["text"].as_str()?));
        token.unwrap_or_else(|| panic!("no link for {address} in {mails:?}"))
    }
}

/// The token of the link in `text`.
#[must_use]
pub fn token_of(text: &str) -> Option<String> {
    let rest = text.split_once("?token=")?.1;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}
