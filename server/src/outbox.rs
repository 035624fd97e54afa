//! Messages that were captured instead of sent, while no transport is set: newest first, and of so
//! many no more.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use jwks::Time;

/// The most messages that are kept.
const LIMIT: usize = 500;

/// A captured message, as the outbox shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Captured {
    /// `mail` or `sms`.
    pub channel: &'static str,
    /// The address or number.
    pub to: String,
    /// One line; "" where there is none.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML; "" where there is none.
    pub html: String,
    /// When it would have left.
    pub sent_at: Time,
}

/// What was captured.
#[derive(Default)]
pub struct Outbox(Mutex<VecDeque<Captured>>);

impl Outbox {
    /// Keeps a message.
    pub fn keep(&self, message: Captured) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(LIMIT - 1);
        kept.push_front(message);
    }

    /// All of it, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Captured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
