//! Mail: by SMTP, or kept for the outbox page while no transport is set.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use jwks::Time;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
};

use crate::clock::Clock;

const OUTBOX_LIMIT: usize = 500;

/// A message to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Address.
    pub to: String,
    /// Subject, one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// A captured message, as the outbox shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// `mail`.
    pub channel: &'static str,
    /// The message.
    pub letter: Letter,
    /// When it would have left.
    pub sent_at: Time,
}

/// Why a transport cannot be made of a setting.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {cause}")]
pub struct MailSettingError {
    setting: &'static str,
    cause: String,
}

/// Whether `from` can stand as the sender of a mail.
#[must_use]
pub fn is_sender(from: &str) -> bool {
    from.parse::<Mailbox>().is_ok()
}

enum Transport {
    Capture(Mutex<VecDeque<Captured>>),
    Smtp { smtp: Box<AsyncSmtpTransport<Tokio1Executor>>, from: Mailbox },
}

/// Sends letters. Handing one over never waits for the transport.
#[derive(Clone)]
pub struct Mailer {
    transport: Arc<Transport>,
    clock: Clock,
}

impl Mailer {
    /// The transport that `url` and `from` name (`[mail]`).
    ///
    /// # Errors
    /// [`MailSettingError`] names the setting that cannot be used.
    pub fn new(url: &str, from: &str, clock: Clock) -> Result<Self, MailSettingError> {
        let transport = if url == "capture" {
            Transport::Capture(Mutex::default())
        } else {
            let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                .map_err(|error| MailSettingError {
                    setting: "mail.url",
                    cause: error.to_string(),
                })?
                .build();
            let from = from.parse().map_err(|error: lettre::address::AddressError| {
                MailSettingError { setting: "mail.from", cause: error.to_string() }
            })?;
            Transport::Smtp { smtp: Box::new(smtp), from }
        };
        Ok(Self { transport: Arc::new(transport), clock })
    }

    /// Hands a letter over. It leaves in the background, so that an answer takes the same time
    /// whether or not somebody is written to.
    pub fn send(&self, letter: Letter) {
        match &*self.transport {
            Transport::Capture(outbox) => {
                let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
                outbox.truncate(OUTBOX_LIMIT - 1);
                outbox.push_front(Captured { channel: "mail", letter, sent_at: self.clock.now() });
            }
            Transport::Smtp { .. } => {
                let transport = self.transport.clone();
                tokio::spawn(async move {
                    if let Transport::Smtp { smtp, from } = &*transport
                        && let Err(cause) = deliver(smtp, from, &letter).await
                    {
                        tracing::error!(%cause, "a mail was not accepted by the mail server");
                    }
                });
            }
        }
    }

    /// What was captured, newest first; `None` while mail leaves by SMTP.
    #[must_use]
    pub fn outbox(&self) -> Option<Vec<Captured>> {
        match &*self.transport {
            Transport::Capture(outbox) => Some(
                outbox.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect(),
            ),
            Transport::Smtp { .. } => None,
        }
    }
}

async fn deliver(
    smtp: &AsyncSmtpTransport<Tokio1Executor>,
    from: &Mailbox,
    letter: &Letter,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let message = Message::builder()
        .from(from.clone())
        .to(letter.to.parse()?)
        .subject(&letter.subject)
        .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))?;
    smtp.send(message).await?;
    Ok(())
}
