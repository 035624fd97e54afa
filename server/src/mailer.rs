//! The last step of a letter: by SMTP, or into the outbox while no transport is set.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use jwks::Time;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{Error as SmtpError, PoolConfig},
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    clock::Clock,
    domain::errand::Letter,
    outbox::{Captured, Outbox},
};

/// How long the mail server may take for one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long a connection waits for the next letter.
const IDLE_LIMIT: Duration = Duration::from_secs(20);
/// Replies that speak of this server's account and not of the letter (RFC 4954 section 6):
/// whoever runs it can put that right.
const ACCOUNT_REPLIES: [&str; 4] = ["530", "534", "535", "538"];

/// Why a transport cannot be made of a setting.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {cause}")]
pub struct MailSettingError {
    setting: &'static str,
    cause: String,
}

/// Why a message has not left. The causes name no address or number, and quote no message.
#[derive(Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// Another try may succeed.
    Later(String),
    /// No other try will.
    Never(String),
}

/// Whether `from` can stand as the sender of a mail.
#[must_use]
pub fn is_sender(from: &str) -> bool {
    from.parse::<Mailbox>().is_ok()
}

enum Transport {
    Capture(Arc<Outbox>),
    Smtp { smtp: Box<AsyncSmtpTransport<Tokio1Executor>>, from: Mailbox },
}

/// Delivers letters, one at a call. Who has a letter to send queues it
/// ([`crate::auth::errands`]); the courier alone delivers.
#[derive(Clone)]
pub struct Mailer {
    transport: Arc<Transport>,
    queued: Arc<Notify>,
    clock: Clock,
}

impl Mailer {
    /// The transport that `url` and `from` name (`[mail]`); what is captured goes into `outbox`.
    ///
    /// # Errors
    /// [`MailSettingError`] names the setting that cannot be used.
    pub fn new(
        url: &str,
        from: &str,
        outbox: &Arc<Outbox>,
        clock: Clock,
    ) -> Result<Self, MailSettingError> {
        let transport = if url == "capture" {
            Transport::Capture(outbox.clone())
        } else {
            let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                .map_err(|error| MailSettingError {
                    setting: "mail.url",
                    cause: error.to_string(),
                })?
                .timeout(Some(ANSWER_LIMIT))
                .pool_config(PoolConfig::new().idle_timeout(IDLE_LIMIT))
                .build();
            let from = from.parse().map_err(|error: lettre::address::AddressError| {
                MailSettingError { setting: "mail.from", cause: error.to_string() }
            })?;
            Transport::Smtp { smtp: Box::new(smtp), from }
        };
        Ok(Self { transport: Arc::new(transport), queued: Arc::default(), clock })
    }

    /// Says that something was queued.
    pub fn wake(&self) {
        self.queued.notify_one();
    }

    /// Waits until something is queued here.
    pub async fn woken(&self) {
        self.queued.notified().await;
    }

    /// Delivers a letter. `id` names it, and two letters of one name are the same one; it was
    /// written at `written_at`.
    ///
    /// # Errors
    /// [`Undelivered`] when it did not leave.
    pub async fn deliver(
        &self,
        id: Uuid,
        written_at: Time,
        letter: &Letter,
    ) -> Result<(), Undelivered> {
        match &*self.transport {
            Transport::Capture(outbox) => {
                outbox.keep(Captured {
                    channel: "mail",
                    to: letter.to.clone(),
                    subject: letter.subject.clone(),
                    text: letter.text.clone(),
                    html: letter.html.clone(),
                    sent_at: self.clock.now(),
                });
                Ok(())
            }
            Transport::Smtp { smtp, from } => {
                let message = compose(from, id, written_at, letter).map_err(Undelivered::Never)?;
                smtp.send(message).await.map(drop).map_err(|error| judge(&error))
            }
        }
    }
}

/// The message (RFC 5322) of a letter: the same bytes at every try, but for the boundary.
fn compose(from: &Mailbox, id: Uuid, written_at: Time, letter: &Letter) -> Result<Message, String> {
    let date = UNIX_EPOCH + written_at.since(Time::from_millis(0));
    let parts = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, recipient(&letter.to)?))
        .subject(&letter.subject)
        .date(date)
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        // No holiday notice answers it (RFC 3834 section 5).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .multipart(parts)
        .map_err(|error| error.to_string())
}

/// An address with its domain in ASCII: few mail servers take another (RFC 6531).
fn recipient(to: &str) -> Result<Address, String> {
    let (user, domain) = to.rsplit_once('@').ok_or("the address has no domain")?;
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| "the address has no domain")?;
    Address::new(user, domain).map_err(|_| "the address cannot be written to".to_owned())
}

/// A reply is told by its code alone: its text may quote the address.
fn judge(error: &SmtpError) -> Undelivered {
    let Some(code) = error.status() else {
        return Undelivered::Later(error.to_string());
    };
    let code = code.to_string();
    let cause = format!("the mail server said {code}");
    if error.is_permanent() && !ACCOUNT_REPLIES.contains(&code.as_str()) {
        Undelivered::Never(cause)
    } else {
        Undelivered::Later(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(to: &str) -> Letter {
        Letter {
            to: to.into(),
            subject: "News\r\nBcc: x@example.com".into(),
            text: "Hello\r\n.\r\nQUIT".into(),
            html: "<p>Hello</p>".into(),
            expires_at: Time::from_secs(0),
        }
    }

    fn composed(to: &str) -> Result<String, String> {
        let from = "Signalbox <signalbox@id.example.com>".parse().unwrap();
        let message = compose(&from, Uuid::nil(), Time::from_secs(784_111_777), &letter(to))?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_letter_bears_its_own_name_and_the_hour_it_was_written() {
        let message = composed("ada@example.com").unwrap();
        let name = "Message-ID: <00000000-0000-0000-0000-000000000000@id.example.com>\r\n";
        assert!(message.contains(name), "{message}");
        assert!(message.contains("Date: Sun, 06 Nov 1994 08:49:37 +0000\r\n"), "{message}");
        assert!(message.contains("Auto-Submitted: auto-generated\r\n"), "{message}");
    }

    #[test]
    fn nothing_in_a_letter_becomes_a_header_or_a_recipient() {
        let message = composed("ada@example.com").unwrap();
        let (headers, _) = message.split_once("\r\n\r\n").unwrap();
        assert!(!headers.to_lowercase().contains("\r\nbcc:"), "{headers}");
        for to in ["ada@example.com\r\nBcc: x@example.com", "a@example.com, b@example.com", "ada"] {
            assert!(composed(to).is_err(), "{to:?}");
        }
    }

    #[test]
    fn a_domain_is_written_in_ascii() {
        let message = composed("ada@B\u{fc}CHER.example").unwrap();
        assert!(message.contains("To: ada@xn--bcher-kva.example\r\n"), "{message}");
    }
}
