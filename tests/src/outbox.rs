//! Captured mail.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{process::until, rail::client, world::World};

/// How long mail may be on its way.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where whoever did not do something says so.
const NOT_ME: &str = "/not-me?token=";
/// How long ago the oldest mail was queued that has not left, seconds.
const OLDEST_AGE: &str = "signalbox_errands_oldest_age_seconds ";

impl World {
    /// Waits until everything that was to be mailed before this call has left, or was given up.
    /// What is not there then was never sent.
    pub async fn mail_has_left(&self) {
        let (rail, asked_at) = (self.rail(), Instant::now());
        // Instants are told to the millisecond.
        until("mail has left", PATIENCE, async || {
            let waited = asked_at.elapsed();
            let figures = rail.root("GET", "/metrics").await.text;
            let age = figures.lines().find_map(|line| line.strip_prefix(OLDEST_AGE));
            let age: f64 = age.expect("the age of the oldest mail").parse().unwrap();
            (age + 0.002 < waited.as_secs_f64()).then_some(())
        })
        .await;
    }

    /// Everything that was sent to `address` before this call, newest first.
    pub async fn mails(&self, address: &str) -> Vec<Value> {
        self.mail_has_left().await;
        let mut mails = Vec::new();
        // Whichever server was faster has captured it; one that is down has lost what it had.
        for number in 0..self.server_count() {
            let outbox = format!("{}/dev/outbox?format=json", self.rail_of(number).address());
            let Ok(answer) = client().get(outbox).send().await else { continue };
            let captured: Vec<Value> = answer.json().await.unwrap();
            mails.extend(captured.into_iter().filter(|mail| mail["to"] == address));
        }
        mails.sort_by_cached_key(|mail| std::cmp::Reverse(sent_at(mail)));
        mails
    }

    /// The token of the newest link that was sent to `address` for something that was asked for.
    ///
    /// # Panics
    /// When there is none.
    pub async fn mailed_token(&self, address: &str) -> String {
        let mails = self.mails(address).await;
        let asked_for = mails.iter().filter_map(|mail| mail["text"].as_str());
        let token = asked_for.filter(|text| !text.contains(NOT_ME)).find_map(token_of);
        token.unwrap_or_else(|| panic!("no link for {address} in {mails:?}"))
    }

    /// The tokens of the links by which the owner of `address` says that something was not them,
    /// in letters whose subject contains `subject`, newest first.
    pub async fn denials(&self, address: &str, subject: &str) -> Vec<String> {
        let mails = self.mails(address).await;
        let told = mails.iter().filter(|mail| mail["subject"].as_str().unwrap().contains(subject));
        let texts = told.filter_map(|mail| mail["text"].as_str());
        texts.filter(|text| text.contains(NOT_ME)).filter_map(token_of).collect()
    }

    /// The newest of them.
    ///
    /// # Panics
    /// When there is none.
    pub async fn denial(&self, address: &str, subject: &str) -> String {
        let tokens = self.denials(address, subject).await;
        let newest = tokens.into_iter().next();
        newest.unwrap_or_else(|| panic!("nobody told {address} of `{subject}`"))
    }
}

impl World {
    /// The newest code that was sent to `address`.
    ///
    /// # Panics
    /// When there is none.
    pub async fn mailed_code(&self, address: &str) -> String {
        let mails = self.mails(address).await;
        let code = mails.iter().find_map(|mail| code_in(mail["text"].as_str()?));
        code.unwrap_or_else(|| panic!("no code for {address} in {mails:?}"))
    }
}

/// The six digits in `text`.
#[must_use]
pub fn code_in(text: &str) -> Option<String> {
    let mut runs = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_code = |run: &&str| run.len() == 6 && run.bytes().all(|byte| byte.is_ascii_digit());
    runs.find(is_code).map(str::to_owned)
}

/// When a mail left, so that the text of a later one is greater.
fn sent_at(mail: &Value) -> String {
    let text = mail["sentAt"].as_str().unwrap().trim_end_matches('Z');
    let (secs, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{secs}.{fraction:0<9}")
}

/// The token of the link in `text`.
#[must_use]
pub fn token_of(text: &str) -> Option<String> {
    let rest = text.split_once("?token=")?.1;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}
